// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"chancery/ca"
	"chancery/feed"
)

const (
	// feedAgain is how old a feed may get while nothing is revoked, and how long what was
	// issued is not covered at most.
	feedAgain = time.Hour
	// feedBase is how old a complete feed may get before another one is made: a delta grows
	// with what ended and was issued since. It grows to a tenth of its base at most, unless
	// it is smaller than smallDelta.
	feedBase   = 24 * time.Hour
	smallDelta = 4 << 10
	// feedShare is how much longer than making feeds takes the next is put off: revocations
	// without end cost a tenth of a core. feedPause bounds it.
	feedShare = 10
	feedPause = 10 * time.Minute
	// feedTries is how often a feed is made again at once, because something was revoked
	// while it was made.
	feedTries = 4
	// markWait is how long the book may be behind the signer, and markLook how often it is
	// asked.
	markWait, markLook = 10 * time.Second, 50 * time.Millisecond
	// maxLive bounds the certificates of a key: they are held in memory, at 20 octets each,
	// while a feed is made.
	maxLive = 1 << 24
	// liveSlack is how long a certificate that ended is still in feeds: clocks of those who
	// check go slow.
	liveSlack = 5 * time.Minute
)

// A FeedSigner signs feeds.
type FeedSigner interface {
	// FeedGround gives what a feed is made on, the revoked numbers in ascending order.
	FeedGround(ctx context.Context, authority string) (ca.FeedGround, [][20]byte, error)
	// SignFeed signs the body of a feed, and gives its file. A Problem E3005 that is a
	// Conflict says that something was revoked meanwhile.
	SignFeed(ctx context.Context, authority string, body, base []byte) (ca.Feed, []byte, error)
}

// A FeedBook has the certificates.
type FeedBook interface {
	// Mark is the leaf below which every certificate is in the book.
	Mark(ctx context.Context) (int64, error)
	// Logs is how many logs write in the book.
	Logs(ctx context.Context) (int, error)
	// Live hands out each serial number of a key that ends at a time or later.
	Live(ctx context.Context, issuerKey ca.Digest, from time.Time, each func(ca.Serial) error) error
}

// FeedOptions are what a Feeder needs. All must be set.
type FeedOptions struct {
	Options
	Signer FeedSigner
	Book   FeedBook
	Random io.Reader
}

// A Feeder keeps the compact feeds (docs/feed.md) of each authority beside its lists: the
// newest complete one that deltas stand on, and the newest delta. It makes them out of the
// book; the signer signs none that misses a revocation.
type Feeder struct {
	o FeedOptions

	// making is held while feeds are made and put in their places.
	making sync.Mutex

	placed inPlace

	mu  sync.Mutex
	due map[string]bool // authorities with news
	// spoilt are those whose complete feed is not the one that was published: no delta is
	// to stand on it.
	spoilt map[string]bool
	wake   chan struct{}
}

// NewFeeder makes a feeder of o.Lists.
func NewFeeder(o FeedOptions) *Feeder {
	return &Feeder{o: o, due: map[string]bool{}, spoilt: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Revoked notes that an authority's feeds lack something. It does not wait.
func (f *Feeder) Revoked(authority string) {
	f.mark(authority)
	select {
	case f.wake <- struct{}{}:
	default: // it is to be woken already
	}
}

func (f *Feeder) mark(authority string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due[authority] = true
}

// Run keeps the feeds of all authorities until ctx ends: new ones at the start, after
// revocations, and every hour.
func (f *Feeder) Run(ctx context.Context) error {
	for first := true; ; first = false {
		began := f.o.Now()
		next, made := f.round(ctx, first)
		rest := settleDown
		if made {
			rest = min(max(rest, feedShare*f.o.Now().Sub(began)), feedPause)
		}
		t := time.NewTimer(max(next, rest))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		case <-f.wake:
			t.Stop()
			if err := pause(ctx, rest); err != nil {
				return err
			}
		}
	}
}

// round makes all feeds that are due, and says when to look again.
func (f *Feeder) round(ctx context.Context, all bool) (next time.Duration, made bool) {
	authorities, err := f.o.Shelf.Authorities(ctx)
	if err != nil {
		return settleDown, false // the book is away
	}
	next = lookAgain
	for _, a := range authorities {
		if !a.Lists(f.o.Now()) {
			continue
		}
		if f.look(a); !all && !f.wanted(a.Name) {
			continue
		}
		made = true
		if _, err := f.Publish(ctx, a.Name); err != nil && ctx.Err() == nil {
			f.later(a, err)
			next = tryAgain
		}
	}
	return next, made
}

// wanted tells whether new feeds of an authority are due.
func (f *Feeder) wanted(authority string) bool {
	f.mu.Lock()
	due := f.due[authority]
	f.mu.Unlock()
	if due {
		return true
	}
	h, err := FeedHead(f.o.Lists, authority, true)
	return err != nil || f.o.Now().Sub(h.ThisUpdate).Abs() >= feedAgain
}

// look marks an authority one of whose feeds is not the one that was published or found at the
// start, and is not newer, or is not the authority's.
func (f *Feeder) look(a ca.Authority) {
	f.making.Lock() // nothing is placed meanwhile
	defer f.making.Unlock()
	for _, delta := range []bool{false, true} {
		err := f.placed.exchanged(feedPath(f.o.Lists, a.Name, delta), func() (int64, error) {
			h, err := GenuineFeed(f.o.Lists, a, delta)
			return h.Number, err
		})
		if err == nil {
			continue
		}
		f.o.Log.Warn("a compact feed is not the one that was published: a new one is made", "feed", ca.FeedName(a.Name, delta), "fault", err)
		f.mark(a.Name)
		if !delta {
			f.mu.Lock()
			f.spoilt[a.Name] = true
			f.mu.Unlock()
		}
	}
}

// Newest gives what the newest published feed of an authority says of itself, false if
// there is none.
func (f *Feeder) Newest(authority string) (ca.Feed, bool) {
	h, err := FeedHead(f.o.Lists, authority, true)
	return h, err == nil
}

// later notes a feed that could not be made, to be tried again. A closed session, a locked
// key, a responder that a ceremony makes, an unfinished start, and many feeds before are no
// faults.
func (f *Feeder) later(a ca.Authority, err error) {
	f.mark(a.Name)
	var why *ca.Problem
	if errors.As(err, &why) && (why.Code == ca.E1402 || why.Code == ca.E3001 || why.Code == ca.E3006 || why.Code == ca.E2301) {
		f.o.Log.Debug("a compact feed waits", "authority", a.Name, "error", err)
		return
	}
	f.o.Log.Error("a compact feed cannot be made", "authority", a.Name, "error", err)
}

// Publish makes the feeds of an authority and puts them in their places: a delta, and
// before it a complete one for it to stand on, if that is due. Each file is whole, and none
// takes the place of one with a higher number. What cannot be made stays as it was.
func (f *Feeder) Publish(ctx context.Context, authority string) (delta ca.Feed, err error) {
	f.making.Lock()
	defer f.making.Unlock()
	f.mu.Lock()
	delete(f.due, authority)
	f.mu.Unlock()
	a, err := f.authority(ctx, authority)
	if err != nil {
		return delta, err
	}
	for range feedTries {
		if delta, err = f.make(ctx, a); !missed(err) {
			break
		}
	}
	if err != nil {
		f.mark(authority)
	}
	return delta, err
}

// Plan says what feed Publish would make now, but for its number and dates: the complete one
// if it is due, or else the delta. It signs nothing.
func (f *Feeder) Plan(ctx context.Context, authority string) (ca.Feed, error) {
	f.making.Lock()
	defer f.making.Unlock()
	a, err := f.authority(ctx, authority)
	if err != nil {
		return ca.Feed{}, err
	}
	g, in, err := f.ground(ctx, a)
	if err != nil {
		return ca.Feed{}, err
	}
	body, base, err := f.next(in, f.base(a, g))
	if err != nil {
		return ca.Feed{}, err
	}
	// The head is one that nobody signs.
	read, err := feed.New(feed.Head{Issuer: a.Key, Number: g.Base + 1, ThisUpdate: g.Horizon, NextUpdate: g.Horizon.Add(time.Second), Algorithm: feed.Ed25519}, body, base)
	if err != nil {
		return ca.Feed{}, err
	}
	return ca.Feed{Authority: a.Name, Base: read.BaseNumber, Live: read.Live, Revoked: read.Revoked}, nil
}

// tooLarge tells whether a delta's holders had better have a new complete feed.
func tooLarge(body, base []byte) bool { return len(body) > max(smallDelta, len(base)/10) }

// missed tells whether something was revoked while a feed was made.
func missed(err error) bool {
	var why *ca.Problem
	return errors.As(err, &why) && why.Code == ca.E3005 && why.Kind == ca.ConflictKind
}

func (f *Feeder) authority(ctx context.Context, name string) (ca.Authority, error) {
	all, err := f.o.Shelf.Authorities(ctx)
	if err != nil {
		return ca.Authority{}, err
	}
	for _, a := range all {
		if a.Name == name {
			return a, nil
		}
	}
	return ca.Authority{}, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list")
}

// make makes feeds once.
func (f *Feeder) make(ctx context.Context, a ca.Authority) (ca.Feed, error) {
	g, in, err := f.ground(ctx, a)
	if err != nil {
		return ca.Feed{}, err
	}
	body, base, err := f.next(in, f.base(a, g))
	if err != nil {
		return ca.Feed{}, err
	}
	if base == nil {
		if _, base, err = f.signed(ctx, a, body, nil); err != nil {
			return ca.Feed{}, err
		}
		if body, err = f.body(in, base); err != nil {
			return ca.Feed{}, err
		}
	}
	about, _, err := f.signed(ctx, a, body, base)
	return about, err
}

// next builds the body of the feed that is to be signed next: a delta, and gives its base
// again, or a complete one without a base, where there is none or the delta had grown too
// large.
func (f *Feeder) next(in feed.Input, base []byte) (body, on []byte, err error) {
	body, err = f.body(in, base)
	if err == nil && base != nil && tooLarge(body, base) {
		base = nil
		body, err = f.body(in, nil)
	}
	return body, base, err
}

// body builds a feed, a delta if it is given the file of its base. The seed is another one
// each time: nobody can have asked for certificates that fit it badly.
func (f *Feeder) body(in feed.Input, base []byte) (body []byte, err error) {
	if _, err := io.ReadFull(f.o.Random, in.Seed[:]); err != nil {
		return nil, fmt.Errorf("draw the seed of a feed: %w", err)
	}
	if base != nil {
		if in.Base, err = feed.Parse(base, nil); err != nil {
			return nil, err
		}
	}
	return feed.Build(in)
}

// signed has a body signed and puts the file in its place. It is read once more: what does
// not parse is of no use to anybody.
func (f *Feeder) signed(ctx context.Context, a ca.Authority, body, base []byte) (ca.Feed, []byte, error) {
	about, file, err := f.o.Signer.SignFeed(ctx, a.Name, body, base)
	if err != nil {
		return about, nil, err
	}
	if read, err := feed.Parse(file, base); err != nil || read.Issuer != a.Key {
		return about, nil, errors.Join(err, fmt.Errorf("the signer gave something else than feed %d of %s", about.Number, a.Name))
	}
	if err := placeFeed(f.o.Lists, a.Name, base != nil, bytes.NewReader(file)); err != nil {
		return about, file, err
	}
	f.placed.placed(feedPath(f.o.Lists, a.Name, base != nil), about.Number)
	if base == nil {
		f.mu.Lock()
		delete(f.spoilt, a.Name)
		f.mu.Unlock()
	}
	return about, file, nil
}

// base is the file of the complete feed that a delta can stand on, or nil: the one that the
// signer signed last, and a day old at most.
func (f *Feeder) base(a ca.Authority, g ca.FeedGround) []byte {
	f.mu.Lock()
	spoilt := f.spoilt[a.Name]
	f.mu.Unlock()
	file, h, err := readFeed(f.o.Lists, a.Name, false)
	if spoilt || err != nil || h.Number != g.Base || f.o.Now().Sub(h.ThisUpdate).Abs() >= feedBase {
		return nil // and what is there is replaced
	}
	if read, err := feed.Parse(file, nil); err != nil || read.Issuer != a.Key {
		return nil
	}
	return file
}

// ground reads what a feed is made of, once the book has all that the signer numbered up to
// the horizon.
func (f *Feeder) ground(ctx context.Context, a ca.Authority) (g ca.FeedGround, in feed.Input, err error) {
	g, revoked, err := f.o.Signer.FeedGround(ctx, a.Name)
	if err != nil {
		return g, in, err
	}
	if err := f.await(ctx, g.Leaves); err != nil {
		return g, in, err
	}
	var live [][20]byte
	err = f.o.Book.Live(ctx, a.Key, g.Now.Add(-liveSlack), func(s ca.Serial) error {
		if len(live) == maxLive {
			return fmt.Errorf("%s has more than %d certificates, too many for a feed", a.Name, maxLive)
		}
		live = append(live, wide(s.Bytes()))
		return nil
	})
	if err != nil {
		return g, in, err
	}
	if err := f.alone(ctx, a); err != nil {
		return g, in, err
	}
	// The book's order is that of the text, which is not that of the numbers.
	slices.SortFunc(live, func(x, y [20]byte) int { return bytes.Compare(x[:], y[:]) })
	return g, feed.Input{Live: inOrder(slices.Compact(live)), Revoked: inOrder(revoked), Horizon: g.Horizon}, nil
}

// alone refuses a feed where another node writes in the same book: its signer numbers
// certificates below this one's horizon that are not in the book yet, and knows revocations
// that this one does not. A feed would call them good, and what is signed cannot be taken
// back. It is asked after Live, so that whoever came before that is seen.
func (f *Feeder) alone(ctx context.Context, a ca.Authority) error {
	logs, err := f.o.Book.Logs(ctx)
	if err != nil || logs == 1 {
		return err
	}
	return ca.Refused(ca.E3005, fmt.Sprintf("no feed of %s is made: %d logs write in this database", a.Name, logs), "publish.feed = \"no\"; devices ask OCSP or take lists").
		Because("a feed is made of one log, and would call good what another one has revoked")
}

// await waits until the book has all below a leaf.
func (f *Feeder) await(ctx context.Context, leaves int64) error {
	for deadline := f.o.Now().Add(markWait); ; {
		mark, err := f.o.Book.Mark(ctx)
		if err != nil || mark >= leaves {
			return err
		}
		if f.o.Now().After(deadline) {
			return ca.Unavailable(ca.E2301, fmt.Sprintf("the database has what is below leaf %d, and a feed needs all below %d", mark, leaves), "try again; chancery doctor says what keeps it")
		}
		if err := pause(ctx, markLook); err != nil {
			return err
		}
	}
}

// inOrder gives numbers, as often as they are asked for.
func inOrder(all [][20]byte) func() iter.Seq2[ca.Serial, error] {
	return func() iter.Seq2[ca.Serial, error] {
		return func(yield func(ca.Serial, error) bool) {
			for i := range all {
				if !yield(ca.SerialFromBytes(all[i][:])) {
					return
				}
			}
		}
	}
}
