// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

// Plan says what Submit would make of a request now. The error is as Submit's; that a
// signature does not verify is told last, and hides what others have (E2210).
func (r *Registrar) Plan(ctx context.Context, q ca.Request, c ca.CSR) (ca.Plan, error) {
	if _, err := r.ready(ctx); err != nil {
		return ca.Plan{}, err
	}
	if err := r.allow(ctx, q.From, access.Submit); err != nil {
		return ca.Plan{}, err
	}
	return r.foreseen(ctx, q, c)
}

// PlanRenew says what Renew would make now. The error is as Renew's.
func (r *Registrar) PlanRenew(ctx context.Context, who ca.Actor, q ca.Renewing) (ca.Plan, error) {
	if _, err := r.ready(ctx); err != nil {
		return ca.Plan{}, err
	}
	old, err := r.renewable(ctx, who, q)
	if err != nil {
		return ca.Plan{}, r.refused(who, err)
	}
	w, c, err := r.onceMore(ctx, who, old, q)
	if err != nil {
		return ca.Plan{}, r.refused(who, err)
	}
	return r.foreseen(ctx, w, c)
}

// Try says what Submit would make of a request under a document that is not in force.
// The error is as Plan's and Rehearse's.
func (r *Registrar) Try(ctx context.Context, q ca.Request, c ca.CSR, document string) (ca.Plan, error) {
	_, next, err := r.under(ctx, q.From, document)
	if err != nil {
		return ca.Plan{}, err
	}
	q.Profile, q.Digest, q.Key = next.name, ca.Digest{}, "" // its key is that of another request
	return r.judge(ctx, next, q, c)
}

// foreseen is Plan for whom that, or a renewal, was allowed.
func (r *Registrar) foreseen(ctx context.Context, q ca.Request, c ca.CSR) (ca.Plan, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return ca.Plan{}, err
	}
	return r.judge(ctx, hypothesis{view: v}, q, c)
}

// judge asks all that is asked of a request before it is signed: what its key stands for, the
// policy, what a token narrows, the book, and the signer, who alone knows which keys are
// never certified again. Every dry run is this, so that none promises what is refused.
func (r *Registrar) judge(ctx context.Context, h hypothesis, q ca.Request, c ca.CSR) (ca.Plan, error) {
	rules, err := h.rules(&q)
	if err != nil {
		return ca.Plan{}, err
	}
	before, again, err := r.repeated(ctx, q)
	if again {
		err = gone(before)
	}
	if err != nil {
		return ca.Plan{}, err
	}
	cleared, err := policy.Vet(rules, q, c, r.o.Now())
	if err == nil {
		err = inScope(q.From, q.Profile, cleared.Draft().Names, cleared.Draft().Subject.Get(ca.OIDCommonName))
	}
	if err == nil {
		err = r.free(ctx, q, cleared.Draft(), rules.Profile, r.proven(q))
	}
	if err == nil && r.o.Foresee != nil {
		err = r.o.Foresee(ctx, q, h.document)
	}
	if err != nil {
		return ca.Plan{}, err
	}
	return ca.Plan{Draft: cleared.Draft(), Notices: cleared.Notices()}, nil
}
