// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"

	"chancery/ca"
)

// Options say which book to open.
type Options struct {
	// DSN is a "postgres://" or "postgresql://" address, or else the path of an
	// SQLite file, which is made with mode 0600 if it does not exist.
	DSN string
	// LogID is the signer's log in hex. Founding leaves it empty, because the log's
	// first leaf names the database: then there is no mark, and nothing can be
	// committed.
	LogID string
	// Now is the clock; it decides when idempotency keys run out.
	Now func() time.Time
	// Place is where an SQLite file lies; tests alone set it.
	Place Place
}

// A Store is the book. Reading methods may be called from any goroutine; commits
// wait for each other.
type Store struct {
	engine engine
	logID  string
	now    func() time.Time
	// writer has one connection: SQLite takes one writer, and on PostgreSQL the
	// rows of one log are written by one committer. reader is a pool.
	writer, reader *sql.DB
	// aside has the connection of Run's checkpoints; nil on PostgreSQL.
	aside   *sql.DB
	keeper  *keeper
	inserts inserts
	// lines has the writer's connection on PostgreSQL; nil on SQLite.
	lines *atomic.Pointer[line]
	// wait is how long a transaction may take: commitWait, but in tests.
	wait time.Duration
	// hold keeps other processes off an SQLite file; nil on PostgreSQL.
	hold io.Closer
	// names makes the names of an SQLite file and its log last; nil on PostgreSQL.
	names func() error
	// others is selectOther, located selectLocated, prepared.
	others, located *sql.Stmt
	// failure is the first fault of the disk under an SQLite file.
	failure failure

	mu sync.Mutex // of commits
	// commits counts them, rested is the count when Run looked last.
	commits atomic.Int64
	rested  int64
	// swept is when run-out idempotency keys were last removed.
	swept time.Time
}

// An engine is what differs between the databases.
type engine struct {
	name string
	// tables lists the tables of the database or schema.
	tables string
	// dialect is goose's word for it, options what it needs beside the migrations.
	dialect goose.Dialect
	options []goose.ProviderOption
	// skip is the suffix of migrations made for other engines.
	skip string
	// search begins what lists rows by a part of a name, for which parts is the value;
	// searched is their id there, in whose order the index has them.
	search, searched string
	parts            func(part string) any
	// endsLine adds that one of the names ends with a part that is followed by a line end;
	// empty where the engine looks below a suffix well enough.
	endsLine string
	// sorted begins what lists rows by common name, place are the columns of that order.
	sorted, place string
	// newer begins what finds the certificates n that came after c and have its common name.
	newer string
	// printed finds rows by the head of a fingerprint, so many at most.
	printed string
	// prefix says that a value of the table name begins with something, begins makes the
	// parameters of that.
	prefix string
	begins func(prefix string) []any
	// anew stands before the values of a list's query where the engine would else keep a
	// plan of it for all values.
	anew []any
}

// Open opens the book, and makes or updates its schema. A database that is not a
// book, has a newer schema, or is another log's gives a Problem with code E1405;
// one in use E1403; one that others may read E1404.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		return nil, errors.New("open the book: no clock")
	}
	s := &Store{logID: o.LogID, now: o.Now, wait: commitWait, keeper: newKeeper(o.Place.Checkpoint)}
	var err error
	if isPostgres(o.DSN) {
		err = s.openPostgres(o.DSN)
	} else {
		err = s.openSQLite(o.DSN, o.Place)
	}
	if err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		if p := diskFault(err); p != nil {
			err = p
		}
		return nil, errors.Join(foreignFile(err), s.Close())
	}
	return s, nil
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// prepare brings the schema up and checks that the book is the right one.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.identify(ctx); err != nil {
		return err
	}
	if err := s.claim(ctx); err != nil {
		return err
	}
	var err error
	if s.others, err = s.reader.PrepareContext(ctx, selectOther); err != nil {
		return fmt.Errorf("prepare a statement: %w", err)
	}
	if s.located, err = s.reader.PrepareContext(ctx, selectLocated); err != nil {
		return fmt.Errorf("prepare a statement: %w", err)
	}
	if s.inserts, err = prepareInserts(ctx, s.writer, s.engine); err != nil || s.names == nil {
		return err
	}
	// The name of the copied log, too, must last before anything is built upon it.
	// SQLite syncs the folder at its first commit, and does not mind if that fails.
	return wrap("sync the folder of the database", s.names())
}

// Engine is "sqlite" or "postgresql".
func (s *Store) Engine() string { return s.engine.name }

// Close ends all connections. The Store is of no use afterwards.
func (s *Store) Close() error {
	var errs []error
	errs = append(errs, s.inserts.close())
	for _, st := range []*sql.Stmt{s.others, s.located} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	for _, db := range []*sql.DB{s.reader, s.aside, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.hold != nil {
		// Closing gives up the lock, so it comes after the last connection.
		errs = append(errs, s.hold.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the book: %w", err)
	}
	return nil
}

// DatabaseID is the name this database was given when it was made: 32 random hex
// digits. A copy has the same.
func (s *Store) DatabaseID(ctx context.Context) (string, error) {
	var id string
	if err := s.reader.QueryRowContext(ctx, selectDatabaseID).Scan(&id); err != nil {
		return "", fmt.Errorf("read the database id: %w", err)
	}
	return id, nil
}

// identify gives a new database its id.
func (s *Store) identify(ctx context.Context) error {
	var id string
	err := s.writer.QueryRowContext(ctx, selectDatabaseID).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return wrap("read the database id", err)
	}
	fresh := make([]byte, 16)
	if _, err := rand.Read(fresh); err != nil {
		return fmt.Errorf("make a database id: %w", err)
	}
	return wrap("write the database id", s.write(ctx, insertDatabaseID, hex.EncodeToString(fresh)))
}

// claim enters the signer's log into a new book, and refuses a book that knows
// other logs only: front and signer would be of different installations.
func (s *Store) claim(ctx context.Context) error {
	if s.logID == "" {
		return nil
	}
	logs, err := texts(ctx, s.writer, selectLogs)
	if err != nil {
		return fmt.Errorf("read the logs of the book: %w", err)
	}
	switch {
	case slices.Contains(logs, s.logID):
		return nil
	case len(logs) > 0:
		return otherLog(logs, s.logID)
	}
	return wrap("enter the log into the book", s.write(ctx, insertLog, s.logID))
}

// write runs one statement in a transaction.
func (s *Store) write(ctx context.Context, query, value string) error {
	return s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, value)
		return err
	})
}

// texts gives the one column of a query.
func texts(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	var out []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out = append(out, t)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

// foreign is the refusal of a database that is not this installation's.
func foreign(detail, why string) *ca.Problem {
	return ca.Conflict(ca.E1405, detail, "name another database, or restore database and log from one backup").Because(why)
}

// otherLog is the refusal of a book that does not know our log.
func otherLog(logs []string, ours string) *ca.Problem {
	has := "the rows of no log"
	if len(logs) > 0 {
		has = "the rows of log " + logs[0]
	}
	return foreign("the database belongs to another installation", fmt.Sprintf("it has %s, and the signer's log is %s", has, ours))
}

// wrap says what was being done when an error came; nil stays nil.
func wrap(act string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", act, err)
}
