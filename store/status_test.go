// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"chancery/ca"
)

// R90: who answers for certificates finds each row by its serial number, and each step
// that came since it last looked, of whichever log.
func TestStepsAreSeenOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one, two := change(1, "a.lab.example"), change(2, "b.lab.example")
		commit(t, s, 3, one, two)
		c := one.Certificate
		if id, err := s.Located(t.Context(), c.IssuerKey, c.Serial); err != nil || id != c.ID {
			t.Errorf("%d, %v, want %d", id, err, c.ID)
		}
		for _, other := range []struct {
			key    ca.Digest
			serial ca.Serial
		}{{ca.Digest{1, 2}, c.Serial}, {c.IssuerKey, "0102"}} {
			if id, err := s.Located(t.Context(), other.key, other.serial); err != nil || id != 0 {
				t.Errorf("nobody's: %d, %v", id, err)
			}
		}
		look := func(since map[uint16]ca.ID, want ...ca.ID) {
			t.Helper()
			steps, logs, more, err := s.Steps(t.Context(), since)
			var got []ca.ID
			for _, v := range steps {
				got = append(got, v.ID)
				if v.IssuerKey != c.IssuerKey || v.Serial != c.Serial && v.Serial != two.Certificate.Serial {
					t.Errorf("%+v", v)
				}
			}
			if err != nil || logs != 1 || more || len(got) != len(want) {
				t.Fatalf("%v of %d logs, more %t, %v; want %v", got, logs, more, err, want)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%v, want %v", got, want)
				}
			}
		}
		log := c.ID.LogNo()
		look(nil)
		held, back, raised := revoking(one, 3, 1, ca.CertificateHold), revoking(one, 4, 2, ca.RemoveFromCRL), revoking(two, 5, 1, ca.Superseded)
		commit(t, s, 6, held, back, raised)
		look(nil, raised.Revocation.ID)
		look(map[uint16]ca.ID{log + 1: 7}, raised.Revocation.ID)
		look(map[uint16]ca.ID{log: held.Revocation.ID}, back.Revocation.ID, raised.Revocation.ID)
		look(map[uint16]ca.ID{log: raised.Revocation.ID})
	})
}

// A feed is made where one log writes.
func TestEachLogOfTheBookIsCounted(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		if n, err := s.Logs(t.Context()); err != nil || n != 1 {
			t.Errorf("%d logs, %v", n, err)
		}
		raw(t, s, `INSERT INTO log (log_id, log_no, next) VALUES ('other', 3, 0)`)
		if n, err := s.Logs(t.Context()); err != nil || n != 2 {
			t.Errorf("with another: %d logs, %v", n, err)
		}
	})
}

// What a feed is made of: all that has not ended, and no number that was given up.
func TestLiveCertificatesOfAKey(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		one, two, void, other := change(1, "a.lab.example"), change(2, "b.lab.example"), change(3, "c.lab.example"), change(4, "d.lab.example")
		void.Certificate.Kind, void.Certificate.DER = ca.Void, nil
		other.Certificate.IssuerKey[0] ^= 1
		two.Certificate.NotAfter = one.Certificate.NotAfter.Add(time.Hour)
		commit(t, s, 5, one, two, void, other)
		got := func(from time.Time) (all []ca.Serial) {
			t.Helper()
			err := s.Live(t.Context(), one.Certificate.IssuerKey, from, func(serial ca.Serial) error {
				all = append(all, serial)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(all)
			return all
		}
		want := []ca.Serial{one.Certificate.Serial, two.Certificate.Serial}
		slices.Sort(want)
		if all := got(one.Certificate.NotAfter); !slices.Equal(all, want) {
			t.Errorf("%v, not %v", all, want)
		}
		if all := got(one.Certificate.NotAfter.Add(time.Second)); !slices.Equal(all, []ca.Serial{two.Certificate.Serial}) {
			t.Errorf("after the end of one: %v", all)
		}
		enough := errors.New("enough")
		if err := s.Live(t.Context(), one.Certificate.IssuerKey, time.Time{}, func(ca.Serial) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("an error of the reader: %v", err)
		}
	})
}
