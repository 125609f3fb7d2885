// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"

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

// countBelow counts the valid certificates that are below a revoked authority.
func (r *Registrar) countBelow(ctx context.Context) (n int64, err error) {
	fallen, err := r.fallen(ctx)
	for name := range fallen {
		one, failed := r.o.Records.Count(ctx, ca.Filter{Authority: name, Status: "valid", Now: r.o.Now()})
		if failed != nil {
			return 0, failed
		}
		n += one
	}
	return n, err
}
