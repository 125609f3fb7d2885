// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"testing"
	"time"

	"chancery/ca"
)

// RV-03: what is not finished is each compromised key of which something stands, and is named
// by the first that was revoked for it.
func TestRV03_TheFirstRevocationOfAKeyTellsWhatStillStands(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		of := func(n int64, key byte) ca.Change {
			c := change(n, "a.lab.example")
			c.Certificate.Key = ca.Digest{key}
			return c
		}
		ended := of(12, 6)
		ended.Certificate.NotAfter = testNow.Add(-time.Second)
		rows := []ca.Change{of(1, 1), of(2, 1), of(3, 1), of(4, 2), of(5, 3), of(6, 3), of(7, 4), of(8, 4), of(9, 5), of(10, 5), of(11, 6), ended}
		commit(t, s, 13, rows...)
		want := func(when string, leaves ...ca.ID) {
			t.Helper()
			if got, err := s.Condemned(t.Context(), 1, testNow); err != nil || !slices.Equal(got, leaves) {
				t.Errorf("%s: %v, %v, want %v", when, got, err, leaves)
			}
		}
		want("at first")
		commit(t, s, 20,
			revoking(rows[1], 13, 1, ca.KeyCompromise), revoking(rows[0], 14, 1, ca.KeyCompromise), // and one of its key stands
			revoking(rows[3], 15, 1, ca.KeyCompromise),  // alone of its key
			revoking(rows[4], 16, 1, ca.Superseded),     // no compromise
			revoking(rows[7], 17, 1, ca.Superseded),     // as is done with what falls already
			revoking(rows[6], 18, 1, ca.KeyCompromise),  // the other was revoked otherwise
			revoking(rows[10], 19, 1, ca.KeyCompromise)) // the other has ended
		commit(t, s, 22, revoking(rows[9], 20, 1, ca.CertificateHold), revoking(rows[8], 21, 1, ca.KeyCompromise)) // the other is held
		want("half-way", ca.NewID(1, 13), ca.NewID(1, 21))
		commit(t, s, 24, revoking(rows[2], 22, 1, ca.KeyCompromise), revoking(rows[9], 23, 2, ca.KeyCompromise))
		want("at the end")
		if got, err := s.Condemned(t.Context(), 2, testNow); err != nil || len(got) != 0 {
			t.Errorf("of another log: %v, %v", got, err)
		}
	})
}
