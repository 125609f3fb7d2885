// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

const (
	// listDays is how long a list is valid, maxListDays what may be asked for
	// (security rule RV-04). A root's, made while its key is open, is valid for
	// rootListDays.
	listDays     = 7
	maxListDays  = 10
	rootListDays = 365
)

// Lists are the lists of one authority that were made at one moment, the complete one
// first. They must be closed.
type Lists []*CRL

// Close lets go of the lists' files.
func (l Lists) Close() (err error) {
	for _, c := range l {
		err = errors.Join(err, c.closed())
	}
	return err
}

// MakeLists makes lists of a generation, all out of one look at what is revoked, by one
// reading of the clock: the complete one, and what of ca.Authority.ListScopes the wish
// wants. Every step answered before the call is on them; what ended before the list of
// its scope before this one is left out (RFC 5280 §3.3). The key must be open. One set
// is made at a time, and E3006 refuses what is asked for too often.
//
// A set of a million entries takes seconds. Nobody waits for it: it is looked at what is
// revoked, then the lists are written, and only for their leaves and for each signature
// are those kept waiting who must not overlap anything, such as hello. What is revoked
// meanwhile is on the next lists. If the authority was changed meanwhile, or another list
// of it made, this one is refused (E2301), and is to be asked for again.
func (s *Signer) MakeLists(session int64, q ca.ListWish) (all Lists, err error) {
	s.making.Lock()
	defer s.making.Unlock()
	m, scopes, err := s.look(session, q)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			all, err = nil, errors.Join(err, all.Close())
		}
	}()
	if all, err = s.spoolAll(m, scopes); err != nil {
		return all, err
	}
	if err := s.promiseLate(m, all); err != nil {
		return all, err
	}
	for _, c := range all {
		if err := s.signLate(m.of.Name, c); err != nil {
			return all, err
		}
	}
	return all, nil
}

// look is the first step of a set: what is revoked, at one moment, and which lists that makes.
func (s *Signer) look(session int64, q ca.ListWish) (*moment, []ca.ListScope, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, days, err := s.listed(session, q)
	if err != nil {
		return nil, nil, err
	}
	s.listing.Lock()
	defer s.listing.Unlock()
	m, err := s.moment(a, days)
	if err != nil {
		return nil, nil, err
	}
	m.published = q.Published
	scopes := m.wanted(q.Part)
	return m, scopes, paced(s.listPaces, a, m.lack(q.Part), len(scopes), m.now)
}

// promiseLate is promise for lists that were written while others went on. What they were
// made of must still hold: else there would be two lists of one number, or one that names
// addresses which its authority has no more. What is revoked only grows.
func (s *Signer) promiseLate(m *moment, all Lists) error {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, err := s.lister(m.of.Name)
	if err != nil {
		return err
	}
	s.listing.Lock()
	defer s.listing.Unlock()
	for _, c := range all {
		if a.Version != m.of.Version || s.lists[c.Name()].Number >= c.Number {
			return ca.Busy(ca.E2301, a.Name+" was changed while its list was made", "ask again")
		}
	}
	return s.promise(a, all)
}

// signLate signs a list that is on the log, if its key is still open: once it is locked,
// nothing is signed any more. Then the list was made and lost, and whoever asked must not take
// it for refused.
func (s *Signer) signLate(name string, c *CRL) error {
	hash, message, err := c.message()
	if err != nil {
		return err
	}
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, err := s.lister(name)
	var why *ca.Problem
	if errors.As(err, &why) {
		return ca.Unavailable(ca.E2301, "the key of "+name+" was locked after its lists were put on the log, before they were signed", why.Fix)
	}
	if err != nil {
		return err
	}
	c.signature, err = a.signHashed(hash, message)
	return err
}

// lister is an authority that signs lists now. The caller holds flights.
func (s *Signer) lister(name string) (*authority, error) {
	if err := s.failure(); err != nil {
		return nil, err
	}
	a := s.rules.Load().authorities[name]
	if a.key == nil {
		return nil, a.locked()
	}
	return a, nil
}

// PlanList says what the complete list would be that MakeLists would make now, and makes
// nothing.
func (s *Signer) PlanList(session int64, q ca.ListWish) (ca.List, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, days, err := s.listed(session, q)
	if err != nil {
		return ca.List{}, err
	}
	s.listing.Lock()
	defer s.listing.Unlock()
	m, err := s.moment(a, days)
	if err != nil {
		return ca.List{}, err
	}
	l, _ := m.list(ca.CompleteList)
	return l.List, nil
}

// listed is the generation whose lists are wanted, and for how many days.
func (s *Signer) listed(session int64, q ca.ListWish) (*authority, int, error) {
	if err := s.current(session); err != nil {
		return nil, 0, err
	}
	if err := s.failure(); err != nil {
		return nil, 0, err
	}
	a := s.rules.Load().authorities[q.Authority]
	switch {
	case a == nil:
		return nil, 0, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Authority), "chancery ca list")
	case a.External:
		return nil, 0, a.elsewhere()
	case q.Part != ca.AllLists && q.Part != ca.ChangedLists && q.Part != ca.NewsLists:
		return nil, 0, ca.Invalid(ca.E1401, "no part of the lists is called "+ca.Show(string(q.Part)), "see docs/sockets.md")
	case q.Published < 0:
		return nil, 0, ca.Invalid(ca.E1401, "no list has a number below 0", "see docs/sockets.md")
	case q.Days == 0:
		q.Days = listDays
	case q.Days < 1 || q.Days > maxListDays:
		return nil, 0, ca.Refused(ca.E2112, fmt.Sprintf("a list is valid for 1 to %d days", maxListDays), "ask for fewer")
	}
	return a, q.Days, nil
}

// makeLists makes all lists for a ceremony, whose key is open only meanwhile and whose lists
// are short: to-be-signed bytes in files, checked; their leaves, in one group; then the
// signatures (security rule IS-01). The caller holds flights.
func (s *Signer) makeLists(a *authority, days int) (all Lists, err error) {
	s.listing.Lock()
	defer s.listing.Unlock()
	m, err := s.moment(a, days)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			all, err = nil, errors.Join(err, all.Close())
		}
	}()
	if a.Kind != ca.Issuing {
		m.published = math.MaxInt64 // whoever holds a ceremony is handed its lists
	}
	if all, err = s.spoolAll(m, m.wanted(ca.AllLists)); err != nil {
		return all, err
	}
	if err := s.promise(m.of, all); err != nil {
		return all, err
	}
	for _, c := range all {
		if err := c.sign(m.of); err != nil {
			return all, err
		}
	}
	return all, nil
}

// spoolAll writes lists of a moment. Those that come with an error are to be closed.
func (s *Signer) spoolAll(m *moment, scopes []ca.ListScope) (all Lists, err error) {
	s.spend()
	for _, scope := range scopes {
		c, err := s.spool(m, scope)
		if c != nil {
			all = append(all, c)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// unlistable refuses a list that cannot be made, before its leaf: nothing was promised,
// and whoever ended the process for it would do so at every try.
func unlistable(name string, why error) error {
	return ca.Refused(ca.E3004, "no list of "+name+" can be made", "chancery ca show "+name+": replace it, or bring a certificate with cRLSign by chancery ca import-cert").Because(why.Error())
}

// promise puts the leaves of lists on the log. The caller holds listing.
func (s *Signer) promise(a *authority, all Lists) error {
	entries := make([]journal.Entry, 0, len(all))
	for _, c := range all {
		body, err := json.Marshal(c.ListBody)
		if err != nil {
			return fmt.Errorf("write the list's leaf: %w", err)
		}
		entries = append(entries, journal.Entry{Leaf: audit.Leaf{Kind: audit.CRL, Issuer: a.Key, Digest: c.tbs}, Body: body})
	}
	if _, err := s.journal.Append(entries); err != nil {
		return fmt.Errorf("journal the lists: %w", err)
	}
	for _, c := range all {
		s.lists[c.Name()] = c.ListBody
	}
	return nil
}

// listLeaf enters a CRL leaf, and says what it is about.
func (m *memory) listLeaf(rec journal.Record) (about string, err error) {
	var l ca.ListBody
	if err := json.Unmarshal(rec.Body, &l); err != nil {
		return "", err
	}
	m.lists[l.Name()] = l
	return "list " + l.Name(), nil
}

// wholeLists makes all lists of an authority and gives all of them, by their names: those
// of a founding are empty, and a root's are short.
func (s *Signer) wholeLists(a *authority, days int) (complete ca.List, ders map[string][]byte, err error) {
	all, err := s.makeLists(a, days)
	if err != nil {
		return complete, nil, err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	ders = map[string][]byte{}
	for _, c := range all {
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			return complete, nil, err
		}
		ders[c.Name()] = b.Bytes()
	}
	return all[0].List, ders, s.respondUntil(a, all[0].NextUpdate)
}
