// Command lists makes the tables of package lists: make lists. It reads lock.json,
// fetches the packages named there into .build/lists with the clients of this
// machine, takes the names out of them, applies the rules of package build and
// writes internal/lists/data. No script of a package runs.
//
// It refuses tables that got worse (check.go); -accept writes them all the same,
// unless a name that must never match does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

type options struct {
	archives, data string
	accept, review bool
}

func main() {
	var o options
	flag.StringVar(&o.archives, "archives", ".build/lists", "where the packages are kept")
	flag.StringVar(&o.data, "data", "internal/lists/data", "where the tables go")
	flag.BoolVar(&o.accept, "accept", false, "write also when a source or a table grew or shrank by much")
	flag.BoolVar(&o.review, "review", false, "print every line that was rejected and every host that was removed")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
