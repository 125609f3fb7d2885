// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"net"
	"testing"
)

// PR-04: the connection that finds no place is served when one ends.
func TestPR04_ConnectionsBeyondTheLimitWaitForAPlace(t *testing.T) {
	const most = 64
	inner := make(pipes, most+2)
	for range most + 1 {
		here, there := net.Pipe()
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		inner <- here
	}
	l := Limit(inner, most).(*limited)
	var first net.Conn
	for range most {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first = c
	}
	if len(inner) != 1 || len(l.places) != cap(l.places) {
		t.Fatalf("%d wait, %d places are taken", len(inner), len(l.places))
	}
	accepted := make(chan error)
	go func() { _, err := l.Accept(); accepted <- err }()
	select {
	case err := <-accepted:
		t.Fatalf("one more than the limit was accepted: %v", err)
	default:
	}
	// Closing twice gives back one place, not two.
	_, _ = first.Close(), first.Close()
	if err := <-accepted; err != nil || len(l.places) != most {
		t.Errorf("%v, %d places are taken", err, len(l.places))
	}
	go func() { _, err := l.Accept(); accepted <- err }()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closing ends Accept with %v", err)
	}
}

// pipes is a listener whose connections are there already.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) { return <-p, nil }
func (p pipes) Close() error              { return nil }
func (p pipes) Addr() net.Addr            { return nil }
