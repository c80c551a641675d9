package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// curl is as much of curl as the README's quick start needs, so that the tests
// need nothing but Go:
//
//	curl [-s] [-i] [-X method] [-H 'name: value']... [-d body] url
func curl(wire *described) {
	order, err := readOrder(os.Args[1:])
	if err == nil {
		err = order.run(os.Stdout)
	}
	if err == nil && wire.wrong.Load() > 0 {
		err = errors.New("the exchange was not as described")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
		os.Exit(7)
	}
}

// order is a command line of curl.
type order struct {
	url, method, body string
	header            http.Header
	chosen            bool // the method was
	heads             bool // print the head of the answer, too
}

func readOrder(args []string) (order, error) {
	o := order{method: http.MethodGet, header: make(http.Header)}
	for len(args) > 0 {
		option := args[0]
		args = args[1:]
		switch option {
		case "-s":
			continue
		case "-i":
			o.heads = true
			continue
		case "-X", "-H", "-d":
		default:
			if o.url != "" || strings.HasPrefix(option, "-") {
				return order{}, fmt.Errorf("%q is not understood", option)
			}
			o.url = option
			continue
		}
		if len(args) == 0 {
			return order{}, fmt.Errorf("%s needs a value", option)
		}
		o.take(option, args[0])
		args = args[1:]
	}
	return o, nil
}

func (o *order) take(option, value string) {
	switch option {
	case "-X":
		o.method, o.chosen = value, true
	case "-H":
		name, text, _ := strings.Cut(value, ":")
		o.header.Add(name, strings.TrimSpace(text))
	case "-d":
		o.body = value
		if !o.chosen {
			o.method = http.MethodPost
		}
		o.header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl does, whatever it sends
	}
}

func (o order) run(out io.Writer) error {
	request, err := http.NewRequest(o.method, o.url, strings.NewReader(o.body))
	if err != nil {
		return err
	}
	request.Header = o.header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if o.heads {
		_, _ = fmt.Fprintf(out, "%s %s\r\n", response.Proto, response.Status)
		_ = response.Header.Write(out)
		_, _ = io.WriteString(out, "\r\n")
	}
	_, err = io.Copy(out, response.Body)
	return err
}
