package storetest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"rcpt/internal/store"
)

// follow sends a request and returns status and body.
func (t *blobTest) follow(r *http.Request, err error) (*http.Response, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func blobLinkGet(t *blobTest) {
	for _, filename := range []string{"results.csv", "Prüfung \"1\"; a.csv"} {
		link, err := t.LinkGet(t.Context(), "a b/ü?.csv", filename, time.Hour) // before the blob is there
		if err != nil {
			t.Fatal(err)
		}
		t.put("a b/ü?.csv", "content")
		answer, body := t.follow(http.NewRequest(http.MethodGet, link, nil))
		if answer.StatusCode != http.StatusOK || body != "content" {
			t.Errorf("GET: %s, %q", answer.Status, body)
		}
		kind, params, err := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || params["filename"] != filename {
			t.Errorf("Content-Disposition is %q, %v, want an attachment of name %q", answer.Header.Get("Content-Disposition"), err, filename)
		}
		if err := t.Delete(t.Context(), "a b/ü?.csv"); err != nil {
			t.Fatal(err)
		}
		if answer, _ := t.follow(http.NewRequest(http.MethodGet, link, nil)); answer.StatusCode < 400 {
			t.Errorf("GET of nothing: %s", answer.Status)
		}
	}
}

// upload does what an UploadLink says.
func (t *blobTest) upload(link store.UploadLink, content string) (*http.Response, string) {
	t.Helper()
	if link.Method == http.MethodPut {
		r, err := http.NewRequest(http.MethodPut, link.URL, strings.NewReader(content))
		for name, value := range link.Fields {
			r.Header.Set(name, value)
		}
		return t.follow(r, err)
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, value := range link.Fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("file", "file")
	if err == nil {
		_, err = file.Write([]byte(content))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(link.Method, link.URL, &form)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return t.follow(r, err)
}

func blobLinkPut(t *blobTest) {
	begin := time.Now().Add(-time.Minute)
	link, err := t.LinkPut(t.Context(), "in/a b.csv", 100, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if link.Method != http.MethodPut && link.Method != http.MethodPost || link.Expires.Before(begin) || link.Expires.Location() != time.UTC {
		t.Errorf("link is %+v", link)
	}
	t.wantNothing("in/a b.csv")
	content := strings.Repeat("x", 100)
	if answer, body := t.upload(link, content); answer.StatusCode >= 300 {
		t.Errorf("upload: %s, %s", answer.Status, body)
	}
	t.want("in/a b.csv", content)
}

func blobLinkPutSize(t *blobTest) {
	link, err := t.LinkPut(t.Context(), "in", 100, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := t.upload(link, strings.Repeat("x", 101)); answer.StatusCode < 400 {
		t.Errorf("upload of one octet more: %s", answer.Status)
	}
	t.wantNothing("in")
}

func blobLinkForged(t *blobTest) {
	t.put("mine", "x")
	t.put("other", "secret")
	link, err := t.LinkGet(t.Context(), "mine", "file", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.ReplaceAll(link, "mine", "other")
	if forged == link {
		t.Fatalf("the link does not name the blob: %s", link)
	}
	if answer, body := t.follow(http.NewRequest(http.MethodGet, forged, nil)); answer.StatusCode < 400 || strings.Contains(body, "secret") {
		t.Errorf("GET of another blob: %s, %q", answer.Status, body)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		if answer, _ := t.follow(http.NewRequest(method, link, strings.NewReader("y"))); answer.StatusCode < 400 {
			t.Errorf("%s of a link to read: %s", method, answer.Status)
		}
	}
	t.want("mine", "x")
}

func blobLinkLife(t *blobTest) {
	for _, ttl := range []time.Duration{0, -time.Second, store.MaxPresign + time.Second} {
		_, get := t.LinkGet(t.Context(), "a", "file", ttl)
		_, put := t.LinkPut(t.Context(), "a", 1, ttl)
		for call, err := range map[string]error{"LinkGet": get, "LinkPut": put} {
			if !errors.Is(err, store.ErrValue) && !errors.Is(err, store.ErrLimit) {
				t.Errorf("%s for %v: got %v, want ErrValue or ErrLimit", call, ttl, err)
			}
		}
	}
}
