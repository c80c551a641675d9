package vendordouble

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// broken plays what is wrong with the way to the vendor, the same for all. It
// reports whether the request is answered by that. Keys are checked as if all
// were well, but for the ones that never answer, so that they can be stored.
func (d *Double) broken(w http.ResponseWriter, r *http.Request, q question) bool {
	if q.balance {
		return false
	}
	switch q.mood {
	case "slow":
		wait(r.Context(), d.options.Slow)
	case "delay":
		wait(r.Context(), time.Duration(q.number)*time.Millisecond)
	case "hang":
		<-r.Context().Done()
		return true
	case "down":
		reply(w, http.StatusInternalServerError, map[string]any{"error": "internal"})
		return true
	case "html":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><html><body><h1>Just a moment</h1></body></html>")
		return true
	case "cut":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"success","result":"ok","data":{"status":"val`)
		return true
	case "huge":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"safe","result":"ok","padding":"`+strings.Repeat("x", 10<<20)+`"}`)
		return true
	case "redirect":
		http.Redirect(w, r, "http://elsewhere.example/?"+r.URL.RawQuery, http.StatusFound)
		return true
	case "retry":
		w.Header().Set("Retry-After", strconv.Itoa(q.number))
		reply(w, http.StatusTooManyRequests, map[string]any{"error": "Rate limit exceeded"})
		return true
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}
