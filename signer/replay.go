// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// A memory is what a signer knows of its log: the genesis, the policy and the
// authorities in force, what is revoked, the open intents and the recent ones. It is
// made of the leaves alone, read in order from the first on, or of a snapshot and
// the leaves above it. Nothing here signs.
type memory struct {
	log   *journal.Journal
	parse ParseProfile

	size int64 // how many leaves were read
	time int64 // of the last, in milliseconds since 1970
	// said has the newest leaf of everything of which the newest leaf alone counts. A
	// snapshot names these leaves, and has none of what they say.
	said map[string]int64

	genesis     GenesisBody
	initKey     ed25519.PublicKey
	rules       *rules
	lists       map[string]ca.ListBody
	revoked     map[ca.Digest]*revoked
	compromised map[ca.Digest]bool
	abandoned   map[int64]bool
	recent      *recent
	// made are the names of the keys that were made here.
	made   map[string]bool
	tokens tokens
	strays map[int64]stray // by INTENT
	// responders are the newest of each authority.
	responders map[string]ResponderBody
	// policies are the leaves of all policies, in order: certificates are explained by them.
	policies []int64
	// feeds are the newest of each key.
	feeds map[ca.Digest]fed
}

// newMemory is a memory before the first leaf.
func (s *Signer) newMemory() *memory {
	return &memory{
		log: s.journal, parse: s.Parse, said: map[string]int64{},
		rules:   &rules{profiles: map[string]ca.Profile{}, authorities: map[string]*authority{}},
		lists:   map[string]ca.ListBody{},
		revoked: map[ca.Digest]*revoked{}, compromised: map[ca.Digest]bool{}, abandoned: map[int64]bool{},
		recent: newRecent(s.remembers()), made: map[string]bool{}, tokens: tokens{}, strays: map[int64]stray{}, responders: map[string]ResponderBody{},
		feeds: map[ca.Digest]fed{},
	}
}

// read takes the leaves that are durable and not yet read, below to.
func (m *memory) read(ctx context.Context, to int64) error {
	err := m.log.Scan(m.size, func(rec journal.Record) error {
		if rec.Index >= to {
			return journal.ErrStop
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.take(rec); err != nil {
			return fmt.Errorf("leaf %d: %w", rec.Index, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay the journal: %w", err)
	}
	return nil
}

// take takes the next leaf.
func (m *memory) take(rec journal.Record) (err error) {
	about := ""
	switch rec.Leaf.Kind {
	case audit.Genesis:
		about, err = "genesis", json.Unmarshal(rec.Body, &m.genesis)
	case audit.Bundle:
		about, err = m.bundleLeaf(rec)
	case audit.Key:
		about, err = m.keyLeaf(rec)
	case audit.Authority:
		about, err = m.authorityLeaf(rec)
	case audit.CRL:
		about, err = m.listLeaf(rec)
	case audit.Revoked:
		err = m.revokedLeaf(rec)
	case audit.Earlier:
		err = m.earlierLeaf(rec)
	case audit.Responder:
		about, err = m.responderLeaf(rec)
	case audit.Feed:
		about, err = m.feedLeaf(rec)
	case audit.Abandoned:
		m.abandoned[rec.Leaf.Cites] = true
	case audit.Intent:
		err = m.intentLeaf(rec)
	case audit.Void:
		err = m.voidLeaf(rec)
	case audit.Final:
		about, err = m.finalLeaf(rec)
		m.settled(rec)
	case audit.Adopted:
		m.settled(rec)
	case audit.FrontEvent:
		about, err = m.eventLeaf(rec)
	}
	if err != nil {
		return err
	}
	if about != "" {
		m.said[about] = rec.Index
	}
	m.size, m.time = rec.Index+1, rec.Leaf.Time
	return nil
}

// authorityLeaf enters a generation, sealed, or its new state.
func (m *memory) authorityLeaf(rec journal.Record) (about string, err error) {
	var a ca.Authority
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		return "", err
	}
	sealed, err := newAuthority(a, nil)
	if err != nil {
		return "", err
	}
	m.rules = m.rules.withAuthority(sealed)
	m.named(rec.Leaf.Cites)
	return "authority " + a.Name, nil
}

// A naming is what a ca.IntentBody has of a request's names. Reading all of the body
// would take twice as long, and most of a start is spent here.
type naming struct {
	Wish struct {
		ID   ca.RequestID `json:"id"`
		Door ca.Door      `json:"door"`
		Key  string       `json:"key"`
		From struct {
			ID string `json:"id"`
		} `json:"actor"`
	} `json:"wish"`
}

// intentLeaf enters an open intent. An erased body (retention) belongs to a
// certificate that ended long ago; nobody repeats its request.
func (m *memory) intentLeaf(rec journal.Record) error {
	var body naming
	if !rec.Erased {
		if err := json.Unmarshal(rec.Body, &body); err != nil {
			return err
		}
	}
	named := ca.Request{ID: body.Wish.ID, Door: body.Wish.Door, Key: body.Wish.Key, From: ca.Actor{ID: body.Wish.From.ID}}
	m.recent.add(&intent{index: rec.Index, request: named.ID, key: idempotency(named), final: -1})
	return nil
}

// voidLeaf gives an intent up.
func (m *memory) voidLeaf(rec journal.Record) error {
	issuer, given, err := voidStep(m.log, rec.Leaf.Cites, rec.Index, rec.Leaf.Time)
	if err != nil {
		return err
	}
	revokedIn(m.revoked, issuer).put(given)
	m.settled(rec)
	return nil
}

// settled closes the intent that a leaf cites, unless it was settled so long ago that
// the ring forgot it.
func (m *memory) settled(rec journal.Record) {
	i := m.recent.byIndex[rec.Leaf.Cites]
	if i == nil {
		return
	}
	if rec.Leaf.Kind == audit.Void {
		i.void = true
	} else {
		i.final = rec.Index
	}
	m.recent.settle(i)
}

// whole tells whether the founding came to its end, as far as anything could have been
// signed since. A policy is the last that one without authorities makes.
func (m *memory) whole() bool {
	founded := len(m.rules.authorities) > 0 || m.genesis.Elsewhere && m.rules.bundle.Version > 0
	return founded && m.genesis.Database != ""
}

// replayStep is how many leaves a start reads before it keeps a snapshot: those of some
// ten seconds.
const replayStep = 1 << 20

// replay makes the signer know what its log says. Nothing is written but a
// snapshot, if many leaves had to be read.
func (s *Signer) replay() error {
	m := s.remembered()
	s.kept = m.size
	for size := s.journal.Size(); m.size < size; {
		if err := m.read(context.Background(), min(size, m.size+replayStep)); err != nil {
			return err
		}
		// A start that takes too long is ended by the parent: the next goes on here.
		if m.size < size && !s.full() {
			s.keep(m)
		}
	}
	if !m.whole() {
		return halfFounded()
	}
	if s.due() {
		s.keep(m)
	}
	s.genesis, s.initKey = m.genesis, m.initKey
	s.revoked, s.lists, s.abandoned, s.compromised = m.revoked, m.lists, m.abandoned, m.compromised
	s.tokens, s.strays, s.policies = m.tokens, m.strays, m.policies
	s.recent, s.made, s.feeds = m.recent, m.made, m.feeds
	for name, b := range m.responders {
		s.responders[name] = &responder{ResponderBody: b}
	}
	s.clock.heard(m.time)
	s.rules.Store(m.rules)
	return s.findHeld()
}
