package sim

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

func newPipe() (near, far *pipeEnd) {
	return pipe(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 25})
}

func TestPipeIsAConnection(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		near, far := newPipe()
		return near, far, func() { _, _ = near.Close(), far.Close() }, nil
	})
}

func TestPipeHoldsAWindow(t *testing.T) {
	near, far := newPipe()
	if n, err := near.Write(make([]byte, window)); n != window || err != nil {
		t.Fatalf("wrote %d, %v before anyone read, want %d", n, err, window)
	}
	_ = near.SetWriteDeadline(time.Now().Add(time.Millisecond))
	if n, err := near.Write([]byte("x")); n != 0 || !timedOut(err) {
		t.Errorf("wrote %d, %v beyond the window, want a timeout", n, err)
	}
	_ = near.Close()
	if n, err := io.Copy(io.Discard, far); n != window || err != nil {
		t.Errorf("read %d, %v after the writer left, want %d", n, err, window)
	}
}

func TestPipeClosesByHalves(t *testing.T) {
	near, far := newPipe()
	_ = near.CloseWrite()
	if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v from an end that finished, want EOF", n, err)
	}
	if _, err := far.Write([]byte("x")); err != nil {
		t.Errorf("write to an end that only reads: %v", err)
	}
	if n, err := near.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("read %d, %v, want the answer", n, err)
	}
	_ = near.Close()
	if _, err := far.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("write to nobody: %v, want %v", err, io.ErrClosedPipe)
	}
}

// TestClosedPipeLeavesNoAlarm: a deadline of minutes must not outlive its
// connection, also when it is set late.
func TestClosedPipeLeavesNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newPipe()
		for _, end := range []*pipeEnd{near, far} {
			_ = end.SetDeadline(time.Now().Add(time.Hour))
			_ = end.Close()
			_ = end.SetDeadline(time.Now().Add(time.Hour))
			for _, d := range []deadline{end.in.readBy, end.out.writeBy} {
				if d.alarm != nil {
					t.Error("an alarm is left")
				}
			}
		}
	})
}

func timedOut(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
