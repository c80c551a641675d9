package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// folderToWrite names the folder in which this test binary, started again as a
// child, writes until it is killed.
const folderToWrite = "RCPT_TEST_FOLDER"

// folderToPut is the same for a child that puts blobs.
const folderToPut = "RCPT_TEST_BLOBS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(folderToWrite); dir != "" {
		fmt.Println(writeForever(dir, os.Getenv("RCPT_TEST_ROUND")))
		os.Exit(1)
	}
	if dir := os.Getenv(folderToPut); dir != "" {
		fmt.Println(putForever(dir, os.Getenv("RCPT_TEST_ROUND")))
		os.Exit(1)
	}
	if dir := os.Getenv(folderToWork); dir != "" {
		fmt.Println(workForever(dir, os.Getenv("RCPT_TEST_ROUND")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever prints the sort key of each write once it is acknowledged.
func writeForever(dir, round string) error {
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		return err
	}
	var out sync.Mutex
	failed := make(chan error)
	for worker := range 8 {
		go func() {
			for n := 0; ; n++ {
				sort := fmt.Sprintf("%s-%d-%d", round, worker, n)
				if err := writeOne(db, sort, n); err != nil {
					failed <- err
				}
				out.Lock()
				_, err := os.Stdout.WriteString("ok " + sort + "\n")
				out.Unlock()
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// writeOne writes an item to each table in one of three ways, and counts it.
func writeOne(db *embedded.DB, sort string, n int) error {
	ctx := context.Background()
	item := store.Item{Key: store.Key{Part: "p", Sort: sort}, Attrs: store.Attrs{"text": strings.Repeat(sort, 1+n%20)}}
	for _, table := range []store.Table{db.Control(), db.Cache()} {
		var err error
		switch n % 3 {
		case 0:
			err = table.Put(ctx, item, store.Absent())
		case 1:
			_, err = table.Update(ctx, store.Update{Key: item.Key, Set: item.Attrs})
		default:
			err = table.BatchPut(ctx, []store.Item{item})
		}
		if err != nil {
			return err
		}
	}
	return db.Control().Transact(ctx, []store.Op{
		store.PutOp(store.Item{Key: store.Key{Part: "seen", Sort: sort}}, store.Absent()),
		store.UpdateOp(store.Update{Key: store.Key{Part: "count"}, Add: map[string]int64{"n": 1}}),
	})
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 5 {
		got := killedWriter(t, dir, fmt.Sprint(round), 100+150*round)
		acknowledged = append(acknowledged, got...)
		checkFolder(t, dir, acknowledged)
	}
}

// killedWriter starts the child, kills it after so many acknowledged writes, and
// returns all that it printed.
func killedWriter(t *testing.T, dir, round string, writes int) (acknowledged []string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), folderToWrite+"="+dir, "RCPT_TEST_ROUND="+round)
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
		sort, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ok ")
		if !ok {
			t.Fatalf("child: %s", line)
		}
		acknowledged = append(acknowledged, sort)
		if len(acknowledged) == writes {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(acknowledged) < writes {
		t.Fatalf("child ended by itself after %d writes: %v", len(acknowledged), err)
	}
	return acknowledged
}

func checkFolder(t *testing.T, dir string, acknowledged []string) {
	t.Helper()
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatalf("Open after kill: %v", err)
	}
	if moved := db.CacheMoved(); moved != "" {
		t.Errorf("cache was damaged: %s", moved)
	}
	keys := make([]store.Key, len(acknowledged))
	for i, sort := range acknowledged {
		keys[i] = store.Key{Part: "p", Sort: sort}
	}
	for name, table := range map[string]store.Table{"control": db.Control(), "cache": db.Cache()} {
		found, err := table.BatchGet(t.Context(), keys)
		if err != nil || len(found) != len(keys) {
			t.Errorf("%s: got %d items, %v, want %d", name, len(found), err, len(keys))
		}
		for _, item := range found {
			if !strings.HasPrefix(item.Str("text"), item.Key.Sort) {
				t.Errorf("%s: item %q holds %q", name, item.Key.Sort, item.Str("text"))
			}
		}
	}
	counter, err := db.Control().Get(t.Context(), store.Key{Part: "count"})
	if err != nil {
		t.Fatal(err)
	}
	markers := countItems(t, db.Control(), "seen")
	if n := counter.Int("n"); n != int64(markers) || markers < len(acknowledged) {
		t.Errorf("counter at %d with %d markers and %d acknowledged", n, markers, len(acknowledged))
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func countItems(t *testing.T, table store.Table, part string) (n int) {
	t.Helper()
	for query := (store.Query{Part: part}); ; {
		page, err := table.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Items)
		if query.After = page.Next; query.After == "" {
			return n
		}
	}
}
