// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"os"

	"chancery/ca"
)

// A sealedList is a list of a key that only a ceremony opens, as it was looked at last.
type sealedList struct {
	there placedFile
	// highest is the number of the newest that was made, as far as that is known.
	highest int64
	// bad is why what lies there is no list of its authority; fault is that, or what else is
	// wrong.
	bad, fault error
}

// judge opens a published list and says why it is not its authority's. An fs.PathError says
// that it could not be read.
func (p *Publisher) judge(a ca.Authority, name string) (number int64, forged error) {
	l, err := Open(p.o.Lists, name)
	if err != nil {
		return 0, err
	}
	return l.Number, errors.Join(l.Genuine(a), l.Close())
}

// watch looks at the lists of a key that only a ceremony opens. Nobody can make them again
// without its words, so what is wrong is told once when it begins and once when it ends, and by
// Spoilt for as long as it lasts. What was exchanged while the service was down is found by the
// number of the newest list, which the signer tells.
func (p *Publisher) watch(a ca.Authority) {
	for _, scope := range a.ListScopes() {
		name := ca.ListName(a.Name, scope)
		p.mu.Lock()
		s := p.sealed[name] // nobody else changes it
		p.mu.Unlock()
		before := s.fault
		s.look(listPath(p.o.Lists, name), p.signer.Newest(name), func() (int64, error) { return p.judge(a, name) })
		p.mu.Lock()
		p.sealed[name] = s
		p.mu.Unlock()
		switch {
		case s.fault != nil && (before == nil || before.Error() != s.fault.Error()):
			p.o.Log.Error("a revocation list is not the one that was made last, and is made again with recovery words alone", "list", name, "fault", s.fault)
		case s.fault == nil && before != nil:
			p.o.Log.Info("a revocation list is the one that was made last again", "list", name)
		}
	}
}

// look judges what lies at a path, and its number by that of the newest that was made; 0 is not
// known. What was judged before is not read again.
func (s *sealedList) look(path string, made int64, judge func() (int64, error)) {
	s.fault, s.highest = nil, max(s.highest, made)
	info, err := os.Stat(path)
	if err != nil {
		s.there, s.bad = placedFile{}, nil
		if s.highest > 0 {
			s.fault = fmt.Errorf("list %d was made, and cannot be read: %w", s.highest, cause(err))
		}
		return
	}
	if !s.there.is(info) {
		s.there.info = info
		if s.there.number, s.bad = judge(); s.bad == nil {
			s.highest = max(s.highest, s.there.number)
		}
	}
	switch {
	case s.bad != nil:
		s.fault = s.bad
	case s.there.number < s.highest:
		s.fault = fmt.Errorf("list %d is there, and list %d was made", s.there.number, s.highest)
	}
}

// Spoilt says what is wrong with the published lists of an authority that only a ceremony can
// make again; nil if nothing is, or nobody looked yet.
func (p *Publisher) Spoilt(a ca.Authority) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range a.ListScopes() {
		if err := p.sealed[ca.ListName(a.Name, scope)].fault; err != nil {
			return fmt.Errorf("%s: %w", ca.ListName(a.Name, scope), err)
		}
	}
	return nil
}
