// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"chancery/ca"
	"chancery/client"
)

// A multitude is what many are revoked with: those of which it was judged that they can be,
// what was judged of each, those that fall with them, and the lines that name nothing or what is
// refused.
type multitude struct {
	withdrawing
	found       []ca.Certificate
	judged, bad []outcome
	also        fall
}

// judge finds out what would become of each that was found, as the service judges it, and what
// falls with them.
func (a *app) judge(ctx context.Context, k *client.Client, m *multitude, found []ca.Certificate) error {
	all, plans := make([]outcome, len(found)), make([]ca.Aftermath, len(found))
	p := a.progress(task{what: "judge", of: "certificates were judged, and nothing was changed", total: int64(len(found))})
	first, others := foremost(found, m.Reason)
	err := each(ctx, len(first), func(n int) {
		defer p.add(1)
		i := first[n]
		all[i], plans[i] = m.plan(ctx, k, found[i])
	})
	with := fallsWith(plans)
	if err == nil {
		err = each(ctx, len(others), func(n int) {
			defer p.add(1)
			if i := others[n]; with[found[i].PublicName()] {
				all[i] = m.likely(found[i], found[i], nil)
			} else {
				all[i], plans[i] = m.plan(ctx, k, found[i])
			}
		})
	}
	p.end(ctx)
	if err != nil {
		return err
	}
	for i, o := range all {
		if !o.OK {
			m.bad = append(m.bad, o)
			continue
		}
		m.found, m.judged = append(m.found, found[i]), append(m.judged, o)
	}
	return a.fallenWith(ctx, k, m, plans)
}

// foremost gives the places of those that are asked of first: of each compromised key the first
// one, whose answer names the others. Without that ten thousand of one key would be named ten
// thousand times. All others need an answer each.
func foremost(found []ca.Certificate, why ca.Reason) (first, others []int) {
	seen := map[ca.Digest]bool{}
	for i, c := range found {
		if why == ca.KeyCompromise && seen[c.Key] {
			others = append(others, i)
			continue
		}
		seen[c.Key] = true
		first = append(first, i)
	}
	return first, others
}

// fallsWith are the public names of all that fall with others.
func fallsWith(plans []ca.Aftermath) map[string]bool {
	with := map[string]bool{}
	for _, one := range plans {
		for _, name := range one.Also {
			with[name] = true
		}
	}
	return with
}

// plan gives what the service would make of one.
func (m *multitude) plan(ctx context.Context, k *client.Client, c ca.Certificate) (outcome, ca.Aftermath) {
	planned, err := k.PlanRevoke(ctx, c.PublicName(), m.Withdrawal)
	if err != nil {
		planned.Certificate = c
	}
	return m.likely(c, planned.Certificate, err), planned
}

// likely is the outcome that a certificate would have.
func (m *multitude) likely(c, planned ca.Certificate, err error) outcome {
	o := went(c.PublicName(), planned, err)
	if o.RevokedAt, o.Reason = (time.Time{}), ""; err == nil {
		o.Detail, o.told = m.would(), true // they are listed by themselves
		if c.Revoked != nil && c.Revoked.Reason == m.Reason {
			o.Detail = "is revoked for this reason already"
		}
	}
	return o
}

// fallenWith looks up what falls with those that were found, and is not among them.
func (a *app) fallenWith(ctx context.Context, k *client.Client, m *multitude, plans []ca.Aftermath) (err error) {
	with := fallsWith(plans)
	for _, c := range m.found {
		delete(with, c.PublicName())
	}
	names := slices.Sorted(maps.Keys(with))
	m.also.named, err = a.lookedUp(ctx, k, names, len(names))
	unnamed := map[ca.Digest]int{}
	for _, one := range plans {
		unnamed[one.Key] = max(unnamed[one.Key], one.AlsoUnnamed)
	}
	for _, n := range unnamed {
		m.also.unnamed += n
	}
	return err
}

// fell gives what was revoked with others of its key, as the book has it now: where a step of
// these went wrong, it was not.
func (a *app) fell(ctx context.Context, k *client.Client, m multitude) (rest []outcome, touched []ca.Certificate) {
	names := publicNames(m.also.named)
	again, _ := a.lookedUp(ctx, k, names, len(names)) // who cannot be looked up is left out
	for i, c := range again {
		if c.Revoked == nil {
			continue
		}
		o := went(names[i], c, nil)
		o.Detail = "revoked with its key"
		rest, touched = append(rest, o), append(touched, c)
	}
	return rest, touched
}
