// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"chancery/ca"
	"chancery/internal/csr"
)

// PF-07: the signer itself refuses a key that Debian's OpenSSL made, whatever the front says;
// without a list it cannot know.
func TestPF07_TheSignerRefusesAKeyOfDebiansOpenSSL(t *testing.T) {
	file := filepath.Join("..", "internal", "csr", "testdata", "debian-0.9.8g.key")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "req", "-new", "-key", file, "-subj", "/CN=old.lab.example", "-addext", "subjectAltName=DNS:old.lab.example").Output()
	if err != nil {
		t.Fatal(err)
	}
	request, _ := pem.Decode(out)
	var lists csr.Weak
	if err := lists.Add("debian", fmt.Appendf(nil, "%x\n", sha256.Sum256(spki))); err != nil {
		t.Fatal(err)
	}
	s, _, h := founded(t)
	profile := profiles(t, h)["server"]
	if a := s.one(h, wish(1, request.Bytes, profile)); a.Problem != nil {
		t.Fatalf("without a list: %v", a.Problem)
	}
	s.stop()
	known := unopened(s.Dir)
	known.Weak = lists.List
	if err := known.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, known)
	h = s.hello(0)
	if a := s.one(h, wish(2, request.Bytes, profile)); a.Problem == nil || a.Problem.Code != ca.E2204 || a.DER != nil {
		t.Errorf("with one: %+v", a)
	}
	if a := s.one(h, wish(3, csrBy(t, "new.lab.example", p256...), profile)); a.Problem != nil {
		t.Errorf("another key: %v", a.Problem)
	}
}
