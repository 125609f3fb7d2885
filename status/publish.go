// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

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
	// bigList is what a complete list has, in octets, that takes a second to make: some
	// 400 000 entries. It is not made for each revocation. A compromised key is on it as soon
	// as on any; the others wait gather, so that they are on it within a quarter of an hour
	// (RV-02), and stand on the delta and the shards meanwhile.
	bigList = 16 << 20
	gather  = 10 * time.Minute
	// lookAgain is how often it is looked whether a list is missing: a generation that
	// was just made has none.
	lookAgain = 15 * time.Second
	// tryAgain is when a list is tried again that could not be made: its key may be
	// locked, or the signer away.
	tryAgain = 15 * time.Second
	// soon is when it is tried again while front and signer come to terms, or the signer is
	// busy with another set.
	soon = 200 * time.Millisecond
	// maxList bounds what is taken from the signer, in octets.
	maxList = 1 << 30
)

// A Signer makes lists.
type Signer interface {
	// Lists has lists of an authority made and hands each in DER to take, the complete one
	// first, which reads it to its end.
	Lists(ctx context.Context, q ca.ListWish, take func(ca.List, io.Reader) error) error
	// Newest is the number of the newest list of a name that a ceremony made, as the signer
	// told at the last hello; 0 is not known.
	Newest(name string) int64
}

// A Publisher keeps the newest lists of each authority in a directory, from which
// they are served. It decides when a new one is made, and never what is on it.
type Publisher struct {
	o      Options
	signer Signer

	running atomic.Bool // whether Run is

	placed inPlace

	// making is held while a list is made and put in its place.
	making sync.Mutex

	mu    sync.Mutex
	news  map[string]news  // of authorities with something to tell
	stuck map[string]error // of those whose lists could not be made at the last try
	// sealed are the lists of keys that ceremonies open, by name.
	sealed map[string]sealedList
	wake   chan struct{}
}

// News are what an authority's lists lack.
type news struct {
	// fresh says that a delta and the shards lack something, complete when the complete
	// list must be made; zero is never. all says that every list must be made: some may have
	// been and did not arrive, and the signer does not make a shard again because nobody has
	// it.
	fresh, all bool
	complete   time.Time
}

// due notes that a delta and the shards are due, the complete list by a time.
func (n *news) due(by time.Time) {
	if n.fresh = true; n.complete.IsZero() || by.Before(n.complete) {
		n.complete = by
	}
}

// NewPublisher makes a publisher that keeps o.Lists.
func NewPublisher(o Options, s Signer) *Publisher {
	return &Publisher{o: o, signer: s, news: map[string]news{}, stuck: map[string]error{}, sealed: map[string]sealedList{}, wake: make(chan struct{}, 1)}
}

// Revoked notes that an authority's lists lack something. It does not wait.
func (p *Publisher) Revoked(authority string, why ca.Reason) {
	by := p.o.Now()
	if !why.Compromises() && p.big(authority) {
		by = by.Add(gather)
	}
	p.mark(authority, by)
	p.nudge()
}

// nudge has Run look soon.
func (p *Publisher) nudge() {
	select {
	case p.wake <- struct{}{}:
	default: // it is to be woken already
	}
}

// big tells whether the complete list takes its time.
func (p *Publisher) big(authority string) bool {
	h, err := p.head(authority)
	return err == nil && h.tbs.size > bigList
}

// mark notes that lists are due, the complete one by a time.
func (p *Publisher) mark(authority string, by time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.news[authority]
	n.due(by)
	p.news[authority] = n
}

// Waits says why what was revoked by an authority is on no list yet; nil if its lists lack
// nothing, or were not tried since.
func (p *Publisher) Waits(authority string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.news[authority].fresh {
		return nil
	}
	return p.stuck[authority]
}

// tried notes how the last try to make an authority's lists ended.
func (p *Publisher) tried(authority string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.stuck, authority)
		return
	}
	p.stuck[authority] = err
}

// take notes that a part of an authority's lists is made.
func (p *Publisher) take(authority string, part ca.ListPart) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.news[authority]
	n.fresh = false
	if part != ca.NewsLists {
		n.complete = time.Time{}
	}
	if part == ca.AllLists {
		n.all = false
	}
	if p.news[authority] = n; n == (news{}) {
		delete(p.news, authority)
	}
}

// untaken notes that lists of a part are due again, since an error came in the place of some.
// Those before it may be on the signer's log, unless it refused them: then no more is due than
// was, or whoever says hello again and again would have every list made each time.
func (p *Publisher) untaken(authority string, part ca.ListPart, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.news[authority]
	if n.fresh = true; part != ca.NewsLists {
		n.due(p.o.Now())
	}
	n.all = n.all || part == ca.AllLists || !refused(err)
	p.news[authority] = n
}

// refused tells whether the signer put no list on its log. What is unavailable may have been
// promised and lost.
func refused(err error) bool {
	var why *ca.Problem
	return errors.As(err, &why) && why.Kind != ca.UnavailableKind
}

// wants says which lists of an authority are due, if any.
func (p *Publisher) wants(authority string) (part ca.ListPart, due bool) {
	now := p.o.Now()
	if h, err := p.head(authority); err != nil || now.Sub(h.this).Abs() >= reissue {
		return ca.AllLists, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.news[authority]
	if n.all {
		return ca.AllLists, true
	}
	if !n.complete.IsZero() && !now.Before(n.complete) {
		return ca.ChangedLists, true
	}
	return ca.NewsLists, n.fresh
}

// Run keeps the lists of all issuing authorities fresh until ctx ends: new ones at
// the start, since what was revoked as the last process died may be on none, after
// revocations, and once a day; the first soon after the authority was made, the last
// when it has ended: one that is retired lists on (BK-05). A certificate that ends stays
// on the list of the day, and is on no later one (RV-05).
func (p *Publisher) Run(ctx context.Context) error {
	p.running.Store(true)
	defer p.running.Store(false)
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
		if !a.Lists(p.o.Now()) {
			continue
		}
		if a.Kind != ca.Issuing {
			p.watch(a)
			continue
		}
		part, due := p.wants(a.Name)
		if p.exchanged(a) || all {
			part, due = ca.AllLists, true
		}
		if !due {
			continue
		}
		if _, err := p.publish(ctx, ca.ListWish{Authority: a.Name, Part: part}); err != nil && ctx.Err() == nil {
			next = min(next, p.later(a.Name, err))
		}
	}
	return next
}

// exchanged tells whether a list of an authority is not the one that was published or found at
// the start, and is not newer, or is not the authority's. All are made again then.
func (p *Publisher) exchanged(a ca.Authority) (out bool) {
	p.making.Lock() // nothing is placed meanwhile
	defer p.making.Unlock()
	for _, scope := range a.ListScopes() {
		name := ca.ListName(a.Name, scope)
		if err := p.placed.exchanged(listPath(p.o.Lists, name), func() (int64, error) { return p.judge(a, name) }); err != nil {
			p.o.Log.Warn("a revocation list is not the one that was published: new ones are made", "list", name, "fault", err)
			out = true
		}
	}
	return out
}

// later says when a list is tried again. A session that a newer one closed, as at every
// start, an authority that was changed meanwhile, and a key that is locked, are no faults.
func (p *Publisher) later(authority string, err error) time.Duration {
	var why *ca.Problem
	switch {
	case errors.As(err, &why) && (why.Code == ca.E1402 || why.Code == ca.E2301 && why.Kind == ca.BusyKind):
		return soon
	case errors.As(err, &why) && why.Code == ca.E3006:
		p.o.Log.Info("a revocation list waits, since many were made", "authority", authority)
		return tryAgain
	case errors.As(err, &why) && why.Code == ca.E3001:
		p.o.Log.Info("a revocation list waits for its key to be unlocked", "authority", authority)
		return tryAgain
	}
	p.o.Log.Error("a revocation list cannot be made", "authority", authority, "error", err)
	return tryAgain
}

// Publish has lists of an authority made and puts them in their places, each whole,
// once it is on stable storage: a reader sees the list before or this one. An older
// list never takes the place of a newer one. What cannot be made now, Run makes
// later. It gives the complete list, or the delta if that was not made.
func (p *Publisher) Publish(ctx context.Context, q ca.ListWish) (ca.List, error) {
	l, err := p.publish(ctx, q)
	if err != nil {
		p.nudge()
	}
	return l, err
}

// publish does what Publish says. A reader who has the lists of two moments is told no
// wrong: the complete one stands by itself, and a delta that is as old as it, or older, is
// put upon nothing (RFC 5280 §5.2.4).
func (p *Publisher) publish(ctx context.Context, q ca.ListWish) (told ca.List, err error) {
	p.making.Lock()
	defer p.making.Unlock()
	if q.Part == ca.DueLists {
		var due bool
		if q.Part, due = p.wants(q.Authority); !due { // Run was faster
			h, err := p.head(q.Authority)
			return ca.List{Authority: q.Authority, Number: h.number, ThisUpdate: h.this, NextUpdate: h.next}, err
		}
		if q.Part == ca.NewsLists && !p.running.Load() {
			q.Part = ca.ChangedLists // nobody is there to make the complete list later
		}
	}
	if !p.ceremonial(ctx, q.Authority) {
		p.take(q.Authority, q.Part)
		defer func() {
			if err != nil {
				p.untaken(q.Authority, q.Part, err)
			}
			p.tried(q.Authority, err)
		}()
	}
	if h, err := p.head(q.Authority); err == nil { // what cannot be read nobody has
		q.Published = h.number
	}
	err = p.signer.Lists(ctx, q, func(l ca.List, body io.Reader) error {
		if l.Scope == ca.CompleteList || l.Scope == ca.DeltaList && told.Number == 0 {
			told = l
		}
		if before, err := p.head(l.Name()); err == nil && before.number >= l.Number {
			return fmt.Errorf("the signer gave list %d of %s, and list %d is published", l.Number, l.Name(), before.number)
		}
		err := Place(p.o.Lists, l.Name(), io.LimitReader(body, maxList))
		if err == nil {
			p.placed.placed(listPath(p.o.Lists, l.Name()), l.Number)
		}
		return err
	})
	return told, err
}

// ceremonial tells whether the key of an authority is opened at ceremonies alone: its lists are
// made there, and none is ever due here, whoever asks for one in vain.
func (p *Publisher) ceremonial(ctx context.Context, authority string) bool {
	all, err := p.o.Shelf.Authorities(ctx)
	i := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == authority })
	return err == nil && i >= 0 && all[i].Kind != ca.Issuing
}

// Place puts a list of a name (ca.ListName) into a directory of lists, in one step. Two
// ceremonies may bring theirs in another order than they were made: one that is older than
// what is there is refused (security rule RV-04).
func Place(dir, name string, list io.Reader) error {
	err := put(listPath(dir, name), list, func(f io.ReaderAt, size int64) error {
		h, err := readHead(f, size) // what is not whole does not end in a number
		if err != nil {
			return err
		}
		if before, _ := headOf(dir, name); before.number > h.number { // what cannot be read is replaced
			return fmt.Errorf("it is number %d, and number %d is there", h.number, before.number)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish the list of %s: %w", name, err)
	}
	return nil
}

// put writes a file of what is published, and has it take its place in one step if it
// passes: a reader sees the one before or all of it.
func put(path string, content io.Reader, passes func(f io.ReaderAt, size int64) error) error {
	// A restore may have left the folder out: what it holds can be made again.
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of what is published: %w", err)
	}
	f, err := whole.Beside(path, 0o600)
	if err != nil {
		return err
	}
	size, err := io.Copy(f, content)
	if err == nil {
		err = passes(f, size)
	}
	if err == nil {
		err = f.Replace()
	}
	return errors.Join(err, f.Close())
}

func listPath(dir, name string) string { return filepath.Join(dir, name+".crl") }

// listName tells whether a list can have the name: others are no part of a path.
func listName(name string) bool {
	authority, _, ok := ca.SplitListName(name)
	return ok && authorityName(authority)
}

// authorityName tells whether an authority can have the name.
func authorityName(authority string) bool {
	return authority != "" && strings.Trim(authority, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// head reads what the published list says of itself; fs.ErrNotExist if there is none.
func (p *Publisher) head(name string) (head, error) { return headOf(p.o.Lists, name) }

func headOf(dir, name string) (head, error) {
	f, h, err := open(dir, name)
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

// openFile opens a published file, or one that an outlet copied. Whoever can write there may
// have put something else in its place: opening a pipe would wait for ever for somebody who
// writes into it.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// open gives a published list; fs.ErrNotExist if there is none.
func open(dir, name string) (*os.File, head, error) {
	f, err := openFile(listPath(dir, name))
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
