// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"slices"

	"chancery/ca"
)

// remembered is how many settled intents the signer knows by request and key;
// older keys are the book's to recognise (architecture §3).
const remembered = 1 << 16

// An intent is what the signer knows of one INTENT leaf.
type intent struct {
	index   int64
	request ca.RequestID
	key     string // (door, actor, key), or "" if the door has no key
	// final is the index of its FINAL, or -1. FINALs are appended without waiting,
	// so there is a moment when a certificate exists and its FINAL has no index.
	final int64
	void  bool
	// answer is held while the intent is open, so that a lost reply can be given
	// again from memory.
	answer ca.Answer
}

// recent finds intents by request and by idempotency key: all open ones, and
// the last `remembered` of the settled. It is guarded by the signer's mutex.
type recent struct {
	byRequest map[ca.RequestID]*intent
	byKey     map[string]*intent
	byIndex   map[int64]*intent
	open      map[int64]*intent
	order     []*intent // a ring of the settled, oldest at next
	next      int
	most      int // how many settled ones are kept
}

// remembers is how many settled intents are kept.
func (s *Signer) remembers() int {
	if s.Place.Remembered > 0 {
		return s.Place.Remembered
	}
	return remembered
}

func newRecent(most int) *recent {
	return &recent{
		most:      most,
		byRequest: map[ca.RequestID]*intent{},
		byKey:     map[string]*intent{},
		byIndex:   map[int64]*intent{},
		open:      map[int64]*intent{},
	}
}

// idempotency joins what makes a door's key unique. The separator cannot occur
// in a door's name or an actor's id.
func idempotency(r ca.Request) string {
	if r.Key == "" {
		return ""
	}
	return string(r.Door) + "\x00" + r.From.ID + "\x00" + r.Key
}

// find gives the intent a wish repeats, or nil. A voided intent is not
// repeated: a retry after VOID gets a new serial (security rule IS-04).
func (m *recent) find(r ca.Request) *intent {
	i := m.byRequest[r.ID]
	if key := idempotency(r); i == nil && key != "" {
		i = m.byKey[key]
	}
	if i == nil || i.void {
		return nil
	}
	return i
}

// add enters an open intent. That of a CA certificate is no request's: a wish without a
// name must not be answered with it.
func (m *recent) add(i *intent) {
	if i.request != "" {
		m.byRequest[i.request] = i
	}
	m.byIndex[i.index] = i
	m.open[i.index] = i
	if i.key != "" {
		m.byKey[i.key] = i
	}
}

// settle moves an intent from the open ones to the ring, where the oldest
// makes room. The answer's bytes are dropped: the journal has them. An intent that
// is settled already stays where it is.
func (m *recent) settle(i *intent) {
	if m.open[i.index] != i {
		return
	}
	delete(m.open, i.index)
	i.answer = ca.Answer{}
	if len(m.order) < m.most {
		m.order = append(m.order, i)
		return
	}
	m.forget(m.order[m.next])
	m.order[m.next] = i
	m.next = (m.next + 1) % m.most
}

// settled gives the ring, the oldest first.
func (m *recent) settled() []*intent {
	return slices.Concat(m.order[m.next:], m.order[:m.next])
}

// forget drops an intent, unless a newer one took its place under a name.
func (m *recent) forget(i *intent) {
	delete(m.byIndex, i.index)
	if m.byRequest[i.request] == i {
		delete(m.byRequest, i.request)
	}
	if m.byKey[i.key] == i {
		delete(m.byKey, i.key)
	}
}
