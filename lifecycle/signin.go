// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chancery/ca"
)

// Standing gives a certificate of ours as the book has it, found by its issuer's key and
// its serial number and by nothing that it says (security rule AN-02). A generation that
// is retired, or is revoked or below one that is, issued nothing any more that counts. The Problem is E2101 if it is
// no certificate of ours; any other error says that it is not known how it stands.
func (r *Registrar) Standing(ctx context.Context, der []byte) (ca.Certificate, error) {
	unknown := ca.NotFound(ca.E2101, "the certificate is not one of this authority", "chancery list")
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Certificate{}, unknown
	}
	serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
	if err != nil {
		return ca.Certificate{}, unknown
	}
	all, err := r.o.Vouched.Authorities(ctx)
	if err != nil {
		return ca.Certificate{}, err
	}
	for _, a := range all {
		if a.Kind != ca.Issuing || a.State == ca.Retired || ca.FallenOf(ca.Ancestry(all, a)) != "" || !bytes.Equal(a.Subject, x.RawIssuer) {
			continue
		}
		issuer, err := x509.ParseCertificate(a.Certificate)
		if err != nil || issuer.CheckSignature(x.SignatureAlgorithm, x.RawTBSCertificate, x.Signature) != nil {
			continue
		}
		row, ok, err := r.o.Book.Serial(ctx, a.Key, serial)
		switch {
		case err != nil:
			return ca.Certificate{}, err
		case ok && row.Kind == ca.EndEntity && bytes.Equal(row.DER, der):
			return row, nil
		}
	}
	return ca.Certificate{}, unknown
}

// SignInBy gives the actor of a client certificate whose key was proven. Chain, validity
// and revocation are looked at with each call; what cannot be known is refused (AN-02). If
// the policy maps the certificate to an account and it is for clients, that account asks;
// else the certificate may renew itself and nothing more. What is refused is counted on the
// log (AU-05).
func (r *Registrar) SignInBy(ctx context.Context, der []byte) (ca.Actor, error) {
	who, err := r.byCertificate(ctx, der)
	return r.signedIn(who, err)
}

// byCertificate is SignInBy; beside an error it gives whose certificate it was, as far as
// that is known.
func (r *Registrar) byCertificate(ctx context.Context, der []byte) (ca.Actor, error) {
	row, err := r.Standing(ctx, der)
	now := r.o.Now()
	who := ca.Actor{ID: row.Owner, Name: "certificate " + row.PublicName(), Method: ca.MethodRenewal, UID: uidOf(row.Owner), Shown: &row}
	var p *ca.Problem
	switch {
	case errors.As(err, &p) && p.Kind == ca.NotFoundKind:
		return ca.Actor{}, unknownCertificate()
	case err != nil:
		r.o.Report(fmt.Errorf("look a client certificate up: %w", err))
		return ca.Actor{}, ca.Unavailable(ca.E2301, "it is not known how this certificate stands, so it is refused", "try again in a moment")
	case row.Revoked != nil:
		return who, ca.Forbidden(ca.E1305, "this certificate is revoked", "ask for a new one")
	case now.Before(row.NotBefore) || now.After(row.NotAfter):
		return who, ca.Forbidden(ca.E1305, "this certificate is not valid now", "ask for a new one")
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Actor{}, unknownCertificate()
	}
	r.mu.Lock()
	rules := r.rules
	r.mu.Unlock()
	if rules == nil {
		return ca.Actor{}, ca.Unavailable(ca.E2301, "the service is starting", "try again in a moment")
	}
	uid, mapped := rules.SignedIn(row.IssuerKey, row.Serial, sha256.Sum256(x.RawSubjectPublicKeyInfo))
	if mapped && slices.Contains(x.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		who.ID, who.Method, who.UID = "uid:"+strconv.Itoa(uid), ca.MethodCertificate, uid
	}
	return who, nil
}

func unknownCertificate() *ca.Problem {
	return ca.Forbidden(ca.E1306, "this certificate is not known here", "present one that this authority issued and that stands in its book")
}

// uidOf is the account that an actor's ID names, -1 for none.
func uidOf(id string) int {
	digits, ok := strings.CutPrefix(id, "uid:")
	uid, err := strconv.Atoi(digits)
	if !ok || err != nil || uid < 0 {
		return -1
	}
	return uid
}
