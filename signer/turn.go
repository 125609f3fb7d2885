// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer/journal"
)

// A Turn asks for a generation's next state: active, retiring or retired.
type Turn struct {
	Authority string            `json:"authority"`
	To        ca.AuthorityState `json:"to"`
	// Confirm is the name once more, to retire what has generations below that are not.
	Confirm string `json:"confirm,omitempty"`
	// DryRun is as in a Creation.
	DryRun bool `json:"dry_run,omitempty"`
}

// Turned are the generations whose state changed, as they stand now.
type Turned struct {
	Authorities []ca.Authority `json:"authorities"`
}

// Turn changes where a generation stands in its line (architecture §6). Activation
// makes every other active generation of the line retiring in the same group of
// leaves: it goes on signing its list, and nothing else. A batch is signed wholly
// before it, or wholly after. One that retires leaves every bundle and signs no
// certificate any more; its list goes on (BK-05). What cannot be is E2603, or E2204 or E3004
// if it is for its key.
func (s *Signer) Turn(t Turn) (out Turned, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	s.flights.Lock()
	defer s.flights.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	r := s.rules.Load()
	h := r.hierarchy()
	next, err := h.Turns(policy.Turning{Authority: t.Authority, To: t.To, Confirm: t.Confirm}, now)
	if err != nil {
		return out, err
	}
	if t.To == ca.Active {
		if err := s.ready(r.authorities[t.Authority]); err != nil {
			return out, err
		}
	}
	if out.Authorities = next; t.DryRun {
		return out, nil
	}
	// In this order, since a power cut may leave the first leaf alone, where a segment
	// of the log ends between them: two are active then, the newer signs, and the same
	// call makes it whole.
	var entries []journal.Entry
	for _, a := range next {
		entry, err := authorityEntry(a, 0)
		if err != nil {
			return out, err
		}
		entries = append(entries, entry)
	}
	if _, err := s.journal.Append(entries); err != nil {
		return out, fmt.Errorf("journal the authorities' states: %w", err)
	}
	for _, a := range next {
		turned := *r.authorities[a.Name]
		turned.Authority = a
		r = r.withAuthority(&turned)
	}
	s.rules.Store(r)
	s.closeSession()
	return out, nil
}

// ready refuses to have a generation sign whose key cannot: it would stop its line, while
// those whose place it takes sign on. While all keys are locked, it is not known.
func (s *Signer) ready(a *authority) error {
	if err := s.unburnt(a); err != nil {
		return err
	}
	if a.Kind == ca.Issuing && a.key == nil && !s.keys.Sealed() {
		return a.locked()
	}
	return nil
}
