package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rcpt/internal/keys"
)

// environment is what $RCPT_DATA/env holds: how to reach this instance, as
// NAME=value lines that a shell can source.
type environment struct {
	URL           string // RCPT_URL
	Key           string // RCPT_KEY: every scope but admin
	AdminKey      string // RCPT_ADMIN_KEY
	HookToken     string // RCPT_HOOK_TOKEN, of Key
	WebhookSecret string // RCPT_WEBHOOK_SECRET, of Key
}

// account owns the keys that `make run` makes.
const account = "local"

// ready returns the environment of this folder. Keys are stable: those of an
// earlier run are used again while the book knows them, and only what is
// missing is made anew. The secrets exist nowhere else in readable form.
func ready(ctx context.Context, path, url string, book *keys.Book) (environment, error) {
	env, err := readEnv(path)
	if err != nil {
		return env, err
	}
	env.URL = url
	if known, err := recognized(ctx, book, env.Key); err != nil {
		return env, err
	} else if !known || env.HookToken == "" || env.WebhookSecret == "" {
		_, made, err := book.Create(ctx, keys.Draft{Account: account, Label: "make run", Scopes: keys.AllButAdmin()})
		if err != nil {
			return env, err
		}
		env.Key, env.HookToken, env.WebhookSecret = made.API, made.Hook, made.Webhook
	}
	if known, err := recognized(ctx, book, env.AdminKey); err != nil {
		return env, err
	} else if !known {
		_, made, err := book.Create(ctx, keys.Draft{Account: account, Label: "make run, admin", Scopes: []keys.Scope{keys.Admin}})
		if err != nil {
			return env, err
		}
		env.AdminKey = made.API
	}
	return env, writeEnv(path, env)
}

func recognized(ctx context.Context, book *keys.Book, secret string) (bool, error) {
	_, err := book.Authenticate(ctx, secret)
	if errors.Is(err, keys.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

// lines pairs the names of the file with the fields, in the order written.
func (e *environment) lines() []struct {
	name  string
	value *string
} {
	return []struct {
		name  string
		value *string
	}{
		{"RCPT_URL", &e.URL}, {"RCPT_KEY", &e.Key}, {"RCPT_ADMIN_KEY", &e.AdminKey},
		{"RCPT_HOOK_TOKEN", &e.HookToken}, {"RCPT_WEBHOOK_SECRET", &e.WebhookSecret},
	}
}

func readEnv(path string) (environment, error) {
	var env environment
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return env, fmt.Errorf("read keys of an earlier run: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for _, field := range env.lines() {
			if field.name == name {
				*field.value = unquote(value)
			}
		}
	}
	return env, nil
}

// writeEnv replaces the file in one step: a process that dies leaves the old
// one or the new one.
func writeEnv(path string, env environment) error {
	var text strings.Builder
	for _, field := range env.lines() {
		fmt.Fprintf(&text, "%s=%s\n", field.name, quote(*field.value))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".env-*") // 0600
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	_, err = f.WriteString(text.String())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write keys: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// quote writes a value for a shell. Keys and ordinary URLs stand as they are,
// for readers that know no quotes.
func quote(value string) string {
	if !strings.ContainsFunc(value, notPlain) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

func unquote(text string) string {
	inner, quoted := strings.CutPrefix(text, "'")
	if !quoted {
		return text
	}
	return strings.ReplaceAll(strings.TrimSuffix(inner, "'"), `'\''`, "'")
}

// notPlain allows what means nothing to a shell.
func notPlain(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	return !letter && !strings.ContainsRune("_-.:/+=@%,[]", c)
}

// requestID is what the gateway calls one request.
func requestID() string {
	var octets [12]byte
	_, _ = rand.Read(octets[:]) // never fails
	return hex.EncodeToString(octets[:])
}
