// Command adminkey makes the first admin key of an installation on AWS and prints
// it, this once. Where there is a key already it makes none and says so: further
// admin keys are made with the first one (POST /v1/keys), or with -again when all
// are lost.
//
// It is run by `make deploy` with the deployer's own credentials, and finds the
// installation by RCPT_CONTROL_TABLE and RCPT_VAULT_KEY.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"rcpt/internal/cloud"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/keys"
	"rcpt/internal/store"
)

func main() {
	again := flag.Bool("again", false, "make an admin key although there are keys")
	flag.Parse()
	aws, err := cloud.Open(os.Getenv, nil)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = first(ctx, dynamo.Open(aws, os.Getenv("RCPT_CONTROL_TABLE")), kms.Open(aws, os.Getenv("RCPT_VAULT_KEY")), *again, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "adminkey:", err)
		os.Exit(1)
	}
}

// first makes the key unless there is any. Two that run at once may make two:
// both are shown, to people who may deploy.
func first(ctx context.Context, table store.Table, vault store.Vault, again bool, out io.Writer) error {
	book := keys.NewBook(table, vault, time.Now, rand.Reader)
	known, _, err := book.List(ctx, "", "", 1)
	if err != nil {
		return err
	}
	if len(known) > 0 && !again {
		_, err = fmt.Fprintln(out, "The first admin key was shown when it was made. Lost? Run infra/adminkey with -again (README, Operations).")
		return err
	}
	_, made, err := book.Create(ctx, keys.Draft{Account: "operator", Label: "made by adminkey", Scopes: []keys.Scope{keys.Admin}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "An admin key, shown only now:\n\n  RCPT_ADMIN_KEY=%s\n\n", made.API)
	return err
}
