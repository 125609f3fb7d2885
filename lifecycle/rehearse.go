// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

// Rehearse says what a profile's document would make of the certificates that stand under
// the profile, if each was asked for again now: nothing is issued or stored. Whoever may not
// read what others asked for is told the numbers alone (security rule RO-06). One is
// rehearsed at a time. The error is E1305 for want of a role, what is wrong with the document
// (E1003), or E2301 while another one goes on.
func (r *Registrar) Rehearse(ctx context.Context, who ca.Actor, t ca.Trial) (out ca.Rehearsal, err error) {
	now, next, err := r.under(ctx, who, t.Document)
	if err != nil {
		return out, err
	}
	limit := t.Limit
	if limit == 0 {
		limit = ca.MaxTried
	}
	if limit < 1 || limit > ca.MaxTried {
		return out, ca.Invalid(ca.E1401, fmt.Sprintf("a rehearsal judges 1 to %d certificates", ca.MaxTried), "ask for fewer").At("limit")
	}
	select {
	case r.rehearsing <- struct{}{}:
		defer func() { <-r.rehearsing }()
	default:
		return out, ca.Busy(ca.E2301, "another rehearsal goes on", "try again in a moment")
	}
	most := ca.MaxCases
	if r.may(ctx, who, access.ReadAll) != nil {
		most = 0
	}
	out = ca.Rehearsal{Profile: next.name, Cases: []ca.RehearsedCase{}}
	at, below := r.o.Now(), ca.ID(0)
	for {
		// One more than wanted tells whether there are more.
		page, err := r.o.Shelf.Asked(ctx, next.name, below, at, min(limit-out.Checked+1, ca.MaxPage))
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, one := range page {
			if below = one.Certificate.ID; out.Checked == limit {
				out.More = true
				return out, nil
			}
			if ctx.Err() != nil {
				return out, gaveUp()
			}
			was, is := now.verdict(r, one, at), next.verdict(r, one, at)
			enter(&out, one, was, is, most)
		}
	}
}

// A hypothesis is what is in force, or what would be with another document of a profile.
type hypothesis struct {
	*view
	// document is the profile's that is not in force, empty for what is; name is that
	// profile's.
	document, name string
}

// under gives what is in force, and what would be under a document.
func (r *Registrar) under(ctx context.Context, who ca.Actor, document string) (now, next hypothesis, err error) {
	v, err := r.ready(ctx)
	if err != nil {
		return now, next, err
	}
	if err := r.allow(ctx, who, access.DraftPolicy); err != nil {
		return now, next, err
	}
	p, err := policy.Load([]byte(document), r.o.Profile)
	if err != nil {
		return now, next, err
	}
	other := *v
	other.profiles = maps.Clone(v.profiles)
	other.profiles[p.Name] = p
	return hypothesis{view: v, name: p.Name}, hypothesis{&other, document, p.Name}, nil
}

// A verdict is what becomes of a request.
type verdict struct {
	draft   ca.Draft
	problem *ca.Problem
}

// verdict judges the request of a certificate once more, as if it came now for as many
// days as it wished then.
func (h hypothesis) verdict(r *Registrar, one ca.Asked, at time.Time) verdict {
	q := one.Request
	if !q.NotAfter.IsZero() {
		q.NotAfter = at.Add(q.NotAfter.Sub(q.At))
	}
	q.At, q.Digest = at, ca.Digest{}
	rules, err := h.rules(&q)
	if err != nil {
		return refused(err)
	}
	c, err := r.o.CSR(q.CSR)
	if err != nil {
		return refused(err)
	}
	cleared, err := policy.Vet(rules, q, c, at)
	if err != nil {
		return refused(err)
	}
	return verdict{draft: cleared.Draft()}
}

// refused is the verdict of a no.
func refused(err error) verdict {
	var p *ca.Problem
	if !errors.As(err, &p) {
		p = ca.Invalid(ca.E2203, err.Error(), "look at the request: chancery show")
	}
	return verdict{problem: p}
}

// enter counts one certificate, and lists it if it would go another way, most at most.
func enter(out *ca.Rehearsal, one ca.Asked, was, is verdict, most int) {
	out.Checked++
	c := one.Certificate
	entry := ca.RehearsedCase{Certificate: c.PublicName(), Title: c.Title(), Owner: c.Owner, NotAfter: c.NotAfter}
	switch {
	case was.problem != nil && is.problem != nil:
		out.Same++
		return
	case is.problem != nil:
		out.Refused++
		entry.Problem = is.problem
	case was.problem != nil:
		out.Gained++
		entry.Changes = []string{"is refused today: " + was.problem.Detail}
	default:
		if entry.Changes = differences(was.draft, is.draft); len(entry.Changes) == 0 {
			out.Same++
			return
		}
		out.Changed++
	}
	if len(out.Cases) < most {
		out.Cases = append(out.Cases, entry)
	}
}

// differences says in plain words how two drafts of one request differ.
func differences(was, is ca.Draft) (all []string) {
	say := func(what, before, after string) {
		if before != after {
			all = append(all, fmt.Sprintf("%s: %s → %s", what, before, after))
		}
	}
	names := func(d ca.Draft) string {
		out := make([]string, len(d.Names))
		for i, n := range d.Names {
			out[i] = n.Value
		}
		return fmt.Sprint(out)
	}
	days := func(d ca.Draft) string {
		return fmt.Sprintf("%d days", (d.NotAfter.Sub(d.NotBefore)+time.Second)/(24*time.Hour))
	}
	say("subject", ca.Show(was.Subject.String()), ca.Show(is.Subject.String()))
	say("names", names(was), names(is))
	say("lifetime", days(was), days(is))
	say("use", fmt.Sprint(was.Use), fmt.Sprint(is.Use))
	say("signed by", was.Authority, is.Authority)
	rest := func(d ca.Draft) ca.Draft {
		d.Subject, d.Names, d.Use, d.Authority, d.ProfileDigest, d.NotBefore, d.NotAfter = nil, nil, nil, "", ca.Digest{}, time.Time{}, time.Time{}
		return d
	}
	if !reflect.DeepEqual(rest(was), rest(is)) {
		all = append(all, "other extensions")
	}
	return all
}
