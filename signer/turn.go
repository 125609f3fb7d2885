// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/signer/journal"
)

// A Turn asks for a generation's next state: active, retiring or retired.
type Turn struct {
	Authority string            `json:"authority"`
	To        ca.AuthorityState `json:"to"`
	// Confirm is the name once more, to retire what has generations below that are not.
	Confirm string `json:"confirm,omitempty"`
}

// Turned are the generations whose state changed, as they stand now.
type Turned struct {
	Authorities []ca.Authority `json:"authorities"`
}

// Turn changes where a generation stands in its line (architecture §6). Activation
// makes every other active generation of the line retiring in the same group of
// leaves: it goes on signing its list, and nothing else. A batch is signed wholly
// before it, or wholly after. One that retires leaves every bundle and signs no
// certificate any more; its list goes on (BK-05). What cannot be is E2603.
func (s *Signer) Turn(t Turn) (out Turned, err error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	r := s.rules.Load()
	a := r.authorities[t.Authority]
	if a == nil {
		return out, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(t.Authority), "chancery ca list")
	}
	older := r.activeBeside(a)
	if err := a.mayBecome(t.To, len(older) > 0); err != nil {
		return out, err
	}
	if below := r.livingBelow(a); t.To == ca.Retired && len(below) > 0 && t.Confirm != a.Name {
		return out, ca.Refused(ca.E2603, fmt.Sprintf("%s stands above %s", a.Name, strings.Join(below, ", ")),
			"retire what is below it first, or chancery ca retire "+a.Name+" --confirm "+a.Name).
			Because("it leaves every trust bundle, and whoever takes the next one refuses what is below it")
	}
	if t.To == ca.Active && !now.Before(a.NotAfter) {
		return out, ca.Refused(ca.E2603, fmt.Sprintf("%s ended on %s", a.Name, a.NotAfter.Format(time.DateOnly)), "found the next generation: chancery ca create")
	}
	// In this order, since a power cut may leave the first leaf alone, where a segment
	// of the log ends between them: two are active then, the newer signs, and the same
	// call makes it whole.
	next := []authority{*a}
	next[0].State = t.To
	if t.To == ca.Active {
		next[0].Activated = r.activations(a.Line) + 1
		for _, one := range older {
			one.State = ca.Retiring
			next = append(next, one)
		}
	}
	var entries []journal.Entry
	for i := range next {
		next[i].Version++
		entry, err := authorityEntry(next[i].Authority, 0)
		if err != nil {
			return out, err
		}
		entries = append(entries, entry)
	}
	if _, err := s.journal.Append(entries); err != nil {
		return out, fmt.Errorf("journal the authorities' states: %w", err)
	}
	for i := range next {
		r = r.withAuthority(&next[i])
		out.Authorities = append(out.Authorities, next[i].Authority)
	}
	s.rules.Store(r)
	s.closeSession()
	return out, nil
}

// activations is the highest count of activations in a line. One that is active from the
// start has none, and needs none: no other was active then.
func (r *rules) activations(line string) int {
	n := 0
	for _, a := range r.authorities {
		if a.Line == line {
			n = max(n, a.Activated)
		}
	}
	return n
}

// livingBelow are the generations that a signed and that are not retired, by name.
func (r *rules) livingBelow(a *authority) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(r.authorities)) {
		if one := r.authorities[name]; one.Parent == a.Name && name != a.Name && one.State != ca.Retired {
			names = append(names, name)
		}
	}
	return names
}

// activeBeside gives the other active generations of a's line, by name.
func (r *rules) activeBeside(a *authority) (out []authority) {
	for _, name := range slices.Sorted(maps.Keys(r.authorities)) {
		if other := r.authorities[name]; other.Line == a.Line && name != a.Name && other.State == ca.Active {
			out = append(out, *other)
		}
	}
	return out
}

// turns are the states that may follow each other. A generation that was retiring may
// become active again: a rollover can be taken back while the older lives.
var turns = map[ca.AuthorityState][]ca.AuthorityState{
	ca.Active:   {ca.Standby, ca.Retiring},
	ca.Retiring: {ca.Active},
	ca.Retired:  {ca.Standby, ca.Retiring},
}

// mayBecome says whether a generation may go into a state; crowded, whether another
// one of its line is active.
func (a *authority) mayBecome(to ca.AuthorityState, crowded bool) error {
	refused := func(why, fix string) error {
		return ca.Refused(ca.E2603, fmt.Sprintf("%s is %s and cannot become %s", a.Name, a.State, ca.Show(string(to))), fix).Because(why)
	}
	if a.External {
		return refused("its key is not here", "where its key is, its state is decided")
	}
	if slices.Contains(turns[to], a.State) || to == ca.Active && a.State == ca.Active && crowded {
		return nil
	}
	switch {
	case a.State == to:
		return refused("it is that already", "chancery ca list")
	case a.State == ca.Retired:
		return refused("what is retired stays so", "found the next generation: chancery ca create")
	case to == ca.Retired:
		return refused("it signs new certificates", "activate another generation of "+a.Line+" first: chancery ca activate NAME")
	}
	return refused("no generation goes there", "chancery ca activate NAME, or chancery ca retire NAME")
}
