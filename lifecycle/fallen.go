// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"slices"
	"time"

	"chancery/ca"
)

// below notes in rows which revoked authority they are below. Their own status stays what it
// is: they were not revoked, and who must get a new certificate is found by that.
func (r *Registrar) below(ctx context.Context, rows []ca.Certificate) error {
	fallen, err := r.fallen(ctx)
	for i := range rows {
		if rows[i].Kind != ca.Void {
			rows[i].IssuerRevoked = fallen[rows[i].Authority]
		}
	}
	return err
}

// fallen is ca.FallenNames of what the signer's log has; nobody vouches before it was met.
func (r *Registrar) fallen(ctx context.Context) (map[string]string, error) {
	if !r.o.Vouched.isMet() {
		return nil, nil
	}
	all, err := r.o.Vouched.Authorities(ctx)
	return ca.FallenNames(all), err
}

// counts are those of the book at now. That nobody can say just then who is below a revoked
// authority costs that number alone: it is when status is asked for most.
func (r *Registrar) counts(ctx context.Context, now time.Time) (ca.Counts, error) {
	if !r.o.Vouched.isMet() {
		return r.o.Shelf.Counts(ctx, now, nil)
	}
	all, failed := r.o.Vouched.Authorities(ctx)
	n, err := r.o.Shelf.Counts(ctx, now, toReplace(all, now))
	n.IssuerRevokedMore = n.IssuerRevokedMore || failed != nil
	return n, err
}

// toReplace are the generations below which certificates are to be replaced, newest first.
// Whatever is below one that has ended has ended with it.
func toReplace(all []ca.Authority, now time.Time) (names []string) {
	fallen := ca.FallenNames(all)
	for _, a := range slices.Backward(all) {
		if fallen[a.Name] != "" && !a.NotAfter.Before(now) {
			names = append(names, a.Name)
		}
	}
	return names
}
