// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"
	"time"

	"chancery/ca"
)

// revoking makes the change of a step of the certificate of another change.
func revoking(of ca.Change, leaf int64, step int, why ca.Reason) ca.Change {
	c := of.Certificate
	id := ca.NewID(c.ID.LogNo(), leaf)
	at := testNow.Add(time.Duration(step) * time.Hour)
	return ca.Change{
		Revocation: &ca.Revocation{ID: id, Certificate: c.ID, IssuerKey: c.IssuerKey, Serial: c.Serial, Step: step, Reason: why, At: at, By: "uid:1"},
		Event:      ca.Event{ID: id, Kind: "revoked", By: "uid:1", At: at, About: c.PublicName(), Leaf: []byte("leaf")},
	}
}

// RV-03: a step is taken once; the date is the first step's, the reason the last's.
func TestARevocationIsSeenWithItsCertificate(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one, two := change(1, "a.lab.example"), change(2, "b.lab.example")
		commit(t, s, 3, one, two)
		commit(t, s, 4, revoking(one, 3, 1, ca.Superseded))
		if _, err := s.Commit(t.Context(), []ca.Change{revoking(one, 4, 1, ca.KeyCompromise)}, 5); !errors.Is(err, ca.ErrTaken) {
			t.Errorf("the same step by another leaf: %v, want ca.ErrTaken", err)
		}
		commit(t, s, 6, revoking(one, 5, 2, ca.KeyCompromise))

		got, ok, err := s.Serial(t.Context(), one.Certificate.IssuerKey, one.Certificate.Serial)
		want := ca.Revoked{At: testNow.Add(time.Hour), Reason: ca.KeyCompromise, Step: 2}
		if err != nil || !ok || got.Revoked == nil || !got.Revoked.At.Equal(want.At) || got.Revoked.Reason != want.Reason || got.Revoked.Step != want.Step {
			t.Errorf("the row says %+v, %v, want %+v", got.Revoked, err, want)
		}
		for status, name := range map[string]string{"revoked": "a.lab.example", "valid": "b.lab.example"} {
			page, err := s.Certificates(t.Context(), ca.Filter{Status: status, Now: testNow, Limit: 10})
			if err != nil || len(page) != 1 || page[0].Names[0].Value != name {
				t.Errorf("status %s: %+v, %v, want %s", status, page, err, name)
			}
		}
		counts, err := s.Counts(t.Context(), testNow, nil)
		if err != nil || counts.Valid != 1 || counts.Revoked != 1 {
			t.Errorf("counts: %+v, %v", counts, err)
		}
	})
}

// A hold that is taken back leaves a valid certificate with a history; held again it has
// the new date, and raised from there it keeps that.
func TestAHoldComesAndGoes(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one := change(1, "a.lab.example")
		commit(t, s, 2, one)
		day := testNow.AddDate(-1, 0, 0).Truncate(time.Second)
		for i, c := range []struct {
			why   ca.Reason
			stand string
			at    int
		}{{ca.CertificateHold, "held", 1}, {ca.RemoveFromCRL, "valid", 0}, {ca.CertificateHold, "held", 3}, {ca.Superseded, "revoked", 3}} {
			step := i + 1
			change := revoking(one, int64(step+1), step, c.why)
			if step >= 3 {
				change.Revocation.InvalidSince = day
			}
			commit(t, s, int64(step+2), change)
			got, ok, err := s.Serial(t.Context(), one.Certificate.IssuerKey, one.Certificate.Serial)
			if err != nil || !ok || got.Steps != step || got.Standing(testNow) != c.stand {
				t.Fatalf("after step %d: %+v, %v", step, got, err)
			}
			if v := got.Revoked; c.at > 0 && (!v.At.Equal(testNow.Add(time.Duration(c.at)*time.Hour)) || v.InvalidSince.IsZero() != (step < 3)) {
				t.Errorf("after step %d it is revoked since %v", step, v)
			}
			for _, status := range []string{"valid", "held", "revoked"} {
				page, err := s.Certificates(t.Context(), ca.Filter{Status: status, Now: testNow, Limit: 10})
				want := 0
				if status == c.stand || status == "revoked" && c.stand == "held" {
					want = 1
				}
				if err != nil || len(page) != want {
					t.Errorf("after step %d %d rows are %s, want %d (%v)", step, len(page), status, want, err)
				}
			}
			counts, err := s.Counts(t.Context(), testNow, nil)
			if err != nil || counts.Valid != 1-min(1, int64(c.at)) || counts.Revoked != min(1, int64(c.at)) || counts.Held == 1 != (c.stand == "held") {
				t.Errorf("after step %d: %+v, %v", step, counts, err)
			}
			leaf, err := s.Step(t.Context(), one.Certificate.ID, step)
			if none, again := s.Step(t.Context(), one.Certificate.ID, step+1); err != nil || again != nil || leaf != change.Revocation.ID || none != 0 {
				t.Errorf("step %d has leaf %v, the next %v (%v, %v)", step, leaf, none, err, again)
			}
		}
	})
}
