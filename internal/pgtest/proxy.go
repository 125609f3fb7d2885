// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net"
	"net/url"
	"sync"
)

// A Fate is what becomes of a statement on its way through a Proxy.
type Fate int

const (
	// Pass lets statement and reply through.
	Pass Fate = iota
	// CutBefore ends both connections instead of handing the statement on.
	CutBefore
	// CutWithin ends both when half of the statement's octets are with the server.
	CutWithin
	// CutAfter ends both when the server has done the statement: its reply is lost.
	CutAfter
	// CutReply is CutAfter, with half of the reply's first message handed on.
	CutReply
	// ResetAfter is CutAfter, and the client gets a reset instead of an end.
	ResetAfter
	// Late keeps the reply until Release.
	Late
	// Never keeps the reply for good; the client's connection stays.
	Never
	// Overtaken ends the client's connection, and hands the statement on at Release
	// only: what the network had under way when the client gave up.
	Overtaken
)

// A Statement is what the proxy saw of one: a query, or a prepared statement that
// is made, or one that is run with parameters.
type Statement struct {
	// Conn is the connection it came by, from 1.
	Conn int
	// Text is its SQL. Made is set when it is prepared alone and not run.
	Text string
	Made bool
	// Values is the SHA-256 of the parameters.
	Values [32]byte
	// Fate is what became of it.
	Fate Fate
	// Arrived says that the server has all of it; Tag is the server's word for what
	// it did, such as COMMIT, whether or not anybody was told; Refused is the
	// SQLSTATE of its error.
	Arrived      bool
	Tag, Refused string
}

// A Proxy stands between a client and a server, knows the statements on the wire
// by PostgreSQL's protocol 3, and cuts where it is told. It has no TLS.
type Proxy struct {
	listener net.Listener
	server   *Server
	links    sync.WaitGroup

	mu      sync.Mutex
	decide  func(Statement) Fate
	record  []*Statement
	conns   int
	cancels int
	open    map[net.Conn]bool
	release chan struct{}
	closed  bool
}

// NewProxy makes a proxy for a server. It passes everything until Decide.
func NewProxy(s *Server) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, server: s, open: map[net.Conn]bool{}, release: make(chan struct{})}
	p.links.Go(p.accept)
	return p, nil
}

// DSN is Server.DSN by way of the proxy.
func (p *Proxy) DSN(database string) string {
	u, err := url.Parse(p.server.DSN(database))
	if err != nil {
		return err.Error()
	}
	u.Host = p.listener.Addr().String()
	return u.String()
}

// Decide has each statement from now on judged. The function is called by one
// goroutine at a time, before the server sees the statement, and must not call the
// proxy.
func (p *Proxy) Decide(fate func(Statement) Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = fate
}

// Record gives all statements so far, in the order in which they came.
func (p *Proxy) Record() []Statement {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Statement, len(p.record))
	for i, s := range p.record {
		out[i] = *s
	}
	return out
}

// Forget drops the record.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.record = nil
}

// Cancels counts the requests to cancel what another connection runs.
func (p *Proxy) Cancels() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cancels
}

// Release lets go what Late and Overtaken hold now.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.release)
	p.release = make(chan struct{})
}

// Close ends all connections, and waits for that.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	close(p.release)
	p.release = make(chan struct{})
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.links.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.keep(c) {
			return
		}
		p.links.Go(func() {
			l := &link{p: p, client: c, prepared: map[string]string{}}
			l.run()
			for _, c := range []net.Conn{l.client, l.server} {
				if c != nil {
					p.drop(c)
				}
			}
		})
	}
}

// keep notes a connection that Close must end; false if it came too late.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// judge decides on a statement, and writes it down.
func (p *Proxy) judge(s Statement) (at *Statement, fate Fate, release <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decide != nil {
		s.Fate = p.decide(s)
	}
	p.record = append(p.record, &s)
	return &s, s.Fate, p.release
}

// A message is one of the protocol, whole.
type message []byte

func (m message) kind() byte   { return m[0] }
func (m message) body() []byte { return m[5:] }

// word takes a text that ends with a zero off the front of b.
func word(b []byte) (text string, rest []byte) {
	before, after, _ := bytes.Cut(b, []byte{0})
	return string(before), after
}

// tag is what a CommandComplete says was done.
func (m message) tag() string {
	t, _ := word(m.body())
	return t
}

// code is the SQLSTATE of an ErrorResponse.
func (m message) code() string {
	for rest := m.body(); len(rest) > 1; {
		field := rest[0]
		var text string
		if text, rest = word(rest[1:]); field == 'C' {
			return text
		}
	}
	return ""
}

// A cycle is what a client sends before it waits for the server to be ready: a
// query, or messages up to a Sync.
type cycle struct {
	octets []byte
	Statement
}

// take adds a message, and tells whether the cycle is whole.
func (c *cycle) take(m message, prepared map[string]string) bool {
	c.octets = append(c.octets, m...)
	switch m.kind() {
	case 'Q':
		c.Text, _ = word(m.body())
		return true
	case 'P':
		name, rest := word(m.body())
		prepared[name], _ = word(rest)
		c.Text, c.Made = prepared[name], true
	case 'B':
		_, rest := word(m.body())
		name, rest := word(rest)
		c.Text, c.Values = prepared[name], sha256.Sum256(rest)
	case 'E':
		c.Made = false
	case 'S':
		return true
	}
	return false
}

// errTooLong is of a message that is not of the protocol.
var errTooLong = errors.New("a message of more than 64 MiB")

// size reads the length of a message, itself included.
func size(b []byte) (int, error) {
	n := binary.BigEndian.Uint32(b)
	if n < 4 || n > 64<<20 {
		return 0, errTooLong
	}
	return int(n), nil
}
