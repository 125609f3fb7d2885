// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
)

// errDistrust is a client's refusal of a server's certificate.
var errDistrust = errors.New("the client does not trust the server")

// errRefused is a server's refusal of a client: no answer, or another than the one
// for those who are let in.
var errRefused = errors.New("the server refused")

// A fate is how an encounter of a client and a server must end.
type fate int

const (
	admitted fate = iota
	refused
	distrusted
)

func (f fate) String() string {
	return [...]string{"is let in by", "is refused by", "does not trust"}[f]
}

// A sentence says how one encounter must end.
type sentence struct {
	client client
	call   call
	who    string // in words
	server server
	want   fate
}

func (s sentence) String() string {
	return fmt.Sprintf("%s as %s %s %s", s.client.name, s.who, s.want, s.server.name)
}

// sentences are all that must be true. Those of refusal come first, so that the
// others show that the server was still there to refuse.
func (b *bench) sentences() []sentence {
	var all []sentence
	first := b.files.Clients[0]
	for _, s := range b.servers {
		for _, c := range b.clients(s) {
			say := func(who string, h Holder, want fate) {
				one := sentence{client: c, who: who, server: s, want: want,
					call: call{host: b.files.Host, port: s.port, as: h.Name, holder: h, trust: c.trust}}
				if h.Name == "" {
					one.call.as = first.Name // PostgreSQL wants a name from everybody
				}
				if want == distrusted {
					one.call.trust = Store{Path: b.foreign}
				}
				all = append(all, one)
			}
			say("nobody", Holder{}, refused)
			say("a stranger by the name of "+b.stranger.Name, b.stranger, refused)
			for _, h := range b.files.Refused {
				say(h.Name, h, refused)
			}
			say("somebody with the wrong root", Holder{}, distrusted)
			for _, h := range b.files.Clients {
				say(h.Name, h, admitted)
				if s.sql && h.Name != first.Name {
					say(h.Name+" at the account of "+first.Name, h, refused)
					all[len(all)-1].call.as = first.Name
				}
			}
		}
	}
	return all
}

// faults tries the sentences, those of different servers at once, and gives those
// that are not true.
func (b *bench) faults(all []sentence) []string {
	var mu sync.Mutex // guards found, for an append
	var found []string
	var wait sync.WaitGroup
	for _, server := range b.servers {
		wait.Go(func() {
			for _, s := range all {
				if s.server.name != server.name {
					continue
				}
				if err := s.try(); err != nil {
					mu.Lock()
					found = append(found, fmt.Sprintf("it is not so that %s: %v", s, err))
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	slices.Sort(found)
	return found
}

// try has client and server meet.
func (s sentence) try() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := s.client.ask(ctx, s.call)
	switch {
	case s.want == distrusted && errors.Is(err, errDistrust), s.want == refused && errors.Is(err, errRefused):
		return nil
	case err != nil:
		return err
	case s.want != admitted:
		return fmt.Errorf("it was let in: %q", answer)
	}
	return s.seen(answer)
}

// seen says whether the server saw whom it was shown.
func (s sentence) seen(answer string) error {
	if !strings.Contains(answer, s.call.holder.Name) {
		return fmt.Errorf("%q does not name it", answer)
	}
	serial, err := s.call.holder.serial()
	if err != nil {
		return err
	}
	if s.server.serial != "" && !strings.Contains(answer, fmt.Sprintf(s.server.serial, serial)) {
		return fmt.Errorf("%q does not have its serial number %X", answer, serial)
	}
	return nil
}

// certificates reads a chain.
func (h Holder) certificates() ([]*x509.Certificate, error) {
	text, err := os.ReadFile(h.Chain)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", h.Chain, err)
		}
		chain = append(chain, c)
	}
	if len(chain) < 2 {
		return nil, fmt.Errorf("read %s: a certificate and its authority's were expected, not %d", h.Chain, len(chain))
	}
	return chain, nil
}

func (h Holder) serial() (*big.Int, error) {
	chain, err := h.certificates()
	if err != nil {
		return nil, err
	}
	return chain[0].SerialNumber, nil
}
