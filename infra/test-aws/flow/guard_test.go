package flow

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// guard stands between a function and the stand-ins and lets through what the
// function's role in template.yaml allows. All else is refused as AWS refuses it,
// and fails the test, because functions may bear what a deployment must not have.
// So is what is not there told from what may not be looked for: S3 answers 403
// where names may not be listed ("HeadObject", API Reference).
type guard struct {
	s        *stack
	function string
	role     role
	pass     map[bool]*httputil.ReverseProxy // to DynamoDB, or to all else

	mu      sync.Mutex
	refused map[string]bool
}

// guarded returns the settings of a function of the stack with a guard before it.
// Where a test has put something of its own between, there is none.
func (s *stack) guarded(function string) []string {
	s.t.Helper()
	if slices.ContainsFunc(s.env, func(setting string) bool {
		return strings.HasPrefix(setting, "AWS_ENDPOINT_URL") && setting != "AWS_ENDPOINT_URL="+*s.moto.BaseEndpoint &&
			setting != "AWS_ENDPOINT_URL_DYNAMODB="+*s.dynamo.BaseEndpoint
	}) {
		return s.env
	}
	g := &guard{s: s, function: function, role: roleOf(s.t, function), refused: make(map[string]bool)}
	g.pass = map[bool]*httputil.ReverseProxy{true: g.way(*s.dynamo.BaseEndpoint), false: g.way(*s.moto.BaseEndpoint)}
	server := httptest.NewServer(g)
	s.t.Cleanup(server.Close)
	return append(slices.Clone(s.env), "AWS_ENDPOINT_URL="+server.URL, "AWS_ENDPOINT_URL_DYNAMODB="+server.URL)
}

func (g *guard) way(endpoint string) *httputil.ReverseProxy {
	target, err := url.Parse(endpoint)
	if err != nil {
		g.s.t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // a connection that broke
	}
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	needs, err := g.s.needs(r, body)
	if err != nil {
		g.refuse(w, fmt.Sprintf("%s %s %s: %v", r.Method, r.URL, r.Header.Get("X-Amz-Target"), err))
		return
	}
	for _, n := range needs {
		if !g.role.allows(n) {
			g.refuse(w, n.String())
			return
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	target := r.Header.Get("X-Amz-Target")
	if target != "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		g.pass[strings.HasPrefix(target, "DynamoDB_")].ServeHTTP(w, r)
		return
	}
	g.pass[false].ServeHTTP(&hiding{ResponseWriter: w, g: g, name: g.s.nameOf(r)}, r)
}

func (g *guard) refuse(w http.ResponseWriter, what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.refused[what] {
		g.refused[what] = true
		g.s.t.Errorf("%s may not: %s", g.function, what)
	}
	w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"not allowed by the role of the function"}`)
}

// hiding makes a file that is not there one that may not be looked for, where the
// role does not list its name.
type hiding struct {
	http.ResponseWriter
	g    *guard
	name string
}

func (h *hiding) WriteHeader(status int) {
	if n := (need{action: "s3:ListBucket", resource: "Bucket", prefix: h.name}); status == http.StatusNotFound && !h.g.role.allows(n) {
		h.g.s.t.Errorf("%s finds %s forbidden, not missing: it may not %v", h.g.function, h.name, n)
		status = http.StatusForbidden
	}
	h.ResponseWriter.WriteHeader(status)
}

// needs is what a request must be allowed ("Service Authorization Reference").
func (s *stack) needs(r *http.Request, body []byte) ([]need, error) {
	service, action, named := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !named {
		return s.fileNeeds(r, body)
	}
	var in struct {
		TableName, QueueUrl, KeyId    string
		RequestItems                  map[string]json.RawMessage
		TransactItems                 []map[string]struct{ TableName string }
		EncryptionContext             map[string]string
		StateMachineArn, ExecutionArn string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	switch {
	case action == "TransactWriteItems":
		return s.transactNeeds(in.TransactItems), nil
	case in.RequestItems != nil:
		var all []need
		for table := range in.RequestItems {
			all = append(all, need{action: "dynamodb:" + action, resource: s.logical(table)})
		}
		return all, nil
	case strings.HasPrefix(service, "DynamoDB_"):
		return []need{{action: "dynamodb:" + action, resource: s.logical(in.TableName)}}, nil
	case service == "AmazonSQS":
		return []need{{action: "sqs:" + strings.TrimSuffix(action, "Batch"), resource: s.logical(in.QueueUrl)}}, nil
	case service == "TrentService":
		context := make(map[string]bool)
		for name := range in.EncryptionContext {
			context[name] = true
		}
		return []need{{action: "kms:" + action, resource: s.logical(in.KeyId), context: context}}, nil
	case service == "AWSStepFunctions":
		return []need{{action: "states:" + action, resource: s.logical(in.StateMachineArn + in.ExecutionArn)}}, nil
	}
	return nil, fmt.Errorf("no service that is known here")
}

func (s *stack) transactNeeds(items []map[string]struct{ TableName string }) (all []need) {
	actions := map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
	for _, item := range items {
		for kind, of := range item {
			all = append(all, need{action: "dynamodb:" + actions[kind], resource: s.logical(of.TableName)})
		}
	}
	return all
}

// logical is the template's name for a resource of the stack.
func (s *stack) logical(id string) string {
	const machine = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-jobs"
	switch {
	case id == s.table:
		return "ControlTable"
	case id == s.cache:
		return "CacheTable"
	case id == s.key:
		return "VaultKey"
	case id == s.machine, id == "": // a token is the machine's that gave it
		return machine
	case strings.Contains(id, ":execution:"):
		return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + id[strings.LastIndexByte(id, ':'):]
	}
	for name, q := range s.queues {
		if id == q.url {
			return name
		}
	}
	return id
}

// nameOf is the file that a request is about.
func (s *stack) nameOf(r *http.Request) string {
	return strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/"+s.bucket), "/")
}

func (s *stack) fileNeeds(r *http.Request, body []byte) ([]need, error) {
	query, name := r.URL.Query(), s.nameOf(r)
	file := func(action, name string) need { return need{action: "s3:" + action, resource: "${Bucket.Arn}/" + name} }
	switch {
	case query.Has("list-type"):
		return []need{{action: "s3:ListBucket", resource: "Bucket", prefix: query.Get("prefix")}}, nil
	case query.Has("delete"):
		var in struct{ Object []struct{ Key string } }
		if err := xml.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		var all []need
		for _, o := range in.Object {
			all = append(all, file("DeleteObject", o.Key))
		}
		return all, nil
	case name == "": // a form, with a presigned policy
		name, err := formName(r, body)
		return []need{file("PutObject", name)}, err
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return []need{file("GetObject", name)}, nil
	case r.Method == http.MethodDelete && query.Has("uploadId"):
		return []need{file("AbortMultipartUpload", name)}, nil
	case r.Method == http.MethodPut, r.Method == http.MethodPost:
		all := []need{file("PutObject", name)}
		if r.Header.Get("If-Match") != "" {
			all = append(all, file("GetObject", name))
		}
		return all, nil
	}
	return nil, fmt.Errorf("no request that is known here")
}

// formName is the key in the form of an upload.
func formName(r *http.Request, body []byte) (string, error) {
	_, how, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	form, err := multipart.NewReader(bytes.NewReader(body), how["boundary"]).ReadForm(1 << 20)
	if err != nil || len(form.Value["key"]) != 1 {
		return "", fmt.Errorf("form without a key: %w", err)
	}
	return form.Value["key"][0], nil
}
