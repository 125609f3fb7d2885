// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bufio"
	"context"
	_ "embed" // the sources of the peers
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

//go:embed peers/Peer.java
var javaSource []byte

//go:embed peers/peer.js
var nodeSource []byte

//go:embed peers/peer.py
var pythonSource []byte

// maxLine bounds what a peer says at once, in octets.
const maxLine = 64 << 10

// A language is one in which a peer is written: a program that serves, and at the
// same time asks what it is told to. It starts once, since a Java machine is slow to.
type language struct {
	name   string
	args   []string // the program and its arguments before the source's name
	file   string
	source []byte
	// identity is the form of a certificate that it takes.
	identity func(Holder) string
	stores   bool // it wants a trust store, not PEM
}

var languages = []language{
	{"Java", []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"}, "Peer.java", javaSource, pkcs12, true},
	{"Node.js", []string{"node"}, "peer.js", nodeSource, pkcs12, false},
	{"Python", []string{"python3"}, "peer.py", pythonSource, keyCert, false},
}

func pkcs12(h Holder) string  { return h.PKCS12 }
func keyCert(h Holder) string { return h.KeyCert }

// A peer is a program of ours in another language. It ends when its input does.
type peer struct {
	language
	process *process
	port    int
	mu      sync.Mutex // held for one question and its answer
	in      *os.File
	lines   chan string // closed at the end of its output
}

// peer starts one, and waits until it says where it listens.
func (b *bench) peer(ctx context.Context, t testing.TB, l language) (*peer, error) {
	source := filepath.Join(b.dir, l.file)
	if err := os.WriteFile(source, l.source, 0o600); err != nil {
		return nil, err
	}
	path, err := tool(l.args[0])
	if err != nil {
		return nil, err
	}
	trust := Store{Path: b.files.Bundle}
	if l.stores {
		trust = b.files.Stores[0]
	}
	s := b.files.Server
	args := append(append([]string{}, l.args[1:]...), source, l.identity(s), s.Password, trust.Path, trust.Password, b.files.CRLs)
	c := command(context.WithoutCancel(ctx), path, args...)
	theirs, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, theirs.Close(), in.Close())
	}
	c.Stdin = theirs
	p := &peer{language: l, in: in, lines: make(chan string)}
	p.process, err = b.spawn(t, l.name, c)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	t.Cleanup(func() { _ = in.Close() }) // it ends of itself then
	go func() {
		defer close(p.lines)
		scan := bufio.NewScanner(out)
		scan.Buffer(nil, maxLine)
		for scan.Scan() {
			select {
			case p.lines <- scan.Text():
			case <-p.process.done:
				return
			}
		}
	}()
	line, err := p.line(ctx)
	if err != nil {
		return nil, err
	}
	p.port, err = strconv.Atoi(line)
	return p, err
}

// line waits for one.
func (p *peer) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.lines:
		if !ok {
			return "", fmt.Errorf("it ended: %s", p.process.tail())
		}
		return line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("it says nothing: %w: %s", ctx.Err(), p.process.tail())
	}
}

// ask has the peer be the client.
func (p *peer) ask(ctx context.Context, c call) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	question := strings.Join([]string{strconv.Itoa(c.port), c.host, p.identity(c.holder), c.holder.Password, c.trust.Path, c.trust.Password}, "\t")
	if _, err := p.in.WriteString(question + "\n"); err != nil {
		return "", err
	}
	line, err := p.line(ctx)
	if err != nil {
		return "", err
	}
	kind, text, _ := strings.Cut(line, "\t")
	switch kind {
	case "answer":
		return welcome(text)
	case "distrust":
		return "", fmt.Errorf("%w: %s", errDistrust, text)
	case "refused":
		return "", fmt.Errorf("%w: %s", errRefused, text)
	}
	return "", errors.New(line)
}
