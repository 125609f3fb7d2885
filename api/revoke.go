// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"chancery/ca"
)

// A Revoker takes trust away; see lifecycle.Registrar for what the errors are.
type Revoker interface {
	// Revoke revokes one certificate, as Find takes it, and waits for it.
	Revoke(ctx context.Context, who ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error)
	// PlanRevoke says what Revoke would do, as far as the book knows.
	PlanRevoke(ctx context.Context, who ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error)
}

// A revocation is the body of POST /revocations.
type revocation struct {
	// Certificate is a public name, a serial number, its tail, or a name; without it that
	// which the connection proved.
	Certificate string `json:"certificate,omitempty"`
	// Reason must be said, unspecified too, since most of them cannot be taken back;
	// removeFromCRL takes back a hold.
	Reason ca.Reason `json:"reason"`
	// InvalidSince is when it was not to be trusted any more, whole seconds, not after now.
	InvalidSince time.Time `json:"invalid_since,omitzero"`
}

// revoke answers POST /revocations with the certificate as it stands then.
func (c *call) revoke(body revocation) (ca.Aftermath, error) {
	if body.Certificate == "" && c.who().Shown == nil {
		return ca.Aftermath{}, ca.Invalid(ca.E1401, "no certificate is named", "set certificate to a serial number").At("certificate")
	}
	revoke := c.o.Revoker.Revoke
	if c.planned() {
		revoke = c.o.Revoker.PlanRevoke
	}
	of, err := revoke(c.r.Context(), c.who(), body.Certificate, ca.Withdrawal{Reason: body.Reason, InvalidSince: body.InvalidSince.UTC()})
	of.DER, of.Status = nil, of.Standing(c.o.Now())
	return of, err
}
