// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"crypto/x509"
	"fmt"

	"chancery/ca"
	"chancery/policy"
)

// RevokeByKey revokes the certificate that a statement names, because the certificate's own
// key has signed it (security rule RV-01). It needs no account and no role; who is whose
// call it was, for counting what is refused. p.SPKI is taken from the book. The signer
// judges the proof once more and keeps it on the log.
//
// The error is policy.KeyProven's, and E1309 if there is no such certificate; after a proof
// Revoke's.
func (r *Registrar) RevokeByKey(ctx context.Context, who ca.Actor, p ca.KeyProof) (after ca.Aftermath, err error) {
	owner, c, why, err := r.keyHolder(ctx, p)
	if err == nil {
		after, err = r.withdraw(ctx, owner, c, why)
	}
	return after, r.refused(who, err)
}

// PlanRevokeByKey says what RevokeByKey would do, as far as the book knows.
func (r *Registrar) PlanRevokeByKey(ctx context.Context, who ca.Actor, p ca.KeyProof) (after ca.Aftermath, err error) {
	owner, c, why, err := r.keyHolder(ctx, p)
	if err == nil {
		after, err = r.wouldWithdraw(ctx, owner, c, why)
	}
	return after, r.refused(who, err)
}

// keyHolder gives whom a proof makes of somebody, and what he wants of which certificate.
func (r *Registrar) keyHolder(ctx context.Context, p ca.KeyProof) (who ca.Actor, c ca.Certificate, why ca.Withdrawal, err error) {
	if _, err = r.ready(ctx); err != nil {
		return who, c, why, err
	}
	s, err := ca.ParseStatement(p.Statement)
	if err != nil {
		return who, c, why, err
	}
	if c, err = r.publicly(ctx, s.Certificate); err != nil {
		return who, c, why, err
	}
	x, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return who, c, why, fmt.Errorf("read %s of the book: %w", c.PublicName(), err)
	}
	p.SPKI = x.RawSubjectPublicKeyInfo
	if s, err = policy.KeyProven(p, c.PublicName(), c.Key, r.o.Now()); err != nil {
		return who, c, why, err
	}
	return bearer(c, ca.Evidence{Of: c.ID, Key: &p}), c, ca.Withdrawal{Reason: s.Reason, InvalidSince: s.InvalidSince}, nil
}

// bearer is who brought evidence about a certificate.
func bearer(c ca.Certificate, e ca.Evidence) ca.Actor {
	by := e.By(c.PublicName())
	return ca.Actor{ID: by, Name: by, Method: ca.MethodEvidence, UID: -1, Evidence: &e}
}

// publicly finds the certificate with a public name, for somebody who may not search. What
// is not there is not proven to be his.
func (r *Registrar) publicly(ctx context.Context, name string) (ca.Certificate, error) {
	authority, serial, err := ca.ParsePublicName(name)
	if err != nil {
		return ca.Certificate{}, policy.NotProven()
	}
	all, err := r.o.Vouched.Authorities(ctx)
	if err != nil {
		return ca.Certificate{}, err
	}
	for _, a := range all {
		if a.Name != authority {
			continue
		}
		c, ok, err := r.o.Book.Serial(ctx, a.Key, serial)
		if err != nil {
			return ca.Certificate{}, err
		}
		// By the name that it bears: the key of a generation may have had another.
		if ok && c.Kind == ca.EndEntity && len(c.DER) > 0 && c.PublicName() == name {
			return c, nil
		}
	}
	return ca.Certificate{}, policy.NotProven()
}

// itself gives the certificate that an actor's connection has proven, whose key he holds, and
// which he may revoke for what an owner may say.
func (r *Registrar) itself(who ca.Actor, why ca.Withdrawal) (ca.Certificate, error) {
	switch {
	case who.Shown == nil:
		return ca.Certificate{}, r.refused(who, ca.Invalid(ca.E1401, "no certificate is named, and none was shown", "name one, or present it, with its key, on the port for certificates (listen_mtls)").At("certificate"))
	case !why.Reason.Owners():
		return ca.Certificate{}, r.refused(who, policy.NotOwners())
	}
	return *who.Shown, nil
}
