// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// earlierMargin is how far above the number of a list from elsewhere those made here
// begin: where the key was, more may have been made since, once a day for years, and a
// number that comes again names two lists (RFC 5280 §5.2.3).
const earlierMargin = 10_000

// An Inheritance tells what the key of an imported authority revoked before it came here.
type Inheritance struct {
	Authority string `json:"authority"`
	// None says that it revoked nothing. Otherwise List is its complete list in DER.
	None bool   `json:"none,omitempty"`
	List []byte `json:"-"`
	// Ended takes a list whose next one is due already: what was revoked since is good then.
	Ended bool `json:"ended,omitempty"`
	// DryRun judges it, and takes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Inherited is what became of a list from elsewhere.
type Inherited struct {
	Authority ca.Authority `json:"authority"`
	// Entries is how many the list has, Taken how many of them were not known, or with a
	// later date.
	Entries int `json:"entries"`
	Taken   int `json:"taken"`
	// Number is the list's, 0 if it has none; Made is when it was made, Next when it says
	// that the one after it is due, zero if it does not.
	Number int64     `json:"number,omitempty"`
	Made   time.Time `json:"made,omitzero"`
	Next   time.Time `json:"next,omitzero"`
	// Fallen are the generations below that the list revokes, as they stand afterwards: they
	// were brought before it.
	Fallen []ca.Authority `json:"fallen,omitempty"`
	// Notices are for whoever brought it.
	Notices []string `json:"notices,omitempty"`
}

// Inherit takes what the key of an imported authority revoked before it came here. The
// entries are on the log before the AUTHORITY leaf that says that they are complete, and
// only then a list is made: a call that was broken off is repeated, and goes on where it
// was. A newer list adds to what was taken; nothing takes an entry back. What is not to
// be taken is E2602, and leaves nothing behind.
//
// Issuing goes on meanwhile.
func (s *Signer) Inherit(q Inheritance) (out Inherited, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	a := s.rules.Load().authorities[q.Authority]
	switch {
	case a == nil:
		return out, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Authority), "chancery ca list")
	case a.Past == nil:
		return out, untakeable("the key of "+a.Name+" was made here or is elsewhere: what it revoked is on its own list", "leave --crl and --none-revoked out")
	case s.full():
		return out, nearlyFull()
	}
	l, out, err := q.judged(a.Authority, now)
	if err != nil {
		return out, err
	}
	if q.None {
		if n := s.inherited(a.Key); n > 0 {
			return out, untakeable(fmt.Sprintf("%d certificates of %s are known to be revoked", n, a.Name), "chancery ca import-cert "+a.Name+" FILE --crl OLD.crl")
		}
	}
	fresh, err := s.madeElsewhere(a.Key, s.unknown(a.Key, l.entries), now)
	if err != nil {
		return out, err
	}
	out.Fallen = s.fellBelow(a, fresh, now)
	out.Notices = append(out.Notices, s.fellNotices(out.Fallen)...)
	if q.DryRun {
		out.Taken = len(fresh)
		out.Authority = a.Authority
		return out, nil
	}
	for chunk := range slices.Chunk(fresh, ca.MaxEarlier) {
		n, err := s.earlier(a.Key, l.digest, chunk)
		if out.Taken += n; err != nil {
			return out, err
		}
	}
	out.Authority, out.Fallen, err = s.completePast(a.Name, l, now)
	return out, err
}

// unknown gives the steps that say more than what stands.
func (s *Signer) unknown(issuer ca.Digest, all []step) []step {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	return s.revokedOf(issuer).news(all)
}

// earlier journals a part of a list from elsewhere, and only then counts it. It gives how
// many steps it took: what was revoked since the part was looked at stands as it is.
func (s *Signer) earlier(issuer, list ca.Digest, part []step) (taken int, err error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	if err := s.failure(); err != nil {
		return 0, err
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	if part = s.revokedOf(issuer).news(part); len(part) == 0 {
		return 0, nil
	}
	content, err := earlierBody(part)
	if err != nil {
		return 0, err
	}
	placed, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Earlier, Issuer: issuer, Digest: list}, Body: content}})
	if err != nil {
		return 0, fmt.Errorf("journal earlier revocations: %w", err)
	}
	for i := range part {
		part[i].leaf = placed[0].Index
	}
	s.revokedOf(issuer).putAll(part)
	return len(part), nil
}

// earlierBody writes the body of an EARLIER leaf.
func earlierBody(part []step) ([]byte, error) {
	var body ca.EarlierBody
	for _, one := range part {
		e, err := one.entry()
		if err != nil {
			return nil, err
		}
		body.Entries = append(body.Entries, ca.EarlierEntry{Serial: e.Serial, At: one.at, Reason: int(e.Reason)})
	}
	content, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write earlier revocations: %w", err)
	}
	return content, nil
}

// completePast says on the log which generations the list revokes, and then that all of it
// was taken; from then on the key makes lists. In this order, since a power cut may leave
// the first leaves alone: the same call makes it whole.
func (s *Signer) completePast(name string, l pastList, now time.Time) (_ ca.Authority, fell []ca.Authority, err error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	if err := s.failure(); err != nil {
		return ca.Authority{}, nil, err
	}
	r := s.rules.Load()
	old := r.authorities[name]
	var all []*authority
	fell = s.fellBelow(old, nil, now)
	for _, a := range fell {
		next := *r.authorities[a.Name]
		next.Authority = a
		all = append(all, &next)
	}
	past := ca.Past{List: l.digest, Number: max(old.Past.Number, l.number), Entries: s.inherited(old.Key)}
	if l.digest.IsZero() { // none, which a list may have denied before
		past.List = old.Past.List
	}
	next := *old
	if *old.Past != past { // or the answer to the first call was lost
		next.Version++
		next.Past = &past
		all = append(all, &next)
	}
	if len(all) == 0 {
		return next.Authority, fell, nil
	}
	return next.Authority, fell, s.enterAll(all)
}

// inherited counts what a key revoked elsewhere: only that has no end.
func (s *Signer) inherited(issuer ca.Digest) (n int) {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	for one := range s.revokedOf(issuer).steps() {
		if one.ends == ca.Never().Unix() {
			n++
		}
	}
	return n
}

// earlierLeaf enters what was revoked elsewhere.
func (m *memory) earlierLeaf(rec journal.Record) error {
	if rec.Erased {
		return nil // retention took it, long after the authority ended
	}
	var body ca.EarlierBody
	if err := json.Unmarshal(rec.Body, &body); err != nil {
		return err
	}
	part := make([]step, len(body.Entries))
	for i, e := range body.Entries {
		part[i] = step{
			serial: wide(e.Serial), at: e.At, ends: ca.Never().Unix(), leaf: rec.Index,
			number: 1, reason: uint8(e.Reason), //nolint:gosec // as readPast let it pass
		}
	}
	revokedIn(m.revoked, rec.Leaf.Issuer).putAll(part)
	return nil
}

// past is what is to be told of the key of an import: nothing of one that was made here.
// One that an import brought which then failed, or of which the log says nothing because
// the power went, is from elsewhere.
func (s *Signer) past(q Import) *ca.Past {
	if len(q.Key) == 0 && s.made[q.Name] {
		return nil
	}
	return &ca.Past{Awaited: true}
}

// fromElsewhere tells whether the log says that a key was brought. Of one that lies here
// since the power went as it was sealed, it says nothing.
func (s *Signer) fromElsewhere(name string) bool {
	here, known := s.made[name]
	return known && !here
}

// listable refuses a list before it is known what the key revoked elsewhere.
func (a *authority) listable() error {
	if a.Past == nil || !a.Past.Awaited {
		return nil
	}
	return ca.Refused(ca.E3004, "nobody has told yet what "+a.Name+" revoked before it came here", "chancery ca import-cert "+a.Name+" FILE --crl OLD.crl, or --none-revoked").
		Because("a list without these revocations would make every one of those certificates good again")
}

// aboveEarlier is the least number of a list made here.
func (a *authority) aboveEarlier() int64 {
	if a.Past == nil {
		return 0
	}
	return a.Past.Number + earlierMargin
}
