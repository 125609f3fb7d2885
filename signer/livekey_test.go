// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"path/filepath"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// PF-07: the key of a certificate that lives becomes no authority's, whichever way it
// comes, and no dry run says that it will. Revoked for good, the certificate keeps no key
// out that is in nobody else's hands.
func TestPF07_TheKeyOfALiveCertificateBecomesNoAuthority(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	sub := e.makes("sub", "root", "ec", 2000, issuingExtensions)
	own := e.makes("own", "", "ec", 2000, "subjectKeyIdentifier=hash\n")
	exported, err := c.ExportCSR(signer.KeyRequest{Name: "users-g1", Kind: ca.Issuing, Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "c.lab.example"}}, KeyType: "ecdsa-p256"})
	if err != nil {
		t.Fatal(err)
	}
	importing := func(name, key string, chain ...[]byte) signer.Import {
		q := c.importing(name, ca.Issuing, chain...)
		q.Key = e.key(key)
		return q
	}
	for n, tt := range []struct {
		what string
		csr  []byte
		do   func(dry bool) error
	}{
		{"an import", csrBy(t, "a.lab.example", "-key", filepath.Join(e.dir, "sub.key")), func(dry bool) error {
			q := importing("corp-g1", "sub", sub, root)
			q.DryRun = dry
			_, err := c.Import(q)
			return err
		}},
		{"a key that is certified anew", csrBy(t, "b.lab.example", "-key", filepath.Join(e.dir, "own.key")), func(dry bool) error {
			q := signer.Resigning{Import: importing("old-g1", "own", own), Parent: "root-g1", ParentWords: c.words, Days: 500}
			q.DryRun, q.Use = dry, []string{"server"}
			_, err := c.Resign(q)
			return err
		}},
		{"a key that was made here", exported.DER, func(dry bool) error {
			q := c.creation("users-g1", "root-g1", ca.Issuing)
			q.DryRun = dry
			_, err := c.Create(q)
			return err
		}},
	} {
		h := c.hello(0)
		a := c.issued(h, wish(n+1, tt.csr, profiles(t, h)["server"]))
		refused := func(when string) {
			t.Helper()
			for _, dry := range []bool{true, false} {
				c.untouched(tt.what+" "+when, ca.E2204, func() error { return tt.do(dry) })
			}
		}
		refused("while the certificate is valid")
		h = c.hello(0)
		if got := c.revoke(h, a, 1, ca.CertificateHold); got.Problem != nil {
			t.Fatal(got.Problem)
		}
		refused("while it is held")
		h = c.hello(0)
		if got := c.revoke(h, a, 2, ca.Superseded); got.Problem != nil {
			t.Fatal(got.Problem)
		}
		for _, dry := range []bool{true, false} {
			if err := tt.do(dry); err != nil {
				t.Errorf("%s after it was revoked: %v", tt.what, err)
			}
		}
		// The opposite.
		h = c.hello(0)
		if a := c.one(h, wish(n+10, tt.csr, profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E2204 {
			t.Errorf("%s: the key of an authority is certified: %+v", tt.what, a.Problem)
		}
	}
}
