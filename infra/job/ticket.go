package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ticket is what a run leaves beside the list for the next one: which job it
// waits for. It counts for the same list, wanted in the same way. Of which rcpt
// is not said: its address may be another one when it was started again, and
// another rcpt does not know the job.
type ticket struct {
	List   string `json:"list"`   // SHA-256 of the list and of what is wanted
	Upload string `json:"upload"` // what was sent
	Job    string `json:"job,omitempty"`
}

func (o order) ticketPath() string { return o.file + ".job" }

// digest is SHA-256 of the list and of what makes a job of it another one.
func (o order) digest() (string, error) {
	f, err := os.Open(o.file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := fmt.Fprintf(sum, "%q %q %q %q\n", filepath.Base(o.file), o.mode, o.policy, o.column); err != nil {
		return "", err
	}
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// ticket returns what an earlier run left, or a new one.
func (w *watch) ticket() (ticket, error) {
	digest, err := w.digest()
	if err != nil {
		return ticket{}, err
	}
	var old ticket
	text, err := os.ReadFile(w.ticketPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ticket{}, err
	}
	if err == nil && json.Unmarshal(text, &old) == nil && old.List == digest {
		return old, nil
	}
	return ticket{List: digest}, nil
}

// keep writes the ticket in one step.
func (w *watch) keep(t ticket) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return save(w.ticketPath(), func(f io.Writer) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}

// save writes a file so that it is there whole or not at all.
func save(path string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	if err = errors.Join(fill(f), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
