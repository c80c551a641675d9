package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"
)

// caller is an SMTP client that does as it is told, bad manners included.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
}

// call connects from an address of this network.
func call(from, address string) (*caller, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, in: bufio.NewReader(conn)}, conn.SetDeadline(time.Now().Add(time.Minute))
}

// close hangs up.
func (c *caller) close() { _ = c.conn.Close() }

// ask sends a command and returns the last line of its reply.
func (c *caller) ask(command string) (string, error) {
	if _, err := fmt.Fprintf(c.conn, "%s\r\n", command); err != nil {
		return "", err
	}
	return c.reply()
}

func (c *caller) reply() (string, error) {
	for {
		text, err := c.in.ReadString('\n')
		if err != nil || len(text) < 4 || text[3] != '-' {
			return strings.TrimSpace(text), err
		}
	}
}

// speakEarly has the control client send commands before the greeting and hang
// up when the server has said something.
func speakEarly(address string, commands ...string) error {
	c, err := call(control, address)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.ask(strings.Join(commands, "\r\n"))
	return err
}

// hangUp has it hang up without QUIT, after the reply to the last command.
func hangUp(address string, commands ...string) error {
	c, err := call(control, address)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err = c.reply(); err != nil {
		return err
	}
	for _, command := range commands {
		if _, err := c.ask(command); err != nil {
			return err
		}
	}
	return nil
}
