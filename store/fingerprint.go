// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"chancery/ca"
)

const (
	// headOctets is how much of a fingerprint is in the index. Two of a million certificates
	// share it once in forty million books, and then the whole decides.
	headOctets = 8
	// sharing is how many may share it before it is a fault.
	sharing = 8
	// maxWaiting is how many certificates that wait for SQLite's index are looked through one
	// by one, which takes 50 ms: anybody may ask for it.
	maxWaiting = 4096

	// Void rows are among them, which have no certificate: whoever counts what waits counts them.
	selectWaiting = `SELECT c.id, c.der FROM certificate c WHERE c.id IN (SELECT p.certificate FROM name_pending p WHERE p.certificate > 0 ORDER BY p.certificate LIMIT $1)`
	takeHeads     = `INSERT OR IGNORE INTO fingerprint (head, certificate) SELECT unhex(value ->> 'head'), value ->> 'id' FROM json_each($1)`
)

// Fingerprint gives the certificate with a SHA-256, false if there is none. The Problem is
// E2301 while so many are new that it cannot be said.
func (s *Store) Fingerprint(ctx context.Context, sum ca.Digest) (ca.Certificate, bool, error) {
	is := func(c ca.Certificate) bool { return sha256.Sum256(c.DER) == sum }
	// What waits comes first: it is taken into the index meanwhile, and never the other way.
	late, more, err := s.waiting(ctx, sum)
	if err != nil {
		return ca.Certificate{}, false, err
	}
	found, err := s.many(ctx, `SELECT `+columns+s.engine.printed, sum[:headOctets], sharing)
	if err != nil {
		return ca.Certificate{}, false, fmt.Errorf("look up a fingerprint: %w", err)
	}
	for _, c := range found {
		if is(c) {
			return c, true, nil
		}
	}
	switch {
	case late != 0:
		c, there, err := s.one(ctx, selectByID, int64(late))
		return c, there && is(c), wrap("look up a fingerprint", err)
	case more:
		return ca.Certificate{}, false, ca.Unavailable(ca.E2301, "the fingerprints of many new certificates are still being taken into their index", "try again in a minute, or ask for the serial number")
	}
	return ca.Certificate{}, false, nil
}

// waiting looks for a fingerprint among the certificates that are not in SQLite's index yet,
// zero if it is none of them, and tells whether more wait than it looked at.
func (s *Store) waiting(ctx context.Context, sum ca.Digest) (found ca.ID, more bool, err error) {
	if s.engine.name != sqliteName {
		return 0, false, nil
	}
	rows, err := s.reader.QueryContext(ctx, selectWaiting, maxWaiting+1)
	if err != nil {
		return 0, false, fmt.Errorf("look for new certificates: %w", s.note(err))
	}
	all, err := collect(rows, scanHead)
	for _, one := range all {
		if one.there && one.sum == sum {
			found = one.id
		}
	}
	return found, len(all) > maxWaiting, wrap("look for new certificates", s.note(err))
}

// A printed is a certificate with its fingerprint; a void row's is not there.
type printed struct {
	id    ca.ID
	sum   ca.Digest
	there bool
}

func scanHead(row scanner) (p printed, err error) {
	var der []byte
	err = row.Scan(&p.id, &der)
	p.sum, p.there = sha256.Sum256(der), len(der) > 0
	return p, err
}

// takePrints takes the fingerprints of a batch that waits into SQLite's index.
func takePrints(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, selectWaiting, searchBatch)
	if err != nil {
		return err
	}
	all, err := collect(rows, scanHead)
	if err != nil {
		return err
	}
	type head struct {
		Head string `json:"head"`
		ID   ca.ID  `json:"id"`
	}
	heads := make([]head, 0, len(all))
	for _, p := range all {
		if p.there {
			heads = append(heads, head{hex.EncodeToString(p.sum[:headOctets]), p.id})
		}
	}
	list, err := json.Marshal(heads)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, takeHeads, string(list))
	return err
}
