// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"net"
	"net/netip"
	"testing"
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
	const share = 64
	inner := &arrivals{}
	for range share + 3 { // one network of IPv6 is one source
		inner.from = append(inner.from, "[2001:db8::1]:1")
	}
	inner.from = append(inner.from, "[2001:db8::2]:1", "[2001:db8:0:1::1]:1", "127.0.0.1:5")
	l, ok := BySource(inner, share).(*bySource)
	if !ok {
		t.Fatal("another listener")
	}
	var first net.Conn
	for range share {
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
	l.leave(Source("127.0.0.1:5"))
	if len(l.open) != 2 {
		t.Errorf("%d sources are kept", len(l.open))
	}
}
