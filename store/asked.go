// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"chancery/ca"
)

// selectAsked gives the standing certificates of a profile with their requests. columns
// are followed by those of scanAsked.
const selectAsked = `SELECT ` + columns + askedColumns + `
FROM certificate c JOIN request a ON a.id = c.request
WHERE c.profile = $1 AND c.id < $2 AND c.not_after >= $3` + standing + ` ORDER BY c.id DESC LIMIT $4`

// askedColumns are those of a request, in the order of scanAsked.
const askedColumns = `, a.door, a.door_key, a.actor, a.actor_name, a.actor_method, a.actor_uid, a.csr, a.not_after, a.evidence, a.taken_at, a.line`

// Asked gives a page of the standing certificates of a profile at a moment, each with the
// request that it came of, newest first: those below an id, zero for the first page. Those
// without a request here are left out. A limit outside 1 to ca.MaxPage is ca.MaxPage.
func (s *Store) Asked(ctx context.Context, profile string, below ca.ID, now time.Time, limit int) ([]ca.Asked, error) {
	if below == 0 {
		below = math.MaxInt64
	}
	if limit < 1 || limit > ca.MaxPage {
		limit = ca.MaxPage
	}
	rows, err := s.reader.QueryContext(ctx, selectAsked, profile, int64(below), millis(now), limit)
	if err != nil {
		return nil, wrap("read requests", s.note(err))
	}
	all, err := collect(rows, scanAsked)
	return all, wrap("read requests", s.note(err))
}

func scanAsked(row scanner) (a ca.Asked, err error) {
	q := &a.Request
	var uid, end, at int64
	var evidence string
	a.Certificate, err = scanCertificate(scanFunc(func(into ...any) error {
		return row.Scan(append(into, &q.Door, &q.Key, &q.From.ID, &q.From.Name, &q.From.Method, &uid, &q.CSR, &end, &evidence, &at, &q.Line)...)
	}))
	if err != nil {
		return a, err
	}
	q.ID, q.Profile, q.Digest = a.Certificate.Request, a.Certificate.Profile, a.Certificate.ProfileDigest
	q.From.UID, q.NotAfter, q.At = int(uid), instant(end), instant(at)
	if err := json.Unmarshal([]byte(evidence), &q.Evidence); err != nil {
		return a, fmt.Errorf("read the evidence of request %s: %w", q.ID, err)
	}
	return a, nil
}
