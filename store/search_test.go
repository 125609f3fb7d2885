// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"chancery/ca"
)

// R133: a part of a name or of an e-mail address finds the certificate, whatever the part is.
func TestR133_APartOfANameFindsIt(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		rows := []ca.Change{
			change(1, "mqtt-02.lab.example"), change(2, "www.lab.example", "mqtt-02.lab.example"), change(3, "a_b.lab.example"), change(4, "a%b.lab.example"),
			change(5, "a*b[c]?.lab.example"), change(6, "axb.lab.example"), change(7, "NAS.lab.example"),
		}
		rows[1].Certificate.Names = append(rows[1].Certificate.Names, ca.Name{Type: ca.Email, Value: "Amira@lab.example"})
		rows[6].Certificate.Common = "Büro Süd"
		commit(t, s, 8, rows...)
		for part, want := range map[string][]int64{
			"mqtt": {2, 1}, "QTT-0": {2, 1}, "tt-02.lab": {2, 1}, "amira@": {2}, "mira@lab.ex": {2}, "a_b": {3}, "a%b": {4}, "*b[": nil, "b[c]?": {5}, "axb": {6}, "nas": {7},
			"lab.example": {7, 6, 5, 4, 3, 2, 1}, "dns": {}, "type": {}, "zzz": {}, "'; --": {},
		} {
			for _, f := range []ca.Filter{{Search: part}, {Name: "*" + part + "*"}} {
				found, err := s.Certificates(t.Context(), f)
				if want == nil { // a star within a part means nothing
					var p *ca.Problem
					if !errors.As(err, &p) || p.Code != ca.E1401 {
						t.Errorf("%+v gives %v, %v", f, indexes(found), err)
					}
					continue
				}
				if err != nil || !reflect.DeepEqual(indexes(found), want) {
					t.Errorf("%+v finds %v, %v; want %v", f, indexes(found), err, want)
				}
			}
		}
		// What came after the last search is found by the next one, page by page.
		commit(t, s, 10, change(8, "mqtt-03.lab.example"))
		first, err := s.Certificates(t.Context(), ca.Filter{Search: "mqtt", Limit: 2})
		if err != nil || !reflect.DeepEqual(indexes(first), []int64{8, 2}) {
			t.Errorf("%v %v", indexes(first), err)
		}
		next, err := s.Certificates(t.Context(), ca.Filter{Search: "mqtt", Limit: 2, After: first[1].ID})
		if err != nil || !reflect.DeepEqual(indexes(next), []int64{1}) {
			t.Errorf("%v %v", indexes(next), err)
		}
		if n, err := s.Count(t.Context(), ca.Filter{Search: "mqtt", Profile: "server"}); n != 3 || err != nil {
			t.Errorf("%d are counted: %v", n, err)
		}
	})
}

func TestPatternsThatNoIndexAnswersAreRefused(t *testing.T) {
	s := openBook(t, t.TempDir()+"/book.db")
	for _, f := range []ca.Filter{
		{Search: "ab"}, {Name: "*"}, {Name: "**"}, {Name: "*ab*"}, {Name: "a*b"}, {Name: "*lab.example"}, {Name: "*.a*b"}, {Name: "a*b*"}, {Search: "a*b"},
		{Search: "abc", Name: "abc"}, {Search: "abc", Sort: "name"}, {Name: "*abc*", Sort: "expiry"},
	} {
		var p *ca.Problem
		if _, err := s.Certificates(t.Context(), f); !errors.As(err, &p) || p.Code != ca.E1401 {
			t.Errorf("%+v gives %v", f, err)
		}
	}
}

// Each order has each row once, whatever the length of its pages.
func TestPagesOfEachOrderFollowEachOther(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		var rows []ca.Change
		for n := range int64(9) {
			one := change(n+1, string(rune('a'+(n*5)%9))+".lab.example")
			one.Certificate.NotBefore = testNow.Add(-100 * time.Hour)
			one.Certificate.NotAfter = testNow.Add(time.Duration((n*7)%4) * time.Hour) // many end at once
			one.Certificate.IssuedAt = testNow.Add(time.Duration((n*4)%3) * time.Hour)
			rows = append(rows, one)
		}
		rows[4].Certificate.Common = ""
		commit(t, s, 10, append(rows, void(11, "v.lab.example"))...)
		for name, f := range map[string]ca.Filter{"newest": {}, "expiry": {Sort: "expiry"}, "name": {Sort: "name"}, "issued": {IssuedSince: testNow.Add(time.Hour)}, "expired": {Status: "expired", Now: testNow.Add(2 * time.Hour)}, "expiring": {Status: "expiring", Now: testNow}} {
			whole := f
			whole.Limit = 500
			all, err := s.Certificates(t.Context(), whole)
			if n, _ := s.Count(t.Context(), f); err != nil || n != int64(len(all)) || n == 0 {
				t.Errorf("%s: %d counted, %d listed, %v", name, n, len(all), err)
			}
			if !slices.IsSortedFunc(all, func(a, b ca.Certificate) int {
				switch name {
				case "expired":
					return b.NotAfter.Compare(a.NotAfter)
				case "expiry", "expiring":
					return a.NotAfter.Compare(b.NotAfter)
				case "name":
					return slices.Compare([]string{a.Common}, []string{b.Common})
				case "issued":
					return b.IssuedAt.Compare(a.IssuedAt)
				}
				return int(b.ID - a.ID)
			}) {
				t.Errorf("%s gives %v", name, indexes(all))
			}
			for _, limit := range []int{1, 2, 4} {
				var paged []ca.Certificate
				for f.Limit, f.After = limit, 0; len(paged) < 20; f.After = paged[len(paged)-1].ID {
					page, err := s.Certificates(t.Context(), f)
					if err != nil {
						t.Fatal(err)
					}
					if paged = append(paged, page...); len(page) < limit {
						break
					}
				}
				if !reflect.DeepEqual(indexes(paged), indexes(all)) {
					t.Errorf("%s by %d: %v, want %v", name, limit, indexes(paged), indexes(all))
				}
			}
		}
		var p *ca.Problem
		if _, err := s.Certificates(t.Context(), ca.Filter{Sort: "name", After: 7}); !errors.As(err, &p) || p.Field != "cursor" {
			t.Errorf("a cursor of nobody's: %v", err)
		}
	})
}

func TestRequestsAndEventsAreRead(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one := change(1, "a.lab.example")
		refused := ca.Change{Event: ca.Event{ID: ca.NewID(1, 2), Kind: "refused", By: "uid:7", At: testNow.Add(time.Hour), About: "E2107", Leaf: []byte("leaf")}}
		byToken := ca.Change{Event: ca.Event{ID: ca.NewID(1, 4), Kind: "revoked", By: "uid:7 token 0123456789abcdef", At: testNow, About: "x", Leaf: []byte("leaf")}}
		another := ca.Change{Event: ca.Event{ID: ca.NewID(1, 5), Kind: "revoked", By: "uid:77", At: testNow, About: "x", Leaf: []byte("leaf")}}
		three := change(3, "c.lab.example")
		three.Event.By += " token 0123456789abcdef"
		commit(t, s, 6, one, refused, three, byToken, another)
		a, ok, err := s.Request(t.Context(), one.Request.ID)
		if err != nil || !ok || a.Request.From.ID != "uid:1000" || a.Certificate.Serial != one.Certificate.Serial || !a.Request.At.Equal(testNow) {
			t.Errorf("%+v %v %v", a, ok, err)
		}
		if _, ok, err := s.Request(t.Context(), "none"); ok || err != nil {
			t.Errorf("a request that never was: %v %v", ok, err)
		}
		for name, c := range map[string]struct {
			f    ca.EventFilter
			want []int64
		}{
			"all": {ca.EventFilter{}, []int64{5, 4, 3, 2, 1}}, "issued by a credential": {ca.EventFilter{Actor: "uid:1000 token 0123456789abcdef"}, []int64{3}}, "page": {ca.EventFilter{After: ca.NewID(1, 2)}, []int64{1}}, "kind": {ca.EventFilter{Kind: "refused"}, []int64{2}},
			"actor": {ca.EventFilter{Actor: "uid:7"}, []int64{4, 2}}, "credential": {ca.EventFilter{Actor: "uid:7 token 0123456789abcdef"}, []int64{4}}, "since": {ca.EventFilter{Since: testNow.Add(time.Hour)}, []int64{2}}, "none": {ca.EventFilter{Kind: "refused", Actor: "uid:8"}, nil},
			"owner": {ca.EventFilter{Actor: "uid:1000"}, []int64{3, 1}}, "issued to": {ca.EventFilter{Kind: "issued", Actor: "uid:1000"}, []int64{3, 1}}, "issued to nobody": {ca.EventFilter{Kind: "issued", Actor: "uid:7"}, nil},
			"since then": {ca.EventFilter{Since: testNow}, []int64{5, 4, 3, 2, 1}}, "its page": {ca.EventFilter{Since: testNow, Limit: 2}, []int64{5, 4}}, "its next": {ca.EventFilter{Since: testNow, After: ca.NewID(1, 4), Limit: 2}, []int64{3, 2}},
			"issued since": {ca.EventFilter{Kind: "issued", Since: testNow}, []int64{3, 1}}, "actor since": {ca.EventFilter{Actor: "uid:7", Since: testNow.Add(time.Second)}, []int64{2}}, "owner since": {ca.EventFilter{Actor: "uid:1000", Since: testNow.Add(time.Second)}, nil},
		} {
			got, err := s.Events(t.Context(), c.f)
			var have []int64
			for _, e := range got {
				have = append(have, e.ID.Index())
			}
			if err != nil || !reflect.DeepEqual(have, c.want) {
				t.Errorf("%s: %v %v", name, have, err)
			}
		}
	})
}

// A statement that a trigger follows keeps a copy of each page it changes, so no insert of a
// commit has one.
func TestNoTriggerFollowsAnInsert(t *testing.T) {
	s := openBook(t, t.TempDir()+"/book.db")
	var triggers string
	err := s.reader.QueryRowContext(t.Context(), `SELECT COALESCE(group_concat(name), '') FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%INSERT ON%'`).Scan(&triggers)
	if err != nil || triggers != "" {
		t.Errorf("inserts pull %s: %v", triggers, err)
	}
}

// A book of the version that noted new certificates by a trigger loses none of them.
func TestWhatATriggerNotedIsTakenInAfterAnUpdate(t *testing.T) {
	path := t.TempDir() + "/book.db"
	old := &Store{logID: testLog, wait: commitWait, keeper: newKeeper(0)}
	if err := old.openSQLite(path, Place{}); err != nil {
		t.Fatal(err)
	}
	p, _, err := old.provider(old.writer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 11); err != nil {
		t.Fatal(err)
	}
	raw(t, old, `INSERT INTO certificate VALUES (281474976710657, 'end-entity', zeroblob(32), '41', '41', 'a', NULL, 'server', zeroblob(32), 'uid:1', 'cli', '[]', 'old.lab.example', zeroblob(32), 'k', 0, 0, 0, x'30', FALSE)`)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := openBook(t, path)
	commit(t, s, 3, change(2, "new.lab.example"))
	found, err := s.Certificates(t.Context(), ca.Filter{Search: "lab.ex"})
	if err != nil || !reflect.DeepEqual(indexes(found), []int64{2, 1}) {
		t.Errorf("%v %v", indexes(found), err)
	}
}

// Names are taken in while nobody commits, without a search.
func TestNamesAreTakenInDuringPauses(t *testing.T) {
	s := openBook(t, t.TempDir()+"/book.db")
	commit(t, s, 2, change(1, "a.lab.example"))
	left := func() (n int) {
		if err := s.reader.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM name_pending`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := s.pause(t.Context()); err != nil || left() != 1 {
		t.Errorf("right after a commit: %d wait, %v", left(), err)
	}
	if err := s.pause(t.Context()); err != nil || left() != 0 {
		t.Errorf("in a pause: %d wait, %v", left(), err)
	}
}

// Below a suffix that very many have, the same is found.
func TestACrowdBelowASuffixIsListedAlike(t *testing.T) {
	s := openBook(t, t.TempDir()+"/book.db")
	commit(t, s, 9, change(1, "a.lab.example"), change(2, "lab.example"), change(3, "b.xlab.example"), change(4, "c.lab.example.org"), change(5, "x.y", "d.LAB.example"), change(6, "e.f.lab.example", "z.z"))
	if all, err := s.findable(t.Context(), 1, func() bool { return true }); err != nil {
		t.Fatal(all, err)
	}
	for _, crowded := range []bool{false, true} {
		q, err := s.engine.listQuery(ca.Filter{Name: "*.Lab.example", Limit: 9}, position{crowded: crowded})
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.many(t.Context(), q.text.String(), q.values...)
		if err != nil || !reflect.DeepEqual(indexes(found), []int64{6, 5, 1}) {
			t.Errorf("crowded %v: %v %v", crowded, indexes(found), err)
		}
	}
}
