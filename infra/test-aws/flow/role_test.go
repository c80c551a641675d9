package flow

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

// statement is one of the template's, as template/roles.py tells it.
type statement struct {
	Actions   []string
	Resources []string // logical names; of files patterns such as ${Bucket.Arn}/lists/*
	Prefixes  []string // that s3:prefix must be like; none: whatever it is
	Context   []string // names that an encryption context must have
}

// need is what a request must be allowed.
type need struct {
	action   string
	resource string          // as in statement, but files have their names
	prefix   string          // s3:prefix
	context  map[string]bool // names in the encryption context
}

func (n need) String() string {
	if n.prefix != "" {
		return fmt.Sprintf("%s on %s with prefix %s", n.action, n.resource, n.prefix)
	}
	return n.action + " on " + n.resource
}

// role is what the template lets a function do. IAM says no to all else, which no
// stand-in does.
type role []statement

var roles = sync.OnceValues(func() (all map[string]role, err error) {
	tell := exec.Command("../../../.build/aws/python/bin/python", "-B", "roles.py") // from the folder below
	tell.Dir = "../template"
	text, err := tell.Output()
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, err
})

// roleOf reads the role of a function from template.yaml.
func roleOf(t *testing.T, function string) role {
	t.Helper()
	all, err := roles()
	if err != nil {
		t.Fatalf("read the roles of template.yaml: %v", err)
	}
	if len(all[function]) == 0 {
		t.Fatalf("template.yaml has no role of %s", function)
	}
	return all[function]
}

// allows tells as IAM does: what no statement allows is denied.
func (r role) allows(n need) bool {
	return slices.ContainsFunc(r, func(s statement) bool {
		return slices.Contains(s.Actions, n.action) &&
			slices.ContainsFunc(s.Resources, func(pattern string) bool { return like(pattern, n.resource) }) &&
			(len(s.Prefixes) == 0 || slices.ContainsFunc(s.Prefixes, func(pattern string) bool { return like(pattern, n.prefix) })) &&
			!slices.ContainsFunc(s.Context, func(name string) bool { return !n.context[name] })
	})
}

// like is StringLike for patterns with one star, at the end.
func like(pattern, text string) bool {
	start, open := strings.CutSuffix(pattern, "*")
	return text == pattern || open && strings.HasPrefix(text, start)
}

func TestRoleAllowsWhatTheTemplateSaysAndNoMore(t *testing.T) {
	r := role{
		{Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: []string{"${Bucket.Arn}/jobs/*", "${Bucket.Arn}/drop/*"}},
		{Actions: []string{"s3:ListBucket"}, Resources: []string{"Bucket"}, Prefixes: []string{"jobs/*"}},
		{Actions: []string{"kms:Decrypt"}, Resources: []string{"VaultKey"}, Context: []string{"account"}},
	}
	file := func(name string) string { return path.Join("${Bucket.Arn}", name) }
	for _, c := range []struct {
		need need
		want bool
	}{
		{need{action: "s3:GetObject", resource: file("jobs/a/b")}, true},
		{need{action: "s3:PutObject", resource: file("drop/a")}, true},
		{need{action: "s3:DeleteObject", resource: file("jobs/a")}, false},
		{need{action: "s3:GetObject", resource: file("lists/a")}, false},
		{need{action: "s3:ListBucket", resource: "Bucket", prefix: "jobs/a/"}, true},
		{need{action: "s3:ListBucket", resource: "Bucket", prefix: "lists/"}, false},
		{need{action: "s3:ListBucket", resource: "Bucket"}, false},
		{need{action: "kms:Decrypt", resource: "VaultKey", context: map[string]bool{"account": true, "purpose": true}}, true},
		{need{action: "kms:Decrypt", resource: "VaultKey", context: map[string]bool{"purpose": true}}, false},
	} {
		if got := r.allows(c.need); got != c.want {
			t.Errorf("%v: allowed %t, want %t", c.need, got, c.want)
		}
	}
}
