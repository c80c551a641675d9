// Command job is `make job`: it has a running rcpt check a list, shows how far it
// is, and saves the results beside the list.
//
//	make job FILE=list.csv                    results in list.results.csv
//	make job FILE=list.csv FORMAT=jsonl       or json; else as the list is
//	make job FILE=list.csv MODE=soft POLICY=b2b COLUMN=Work_Email
//
// It talks to RCPT_URL with RCPT_KEY, and without those settings to the product
// of `make run`, whose folder has them. The job is rcpt's: broken off, this
// program has only stopped watching, and the same command goes on where it was.
// So that it can, it leaves a ticket beside the list until the results are there.
//
//	main.go      arguments, settings
//	watch.go     the way of a list, from file to results
//	client.go    requests, repeated while rcpt is away; problems in words
//	upload.go    the list on its way
//	ticket.go    what the next run has to know
//	progress.go  how far it is, and what came out
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	switch {
	case errors.Is(err, context.Canceled):
		os.Exit(130) // as a shell tells of Ctrl-C
	case err != nil:
		fmt.Fprintln(os.Stderr, "job:", err)
		os.Exit(1)
	}
}

// order is what is wanted.
type order struct {
	file, format         string
	mode, policy, column string
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	o, err := readOrder(args)
	if err != nil {
		return err
	}
	c, err := open(getenv)
	if err != nil {
		return err
	}
	w := &watch{order: o, client: c, out: out, line: isTerminal(out), every: time.Second}
	return w.run(ctx)
}

// formats are those of results, by the ending of lists that are like them.
var formats = map[string]string{".csv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}

func readOrder(args []string) (order, error) {
	var o order
	set := flag.NewFlagSet("job", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the error says it
	set.StringVar(&o.format, "format", "", "")
	set.StringVar(&o.mode, "mode", "", "")
	set.StringVar(&o.policy, "policy", "", "")
	set.StringVar(&o.column, "column", "", "")
	err := set.Parse(args)
	if o.file = set.Arg(0); err != nil || o.file == "" || set.NArg() > 1 {
		return o, errors.New("say which list to check: make job FILE=list.csv [FORMAT=csv|jsonl|json] [MODE=soft|full] [POLICY=name] [COLUMN=name]")
	}
	if o.format == "" {
		o.format = cmp.Or(formats[strings.ToLower(filepath.Ext(o.plainName()))], "csv")
	}
	if !slices.Contains([]string{"csv", "jsonl", "json"}, o.format) {
		return o, fmt.Errorf("FORMAT is %q: want csv, jsonl or json", o.format)
	}
	return o, nil
}

// plainName is the list's path as if it were not compressed.
func (o order) plainName() string {
	if ext := filepath.Ext(o.file); strings.EqualFold(ext, ".gz") {
		return strings.TrimSuffix(o.file, ext)
	}
	return o.file
}

// results is where they go.
func (o order) results() string {
	name := o.plainName()
	return strings.TrimSuffix(name, filepath.Ext(name)) + ".results." + o.format
}

// open reads the settings: those of the environment, else of the product's folder.
func open(getenv func(string) string) (*client, error) {
	c := &client{url: getenv("RCPT_URL"), key: getenv("RCPT_KEY"), pause: time.Second}
	if c.url != "" && c.key != "" {
		return c, nil
	}
	path := filepath.Join(cmp.Or(getenv("RCPT_DATA"), ".local"), "env")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: start the product with `make run`, or set RCPT_URL and RCPT_KEY", path)
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, "'")
		switch name {
		case "RCPT_URL":
			c.url = cmp.Or(c.url, value)
		case "RCPT_KEY":
			c.key = cmp.Or(c.key, value)
		}
	}
	if c.url == "" || c.key == "" {
		return nil, fmt.Errorf("%s names no RCPT_URL or no RCPT_KEY", path)
	}
	return c, nil
}
