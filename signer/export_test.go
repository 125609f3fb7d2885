// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"time"

	"chancery/ca"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// WrapKeys puts another key in the place of each authority's that is unlocked,
// as a fault in memory, processor or token would.
func (s *Signer) WrapKeys(wrap func(crypto.Signer) crypto.Signer) {
	r := s.rules.Load()
	for _, a := range r.authorities {
		if a.key != nil {
			wrapped := *a
			wrapped.key = wrap(a.key)
			r = r.withAuthority(&wrapped)
		}
	}
	s.rules.Store(r)
}

// Put appends leaves as they come.
func (s *Signer) Put(all ...journal.Entry) ([]journal.Placed, error) { return s.journal.Append(all) }

// Snapshot makes one now.
func (s *Signer) Snapshot() { s.snapshot(context.Background()) }

// InheritPart takes the first part of a list from elsewhere, and leaves it at that.
func (s *Signer) InheritPart(name string, der []byte) error {
	a := s.rules.Load().authorities[name]
	l, err := readPast(der, a.Authority, s.Now())
	if err != nil {
		return err
	}
	_, err = s.earlier(a.Key, l.digest, l.entries[:ca.MaxEarlier])
	return err
}

// Bring seals the key of an import, and leaves it at that.
func (s *Signer) Bring(q Import) error {
	key, _, err := softkey.Import(q.Key)
	if err != nil {
		return err
	}
	return s.bring(q, key)
}

// Past reads the entries of a list, whoever signed it, and writes them as a list made here.
func Past(der []byte) (entries []ca.Entry, err error) {
	l, err := parsedPast(der)
	if err != nil {
		return nil, err
	}
	steps, err := pastEntries(l)
	if err != nil {
		return nil, err
	}
	for _, one := range steps {
		e, err := one.entry()
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Size is how many leaves the log has.
func (s *Signer) Size() int64 { return s.journal.Size() }

// Kept is how many leaves the start did not read.
func (s *Signer) Kept() int64 { return s.kept }

// A Memory is what a signer knows of its log.
type Memory struct {
	*memory
	signer *Signer
}

// Replayed reads the first leaves of the log, as a start without a snapshot.
func (s *Signer) Replayed(leaves int64) (Memory, error) {
	m := Memory{s.newMemory(), s}
	return m, m.Read(leaves)
}

// Read reads on.
func (m Memory) Read(leaves int64) error { return m.read(context.Background(), leaves) }

// Freeze gives the snapshot.
func (m Memory) Freeze() ([]byte, error) {
	var b bytes.Buffer
	err := m.signer.freeze(&b, m.memory)
	return b.Bytes(), err
}

// Thaw reads a snapshot.
func (s *Signer) Thaw(b []byte) (Memory, error) {
	m, err := s.thaw(bytes.NewReader(b), int64(len(b)))
	return Memory{m, s}, err
}

// SignedBy has snapshots signed by another key.
func (m Memory) SignedBy(key crypto.Signer) Memory {
	return Memory{m.memory, &Signer{journal: m.signer.journal, logSigner: key}}
}

// Unrevoked takes all revocations back.
func (m Memory) Unrevoked() { m.revoked = map[ca.Digest]*revoked{} }

// Counts are the sizes of what a memory holds: a test of an empty one tests nothing.
func (m Memory) Counts() map[string]int {
	steps := 0
	for _, r := range m.revoked {
		steps += len(slices.Collect(r.steps()))
	}
	return map[string]int{
		"abandoned": len(m.abandoned), "compromised": len(m.compromised), "lists": len(m.lists), "feeds": len(m.feeds), "open": len(m.recent.open),
		"ring": m.recent.next, "keys": len(m.recent.byKey), "steps": steps, "said": len(m.said), "authorities": len(m.rules.authorities),
	}
}

// Live is what the signer works with, but for the keys.
func (s *Signer) Live() Memory {
	r := s.rules.Load()
	for _, a := range r.authorities {
		sealed := *a
		sealed.key = nil
		r = r.withAuthority(&sealed)
	}
	return Memory{&memory{
		size: s.journal.Size(), time: s.clock.floor.UnixMilli(), genesis: s.genesis, initKey: s.initKey, rules: r,
		revoked: s.revoked, lists: s.lists, abandoned: s.abandoned, compromised: s.compromised, recent: s.recent, tokens: s.tokens, policies: s.policies, feeds: s.feeds,
	}, s}
}

// Differs says in what one memory differs from another, or nothing. How far the steps
// are merged, and where the ring begins, are of no account.
func (m Memory) Differs(from Memory) string {
	for _, of := range []struct {
		what string
		a, b any
	}{
		{"size", m.size, from.size},
		{"time", m.time, from.time},
		{"genesis", m.genesis, from.genesis},
		{"init key", m.initKey, from.initKey},
		{"rules", m.rules, from.rules},
		{"lists", m.lists, from.lists},
		{"revoked", m.allSteps(), from.allSteps()},
		{"compromised", m.compromised, from.compromised},
		{"abandoned", m.abandoned, from.abandoned},
		{"tokens", m.tokens, from.tokens},
		{"policies", m.policies, from.policies},
		{"feeds", m.feeds, from.feeds},
		{"intents by request", m.recent.byRequest, from.recent.byRequest},
		{"intents by key", m.recent.byKey, from.recent.byKey},
		{"intents by index", m.recent.byIndex, from.recent.byIndex},
		{"open intents", m.recent.open, from.recent.open},
		{"settled intents", m.recent.settled(), from.recent.settled()},
		{"length of the ring", m.recent.most, from.recent.most},
	} {
		if !reflect.DeepEqual(of.a, of.b) {
			return fmt.Sprintf("%s: %+v, not %+v", of.what, of.a, of.b)
		}
	}
	return ""
}

func (m Memory) allSteps() map[ca.Digest][]step {
	out := map[ca.Digest][]step{}
	for key, r := range m.revoked {
		if all := slices.Collect(r.steps()); len(all) > 0 {
			out[key] = all
		}
	}
	return out
}

// Reframed reads the body of a snapshot without asking whether it is to be believed,
// and writes it again.
func (s *Signer) Reframed(body []byte) ([]byte, error) {
	d := newDecoder(bytes.NewReader(body), int64(len(body)))
	of, err := d.stamp()
	if err != nil {
		return nil, err
	}
	m := s.newMemory()
	said, err := m.decode(d, of)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = m.encode(&b, of, said)
	return b.Bytes(), err
}

// Remembers says in what the authorities and lists that the signer works with differ
// from what its log says, and from what a snapshot of that says, or nothing.
func (s *Signer) Remembers() string {
	whole, err := s.Replayed(s.journal.Size())
	if err != nil {
		return err.Error()
	}
	frozen, err := whole.Freeze()
	if err != nil {
		return err.Error()
	}
	thawed, err := s.Thaw(frozen)
	if err != nil {
		return err.Error()
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	now := s.rules.Load().authorities
	for what, m := range map[string]Memory{"log": whole, "snapshot": thawed} {
		for name, a := range now {
			sealed := *a
			sealed.key, sealed.unopened = nil, nil
			if other := m.rules.authorities[name]; !reflect.DeepEqual(&sealed, other) {
				return fmt.Sprintf("%s in the %s: %+v, not %+v", name, what, other, &sealed)
			}
		}
		if len(m.rules.authorities) != len(now) || !reflect.DeepEqual(m.lists, s.lists) || !reflect.DeepEqual(m.feeds, s.feeds) {
			return fmt.Sprintf("the %s has other authorities or lists", what)
		}
	}
	return ""
}

// OpenKeys are the authorities whose key is in memory.
func (s *Signer) OpenKeys() (all []string) {
	for name, a := range s.rules.Load().authorities {
		if a.key != nil {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// MakeResponders makes those that are due, now.
func (s *Signer) MakeResponders() { s.keepResponders() }

// WrapResponders puts another key in the place of each responder's.
func (s *Signer) WrapResponders(wrap func(crypto.Signer) crypto.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.responders {
		wrapped := *one
		if one.key != nil {
			wrapped.key = wrap(one.key)
		}
		s.responders[name] = &wrapped
	}
}

// Grow revokes n certificates that nobody has, of an authority: the first 10 000
// since the base of its delta.
func (s *Signer) Grow(authority string, n int) {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	a := s.rules.Load().authorities[authority]
	all := make([]step, n)
	for i := range all {
		one := step{at: 1_700_000_000 + int64(i), ends: 1 << 40, number: 1, reason: uint8(i % 6)} //nolint:gosec // below 6
		binary.BigEndian.PutUint64(one.serial[1:], 0x41_0001_0000_0000+uint64(i))
		binary.BigEndian.PutUint64(one.serial[12:], uint64(i)*0x9E3779B97F4A7C15)
		if i < 10_000 {
			one.leaf = s.journal.Size() - 1
		}
		all[i] = one
	}
	s.revoked[a.Key] = &revoked{main: all}
}

// Touch makes one step of an authority new, so that its shard and delta must be made.
func (s *Signer) Touch(authority string) {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	one := step{serial: [20]byte{1: 0x41, 2: 1}, at: 1_700_000_000, ends: 1 << 40, leaf: s.journal.Size(), number: 1, reason: uint8(ca.Superseded)}
	s.revokedOf(s.rules.Load().authorities[authority].Key).put(one)
}

// A Pace is a pace.
type Pace = pace

// Paced is paced of a key.
func Paced(all map[ca.Digest]*Pace, key ca.Digest, news bool, n int, now time.Time) error {
	return paced(all, &authority{Authority: ca.Authority{Key: key}}, news, n, now)
}

// Rest forgets what was made of lists.
func (s *Signer) Rest() {
	s.listing.Lock()
	defer s.listing.Unlock()
	clear(s.listPaces)
}

// Newest is the number of the newest complete list of an authority.
func (s *Signer) Newest(authority string) int64 {
	s.listing.Lock()
	defer s.listing.Unlock()
	return s.lists[authority].Number
}
