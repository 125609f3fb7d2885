// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// The first messages of a connection have a number instead of a kind (PostgreSQL's
// manual, message formats).
const (
	codeCancel = 80877102
	codeTLS    = 80877103
	codeGSS    = 80877104
)

// A link is one connection through a proxy. One goroutine reads the client, one
// the server.
type link struct {
	p              *Proxy
	number         int
	client, server net.Conn
	prepared       map[string]string

	mu sync.Mutex
	// now is the statement the server works on, nil between statements.
	now *underway
}

// An underway is a statement that the server has, and what is to become of its
// reply.
type underway struct {
	at      *Statement
	fate    Fate
	release <-chan struct{}
	reply   []byte
	first   int // octets of the reply's first message
	done    chan struct{}
}

// run carries a connection to its end.
func (l *link) run() {
	startup, ok := l.greet()
	if !ok {
		return
	}
	var err error
	if l.server, err = net.Dial("tcp", l.p.server.address()); err != nil || !l.p.keep(l.server) {
		return
	}
	if _, err := l.server.Write(startup); err != nil || binary.BigEndian.Uint32(startup[4:]) == codeCancel {
		return
	}
	var group sync.WaitGroup
	group.Go(func() {
		l.answers()
		l.end()
		l.finish()
	})
	l.statements()
	l.end()
	group.Wait()
}

// end ends both connections.
func (l *link) end() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// greet refuses encryption, and gives the first message that is for the server.
func (l *link) greet() (startup []byte, ok bool) {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(l.client, head); err != nil {
			return nil, false
		}
		n, err := size(head)
		if err != nil || n < len(head) {
			return nil, false
		}
		startup = append(head, make([]byte, n-len(head))...)
		if _, err := io.ReadFull(l.client, startup[len(head):]); err != nil {
			return nil, false
		}
		switch binary.BigEndian.Uint32(head[4:]) {
		case codeTLS, codeGSS:
			if _, err := l.client.Write([]byte{'N'}); err != nil {
				return nil, false
			}
			continue
		case codeCancel:
			l.p.mu.Lock()
			l.p.cancels++
			l.p.mu.Unlock()
			return startup, true
		}
		l.p.mu.Lock()
		l.p.conns++
		l.number = l.p.conns
		l.p.mu.Unlock()
		return startup, true
	}
}

// read reads a message.
func read(from net.Conn) (message, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	n, err := size(head[1:])
	if err != nil {
		return nil, err
	}
	m := append(head, make([]byte, n-4)...)
	_, err = io.ReadFull(from, m[5:])
	return m, err
}

// statements hands on what the client sends, until its end or a cut.
func (l *link) statements() {
	var c cycle
	for {
		m, err := read(l.client)
		if err != nil {
			return
		}
		if m.kind() == 'X' || m.kind() == 'p' { // goodbye; a password
			if _, err := l.server.Write(m); err != nil || m.kind() == 'X' {
				return
			}
			continue
		}
		if !c.take(m, l.prepared) {
			continue
		}
		c.Conn = l.number
		if !l.hand(c) {
			return
		}
		c = cycle{}
	}
}

// hand brings a statement to the server, or not; false if that was the last one.
func (l *link) hand(c cycle) bool {
	at, fate, release := l.p.judge(c.Statement)
	switch fate {
	case CutBefore:
		return false
	case CutWithin:
		_, _ = l.server.Write(c.octets[:len(c.octets)/2])
		return false
	case Overtaken:
		_ = l.client.Close()
		<-release
	}
	u := &underway{at: at, fate: fate, release: release, done: make(chan struct{})}
	l.mu.Lock()
	l.now = u
	l.mu.Unlock()
	// Noted first: the server's word may come before Write returns.
	arrived := func(is bool) {
		l.p.mu.Lock()
		defer l.p.mu.Unlock()
		at.Arrived = is
	}
	arrived(true)
	if _, err := l.server.Write(c.octets); err != nil {
		arrived(false)
		return false
	}
	if fate == Overtaken {
		<-u.done
		return false
	}
	return true
}

// answers hands on what the server says, until its end or a cut.
func (l *link) answers() {
	for {
		m, err := read(l.server)
		if err != nil {
			return
		}
		l.mu.Lock()
		u := l.now
		l.mu.Unlock()
		if u == nil {
			if _, err := l.client.Write(m); err != nil {
				return
			}
			continue
		}
		if u.first == 0 {
			u.first = len(m)
		}
		u.reply = append(u.reply, m...)
		l.p.mu.Lock()
		switch m.kind() {
		case 'C':
			u.at.Tag = m.tag()
		case 'E':
			u.at.Refused = m.code()
		}
		l.p.mu.Unlock()
		if m.kind() != 'Z' { // not yet ready for the next
			continue
		}
		l.finish()
		if !l.reply(u) {
			return
		}
	}
}

// finish ends the statement under way.
func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil {
		close(l.now.done)
		l.now = nil
	}
}

// reply gives the client the reply, or not; false if the connection is to end.
func (l *link) reply(u *underway) bool {
	switch u.fate {
	case CutAfter, Overtaken:
		return false
	case CutReply:
		_, _ = l.client.Write(u.reply[:u.first/2])
		return false
	case ResetAfter:
		if c, ok := l.client.(*net.TCPConn); ok {
			_ = c.SetLinger(0)
		}
		return false
	case Never:
		return true
	case Late:
		<-u.release
	}
	_, err := l.client.Write(u.reply)
	return err == nil
}
