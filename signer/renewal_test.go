// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"os"
	"slices"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// PF-05: a renewal that would be narrower than the certificate it replaces is refused
// while something below relies on that, by a dry run too.
func TestPF05_ARenewalKeepsWhatIsBelowStanding(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	mid := e.makes("mid", "root", "ec", 3000, rootExtensions)
	sub := e.makes("sub", "mid", "ec", 2000, issuingExtensions)
	q := c.importing("corp-g1", ca.Root, root)
	q.Key = e.key("root")
	c.imports(q)
	q = c.importing("mid-g1", ca.Intermediate, mid, root)
	q.Key, q.Above, q.Use = e.key("mid"), nil, []string{"server"} // and its certificate is for anything
	c.imports(q)
	q = c.importing("users-g1", ca.Issuing, sub, mid, root)
	q.Key, q.Above = e.key("sub"), nil
	if u := c.imports(q); slices.Equal(u.Use, c.all["mid-g1"].Use) {
		t.Fatalf("both are for %v", u.Use)
	}
	w := signer.Recertification{Authority: "mid-g1", Days: 3100, Words: c.words}
	for _, dry := range []bool{true, false} {
		w.DryRun = dry
		c.untouched("a narrower renewal", ca.E2601, func() error {
			_, err := c.Recertify(w)
			return err
		})
	}
	for _, state := range []ca.AuthorityState{ca.Retiring, ca.Retired} {
		c.turns("users-g1", state)
	}
	made, err := c.Recertify(w)
	if err != nil {
		t.Fatalf("nothing is below it any more: %v", err)
	}
	c.takes(made)
}

// SG-03: a dry run tells of no certificate that there is not.
func TestSG03_ADryRunHasNoCertificate(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	w := signer.Recertification{Authority: "issuing-g1", Days: 1900, DryRun: true}
	would, err := c.Recertify(w)
	if a := would.Authority; err != nil || a.Certificate != nil || !a.NotAfter.After(c.all["issuing-g1"].NotAfter) || a.Version != 2 {
		t.Errorf("a renewal: version %d until %s, %v", a.Version, a.NotAfter, err)
	}
	e.makes("root", "", "ec", 4000, rootExtensions)
	q := signer.Resigning{Import: c.importing("users-g1", ca.Issuing, e.makes("sub", "root", "ec", 2000, "subjectKeyIdentifier=hash\n")), Parent: "root-g1", Days: 500}
	q.Key, q.Use, q.DryRun = e.key("sub"), []string{"server"}, true
	if would, err = c.Resign(q); err != nil || would.Authority.Certificate != nil || would.Authority.NotAfter.IsZero() {
		t.Errorf("a key from elsewhere: %+v, %v", would.Authority, err)
	}
}

// PF-05: a founding gives no two authorities a name that verifiers may take for one.
func TestPF05_AFoundingHasTwoNames(t *testing.T) {
	s := start(t, t.TempDir())
	f := founding(t)
	f.Root.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: "Lab CA"}}
	f.Issuing.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: "LAB  ca"}}
	if _, err := s.Found(f, os.Getuid()); !isCode(err, ca.E1401) {
		t.Errorf("founded: %v", err)
	}
	f.Issuing.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: "Lab CA G1"}}
	if _, err := s.Found(f, os.Getuid()); err != nil {
		t.Error(err)
	}
}
