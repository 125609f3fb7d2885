// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

// Renew has a certificate issued once more: the same names, subject, profile and owner, by
// the line that signed it, with the key of a new request or with its own (security rule
// PF-08). Whoever shows it may, its owner, and a CA administrator, who gets it for the key
// that it has: another would make him somebody else. Whoever sends the same
// again within 24 hours is given the same certificate; see renewalKey.
//
// With Replaces the old one is revoked too, at once or later: the answer comes when both
// certificates stand as they shall. Their rows are one transaction of the book, and no crash
// leaves the old one revoked without the new one; see swap.
//
// The error is as Submit's; E1305 for who may not, E2102 for who names it by a name, E2127 for
// what cannot be renewed.
func (r *Registrar) Renew(ctx context.Context, who ca.Actor, id ca.RequestID, q ca.Renewing) (ca.Issued, error) {
	if _, err := r.ready(ctx); err != nil {
		return ca.Issued{}, err
	}
	old, err := r.renewable(ctx, who, q)
	if err != nil && !r.swapped(ctx, who, old, q, err) {
		return ca.Issued{}, r.refused(who, err)
	}
	w, c, err := r.onceMore(ctx, who, old, q)
	if err != nil {
		return ca.Issued{}, r.refused(who, err)
	}
	w.ID = id
	var swapped *replaced
	if q.Replaces && q.After == 0 {
		swapped = &replaced{old: old, by: who.By()}
	}
	issued, err := r.submit(ctx, w, c, swapped)
	switch {
	case err != nil || !q.Replaces:
		return issued, err
	case q.After > 0:
		at := r.o.Now().Add(q.After).UTC().Format(time.RFC3339)
		return issued, r.send(ctx, ca.EventBody{Kind: ca.EventReplaced, By: who.By(), About: old.PublicName() + " " + at}, func(*ca.Change) {})
	}
	return issued, r.supersede(ctx, who, old)
}

// swapped tells whether what is refused because it was revoked is so by this same renewal, whose
// answer was lost: whoever asks again is given the certificate that it led to.
func (r *Registrar) swapped(ctx context.Context, who ca.Actor, old ca.Certificate, q ca.Renewing, why error) bool {
	var p *ca.Problem
	if !errors.As(why, &p) || p.Code != ca.E2127 || !q.Replaces || q.After > 0 || old.Revoked == nil || old.Revoked.Reason != ca.Superseded {
		return false
	}
	w, _, err := r.onceMore(ctx, who, old, q)
	if err != nil {
		return false
	}
	_, again, err := r.repeated(ctx, w)
	return err == nil && again
}

// supersede revokes what was replaced, unless that was done with the swap: the new
// certificate may be one that an earlier call led to, whose answer was lost.
func (r *Registrar) supersede(ctx context.Context, who ca.Actor, old ca.Certificate) error {
	now, ok, err := r.o.Book.Serial(ctx, old.IssuerKey, old.Serial)
	if err != nil || !ok || now.Revoked != nil && now.Revoked.Reason.Final() {
		return err
	}
	return r.revokeOne(ctx, who, now, ca.Withdrawal{Reason: ca.Superseded})
}

// replaced is the certificate that a new one takes the place of, and who asked for that.
type replaced struct {
	old ca.Certificate
	by  string
}

// renewable gives the certificate that is to be renewed, and refuses it if it cannot be, or
// not by who asks.
func (r *Registrar) renewable(ctx context.Context, who ca.Actor, q ca.Renewing) (old ca.Certificate, err error) {
	switch {
	case q.After < 0 || q.After > ca.MaxOverlap:
		return old, ca.Invalid(ca.E1401, "the old certificate cannot stand so long beside the new one", fmt.Sprintf("ask for at most %d days", ca.MaxOverlap/(24*time.Hour))).At("overlap_days")
	case q.Certificate == "" && who.Shown == nil:
		return old, ca.Forbidden(ca.E1305, "a certificate is renewed by whoever shows it, or names it and owns it", "name it, or present it, with its key, on the port for certificates (listen_mtls)")
	case q.Certificate == "":
		old = *who.Shown
		shown := ca.Actor{ID: old.Owner, Method: ca.MethodRenewal, UID: uidOf(old.Owner), Shown: &old}
		return old, r.may(ctx, shown, access.Renew)
	case who.Method == ca.MethodRenewal:
		return old, ca.Forbidden(ca.E1305, "this certificate renews itself and nothing else", "leave the name out")
	}
	found, err := r.Find(ctx, who, q.Certificate)
	if err != nil {
		return old, err
	}
	old = found.Certificate
	if bears(old, q.Certificate) { // after the first call it would mean what that led to
		return old, ca.Invalid(ca.E2102, ca.Show(q.Certificate)+" means another certificate after each renewal", "name it by its serial number: "+old.PublicName()).
			Because("who sends a call again, as after a lost answer, is to be given the same certificate").At("certificate")
	}
	if err = r.may(ctx, who, access.Renew); err == nil && old.Owner != who.ID {
		err = r.may(ctx, who, access.RevokeAny)
	}
	switch {
	case err != nil:
		return old, err
	case old.Owner != who.ID && q.CSR != nil && q.CSR.Key != old.Key:
		return old, ca.Forbidden(ca.E1305, "only its owner renews this certificate for another key", "renew it for the key that it has, or have its owner renew it").
			Because("whoever chooses the key can act as its owner (security rule PF-08)")
	case old.Kind == ca.CACertificate:
		return old, ca.Refused(ca.E2127, "this is the certificate of an authority", "chancery ca renew NAME, with the recovery words")
	case old.Standing(r.o.Now()) == "held": // asking anew with its key is refused too, so it is no way out
		return old, ca.Refused(ca.E2127, "this certificate is held, and renews nothing",
			"chancery unhold "+old.PublicName()+"; or ask for a new one with a new key: chancery issue "+old.Title()+" --key-file FILE --out FILE").
			Because("a renewal is for what is still good (security rule PF-08)")
	case old.Standing(r.o.Now()) != "valid":
		return old, ca.Refused(ca.E2127, "this certificate is "+old.Standing(r.o.Now())+", and renews nothing", "ask for a new one: chancery issue "+old.Title()).
			Because("a renewal is for what is still good (security rule PF-08)")
	}
	if q.Replaces { // which revokes
		v, err := r.ready(ctx)
		if err != nil {
			return old, err
		}
		return old, r.mustShow(ctx, v, who, old)
	}
	return old, nil
}

// onceMore makes the request of a renewal. It is the owner's, whoever asks; the policy
// judges it by how that one proved who he is, and a token goes on narrowing it.
func (r *Registrar) onceMore(ctx context.Context, who ca.Actor, old ca.Certificate, q ca.Renewing) (w ca.Request, c ca.CSR, err error) {
	first, err := r.first(ctx, old)
	if err != nil {
		return w, c, err
	}
	c = first
	if q.CSR != nil {
		c = *q.CSR
	}
	if err := sameWish(first, c); err != nil {
		return w, c, err
	}
	w = ca.Request{Door: ca.DoorAPI, Profile: old.Profile, CSR: c.Raw, Whole: c.Whole, At: r.o.Now(), From: who}
	if q.CSR == nil {
		w.Renews = old.ID
	}
	if who.Method == ca.MethodPeer {
		w.Door = ca.DoorCLI
	}
	switch {
	case q.Certificate == "":
		w.From = ca.Actor{ID: old.Owner, Name: "certificate " + old.PublicName(), Method: ca.MethodRenewal, UID: uidOf(old.Owner), Token: who.Token, Shown: &old}
	case who.ID != old.Owner:
		w.From.ID, w.From.UID, w.From.Name = old.Owner, uidOf(old.Owner), "certificate "+old.PublicName()+" by "+who.By()
	}
	if q.Days > 0 {
		w.NotAfter = w.At.Add(time.Duration(q.Days) * 24 * time.Hour)
	}
	all, err := r.o.Vouched.Authorities(ctx)
	for _, a := range all {
		if a.Name == old.Authority {
			w.Line = a.Line
		}
	}
	if err == nil {
		w.Key, err = r.renewalKey(ctx, w, c.Key, old, q)
	}
	return w, c, err
}

// renewalKey is the idempotency key of a renewal. Whoever sends one again means the same if
// the same would be made of it: of that certificate, for that key and life, by that
// generation and that version of the profile. After a rollover, a change of the profile, or
// the revocation of what it led to, he wants what is new, and is not given yesterday's
// certificate.
func (r *Registrar) renewalKey(ctx context.Context, w ca.Request, key ca.Digest, old ca.Certificate, q ca.Renewing) (string, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return "", err
	}
	rules, err := v.rules(&w)
	if err != nil {
		return "", err
	}
	said := fmt.Appendf(nil, "%x %d %t %q %s", w.CSR, q.Days, q.Replaces && q.After == 0, rules.Authority.Name, w.Digest)
	gone, err := r.goneRenewal(ctx, old, key)
	if err != nil {
		return "", err
	}
	if gone != "" {
		said = fmt.Appendf(said, " %q", gone)
	}
	digest := sha256.Sum256(said)
	return ca.RenewalKey(old.Serial) + hex.EncodeToString(digest[:16]), nil
}

// first is the request that a certificate came of.
func (r *Registrar) first(ctx context.Context, old ca.Certificate) (ca.CSR, error) {
	der, err := r.o.Shelf.CSR(ctx, old.Request)
	if err != nil {
		return ca.CSR{}, err
	}
	if der == nil {
		return ca.CSR{}, ca.Refused(ca.E2204, "the request of this certificate is not kept any more", "ask for a new certificate")
	}
	return r.o.CSR(der)
}

// sameWish refuses a request for more than another key. Subjects are compared as verifiers
// compare them (RFC 5280 §7.1): OpenSSL writes as UTF8String what others write as
// PrintableString, and the profile decides how it stands in the certificate. Alternative
// names are a set.
func sameWish(first, next ca.CSR) error {
	if policy.SameName(partsOf(first.Subject), partsOf(next.Subject)) && slices.Equal(sorted(first.Names), sorted(next.Names)) {
		return nil
	}
	return ca.Refused(ca.E2204, "a renewal asks for the same names and the same subject", "send a request like the first one, with a new key; anything more is a new request").
		Because("the first asked for " + ca.Show(first.Subject.String()) + " (security rule PF-08)").At("csr")
}

// partsOf is a subject as names are compared, each field a part of its own.
func partsOf(s ca.Subject) policy.DN {
	out := make(policy.DN, len(s))
	for i := range s {
		out[i] = s[i : i+1]
	}
	return out
}

func sorted(names []ca.Name) []ca.Name {
	return slices.SortedFunc(slices.Values(names), func(a, b ca.Name) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value)) })
}

// swap commits certificates that replace others together with the others' revocation, while
// nothing is at the signer and nothing is being committed. The order is what makes it safe:
// the signer writes the FINALs of what it answered at the head of the next group of leaves,
// so the new certificate's FINAL stands before the old one's REVOKED, which is durable when
// it is answered. Whoever dies in between leaves a log of which settling restores the new
// one, alone or both (S07, L06), and never the revocation alone.
func (s *shift) swap(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	g := group{rows: s.swaps, mark: s.mark}
	s.swaps = nil
	var err error
	for rows := range slices.Chunk(g.rows, maxBatch) {
		var steps []ca.Change
		if steps, err = s.displace(ctx, rows); err != nil {
			break
		}
		g.more = append(g.more, steps...)
	}
	if err != nil {
		s.r.o.Report(fmt.Errorf("replace %d certificates: %w", len(g.rows), err))
		s.over, s.broken = true, true
		for _, row := range g.rows {
			s.lost = append(s.lost, row.wish)
		}
		return
	}
	g.next = max(min(s.known, s.floor), s.mark)
	g.commit(ctx, s.r.o.Book)
	s.outran(ctx, &g)
	s.stand(g)
	if g.err == nil {
		for _, row := range g.rows {
			s.r.revoked(row.wish.replaces.old.Authority, ca.Superseded)
		}
	}
}

// displace revokes what new certificates replace. It gives the rows of what was revoked:
// one that the signer refuses is for who asked to be told of, after the new one stands.
func (s *shift) displace(ctx context.Context, rows []row) ([]ca.Change, error) {
	var all []*revoking
	var steps []ca.Revoking
	seen := map[ca.ID]bool{}
	for _, row := range rows {
		old := row.wish.replaces.old
		step := ca.Revoking{ID: old.ID, Step: old.Steps + 1, Reason: ca.Superseded, By: row.wish.replaces.by}
		if !seen[old.ID] {
			seen[old.ID] = true
			all, steps = append(all, &revoking{step: step, of: old}), append(steps, step)
		}
	}
	answers, err := s.r.o.Log.Revoke(ctx, steps)
	var p *ca.Problem
	switch {
	case errors.As(err, &p) && p.Code != ca.E1402:
		return nil, nil // too many in a minute: who asked revokes it by itself
	case err != nil:
		return nil, err
	case len(answers) != len(steps):
		return nil, fmt.Errorf("%d answers to %d revocations", len(answers), len(steps))
	}
	var out []ca.Change
	for i, v := range all {
		if answers[i].Problem != nil {
			continue
		}
		change, err := s.stepRow(v, answers[i])
		if err != nil {
			return nil, err
		}
		out = append(out, change)
	}
	return out, nil
}
