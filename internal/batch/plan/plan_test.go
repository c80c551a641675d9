package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
)

// deal splits lists of addresses, a chunk each, into n partitions.
func deal(t testing.TB, n int, chunks ...[]string) (open []record.Opener, counts []int64) {
	t.Helper()
	counts, number := make([]int64, n), int64(0)
	for _, emails := range chunks {
		var chunk, file bytes.Buffer
		w, err := rows.NewWriter(&chunk, number, 0)
		for _, email := range emails {
			if err == nil {
				err = w.Write(rows.Row{Number: number, Cells: []rows.Cell{{Kind: rows.Text, Text: email}}})
			}
			number++
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := rows.NewReader(&chunk)
		if err != nil {
			t.Fatal(err)
		}
		in, err := Split(r, n, &file)
		if err != nil {
			t.Fatal(err)
		}
		for p, rows := range in {
			counts[p] += rows
		}
		open = append(open, opener(file.Bytes()))
	}
	return open, counts
}

func opener(file []byte) record.Opener {
	return func(offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(bytes.NewReader(file), offset, length)), nil
	}
}

// fold returns what Distinct makes of all partitions, in passes, each address
// with its rows.
func fold(t testing.TB, open []record.Opener, n, passes int) map[string][]int64 {
	t.Helper()
	found := make(map[string][]int64)
	for p := range n {
		for pass := range passes {
			items, err := Distinct(Partition(open, p, Pass{pass, passes}))
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range items {
				if found[i.Email] != nil {
					t.Errorf("%s is there twice", i.Email)
				}
				found[i.Email] = slices.Collect(i.Rows.All())
			}
		}
	}
	return found
}

func TestDuplicatesAreFoldedIntoTheFirst(t *testing.T) {
	tooLong := strings.Repeat("x", 1000)
	first := []string{"Alice@X.test", "bob@x.test", "no address", "", "alice@x.test ", "alice+tag@x.test", "a.lice@x.test", tooLong + "1"}
	second := []string{"ALICE@x.TEST.", "bob@y.test", " no address", "bob@bücher.test", "bob@xn--bcher-kva.test", "", tooLong, strings.Repeat(" ", 1000) + "bob@x.test"}
	want := map[string][]int64{
		"Alice@X.test": {0, 4, 8}, "bob@x.test": {1, 15}, "no address": {2, 10}, "": {3, 13}, "alice+tag@x.test": {5}, "a.lice@x.test": {6},
		tooLong[:maxText]: {7, 14}, "bob@y.test": {9}, "bob@bücher.test": {11, 12},
	}
	for _, n := range []int{1, 3, 64} {
		for _, passes := range []int{1, 2, 7} {
			open, counts := deal(t, n, first, second)
			if got := fold(t, open, n, passes); !reflect.DeepEqual(got, want) {
				t.Errorf("%d partitions, %d passes: %v, want %v", n, passes, got, want)
			}
			total := int64(0)
			for _, rows := range counts {
				total += rows
			}
			if total != 16 {
				t.Errorf("%d rows were counted", total)
			}
		}
	}
}

// TestAnAddressInWhatAMailProgramWroteIsAsked, and is the same as without that.
func TestAnAddressInWhatAMailProgramWroteIsAsked(t *testing.T) {
	list := []string{
		"Alice <alice@x.test>", "alice@x.test", "'bob@x.test'", `"Doe, C." <c@x.test>`, "mailto:d@x.test", strings.Repeat("E ", 500) + "<e@x.test>",
		"<f@x.test>", "Two <g@x.test>, <h@x.test>", "Nobody <nobody>", `"alice@x.test" <alice@x.test>`,
		"Doe, Alice <alice@x.test>", "c@x.test, Bob <bob@x.test>", `"c@x.test", "Bob" <bob@x.test>`,
	}
	open, _ := deal(t, 1, list)
	want := map[string][]int64{
		"alice@x.test": {0, 1, 9, 10}, "bob@x.test": {2}, "c@x.test": {3}, "d@x.test": {4}, "e@x.test": {5}, "f@x.test": {6},
		list[7]: {7}, list[8]: {8}, list[11]: {11}, list[12]: {12},
	}
	if got := fold(t, open, 1, 1); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestADomainIsInOnePartition(t *testing.T) {
	var emails []string
	for i := range 1000 {
		emails = append(emails, fmt.Sprintf("user%d@D%d.test", i, i%10))
	}
	open, _ := deal(t, 8, emails)
	where := make(map[string]int)
	for p := range 8 {
		items, err := Distinct(Partition(open, p, Pass{0, 1}))
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if at, known := where[i.Domain()]; known && at != p {
				t.Errorf("%s is in partitions %d and %d", i.Domain(), at, p)
			}
			where[i.Domain()] = p
		}
	}
	if len(where) != 10 {
		t.Errorf("%d domains were found", len(where))
	}
}

func TestADamagedPartitionIsAnError(t *testing.T) {
	var file bytes.Buffer
	s := record.NewSections(1, kindRows)
	if err := errors.Join(s.Write(0, []byte("abc")), s.Close(&file)); err != nil {
		t.Fatal(err)
	}
	if _, err := Distinct(Partition([]record.Opener{opener(file.Bytes())}, 0, Pass{0, 1})); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("a short record: %v", err)
	}
	lost := errors.New("connection lost")
	broken := func(int64, int64) (io.ReadCloser, error) { return nil, lost }
	if _, err := Distinct(Partition([]record.Opener{broken}, 0, Pass{0, 1})); !errors.Is(err, lost) {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestShardsAreOfOneOperatorWithDomainsTogether(t *testing.T) {
	var emails []string
	for i := range 700 {
		emails = append(emails, fmt.Sprintf("user%d@d%d.test", i, i%7))
	}
	operator := func(domain string) string {
		if domain == "d3.test" || domain == "d5.test" {
			return "large"
		}
		return "small"
	}
	open, _ := deal(t, 1, emails)
	items, err := Distinct(Partition(open, 0, Pass{0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	var sizes []string
	seen, domains := 0, 0
	for s := range Cut(items, operator) {
		sizes = append(sizes, fmt.Sprint(s.Operator, len(s.Items)))
		for i, item := range s.Items {
			seen++
			if operator(item.Domain()) != s.Operator {
				t.Errorf("%s is in a shard of %s", item.Email, s.Operator)
			}
			if i == 0 || item.Domain() != s.Items[i-1].Domain() {
				domains++
			}
		}
	}
	if want := "[large100 large100 small100 small100 small100 small100 small100]"; fmt.Sprint(sizes) != want || seen != 700 || domains != 7 {
		t.Errorf("shards are %v with %d addresses, %d times another domain; want %s", sizes, seen, domains, want)
	}
}

func TestAShardComesBack(t *testing.T) {
	open, _ := deal(t, 1, []string{"a@x.test", "not one", "A@x.test"})
	items, err := Distinct(Partition(open, 0, Pass{0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	want := Shard{Operator: "x.test", Items: items}
	var file bytes.Buffer
	if err := want.Write(&file); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	got, err := ReadShard(bytes.NewReader(whole))
	if err != nil || got.Operator != want.Operator || len(got.Items) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, item := range got.Items {
		if item.Email != items[i].Email || item.Address != items[i].Address || !slices.Equal(slices.Collect(item.Rows.All()), slices.Collect(items[i].Rows.All())) {
			t.Errorf("item %d is %+v, want %+v", i, item, items[i])
		}
	}
	for i := range whole {
		if _, err := ReadShard(bytes.NewReader(whole[:i])); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("cut behind octet %d: %v", i, err)
		}
	}
}
