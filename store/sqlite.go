// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf8"

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
	sqliteFull     = 13
	sqliteIO       = 10
	sqliteShmSize  = 4874 // of the file that indexes its log: there is no room for it
	sqliteCantOpen = 14
	sqliteBusy     = 5
	sqliteCorrupt  = 11
	sqliteNotADB   = 26
	sqliteUnique   = 2067
	sqlitePrimary  = 1555
	sqliteRowID    = 2579
)

func sqliteEngine() engine {
	return engine{
		name:    sqliteName,
		tables:  `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`,
		dialect: goose.DialectSQLite3,
		skip:    ".postgres.sql",
		// CROSS keeps the order: the index has its rows by id, and a page of them is enough
		// even where all names contain the part.
		search:   ` FROM name_search s CROSS JOIN certificate c ON c.id = s.rowid WHERE s.names GLOB ?`,
		searched: `s.rowid`,
		endsLine: ` AND s.names || char(10) GLOB ?`,
		parts:    func(part string) any { return "*" + globbed.Replace(part) + "*" },
		sorted:   ` FROM name_order o CROSS JOIN certificate c ON c.id = o.certificate WHERE o.common >= ''`,
		place:    `o.common, o.certificate`,
		// What is not in the list by name yet is looked through; mostly that is nothing.
		newer: ` FROM (SELECT o.certificate FROM name_order o WHERE o.common = c.common AND o.certificate > c.id
UNION ALL SELECT p.certificate FROM name_pending p WHERE p.certificate > c.id) w CROSS JOIN certificate n ON n.id = w.certificate WHERE n.id > 0`,
		printed: ` FROM fingerprint f CROSS JOIN certificate c ON c.id = f.certificate WHERE f.head = $1 LIMIT $2`,
		prefix:  `value >= ? AND value < ?`,
		begins:  func(prefix string) []any { return []any{prefix, prefix + string(utf8.MaxRune)} },
	}
}

// globbed writes what GLOB takes for itself.
var globbed = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")

// openSQLite opens the file with one writing and several reading connections, and
// one that takes the write-ahead log into it.
func (s *Store) openSQLite(path string, p Place) error {
	s.engine = sqliteEngine()
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	if p.Disk == nil {
		p.Disk = system{}
	}
	if s.hold, err = p.Disk.Claim(path); err != nil {
		return err
	}
	if err := settleWAL(p.Disk, path); err != nil {
		return fmt.Errorf("secure the database's write-ahead log: %w", err)
	}
	pragmas := url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)", "wal_autocheckpoint(0)",
		// Of a log that readers have let grow, what is over is cut off when it is begun anew.
		fmt.Sprintf("journal_size_limit(%d)", 2*longest*s.keeper.limit*walPage),
	}}
	pragmas.Set("_txlock", "immediate")
	if s.writer, err = sql.Open("sqlite", p.address(path, pragmas)); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	pragmas.Set("_txlock", "deferred")
	pragmas.Add("_pragma", "query_only(on)")
	if s.reader, err = sql.Open("sqlite", p.address(path, pragmas)); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.reader.SetMaxOpenConns(sqliteReaders)
	s.reader.SetMaxIdleConns(sqliteReaders)
	apart := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", restartWait), "synchronous(full)", "wal_autocheckpoint(0)"}}
	if s.aside, err = sql.Open("sqlite", p.address(path, apart)); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.aside.SetMaxOpenConns(1)
	s.names = func() error { return p.Disk.SyncDir(filepath.Dir(path)) }
	return nil
}

// address is the driver's name for a file.
func (p Place) address(path string, query url.Values) string {
	if p.VFS != "" {
		query.Set("vfs", p.VFS)
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return u.String()
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
