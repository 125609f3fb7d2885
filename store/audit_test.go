// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// audited opens a book to be compared.
func audited(t *testing.T, dsn string) *Audit {
	t.Helper()
	a, err := OpenAudit(t.Context(), Options{DSN: dsn, LogID: testLog})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func bookOf(t *testing.T, a *Audit) audit.Book {
	t.Helper()
	b, err := a.Book(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// AU-06: each row comes once and in the order of the log, over several pages and
// beside a writer, whose later rows are left out.
func TestAU06_AnAuditReadsEachRowOnceAndInOrder(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		const n = 2*auditPage + 7
		s := openBook(t, dsn)
		for from := int64(0); from < n; from += MaxChanges {
			var rows []ca.Change
			for i := from; i < min(from+MaxChanges, n); i++ {
				rows = append(rows, change(2*i+2))
			}
			commit(t, s, 2*n+2, rows...)
		}
		a := audited(t, dsn)
		b := bookOf(t, a)
		commit(t, s, 2*n+9, change(2*n+8))
		if id, err := s.DatabaseID(t.Context()); err != nil || b.Database != id || b.Mark != 2*n+2 || b.Entered != 1 || b.LogNo != 1 || len(b.Others) != 0 || a.Engine() != s.Engine() {
			t.Errorf("the book is %+v", b)
		}
		i := int64(0)
		for r, err := range b.Certificates {
			i++
			want := change(2 * i).Certificate
			if err != nil || r.ID != want.ID || r.Kind != want.Kind || r.Issuer != want.IssuerKey || r.Serial != want.Serial || !bytes.Equal(r.DER, want.DER) {
				t.Fatalf("row %d is %+v, %v", i, r, err)
			}
		}
		events := int64(0)
		for r, err := range b.Events {
			events++
			if err != nil || r.ID != ca.NewID(1, 2*events) || string(r.Leaf) != `{"n":1}` {
				t.Fatalf("event %d is %+v, %v", events, r, err)
			}
		}
		if i != n || events != n {
			t.Errorf("%d rows and %d events of %d", i, events, n)
		}
		commit(t, s, 3*n, revoking(change(2), 3*n-2, 1, ca.Superseded), revoking(change(4), 3*n-1, 1, ca.KeyCompromise))
		i = 0
		for r, err := range bookOf(t, a).Revocations {
			i++
			want := revoking(change(2*i), 3*n-3+i, 1, ca.Superseded).Revocation
			if i == 2 {
				want.Reason = ca.KeyCompromise
			}
			step := audit.Step{Certificate: want.Certificate, Number: 1, Reason: want.Reason, By: want.By, At: want.At.UnixMilli()}
			if err != nil || r.ID != want.ID || r.Issuer != want.IssuerKey || r.Serial != want.Serial || r.Step != step {
				t.Errorf("revocation %d is %+v, %v", i, r, err)
			}
		}
		if i != 2 {
			t.Errorf("%d revocations of 2", i)
		}
		for range bookOf(t, a).Certificates {
			break // gives its connection back, or Close waits for ever
		}
	})
}

func TestAU06_AnAuditFindsRowsOfOtherLogs(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		commit(t, s, 9, change(4), change(8))
		raw(t, s, `INSERT INTO log (log_id, log_no, next) VALUES ('other', 3, 0)`,
			`INSERT INTO event SELECT id + 562949953421312, kind, actor, happened_at, about, leaf FROM event`,
			`INSERT INTO event SELECT id + 9007199254740992, kind, actor, happened_at, about, leaf FROM event WHERE id < 562949953421312`)
		b := bookOf(t, audited(t, dsn))
		want := []audit.OtherLog{{LogNo: 3, Log: "other", First: ca.NewID(3, 4)}, {LogNo: 33, First: ca.NewID(33, 4)}}
		if len(b.Others) != 2 || b.Others[0] != want[0] || b.Others[1] != want[1] {
			t.Errorf("others are %+v, want %+v", b.Others, want)
		}
		n := 0
		for range b.Events {
			n++
		}
		if n != 2 {
			t.Errorf("%d events of this log, want 2", n)
		}
	})
}

func TestAnAuditGivesTheErrorOfTheDatabase(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		commit(t, s, 5, change(4))
		ctx, cancel := context.WithCancel(t.Context())
		b, err := audited(t, dsn).Book(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for r, err := range b.Certificates {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("row %d, %v", r.ID, err)
			}
		}
	})
}

// What cannot be audited is named; nothing is made, changed or held.
func TestAnAuditLeavesTheBookAlone(t *testing.T) {
	dir := t.TempDir()
	refuses := func(o Options, code ca.Code) {
		t.Helper()
		var p *ca.Problem
		if _, err := OpenAudit(t.Context(), o); !errors.As(err, &p) || p.Code != code || p.Fix == "" {
			t.Errorf("%v, want %s", err, code)
		}
	}
	refuses(Options{DSN: filepath.Join(dir, "none")}, ca.E1201)
	refuses(Options{DSN: "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"}, ca.E1201)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it made %v, %v", left, err)
	}
	dsn := filepath.Join(dir, "book.db")
	s := openBook(t, dsn)
	commit(t, s, 5, change(4))
	if a, err := OpenAudit(t.Context(), Options{DSN: dsn, LogID: "ff"}); err != nil {
		t.Error(err)
	} else {
		var p *ca.Problem
		if _, err := a.Book(t.Context(), 1); !errors.As(err, &p) || p.Code != ca.E1405 {
			t.Errorf("another installation's log: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(dsn)
	if err != nil {
		t.Fatal(err)
	}
	a := audited(t, dsn)
	for _, err := range bookOf(t, a).Certificates {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := a.s.reader.ExecContext(t.Context(), `UPDATE log SET next = 0`); err == nil {
		t.Error("an audit can write")
	}
	again, err := Open(t.Context(), Options{DSN: dsn, LogID: testLog, Now: time.Now})
	if err != nil {
		t.Fatalf("an audit holds the book: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(dsn); err != nil || !bytes.Equal(before, after) {
		t.Errorf("an audit changed the book: %v", err)
	}
}
