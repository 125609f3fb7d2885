// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

// A Turning asks for a generation's next state: active, retiring or retired.
type Turning struct {
	Authority string
	To        ca.AuthorityState
	// Confirm is the name once more, to retire what has generations below that are not.
	Confirm string
}

// Turns gives a generation in its next state, and after it those of its line that become
// retiring because it becomes active, by name. The Problem is E2101 or E2603.
func (h Hierarchy) Turns(q Turning, now time.Time) ([]ca.Authority, error) {
	a, known := h[q.Authority]
	if !known {
		return nil, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Authority), "chancery ca list")
	}
	beside := h.activeBeside(a)
	why := h.fallen(a)
	// One that is active below what has fallen signs nothing, and has nobody to wait for.
	idle := q.To == ca.Retired && a.State == ca.Active && !a.External && why != ""
	if err := a.mayBecome(q.To, len(beside) > 0); err != nil && !idle {
		return nil, err
	}
	if below := h.livingBelow(a.Authority); q.To == ca.Retired && len(below) > 0 && q.Confirm != a.Name {
		return nil, ca.Refused(ca.E2603, fmt.Sprintf("%s stands above %s", a.Name, strings.Join(below, ", ")),
			"retire what is below it first, or chancery ca retire "+a.Name+" --confirm "+a.Name).
			Because("it leaves every trust bundle, and whoever takes the next one refuses what is below it")
	}
	if q.To == ca.Active && why != "" {
		return nil, ca.Refused(ca.E2603, a.Name+" cannot sign for its line: "+why, "make the next generation below another authority: chancery ca create").
			Because("whoever takes the next bundle, or checks lists, refuses what it would sign")
	}
	if q.To == ca.Active && !now.Before(a.NotAfter) {
		return nil, ca.Refused(ca.E2603, fmt.Sprintf("%s ended on %s", a.Name, a.NotAfter.Format(time.DateOnly)), "found the next generation: chancery ca create")
	}
	next := []ca.Authority{a.Authority}
	next[0].State = q.To
	if q.To == ca.Active {
		next[0].Activated = h.activations(a.Line) + 1
		for _, one := range beside {
			one.State = ca.Retiring
			next = append(next, one)
		}
	}
	for i := range next {
		next[i].Version++
	}
	return next, nil
}

// activations is the highest count of activations in a line. One that is active from the
// start has none, and needs none: no other was active then.
func (h Hierarchy) activations(line string) int {
	n := 0
	for _, s := range h {
		if s.Line == line {
			n = max(n, s.Activated)
		}
	}
	return n
}

// livingBelow are the generations that a signed and that are not retired, by name.
func (h Hierarchy) livingBelow(a ca.Authority) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if one := h[name]; one.Parent == a.Name && name != a.Name && one.State != ca.Retired {
			names = append(names, name)
		}
	}
	return names
}

// activeBeside gives the other active generations of a's line, by name.
func (h Hierarchy) activeBeside(a Standing) (out []ca.Authority) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if other := h[name]; other.Line == a.Line && name != a.Name && other.State == ca.Active {
			out = append(out, other.Authority)
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
func (s Standing) mayBecome(to ca.AuthorityState, crowded bool) error {
	refused := func(why, fix string) error {
		return ca.Refused(ca.E2603, fmt.Sprintf("%s is %s and cannot become %s", s.Name, s.State, ca.Show(string(to))), fix).Because(why)
	}
	if s.External {
		return refused("its key is not here", "where its key is, its state is decided")
	}
	if slices.Contains(turns[to], s.State) || to == ca.Active && s.State == ca.Active && crowded {
		return nil
	}
	switch {
	case s.State == to:
		return refused("it is that already", "chancery ca list")
	case s.State == ca.Retired:
		return refused("what is retired stays so", "found the next generation: chancery ca create")
	case to == ca.Retired:
		return refused("it signs new certificates", "activate another generation of "+s.Line+" first: chancery ca activate NAME")
	}
	return refused("no generation goes there", "chancery ca activate NAME, or chancery ca retire NAME")
}

// Bereaved says what no longer works when an authority is revoked and retired.
func (h Hierarchy) Bereaved(a ca.Authority) (notices []string) {
	if a.State != ca.Retired {
		return nil
	}
	if below := h.livingBelow(a); len(below) > 0 {
		notices = append(notices, "below "+a.Name+" still stand "+strings.Join(below, ", ")+": whoever checks lists accepts nothing of theirs any more, and none of them signs a certificate; take each out: chancery ca retire NAME")
	}
	for _, s := range h {
		if s.Line == a.Line && s.State == ca.Active && s.Name != a.Name {
			return notices
		}
	}
	return append(notices, "nobody signs for line "+a.Line+" now: make its next generation (chancery ca create) or activate one that is in standby")
}
