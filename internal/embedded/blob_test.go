package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// openBlobs opens a folder whose links can be followed.
func openBlobs(t *testing.T, dir string, opts embedded.Options) store.Blob {
	t.Helper()
	var links http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { links.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	opts.BlobURL = func() string { return server.URL + "/blob" }
	db := mustOpen(t, dir, opts)
	links = db.BlobLinks()
	return db.Blob()
}

func TestBlobContract(t *testing.T) {
	storetest.Blob(t, func(t *testing.T) store.Blob { return openBlobs(t, t.TempDir(), embedded.Options{}) })
}

func TestBlobLinksEnd(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	blob := openBlobs(t, dir, embedded.Options{Now: clock.Now})
	get, err := blob.LinkGet(t.Context(), "a", "a.csv", time.Minute)
	put, putErr := blob.LinkPut(t.Context(), "a", 10, time.Minute)
	if err = errors.Join(err, putErr); err != nil {
		t.Fatal(err)
	}
	status := func(method, url string) int {
		r, err := http.NewRequest(method, url, strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for _, c := range []struct {
		wait           time.Duration
		putWant, wants int
	}{{0, 200, 200}, {time.Minute, 200, 200}, {time.Second, 403, 403}} {
		clock.Advance(c.wait)
		if got := status(http.MethodPut, put.URL); got != c.putWant {
			t.Errorf("PUT at %v: %d, want %d", clock.Now(), got, c.putWant)
		}
		if got := status(http.MethodGet, get); got != c.wants {
			t.Errorf("GET at %v: %d, want %d", clock.Now(), got, c.wants)
		}
	}
	for _, change := range []struct{ old, new string }{
		{"size=10", "size=1000000"}, {"expires=", "expires=9"}, {"signature=", "signature=A"}, {"action=put", "action=get"},
	} {
		if got := status(http.MethodPut, strings.Replace(put.URL, change.old, change.new, 1)); got != http.StatusForbidden {
			t.Errorf("PUT with %s: %d, want 403", change.new, got)
		}
	}
}

func TestBlobWithoutURLMakesNoLinks(t *testing.T) {
	blob := mustOpen(t, t.TempDir(), embedded.Options{}).Blob()
	if link, err := blob.LinkGet(t.Context(), "a", "a", time.Minute); err == nil {
		t.Errorf("LinkGet = %q", link)
	}
}

func TestBlobsOfKilledWritersAreSweptAway(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir, embedded.Options{})
	_ = db
	old, young := filepath.Join(dir, "blob", ".new", "put-1"), filepath.Join(dir, "blob", ".new", "put-2")
	past := time.Now().Add(-25 * time.Hour)
	err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(young, nil, 0o600), os.Chtimes(old, past, past))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.OpenBlobs(filepath.Join(dir, "blob")); err != nil {
		t.Fatal(err)
	}
	_, oldErr := os.Stat(old)
	_, youngErr := os.Stat(young)
	if !errors.Is(oldErr, os.ErrNotExist) || youngErr != nil {
		t.Errorf("old file: %v, young file: %v", oldErr, youngErr)
	}
}

// putForever puts blobs until it is killed, and prints each once it is
// acknowledged: new ones, and one that all workers replace.
func putForever(dir, round string) error {
	blob, err := embedded.OpenBlobs(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("r%s/w%d/%d", round, worker, n)
				content := strings.Repeat(name+"\n", 1+n%5000)
				_, err := blob.Put(context.Background(), name, strings.NewReader(content), store.Once())
				if err == nil {
					_, err = blob.Put(context.Background(), "shared", strings.NewReader(content))
				}
				if err == nil {
					_, err = os.Stdout.WriteString("ok " + name + "\n")
				}
				if err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func TestKillLosesNoBlobAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blob")
	blob, err := embedded.OpenBlobs(dir)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		names := killedPutters(t, dir, fmt.Sprint(round), 30+40*round)
		for _, name := range names {
			if content := readBlob(t, blob, name); content == "" || strings.Trim(strings.ReplaceAll(content, name+"\n", ""), "\n") != "" {
				t.Errorf("%s holds %.60q", name, content)
			}
		}
		first, _, _ := strings.Cut(readBlob(t, blob, "shared"), "\n")
		if content := readBlob(t, blob, "shared"); strings.ReplaceAll(content, first+"\n", "") != "" || first == "" {
			t.Errorf("shared holds a mixture that begins with %.60q", content)
		}
	}
	if page, err := blob.List(t.Context(), "", "", 1000); err != nil || len(page.Blobs) < 100 {
		t.Errorf("List has %d blobs, %v", len(page.Blobs), err)
	}
}

func readBlob(t *testing.T, blob store.Blob, name string) string {
	t.Helper()
	r, _, err := blob.Open(t.Context(), name, 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// killedPutters starts two processes that share the folder, kills them after so
// many acknowledged writes of the first, and returns what it printed.
func killedPutters(t *testing.T, dir, round string, writes int) (acknowledged []string) {
	t.Helper()
	start := func(round string) (*exec.Cmd, io.Reader) {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), folderToPut+"="+dir, "RCPT_TEST_ROUND="+round)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		return child, out
	}
	child, out := start(round)
	other, rest := start(round + "b")
	go func() { _, _ = io.Copy(io.Discard, rest) }()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		name, ok := strings.CutPrefix(lines.Text(), "ok ")
		if !ok {
			t.Fatalf("child: %s", lines.Text())
		}
		if acknowledged = append(acknowledged, name); len(acknowledged) == writes {
			if err := errors.Join(child.Process.Kill(), other.Process.Kill()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if first, second := child.Wait(), other.Wait(); first == nil || second == nil || len(acknowledged) < writes {
		t.Fatalf("a child ended by itself after %d writes: %v, %v", len(acknowledged), first, second)
	}
	return acknowledged
}
