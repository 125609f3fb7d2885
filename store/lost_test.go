// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/pgtest"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// proxied gives a new book and a proxy before its server.
func proxied(t *testing.T) (*Store, *pgtest.Proxy) {
	t.Helper()
	p, dsn := proxy(t, emptyDatabase(t))
	return openBook(t, dsn), p
}

// proxy puts a proxy before a database, and gives the way through it.
func proxy(t *testing.T, dsn string) (*pgtest.Proxy, string) {
	t.Helper()
	server, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pgtest.NewProxy(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	name := dsn[strings.LastIndex(dsn, "/")+1 : strings.LastIndex(dsn, "?")]
	return p, p.DSN(name)
}

// nth gives a fate to the nth statement from now on that fits, once.
func nth(n int, fate pgtest.Fate, fits func(pgtest.Statement) bool) func(pgtest.Statement) pgtest.Fate {
	return func(s pgtest.Statement) pgtest.Fate {
		if !fits(s) {
			return pgtest.Pass
		}
		if n--; n != -1 {
			return pgtest.Pass
		}
		return fate
	}
}

func anything(pgtest.Statement) bool { return true }

func isCommit(s pgtest.Statement) bool { return s.Text == "commit" }

// writes are the statements that change something; goose's lock is none of them.
var writes = regexp.MustCompile(`(?i)^\s*(--.*\n\s*)*(insert|update|delete|create|alter|drop)\b`)

// checkWrites holds the record of a proxy to the rule: each write stands in a
// transaction of its connection, no connection goes on after a statement whose
// reply was lost, and no transaction that the server committed has a statement of
// another.
func checkWrites(t *testing.T, record []pgtest.Statement) {
	t.Helper()
	type run struct {
		text   string
		values [32]byte
	}
	var (
		open      = map[int][]run{}
		lost      = map[int]bool{}
		committed = map[run]int{}
	)
	for _, s := range record {
		words := strings.Fields(strings.ToLower(s.Text))
		if s.Made || !s.Arrived || len(words) == 0 { // such as a prepared statement that is closed
			continue
		}
		if lost[s.Conn] {
			t.Errorf("connection %d goes on after a lost reply: %s", s.Conn, s.Text)
		}
		lost[s.Conn] = s.Fate != pgtest.Pass && s.Fate != pgtest.Late
		switch word := words[0]; {
		case word == "begin":
			open[s.Conn] = []run{}
		case word == "rollback":
			delete(open, s.Conn)
		case word == "commit":
			if s.Tag == "COMMIT" {
				for _, r := range open[s.Conn] {
					committed[r]++
				}
			}
			delete(open, s.Conn)
		case writes.MatchString(s.Text):
			if open[s.Conn] == nil {
				t.Errorf("outside a transaction: %s", s.Text)
			}
			open[s.Conn] = append(open[s.Conn], run{s.Text, s.Values})
		}
	}
	for r, n := range committed {
		// An UPDATE of the mark may well say the same again.
		if n > 1 && strings.HasPrefix(strings.ToUpper(r.text), "INSERT") {
			t.Errorf("committed %d times: %s", n, r.text)
		}
	}
}

// fates are all ways to lose a statement or its reply.
var fates = map[string]pgtest.Fate{
	"cut before": pgtest.CutBefore, "cut within": pgtest.CutWithin, "cut after": pgtest.CutAfter,
	"cut reply": pgtest.CutReply, "reset": pgtest.ResetAfter,
}

// FT-07: whichever statement of a commit is lost, on its way or on the way back,
// nothing of that commit reaches the server again, and what stands is all of it or
// nothing: all only if COMMIT arrived.
func TestFT07_AStatementWhoseReplyIsLostIsNeverRunTwice(t *testing.T) {
	t.Parallel()
	s, p := proxied(t)
	leaf, tried := int64(2), 0
	for name, fate := range fates {
		for at := 0; ; at++ {
			commit(t, s, leaf) // so that the line stands
			c := change(leaf, fmt.Sprintf("host%d.lab.example", leaf))
			c.Request.Key = fmt.Sprint("k", leaf)
			p.Forget()
			p.Decide(nth(at, fate, anything))
			_, err := s.Commit(t.Context(), []ca.Change{c}, leaf)
			p.Decide(nil)
			record := p.Record()
			hit := slices.IndexFunc(record, func(s pgtest.Statement) bool { return s.Fate == fate })
			if hit < 0 {
				if err != nil {
					t.Fatalf("%s: nothing was lost, and the commit gives %v", name, err)
				}
				break
			}
			tried++
			what := record[hit]
			var problem *ca.Problem
			if err == nil || errors.Is(err, ca.ErrTaken) || errors.As(err, &problem) {
				t.Errorf("%s at %q: the commit gives %v", name, what.Text, err)
			}
			if len(record) > hit+1 {
				t.Errorf("%s at %q: then came %q", name, what.Text, record[hit+1].Text)
			}
			checkWrites(t, record)
			_, stands, err := s.Serial(t.Context(), c.Certificate.IssuerKey, c.Certificate.Serial)
			if want := what.Text == "commit" && what.Arrived; err != nil || stands != want {
				t.Errorf("%s at %q: the row stands: %v, %v; want %v", name, what.Text, stands, err, want)
			}
			leaf++
		}
		leaf++
	}
	if n := p.Cancels(); n != 0 {
		t.Errorf("the driver asked the server %d times to cancel a commit", n)
	}
	t.Logf("%d losses", tried)
	if tried < len(fates)*8 {
		t.Errorf("only %d losses were tried", tried)
	}
}

// FT-07: also while the book is made: whatever is lost, the next Open completes it.
func TestFT07_ABookCanBeMadeAfterAnyLoss(t *testing.T) {
	t.Parallel()
	p, dsn := proxy(t, emptyDatabase(t))
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	step, all := 5, []pgtest.Fate{pgtest.CutBefore, pgtest.CutAfter}
	if os.Getenv("CHANCERY_SOAK") == "1" {
		step, all = 1, slices.Collect(maps.Values(fates))
	}
	tried := 0
	for _, fate := range all {
		for at, hit := 0, true; hit; at += step {
			// A schema is made faster than a database.
			schema := fmt.Sprintf("s%d_%d", fate, at)
			if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
				t.Fatal(err)
			}
			o := Options{DSN: dsn + "&search_path=" + schema, LogID: testLog, Now: time.Now}
			p.Forget()
			p.Decide(nth(at, fate, anything))
			s, err := Open(t.Context(), o)
			p.Decide(nil)
			hit = slices.ContainsFunc(p.Record(), func(s pgtest.Statement) bool { return s.Fate == fate })
			if err != nil {
				if s, err = Open(t.Context(), o); err != nil {
					t.Fatalf("after statement %d was lost: %v", at, err)
				}
			}
			checkWrites(t, p.Record())
			commit(t, s, 2, change(1))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			tried++
		}
	}
	t.Logf("%d losses", tried)
}

// PG-03: neither the caller's context nor a server that never answers has a COMMIT
// cancelled; the socket is closed, and the outcome is unknown.
func TestPG03_ACommitThatIsNotAnsweredEndsWithItsSocketAlone(t *testing.T) {
	s, p := proxied(t)
	commit(t, s, 1)
	p.Forget()
	s.wait = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	p.Decide(func(st pgtest.Statement) pgtest.Fate {
		if isCommit(st) {
			cancel()
			return pgtest.Never
		}
		return pgtest.Pass
	})
	_, err := s.Commit(ctx, []ca.Change{change(1)}, 2)
	if err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("a commit without an answer gives %v", err)
	}
	p.Decide(nil)
	s.wait = commitWait
	if _, err := s.Commit(t.Context(), []ca.Change{change(1)}, 2); !errors.Is(err, ca.ErrTaken) {
		t.Errorf("it was committed, and committing it again gives %v", err)
	}
	if n := p.Cancels(); n != 0 {
		t.Errorf("the driver asked the server %d times to cancel a commit", n)
	}
}

// FT-07: a late COMMIT and the VOID row exclude each other, whichever comes first.
func TestFT07_ALateCommitAndTheVoidRowExcludeEachOther(t *testing.T) {
	overtaken := func(t *testing.T, option string) (late *Store, p *pgtest.Proxy, settles *Store) {
		dsn := emptyDatabase(t)
		p, through := proxy(t, dsn)
		late, settles = openBook(t, through+option), openBook(t, dsn)
		commit(t, late, 1)
		p.Decide(nth(0, pgtest.Overtaken, isCommit))
		if _, err := late.Commit(t.Context(), []ca.Change{change(1, "a.example")}, 2); err == nil {
			t.Fatal("a commit without an answer gives no error")
		}
		return late, p, settles
	}
	row := func(t *testing.T, s *Store) (ca.CertificateKind, bool) {
		t.Helper()
		c, ok, err := s.Serial(t.Context(), change(1).Certificate.IssuerKey, change(1).Certificate.Serial)
		if err != nil {
			t.Error(err)
		}
		return c.Kind, ok
	}
	t.Run("the COMMIT comes while the VOID waits for it", func(t *testing.T) {
		_, p, settles := overtaken(t, "")
		if _, ok := row(t, settles); ok {
			t.Error("a look-up sees what is not committed")
		}
		done := make(chan error, 1)
		go func() {
			_, err := settles.Commit(context.Background(), []ca.Change{void(1, "a.example")}, 2)
			done <- err
		}()
		waitForLock(t, settles)
		select {
		case err := <-done:
			t.Fatalf("the VOID did not wait for the transaction under way: %v", err)
		default:
		}
		p.Release()
		if err := <-done; !errors.Is(err, ca.ErrTaken) {
			t.Errorf("the VOID gives %v", err)
		}
		if kind, ok := row(t, settles); !ok || kind != ca.EndEntity {
			t.Errorf("the row is %q, %v", kind, ok)
		}
	})
	t.Run("the COMMIT never comes", func(t *testing.T) {
		// The server ends the transaction that nobody goes on with.
		_, _, settles := overtaken(t, "&"+idleEnd+"=200")
		commit(t, settles, 2, void(1, "a.example"))
		if kind, ok := row(t, settles); !ok || kind != ca.Void {
			t.Errorf("the row is %q, %v", kind, ok)
		}
	})
	t.Run("the VOID is first", func(t *testing.T) {
		s, _ := proxied(t)
		commit(t, s, 2, void(1, "a.example"))
		if _, err := s.Commit(t.Context(), []ca.Change{change(1, "a.example")}, 2); !errors.Is(err, ca.ErrTaken) {
			t.Errorf("the certificate after its VOID gives %v", err)
		}
		if kind, _ := row(t, s); kind != ca.Void {
			t.Errorf("the row is %q", kind)
		}
	})
}

// waitForLock waits until somebody in the book's database waits for a transaction.
func waitForLock(t *testing.T, s *Store) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		var n int
		err := s.reader.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nobody waits for a lock")
		}
	}
}

// PG-03, FT-07: the standby is absent. A COMMIT that waits for it is unknown when
// the time is over, or an operator ends the wait, and it arrives when the standby
// comes back.
func TestPG03_WithoutItsStandbyACommitIsUnknown(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start() // of its own: the setting holds up every commit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	p, err := pgtest.NewProxy(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	s := openBook(t, p.DSN("postgres"))
	commit(t, s, 1)
	admin, err := sql.Open("pgx", server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	standby := func(name string) {
		t.Helper()
		for _, text := range []string{"SET synchronous_commit = local", "ALTER SYSTEM SET synchronous_standby_names = '" + name + "'", "SELECT pg_reload_conf()"} {
			if _, err := admin.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		// The server takes the setting in when it comes round to it.
		for end := time.Now().Add(patience); (name != "") == quick(t, server.DSN("postgres")); {
			if time.Now().After(end) {
				t.Fatal("the server does not take the standby's name")
			}
		}
	}
	admin.SetMaxOpenConns(1)
	stands := func(n int64) bool {
		t.Helper()
		_, ok, err := s.Serial(t.Context(), change(n).Certificate.IssuerKey, change(n).Certificate.Serial)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	waiting := func() (pid int) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			err := admin.QueryRowContext(t.Context(), "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'chancery'").Scan(&pid)
			if err == nil {
				return pid
			}
			if !errors.Is(err, sql.ErrNoRows) || time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
	unknown := func(err error) {
		t.Helper()
		if err == nil || errors.Is(err, ca.ErrTaken) || !strings.Contains(err.Error(), "unknown") {
			t.Errorf("the commit gives %v", err)
		}
	}
	standby("absent")
	// Long enough that a busy machine comes to the COMMIT, which then waits for ever.
	s.wait = 2 * time.Second
	_, err = s.Commit(t.Context(), []ca.Change{change(1)}, 2)
	unknown(err)
	waiting()
	if stands(1) {
		t.Error("a row is seen that waits for its standby: something ended the wait")
	}
	if n := p.Cancels(); n != 0 {
		t.Errorf("the driver asked the server %d times to cancel a commit", n)
	}
	// The VOID cannot pass it, and is unknown as well.
	_, err = s.Commit(t.Context(), []ca.Change{void(1)}, 2)
	if err == nil || errors.Is(err, ca.ErrTaken) {
		t.Errorf("the VOID of a COMMIT under way gives %v", err)
	}
	standby("")
	for end := time.Now().Add(patience); !stands(1); {
		if time.Now().After(end) {
			t.Fatal("the late commit did not arrive")
		}
	}
	s.wait = commitWait
	if _, err = s.Commit(t.Context(), []ca.Change{void(1)}, 2); !errors.Is(err, ca.ErrTaken) {
		t.Errorf("the VOID of what was committed late gives %v", err)
	}
	for n, end := range map[int64]string{3: "SELECT pg_cancel_backend($1)", 4: "SELECT pg_terminate_backend($1)"} {
		standby("absent")
		done := make(chan error, 1)
		go func() {
			_, err := s.Commit(context.Background(), []ca.Change{change(n)}, 2)
			done <- err
		}()
		pid := waiting()
		if _, err := admin.ExecContext(t.Context(), end, pid); err != nil {
			t.Fatal(err)
		}
		err := <-done
		unknown(err)
		t.Log(err)
		standby("")
		if !stands(n) {
			t.Error("the row is not there, and the server said it was committed")
		}
	}
}

// quick tells whether a commit is answered at once. If not, it is given up.
func quick(t *testing.T, dsn string) bool {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var at string
	err = db.QueryRowContext(ctx, "SELECT pg_logical_emit_message(true, 'test', 'test')").Scan(&at)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return err == nil
}
