// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/socket"
)

// arrivals is a listener whose connections come from addresses that a test names.
type arrivals struct {
	net.Listener
	from   []string
	closed int
}

type arrival struct {
	net.Conn
	from string
	in   *arrivals
}

func (a *arrival) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a.from))
}

func (a *arrival) Close() error {
	a.in.closed++
	return nil
}

func (l *arrivals) Accept() (net.Conn, error) {
	if len(l.from) == 0 {
		return nil, net.ErrClosed
	}
	next := l.from[0]
	l.from = l.from[1:]
	return &arrival{from: next, in: l}, nil
}

// WB-03: a source with 64 connections gets no further one, its neighbours do, and so does
// itself when one of them ended.
func TestWB03_ASourceTakesOnlyItsShareOfConnections(t *testing.T) {
	inner := &arrivals{}
	for range maxOfSource + 3 { // one network of IPv6 is one source
		inner.from = append(inner.from, "[2001:db8::1]:1")
	}
	inner.from = append(inner.from, "[2001:db8::2]:1", "[2001:db8:0:1::1]:1", "127.0.0.1:5")
	l := &bySource{Listener: inner}
	var first net.Conn
	for range maxOfSource {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first = c
	}
	for _, want := range []string{"[2001:db8:0:1::1]:1", "127.0.0.1:5"} {
		if c, err := l.Accept(); err != nil || c.RemoteAddr().String() != want {
			t.Fatalf("%v, %v instead of %s", c, err, want)
		}
	}
	if inner.closed != 4 {
		t.Errorf("%d were closed, want 4", inner.closed)
	}
	_, _ = first.Close(), first.Close() // twice gives one place back
	inner.from = []string{"[2001:db8::9]:1", "[2001:db8::9]:1"}
	if _, err := l.Accept(); err != nil {
		t.Errorf("after one ended: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one too many: %v", err)
	}
	l.leave(socket.Source("127.0.0.1:5"))
	if len(l.open) != 2 {
		t.Errorf("%d sources are kept", len(l.open))
	}
}

// counted counts how often the authorities are read.
type counted struct {
	times int
	err   error
}

func (c *counted) Authorities(ctx context.Context) ([]ca.Authority, error) {
	c.times++
	return nil, errors.Join(c.err, ctx.Err())
}

// WB-03: a flood of handshakes has the authorities read once a second, and none hangs up
// for the others.
func TestWB03_TheAuthoritiesAreReadOnceASecond(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	shelf := &counted{}
	taken := &pools{shelf: shelf, now: func() time.Time { return now }}
	handshake := func() error {
		_, err := taken.get(t.Context())
		return err
	}
	for range 100 {
		if err := handshake(); err != nil {
			t.Fatal(err)
		}
	}
	if shelf.times != 1 {
		t.Errorf("they were read %d times", shelf.times)
	}
	shelf.err = errors.New("the book is away")
	for i, want := range []int{1, 2, 2, 3} {
		if i%2 == 1 {
			now = now.Add(poolAge)
		}
		if err := handshake(); (err != nil) != (i > 0) || shelf.times != want {
			t.Errorf("handshake %d: %v, read %d times", i, err, shelf.times)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	shelf.err = nil
	if _, err := (&pools{shelf: shelf, now: time.Now}).get(gone); err != nil {
		t.Errorf("the first hung up: %v", err)
	}
}
