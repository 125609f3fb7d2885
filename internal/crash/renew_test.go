// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"chancery/ca"
)

// renew is a client that has the certificate of a key renewed, and the old one revoked in
// the same act (R80).
func (w *world) renew(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	serial, err := w.serialOf(key)
	if err != nil || serial == "" {
		return err // whoever has no certificate renews none
	}
	w.mu.Lock()
	w.ledger.next++
	id := ca.RequestID(fmt.Sprintf("01939a3e-0000-7000-8000-%012d", w.ledger.next))
	w.ledger.swapped = append(slices.Clip(w.ledger.swapped), serial)
	w.mu.Unlock()
	issued, err := w.registrar.Renew(ctx, hana, id, ca.Renewing{Certificate: string(serial), Replaces: true})
	if err != nil {
		return fmt.Errorf("renew %s: %w", serial, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.told, w.ledger.revoked = append(w.ledger.told, issued.Certificate.DER), append(w.ledger.revoked, serial)
	return w.ledger.signedBy(issued.Certificate.Authority)
}

// whole tells whether nothing that was to be replaced is revoked without what replaces it.
func (w *world) whole(ctx context.Context, l ledger) error {
	page, err := w.registrar.List(ctx, hana, ca.Filter{Limit: ca.MaxPage})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, old := range page {
		if old.Revoked == nil || !slices.Contains(l.swapped, old.Serial) {
			continue
		}
		if !slices.ContainsFunc(page, func(c ca.Certificate) bool {
			return c.Kind == ca.EndEntity && c.Key == old.Key && c.Serial != old.Serial
		}) {
			return fmt.Errorf("%s is revoked, and the one that was to replace it is not there", old.Serial)
		}
	}
	return nil
}

// serialOf is the number of the certificate that a key was answered with, or empty.
func (w *world) serialOf(key string) (ca.Serial, error) {
	if w.ledger.keys[key] == nil {
		return "", nil
	}
	x, err := x509.ParseCertificate(w.ledger.keys[key])
	if err != nil {
		return "", err
	}
	return ca.SerialFromBytes(x.SerialNumber.Bytes())
}

// gaveUp tells whether an answer says that what a key led to was revoked, and a client asked
// for that: then it is not handed out again.
func (w *world) gaveUp(key string, answer error) bool {
	var p *ca.Problem
	if !errors.As(answer, &p) || p.Code != ca.E2111 {
		return false
	}
	serial, err := w.serialOf(key)
	return err == nil && serial != "" && (slices.Contains(w.ledger.unwanted, serial) || slices.Contains(w.ledger.swapped, serial))
}

// revoke is a client that has the certificate of a key revoked.
func (w *world) revoke(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	serial, err := w.serialOf(key)
	if err != nil || serial == "" {
		return err // whoever has no certificate revokes none
	}
	w.mu.Lock()
	w.ledger.unwanted = append(slices.Clip(w.ledger.unwanted), serial)
	w.mu.Unlock()
	if _, err := w.registrar.Revoke(ctx, hana, string(serial), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
		return fmt.Errorf("revoke %s: %w", serial, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.revoked = append(w.ledger.revoked, serial)
	return nil
}
