// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"chancery/ca"
)

// selectRequest gives a request with its certificate, in the columns of scanAsked.
const selectRequest = `SELECT ` + columns + askedColumns + `
FROM request a JOIN certificate c ON c.request = a.id WHERE a.id = $1`

// Request gives a request with the certificate that it led to, void rows included.
func (s *Store) Request(ctx context.Context, id ca.RequestID) (ca.Asked, bool, error) {
	a, err := scanAsked(s.reader.QueryRowContext(ctx, selectRequest, string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return ca.Asked{}, false, nil
	}
	return a, err == nil, wrap("read a request", s.note(err))
}

// selectOther looks on both sides of the owner, so that the index leads past however many
// certificates of the key are the owner's.
const selectOther = `SELECT EXISTS (
SELECT 1 FROM certificate c WHERE c.subject_key = $1 AND c.owner < $2 AND c.kind = 'end-entity' AND c.not_after >= $3` + standing + `
UNION ALL
SELECT 1 FROM certificate c WHERE c.subject_key = $4 AND c.owner > $5 AND c.kind = 'end-entity' AND c.not_after >= $6` + standing + `)`

// Others tells whether another than the owner has a live end-entity certificate of a key.
// It is asked for every request, so its statement is prepared.
func (s *Store) Others(ctx context.Context, key ca.Digest, owner string, now time.Time) (taken bool, err error) {
	err = s.others.QueryRowContext(ctx, key[:], owner, millis(now), key[:], owner, millis(now)).Scan(&taken)
	return taken, wrap("look up a key", s.note(err))
}

// Events gives a page of events, newest first. A limit outside 1 to ca.MaxPage is taken as
// ca.MaxPage.
func (s *Store) Events(ctx context.Context, f ca.EventFilter) ([]ca.Event, error) {
	q := eventQuery(f)
	rows, err := s.reader.QueryContext(ctx, q.text.String(), s.engine.planned(q)...)
	if err != nil {
		return nil, wrap("read events", s.note(err))
	}
	all, err := collect(rows, func(row scanner) (e ca.Event, err error) {
		var at int64
		err = row.Scan(&e.ID, &e.Kind, &e.By, &at, &e.About, &e.Leaf)
		e.At = instant(at)
		return e, err
	})
	return all, wrap("read events", s.note(err))
}

// eventQuery makes the query of a list of events.
func eventQuery(f ca.EventFilter) *query {
	after, limit := int64(f.After), f.Limit
	if after == 0 {
		after = math.MaxInt64
	}
	if limit < 1 || limit > ca.MaxPage {
		limit = ca.MaxPage
	}
	q := &query{}
	q.add(`SELECT e.id, e.kind, e.actor, e.happened_at, e.about, e.leaf FROM event e WHERE e.id < ?`, after)
	if f.Kind != "" {
		if f.Kind != "issued" { // as the index says
			q.add(` AND e.kind <> 'issued'`)
		}
		q.add(` AND e.kind = ?`, f.Kind)
	}
	if f.Actor != "" {
		// What a credential did is its account's too (ca.Actor.By). Events of kind issued
		// never name one: the request does.
		q.add(` AND (e.actor = ? OR e.kind <> 'issued' AND substr(e.actor, 1, ?) = ?)`, f.Actor, utf8.RuneCountInString(f.Actor)+1, f.Actor+" ")
	}
	if !f.Since.IsZero() {
		q.add(` AND e.id IN (SELECT s.id FROM event s WHERE s.happened_at >= ?)`, millis(f.Since))
	}
	q.add(` ORDER BY e.id DESC LIMIT ?`, limit)
	return q
}

const selectStep = `SELECT id FROM revocation WHERE certificate = $1 AND step = $2`

// Step gives the leaf of a step of a certificate's history, zero if there is none.
func (s *Store) Step(ctx context.Context, certificate ca.ID, step int) (leaf ca.ID, err error) {
	err = s.reader.QueryRowContext(ctx, selectStep, int64(certificate), step).Scan(&leaf)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return leaf, wrap("look up a step", s.note(err))
}
