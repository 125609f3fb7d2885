// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"math/big"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// BK-06: the list of an authority from elsewhere revokes what came here before it: log and
// bundles say so, and it signs nothing any more, also after a restart.
func TestBK06_AListFromElsewhereRevokesWhatCameHereBeforeIt(t *testing.T) {
	for _, why := range []ca.Reason{ca.Superseded, ca.CACompromise, ca.CertificateHold} {
		t.Run(why.String(), func(t *testing.T) {
			c, e := ceremonial(t), elsewhere{t, t.TempDir()}
			root := e.makes("root", "", "ec", 4000, rootExtensions)
			sub := e.makes("sub", "root", "ec", 2000, issuingExtensions)
			good := e.makes("good", "root", "ec", 2000, issuingExtensions)
			q := c.importing("corp-g1", ca.Root, root)
			q.Key = e.key("root")
			made, err := c.Import(q)
			if err != nil {
				t.Fatal(err)
			}
			c.takes(made)
			for key, name := range map[string]string{"sub": "issuing-g2", "good": "good-g1"} {
				q := c.importing(name, ca.Issuing, map[string][]byte{"sub": sub, "good": good}[key], root)
				q.Key, q.Above = e.key(key), nil
				c.imports(q)
			}
			c.turns("issuing-g2", ca.Active)
			at := hours(24) // once: a second may pass
			list := signer.Inheritance{Authority: "corp-g1", List: e.makesList("root", &x509.RevocationList{
				Number: big.NewInt(9), ThisUpdate: hours(1), NextUpdate: hours(-1),
				RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: parsed(t, sub).SerialNumber, RevocationTime: at, ReasonCode: int(why)}},
			})}

			dry := list
			dry.DryRun = true
			size := c.Size()
			if got, err := c.Inherit(dry); err != nil || len(got.Fallen) != 1 || !strings.Contains(strings.Join(got.Notices, "\n"), "the list revokes issuing-g2") || c.Size() != size {
				t.Errorf("tried: %v, %v, %v", got.Fallen, got.Notices, err)
			}
			got, err := c.Inherit(list)
			if err != nil || len(got.Fallen) != 1 {
				t.Fatalf("%v, %v", got.Fallen, err)
			}
			fell := got.Fallen[0]
			if fell.Name != "issuing-g2" || fell.State != ca.Retired || len(fell.Revoked) != 1 || fell.Revoked[0] != (ca.AuthorityRevocation{By: "corp-g1", At: at, Reason: why}) {
				t.Errorf("%+v", fell)
			}
			c.all["corp-g1"], c.all["issuing-g2"] = got.Authority, fell
			c.remembered("after the list")
			last, before := c.leaves()[c.Size()-1], c.leaves()[c.Size()-2]
			for r, key := range map[*signer.Record]ca.Digest{&last: got.Authority.Key, &before: fell.Key} {
				if l, err := audit.ParseLeaf(r.Leaf); err != nil || l.Kind != audit.Authority || l.Issuer != key {
					t.Errorf("leaf %d: %+v, %v", r.Index, l, err)
				}
			}
			for _, when := range []string{"at once", "after a restart"} {
				h := c.hello(0)
				if a := c.one(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E3004 {
					t.Errorf("%s it signs: %+v", when, a.Problem)
				}
				size := c.Size()
				if again, err := c.Inherit(list); err != nil || len(again.Fallen) != 0 || c.Size() != size {
					t.Errorf("%s, taken again: %v, %d leaves, %v", when, again.Fallen, c.Size()-size, err)
				}
				c.restarts()
			}
			if c.all["good-g1"].State != ca.Active {
				t.Errorf("%+v", c.all["good-g1"])
			}
		})
	}
}
