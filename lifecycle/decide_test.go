// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"testing/synctest"

	"chancery/audit"
	"chancery/ca"
)

// IS-03: after the database went back an officer decides each intent without a
// signature on the log; until then it is neither void nor issued, and the mark waits.
func TestIS03_AnOfficerDecidesWhatIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, stop := running(w)
		synctest.Wait()
		stop()
		var indices []int64
		var ders [][]byte
		for n := range 3 {
			q, c := wishOf(n+1, "")
			index, der := w.intend(q, c.Names, c.Key)
			indices, ders = append(indices, index), append(ders, der)
		}
		w.mu.Lock()
		w.mark = indices[0] - 1
		w.mu.Unlock()
		w.append(bookWentBack(indices[2]), nil)
		r, stop := running(w)
		defer stop()
		unknown := func(want ...int64) {
			t.Helper()
			all, err := r.Unknown(t.Context(), hana)
			if err != nil || len(all) != len(want) {
				t.Fatalf("unknown are %+v, %v, want %v", all, err, want)
			}
			for i, u := range all {
				if u.Index != want[i] || u.Serial == "" || len(u.Names) != 1 || u.Owner != hana.ID {
					t.Errorf("unknown is %+v, want leaf %d", u, want[i])
				}
			}
		}
		refused := func(what string, who ca.Actor, index int64, d ca.Decision, want ca.Code) {
			t.Helper()
			if err := r.Decide(t.Context(), who, index, d); code(err) != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		unknown(indices...)
		refused("somebody without a role", peer(4711), indices[0], ca.Decision{Void: true}, ca.E1305)
		refused("a leaf that is no such intent", hana, 1, ca.Decision{Void: true}, ca.E2101)
		refused("another certificate", hana, indices[0], ca.Decision{DER: ders[1]}, ca.E1406)
		refused("no certificate", hana, indices[0], ca.Decision{DER: []byte("x")}, ca.E1406)
		forged := append([]byte(nil), ders[0]...)
		forged[len(forged)-1] ^= 1
		refused("a bent signature", hana, indices[0], ca.Decision{DER: forged}, ca.E1406)
		unknown(indices...)

		if err := r.Decide(t.Context(), hana, indices[1], ca.Decision{DER: ders[1]}); err != nil {
			t.Fatal(err)
		}
		unknown(indices[0], indices[2])
		for _, i := range []int{0, 2} {
			if err := r.Decide(t.Context(), hana, indices[i], ca.Decision{Void: true}); err != nil {
				t.Fatal(err)
			}
		}
		unknown()
		for i, want := range []ca.CertificateKind{ca.Void, ca.EndEntity, ca.Void} {
			if at := w.rowOf(ca.NewID(1, indices[i])); at < 0 || w.rows[at].Kind != want {
				t.Errorf("intent %d has no row of kind %s", indices[i], want)
			}
		}
		q, c := wishOf(9, "")
		if _, err := r.Submit(t.Context(), q, c); err != nil {
			t.Error(err)
		}
		if kinds := w.closing()[indices[1]]; len(kinds) != 1 || kinds[0] != audit.Final {
			t.Errorf("the adopted intent is closed by %v", kinds)
		}
		w.agree(t)
	})
}
