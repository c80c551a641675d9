package verdict

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

func TestReasonsIsTheWholeClosedList(t *testing.T) {
	var listed []string
	for _, r := range Reasons() {
		listed = append(listed, string(r))
		if len(r.Statuses()) == 0 {
			t.Errorf("%s goes with no status", r)
		}
	}
	declared := constants(t, "Reason")
	slices.Sort(listed)
	slices.Sort(declared)
	if !slices.Equal(listed, declared) {
		t.Errorf("Reasons lists\n%v\ndeclared are\n%v", listed, declared)
	}
}

func TestAnUnknownReasonGoesWithNoStatus(t *testing.T) {
	if got := Reason("because").Statuses(); got != nil {
		t.Errorf("it goes with %v", got)
	}
}

// constants reads the values of all constants of a type from the source.
func constants(t *testing.T, typeName string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "verdict.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == typeName {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
		return true
	})
	return values
}
