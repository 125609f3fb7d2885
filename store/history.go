// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"unicode/utf8"

	"chancery/ca"
)

const (
	// maxHistory bounds each list of a certificate's history. A step has a number of one
	// octet in the signer's snapshot, and what is renewed a hundred times is not explained
	// by the hundred and first.
	maxHistory = 256

	selectSteps = `SELECT v.id, v.certificate, v.issuer_key, v.serial, v.step, v.reason, v.actor, v.revoked_at, v.invalid_since
FROM revocation v WHERE v.certificate = $1 ORDER BY v.step LIMIT $2`
	// A renewal has the names of what it renews, and a key that says which that is: the
	// names lead to it by an index.
	selectRenewals = `SELECT ` + columns + ` FROM name n JOIN certificate c ON c.id = n.certificate JOIN request r ON r.id = c.request
WHERE n.value = $1 AND n.certificate > $2 AND substr(r.door_key, 1, $3) = $4 ORDER BY n.certificate LIMIT $5`
	// kind <> 'issued' is that of the index.
	selectPlans = `SELECT e.id, e.kind, e.actor, e.happened_at, e.about, e.leaf FROM event e
WHERE e.kind = 'replaced' AND e.kind <> 'issued' AND e.id > $1 AND substr(e.about, 1, $2) = $3 ORDER BY e.id LIMIT $4`
)

// History gives what the book has of a certificate since it was issued, oldest first.
func (s *Store) History(ctx context.Context, c ca.Certificate) (h ca.History, err error) {
	rows, err := s.reader.QueryContext(ctx, selectSteps, int64(c.ID), maxHistory)
	if err == nil {
		h.Steps, err = collect(rows, scanStep)
	}
	if names := searchNames(c); err == nil && len(names) > 0 {
		key := ca.RenewalKey(c.Serial)
		h.Renewals, err = s.many(ctx, selectRenewals, names[0].value, int64(c.ID), len(key), key, maxHistory)
	}
	if err == nil {
		about := c.PublicName() + " "
		if rows, err = s.reader.QueryContext(ctx, selectPlans, int64(c.ID), utf8.RuneCountInString(about), about, maxHistory); err == nil {
			h.Plans, err = collect(rows, scanEvent)
		}
	}
	return h, wrap("read a certificate's history", s.note(err))
}

func scanStep(row scanner) (v ca.Revocation, err error) {
	var issuer []byte
	var at, since int64
	if err := row.Scan(&v.ID, &v.Certificate, &issuer, &v.Serial, &v.Step, &v.Reason, &v.By, &at, &since); err != nil {
		return v, err
	}
	if v.At = instant(at); since != 0 {
		v.InvalidSince = instant(since)
	}
	return v, intoDigest(&v.IssuerKey, issuer)
}

func scanEvent(row scanner) (e ca.Event, err error) {
	var at int64
	err = row.Scan(&e.ID, &e.Kind, &e.By, &at, &e.About, &e.Leaf)
	e.At = instant(at)
	return e, err
}
