// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"

	"chancery/ca"
)

// repeated asks the book what a request's idempotency key led to. The Problem is
// E2302 if it stood for another request.
func (r *Registrar) repeated(ctx context.Context, q ca.Request) (ca.Certificate, bool, error) {
	if q.Key == "" {
		return ca.Certificate{}, false, nil
	}
	before, c, err := r.o.Book.Repeated(ctx, q.Door, q.From.ID, q.Key)
	if err != nil || before == nil {
		return ca.Certificate{}, false, err
	}
	if !before.Same(q) {
		return ca.Certificate{}, false, otherContent()
	}
	return c, true, nil
}

// otherContent refuses a key that stood for something else.
func otherContent() *ca.Problem {
	return ca.Refused(ca.E2302, "this idempotency key was used for another request", "use a new key for a new request")
}

// gone refuses to hand out once more what was revoked, or is held. Whoever remembers the
// key of a request, the book or the signer, all answers pass here: he who asks again installs
// what he is given, and nobody would accept it.
func gone(c ca.Certificate) error {
	switch v := c.Revoked; {
	case v == nil || v.Reason == ca.RemoveFromCRL:
		return nil
	case v.Reason == ca.CertificateHold:
		return ca.Refused(ca.E2111, "the certificate that this request led to is held", "chancery unhold "+c.PublicName()+"; or ask with a new key, or in the API with another Idempotency-Key").
			Because("the same request stands for the same certificate")
	default:
		return ca.Refused(ca.E2111, "the certificate that this request led to was revoked", "put its key away and ask with a new one; in the API, send another Idempotency-Key too").
			Because(c.PublicName() + " was revoked for " + v.Reason.String() + ", and what is revoked is not handed out again")
	}
}

// goneRenewal names the newest certificate that a certificate was renewed to for a key, and
// that was revoked since; it is empty without one. The old certificate is good still, so
// its next renewal is a new request, and does not stand for what was revoked. One that is held
// is not counted: a renewal is no way around a hold.
func (r *Registrar) goneRenewal(ctx context.Context, old ca.Certificate, key ca.Digest) (string, error) {
	if r.o.Past == nil {
		return "", nil
	}
	h, err := r.o.Past.History(ctx, old)
	name := ""
	for _, next := range h.Renewals {
		if next.Key == key && next.Owner == old.Owner && next.Revoked != nil && next.Revoked.Reason.Final() {
			name = next.PublicName()
		}
	}
	return name, err
}
