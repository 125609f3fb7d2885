// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

// onlyOne gives the certificate that a step is meant for. What was found by a name is the newest
// of that name; where several stand that bear it, a step wants to know which, since the same call
// again would take it on the next one (E2102). The way back from a hold is for the one that is held.
func (r *Registrar) onlyOne(ctx context.Context, who ca.Actor, ref string, found ca.Certificate, why ca.Withdrawal) (ca.Certificate, error) {
	if !bears(found, ref) {
		return found, nil // by a serial number, or a part of one
	}
	ref = strings.TrimSpace(ref)
	all, err := r.reads(ctx, who)
	if err != nil {
		return found, err
	}
	statuses := []string{"valid", "held"}
	if why.Reason == ca.RemoveFromCRL {
		statuses = statuses[1:]
	}
	var standing []ca.Certificate
	for _, status := range statuses {
		f := ca.Filter{Name: ref, Status: status, Now: r.o.Now(), Limit: ca.MaxPage}
		if !all {
			f.Owner = who.ID
		}
		page, err := r.o.Shelf.Certificates(ctx, f)
		if err != nil {
			return found, fmt.Errorf("look for others of a name: %w", err)
		}
		standing = append(standing, slices.DeleteFunc(page, func(c ca.Certificate) bool {
			return c.Kind != ca.EndEntity || !bears(c, ref) || inScope(who, c.Profile, c.Names, c.Common) != nil
		})...)
	}
	switch len(standing) {
	case 0:
		return found, nil
	case 1:
		return standing[0], nil
	}
	names := make([]string, 0, maxCandidates)
	for _, c := range standing[:min(len(standing), maxCandidates)] {
		names = append(names, c.PublicName())
	}
	return found, ca.Invalid(ca.E2102, ca.Show(ref)+" is the name of more than one certificate that stands", "the same again with one of these instead of the name").
		Because(strings.Join(names, ", "))
}

// bears tells whether a certificate was meant by a name.
func bears(c ca.Certificate, ref string) bool {
	ref = strings.TrimSpace(ref)
	return strings.EqualFold(c.Common, ref) || slices.ContainsFunc(c.Names, func(n ca.Name) bool { return strings.EqualFold(n.Value, ref) })
}
