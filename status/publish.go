// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"chancery/ca"
	"chancery/internal/whole"
)

const (
	// reissue is how old a list may get while nothing is revoked (security rule
	// RV-04). It is a seventh of its life, so that a service that was down for days
	// leaves no gap.
	reissue = 24 * time.Hour
	// settleDown is the least time between two lists of an authority that nobody
	// asked for: many revocations share one, and each is on a list within a minute
	// (RV-02).
	settleDown = 5 * time.Second
	// lookAgain is how often it is looked whether a list is missing: a generation that
	// was just made has none.
	lookAgain = 15 * time.Second
	// tryAgain is when a list is tried again that could not be made: its key may be
	// locked, or the signer away.
	tryAgain = 15 * time.Second
	// soon is when it is tried again while front and signer come to terms.
	soon = 200 * time.Millisecond
	// maxList bounds what is taken from the signer, in octets.
	maxList = 1 << 30
)

// A Signer makes lists.
type Signer interface {
	// CRL has the complete list of an authority made, valid for so many days, zero for
	// the usual, and gives it in DER, to be read to its end and closed.
	CRL(ctx context.Context, authority string, days int) (ca.List, io.ReadCloser, error)
}

// A Publisher keeps the newest list of each authority in a directory, from which
// it is served. It decides when a new one is made, and never what is on it.
type Publisher struct {
	o      Options
	signer Signer

	// making is held while a list is made and put in its place.
	making sync.Mutex

	mu   sync.Mutex
	due  map[string]bool // authorities with something new to tell
	wake chan struct{}
}

// NewPublisher makes a publisher that keeps o.Lists.
func NewPublisher(o Options, s Signer) *Publisher {
	return &Publisher{o: o, signer: s, due: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Revoked notes that an authority's list lacks something. It does not wait.
func (p *Publisher) Revoked(authority string) {
	p.mark(authority)
	select {
	case p.wake <- struct{}{}:
	default: // it is to be woken already
	}
}

// mark notes that a list is due.
func (p *Publisher) mark(authority string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due[authority] = true
}

// Run keeps the lists of all issuing authorities fresh until ctx ends: a new one at
// the start, since what was revoked as the last process died may be on none, after
// revocations, and once a day; the first soon after the authority was made, the last
// when it has ended: one that is retired lists on (BK-05).
func (p *Publisher) Run(ctx context.Context) error {
	for first := true; ; first = false {
		next := p.round(ctx, first)
		t := time.NewTimer(next)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		case <-p.wake:
			t.Stop()
			if err := pause(ctx, settleDown); err != nil {
				return err
			}
		}
	}
}

// round makes every list that is due, and says when to look again.
func (p *Publisher) round(ctx context.Context, all bool) (next time.Duration) {
	authorities, err := p.o.Shelf.Authorities(ctx)
	if err != nil || len(authorities) == 0 {
		return settleDown // a founding is being settled, or the book is away
	}
	next = lookAgain
	for _, a := range authorities {
		if a.Kind != ca.Issuing || !a.Lists(p.o.Now()) {
			continue
		}
		h, err := p.head(a.Name)
		if !all && err == nil && !p.take(a.Name) && p.o.Now().Sub(h.this).Abs() < reissue {
			continue
		}
		if _, err := p.publish(ctx, a.Name, 0); err != nil && ctx.Err() == nil {
			next = min(next, p.later(a.Name, err))
		}
	}
	return next
}

// later says when a list is tried again. A session that a newer one closed, as at
// every start, and a key that is locked, are no faults.
func (p *Publisher) later(authority string, err error) time.Duration {
	var why *ca.Problem
	switch {
	case errors.As(err, &why) && why.Code == ca.E1402:
		return soon
	case errors.As(err, &why) && why.Code == ca.E3001:
		p.o.Log.Info("a revocation list waits for its key to be unlocked", "authority", authority)
		return tryAgain
	}
	p.o.Log.Error("a revocation list cannot be made", "authority", authority, "error", err)
	return tryAgain
}

// take tells whether a list is due, and that it is being made.
func (p *Publisher) take(authority string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := p.due[authority]
	delete(p.due, authority)
	return due
}

// Publish has the list of an authority made and puts it in its place, whole, once
// it is on stable storage: a reader sees the list before or this one. An older
// list never takes the place of a newer one. What cannot be made now, Run makes
// later.
func (p *Publisher) Publish(ctx context.Context, authority string, days int) (ca.List, error) {
	l, err := p.publish(ctx, authority, days)
	if err != nil {
		p.Revoked(authority)
	}
	return l, err
}

func (p *Publisher) publish(ctx context.Context, authority string, days int) (l ca.List, err error) {
	p.making.Lock()
	defer p.making.Unlock()
	p.take(authority)
	defer func() {
		if err != nil {
			p.mark(authority)
		}
	}()
	l, body, err := p.signer.CRL(ctx, authority, days)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	before, err := p.head(authority)
	if err == nil && before.number >= l.Number {
		return l, fmt.Errorf("the signer gave list %d of %s, and list %d is published", l.Number, authority, before.number)
	}
	return l, Place(p.o.Lists, authority, io.LimitReader(body, maxList))
}

// Place puts a list into a directory of lists, in one step.
func Place(dir, authority string, list io.Reader) error {
	// A restore may have left the folder out: what it holds can be made again.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of lists: %w", err)
	}
	f, err := whole.Beside(listPath(dir, authority), 0o600)
	if err != nil {
		return fmt.Errorf("make the file of a list: %w", err)
	}
	size, err := io.Copy(f, list)
	if err == nil {
		_, err = readHead(f, size) // what is not whole does not end in a number
	}
	if err == nil {
		err = f.Replace()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("publish the list of %s: %w", authority, err)
	}
	return nil
}

func listPath(dir, authority string) string { return filepath.Join(dir, authority+".crl") }

// listName tells whether an authority can have the name: others are no part of a path.
func listName(authority string) bool {
	return authority != "" && strings.Trim(authority, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// head reads what the published list says of itself; fs.ErrNotExist if there is none.
func (p *Publisher) head(authority string) (head, error) {
	f, h, err := open(p.o.Lists, authority)
	if err != nil {
		return h, err
	}
	return h, f.Close()
}

// pause waits, or gives ctx's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// open gives a published list; fs.ErrNotExist if there is none.
func open(dir, authority string) (*os.File, head, error) {
	f, err := os.Open(listPath(dir, authority))
	if err != nil {
		return nil, head{}, err
	}
	st, err := f.Stat()
	var h head
	if err == nil {
		h, err = readHead(f, st.Size())
	}
	if err != nil {
		return nil, h, errors.Join(err, f.Close())
	}
	return f, h, nil
}
