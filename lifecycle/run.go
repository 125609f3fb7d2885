// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"chancery/ca"
	"chancery/policy"
)

const (
	// firstPause and maxPause space attempts to settle: a restart of the signer
	// takes some hundred milliseconds, and a database that is down stays down.
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// Run settles log and book, and then issues, until ctx ends; what is at the
// signer or being committed by then is finished first. After every call with an
// unknown outcome it settles again before the next wish. A contradiction between
// log and book does not end it: nothing is issued, and the status says why. It
// is called once, and gives ctx's error, or one that is ca.ErrDisk: after that the
// process must end.
func (r *Registrar) Run(ctx context.Context) error {
	defer r.end()
	var lost []*wish
	pause := firstPause
	for {
		v, err := r.settle(ctx)
		if err != nil {
			return err
		}
		r.answer(ctx, v, lost)
		var progress bool
		lost, progress = newShift(r, v).run(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case progress:
			pause = firstPause
		default:
			// Settled, and broken at once: two fronts that close each other's sessions,
			// or a signer that dies of what it is sent. Neither is helped by haste.
			if err := sleep(ctx, pause); err != nil {
				return err
			}
			pause = min(2*pause, maxPause)
		}
	}
}

// settle makes log and book agree, as often as it takes, and opens for wishes.
// It ends without only when ctx does, or with an error that is ca.ErrDisk.
func (r *Registrar) settle(ctx context.Context) (*view, error) {
	r.pending(ca.Unavailable(ca.E2301, "log and database are being settled", "try again in a moment"))
	defer time.AfterFunc(maxStall, func() { r.shut(nil, false) }).Stop()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		v, err := r.once(ctx)
		if err == nil {
			r.open(v)
			return v, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.o.Report(fmt.Errorf("settle log and book: %w", err))
		if errors.Is(err, ca.ErrDisk) {
			var p *ca.Problem
			errors.As(err, &p)
			r.shut(p, true)
			return nil, err
		}
		if p := lasting(err); p != nil {
			r.shut(p, true)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		p := ca.Unavailable(ca.E1201, "signer or database do not answer", "chancery doctor")
		errors.As(err, &p)
		r.pending(p)
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// end answers all who still wait.
func (r *Registrar) end() {
	p := ca.Unavailable(ca.E2301, "the service is stopping", "try again in a moment")
	r.shut(p, true)
	for {
		select {
		case v := <-r.revokings:
			r.steps = append(r.steps, v)
			continue
		default:
		}
		break
	}
	for _, v := range r.steps {
		r.stepped(v, p)
	}
	r.steps = nil
}

// lasting gives the problem of an error that no trying again mends: log and book
// contradict each other, or belong to different installations.
func lasting(err error) *ca.Problem {
	var c contradiction
	if errors.As(err, &c) {
		return c.problem()
	}
	var p *ca.Problem
	if errors.As(err, &p) && (p.Code == ca.E1405 || p.Code == ca.E1406) {
		return p
	}
	return nil
}

// once settles once, in a new session.
func (r *Registrar) once(ctx context.Context) (*view, error) {
	mark, err := r.o.Book.Mark(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the mark: %w", err)
	}
	session, err := r.o.Log.Hello(ctx, r.o.DatabaseID, mark)
	if err != nil {
		return nil, fmt.Errorf("say hello: %w", err)
	}
	rules, err := policy.ParseBundle(session.Policy)
	if err != nil {
		return nil, fmt.Errorf("read the policy in force: %w", err)
	}
	known := make(map[string]ca.Authority, len(session.Authorities))
	for _, a := range session.Authorities {
		known[a.Name] = a
	}
	r.o.Vouched.hear(spoken(known, rules))
	r.tokens.hear(session.Tokens)
	r.obey(rules)
	s := settling{book: r.o.Book, shelf: r.o.Shelf, records: r.o.Records, log: r.o.Log, session: session, mark: mark, known: known, waits: r.waits, decided: r.decisions()}
	done, err := s.run(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := r.restore(ctx, &s, max(mark, done.lowest))
	if err != nil {
		return nil, err
	}
	v := &view{session: session, bundle: rules, settled: done, weak: r.o.Weak}
	if v.profiles, err = r.o.Bundle(session.Policy); err != nil {
		return nil, fmt.Errorf("read the profiles in force: %w", err)
	}
	r.o.Vouched.hear(spoken(known, rules))
	r.o.Vouched.judge(rows)
	all := inOrder(known, rows)
	for _, a := range all {
		bound := a.Bound(ca.Ancestry(all, a), r.o.Constraints)
		// What cannot be read matches nothing.
		bound.Fields, _ = r.o.Subject(a.Subject)
		v.authorities = append(v.authorities, bound)
	}
	if err := r.finishFalling(ctx, session.LogNo); err != nil {
		r.o.Report(fmt.Errorf("finish what falls with a compromised key: %w", err))
	}
	return v, nil
}

// spoken are authorities with who signs their OCSP answers: those that are kept by who shows
// authorities go when that changes.
func spoken(known map[string]ca.Authority, rules policy.Bundle) map[string]ca.Authority {
	all := maps.Clone(known)
	for name, a := range all {
		a.OCSPByItself = slices.Contains(rules.OCSPByAuthority, name)
		all[name] = a
	}
	return all
}

// answer tells the requesters of lost wishes what the book says after settling.
func (r *Registrar) answer(ctx context.Context, v *view, lost []*wish) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	for _, w := range lost {
		c, ok, err := r.repeated(ctx, w.request)
		if err == nil && !ok {
			c, err = r.o.Book.ByRequest(ctx, w.request.ID)
			var p *ca.Problem
			if errors.As(err, &p) && p.Kind == ca.NotFoundKind { // S01
				c, err = ca.Certificate{Kind: ca.Void}, nil
			}
		}
		var other *ca.Problem
		switch {
		case errors.As(err, &other) && other.Code == ca.E2302:
			r.finish(w, ca.Issued{}, other)
		case err != nil:
			r.o.Report(fmt.Errorf("look up request %s: %w", w.request.ID, err))
			r.finish(w, ca.Issued{}, sendAgain())
		case c.Kind == ca.Void: // S04, S06, S12
			r.finish(w, ca.Issued{}, sendAgain())
		default: // S05, S07, S08
			r.finish(w, ca.Issued{Certificate: c, Chain: v.chain(c.Authority), Notices: w.cleared.Notices()}, nil)
		}
	}
}

// open lets wishes pass.
func (r *Registrar) open(v *view) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view, r.problem, r.closed, r.unwilling = v, nil, false, nil
	if v.session.Sealed {
		r.unwilling = ca.Locked(ca.E3001, "the signing keys are locked", "chancery key unlock")
	}
	r.tell()
}

// pending says why nothing is issued for now; requesters wait.
func (r *Registrar) pending(p *ca.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problem = p
	r.tell()
}

// shut answers all who wait, and refuses who comes, with the problem given, or
// for nil the one that stands. If it is for good nothing opens again.
func (r *Registrar) shut(p *ca.Problem, forGood bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen || p == nil && r.problem == nil {
		return // frozen keeps its reason; settling ended as the timer fired
	}
	if p != nil {
		r.problem = p
	}
	r.closed, r.frozen = true, forGood
	for _, w := range r.underway {
		answer := r.problem
		if w.sent && !forGood {
			answer = sendAgain()
		}
		r.finishLocked(w, ca.Issued{}, answer)
	}
	r.tell()
}

// obey takes a policy into force, before settling: who may read does not depend
// on how log and book agree.
func (r *Registrar) obey(rules policy.Bundle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = &rules
	r.tell()
}

// hear notes why the signer signs nothing, nil if it signs.
func (r *Registrar) hear(p *ca.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwilling = p
}

// tell wakes those who wait for a change. The caller holds mu.
func (r *Registrar) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// sleep waits, or gives ctx's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
