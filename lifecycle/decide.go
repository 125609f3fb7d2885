// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"maps"

	"chancery/access"
	"chancery/ca"
)

// Unknown gives the intents that an officer must decide, in the order of the log.
func (r *Registrar) Unknown(ctx context.Context, who ca.Actor) ([]ca.Unknown, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.allow(ctx, who, access.Decide); err != nil {
		return nil, err
	}
	out := make([]ca.Unknown, 0, len(v.settled.unknown))
	for _, i := range v.settled.unknown {
		b, err := i.body()
		if err != nil {
			return nil, err
		}
		out = append(out, ca.Unknown{
			Index: i.record.Index, Authority: b.Authority, Serial: i.leaf.Serial, Names: b.Names, Common: b.Common,
			Profile: b.Wish.Profile, Owner: b.Wish.From.ID, At: leafTime(i.leaf), NotAfter: b.NotAfter,
		})
	}
	return out, nil
}

// Decide carries out what an officer says of an unknown intent, and returns when log
// and book agree on it. A certificate is believed only if it is the one that was
// intended, and its authority signed it. The error is a Problem: E1305 for want of
// a role, E2101 for an intent that is not unknown, E1406 for a certificate that does
// not belong to it.
func (r *Registrar) Decide(ctx context.Context, who ca.Actor, index int64, d ca.Decision) error {
	v, err := r.decidable(ctx, who, index, d)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.decided[index] = d
	r.mu.Unlock()
	select {
	case r.decide <- struct{}{}:
	default: // somebody else's decision is about to be carried out, and this with it
	}
	for {
		r.mu.Lock()
		now, changed := r.view, r.changed
		r.mu.Unlock()
		if _, still := now.unknown(index); now != v && !still {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return gaveUp()
		}
	}
}

// PlanDecide is Decide without carrying it out.
func (r *Registrar) PlanDecide(ctx context.Context, who ca.Actor, index int64, d ca.Decision) error {
	_, err := r.decidable(ctx, who, index, d)
	return err
}

// decidable refuses what cannot be decided, or not so, or not by who asks.
func (r *Registrar) decidable(ctx context.Context, who ca.Actor, index int64, d ca.Decision) (*view, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.allow(ctx, who, access.Decide); err != nil {
		return nil, err
	}
	i, ok := v.unknown(index)
	if !ok {
		return nil, ca.NotFound(ca.E2101, fmt.Sprintf("leaf %d is not an intent that has to be decided", index), "chancery recover")
	}
	if !d.Void {
		err = v.intended(i, d.DER)
	}
	return v, err
}

// unknown finds an intent that has to be decided.
func (v *view) unknown(index int64) (intent, bool) {
	for _, i := range v.settled.unknown {
		if i.record.Index == index {
			return i, true
		}
	}
	return intent{}, false
}

// intended holds a certificate that somebody brings against the INTENT.
func (v *view) intended(i intent, der []byte) error {
	not := ca.Refused(ca.E1406, fmt.Sprintf("this certificate is not the one of leaf %d", i.record.Index), "bring the certificate whose serial number `chancery recover` shows")
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return not.Because(err.Error())
	}
	if sha256.Sum256(x.RawTBSCertificate) != i.leaf.Digest {
		return not.Because("its content is not what was put on the log before it was signed")
	}
	for _, a := range v.authorities {
		if a.Key != i.leaf.Issuer {
			continue
		}
		issuer, err := x509.ParseCertificate(a.Certificate)
		if err != nil {
			return fmt.Errorf("read the certificate of %s: %w", a.Name, err)
		}
		if err := x.CheckSignatureFrom(issuer); err != nil {
			return not.Because(err.Error())
		}
		return nil
	}
	return not.Because("its authority is not known here")
}

// decisions are what officers have said so far. They are kept until the process
// ends: carrying one out twice changes nothing.
func (r *Registrar) decisions() map[int64]ca.Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.decided)
}
