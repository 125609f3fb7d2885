// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"chancery/ca"
)

const (
	// sqliteName is what engine and status call it.
	sqliteName = "sqlite"
	// sqliteReaders is the size of the read pool: more than the cores of the
	// machines it is for would only fight for them.
	sqliteReaders = 8
	// Result codes of SQLite (sqlite.org/rescode.html).
	sqliteFull    = 13
	sqliteCorrupt = 11
	sqliteNotADB  = 26
	sqliteUnique  = 2067
	sqlitePrimary = 1555
	sqliteRowID   = 2579
)

func sqliteEngine() engine {
	return engine{
		name:    sqliteName,
		tables:  `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`,
		dialect: goose.DialectSQLite3,
		skip:    ".postgres.sql",
	}
}

// openSQLite opens the file with one writing and several reading connections.
func (s *Store) openSQLite(path string) error {
	s.engine = sqliteEngine()
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	if err := s.holdFile(path); err != nil {
		return err
	}
	if err := ownFile(path); err != nil {
		return err
	}
	if err := settleWAL(path); err != nil {
		return fmt.Errorf("secure the database's write-ahead log: %w", err)
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)"}}
	pragmas.Set("_txlock", "immediate")
	address := url.URL{Scheme: "file", Path: path, RawQuery: pragmas.Encode()}
	if s.writer, err = sql.Open("sqlite", address.String()); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	pragmas.Set("_txlock", "deferred")
	pragmas.Add("_pragma", "query_only(on)")
	address.RawQuery = pragmas.Encode()
	if s.reader, err = sql.Open("sqlite", address.String()); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.reader.SetMaxOpenConns(sqliteReaders)
	s.reader.SetMaxIdleConns(sqliteReaders)
	return nil
}

// holdFile takes the database for this process. The lock lies in a file of its
// own: SQLite's locks on the database end when anybody in the process closes it.
func (s *Store) holdFile(path string) error {
	f, err := os.OpenFile(path+"-lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("open the database's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		held := ca.Conflict(ca.E1403, "the database "+path+" is in use", "stop the other process first")
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errors.Join(held, f.Close())
		}
		return errors.Join(fmt.Errorf("lock the database: %w", err), f.Close())
	}
	s.hold = f
	return nil
}

// ownFile makes the database's file, or checks that it is one that nobody else
// can read (security rule KY-04). SQLite gives its other files the same mode.
func ownFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the database: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return ca.Refused(ca.E1404, fmt.Sprintf("the database %s has mode %v; it must be a file with mode 0600", path, info.Mode()), "chancery doctor --fix")
	}
	return nil
}

// settleWAL brings the write-ahead log that an unclean stop left to stable
// storage before SQLite reads it. A process that was killed between write and
// fsync leaves a commit that is seen in the page cache and gone after a power
// cut: settling would build on it. fsync of the old file proves nothing if an
// earlier one failed, so the bytes are written anew.
func settleWAL(path string) (err error) {
	wal := path + "-wal"
	from, err := os.Open(wal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.OpenFile(wal+"-new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	if err := os.Rename(wal+"-new", wal); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// sqliteCode is SQLite's extended result code, or 0.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// foreignFile turns SQLite's words for a file of another kind, and for one that is
// damaged, into ours.
func foreignFile(err error) error {
	switch sqliteCode(err) & 0xff { // extended codes have the plain one below
	case sqliteNotADB:
		return foreign("the database is not a book of Chancery", err.Error())
	case sqliteCorrupt:
		return damaged(err.Error())
	}
	return err
}

// damaged is the refusal of a file that SQLite cannot make sense of.
func damaged(why string) *ca.Problem {
	return ca.Refused(ca.E1409, "the database is damaged", "stop the service and restore the database from a backup").Because(why)
}

// sqliteTaken tells whether a row stands under a unique key already.
func sqliteTaken(err error) bool {
	c := sqliteCode(err)
	return c == sqliteUnique || c == sqlitePrimary || c == sqliteRowID
}
