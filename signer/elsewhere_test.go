// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"os"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// R26: an installation can begin without an authority; it starts again, signs nothing,
// and takes in what the root elsewhere has signed.
func TestR26_AnInstallationBeginsWithoutAnAuthority(t *testing.T) {
	dir, e := t.TempDir(), elsewhere{t, t.TempDir()}
	s := start(t, dir)
	f := founding(t)
	f.Elsewhere, f.Root, f.Issuing = true, signer.Generation{}, signer.Generation{}
	made, err := s.Found(f, os.Getuid())
	if err != nil || len(made.Authorities)+len(made.Lists) > 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	r, err := s.ExportCSR(signer.KeyRequest{Name: "issuing-g1", Kind: ca.Issuing, Subject: named("Lab Issuing G1"), KeyType: "ecdsa-p256"})
	if err != nil {
		t.Fatal(err)
	}
	e.request("sub", r.DER)
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	sub := e.signs("sub", "root", 2000, issuingExtensions)
	s.stop()
	s = start(t, dir)
	h := s.hello(0)
	if a := s.one(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E3004 {
		t.Errorf("somebody signed: %+v", a.Problem)
	}
	if _, err := s.Import(signer.Import{Name: "issuing-g1", Line: "issuing", Kind: ca.Issuing, Certificates: [][]byte{sub, root}, Above: []string{"corp"}, PKI: f.PKI}); err != nil {
		t.Fatal(err)
	}
	h = s.hello(0)
	if a := s.one(h, wish(2, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])); a.Problem != nil {
		t.Errorf("it does not sign: %+v", a.Problem)
	}
}
