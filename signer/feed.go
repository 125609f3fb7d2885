// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/encode"
	"chancery/feed"
	"chancery/internal/faults"
	"chancery/signer/journal"
)

const (
	// MaxFeed bounds the body of a feed, and the file of its base, in octets: those of a
	// hundred million revoked certificates among a billion.
	MaxFeed = 64 << 20
	// feedSlack is how long a certificate that ended is still said to be revoked to whoever
	// makes a feed: the making takes its time, and its clock may be another.
	feedSlack = 5 * time.Minute
)

// fed is what is known of the feeds of a key: the newest number, and the newest complete
// one, which deltas stand on, by the SHA-256 of what was signed of it.
type fed struct {
	number int64
	base   int64
	signed ca.Digest
}

// A fedKind is one of the two feeds of a key.
type fedKind struct {
	key   ca.Digest
	delta bool
}

// feedPaced counts a feed that is about to be made. The caller holds feeding.
func (s *Signer) feedPaced(a *authority, delta bool, now time.Time) error {
	s.revoking.Lock()
	steps, leaves := s.revokedOf(a.Key).steps(), s.journal.Size()
	s.revoking.Unlock()
	kind := fedKind{a.Key, delta}
	err := paced(s.feedPaces, a, since(steps, s.feedLeaves[kind]), 1, now)
	if err == nil {
		s.feedLeaves[kind] = leaves
	}
	return err
}

// FeedGround gives what a feed of an authority is to be made on: what the signer knows
// of its key's certificates that are revoked, held, or void, in ascending order, and up to
// when the book has the others.
func (s *Signer) FeedGround(session int64, authority string) (g ca.FeedGround, revoked [][20]byte, err error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, err := s.feedable(session, authority)
	if err != nil {
		return g, nil, err
	}
	// A ceremony makes certificates of authorities, with numbers that it drew some time ago.
	if !s.ceremonies.TryLock() {
		return g, nil, ca.Busy(ca.E2301, "a ceremony is under way, and feeds wait for its end", "try again in a moment")
	}
	defer s.ceremonies.Unlock()
	s.feeding.Lock()
	g.Base = s.feeds[a.Key].base
	s.feeding.Unlock()
	if g.Now, g.Horizon, g.Leaves, err = s.horizon(); err != nil {
		return g, nil, err
	}
	s.revoking.Lock()
	steps := s.revokedOf(a.Key).steps()
	s.revoking.Unlock()
	for one := range standing(steps, g.Now.Add(-feedSlack)) {
		revoked = append(revoked, one.serial)
	}
	g.Revoked = len(revoked)
	return g, revoked, nil
}

// standing are the steps by which something is revoked that ends at a time or later.
func standing(steps iter.Seq[step], from time.Time) iter.Seq[step] {
	return func(yield func(step) bool) {
		for one := range steps {
			if !one.lifted() && one.ends >= from.Unix() && !yield(one) {
				return
			}
		}
	}
}

// feedable is the authority that a feed is wanted of.
func (s *Signer) feedable(session int64, name string) (*authority, error) {
	if err := s.current(session); err != nil {
		return nil, err
	}
	if err := s.failure(); err != nil {
		return nil, err
	}
	a := s.rules.Load().authorities[name]
	switch {
	case a == nil:
		return nil, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list")
	case a.External:
		return nil, a.elsewhere()
	}
	return a, nil
}

// SignFeed puts a head before the body of a feed (feed.Build) and signs it, with the key of
// the authority's OCSP responder, or its own if that answers OCSP. base is the file of the complete feed that a delta stands
// on, empty for a complete one. The signer does not know what else is live, and believes the
// filter nothing: it asks it about each revocation that was answered before the call. What
// is refused is E3005, a Conflict if only something was revoked meanwhile; E3006 refuses what
// is asked for too often.
func (s *Signer) SignFeed(session int64, authority string, body, base []byte) (about ca.Feed, file []byte, err error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, err := s.feedable(session, authority)
	if err != nil {
		return about, nil, err
	}
	if s.full() {
		return about, nil, nearlyFull()
	}
	if len(body) > MaxFeed || len(base) > MaxFeed {
		return about, nil, unfeedable(a.Name, fmt.Errorf("it has more than %d octets", MaxFeed))
	}
	s.feeding.Lock()
	defer s.feeding.Unlock()
	now, err := s.clock.read()
	if err != nil {
		return about, nil, err
	}
	now = now.UTC().Truncate(time.Second)
	by, err := s.speaker(s.rules.Load(), a, now)
	if err != nil {
		return about, nil, err
	}
	if err := s.feedPaced(a, len(base) > 0, now); err != nil {
		return about, nil, err
	}
	f, leaves, err := s.fitting(a, by, now, body, base)
	if err != nil {
		return about, nil, err
	}
	about = ca.Feed{Authority: a.Name, Number: f.Number, Base: f.BaseNumber, ThisUpdate: f.ThisUpdate, NextUpdate: f.NextUpdate, Live: f.Live, Revoked: f.Revoked}
	if err := s.promiseFeed(a, ca.FeedBody{Feed: about, Leaves: leaves}, digest(f.Message())); err != nil {
		return about, nil, err
	}
	faults.Point("feed-promised")
	sig, err := by.sign(f.Message(), true)
	if err != nil {
		s.fail(err)
		return about, nil, err
	}
	file, err = f.Signed(sig)
	return about, file, err
}

// fitting makes the feed, if it says what the signer knows, and how many leaves that is of.
// The caller holds feeding.
func (s *Signer) fitting(a *authority, by *responder, now time.Time, body, base []byte) (*feed.Feed, int64, error) {
	last := s.feeds[a.Key]
	algorithm, err := feedAlgorithm(by.algorithm)
	if err != nil {
		return nil, 0, err
	}
	h := feed.Head{
		Issuer: a.Key, Number: max(now.UnixMilli(), last.number+1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, listDays),
		Algorithm: algorithm, Certificate: by.Certificate,
	}
	for _, end := range []time.Time{by.NotAfter, a.NotAfter} {
		if h.NextUpdate.After(end) {
			h.NextUpdate = end
		}
	}
	if !h.NextUpdate.After(now) {
		return nil, 0, a.answersNothing()
	}
	f, err := feed.New(h, body, base)
	if err == nil {
		err = last.carries(base)
	}
	if err == nil && f.Horizon.After(now.Add(-maxBehind)) {
		err = fmt.Errorf("its horizon is %s, and later certificates could be numbered below it", f.Horizon.Format(time.RFC3339))
	}
	if err != nil {
		return nil, 0, unfeedable(a.Name, err)
	}
	s.revoking.Lock()
	steps, leaves := s.revokedOf(a.Key).steps(), s.journal.Size()
	s.revoking.Unlock()
	if err := f.Check(serials(standing(steps, now))); err != nil {
		return nil, 0, ca.Conflict(ca.E3005, "the feed of "+a.Name+" misses a revocation", "make it again").Because(err.Error())
	}
	return f, leaves, nil
}

// feedAlgorithm is a signature algorithm as feeds number it.
func feedAlgorithm(name string) (feed.Algorithm, error) {
	_, hash, err := encode.SignatureAlgorithm(name)
	if err != nil || hash == 0 {
		return feed.Ed25519, err
	}
	first := feed.ECDSAWithSHA256
	if strings.HasPrefix(name, "rsa-") {
		first = feed.RSAWithSHA256
	}
	return first + feed.Algorithm(slices.Index([]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}, hash)), nil //nolint:gosec // one of the three
}

// carries tells why a delta cannot stand on a file: only what the signer signed last of the
// complete ones is good for it. An older one would be no lie, but nobody has it any more.
func (l fed) carries(base []byte) error {
	if len(base) == 0 {
		return nil
	}
	b, err := feed.Parse(base, nil)
	if err != nil {
		return fmt.Errorf("its base: %w", err)
	}
	if b.Number != l.base || digest(b.Message()) != l.signed {
		return fmt.Errorf("its base, feed %d, is not the newest complete one that was signed, %d", b.Number, l.base)
	}
	return nil
}

func unfeedable(name string, why error) error {
	return ca.Refused(ca.E3005, "the feed of "+name+" is not signed", "chancery audit verify").Because(why.Error())
}

// promiseFeed puts the leaf of a feed on the log, before the key is used. The number is
// given then, also if the process dies before anybody has the feed.
func (s *Signer) promiseFeed(a *authority, about ca.FeedBody, signed ca.Digest) error {
	body, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("write the feed's leaf: %w", err)
	}
	if _, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Feed, Issuer: a.Key, Digest: signed}, Body: body}}); err != nil {
		return fmt.Errorf("journal the feed: %w", err)
	}
	s.feeds[a.Key] = s.feeds[a.Key].then(about.Feed, signed)
	return nil
}

// then is what is known of a key's feeds after one more.
func (l fed) then(f ca.Feed, signed ca.Digest) fed {
	if l.number = max(l.number, f.Number); f.Base == 0 {
		l.base, l.signed = f.Number, signed
	}
	return l
}

// feedLeaf enters a FEED leaf. The newest complete one counts, and the newest delta.
func (m *memory) feedLeaf(rec journal.Record) (about string, err error) {
	if rec.Erased {
		return "", nil // it ended long ago
	}
	var f ca.Feed
	if err := json.Unmarshal(rec.Body, &f); err != nil {
		return "", err
	}
	m.feeds[rec.Leaf.Issuer] = m.feeds[rec.Leaf.Issuer].then(f, rec.Leaf.Digest)
	if f.Base == 0 {
		return "feed " + rec.Leaf.Issuer.String(), nil
	}
	return "delta " + rec.Leaf.Issuer.String(), nil
}

// serials are those of steps.
func serials(steps iter.Seq[step]) iter.Seq2[ca.Serial, error] {
	return func(yield func(ca.Serial, error) bool) {
		for one := range steps {
			if !yield(ca.SerialFromBytes(one.serial[:])) {
				return
			}
		}
	}
}
