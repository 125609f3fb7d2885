// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"slices"

	"chancery/ca"
)

// unmatched says why nothing can match a filter that nothing matched: it has a word that
// there is not. A misspelt one would look like an answer. Certificates outlive their profiles,
// so this is asked of an empty first page alone.
func (r *Registrar) unmatched(ctx context.Context, f ca.Filter) error {
	if f.Authority != "" {
		all, err := r.o.Vouched.Authorities(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(a ca.Authority) bool { return a.Name == f.Authority }) {
			return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(f.Authority), "chancery ca list").At("authority")
		}
	}
	r.mu.Lock()
	v := r.view
	r.mu.Unlock()
	if f.Profile != "" && v != nil {
		if err := v.knows(f.Profile); err != nil {
			return err.At("profile")
		}
	}
	doors := []ca.Door{ca.DoorCLI, ca.DoorAPI, ca.DoorService}
	switch {
	case f.Door != "" && !slices.Contains(doors, f.Door):
		return ca.Invalid(ca.E1401, "there is no way in "+ca.Show(string(f.Door)), "use one of cli, api, service").At("source")
	case f.Owner != "" && f.Owner != ca.MethodService && uidOf(f.Owner) < 0:
		return ca.Invalid(ca.E1401, ca.Show(f.Owner)+" is no account", "write its number, as uid:1000").At("owner")
	case f.Tag != "":
		_, err := ca.Annotation{Tags: []string{f.Tag}}.Ordered()
		return err
	}
	return nil
}

// EventKinds are those of all events, as GET /events takes them.
func EventKinds() []string {
	return []string{eventIssued, eventVoid, eventFounded, eventAuthority, EventRestored, eventRevoked, eventRefused, ca.EventReplaced, ca.EventAnnotated, ca.EventTokenMade, ca.EventTokenRevoked}
}
