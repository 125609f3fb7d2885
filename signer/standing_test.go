// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"strings"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// BK-06: below an intermediate that is revoked nothing is activated, made or renewed, and
// what was active there signs no more, also after a restart.
func TestBK06_NothingSignsBelowARevokedAuthority(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("mid-g1", "root-g1", ca.Intermediate))
	standby, low, users := c.creation("issuing-g2", "mid-g1", ca.Issuing), c.creation("low-g1", "mid-g1", ca.Intermediate), c.creation("users-g1", "low-g1", ca.Issuing)
	standby.Days, low.Days, users.Days = 500, 600, 500
	c.creates(standby)
	c.creates(low)
	c.creates(users)
	p := profiles(t, c.hello(0))["server"]
	onLine := func(n int, line string) ca.Answer {
		w := wish(n, csrBy(t, "a.lab.example", p256...), p)
		w.Line = line
		return c.one(c.hello(0), w)
	}
	c.turns("issuing-g2", ca.Active)
	if a := onLine(1, ""); a.Problem != nil || parsed(t, a.DER).Issuer.CommonName != "issuing-g2" {
		t.Fatalf("before: %+v", a.Problem)
	}
	c.revokesCA("mid-g1", ca.CACompromise)
	for i := range 2 {
		a := onLine(2+i, "")
		if a.Problem == nil || a.Problem.Code != ca.E3004 || !strings.Contains(a.Problem.Why, "mid-g1 is revoked") {
			t.Fatalf("restarted %d times: below a revoked authority: %+v", i, a.Problem)
		}
		if i == 0 {
			c.restarts()
		}
	}
	c.untouched("below its child", ca.E2601, func() error {
		q := c.creation("leaf-g1", "low-g1", ca.Issuing)
		q.Days = 300
		_, err := c.Create(q)
		return err
	})
	c.untouched("a renewal of its child's", ca.E2601, func() error {
		_, err := c.Recertify(signer.Recertification{Authority: "users-g1", Days: 550, Words: c.words})
		return err
	})
	c.turns("issuing-g1", ca.Active)
	c.untouched("activating below it", ca.E2603, func() error {
		_, err := c.Turn(signer.Turn{Authority: "issuing-g2", To: ca.Active})
		return err
	})
	if a := onLine(4, ""); a.Problem != nil || parsed(t, a.DER).CheckSignatureFrom(parsed(t, c.all["issuing-g1"].Certificate)) != nil {
		t.Errorf("of the line whose chain stands: %+v", a.Problem)
	}
}
