// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"testing"

	"chancery/ca"
)

// A wish without a number is refused, also after a start that read the intents of CA
// certificates, which have none.
func TestIS04_AWishWithoutANumberIsNobodys(t *testing.T) {
	c := ceremonial(t)
	for range 2 {
		h := c.hello(0)
		w := wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
		w.ID = ""
		if a := c.one(h, w); a.Problem == nil || a.Problem.Code != ca.E1401 || a.DER != nil {
			t.Errorf("it was answered with %+v", a.Problem)
		}
		all, err := c.Outcome(h.Number, []ca.RequestID{""})
		if err != nil || all[0].Problem == nil || all[0].DER != nil {
			t.Errorf("its outcome is %+v, %v", all, err)
		}
		c.restarts()
	}
}
