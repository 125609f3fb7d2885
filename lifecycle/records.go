// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"slices"
	"strings"
	"time"

	"chancery/access"
	"chancery/ca"
)

// Records are what the book keeps of what happened.
type Records interface {
	// Request gives a request with the certificate that it led to, void rows included,
	// false if there is none.
	Request(ctx context.Context, id ca.RequestID) (ca.Asked, bool, error)
	// Others tells whether another than the owner has a live end-entity certificate of a key.
	Others(ctx context.Context, key ca.Digest, owner string, now time.Time) (bool, error)
	// Count says how many rows all pages of a list have.
	Count(ctx context.Context, f ca.Filter) (int64, error)
	// Events gives a page of events, newest first.
	Events(ctx context.Context, f ca.EventFilter) ([]ca.Event, error)
	// Step gives the leaf of a step of a certificate's history, zero if there is none.
	Step(ctx context.Context, certificate ca.ID, step int) (ca.ID, error)
}

// Request gives a request that was submitted, with what came of it. Those of others are
// not there (E2101) for whoever may not read them.
func (r *Registrar) Request(ctx context.Context, who ca.Actor, id ca.RequestID) (ca.Asked, error) {
	all, err := r.reads(ctx, who)
	if err != nil {
		return ca.Asked{}, err
	}
	a, ok, err := r.o.Records.Request(ctx, id)
	if err == nil && (!ok || !all && a.Request.From.ID != who.ID || inScope(who, a.Certificate.Profile, a.Certificate.Names, a.Certificate.Common) != nil) {
		err = ca.NotFound(ca.E2101, "there is no request "+ca.Show(string(id)), "take the id of the answer to the request; what was refused is not stored").At("id")
	}
	if err != nil {
		return ca.Asked{}, err
	}
	return a, nil
}

// Count says how many certificates List has in all pages; the error is as List's.
func (r *Registrar) Count(ctx context.Context, who ca.Actor, f ca.Filter) (int64, error) {
	f, err := r.within(ctx, who, f)
	if err == nil && who.Token != nil && len(who.Token.Scope.Names) > 0 {
		err = ca.Forbidden(ca.E1305, "the token "+who.Token.Name+" is for certain names, and counts nothing", "leave count out, or use another token")
	}
	if err != nil {
		return 0, err
	}
	return r.o.Records.Count(ctx, f)
}

// within restricts a filter to what somebody may read, and sees that it can be answered.
func (r *Registrar) within(ctx context.Context, who ca.Actor, f ca.Filter) (ca.Filter, error) {
	all, err := r.reads(ctx, who)
	switch {
	case err != nil:
		return f, err
	case !all && f.Owner != "" && f.Owner != who.ID:
		return f, r.allow(ctx, who, access.ReadAll)
	case !all:
		f.Owner = who.ID
	}
	if f, err = narrowed(who, f); err != nil {
		return f, err
	}
	if f.Now.IsZero() {
		f.Now = r.o.Now()
	}
	if f.Line == "" {
		return f, nil
	}
	authorities, err := r.o.Vouched.Authorities(ctx)
	for _, a := range authorities {
		if a.Line == f.Line {
			f.Authorities = append(f.Authorities, a.Name)
		}
	}
	if err == nil && len(f.Authorities) == 0 {
		err = ca.NotFound(ca.E2101, "there is no line "+ca.Show(f.Line), "chancery ca list").At("line")
	}
	return f, err
}

// Events gives a page of what happened, newest first, to whoever may read the log.
func (r *Registrar) Events(ctx context.Context, who ca.Actor, f ca.EventFilter) ([]ca.Event, error) {
	if err := r.allow(ctx, who, access.ReadLog); err != nil {
		return nil, err
	}
	if f.Kind != "" && !slices.Contains(EventKinds(), f.Kind) {
		return nil, ca.Invalid(ca.E1401, "there is no event of kind "+ca.Show(f.Kind), "use one of "+strings.Join(EventKinds(), ", ")).At("kind")
	}
	return r.o.Records.Events(ctx, f)
}

// Leaves gives durable leaves of the log from an index on, in order and without gaps, at
// most so many, to whoever may read the log. None is the end.
func (r *Registrar) Leaves(ctx context.Context, who ca.Actor, from int64, limit int) ([][]byte, error) {
	if err := r.allow(ctx, who, access.ReadLog); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	records, err := r.o.Log.Leaves(ctx, from)
	out := make([][]byte, 0, min(len(records), limit))
	for _, one := range records[:min(len(records), limit)] {
		out = append(out, slices.Clone(one.Leaf))
	}
	return out, err
}

// A Promiser says what the log promises of itself.
type Promiser interface {
	Checkpoint(ctx context.Context, q ca.ProofWish) (ca.Proof, error)
}

// Proof gives the newest checkpoint of the log, with proofs, to whoever may read the log.
// The Problem is E1305, or E2101 for what no checkpoint speaks of.
func (r *Registrar) Proof(ctx context.Context, who ca.Actor, q ca.ProofWish) (ca.Proof, error) {
	if err := r.allow(ctx, who, access.ReadLog); err != nil {
		return ca.Proof{}, err
	}
	if r.o.Promiser == nil {
		return ca.Proof{}, ca.Unavailable(ca.E2301, "nobody here knows the log", "chancery serve")
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return r.o.Promiser.Checkpoint(ctx, q)
}

// PlanRevoke says what Revoke would do, as far as the book knows: it gives the certificate
// as it would stand then, with what would fall with it. The error is as Revoke's.
func (r *Registrar) PlanRevoke(ctx context.Context, who ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return ca.Aftermath{}, err
	}
	c, err := r.toRevoke(ctx, v, who, ref, why)
	if err != nil {
		return ca.Aftermath{}, err
	}
	return r.wouldWithdraw(ctx, who, c, why)
}

// wouldStand gives a certificate as it would stand after a step.
func (r *Registrar) wouldStand(c ca.Certificate, why ca.Withdrawal) (ca.Certificate, error) {
	step, err := stepOf(c, why)
	switch {
	case why.InvalidSince.After(r.o.Now()):
		return ca.Certificate{}, ca.Refused(ca.E2111, "the invalidity date is ahead", "name a day that is over").At("invalid_since")
	case err != nil || step.Step == 0:
		return c, err
	case c.Revoked != nil && !why.Reason.Follows(c.Revoked.Reason):
		fix := "a reason can only be raised to keyCompromise"
		if c.Revoked.Reason == ca.KeyCompromise {
			fix = "there is nothing left to do: no reason is above that one"
		}
		return ca.Certificate{}, ca.Refused(ca.E2111, "it is revoked already for "+c.Revoked.Reason.String(), fix)
	}
	now := ca.Revoked{At: r.o.Now().UTC(), Reason: why.Reason, Step: step.Step, InvalidSince: step.InvalidSince}
	if c.Revoked != nil {
		now.At = c.Revoked.At
	}
	c.Steps, c.Revoked = step.Step, &now
	if why.Reason == ca.RemoveFromCRL {
		c.Revoked = nil
	}
	return c, nil
}
