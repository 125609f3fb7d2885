// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// An explanation tells the log's words: whoever changes the rows of a certificate changes
// nothing of it, and is told of.
func TestACertificateIsExplainedByTheLogAndNotByItsRow(t *testing.T) {
	w := newWorld(t)
	r, stop := running(w)
	defer stop()
	q, c := wishOf(1, "")
	issued, err := r.Submit(t.Context(), q, c)
	if err != nil {
		t.Fatal(err)
	}
	name := issued.Certificate.PublicName()
	p, err := r.Explain(t.Context(), hana, name)
	if err != nil || p.Asked.By != hana.ID || p.Asked.Request != q.ID || p.Asked.Door != q.Door {
		t.Fatalf("it says %+v, %v", p, err)
	}
	tampered := func(p ca.Provenance) bool {
		return slices.ContainsFunc(p.Unknown, func(s string) bool { return strings.Contains(s, "row is not what the log says") })
	}
	if tampered(p) {
		t.Errorf("nobody changed it, and it says %v", p.Unknown)
	}
	w.mu.Lock()
	i := slices.IndexFunc(w.rows, func(c ca.Certificate) bool { return c.PublicName() == name })
	w.rows[i].Owner, w.rows[i].Names = "uid:666", []ca.Name{{Type: ca.DNS, Value: "other.example"}}
	w.mu.Unlock()
	p, err = r.Explain(t.Context(), hana, name)
	if err != nil || p.Asked.By != hana.ID || !tampered(p) {
		t.Errorf("of a row that was changed it says %+v, %v", p, err)
	}
}

// An explanation is found by whom the certificate is found by, and nobody else.
func TestOnlyWhoFindsACertificateIsToldHowItCameAbout(t *testing.T) {
	w := newWorld(t)
	r, stop := running(w)
	defer stop()
	issued := issuedOne(t, r, 1)
	for _, who := range []ca.Actor{{ID: "uid:4711", UID: 4711, Method: ca.MethodPeer}, {}} {
		if p, err := r.Explain(t.Context(), who, issued.PublicName()); err == nil {
			t.Errorf("%q is told %+v", who.ID, p)
		}
	}
}
