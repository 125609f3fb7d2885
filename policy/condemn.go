// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"chancery/ca"
)

// A Condemning asks that one generation revoke what it signed for another's key.
type Condemning struct {
	Of, By string
	Reason ca.Reason
	// Signed tells whether it signed any certificate of that key.
	Signed bool
}

// Condemns refuses a revocation that nobody could carry out. The Problem is E2101 or
// E2111.
func (h Hierarchy) Condemns(q Condemning) error {
	of, known := h[q.Of]
	if !known {
		return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Of), "chancery ca list")
	}
	by, known := h[q.By]
	switch {
	case !q.Reason.Final():
		return ca.Invalid(ca.E2111, "an authority is revoked for good, and the reason "+q.Reason.String()+" is not", "use one of "+strings.Join(ca.FinalReasons(), ", ")).At("reason")
	case q.By == q.Of:
		return ca.Refused(ca.E2111, q.Of+" signed itself, and no list of its own can revoke it", "make another root and move over to it (chancery ca rollover "+q.By+"), "+
			"retire this one (chancery ca retire "+q.By+"), and take it out of every trust store (chancery ca bundle)").
			Because("whoever has its key signs lists, too, and who trusts it does so by its being in his store")
	case !known:
		return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.By), "chancery ca list")
	case by.External:
		return ca.Refused(ca.E2111, "the key of "+q.By+", which signed "+q.Of+", is not here", "have it revoked where that key is; then chancery ca retire "+q.Of)
	case q.By != of.Parent && !q.Signed:
		return ca.Refused(ca.E2111, q.By+" has signed no certificate of "+q.Of, "chancery ca show "+q.Of)
	}
	return nil
}
