// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

const (
	// maxFound is the most certificates Find looks at: the newest of a name renewed
	// for years, more than anybody reads as candidates.
	maxFound = 100
	// tailDigits is the least of a serial's end that finds it.
	tailDigits = 8
	// maxFallen certificates are read within some twenty milliseconds.
	maxFallen = 10_000
	// expiringWithin is what ca.Counts calls expiring.
	expiringWithin = 30 * 24 * time.Hour
)

// Mark is the leaf index below which every leaf that needs a row has one. After a
// failure of the disk it is refused (ca.ErrDisk): nothing may be settled by what
// memory has.
func (s *Store) Mark(ctx context.Context) (int64, error) {
	if err := s.failed(); err != nil {
		return 0, err
	}
	var next int64
	err := s.reader.QueryRowContext(ctx, selectMark, s.logID).Scan(&next)
	if s.logID == "" && errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return next, wrap("read the mark", s.note(err))
}

// ByRequest gives the row a request led to, void rows included; a Problem of
// kind NotFound if there is none.
func (s *Store) ByRequest(ctx context.Context, id ca.RequestID) (ca.Certificate, error) {
	c, ok, err := s.one(ctx, selectByRequest, string(id))
	if err == nil && !ok {
		return c, ca.NotFound(ca.E2101, "no certificate came of this request", "chancery list")
	}
	return c, wrap("look up a request", err)
}

// CSR gives the request, in DER, that a row names; nil if it is not here.
func (s *Store) CSR(ctx context.Context, id ca.RequestID) ([]byte, error) {
	var der []byte
	err := s.reader.QueryRowContext(ctx, selectCSR, string(id)).Scan(&der)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return der, wrap("read a request", err)
}

// Serial gives the row of a serial number, void rows included.
func (s *Store) Serial(ctx context.Context, issuerKey ca.Digest, serial ca.Serial) (ca.Certificate, bool, error) {
	c, ok, err := s.one(ctx, selectBySerial, issuerKey[:], string(serial))
	return c, ok, wrap("look up a serial number", err)
}

// Repeated gives what an idempotency key stood for in the last 24 hours, the
// request and the certificate it led to; the request is nil if there is none.
func (s *Store) Repeated(ctx context.Context, door ca.Door, actor, key string) (*ca.Request, ca.Certificate, error) {
	if key == "" {
		return nil, ca.Certificate{}, nil
	}
	q, c, err := scanRepeated(s.reader.QueryRowContext(ctx, selectByKey, string(door), actor, key, millis(s.now())))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, c, nil
	}
	if err != nil {
		return nil, c, fmt.Errorf("look up an idempotency key: %w", err)
	}
	q.Door, q.From.ID, q.Key = door, actor, key
	return &q, c, nil
}

// Find resolves the SHA-256 of a certificate, a public name, a serial, a serial's tail of at
// least 8 digits, or a name, in this order. Serials that are not unique give all, newest first, at
// most 100, void rows included. A name gives its newest valid certificate, or
// the newest if all have ended: those before it were renewed. Nothing found is an
// empty list.
//
// With an owner only that one's certificates are there, and those of authorities, before
// anything is chosen: what others have hides nothing, and makes nothing ambiguous.
func (s *Store) Find(ctx context.Context, ref, owner string) ([]ca.Certificate, error) {
	ref = strings.TrimSpace(ref)
	if sum, is := ca.ParseFingerprint(ref); is {
		c, there, err := s.Fingerprint(ctx, sum)
		if there && (owner == "" || c.Owner == owner || c.Kind == ca.CACertificate) {
			return []ca.Certificate{c}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if at := strings.LastIndexByte(ref, '-'); at > 0 {
		found, err := s.bySerial(ctx, ref[at+1:], owner)
		found = slices.DeleteFunc(found, func(c ca.Certificate) bool { return c.Authority != ref[:at] })
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	found, err := s.bySerial(ctx, ref, owner)
	if err != nil || len(found) > 0 {
		return found, err
	}
	if owner == "" {
		found, err = s.many(ctx, selectByName, searched(ref), maxFound)
	} else {
		found, err = s.many(ctx, selectByNameOf, searched(ref), owner, maxFound)
	}
	if err != nil {
		return nil, fmt.Errorf("look up a name: %w", err)
	}
	now := s.now()
	if at := slices.IndexFunc(found, func(c ca.Certificate) bool {
		return c.Revoked == nil && !c.NotBefore.After(now) && !c.NotAfter.Before(now)
	}); at > 0 {
		found = found[at:]
	}
	return found[:min(1, len(found))], nil
}

// bySerial finds by a whole serial, or else by its end.
func (s *Store) bySerial(ctx context.Context, ref, owner string) ([]ca.Certificate, error) {
	wholes := ca.TypedSerials(ref)
	var tails []string
	for _, whole := range wholes {
		tails = append(tails, whole.Tail())
	}
	end := strings.NewReplacer(":", "", " ", "", "…", "").Replace(strings.ToLower(ref))
	if len(end) >= tailDigits && strings.Trim(end, "0123456789abcdef") == "" {
		tails = append(tails, end[len(end)-tailDigits:])
	} else {
		end = ""
	}
	slices.Sort(tails)
	var ends []ca.Certificate
	for _, tail := range slices.Compact(tails) {
		found, err := s.many(ctx, selectByTail, tail, maxFound)
		if err != nil {
			return nil, fmt.Errorf("look up a serial number: %w", err)
		}
		found = slices.DeleteFunc(found, func(c ca.Certificate) bool {
			return owner != "" && c.Owner != owner && c.Kind != ca.CACertificate
		})
		for _, c := range found {
			switch {
			case slices.Contains(wholes, c.Serial):
				// A whole serial beats the end of another.
				return slices.DeleteFunc(found, func(other ca.Certificate) bool { return other.Serial != c.Serial }), nil
			case end != "" && strings.HasSuffix(string(c.Serial), end):
				ends = append(ends, c)
			}
		}
	}
	return ends, nil
}

// searched brings a name into the form that the table name has it in.
func searched(name string) string {
	for _, t := range []ca.NameType{ca.DNS, ca.IP} {
		if n, err := ca.NewName(t, name); err == nil {
			return n.Value
		}
	}
	return strings.ToLower(name)
}

// Counts counts the book's end-entity certificates as they stand at now. The end of a
// certificate still belongs to its validity (RFC 5280 §4.1.2.5). Of the revoked authorities in
// fallen it reads the newest maxFallen certificates, and what cannot be read costs their number
// alone.
func (s *Store) Counts(ctx context.Context, now time.Time, fallen []string) (ca.Counts, error) {
	var n ca.Counts
	var revokedSoon int64
	at, soon := millis(now), millis(now.Add(expiringWithin))
	err := s.reader.QueryRowContext(ctx, selectCounts, at, at, soon, at, at, at, soon, at).
		Scan(&n.Valid, &n.Expiring, &n.Expired, &n.Void, &n.Revoked, &revokedSoon, &n.Held)
	n.Valid, n.Expiring = n.Valid-n.Revoked, n.Expiring-revokedSoon
	if err != nil {
		return n, wrap("count the certificates", err)
	}
	n.IssuerRevoked, n.IssuerRevokedMore = s.below(ctx, now, fallen, maxFallen)
	return n, nil
}

// below counts the valid certificates among the newest of some authorities, the first ones'
// first; more says that there may be others.
func (s *Store) below(ctx context.Context, now time.Time, authorities []string, left int64) (n int64, more bool) {
	for _, name := range authorities {
		var read, valid int64
		err := s.reader.QueryRowContext(ctx, selectFallen, millis(now), name, left).Scan(&read, &valid)
		if n += valid; err != nil || read == left {
			return n, true
		}
		left -= read
	}
	return n, false
}

// one gives the row of a query that has at most one.
func (s *Store) one(ctx context.Context, query string, values ...any) (ca.Certificate, bool, error) {
	c, err := scanCertificate(s.reader.QueryRowContext(ctx, query, values...))
	if errors.Is(err, sql.ErrNoRows) {
		return ca.Certificate{}, false, nil
	}
	return c, err == nil, s.note(err)
}

// many gives the rows of a query.
func (s *Store) many(ctx context.Context, query string, values ...any) ([]ca.Certificate, error) {
	rows, err := s.reader.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, s.note(err)
	}
	all, err := collect(rows, scanCertificate)
	return all, s.note(err)
}

// collect reads all rows; every query has a LIMIT.
func collect[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out = append(out, v)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}
