// Command zip packs one executable as the bootstrap of a Lambda function:
//
//	zip EXECUTABLE ARCHIVE
//
// The archive depends on nothing but the octets of the executable, so that a
// deployment of unchanged code changes nothing.
package main

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: zip EXECUTABLE ARCHIVE")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "zip:", err)
		os.Exit(1)
	}
}

func pack(executable, archive string) error {
	content, err := os.ReadFile(executable)
	if err != nil {
		return err
	}
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	if err := write(out, content); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

func write(out io.Writer, content []byte) error {
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	// The first day that the format knows, and the mode that Lambda asks for.
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return z.Close()
}
