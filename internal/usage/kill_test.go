package usage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/embedded"
)

// folderToUse names the folder in which this test binary, started again as a
// child, admits requests until it is killed or the quota is used up.
const (
	folderToUse = "RCPT_TEST_FOLDER"
	roundToPlay = "RCPT_TEST_ROUND"
)

const (
	killQuota   = 2_000
	killClients = 64
	kills       = 20
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(folderToUse); dir != "" {
		round, err := strconv.Atoi(os.Getenv(roundToPlay))
		if err == nil {
			err = useUp(dir, round)
		}
		fmt.Println("end", err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// roundStart is what a child's clock shows first: the terms of the child before
// have ended, as if it had been started again half a minute later.
func roundStart(round int) time.Time { return noon.Add(time.Duration(round) * (term + time.Second)) }

// useUp prints a line for each request once it is admitted, and another one once
// it is done. It returns when the quota is used up.
func useUp(dir string, round int) error {
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		return err
	}
	began := time.Now()
	m := NewMeter(db.Control(), func() time.Time { return roundStart(round).Add(time.Since(began)) }, nil)
	var out sync.Mutex
	say := func(line string) {
		out.Lock()
		defer out.Unlock()
		_, _ = os.Stdout.WriteString(line + "\n")
	}
	failed := make(chan error, killClients)
	for range killClients {
		go func() {
			for {
				ticket, err := m.Admit(context.Background(), "k1", Limits{Monthly: killQuota, Concurrency: killClients})
				if err != nil {
					failed <- err
					return
				}
				say("admitted")
				if err := ticket.Done(context.Background(), valid); err != nil {
					failed <- err
					return
				}
				say("done")
			}
		}()
	}
	for range killClients {
		if err := <-failed; !errors.Is(err, ErrQuota) {
			return err
		}
	}
	return db.Close()
}

// Nothing that is granted is ever more than the quota, and what a killed process
// leaves behind is at most what it had in flight.
func TestKillLosesAtMostWhatIsInFlight(t *testing.T) {
	dir := t.TempDir()
	admitted, done := 0, 0
	for round := range kills {
		a, d, end := play(t, dir, round, 1+rand.IntN(90))
		if end != "" {
			t.Fatalf("round %d ended by itself: %s", round, end)
		}
		admitted, done = admitted+a, done+d
		checkBooks(t, dir, round+1, admitted, done)
	}
	killed := admitted
	a, d, end := play(t, dir, kills, -1)
	if end != "end <nil>" {
		t.Errorf("last round: got %q, want an end without error", end)
	}
	admitted, done = admitted+a, done+d
	if admitted > killQuota || admitted < killQuota-kills*killClients {
		t.Errorf("got %d granted, want at most %d and at least %d", admitted, killQuota, killQuota-kills*killClients)
	}
	checkBooks(t, dir, kills+1, admitted, done)
	t.Logf("%d granted, %d of them until the last kill; %d lost in %d kills", admitted, killed, killQuota-admitted, kills)
}

// play starts a child and kills it after so many admissions.
func play(t *testing.T, dir string, round, admissions int) (admitted, done int, end string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), folderToUse+"="+dir, roundToPlay+"="+strconv.Itoa(round))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // the last line may be cut
		}
		if err != nil {
			t.Fatal(err)
		}
		switch line = strings.TrimSpace(line); line {
		case "admitted":
			admitted++
		case "done":
			done++
		default:
			end = line
		}
		if line == "admitted" && admitted == admissions {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed, or at its end
	return admitted, done, end
}

// checkBooks compares the item with what the children said, and takes all slots
// after the terms have ended.
func checkBooks(t *testing.T, dir string, rounds, admitted, done int) {
	t.Helper()
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	item := itemOf(t, db.Control())
	lost := int(item.Int("m2026-11")) - admitted
	if lost < 0 || lost > rounds*killClients || item.Int("m2026-11") > killQuota {
		t.Errorf("round %d: %d counted, %d granted", rounds, item.Int("m2026-11"), admitted)
	}
	if n := int(item.Int("2026-11-22/full/VALID")); n < done || n > admitted+lost {
		t.Errorf("round %d: %d checks counted, %d done of %d granted", rounds, n, done, admitted)
	}
	m := NewMeter(db.Control(), func() time.Time { return roundStart(rounds) }, nil)
	var tickets [killClients]*Ticket
	var taken atomic.Int64
	atOnce(t, killClients, func(i int) (err error) {
		if tickets[i], err = m.Admit(t.Context(), "k1", Limits{Concurrency: killClients}); err == nil {
			taken.Add(1)
		}
		return err
	})
	if taken.Load() != killClients {
		t.Fatalf("round %d: got %d slots free again, want %d", rounds, taken.Load(), killClients)
	}
	atOnce(t, killClients, func(i int) error { return tickets[i].Cancel(t.Context()) })
}
