// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"chancery/ca"
	"chancery/policy"
)

const (
	// maxBatch is the most wishes of one call, which is what the signer takes.
	maxBatch = 256
	// maxOctets is where a call is full, whatever it carries: with two of the
	// largest requests on top it stays below the 1 MiB the signer reads (security
	// rule PR-04). wishOctets is what a wish weighs beside its documents.
	maxOctets, wishOctets = 768 << 10, 1 << 10
	// maxFlights is how many batches are at the signer: while it signs one, the
	// intents of the other reach the disk. A third would only wait.
	maxFlights = 2
	// maxTries is how often a wish goes to the signer that sends it back untouched.
	maxTries = 3
	// probePause is how often an idle signer is asked whether it still has this
	// session: how long a change of policy, an unlocked key or a dead signer may go
	// unnoticed.
	probePause = time.Second
)

// A flight is a batch at the signer.
type flight struct {
	wishes []*wish
	// floor is where its leaves may begin: the log had that many when it was sent.
	floor   int64
	answers []ca.Answer
	err     error
}

// A shift issues, from one settling to the next. One goroutine owns its fields;
// calls run beside it and report over channels.
//
//	queue → send → Issuer.Sign (two at once) → land → write (one at once) → stand → answer
type shift struct {
	r *Registrar
	v *view

	flights []*flight
	landed  []row // signed, and to be committed next
	swaps   []row // signed, and to be committed with what they replace
	writing bool
	lost    []*wish // of unknown outcome
	// floor is the lowest leaf that may have no row: what officers must decide, and
	// the floors of lost flights. known is where the log ends as far as we know,
	// mark what the book has.
	floor, known, mark int64
	// over says that nothing more is sent, broken that nothing more is committed,
	// telling that nothing more is sent until the refusals are on the log; so it is
	// while the registrar has steps to take.
	over, broken, progress, telling bool

	// waiting is the errand that waits for quiet.
	waiting *errand

	answered chan *flight
	written  chan group
}

// newShift makes a shift that goes on where settling ended.
func newShift(r *Registrar, v *view) *shift {
	s := &shift{
		r: r, v: v, floor: math.MaxInt64, known: v.settled.next, mark: v.settled.lowest,
		answered: make(chan *flight), written: make(chan group),
	}
	if len(v.settled.unknown) > 0 {
		s.floor = v.settled.lowest
	}
	return s
}

// run issues until ctx ends or the log must be settled again, and no call is
// under way any more. It gives the wishes whose outcome is unknown.
func (s *shift) run(ctx context.Context) (lost []*wish, progress bool) {
	stop := ctx.Done()
	probe := time.NewTicker(probePause)
	defer probe.Stop()
	for {
		s.write(ctx)
		if len(s.flights) == 0 && !s.writing {
			if s.over {
				lost = s.end(ctx, stop == nil)
				return lost, s.progress
			}
			if s.inQuiet(ctx) {
				continue
			}
		}
		var errands chan *errand
		if !s.over && s.waiting == nil {
			errands = s.r.errands
		}
		var intake chan *wish
		var steps chan *revoking
		if !s.over && len(s.r.steps) < maxBatch {
			steps = s.r.revokings
		}
		if !s.over && !s.telling && s.waiting == nil && len(s.r.steps) == 0 && len(s.swaps) == 0 && len(s.flights) < maxFlights && len(s.landed) < maxBatch {
			if intake = s.r.queue; len(s.r.again) > 0 {
				s.send(ctx, s.batch(ctx, nil))
				continue
			}
		}
		select {
		case w := <-intake:
			s.send(ctx, s.batch(ctx, w))
		case s.waiting = <-errands:
		case <-s.r.decide:
			s.over = true // and the settling that follows carries it out
		case <-s.r.o.Vouched.doubt:
			s.over = true // rows of authorities were read that are not those of the last settling
		case v := <-steps:
			s.r.steps = append(s.r.steps, v)
		case f := <-s.answered:
			s.land(f)
		case g := <-s.written:
			s.stand(g)
		case <-probe.C:
			s.telling = s.r.refusals.wait(s.r.o.Now())
			if !s.over && len(s.flights) == 0 {
				s.post(ctx, &flight{floor: s.known})
			}
		case <-stop:
			s.over, stop = true, nil
		}
	}
}

// inQuiet does one of the things that want signer and database for themselves. It is false
// if none waits.
func (s *shift) inQuiet(ctx context.Context) bool {
	switch {
	case len(s.swaps) > 0:
		s.swap(ctx)
	case len(s.r.steps) > 0:
		s.revoke(ctx)
	case s.waiting != nil:
		s.errand(ctx, s.waiting)
		s.waiting = nil
	case s.telling:
		s.tell(ctx, false)
		s.telling = false
	default:
		return false
	}
	return true
}

// end gives the wishes whose outcome is unknown when nothing is under way any more, and, if
// the front stops, tells the log what it was yet to tell.
func (s *shift) end(ctx context.Context, stopping bool) []*wish {
	for _, row := range append(s.landed, s.swaps...) {
		s.lost = append(s.lost, row.wish)
	}
	if stopping && !s.broken && len(s.lost) == 0 {
		s.tell(ctx, true)
	}
	if s.waiting != nil {
		s.waiting.done <- sendAgain() // nothing was done
	}
	return s.lost
}

// batch gathers what waits: wishes sent back first, then those of the queue. It
// leaves out those that were answered or given up meanwhile.
func (s *shift) batch(ctx context.Context, first *wish) []*wish {
	var out []*wish
	octets := 0
	take := func(w *wish) {
		s.r.mu.Lock()
		defer s.r.mu.Unlock()
		select {
		case <-w.done:
		default:
			w.sent = true
			out = append(out, w)
			octets += weight(w.request)
		}
	}
	for len(s.r.again) > 0 && len(out) < maxBatch-1 && octets < maxOctets {
		w := s.r.again[0]
		s.r.again = s.r.again[1:]
		// Whoever closed the session may have had something signed meanwhile: its rows are
		// settled by now, and nobody signs until this session is closed.
		if err := s.r.outrun(ctx, s.v, w); err != nil {
			s.r.finish(w, ca.Issued{}, err)
			continue
		}
		take(w)
	}
	if first != nil {
		take(first)
	}
	for len(out) < maxBatch && octets < maxOctets {
		select {
		case w := <-s.r.queue:
			take(w)
		default:
			return out
		}
	}
	return out
}

// weight is about what a request takes in a call, where documents are base64.
func weight(q ca.Request) int {
	n := wishOctets + len(q.CSR)*4/3
	for _, e := range q.Evidence {
		n += len(e) * 4 / 3
	}
	return n
}

// send posts a batch, if there is something in it.
func (s *shift) send(ctx context.Context, wishes []*wish) {
	if len(wishes) > 0 {
		s.post(ctx, &flight{wishes: wishes, floor: s.known})
	}
}

// post calls the signer. The call does not end with ctx: a stop waits for it. A
// call without wishes leaves nothing behind, and its answer is whether one with
// wishes would pass.
func (s *shift) post(ctx context.Context, f *flight) {
	drafts := make([]policy.Cleared, len(f.wishes))
	for i, w := range f.wishes {
		w.tries++
		drafts[i] = w.cleared
	}
	s.flights = append(s.flights, f)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		defer cancel()
		f.answers, f.err = s.r.o.Issuer.Sign(ctx, drafts)
		s.answered <- f
	}()
}

// land takes in what the signer said of a batch.
func (s *shift) land(f *flight) {
	for i := range s.flights {
		if s.flights[i] == f {
			s.flights = append(s.flights[:i], s.flights[i+1:]...)
			break
		}
	}
	var p *ca.Problem
	switch {
	case errors.As(f.err, &p) && p.Code == ca.E1402:
		s.over = true
		s.sentBack(f, p)
	case p != nil:
		s.progress = true
		if len(f.wishes) == 0 || p.Code == ca.E3001 || p.Code == ca.E3003 { // and not of this batch
			s.r.hear(p)
		}
		for _, w := range f.wishes {
			s.r.finish(w, ca.Issued{}, p)
		}
	case f.err != nil:
		s.lose(f, f.err)
	default:
		rows, err := s.rows(f)
		if err != nil {
			s.lose(f, err)
			return
		}
		s.progress = true
		s.r.hear(nil)
		for _, row := range rows {
			if row.wish.replaces != nil {
				s.swaps = append(s.swaps, row)
			} else {
				s.landed = append(s.landed, row)
			}
		}
	}
}

// sentBack keeps wishes that a closed session left untouched for the next one.
func (s *shift) sentBack(f *flight, p *ca.Problem) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, w := range f.wishes {
		if w.tries >= maxTries {
			s.r.finishLocked(w, ca.Issued{}, p)
			continue
		}
		w.sent = false
		s.r.again = append(s.r.again, w)
	}
}

// lose ends the shift: nobody knows what became of a batch, so its intents may
// stand in the log without a row, and the mark must not pass them.
func (s *shift) lose(f *flight, err error) {
	s.r.o.Report(fmt.Errorf("have %d certificates signed: %w", len(f.wishes), err))
	s.over = true
	s.floor = min(s.floor, f.floor)
	s.lost = append(s.lost, f.wishes...)
}

// write commits what has landed, unless a commit is under way: the longer one
// takes, the more the next one carries.
func (s *shift) write(ctx context.Context) {
	if len(s.landed) == 0 || s.writing || s.broken {
		return
	}
	g := group{rows: s.landed, next: min(s.known, s.floor), mark: s.mark}
	for _, f := range s.flights {
		g.next = min(g.next, f.floor)
	}
	for _, row := range s.swaps {
		g.next = min(g.next, row.change.Event.ID.Index())
	}
	g.next = max(g.next, s.mark)
	s.landed, s.writing = nil, true
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		defer cancel()
		g.commit(ctx, s.r.o.Book)
		s.outran(ctx, &g)
		s.written <- g
	}()
}

// stand answers those whose rows stand. After a failed commit nobody knows which
// do, so nothing more is committed until that is settled.
func (s *shift) stand(g group) {
	s.writing = false
	if g.err != nil {
		s.r.o.Report(fmt.Errorf("commit %d certificates: %w", len(g.rows), g.err))
		s.over, s.broken = true, true
		for _, row := range g.rows {
			s.lost = append(s.lost, row.wish)
		}
		return
	}
	s.mark = g.next
	for _, row := range g.rows {
		if row.outrun != nil {
			s.withdraw(row)
			continue
		}
		if row.other {
			s.r.finish(row.wish, ca.Issued{}, otherContent())
			continue
		}
		s.r.finish(row.wish, ca.Issued{
			Certificate: row.stands, Chain: s.v.chain(row.stands.Authority), Notices: row.wish.cleared.Notices(), Repeated: row.repeated,
		}, nil)
	}
}

// outran finds out what to tell those whom another node outran.
func (s *shift) outran(ctx context.Context, g *group) {
	for i := range g.rows {
		if row := &g.rows[i]; g.err == nil && row.outrun != nil {
			// What was first may be gone by now.
			if row.outrun = s.r.outrun(ctx, s.v, row.wish); row.outrun == nil {
				row.outrun = ca.Unavailable(ca.E2301, "another request for the same key or subject was first", "try again")
			}
		}
	}
}

// withdraw refuses a request whose certificate another node outran, and has the certificate
// revoked, which nobody was given. If the process dies before that it stands, undelivered to
// its requester, until somebody revokes it: two nodes, the same key or name, and a crash must
// meet within milliseconds.
func (s *shift) withdraw(row row) {
	c := row.change.Certificate
	s.r.steps = append(s.r.steps, &revoking{
		step: ca.Revoking{ID: c.ID, Step: 1, Reason: ca.Superseded, By: ca.MethodService}, of: *c, done: make(chan error, 1),
	})
	s.r.finish(row.wish, ca.Issued{}, row.outrun)
}
