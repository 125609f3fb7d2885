// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chancery/ca"
)

// maxSteps is the most revocations that Steps gives of a log: what is new within a
// second. The next call has what more there is.
const maxSteps = 1000

const (
	selectLocated = `SELECT id FROM certificate WHERE issuer_key = $1 AND serial = $2`
	selectLive    = `SELECT serial FROM certificate WHERE issuer_key = $1 AND not_after >= $2 AND kind <> 'void'`
	// One row per node that ever wrote; not worth an index.
	selectLogNumbers = `SELECT log_no FROM log WHERE log_no > 0 ORDER BY log_no`
	countedLogs      = `SELECT COUNT(*) FROM log`
	selectStepsSince = `SELECT id, issuer_key, serial FROM revocation WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3`
	selectNewestStep = `SELECT id, issuer_key, serial FROM revocation WHERE id > $1 AND id <= $2 ORDER BY id DESC LIMIT $3`
)

// Located gives the id of a serial number's row, void rows included; zero if there is none.
func (s *Store) Located(ctx context.Context, issuerKey ca.Digest, serial ca.Serial) (id ca.ID, err error) {
	err = s.located.QueryRowContext(ctx, issuerKey[:], string(serial)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, wrap("look up a serial number", s.note(err))
}

// Logs is how many logs write in the book: one for each node.
func (s *Store) Logs(ctx context.Context) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, countedLogs).Scan(&n)
	return n, wrap("count the logs", s.note(err))
}

// Live hands out the serial number of each certificate of a key that ends at a time or
// later, revoked or not, in no order, until each gives an error.
func (s *Store) Live(ctx context.Context, issuerKey ca.Digest, from time.Time, each func(ca.Serial) error) error {
	rows, err := s.reader.QueryContext(ctx, selectLive, issuerKey[:], millis(from))
	if err != nil {
		return fmt.Errorf("read the certificates of a key: %w", s.note(err))
	}
	for rows.Next() {
		var serial ca.Serial
		err := rows.Scan(&serial)
		if err == nil {
			err = each(serial)
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(s.note(rows.Err()), rows.Close())
}

// Steps gives revocations that came behind those of since, which has the newest known of
// each log: ID, the issuer's key and the serial number alone, in the order of their
// leaves. Of a log that since does not name it gives the newest. logs is how many nodes
// ever wrote; more says that there are more.
func (s *Store) Steps(ctx context.Context, since map[uint16]ca.ID) (steps []ca.Revocation, logs int, more bool, err error) {
	numbers, err := s.logNumbers(ctx)
	if err != nil {
		return nil, 0, false, fmt.Errorf("read the logs: %w", s.note(err))
	}
	for _, n := range numbers {
		query, from, limit := selectNewestStep, ca.NewID(n, 0)-1, 1
		if known, ok := since[n]; ok {
			query, from, limit = selectStepsSince, known, maxSteps
		}
		page, err := s.steps(ctx, query, int64(from), int64(ca.NewID(n, ca.MaxIndex)), limit)
		if err != nil {
			return nil, 0, false, fmt.Errorf("read revocations: %w", s.note(err))
		}
		steps, more = append(steps, page...), more || len(page) == maxSteps
	}
	return steps, len(numbers), more, nil
}

func (s *Store) logNumbers(ctx context.Context) (numbers []uint16, err error) {
	rows, err := s.reader.QueryContext(ctx, selectLogNumbers)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var n uint16
		if err := rows.Scan(&n); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		numbers = append(numbers, n)
	}
	return numbers, errors.Join(rows.Err(), rows.Close())
}

func (s *Store) steps(ctx context.Context, query string, values ...any) (steps []ca.Revocation, err error) {
	rows, err := s.reader.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var v ca.Revocation
		var issuer []byte
		err := rows.Scan(&v.ID, &issuer, &v.Serial)
		if err = errors.Join(err, intoDigest(&v.IssuerKey, issuer)); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		steps = append(steps, v)
	}
	return steps, errors.Join(rows.Err(), rows.Close())
}
