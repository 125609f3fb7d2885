// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// schemaTable is where goose counts the migrations done. It is also how we know
// a book again.
const schemaTable = "chancery_schema"

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to the one this version knows. Each migration is
// a transaction, so one that is killed is done again.
func (s *Store) migrate(ctx context.Context) error {
	tables, err := texts(ctx, s.writer, s.engine.tables)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	known := slices.Contains(tables, schemaTable)
	if len(tables) > 0 && !known {
		return foreign("the database is not a book of Chancery", fmt.Sprintf("it has %d tables of something else, such as %q", len(tables), tables[0]))
	}
	if known {
		if fits, err := s.schemaFits(ctx, s.writer); err != nil || fits {
			return err
		}
	}
	p, _, err := s.provider(s.writer)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("update the schema: %w", err)
	}
	return nil
}

// schemaFits tells whether the book's schema is the one this version knows; an
// older one can be updated, a newer one is refused. It is asked without goose,
// which writes while it looks: the service's role need not have the right to
// change the schema (security rule PG-06).
func (s *Store) schemaFits(ctx context.Context, db *sql.DB) (bool, error) {
	_, newest, err := s.provider(db)
	if err != nil {
		return false, fmt.Errorf("read the migrations: %w", err)
	}
	var have int64
	if err := db.QueryRowContext(ctx, selectVersion).Scan(&have); err != nil {
		return false, fmt.Errorf("read the version of the schema: %w", err)
	}
	if have > newest {
		return false, foreign("the database was made by a newer version of Chancery",
			fmt.Sprintf("its schema is %d, this version knows %d", have, newest))
	}
	return have == newest, nil
}

// provider gives the migrations for the engine, and the version of the last.
func (s *Store) provider(db *sql.DB) (*goose.Provider, int64, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, err
	}
	files, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, 0, err
	}
	skip := slices.DeleteFunc(files, func(f string) bool { return !strings.HasSuffix(f, s.engine.skip) })
	options := append([]goose.ProviderOption{goose.WithExcludeNames(skip), goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true)}, s.engine.options...)
	p, err := goose.NewProvider(s.engine.dialect, db, dir, options...)
	if err != nil {
		return nil, 0, err
	}
	sources := p.ListSources()
	return p, sources[len(sources)-1].Version, nil
}
