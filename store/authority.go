// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"

	"chancery/ca"
)

// maxAuthorities is the most generations of one installation; a line makes a new one
// every few years.
const maxAuthorities = 1000

// Authorities gives the row of every generation, oldest first, at most 1000. What a row
// says is not to be shown to anybody: nothing here keeps somebody else from having
// written it. A row that contradicts itself has a Fault.
func (s *Store) Authorities(ctx context.Context) ([]ca.AuthorityRow, error) {
	out, err := authorities(ctx, s.reader)
	return out, wrap("read the authorities", err)
}

func authorities(ctx context.Context, db *sql.DB) ([]ca.AuthorityRow, error) {
	rows, err := db.QueryContext(ctx, selectAuthorities, maxAuthorities)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanAuthority)
}

// scanAuthority reads the columns of a generation. One bad row must not hide the
// others, so that its error is part of it.
func scanAuthority(row scanner) (r ca.AuthorityRow, err error) {
	var name, document string
	var key []byte
	if err := row.Scan(&r.ID, &name, &key, &document); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(document), &r.Authority); err != nil {
		r.Authority, r.Fault = ca.Authority{}, fmt.Errorf("its document cannot be read: %w", err)
	} else {
		r.Fault = sound(name, key, r.Authority)
	}
	if r.Fault != nil {
		r.Name, r.Key = name, ca.Digest{}
		copy(r.Key[:], key)
	}
	return r, nil
}

// sound looks whether a row agrees with itself: document and columns are about one
// generation, and all its certificates are of the key it has.
func sound(name string, key []byte, a ca.Authority) error {
	switch {
	case a.Name != name:
		return fmt.Errorf("its document is about %s", ca.Show(a.Name))
	case !bytes.Equal(a.Key[:], key):
		return fmt.Errorf("its document is about the key %s, the row about %x", a.Key, key)
	case sha256.Sum256(a.SPKI) != a.Key:
		return fmt.Errorf("its document has another key than the one it names, %s", a.Key)
	}
	certificates := append([][]byte{a.Certificate}, a.Earlier...)
	for _, c := range a.Cross {
		certificates = append(certificates, c.Certificate)
	}
	for _, der := range certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("a certificate in its document cannot be read: %w", err)
		}
		if !bytes.Equal(c.RawSubjectPublicKeyInfo, a.SPKI) {
			return fmt.Errorf("a certificate in its document is of another key than the generation, %s", a.Key)
		}
	}
	return nil
}
