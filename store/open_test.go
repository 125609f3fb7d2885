// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chancery/ca"
)

// refused demands that a book is not opened, for the reason of the code.
func refused(t *testing.T, o Options, code ca.Code) {
	t.Helper()
	o.Now = time.Now
	s, err := Open(t.Context(), o)
	if err == nil {
		t.Error("opened", s.Close())
		return
	}
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != code || p.Fix == "" {
		t.Errorf("refused with %v, want a Problem with code %s", err, code)
	}
}

// raw runs statements beside the store.
func raw(t *testing.T, s *Store, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := s.writer.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

func TestABookKeepsItsIdentityAndRowsAcrossOpenings(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		founding, err := Open(t.Context(), Options{DSN: dsn, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		id, err := founding.DatabaseID(t.Context())
		if err != nil || len(id) != 32 {
			t.Errorf("database id %q, %v", id, err)
		}
		if mark, err := founding.Mark(t.Context()); err != nil || mark != 0 {
			t.Errorf("mark without a log: %d, %v", mark, err)
		}
		if _, err := founding.Commit(t.Context(), nil, 1); err == nil {
			t.Error("a book without a log took a commit")
		}
		if err := founding.Close(); err != nil {
			t.Fatal(err)
		}
		first := openBook(t, dsn)
		commit(t, first, 5, change(4, "a.example"))
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second := openBook(t, dsn)
		again, err := second.DatabaseID(t.Context())
		if err != nil || again != id {
			t.Errorf("database id %q, %v; was %q", again, err, id)
		}
		if found, err := second.Find(t.Context(), "a.example", ""); err != nil || len(found) != 1 {
			t.Errorf("found %v, %v", found, err)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, Options{DSN: dsn, LogID: "ff"}, ca.E1405)
	})
}

func TestANewerOrForeignSchemaIsRefused(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		raw(t, s, `INSERT INTO `+schemaTable+` (version_id, is_applied) VALUES (9999, TRUE)`)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, Options{DSN: dsn}, ca.E1405)
	})
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		raw(t, s, `DROP TABLE `+schemaTable)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, Options{DSN: dsn, LogID: testLog}, ca.E1405)
	})
}

func TestAFileThatIsNoBookIsRefusedAndNotTouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	text := []byte("certificates, as I remember them: nas, printer, and the one of the old router. It is long enough to be read as a header of a hundred octets.")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, Options{DSN: path, LogID: testLog}, ca.E1405)
	if got, err := os.ReadFile(path); err != nil || string(got) != string(text) {
		t.Errorf("the file was changed: %q, %v", got, err)
	}
}

// KY-04: the database is a regular file with mode 0600.
func TestKY04_ALooseOrLinkedDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	s := openBook(t, path)
	commit(t, s, 1)
	for _, f := range []string{path, path + "-wal", path + "-lock"} {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info, err)
		}
	}
	refused(t, Options{DSN: path, LogID: testLog}, ca.E1403)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	refused(t, Options{DSN: path, LogID: testLog}, ca.E1404)
	if err := errors.Join(os.Rename(path, path+".away"), os.Symlink(path+".away", path)); err != nil {
		t.Fatal(err)
	}
	refused(t, Options{DSN: path, LogID: testLog}, ca.E1404)
}

// IS-08: WAL, synchronous FULL, foreign keys.
func TestIS08_SQLiteIsSetToLoseNothing(t *testing.T) {
	s := openBook(t, filepath.Join(t.TempDir(), "book.db"))
	for _, db := range []*sql.DB{s.writer, s.reader} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
			}
		}
	}
}

// A killed process leaves a write-ahead log; the next start writes it anew and
// finds its commits.
func TestAWriteAheadLogLeftByAKillIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.db")
	s := openBook(t, path)
	commit(t, s, 5, change(4, "a.example"))
	killed := filepath.Join(t.TempDir(), "book.db")
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := openBook(t, killed)
	if mark, err := again.Mark(t.Context()); err != nil || mark != 5 {
		t.Errorf("mark %d, %v; want 5", mark, err)
	}
	if _, err := os.Stat(killed + "-wal-new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy was left behind: %v", err)
	}
}

func TestABookWhoseDirectoryIsMissingIsRefused(t *testing.T) {
	refused(t, Options{DSN: filepath.Join(t.TempDir(), "db", "book.db"), LogID: testLog}, ca.E1409)
}
