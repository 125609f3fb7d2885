// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// WB-02: a certificate's file that somebody sent puts nothing on the terminal of who revokes by
// it, and no line into what his key signs.
func TestWB02_AForeignCertificateWritesNoStatement(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	says := func(common, address string) (ca.Certificate, error) {
		t.Helper()
		made := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: common}, IssuingCertificateURL: []string{address}}
		der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		x, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return ownOf(x)
	}
	if c, err := says("nas.lab.example", "http://pki.lab.example/pki/issuing-g1.crt"); err != nil || c.Title() != "nas.lab.example" || c.PublicName() != "issuing-g1-4d" {
		t.Errorf("an honest one: %q %q, %v", c.Title(), c.PublicName(), err)
	}
	for _, common := range []string{"nas\x1b]0;other\a", "nas\u202Emoc", "nas\nserial 1"} {
		if c, err := says(common, "http://pki.lab.example/pki/issuing-g1.crt"); err != nil || c.Title() != "issuing-g1-4d" {
			t.Errorf("%q is shown as %q, %v", common, c.Title(), err)
		}
	}
	for _, address := range []string{"http://x/issuing-g1%0Areason:%20keyCompromise%0A.crt", "http://x/a%1B%5B31m.crt", "http://x/.crt", "http://x/g1.pem"} {
		if c, err := says("nas.lab.example", address); err == nil || asProblem(err).Code != ca.E2101 {
			t.Errorf("%s names the authority %q: %v", address, c.Authority, err)
		}
	}
}

// WB-02: the name of a file that somebody put into a directory is shown, and not obeyed.
func TestWB02_TheNameOfAFileIsNotObeyed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	dir := h.file("x\x1b]0;dir\a")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "nas.lab.example", "--out", filepath.Join(dir, "nas\x1b]0;file\a.pem"), "--key-file", h.file("nas.key"))
	for _, more := range [][]string{{"--dry-run"}, nil} {
		s := h.after(65, append([]string{"renew", "--due", h.file("")}, more...)...)
		if s.code != 0 || strings.ContainsAny(s.out+s.err, "\x1b\a") || !strings.Contains(s.err, `x\x1b]0;dir`) {
			t.Errorf("%v: exit %d\n%q\n%q", more, s.code, s.out, s.err)
		}
	}
}
