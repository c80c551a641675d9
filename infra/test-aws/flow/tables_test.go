package flow

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// table is a list as customers have it, with columns of their own.
const table = "name;email;note\nAda;alice@ok.test;=1+1\nBob;bob@ok.test;\nCid;nobody@ok.test;\"a;b\"\nAda;alice@ok.test;again\nEve;eve@catchall.test;\n"

func tableRows() []row {
	return []row{
		{"alice@ok.test", "VALID", "smtp_verified"},
		{"bob@ok.test", "VALID", "smtp_verified"},
		{"nobody@ok.test", "INVALID", "mailbox_not_found"},
		{"alice@ok.test", "VALID", "smtp_verified"},
		{"eve@catchall.test", "CATCH_ALL", "catch_all"},
	}
}

func goesByUpload(t *testing.T, o owner) {
	var upload struct {
		ID     string            `json:"upload_id"`
		URL    string            `json:"url"`
		Method string            `json:"method"`
		Fields map[string]string `json:"fields"`
	}
	r := must(t, o.w.jobs, "POST", "/v1/uploads", o.secret, fmt.Sprintf(`{"filename":"customers.csv","size":%d}`, len(table)), 201)
	if err := json.Unmarshal(r.body, &upload); err != nil {
		t.Fatal(err)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	for name, value := range upload.Fields {
		_ = parts.WriteField(name, value) // into memory
	}
	file, err := parts.CreateFormFile("file", "customers.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte(table))
	_ = parts.Close()
	request, err := http.NewRequestWithContext(t.Context(), upload.Method, upload.URL, &form)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", parts.FormDataContentType())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		t.Fatalf("upload: %s", answer.Status)
	}

	j := o.submit(t, map[string]any{"upload_id": upload.ID, "deadline": "2m"}, nil)
	j = o.ended(t, j.ID, "completed")
	if got := o.rows(t, j); !reflect.DeepEqual(got, tableRows()) {
		t.Errorf("results: got %v", got)
	}
	o.counted(t, 4)
	sheet := must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID+"/results?format=csv", o.secret, "", 200)
	isSheet(t, sheet.body)
	only := must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID+"/results?format=jsonl&status=INVALID", o.secret, "", 200)
	if strings.Count(string(only.body), "\n") != 1 || !strings.Contains(string(only.body), "nobody@ok.test") {
		t.Errorf("INVALID alone: %s", only.body)
	}
	o.isForgotten(t, j, upload.ID)
}

// isForgotten takes the last step of a job, for which nobody waits that long: the
// list and the results are gone.
func (o owner) isForgotten(t *testing.T, j job, upload string) {
	t.Helper()
	if before := o.w.names(t, "uploads/"); !strings.Contains(strings.Join(before, " "), upload) || len(o.w.names(t, "jobs/"+j.ID)) == 0 {
		t.Errorf("before the end the bucket holds %v", before)
	}
	result, err := o.w.function("collector").Invoke(t.Context(), []byte(`{"step":"forget","job":"`+j.ID+`"}`))
	if err != nil || result.Failed {
		t.Fatalf("forget: %s, %v", result.Payload, err)
	}
	if left := append(o.w.names(t, "jobs/"+j.ID), o.w.names(t, "uploads/")...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID, o.secret, "", 404)
}

// isSheet looks whether the customer's columns are there, defused, beside ours.
func isSheet(t *testing.T, body []byte) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil || len(records) != 1+len(tableRows()) {
		t.Fatalf("CSV of %d lines, %v:\n%s", len(records), err, body)
	}
	status := slices.Index(records[0], "status")
	if !slices.Equal(records[0][:3], []string{"name", "email", "note"}) || status < 0 {
		t.Fatalf("columns: %v", records[0])
	}
	for i, want := range tableRows() {
		if got := records[1+i]; got[1] != want.Email || got[status] != string(want.Status) {
			t.Errorf("line %d: %v", i, got)
		}
	}
	if note := records[1][2]; strings.HasPrefix(note, "=") || !strings.Contains(note, "=1+1") {
		t.Errorf("the formula became %q", note)
	}
}

func goesByDropFolder(t *testing.T, o owner) {
	name := "drop/" + o.id + "/customers of 2026.csv"
	_, err := o.w.files().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &o.w.bucket, Key: &name, Body: strings.NewReader(table)})
	if err != nil {
		t.Fatal(err)
	}
	results := "results/" + o.id + "/customers of 2026.csv"
	eventually(t, "summary of the dropped file", 5*time.Minute, func() bool {
		return slices.Contains(o.w.names(t, results), results+".summary.json")
	})
	isSheet(t, o.w.read(t, results+".csv"))
	if lines := o.w.read(t, results+".jsonl"); bytes.Count(lines, []byte("\n")) != len(tableRows()) {
		t.Errorf("JSONL: %s", lines)
	}
	var summary struct {
		Status string `json:"status"`
		Total  int    `json:"total"`
	}
	if err := json.Unmarshal(o.w.read(t, results+".summary.json"), &summary); err != nil || summary.Status != "completed" || summary.Total != len(tableRows()) {
		t.Errorf("summary: %+v, %v", summary, err)
	}
	var list struct{ Jobs []job }
	r := must(t, o.w.jobs, "GET", "/v1/jobs", o.secret, "", 200)
	if err := json.Unmarshal(r.body, &list); err != nil || len(list.Jobs) != 1 {
		t.Errorf("the file is not one job: %s", r.body)
	}
	o.counted(t, 4)
}

// read returns a file of the bucket.
func (s *stack) read(t *testing.T, name string) []byte {
	t.Helper()
	object, err := s.files().GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &s.bucket, Key: &name})
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	defer func() { _ = object.Body.Close() }()
	var all bytes.Buffer
	if _, err := all.ReadFrom(object.Body); err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}
