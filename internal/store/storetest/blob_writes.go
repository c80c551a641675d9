package storetest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"rcpt/internal/store"
)

func (t *blobTest) wantRefused(name, content string, opts ...store.PutOption) {
	t.Helper()
	if _, err := t.Put(t.Context(), name, strings.NewReader(content), opts...); !errors.Is(err, store.ErrCondition) {
		t.Errorf("Put %q under %+v: got %v, want ErrCondition", name, opts, err)
	}
}

func blobOnce(t *blobTest) {
	t.put("a", "first", store.Once())
	t.wantRefused("a", "second", store.Once())
	t.want("a", "first")
	if err := t.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	t.put("a", "third", store.Once())
	t.want("a", "third")
}

func blobMatch(t *blobTest) {
	one := t.put("a", "one").Version
	two := t.put("a", "two", store.Match(one)).Version
	t.wantRefused("a", "three", store.Match(one))
	t.want("a", "two")
	t.put("a", "three", store.Match(two))
	t.want("a", "three")
	t.wantRefused("nothing", "x", store.Match(two))
	t.wantNothing("nothing")
}

func blobOnceRace(t *blobTest) {
	var won atomic.Int64
	var winner atomic.Value
	together(16, func(i int) {
		content := fmt.Sprint("writer ", i)
		switch _, err := t.Put(t.Context(), "a", strings.NewReader(content), store.Once()); {
		case err == nil:
			won.Add(1)
			winner.Store(content)
		case !errors.Is(err, store.ErrCondition):
			t.Errorf("Put: %v", err)
		}
	})
	if won.Load() != 1 {
		t.Fatalf("%d of 16 put once", won.Load())
	}
	t.want("a", winner.Load().(string))
}

func blobMatchRace(t *blobTest) {
	t.put("count", "")
	const writers, each = 4, 5
	together(writers, func(int) {
		for done := 0; done < each; {
			r, info, err := t.Open(t.Context(), "count", 0, -1, "")
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			content, err := io.ReadAll(r)
			_ = r.Close()
			if err != nil {
				continue // replaced while it was read
			}
			switch _, err := t.Put(t.Context(), "count", strings.NewReader(string(content)+"x"), store.Match(info.Version)); {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrCondition):
				t.Errorf("Put: %v", err)
				return
			}
		}
	})
	t.want("count", strings.Repeat("x", writers*each))
}

func blobNoHalves(t *blobTest) {
	content := func(i int) string { return strings.Repeat(fmt.Sprint(i%10), 1000*(1+i%7)) }
	t.put("a", content(0))
	together(4, func(worker int) {
		for i := range 20 {
			if worker == 0 {
				t.put("a", content(i))
				continue
			}
			r, info, err := t.Open(t.Context(), "a", 0, -1, "")
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			got, err := io.ReadAll(r)
			_ = r.Close()
			if err == nil && (int64(len(got)) != info.Size || strings.Trim(string(got), string(got[:1])) != "") {
				t.Errorf("got %d octets of %d, of more than one Put", len(got), info.Size)
			}
		}
	})
}
