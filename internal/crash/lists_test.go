// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"chancery/ca"
)

// errUnlisted is a promise broken, as opposed to a list that could not be made.
var errUnlisted = errors.New("a revocation was answered, and it is not on the list")

// listed tells whether each revocation is on the list that the signer makes.
func (w *world) listed(revoked []ca.Serial) error {
	if len(revoked) == 0 {
		return nil
	}
	var entries []x509.RevocationListEntry
	for _, authority := range w.ledger.issuing() {
		list, err := w.list(authority)
		if err != nil {
			return err
		}
		entries = append(entries, list.RevokedCertificateEntries...)
	}
	for _, serial := range revoked {
		if !slices.ContainsFunc(entries, func(e x509.RevocationListEntry) bool {
			s, err := ca.SerialFromBytes(e.SerialNumber.Bytes())
			return err == nil && s == serial
		}) {
			return fmt.Errorf("%w: %s", errUnlisted, serial)
		}
	}
	return nil
}

// list has the list of an authority made.
func (w *world) list(authority string) (*x509.RevocationList, error) {
	w.step()
	lists, err := w.Signer.MakeLists(w.Session(), ca.ListWish{Authority: authority})
	w.quiet(err)
	if err != nil {
		return nil, fmt.Errorf("make a list: %w", err)
	}
	var der bytes.Buffer
	_, err = lists[0].WriteTo(&der)
	if err := errors.Join(err, lists.Close()); err != nil {
		return nil, fmt.Errorf("write a list: %w", err)
	}
	return x509.ParseRevocationList(der.Bytes())
}

// issuing are the generations that people know.
func (l ledger) issuing() []string {
	if len(l.made) > 0 {
		return []string{"issuing-g1", second}
	}
	return []string{"issuing-g1"}
}
