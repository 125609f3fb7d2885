// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"chancery/ca"
)

const (
	// searchBatch is how many certificates' names are taken into the index of parts at
	// once: some 20 ms, for which commits wait.
	searchBatch = 128
	// searchBatches is how many a search waits for. More are only left while the service
	// issued without a pause, or had a large import.
	searchBatches = 100
	// searchPause is how often Run looks whether there is a pause.
	searchPause = time.Second

	// crowd is how many names are collected, which takes some 10 ms.
	crowd = 10_000

	// What is there already is left: an update of the schema may have all taken in anew. The names of a row are JSON; those of SQLite's index are lines in lower case.
	takePending = `INSERT INTO name_search (rowid, names)
SELECT c.id, lower(c.common) || char(10) || (SELECT COALESCE(group_concat(lower(n.value ->> 'value'), char(10)), '') FROM json_each(c.names) n)
FROM certificate c WHERE c.id IN (SELECT p.certificate FROM name_pending p WHERE p.certificate > 0 ORDER BY p.certificate LIMIT $1)
AND NOT EXISTS (SELECT 1 FROM name_search s WHERE s.rowid = c.id)`
	takeOrder = `INSERT OR IGNORE INTO name_order (common, certificate)
SELECT c.common, c.id FROM certificate c WHERE c.kind <> 'void' AND c.id IN (SELECT p.certificate FROM name_pending p WHERE p.certificate > 0 ORDER BY p.certificate LIMIT $1)`
	// A trigger could note each row. But a statement with one keeps a copy of every page
	// that it changes, until it is done: that took a third of a commit's time.
	addPending  = `INSERT INTO name_pending (certificate) SELECT value FROM json_each($1)`
	dropPending = `DELETE FROM name_pending WHERE certificate IN (SELECT p.certificate FROM name_pending p WHERE p.certificate > 0 ORDER BY p.certificate LIMIT $1)`
	moreBelow   = `SELECT EXISTS (SELECT certificate FROM name WHERE reversed > $1 AND reversed < $2 LIMIT 1 OFFSET $3)`
	anyPending  = `SELECT EXISTS (SELECT p.certificate FROM name_pending p WHERE p.certificate > 0)`
)

// pending notes the certificates of a commit, whose names are not in the indexes yet.
func (w *writing) pending(changes []ca.Change) error {
	var ids []ca.ID
	for _, c := range changes {
		if c.Certificate != nil {
			ids = append(ids, c.Certificate.ID)
		}
	}
	if w.in.pending == nil || len(ids) == 0 {
		return nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	_, err = w.tx.StmtContext(w.ctx, w.in.pending).ExecContext(w.ctx, string(list))
	return err
}

// findable takes the names that wait into the index of parts and the list by name, in so many batches at most,
// and tells whether none is left. It stops early where goOn says no.
func (s *Store) findable(ctx context.Context, batches int, goOn func() bool) (bool, error) {
	if s.engine.name != sqliteName { // PostgreSQL does so by itself
		return true, nil
	}
	for range batches {
		var left bool
		if err := s.reader.QueryRowContext(ctx, anyPending).Scan(&left); err != nil || !left {
			return true, wrap("look for names to take in", s.note(err))
		}
		if !goOn() {
			return false, nil
		}
		s.mu.Lock()
		err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if err := takePrints(ctx, tx); err != nil {
				return err
			}
			for _, text := range []string{takePending, takeOrder, dropPending} {
				if _, err := tx.ExecContext(ctx, text, searchBatch); err != nil {
					return err
				}
			}
			return nil
		})
		s.mu.Unlock()
		if err != nil {
			return false, fmt.Errorf("take names into the index: %w", err)
		}
	}
	return false, nil
}

// searchable makes sure that a search will find all there is. The Problem is E2301.
func (s *Store) searchable(ctx context.Context, f ca.Filter) error {
	needed := f.Part() != "" || f.Sort == string(ca.ByCommon)
	if !needed && f.Status != "expiring" { // that one looks through what waits, if it must
		return nil
	}
	all, err := s.findable(ctx, searchBatches, func() bool { return ctx.Err() == nil })
	if err == nil && !all && needed {
		err = ca.Unavailable(ca.E2301, "the names of many new certificates are still being taken into the index of names", "try again in a minute, or ask for a whole name, *.suffix or prefix*, the newest first")
	}
	return err
}

// pause takes names in while nobody commits.
func (s *Store) pause(ctx context.Context) error {
	before := s.commits.Load()
	_, err := s.findable(ctx, searchBatches, func() bool { return ctx.Err() == nil && s.commits.Load() == before && before == s.rested })
	s.rested = before
	return err
}

// crowd tells whether so many names are below a filter's suffix that collecting them would
// take longer than reading the index of parts, which has them by id, for a page.
func (s *Store) crowd(ctx context.Context, f ca.Filter, into *position) error {
	suffix, isBelow := strings.CutPrefix(f.Name, "*.")
	if s.engine.endsLine == "" || !isBelow || f.Part() != "" || len(suffix) < ca.MinSearch || f.Order() != ca.ByID {
		return nil
	}
	from, to := below(strings.ToLower(suffix))
	var more bool
	if err := s.reader.QueryRowContext(ctx, moreBelow, from, to, crowd).Scan(&more); err != nil || !more {
		return wrap("count names", s.note(err))
	}
	all, err := s.findable(ctx, searchBatches, func() bool { return ctx.Err() == nil })
	into.crowded = all
	return err
}
