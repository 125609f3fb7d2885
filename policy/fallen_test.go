// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"

	"chancery/ca"
)

// BK-06: what stands anywhere above counts as much as the parent.
func TestBK06_TheWholeChainIsAsked(t *testing.T) {
	revoked := func(by string, why ca.Reason) func(*Standing) {
		return func(s *Standing) { s.Revoked = []ca.AuthorityRevocation{{By: by, Reason: why}} }
	}
	for _, c := range []struct {
		name   string
		change func(*Standing)
		words  string
	}{
		{"its own parent revoked it", revoked("root-g1", ca.Superseded), "middle-g1 is revoked"},
		{"its key is lost, says another root", revoked("root-g2", ca.CACompromise), "middle-g1 is revoked"},
		{"it is retired", func(s *Standing) { s.State = ca.Retired }, "middle-g1 is retired"},
		{"a cross-certificate is revoked", revoked("root-g2", ca.Superseded), ""},
	} {
		h := changed("middle-g1", c.change)
		link := h["middle-g1"].Link
		low := standing(linked("low", &link), ca.Intermediate, "middle-g1")
		h[low.Name] = low
		of := func(code ca.Code) ca.Code {
			if c.words == "" {
				return ""
			}
			return code
		}
		judged(t, c.name+": below its child", h.Below(Newcomer{Name: "new-g1", Line: "new", Kind: ca.Issuing, Parent: "low-g1"}), of(ca.E2601), c.words)
		_, _, err := h.Certifies(Renewal{Authority: "low-g1", Days: 10})
		judged(t, c.name+": a renewal", err, of(ca.E2601), c.words)
		s := h["issuing-g1"]
		s.State = ca.Standby
		h["issuing-g1"] = s
		_, err = h.Turns(Turning{Authority: "issuing-g1", To: ca.Active}, noon)
		judged(t, c.name+": an activation", err, of(ca.E2603), c.words)
		s.State = ca.Active
		h["issuing-g1"] = s
		_, err = h.Turns(Turning{Authority: "issuing-g1", To: ca.Retired}, noon)
		if refused := err != nil; refused != (c.words == "") {
			t.Errorf("%s: an active one below it is retired: %v", c.name, err)
		}
	}
}

// SG-03: no chain is longer than what is walked when something is signed.
func TestSG03_AChainHasABound(t *testing.T) {
	h := lab()
	above := linked("root", nil)
	for i := 1; i < ca.MaxChain; i++ {
		parent := above.Title + "-g1"
		n := Newcomer{Name: fmt.Sprintf("m%d-g1", i), Line: fmt.Sprintf("m%d", i), Kind: ca.Intermediate, Parent: parent}
		judged(t, n.Name, h.Below(n), "", "")
		above = linked(n.Line, &above)
		s := standing(above, ca.Intermediate, parent)
		h[s.Name] = s
		if i == ca.MaxChain-1 && len(h.chain(s)) != ca.MaxChain {
			t.Errorf("a chain of %d", len(h.chain(s)))
		}
	}
	judged(t, "one more", h.Below(Newcomer{Name: "low-g1", Line: "low", Kind: ca.Issuing, Parent: above.Title + "-g1"}), ca.E2601, "in a chain of 16")
}
