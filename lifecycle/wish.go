// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"strconv"
	"sync"

	"chancery/ca"
	"chancery/policy"
)

// A wish is a request on its way to a certificate. Several requesters may wait
// for one. The Registrar's mu guards issued, err, waiting and sent.
type wish struct {
	request ca.Request
	claim   string
	cleared policy.Cleared
	tries   int // how often it was at the signer; Run's alone
	// replaces is what is revoked with it; nil for nothing.
	replaces *replaced
	// proven tells whether its request's signature verifies; it may take a millisecond.
	proven func() bool
	// holds are its keys of Registrar.held; mu guards it.
	holds []string

	done    chan struct{} // closed when issued and err are final
	issued  ca.Issued
	err     error
	waiting int
	sent    bool
}

// claimOf is what two requests share that must lead to one certificate. Quotes
// keep texts from a requester from running into each other.
func claimOf(q ca.Request) string {
	if q.Key == "" {
		return "id " + string(q.ID)
	}
	return "key " + strconv.Quote(string(q.Door)) + strconv.Quote(q.From.ID) + strconv.Quote(q.Key)
}

// join finds the wish of the same claim that is under way, or begins one.
func (r *Registrar) join(q ca.Request) (w *wish, mine bool, err error) {
	claim := claimOf(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed { // since it was ready; nobody would answer a wish that comes now
		return nil, false, r.problem
	}
	if w, ok := r.underway[claim]; ok {
		if !w.request.Same(q) || w.request.From.ID != q.From.ID {
			return nil, false, otherContent()
		}
		w.waiting++
		return w, false, nil
	}
	w = &wish{request: q, claim: claim, proven: r.proven(q), done: make(chan struct{}), waiting: 1}
	r.underway[claim] = w
	return w, true, nil
}

// proven verifies a request's signature when it is first asked.
func (r *Registrar) proven(q ca.Request) func() bool {
	return sync.OnceValue(func() bool {
		switch {
		case len(q.Whole) > 0:
			return r.o.Proof(q.Whole) == nil
		case q.Renews != 0: // it was verified when the first certificate was made
			return true
		}
		return r.o.Proof(q.CSR) == nil
	})
}

// start takes a new wish to the queue, or answers it at once. What it asks of
// the book it asks for all who join, so it does not end with the first of them.
func (r *Registrar) start(ctx context.Context, v *view, rules policy.Rules, w *wish, c ca.CSR) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxStall)
	defer cancel()
	before, ok, err := r.repeated(ctx, w.request)
	switch {
	case err != nil:
		r.Refuse(w.request.From, err)
		r.finish(w, ca.Issued{}, err)
		return
	case ok:
		r.finish(w, ca.Issued{Certificate: before, Chain: v.chain(before.Authority), Repeated: true}, nil)
		return
	}
	if w.cleared, err = policy.Vet(rules, w.request, c, r.o.Now()); err == nil {
		draft := w.cleared.Draft()
		err = inScope(w.request.From, w.request.Profile, draft.Names, draft.Subject.Get(ca.OIDCommonName))
	}
	if err == nil {
		err = r.alone(ctx, w, rules.Profile)
	}
	if err != nil {
		r.Refuse(w.request.From, err)
		r.finish(w, ca.Issued{}, err)
		return
	}
	select {
	case r.queue <- w:
	default:
		r.finish(w, ca.Issued{}, ca.Busy(ca.E2301, "too many requests are waiting", "try again in a minute"))
	}
}

// wait waits for a wish's answer. One that nobody waits for any more is given up
// if it is not yet at the signer.
func (r *Registrar) wait(ctx context.Context, w *wish) (ca.Issued, error) {
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w.waiting--
	select {
	case <-w.done:
		return w.issued, w.err
	default:
	}
	if w.waiting == 0 && !w.sent {
		r.finishLocked(w, ca.Issued{}, gaveUp())
	}
	return ca.Issued{}, gaveUp()
}

// finish answers a wish, once: later answers are dropped.
func (r *Registrar) finish(w *wish, issued ca.Issued, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finishLocked(w, issued, err)
}

func (r *Registrar) finishLocked(w *wish, issued ca.Issued, err error) {
	select {
	case <-w.done:
		return
	default:
	}
	w.issued, w.err = issued, err
	if r.underway[w.claim] == w {
		delete(r.underway, w.claim)
	}
	r.release(w)
	close(w.done)
}

// waits tells whether somebody waits for a request.
func (r *Registrar) waits(id ca.RequestID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.underway {
		if w.request.ID == id && w.waiting > 0 {
			return true
		}
	}
	return false
}

// gaveUp is the answer to a requester whose time ran out.
func gaveUp() *ca.Problem {
	return ca.Unavailable(ca.E2301, "the time for this request ran out", "ask again for the same request")
}

// sendAgain is the answer to a requester whose request left no certificate, or may
// have left one that nobody could look up.
func sendAgain() *ca.Problem {
	return ca.Unavailable(ca.E2301, "the service was interrupted while it worked on this", "send the request again; it is never signed twice")
}
