// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
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

// issuedKind is the kind of nearly all events. Each has the id, the time and, as its actor,
// the owner of its end-entity certificate, whose indexes therefore find it.
const issuedKind = "issued"

// eventQuery makes the query of a list of events.
func eventQuery(f ca.EventFilter) *query {
	if f.After == 0 {
		f.After = math.MaxInt64
	}
	if f.Limit < 1 || f.Limit > ca.MaxPage {
		f.Limit = ca.MaxPage
	}
	q := &query{}
	q.add(`SELECT e.id, e.kind, e.actor, e.happened_at, e.about, e.leaf FROM event e WHERE e.id < ?`, int64(f.After))
	switch {
	case f.Actor != "" || !f.Since.IsZero():
		q.add(` AND e.id IN (`)
		if f.Kind != issuedKind {
			q.rare(f)
		}
		if f.Kind == "" {
			q.add(` UNION ALL `)
		}
		if f.Kind == "" || f.Kind == issuedKind {
			q.issued(f)
		}
		q.add(`)`)
	case f.Kind == issuedKind:
		q.add(` AND e.kind = ?`, f.Kind)
	case f.Kind != "":
		q.add(` AND e.kind <> 'issued' AND e.kind = ?`, f.Kind) // as the index says
	}
	q.add(` ORDER BY e.id DESC LIMIT ?`, f.Limit)
	return q
}

// rare adds the ids of a page of events that tell of no certificate. They are few beside the
// others, so that an index of them alone is walked through.
func (q *query) rare(f ca.EventFilter) {
	q.add(`SELECT r.id FROM (SELECT t.id FROM event t WHERE t.kind <> 'issued' AND t.id < ?`, int64(f.After))
	if f.Kind != "" {
		q.add(` AND t.kind = ?`, f.Kind)
	}
	if f.Actor != "" {
		// What a credential did is its account's too (ca.Actor.By).
		q.add(` AND (t.actor = ? OR substr(t.actor, 1, ?) = ?)`, f.Actor, utf8.RuneCountInString(f.Actor)+1, f.Actor+" ")
	}
	if !f.Since.IsZero() {
		q.add(` AND t.happened_at >= ?`, millis(f.Since))
	}
	q.add(` ORDER BY t.id DESC LIMIT ?) r`, f.Limit)
}

// issued adds the ids of a page of events that tell of certificates.
func (q *query) issued(f ca.EventFilter) {
	q.add(`SELECT i.id FROM (SELECT c.id FROM certificate c WHERE c.kind = 'end-entity' AND c.id < ?`, int64(f.After))
	if f.Actor != "" {
		account, _, credential := strings.Cut(f.Actor, " ")
		if q.add(` AND c.owner = ?`, account); credential {
			q.add(` AND EXISTS (SELECT 1 FROM event x WHERE x.id = c.id AND x.actor = ?)`, f.Actor)
		}
	}
	if !f.Since.IsZero() {
		q.add(` AND c.id IN (SELECT s.id FROM certificate s WHERE s.issued_at >= ? AND s.id < ?)`, millis(f.Since), int64(f.After))
	}
	q.add(` ORDER BY c.id DESC LIMIT ?) i`, f.Limit)
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
