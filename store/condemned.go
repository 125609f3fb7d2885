// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"chancery/ca"
)

// maxCondemned is the most keys that Condemned names: those of a crash are few.
const maxCondemned = 4096

// selectCondemned reads what was ever revoked as compromised (reason 1), a key once, and looks
// by the index of keys whether anything of it still stands, or is held. CROSS JOIN keeps SQLite
// from reading all certificates for each key, and + 0 PostgreSQL from reading the index of all
// that have not ended: neither may know yet how many rows there are.
const selectCondemned = `SELECT k.leaf FROM (
SELECT MIN(v.id) AS leaf, (SELECT o.subject_key FROM certificate o WHERE o.id = v.certificate) AS subject_key
FROM revocation v WHERE v.id > $1 AND v.id <= $2 AND v.reason = 1 GROUP BY 2) k
CROSS JOIN certificate c WHERE c.subject_key = k.subject_key
AND c.kind = 'end-entity' AND c.not_after + 0 >= $3 AND COALESCE(` + lastReason + `, 8) IN (6, 8)
GROUP BY k.leaf ORDER BY k.leaf LIMIT $4`

// Condemned gives the first REVOKED leaf of a log for keyCompromise of each key of which
// end-entity certificates still stand or are held, first ones first: what falls with it was
// not finished.
func (s *Store) Condemned(ctx context.Context, logNo uint16, now time.Time) ([]ca.ID, error) {
	from, to := int64(ca.NewID(logNo, 0)-1), int64(ca.NewID(logNo, ca.MaxIndex))
	rows, err := s.reader.QueryContext(ctx, selectCondemned, from, to, millis(now), maxCondemned)
	if err != nil {
		return nil, fmt.Errorf("look for compromised keys: %w", s.note(err))
	}
	all, err := collect(rows, func(row scanner) (leaf ca.ID, err error) {
		err = row.Scan(&leaf)
		return leaf, err
	})
	return all, wrap("look for compromised keys", s.note(err))
}
