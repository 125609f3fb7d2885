// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"

	"chancery/ca"
	"chancery/internal/pgtest"
)

// startServer starts the one server of all tests of this package; each test has
// a database of its own.
var startServer = sync.OnceValues(pgtest.Start)

// databases counts the databases made; started says whether there is a server to
// stop.
var (
	databases atomic.Int64
	started   atomic.Bool
)

func TestMain(m *testing.M) {
	code := m.Run()
	if started.Load() {
		if s, err := startServer(); err == nil {
			if err := s.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// emptyDatabase makes a database on PostgreSQL, or fails the test where no
// server is installed: make test installs one.
func emptyDatabase(t testing.TB) string {
	t.Helper()
	started.Store(true)
	s, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("book%d", databases.Add(1))
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return s.DSN(name)
}

func TestTwoNodesMayStartAtOnce(t *testing.T) {
	dsn := emptyDatabase(t)
	var group sync.WaitGroup
	ids := make([]string, 4)
	for i := range ids {
		group.Go(func() {
			s, err := Open(t.Context(), Options{DSN: dsn, LogID: testLog, Now: time.Now})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if ids[i], err = s.DatabaseID(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("the nodes see different databases: %q", ids)
		}
	}
}

// A COMMIT whose connection broke leaves the outcome unknown, and is not taken
// for a refusal; the next commit has a new connection.
func TestABrokenConnectionLeavesACommitUnknown(t *testing.T) {
	s := openBook(t, emptyDatabase(t))
	commit(t, s, 2, change(1))
	// The trigger ends the connection in the middle of the commit.
	raw(t, s, `CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF NEW.about = 'cut' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()`)
	c := change(5)
	c.Event.About = "cut"
	var p *ca.Problem
	_, err := s.Commit(context.Background(), []ca.Change{c}, 6)
	if err == nil || errors.Is(err, ca.ErrTaken) || errors.As(err, &p) {
		t.Fatalf("a broken commit gives %v", err)
	}
	commit(t, s, 7, change(6))
}

func TestAServerThatFallsSilentIsNoticed(t *testing.T) {
	s := openBook(t, emptyDatabase(t))
	for name, db := range map[string]*sql.DB{"writer": s.writer, "reader": s.reader} {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Raw(func(driver any) error {
			raw, err := driver.(*stdlib.Conn).Conn().PgConn().Conn().(*net.TCPConn).SyscallConn()
			if err != nil {
				return err
			}
			return raw.Control(func(fd uintptr) {
				if ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); err != nil || ms != int(silence.Milliseconds()) {
					t.Errorf("%s: silence is noticed after %d ms, %v", name, ms, err)
				}
			})
		})
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkPostgresCommit64(b *testing.B) {
	server, err := pgtest.Start()
	if err != nil {
		b.Skip(err)
	}
	benchmarkCommit(b, server.DSN("postgres"))
	if err := server.Stop(); err != nil {
		b.Error(err)
	}
}

// A plan that is kept for all values reads every name for a rare one.
func TestListsArePlannedForTheirValues(t *testing.T) {
	s := openBook(t, emptyDatabase(t))
	s.reader.SetMaxOpenConns(1)
	commit(t, s, 2, change(1, "a.lab.example"))
	f := ca.Filter{Search: "lab.ex", Now: testNow}
	for range 7 { // the server thinks about it after five
		found, err := s.Certificates(t.Context(), f)
		n, errCount := s.Count(t.Context(), f)
		events, errEvents := s.Events(t.Context(), ca.EventFilter{Actor: "uid:1000"})
		if len(found) != 1 || n != 1 || len(events) != 1 || errors.Join(err, errCount, errEvents) != nil {
			t.Fatal(len(found), n, len(events), err, errCount, errEvents)
		}
	}
	var kept int
	err := s.reader.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%LIKE%' OR statement LIKE '%event%'`).Scan(&kept)
	if err != nil || kept > 1 { // itself
		t.Errorf("the server keeps %d plans of lists: %v", kept, err)
	}
}
