// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"maps"

	"chancery/ca"
	"chancery/policy"
)

// A Foreseeing asks what would become of a wish.
type Foreseeing struct {
	Wish ca.Request `json:"wish"`
	// Document is a profile that is not in force; empty judges by those that are.
	Document string `json:"document,omitempty"`
}

// Foresee judges a wish as Issue would, up to the bytes that it would sign, and signs,
// journals and remembers nothing. With the document of a profile it is judged as if that was
// in force, alone or in the place of the one of its name. The error is the Problem of Issue's
// answer. It needs no session: nothing is open after it.
func (s *Signer) Foresee(w Foreseeing) error {
	s.mu.Lock()
	session := s.session
	s.mu.Unlock()
	if err := s.admit(session, 1); err != nil {
		return err
	}
	now, err := s.clock.read()
	if err != nil {
		return err
	}
	rules := s.rules.Load()
	if w.Document != "" {
		p, err := policy.Load([]byte(w.Document), s.Parse)
		if err != nil {
			return err
		}
		next := *rules
		next.profiles = maps.Clone(rules.profiles)
		next.profiles[p.Name] = p
		rules = &next
	}
	if p := problemOf(s.prepare(rules, &draftee{request: w.Wish}, now)); p != nil {
		return p
	}
	return nil
}
