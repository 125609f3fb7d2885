// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"chancery/ca"
)

// A certificate's history has its steps, what took its place, and what is planned, each in
// order, and nothing of its neighbours.
func TestACertificatesHistoryIsItsOwn(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		renewal := func(n int64, of ca.Change) ca.Change {
			c := change(n, "a.lab.example")
			c.Request.Key = ca.RenewalKey(of.Certificate.Serial) + "ab"
			return c
		}
		planned := func(n int64, of ca.Change) ca.Change {
			id := ca.NewID(1, n)
			return ca.Change{Event: ca.Event{ID: id, Kind: ca.EventReplaced, By: "uid:1", At: testNow, About: of.Certificate.PublicName() + " 2026-06-01T00:00:00Z", Leaf: []byte("leaf")}}
		}
		one, other := change(1, "a.lab.example"), change(2, "a.lab.example")
		commit(t, s, 3, one, other)
		commit(t, s, 10, renewal(3, one), renewal(4, other), change(5, "a.lab.example"), planned(6, other), planned(7, one))
		for i, v := range []ca.Change{revoking(one, 10, 1, ca.CertificateHold), revoking(other, 11, 1, ca.Superseded), revoking(one, 12, 2, ca.RemoveFromCRL)} {
			commit(t, s, 11+int64(i), v)
		}
		h, err := s.History(t.Context(), *one.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Steps) != 2 || h.Steps[0].Reason != ca.CertificateHold || h.Steps[1].Reason != ca.RemoveFromCRL || h.Steps[1].ID.Index() != 12 || h.Steps[1].By != "uid:1" {
			t.Errorf("its steps are %+v", h.Steps)
		}
		if got := indexes(h.Renewals); len(got) != 1 || got[0] != 3 {
			t.Errorf("it was renewed by %v", got)
		}
		if len(h.Plans) != 1 || h.Plans[0].ID.Index() != 7 {
			t.Errorf("planned is %+v", h.Plans)
		}
	})
}
