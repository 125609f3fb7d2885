// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
)

// Inspect looks whether the book could be opened, without changing or holding
// it, so that it can be asked beside a running service: that the file is whole
// (SQLite alone; a server looks after its own), has a schema this version knows,
// and knows the log o.LogID, unless that is empty. It gives the engine's name.
//
// Problems are E1405 for a database of somebody else's and E1409 for a damaged
// one; any other error is of reading, or of ctx.
func Inspect(ctx context.Context, o Options) (engine string, err error) {
	s := &Store{}
	if err = s.peek(o); err == nil {
		err = s.inspect(ctx, o.LogID)
	}
	return s.engine.name, errors.Join(foreignFile(err), s.Close())
}

// peek opens an existing book to read beside whoever holds it.
func (s *Store) peek(o Options) error {
	if isPostgres(o.DSN) {
		return s.openPostgres(o.DSN)
	}
	return s.peekSQLite(o.DSN, o.Place)
}

// peekSQLite opens an existing file for reading alone: a connection that may
// write would bring the write-ahead log of a killed service into the file before
// settleWAL has seen to it.
func (s *Store) peekSQLite(path string, p Place) error {
	s.engine = sqliteEngine()
	if p.Disk == nil {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("look at the database: %w", err)
		}
	}
	address := p.address(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(on)"}})
	var err error
	s.reader, err = sql.Open("sqlite", address)
	return wrap("open the database", err)
}

func (s *Store) inspect(ctx context.Context, logID string) error {
	if s.engine.name == sqliteName {
		faults, err := texts(ctx, s.reader, `PRAGMA quick_check(1)`)
		if err != nil {
			return fmt.Errorf("check the database: %w", err)
		}
		if !slices.Equal(faults, []string{"ok"}) {
			return damaged(fmt.Sprint("SQLite says: ", faults))
		}
	}
	if _, err := s.readable(ctx); err != nil || logID == "" {
		return err
	}
	logs, err := texts(ctx, s.reader, selectLogs)
	if err == nil && !slices.Contains(logs, logID) {
		return otherLog(logs, logID)
	}
	return wrap("read the logs of the book", err)
}

// readable refuses what is no book or a newer version's, and tells whether the
// schema is the one this version knows; an older one is not.
func (s *Store) readable(ctx context.Context) (bool, error) {
	tables, err := texts(ctx, s.reader, s.engine.tables)
	if err != nil {
		return false, fmt.Errorf("look at the database: %w", err)
	}
	if !slices.Contains(tables, schemaTable) {
		return false, foreign("the database is not a book of Chancery", fmt.Sprintf("it has %d tables, and none of them is %s", len(tables), schemaTable))
	}
	return s.schemaFits(ctx, s.reader)
}
