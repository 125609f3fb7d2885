// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"chancery/audit"
	"chancery/ca"
)

const (
	// eventRefused is a call that was refused on this side; what the signer refuses
	// it puts on the log itself.
	eventRefused = "refused"
	// aMinute is what refusals are counted by, and maxTold how many of one account
	// are told one by one within it. More are a mistake in a loop or an attack on
	// the log, and a number says as much.
	aMinute = time.Minute
	maxTold = 10
	// maxTallies is how many accounts are counted apart; others says who the rest is. Those
	// who have none, and as many addresses as they like, take half of the places.
	maxTallies, maxStrangers = 64, 32
	others                   = "others"
	// maxDue is how many events wait while the log cannot be reached.
	maxDue = 1024
	// maxAbout is what an event tells: less than the 256 octets that the signer
	// takes, with room for a mark of what was cut.
	maxAbout = 240
)

// refusals are what was refused and is not yet on the log. Nobody waits for
// them: a refusal gives nothing away, and answering must stay cheaper than asking.
type refusals struct {
	mu      sync.Mutex
	began   time.Time
	tallies map[string]*tally
	due     []ca.EventBody
}

// A tally counts what was refused to somebody in the minute that runs.
type tally struct {
	told, more int
	last       ca.Code
	by         string // of the last that was only counted
}

// Refuse notes that something was refused to somebody: a door tells of what it
// refused itself. Errors that are no rule's and nobody's fault are passed over.
// What is refused to somebody who has not signed in is counted, and nothing more: he could
// fill the log.
func (r *Registrar) Refuse(who ca.Actor, err error) {
	if who.Method == ca.MethodEvidence {
		r.refuse(who, err, 0)
		return
	}
	r.refuse(who, err, maxTold)
}

// refuse notes a refusal, of which at most so many a minute are told one by one.
func (r *Registrar) refuse(who ca.Actor, err error, most int) {
	var p *ca.Problem
	if !errors.As(err, &p) {
		return
	}
	switch p.Kind {
	case ca.BusyKind, ca.LockedKind, ca.UnavailableKind:
		return
	}
	r.refusals.note(who, p, most, r.o.Now())
}

// note counts by account, so that whoever has many tokens is not many; what it tells names
// the credential too.
func (f *refusals) note(who ca.Actor, p *ca.Problem, most int, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	id := who.ID
	t, ok := f.tallies[id]
	places := maxTallies
	if who.Method == ca.MethodEvidence {
		places = maxStrangers
	}
	if !ok && len(f.tallies) >= places {
		id, most = others, 0
		t, ok = f.tallies[id]
	}
	if !ok {
		t = new(tally)
		f.tallies[id] = t
	}
	if t.told < most && len(f.due) < maxDue {
		t.told++
		f.add(who.By(), about(p))
		return
	}
	t.more, t.last, t.by = t.more+1, p.Code, who.By()
}

func (f *refusals) add(by, about string) {
	f.due = append(f.due, ca.EventBody{Kind: eventRefused, By: by, About: about})
}

// turn ends the minute if it is over. While too much waits it goes on.
func (f *refusals) turn(now time.Time) {
	if d := now.Sub(f.began); d >= 0 && d < aMinute || len(f.due)+len(f.tallies) > maxDue {
		return
	}
	f.close()
	f.began = now
}

// close makes events of what was only counted.
func (f *refusals) close() {
	for by, t := range f.tallies {
		if t.more > 0 {
			text := fmt.Sprintf("%d calls, the last with %s", t.more, t.last)
			if credential, ok := strings.CutPrefix(t.by, by+" "); ok {
				text += " by " + credential
			}
			f.add(by, short(text))
		}
	}
	f.tallies = map[string]*tally{}
}

// wait tells whether something is to go on the log now.
func (f *refusals) wait(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	return len(f.due) > 0
}

// take gives what is to go on the log now; at the end all of it.
func (f *refusals) take(now time.Time, end bool) []ca.EventBody {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turn(now); end {
		f.close()
	}
	due := f.due
	f.due = nil
	return due
}

// back takes events again that did not reach the log.
func (f *refusals) back(events []ca.EventBody) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = append(events, f.due...)
}

// tell puts refusals on the log and in the book. It is called while nothing is at
// the signer and nothing is being committed, so that no row lifts the mark over an
// event that has none yet.
func (s *shift) tell(ctx context.Context, end bool) {
	events := s.r.refusals.take(s.r.o.Now(), end)
	if len(events) == 0 {
		return
	}
	wait := callTime
	if end {
		wait = maxStall // whoever stops a process does not wait for long
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	var changes []ca.Change
	for i, e := range events {
		change, err := s.place(ctx, e)
		if err != nil {
			// It may be on the log nevertheless, and will be there twice then.
			s.r.refusals.back(events[i:])
			s.r.o.Report(fmt.Errorf("put %d refusals on the log: %w", len(events)-i, err))
			s.over = true
			break
		}
		changes = append(changes, change)
	}
	next := max(min(s.known, s.floor), s.mark)
	if _, err := s.r.o.Book.Commit(ctx, changes, next); err != nil {
		s.r.o.Report(fmt.Errorf("commit %d refusals: %w", len(changes), err))
		s.over, s.broken = true, true
		return
	}
	s.mark = next
}

// place puts one event on the log and makes its row.
func (s *shift) place(ctx context.Context, e ca.EventBody) (ca.Change, error) {
	placed, err := s.r.o.Log.Append(ctx, e)
	if err != nil {
		return ca.Change{}, err
	}
	l, err := audit.ParseLeaf(placed.Leaf)
	if err != nil || l.Kind != audit.FrontEvent || l.Index != placed.Index {
		return ca.Change{}, errors.Join(fmt.Errorf("leaf %d is not the event's", placed.Index), err)
	}
	s.known = max(s.known, placed.Index+1)
	return ca.Change{Event: ca.Event{
		ID: ca.NewID(s.v.session.LogNo, placed.Index), Kind: e.Kind, By: e.By, At: leafTime(l), About: e.About, Leaf: placed.Leaf,
	}}, nil
}

// about is a problem in a text that the log takes: plain, and not too long.
func about(p *ca.Problem) string {
	s := string(p.Code) + " " + p.Detail
	if !ca.PlainText(s) {
		s = string(p.Code) + " " + ca.Show(p.Detail)
	}
	return short(s)
}

// short cuts a text to what the log takes.
func short(s string) string {
	if len(s) <= maxAbout {
		return s
	}
	end := maxAbout
	for end > 0 && s[end]&0xc0 == 0x80 { // within a character
		end--
	}
	return s[:end] + "…"
}
