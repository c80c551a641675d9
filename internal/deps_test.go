package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// policy says who may import whom, one line per package: itself, then what it
// may import of ours. A new package or edge is a reviewed change to this text.
const policy = `
	address reply verdict store config telemetry :
	safedial :

	mx        : address store
	lists     : address lists/nameset store
	pace      : reply store
	smtpprobe : address mx pace reply safedial
	keys usage : store
	vendors   : address store usage
	sim       : mx
	overlay   : address store verdict
	esp       : address overlay reply
	egress    : mx store
	hooks     : esp overlay store
	suppress  : address batch/intake store

	enroll  : address lists lists/tenant overlay store suppress vendors verdict
	verify  : address lists lists/tenant mx overlay pace reply smtpprobe store verdict
	httpapi : address batch/intake enroll esp hooks httpapi/docs keys lists/tenant notify overlay store suppress usage vendors verdict verify batch batch/collector batch/planner batch/results
	notify  : safedial store
	trigger :

	app      : address batch batch/prober batch/recheck config egress enroll esp hooks httpapi keys lists lists/refresh lists/tenant mx notify overlay pace reply safedial sim smtpprobe store suppress usage vendors verdict verify batch/collector batch/drop batch/planner trigger
	embedded : embedded/asl store
	cloud/wire :
	cloud/dynamo cloud/s3 cloud/sfn cloud/sqs : cloud/wire store
	cloud/s3read : store
	cloud/kms : store
	cloud :

	batch           : store verdict verify
	batch/planner   : batch batch/intake batch/plan batch/record batch/results batch/rows store usage verdict verify
	batch/prober    : address batch batch/plan batch/record batch/results batch/retry batch/rows store usage verdict verify
	batch/collector : batch batch/jsonjs batch/record batch/results batch/rows notify store verdict
	batch/drop      : batch keys store verify
	batch/recheck   : address batch batch/jsonjs batch/retry notify store usage verdict verify
	batch/retry     : reply smtpprobe verdict verify
	batch/jsonjs batch/record :
	batch/rows      : batch/record
	batch/intake    : batch/jsonjs batch/rows store
	batch/results   : batch/jsonjs batch/record batch/rows verdict
	batch/plan      : address batch/record batch/rows
	embedded/asl    : store
	lists/build     : lists lists/nameset
	lists/nameset   :
	lists/tenant    : address store
	lists/refresh   : lists lists/build store
	httpapi/docs    :
	httpapi/apitest :
	store/storetest : store
	cloud/cloudtest :
	mx/mxtest       :
	sim/vendordouble :

	infra/bench        : address embedded infra/bench/closed infra/bench/jobs infra/host lists mx pace safedial sim/vendordouble smtpprobe store vendors verdict verify
	infra/bench/closed :
	infra/bench/jobs   : app batch batch/prober config embedded sim store verdict verify
	infra/adminkey   : cloud cloud/dynamo cloud/kms keys store
	infra/cost       :
	infra/host       :
	infra/zip        :
	infra/test-mta   : address mx pace reply safedial smtpprobe
	infra/lists      : lists lists/build lists/nameset
	infra/local      : app config egress embedded embedded/asl httpapi infra/statemachine keys lists/refresh sim sim/vendordouble store trigger
	infra/job infra/statemachine :
	function : app cloud config telemetry trigger
	functions/account functions/egresscheck functions/refresher functions/verify functions/webhooks functions/collector functions/jobs functions/dropfolder functions/planner : app cloud/dynamo cloud/kms cloud/s3 cloud/s3read egress function trigger cloud/sfn cloud/sqs
	functions/deadletter functions/prober : app cloud/dynamo cloud/kms cloud/s3 cloud/sfn cloud/sqs egress function trigger
	functions/notifier : app cloud/dynamo cloud/kms cloud/s3 cloud/sqs function trigger
	functions/providers   : app cloud/dynamo cloud/kms cloud/s3read cloud/sqs function trigger
	functions/vendorqueue : app cloud/dynamo cloud/kms cloud/sqs function trigger
`

// outside says which of our packages may import modules of others whose reach
// must stay small. A prefix ends with a slash; what nobody may import is for tests.
const outside = `
	github.com/aws/aws-lambda-go/           : telemetry trigger functions/ infra/local
	github.com/awslabs/aws-lambda-go-api-proxy/ : trigger
	github.com/aws/aws-sdk-go-v2/           : cloud cloud/
	github.com/aws/aws-xray-sdk-go/         : telemetry
	github.com/miekg/dns                    : mx mx/mxtest sim infra/bench/closed
	go.etcd.io/bbolt                        : embedded
	github.com/santhosh-tekuri/jsonschema/  : httpapi/apitest
	github.com/mailgun/mailgun-go/          :
	github.com/sendgrid/sendgrid-go/        :
	github.com/standard-webhooks/           :
	github.com/svix/svix-webhooks/          :
`

// TestImports parses the imports itself, tests left out: the test cache does
// not notice what a go list child process read, but it does notice files.
func TestImports(t *testing.T) {
	allowed := rules(t, policy)
	for name, imports := range packages(t) {
		edges, known := allowed[name]
		if !known {
			t.Errorf("package %s is not in the policy", name)
			continue
		}
		for _, path := range imports {
			if ours, ok := strings.CutPrefix(path, "rcpt/"); ok {
				if ours = strings.TrimPrefix(ours, "internal/"); !slices.Contains(edges, ours) {
					t.Errorf("%s imports %s, which the policy does not allow", name, ours)
				}
				continue
			}
			checkOutside(t, name, path)
		}
	}
}

func checkOutside(t *testing.T, name, path string) {
	for prefix, importers := range rules(t, outside) {
		reach := path == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix)
		if reach && !slices.ContainsFunc(importers, func(i string) bool {
			return name == i || strings.HasSuffix(i, "/") && strings.HasPrefix(name, i)
		}) {
			t.Errorf("%s imports %s, which only %v may", name, path, importers)
		}
	}
}

// rules reads lines of the form "names : names".
func rules(t *testing.T, text string) map[string][]string {
	t.Helper()
	table := make(map[string][]string)
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, " :")
		if !ok {
			if strings.TrimSpace(line) != "" {
				t.Fatalf("policy line without colon: %q", line)
			}
			continue
		}
		for _, name := range strings.Fields(left) {
			table[name] = strings.Fields(right)
		}
	}
	return table
}

// packages maps every package of the project, by its path below internal or
// below the root, to what its non-test files import.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, root := range []string{".", "../functions", "../infra"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				imported, _ := strconv.Unquote(spec.Path.Value)
				found[name] = append(found[name], imported)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
