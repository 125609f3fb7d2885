// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"chancery/ca"
)

// R88: a certificate is found by its SHA-256 from its commit on, whether it is in the index yet
// or not; by its owner alone, where others are not shown.
func TestR88_ACertificateIsFoundByItsFingerprint(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		theirs := change(2, "b.lab.example")
		theirs.Certificate.Owner = "uid:7"
		commit(t, s, 4, change(1, "a.lab.example"), theirs, void(3, "c.lab.example"))
		sum := func(n int64) ca.Digest { return sha256.Sum256(change(n).Certificate.DER) }
		two := sum(2)
		looks := func() {
			t.Helper()
			for n, want := range map[int64]bool{1: true, 2: true, 3: false, 4: false, 5: false} {
				c, there, err := s.Fingerprint(t.Context(), sum(n))
				if err != nil || there != want || there && c.ID.Index() != n {
					t.Errorf("%d: %v %v, %v", n, there, c.ID, err)
				}
			}
			if _, there, err := s.Fingerprint(t.Context(), sha256.Sum256(nil)); there || err != nil { // of a void row
				t.Errorf("of nothing: %v %v", there, err)
			}
			near := sum(1)
			near[31] ^= 1
			if _, there, err := s.Fingerprint(t.Context(), near); there || err != nil {
				t.Errorf("another with the same head: %v %v", there, err)
			}
			for ref, want := range map[string]map[string][]int64{
				sum(1).String(): {"": {1}, "uid:1000": {1}, "uid:7": {}},
				fmt.Sprintf("sha256 Fingerprint=%X:%X", two[:1], two[1:]): {"": {2}, "uid:1000": {}, "uid:7": {2}},
			} {
				for owner, want := range want {
					if found, err := s.Find(t.Context(), ref, owner); err != nil || !reflect.DeepEqual(indexes(found), want) {
						t.Errorf("%q of %q finds %v, %v; want %v", ref, owner, indexes(found), err, want)
					}
				}
			}
		}
		looks()
		if all, err := s.findable(t.Context(), 2, func() bool { return true }); err != nil || !all {
			t.Fatalf("taken in: %v %v", all, err)
		}
		looks()
	})
}

// While more wait than anybody looks through, nothing is said not to be there; void rows wait too.
func TestAFingerprintIsNotDeniedWhileManyWait(t *testing.T) {
	s := openBook(t, t.TempDir()+"/book.db")
	n := int64(0)
	for n <= maxWaiting {
		var rows []ca.Change
		for range MaxChanges {
			n++
			rows = append(rows, change(n, "a.lab.example"))
		}
		if n == MaxChanges {
			rows[1] = void(2, "a.lab.example")
		}
		commit(t, s, n+1, rows...)
	}
	sum := func(n int64) ca.Digest { return sha256.Sum256(change(n).Certificate.DER) }
	var p *ca.Problem
	if _, _, err := s.Fingerprint(t.Context(), sum(n+1)); !errors.As(err, &p) || p.Code != ca.E2301 {
		t.Errorf("it says %v", err)
	}
	if _, there, err := s.Fingerprint(t.Context(), sum(1)); err != nil || !there {
		t.Errorf("one of those that were looked through: %v %v", there, err)
	}
}

// A book of before, whose names were all taken in, gets fingerprints too, and keeps its names.
func TestABookOfBeforeGetsFingerprints(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		commit(t, s, 3, change(1, "a.lab.example"), void(2, "b.lab.example"))
		all := func() bool { return true }
		if _, err := s.findable(t.Context(), 2, all); err != nil {
			t.Fatal(err)
		}
		raw(t, s, map[string]string{sqliteName: "DROP TABLE fingerprint", postgresName: "DROP INDEX certificate_fingerprint"}[s.Engine()])
		raw(t, s, "DELETE FROM "+schemaTable+" WHERE version_id = 15")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openBook(t, dsn)
		for range 2 { // while it waits, and when it is taken in
			c, there, err := s.Fingerprint(t.Context(), sha256.Sum256(change(1).Certificate.DER))
			if err != nil || !there || c.ID.Index() != 1 {
				t.Errorf("%v %v, %v", there, c.ID, err)
			}
			if left, err := s.findable(t.Context(), 2, all); err != nil || !left {
				t.Errorf("taken in: %v %v", left, err)
			}
			found, err := s.Certificates(t.Context(), ca.Filter{Search: "lab.ex", Now: testNow})
			if err != nil || !reflect.DeepEqual(indexes(found), []int64{2, 1}) {
				t.Errorf("by a part of the name: %v, %v", indexes(found), err)
			}
		}
	})
}
