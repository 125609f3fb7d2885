// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// startServer starts the one server of these tests.
var startServer = sync.OnceValues(Start)

func TestMain(m *testing.M) {
	code := m.Run()
	if s, err := startServer(); err == nil {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server gives the server, or fails the test where none is installed.
func server(t *testing.T) *Server {
	t.Helper()
	s, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// proxied gives connections to the server and to a proxy before it, and an empty
// table of one column.
func proxied(t *testing.T) (p *Proxy, through func() *pgx.Conn, direct *pgx.Conn) {
	t.Helper()
	s := server(t)
	var err error
	if p, err = NewProxy(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	dial := func(dsn string) *pgx.Conn {
		t.Helper()
		c, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			// One that was cut has nothing to say goodbye to.
			_ = c.Close(context.Background())
		})
		return c
	}
	direct = dial(s.DSN("postgres"))
	if _, err := direct.Exec(t.Context(), "DROP TABLE IF EXISTS t; CREATE TABLE t (n bigint)"); err != nil {
		t.Fatal(err)
	}
	return p, func() *pgx.Conn { return dial(p.DSN("postgres")) }, direct
}

// count waits until the table has n rows after something.
func count(t *testing.T, direct *pgx.Conn, want int, after string) {
	t.Helper()
	tick := time.Tick(time.Millisecond)
	for end := time.Now().Add(patience); ; <-tick {
		var n int
		if err := direct.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %d rows, want %d", after, n, want)
		}
	}
}

// once calls a function when the newest statement on the record is so, unless ctx ends before.
func once(ctx context.Context, p *Proxy, is func(Statement) bool, do func()) {
	for tick := time.Tick(time.Millisecond); ctx.Err() == nil; <-tick {
		if all := p.Record(); len(all) > 0 && is(all[len(all)-1]) {
			do()
			return
		}
	}
}

// A COMMIT meets each fate: what the client is told, and what the server did.
func TestAProxyDoesToAStatementWhatItIsTold(t *testing.T) {
	p, through, direct := proxied(t)
	rows := 0
	for name, c := range map[string]struct {
		fate    Fate
		arrives bool
		told    bool // by the time the client's patience ends
	}{
		"pass": {Pass, true, true}, "cut before": {CutBefore, false, false}, "cut within": {CutWithin, false, false},
		"cut after": {CutAfter, true, false}, "cut reply": {CutReply, true, false}, "reset": {ResetAfter, true, false},
		"never": {Never, true, false}, "late": {Late, true, true}, "overtaken": {Overtaken, true, false},
	} {
		p.Decide(nil)
		conn := through()
		p.Forget()
		p.Decide(func(s Statement) Fate {
			if s.Text == "commit" {
				return c.fate
			}
			return Pass
		})
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "INSERT INTO t VALUES ($1)", rows); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		committed := func(s Statement) bool { return s.Text == "commit" && s.Tag != "" }
		switch c.fate {
		case Never: // its patience ends once the server has said so: before, the row may not be there
			go once(ctx, p, committed, cancel)
		case Late:
			go once(ctx, p, committed, p.Release)
		}
		err = tx.Commit(ctx)
		cancel()
		if (err == nil) != c.told {
			t.Errorf("%s: COMMIT gives %v", name, err)
		}
		if c.fate == Overtaken {
			count(t, direct, rows, name)
			p.Release()
		}
		if c.arrives {
			rows++
		}
		count(t, direct, rows, name)
		record, last := p.Record(), Statement{}
		// A row is seen before the server has said so.
		for end := time.Now().Add(patience); ; record = p.Record() {
			if last = record[len(record)-1]; !c.arrives || last.Tag != "" || time.Now().After(end) {
				break
			}
		}
		if last.Text != "commit" || last.Fate != c.fate || last.Arrived != c.arrives || c.arrives && last.Tag != "COMMIT" {
			t.Errorf("%s: the record ends with %+v", name, last)
		}
		if made, run := record[1], record[2]; !made.Made || run.Made || run.Text != made.Text || run.Tag != "INSERT 0 1" || run.Values == made.Values {
			t.Errorf("%s: the record has %+v", name, record)
		}
	}
}

// The proof that a lost reply is seen as what it is: the driver runs a statement
// without a transaction and without parameters again when its reply is lost
// (pgx 5.9.2 to 5.12). If this fails, the driver got better; package store must do
// without such statements all the same.
func TestAStatementThatIsRunTwiceIsOnTheRecordTwice(t *testing.T) {
	p, _, direct := proxied(t)
	config, err := pgx.ParseConfig(p.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	lost := false
	p.Decide(func(s Statement) Fate {
		if s.Text == "INSERT INTO t VALUES (1)" && !lost {
			lost = true
			return CutAfter
		}
		return Pass
	})
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Error(err)
	}
	count(t, direct, 2, "run twice")
	seen := 0
	for _, s := range p.Record() {
		if s.Text == "INSERT INTO t VALUES (1)" && s.Tag == "INSERT 0 1" {
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("the record has %d runs of it, want 2", seen)
	}
}

func TestAClientThatAsksToCancelIsCounted(t *testing.T) {
	p, through, _ := proxied(t)
	conn := through()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go once(ctx, p, func(s Statement) bool { return strings.Contains(s.Text, "pg_sleep") && s.Arrived }, cancel)
	var none sql.NullString
	if err := conn.QueryRow(ctx, "SELECT pg_sleep(60)").Scan(&none); err == nil {
		t.Fatal("a query ran for a minute")
	}
	for end := time.Now().Add(patience); p.Cancels() != 1; {
		if time.Now().After(end) {
			t.Fatalf("%d requests to cancel, want 1", p.Cancels())
		}
	}
}
