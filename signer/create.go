// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer/softkey"
)

// A Creation asks for one more authority, below one that is here or as a root.
type Creation struct {
	Generation
	Kind ca.AuthorityKind `json:"kind"`
	// Parent is the generation that signs it; empty for what signs itself: a root, or an
	// issuing authority in a line of such.
	Parent string `json:"parent,omitempty"`
	// PKI is as in a Founding.
	PKI string `json:"pki_url"`
	// Words are the recovery words that open the parent's key; for an issuing authority
	// that signs itself, those of the installation.
	Words string `json:"words,omitempty"`
	// OwnWords seal the key of a root or intermediate authority; empty takes Words.
	OwnWords string `json:"own_words,omitempty"`
	// Standby keeps it from signing until it is activated, also as the first of its line.
	Standby bool `json:"standby,omitempty"`
	// DryRun has it judged to its end and nothing done: no key is opened or made, so that
	// no words are needed, and nothing comes on the log. What is told of the authority
	// has no certificate.
	DryRun bool `json:"dry_run,omitempty"`
}

// Created is what was made, with the lists by name that were signed while the keys were
// open: the parent's, and that of an authority whose key is sealed again.
type Created struct {
	Authority ca.Authority      `json:"authority"`
	Lists     map[string][]byte `json:"lists,omitempty"`
	// Notices are for whoever asked: a life that was shortened, and the like.
	Notices []string `json:"notices,omitempty"`
}

// Create makes an authority (security rule SG-03). One that signs end-entity
// certificates starts as standby if its line has an active generation, and is active
// otherwise. The session is closed: the front learns of it by settling. What cannot
// be made is E2601, a locked key E3001, wrong words E3002; nothing is kept then.
func (s *Signer) Create(q Creation) (out Created, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	m, err := s.planned(q, now)
	if err != nil {
		return out, err
	}
	m.notices = &out.Notices
	// It may be wanted all the same: relying parties may have this one alone yet.
	if m.parent != nil && m.parent.State == ca.Retiring {
		out.Notices = append(out.Notices, q.Parent+" is retiring: who takes it out of a trust store refuses "+q.Name+" too")
	}
	if m.held {
		out.Notices = append(out.Notices, "the key of "+q.Name+" that lies here is taken: it has no certificate")
	}
	if out.Authority, err = s.foreseen(m, now); err != nil || q.DryRun {
		return out, err
	}
	m.notices = nil // they were told
	defer func() { wipe(m.words) }()
	if err := s.openFor(q, &m); err != nil {
		return Created{}, err
	}
	s.flights.Lock()
	defer s.flights.Unlock()
	made, err := s.establish(m, now)
	if err != nil {
		return out, err
	}
	return out, s.finish(&out, made, m.parent, made)
}

// planned is an authority on its way, as far as no key is needed.
func (s *Signer) planned(q Creation, now time.Time) (m making, err error) {
	r := s.rules.Load()
	h := r.hierarchy()
	subject, err := subjectDER(q.Subject)
	if err != nil {
		return m, err
	}
	n := q.newcomer(q.Kind, q.Parent, q.PKI)
	if err := h.Admits(n); err != nil {
		return m, err
	}
	if err := h.FreeName(calledBy(subject)); err != nil {
		return m, err
	}
	if err := h.Below(n); err != nil {
		return m, err
	}
	m = making{Generation: q.Generation, kind: q.Kind, state: h.Birth(q.Line, q.Standby), pathLen: h.PathLen(n), pki: q.PKI}
	if q.Parent != "" {
		m.parent = r.authorities[q.Parent].shut()
		if err := s.unburnt(m.parent); err != nil {
			return m, err
		}
	}
	if q.Kind == ca.Issuing {
		if err := s.unsealed(); err != nil {
			return m, err
		}
	}
	m.held, err = s.unused(q, now)
	return m, err
}

// newcomer is a generation as policy judges it.
func (g Generation) newcomer(kind ca.AuthorityKind, parent, pki string) policy.Newcomer {
	return policy.Newcomer{Name: g.Name, Line: g.Line, Kind: kind, Parent: parent, Days: g.Days, PathLen: g.PathLen, PKI: pki, Shards: g.Shards}
}

// shut is an authority whose key a ceremony will open for itself. What is in force keeps
// its own shut.
func (a *authority) shut() *authority {
	out := *a
	out.key = nil
	return &out
}

// openSealed opens the key of a root or an intermediate authority for the time of a
// ceremony. What is in force keeps its key shut.
func (s *Signer) openSealed(name, text string) (opened *authority, err error) {
	opened = s.rules.Load().authorities[name].shut()
	opened.key, err = s.rootKey(name, text)
	return opened, err
}

// openFor opens the keys that make an authority, makes its own, and stretches the words that
// seal that: what takes a second or more, and is done while others issue.
func (s *Signer) openFor(q Creation, m *making) (err error) {
	switch {
	case m.parent != nil:
		m.parent.key, err = s.rootKey(m.parent.Name, q.Words)
	case q.Kind == ca.Issuing:
		// Its key works day by day, so that no words seal it: they are asked for all the
		// same (security rule SG-03).
		err = s.proven(q.Words)
	}
	if err != nil {
		return err
	}
	if m.held {
		m.key, err = s.reopened(q)
		return err
	}
	if m.words, err = s.ownWords(q); err == nil {
		m.key, err = s.keys.Generate(q.KeyType)
	}
	return err
}

// finish makes the lists of those whose keys are open, and the whole durable. A key that
// works day by day is loaded if it is not at hand yet.
func (s *Signer) finish(out *Created, made *authority, open ...*authority) error {
	out.Authority = made.Authority
	if err := s.ceremonyLists(out, open...); err != nil {
		return err
	}
	if made.Kind == ca.Issuing && made.key == nil && !s.keys.Sealed() {
		if err := s.loadKeys(); err != nil {
			return err
		}
	}
	return s.journal.Sync()
}

// ceremony says whether something may be made now, and when that is.
func (s *Signer) ceremony() (time.Time, error) {
	if !s.founded() {
		return time.Time{}, unfounded()
	}
	if err := s.failure(); err != nil {
		return time.Time{}, err
	}
	now, err := s.clock.read()
	return now.UTC().Truncate(time.Second), err
}

func wipe(w *softkey.Stretched) {
	if w != nil {
		w.Wipe()
	}
}

func unmakeable(detail, fix string) *ca.Problem { return ca.Refused(ca.E2601, detail, fix) }

// unsealed demands that keys can be added which work day by day.
func (s *Signer) unsealed() error {
	if s.keys.Sealed() {
		return ca.Locked(ca.E3001, "the keys are locked, so that none can be added", "chancery key unlock")
	}
	return nil
}

// ownWords stretches the words that will seal the authority's key; nil for one whose
// key works day by day, which needs the keys to be unlocked.
func (s *Signer) ownWords(q Creation) (*softkey.Stretched, error) {
	if q.Kind == ca.Issuing {
		return nil, s.unsealed()
	}
	words, err := softkey.ParseWords(q.sealing())
	if err != nil {
		return nil, err
	}
	defer words.Wipe()
	// A mistyped word would seal a key that nobody opens again. The parent's key has tried
	// these already; without one, that of the installation must open with them.
	if q.OwnWords == "" && q.Parent == "" {
		if err := s.keys.ProveWords(words, s.log()); err != nil {
			return nil, wanted(s.noteTry(Unlocking{Words: q.Words}, err), "")
		}
	}
	return s.keys.Stretch(words, s.KDF)
}

// ceremonyLists makes the lists of those whose keys are open for the ceremony only:
// the next chance may be a year away (architecture §6). What was made stands without
// them, so that a list which cannot be made now is a notice.
func (s *Signer) ceremonyLists(out *Created, all ...*authority) error {
	out.Lists = map[string][]byte{}
	for _, a := range all {
		if a == nil || a.Kind == ca.Issuing {
			continue
		}
		_, made, err := s.wholeLists(a, a.listDays(s.Now()))
		var why *ca.Problem
		switch {
		case errors.As(err, &why):
			out.Notices = append(out.Notices, fmt.Sprintf("no list of %s was made (%s): chancery crl publish --ca %s", a.Name, why.Detail, a.Name))
		case err != nil:
			return fmt.Errorf("make the list of %s: %w", a.Name, err)
		default:
			maps.Copy(out.Lists, made)
		}
	}
	return nil
}

// listDays is how long the list of a sealed authority lives: a year, but not beyond
// its certificate.
func (a *authority) listDays(now time.Time) int {
	return max(1, min(rootListDays, int(a.NotAfter.Sub(now)/(24*time.Hour))))
}
