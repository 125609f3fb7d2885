// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"chancery/ca"
)

func TestACommittedRowComesBackAsItWas(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		c := change(4, "nas.lab.example", "www.lab.example")
		c.Certificate.Undelivered = true
		v := void(5, "gone.lab.example")
		founded := change(6)
		founded.Request, founded.Certificate.Request, founded.Certificate.Kind, founded.Certificate.Common = nil, "", ca.CACertificate, "Lab Root"
		founded.Certificate.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		commit(t, s, 7, c, v, founded)
		for _, want := range []ca.Change{c, v, founded} {
			got, ok, err := s.Serial(t.Context(), want.Certificate.IssuerKey, want.Certificate.Serial)
			if err != nil || !ok || !reflect.DeepEqual(got, *want.Certificate) {
				t.Errorf("serial: %v %v\n got %+v\nwant %+v", ok, err, got, *want.Certificate)
			}
			if want.Request == nil {
				continue
			}
			if got, err = s.ByRequest(t.Context(), want.Request.ID); err != nil || !reflect.DeepEqual(got, *want.Certificate) {
				t.Errorf("by request: %v\n got %+v\nwant %+v", err, got, *want.Certificate)
			}
		}
		if mark, err := s.Mark(t.Context()); err != nil || mark != 7 {
			t.Errorf("mark %d, %v; want 7", mark, err)
		}
		var p *ca.Problem
		if _, err := s.ByRequest(t.Context(), "nobody"); !errors.As(err, &p) || p.Kind != ca.NotFoundKind {
			t.Errorf("an unknown request gives %v, want a Problem of kind NotFound", err)
		}
	})
}

// SN-02: unique by (issuer_key, serial), void rows included.
func TestSN02_ATakenPlaceRefusesTheWholeCommit(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		commit(t, s, 5, void(4, "a.example"))
		sameSerial, sameRequest, sameID := change(9, "b.example"), change(9, "b.example"), change(9, "b.example")
		sameSerial.Certificate.Serial = void(4).Certificate.Serial
		sameRequest.Certificate.Request, sameRequest.Request.ID = void(4).Request.ID, void(4).Request.ID
		sameID.Certificate.ID = ca.NewID(1, 4)
		onlyEvent := ca.Change{Event: void(4).Event}
		for name, c := range map[string]ca.Change{"serial": sameSerial, "request": sameRequest, "id": sameID, "event": onlyEvent, "all": change(4)} {
			lost, err := s.Commit(t.Context(), []ca.Change{change(8, "first.example"), c}, 10)
			if !errors.Is(err, ca.ErrTaken) || lost != nil {
				t.Errorf("same %s: %v, %v; want ErrTaken", name, lost, err)
			}
			if mark, err := s.Mark(t.Context()); err != nil || mark != 5 {
				t.Errorf("same %s: the mark is %d, %v; want 5", name, mark, err)
			}
			if found, err := s.Find(t.Context(), "first.example", ""); err != nil || len(found) != 0 {
				t.Errorf("same %s: half of the commit stands: %v %v", name, found, err)
			}
		}
		commit(t, s, 10, change(8, "first.example"))
	})
}

func TestAnIdempotencyKeyIsTheFirstOnesForADay(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		now := testNow
		s := openAt(t, dsn, func() time.Time { return now })
		keyed := func(c ca.Change) ca.Change {
			c.Request.Key, c.Request.At = "k1", now
			return c
		}
		leadsTo := func(want int64) {
			t.Helper()
			q, got, err := s.Repeated(t.Context(), ca.DoorCLI, "uid:1000", "k1")
			if err != nil || (q != nil) != (want > 0) || got.ID.Index() != want {
				t.Errorf("the key leads to %d, %v, %v; want %d", got.ID.Index(), q, err, want)
			}
			if asked := change(want, "a.example").Request; q != nil && (q.ID != asked.ID || q.Key != "k1" || !q.At.Equal(now.Truncate(time.Millisecond)) ||
				!q.Same(ca.Request{Profile: asked.Profile, CSR: asked.CSR, NotAfter: asked.NotAfter})) {
				t.Errorf("the key stood for %+v, want %+v", q, asked)
			}
		}
		commit(t, s, 2, keyed(void(1, "a.example")))
		leadsTo(0)
		second := keyed(change(3, "a.example"))
		lost, err := s.Commit(t.Context(), []ca.Change{keyed(change(2, "a.example")), second}, 4)
		if err != nil || !reflect.DeepEqual(lost, []ca.RequestID{second.Request.ID}) {
			t.Fatalf("lost %v, %v; want %v", lost, err, second.Request.ID)
		}
		leadsTo(2)
		if _, err := s.ByRequest(t.Context(), second.Request.ID); err != nil {
			t.Errorf("the loser's certificate is not in the book: %v", err)
		}
		if q, _, _ := s.Repeated(t.Context(), ca.DoorAPI, "uid:1000", "k1"); q != nil {
			t.Error("the key leads somewhere at another door")
		}
		now = now.Add(keyLife)
		leadsTo(0)
		commit(t, s, 5, keyed(change(4, "a.example")))
		leadsTo(4)
	})
}

func TestTheMarkNeverGoesBackAndTheLogKeepsItsNumber(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		if mark, err := s.Mark(t.Context()); err != nil || mark != 0 {
			t.Fatalf("a new book has mark %d, %v", mark, err)
		}
		commit(t, s, 0)
		commit(t, s, 5, change(4))
		commit(t, s, 5)
		commit(t, s, 9)
		if _, err := s.Commit(t.Context(), nil, 8); err == nil || errors.Is(err, ca.ErrTaken) {
			t.Errorf("the mark went back: %v", err)
		}
		other := change(10)
		other.Event.ID, other.Certificate.ID = ca.NewID(2, 10), ca.NewID(2, 10)
		if _, err := s.Commit(t.Context(), []ca.Change{other}, 11); err == nil || errors.Is(err, ca.ErrTaken) {
			t.Errorf("a row of another log number was taken: %v", err)
		}
		if _, err := s.Commit(t.Context(), []ca.Change{change(11), other}, 12); err == nil {
			t.Error("rows of two logs were taken at once")
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Commit(cancelled, nil, 20); !errors.Is(err, context.Canceled) {
			t.Errorf("a commit began after its caller gave up: %v", err)
		}
		if mark, err := s.Mark(t.Context()); err != nil || mark != 9 {
			t.Errorf("mark %d, %v; want 9", mark, err)
		}
	})
}

// A generation is one row for all its life, which stands at the leaf that founded it
// and says what the newest leaf says, whatever somebody else has written into it.
func TestAnAuthorityIsOneRowAsTheNewestLeafHasIt(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		root := ca.Authority{
			Name: "root-g1", Line: "root", Kind: ca.Root, State: ca.Active, Parent: "root-g1", Key: ca.Digest{1}, KeyType: "ecdsa-p384",
			Certificate: []byte{1}, Subject: []byte{2}, SPKI: []byte{3}, SKI: []byte{4}, NotBefore: testNow, NotAfter: testNow.Add(time.Hour), CRL: "http://a/c", Issuer: "http://a/i", Shards: 1,
		}
		issuing := root
		issuing.Name, issuing.Line, issuing.Kind, issuing.State, issuing.Key, issuing.Use = "issuing-g1", "issuing", ca.Issuing, ca.Standby, ca.Digest{2}, []string{"server"}
		write := func(n int64, a ca.Authority) error {
			_, err := s.Commit(t.Context(), []ca.Change{{Authority: &a, Event: ca.Event{ID: ca.NewID(1, n), Kind: "authority", At: testNow}}}, n)
			return err
		}
		if err := errors.Join(write(3, root), write(5, issuing)); err != nil {
			t.Fatal(err)
		}
		issuing.State, issuing.Version = ca.Active, 2
		if err := write(6, issuing); err != nil {
			t.Fatal(err)
		}
		root.Version, root.Certificate, root.Earlier, root.Hash, root.AKI = 2, []byte{9}, [][]byte{{1}}, ca.SHA384, ca.AKIIssuer
		root.Cross = []ca.CrossCertificate{{By: "other", Certificate: []byte{7}}}
		if err := write(8, root); err != nil {
			t.Fatal(err)
		}
		raw(t, s, "UPDATE authority SET issuer_key = (SELECT issuer_key FROM authority WHERE name = 'root-g1'), document = 'x' WHERE name = 'issuing-g1'")
		if rows, err := s.Authorities(t.Context()); err != nil || len(rows) != 2 || rows[1].Name != "issuing-g1" || rows[1].Fault == nil {
			t.Errorf("a row that cannot be read: %+v, %v", rows, err)
		}
		if err := write(9, issuing); err != nil {
			t.Errorf("a row with another key was not put right: %v", err)
		}
		rows, err := s.Authorities(t.Context())
		if err != nil || len(rows) != 2 || !rows[0].Same(root) || !rows[1].Same(issuing) {
			t.Errorf("authorities: %v\n got %+v\nwant %+v", err, rows, []ca.Authority{root, issuing})
		}
		for name, leaf := range map[string]int64{"root-g1": 3, "issuing-g1": 5} {
			var id int64
			if err := s.writer.QueryRowContext(t.Context(), "SELECT id FROM authority WHERE name = $1", name).Scan(&id); err != nil || ca.ID(id) != ca.NewID(1, leaf) {
				t.Errorf("%s stands at leaf %d, %v; want %d", name, ca.ID(id).Index(), err, leaf)
			}
		}
	})
}

// IS-08: rows are never changed, whoever tries.
func TestIS08_RowsCannotBeChangedOrDeleted(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one := change(4, "a.example")
		commit(t, s, 5, one)
		commit(t, s, 6, revoking(one, 5, 1, ca.Superseded))
		for _, text := range []string{
			`UPDATE revocation SET reason = 0`, `DELETE FROM revocation`,
			`UPDATE certificate SET kind = 'void'`, `DELETE FROM certificate`, `UPDATE event SET kind = 'x'`, `DELETE FROM event`,
			`UPDATE request SET door = 'x'`, `DELETE FROM request`, `UPDATE name SET value = 'x'`, `DELETE FROM name`,
		} {
			tx, err := s.writer.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), text); err == nil {
				t.Errorf("done: %s", text)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.reader.ExecContext(t.Context(), insertLog, "x"); err == nil {
			t.Error("a reading connection wrote")
		}
	})
}
