// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"chancery/ca"
	"chancery/check"
)

// baseAge is how old the base of deltas is at least, once any list is, and at most twice
// that and a day: whoever has a complete list of the last day can put a delta upon it
// (RFC 5280 §5.2.4).
const baseAge = 24 * time.Hour

// A moment is what the lists of a set have in common: one look at what is revoked, and
// one reading of the clock. Its steps stay what they are while more are taken, so that
// nobody who revokes waits for a list.
type moment struct {
	of     *authority
	now    time.Time
	next   time.Time
	number int64
	leaves int64
	steps  iter.Seq[step]
	// before are the newest lists of the authority at that moment, by name. bases are those of this
	// moment's complete list, if one is made, or else of the newest.
	before map[string]ca.ListBody
	bases  []ca.ListBase
	// published is that of ca.ListWish. Zero, where nobody says it, takes nothing for published.
	published int64
	// endEntities are the numbers that stand on no list of authorities.
	endEntities map[[20]byte]bool
	// part is where the steps of the delta, and of one shard after the other, are gathered.
	part []step
}

// moment takes the look, if lists can be made. The caller holds listing.
func (s *Signer) moment(a *authority, days int) (*moment, error) {
	if a.key == nil {
		return nil, a.locked()
	}
	if err := a.listable(); err != nil {
		return nil, err
	}
	if err := check.Lists(a.Authority); err != nil {
		return nil, unlistable(a.Name, err)
	}
	now, err := s.clock.read()
	if err != nil {
		return nil, err
	}
	m := &moment{of: a, now: now.UTC().Truncate(time.Second), before: map[string]ca.ListBody{}}
	for _, scope := range a.ListScopes() {
		name := ca.ListName(a.Name, scope)
		m.before[name] = s.lists[name]
	}
	m.number = max(m.now.UnixMilli(), a.aboveEarlier())
	for _, scope := range a.ListScopes() {
		m.number = max(m.number, m.last(scope).Number+1)
	}
	m.next = m.now.AddDate(0, 0, days)
	if m.next.After(a.NotAfter) {
		m.next = a.NotAfter
	}
	if !m.next.After(m.now) {
		return nil, ca.Refused(ca.E3004, fmt.Sprintf("%s ended on %s, and needs no list any more", a.Name, a.NotAfter.Format(time.DateOnly)), "chancery ca list")
	}
	m.bases = m.last(ca.CompleteList).Bases
	s.revoking.Lock()
	m.steps, m.leaves = s.revokedOf(a.Key).steps(), s.journal.Size()
	s.revoking.Unlock()
	if a.Kind != ca.Issuing {
		m.endEntities, err = s.endEntities(m.steps)
	}
	return m, err
}

// last is the newest list of a scope.
func (m *moment) last(scope ca.ListScope) ca.ListBody { return m.before[ca.ListName(m.of.Name, scope)] }

// wanted are the lists of a part that the moment makes, the complete one before its delta.
func (m *moment) wanted(part ca.ListPart) (scopes []ca.ListScope) {
	all := m.of.ListScopes()
	if part == ca.AllLists {
		return all
	}
	changed := m.changed()
	for _, scope := range all {
		n, shard := scope.Shard()
		// A delta needs a base that somebody can have, so that there is a complete list first.
		if shard && !changed[n] || scope == ca.CompleteList && part == ca.NewsLists && m.based() {
			continue
		}
		scopes = append(scopes, scope)
	}
	return scopes
}

// lack tells whether a step was taken since the newest list of a part was made.
func (m *moment) lack(part ca.ListPart) bool {
	scope := ca.CompleteList
	if part == ca.NewsLists {
		scope = ca.DeltaList
	}
	return since(m.steps, m.last(scope).Leaves)
}

// changed are the shards in which a step was taken since they were made, and those that
// were never made.
func (m *moment) changed() []bool {
	n := m.of.Sharded()
	out, made := make([]bool, n), make([]int64, n)
	for i := range n {
		last := m.last(ca.ShardList(i))
		out[i], made[i] = last.Number == 0, last.Leaves
	}
	if n == 0 {
		return nil
	}
	oldest := slices.Min(made) // almost every step is on all of them
	for one := range m.steps {
		if one.leaf < oldest {
			continue
		}
		if i := one.shard(n); one.leaf >= made[i] {
			out[i] = true
		}
	}
	return out
}

// list is a list of the moment, and its entries, as often as they are asked for.
func (m *moment) list(scope ca.ListScope) (ca.ListBody, func() iter.Seq2[ca.Entry, error]) {
	l := ca.ListBody{Leaves: m.leaves, List: ca.List{
		Authority: m.of.Name, Scope: scope, Number: m.number, ThisUpdate: m.now, NextUpdate: m.next,
	}}
	// What has ended stays until it was on a list of its scope that was made after its end.
	// If the clock was ahead then, and has been set back, its end may be yet to come. What
	// a delta says first stays on the deltas until a complete list was made after its end
	// (RFC 5280 §5.2.4).
	lapsed := min(m.now.Unix(), m.lapsed(scope).Unix())
	steps := m.steps
	switch n, shard := scope.Shard(); {
	case shard:
		of := m.of.Sharded()
		steps = m.gathered(func(one step) bool { return one.shard(of) == n })
	case scope == ca.AuthorityList:
		steps = m.gathered(func(one step) bool { return !m.endEntities[one.serial] })
	case scope == ca.CompleteList:
		m.bases = m.rebased()
		l.Bases = m.bases
	case scope == ca.DeltaList:
		l.Base = m.bases[0].Number
		since := m.bases[0].Leaves
		steps = m.gathered(func(one step) bool { return one.leaf >= since })
	}
	// On a delta stands each status that changed since its base, also that of who is good
	// again: it may have been held on any list in between.
	stands := func(one step) bool { return one.ends >= lapsed && (!one.lifted() || scope == ca.DeltaList) }
	for one := range steps {
		if stands(one) {
			l.Entries++
		}
	}
	return l, func() iter.Seq2[ca.Entry, error] {
		return func(yield func(ca.Entry, error) bool) {
			for one := range steps {
				if !stands(one) {
					continue
				}
				if e, err := one.entry(); !yield(e, err) {
					return
				}
			}
		}
	}
}

// lapsed is when a list of a scope was made that was published, as far as that is known: what
// had ended by then was on it, or on one before. Which shards were published nobody says; they
// have been again, if not at once, since a base was made that is in use.
func (m *moment) lapsed(scope ca.ListScope) time.Time {
	_, shard := scope.Shard()
	if scope == ca.DeltaList {
		scope = ca.CompleteList
	}
	last := m.last(scope)
	switch {
	case !shard && last.Number <= m.published:
		return last.ThisUpdate
	case !m.based():
		return time.Time{}
	case m.bases[0].Made.Before(last.ThisUpdate):
		return m.bases[0].Made
	}
	return last.ThisUpdate
}

// gathered are the steps of a part, in the slice that the part before had: its list is in a
// file by now. Every list is gone through four times, and most of what there is stands on
// none of these.
func (m *moment) gathered(belongs func(step) bool) iter.Seq[step] {
	m.part = m.part[:0]
	for one := range m.steps {
		if belongs(one) {
			m.part = append(m.part, one)
		}
	}
	return slices.Values(m.part)
}

// rebased are the bases of deltas from this moment's complete list on. The second takes
// the place of the first when it is old enough, and this list that of the second.
//
// A base must have been published as a complete list (RFC 5280 §5.2.4), and of a list on the
// log that is not known: the process may have died before anybody had it. So a base that is
// newer than what is published gives way. What is published and newer than a base shows that
// the base was published too: between both each set of lists was made here, and the first
// after the base would have dropped it. This list comes with its delta, and before it.
func (m *moment) rebased() []ca.ListBase {
	this := ca.ListBase{Number: m.number, Made: m.now, Leaves: m.leaves}
	if !m.based() {
		return []ca.ListBase{this, this}
	}
	first, next := m.bases[0], m.bases[1]
	switch {
	case next.Number > m.published:
		return []ca.ListBase{first, this}
	case m.now.Sub(next.Made) >= baseAge:
		return []ca.ListBase{next, this}
	}
	return m.bases
}

// based tells whether the base in use was published.
func (m *moment) based() bool { return len(m.bases) == 2 && m.bases[0].Number <= m.published }

// point is the address that a shard says it is found at, and none other list does.
func (m *moment) point(scope ca.ListScope) string {
	if _, shard := scope.Shard(); shard {
		return m.of.ListAddress(scope)
	}
	return ""
}

// freshest is where the delta of a complete list is, if it has one.
func (m *moment) freshest(scope ca.ListScope) string {
	if scope == ca.CompleteList && m.of.Kind == ca.Issuing {
		return m.of.ListAddress(ca.DeltaList)
	}
	return ""
}
