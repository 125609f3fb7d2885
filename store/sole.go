// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

const (
	// soleLocks is how many locks all keys and names share: fewer than a server has room for,
	// and more than commits that wait for each other by chance would notice.
	soleLocks = 1024
	// soleTag sets our locks apart from those of others in the same database.
	soleTag = "chancery sole\n"
	// maxNamesakes bounds the live certificates of one common name that are looked at.
	maxNamesakes = 1000

	lockSole        = `SELECT pg_advisory_xact_lock(l) FROM unnest($1::bigint[]) AS l`
	selectNamesakes = `SELECT ` + columns + ` FROM name n JOIN certificate c ON c.id = n.certificate
WHERE n.value = $1 AND c.id <> $2 AND c.profile = $3 AND c.kind = 'end-entity' AND c.not_after >= $4` + standing + ` ORDER BY n.certificate DESC LIMIT $5`
)

// sole notes as lost what another node has taken first: a key that a live certificate of
// another owner has (security rule PF-07), and the subject or common name that the profile
// wants unique (R67). Each front keeps its own requests apart before it sends them, but two
// fronts do not know of each other; the database is the judge between them. Their rows stand
// nevertheless, as their signatures exist.
//
// Of two commits for the same thing the second waits here for the end of the first, and then
// sees its rows. The locks come after all rows, and in order: whoever waits for one holds
// nothing that a commit before its locks needs, and no two wait for each other. Where one log
// alone writes nothing is asked. A commit that is under way while another node's log appears
// for the very first time may be past this; no later one is.
func (w *writing) sole(changes []ca.Change) error {
	var locks []int64
	for _, c := range changes {
		if !claims(c) {
			continue
		}
		locks = append(locks, soleLock("key", c.Certificate.Key.String()))
		if c.Unique != "" {
			locks = append(locks, soleLock("name", c.Certificate.Profile+"\n"+c.Certificate.Common))
		}
	}
	if len(locks) == 0 {
		return nil
	}
	slices.Sort(locks)
	if _, err := w.tx.ExecContext(w.ctx, lockSole, slices.Compact(locks)); err != nil {
		return fmt.Errorf("wait for other nodes: %w", err)
	}
	for _, c := range changes {
		if !claims(c) {
			continue
		}
		taken, err := w.taken(*c.Certificate, c.Unique)
		if err != nil {
			return fmt.Errorf("look for what other nodes took: %w", err)
		}
		if taken {
			w.lost = append(w.lost, c.Request.ID)
		}
	}
	return nil
}

// claims tells whether a change takes a key and a name for itself.
func claims(c ca.Change) bool {
	return c.Request != nil && c.Certificate != nil && c.Certificate.Kind == ca.EndEntity
}

// soleLock is the lock of a thing.
func soleLock(kind, thing string) int64 {
	h := sha256.Sum256([]byte(soleTag + kind + "\n" + thing))
	base := sha256.Sum256([]byte(soleTag))
	return int64(binary.BigEndian.Uint64(base[:])>>12<<10 | binary.BigEndian.Uint64(h[:])%soleLocks) //nolint:gosec // the same bits
}

// taken tells whether another live certificate has what this one may not share.
func (w *writing) taken(c ca.Certificate, unique string) (taken bool, err error) {
	now := millis(w.now)
	if err := w.tx.QueryRowContext(w.ctx, selectOther, c.Key[:], c.Owner, now, c.Key[:], c.Owner, now).Scan(&taken); err != nil || taken {
		return taken, err
	}
	if unique == "" || c.Common == "" {
		return false, nil
	}
	rows, err := w.tx.QueryContext(w.ctx, selectNamesakes, strings.ToLower(c.Common), int64(c.ID), c.Profile, now, maxNamesakes)
	if err != nil {
		return false, err
	}
	all, err := collect(rows, scanCertificate)
	return slices.ContainsFunc(all, func(other ca.Certificate) bool {
		return other.Common == c.Common && !ca.SameHolder(c, other) && (unique == ca.UniqueName || sameSubject(c.DER, other.DER))
	}), err
}

// sameSubject compares the subjects of two certificates; one that cannot be read has any.
func sameSubject(a, b []byte) bool {
	one, err1 := x509.ParseCertificate(a)
	two, err2 := x509.ParseCertificate(b)
	return err1 != nil || err2 != nil || bytes.Equal(one.RawSubject, two.RawSubject)
}
