// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// first reads the first certificate of a file.
func (h hand) first(path string) *x509.Certificate {
	h.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// R79, R78, PF-08: renewed with a new key, with the same, and by the stored request; names,
// subject and profile stay. What OpenSSL made is renewed as well.
func TestR79_ACertificateIsRenewedWithANewKeyOrTheSame(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "10.0.0.7", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	old := h.first(h.file("nas.pem"))
	sameKey := func(a, b *x509.Certificate) bool {
		return string(a.RawSubjectPublicKeyInfo) == string(b.RawSubjectPublicKeyInfo)
	}
	for name, c := range map[string]struct {
		args []string
		same bool
	}{
		"new":    {[]string{"renew", "nas.lab.example", "--key-file", h.file("new.key")}, false},
		"reused": {[]string{"renew", h.file("nas.pem"), "--reuse-key", "--key-file", h.file("nas.key"), "--days", "20"}, true},
		"again":  {[]string{"renew", h.file("nas.pem"), "--resign", "--days", "21"}, true},
	} {
		h.done(append(c.args, "--out", h.file(name+".pem"))...)
		got := h.first(h.file(name + ".pem"))
		if string(got.RawSubject) != string(old.RawSubject) || strings.Join(got.DNSNames, " ") != "nas.lab.example" || !got.IPAddresses[0].Equal(old.IPAddresses[0]) ||
			got.SerialNumber.Cmp(old.SerialNumber) == 0 || name != "new" && sameKey(got, old) != c.same || name == "new" && sameKey(got, old) {
			t.Errorf("%s: %v %v %v", name, got.Subject, got.DNSNames, got.SerialNumber)
		}
		if out := h.judged(name); !strings.Contains(out, ": OK") {
			t.Errorf("%s: %s", name, out)
		}
	}
	h.done("renew", h.file("nas.pem"), "--out", h.file("dir")+"/", "--p12", h.file("nas.p12"), "--password-file", h.write("pass", "secret words\n"))
	if _, err := os.Stat(filepath.Join(h.file("dir"), "fullchain.pem")); err != nil {
		t.Error(err)
	}
	// A request of OpenSSL's.
	h.write("web.pem", h.done("sign", h.request("web.lab.example")).out)
	h.done("renew", h.file("web.pem"), "--out", h.file("web2.pem"), "--key-file", h.file("web2.key"))
	if out := h.judged("web2"); !strings.Contains(out, ": OK") {
		t.Errorf("of OpenSSL's request: %s", out)
	}
	h.refused("E2127", "renew", h.file("web2.pem"), "--out", h.file("x.pem"), "--key-file", h.file("web2.key"))
	h.refused("E2505", "renew", h.file("web2.pem"), "--out", h.file("x.pem"), "--reuse-key", "--key-file", h.file("nas.key"))
	h.refused("E1101", "renew", h.file("web2.pem"), "--revoke-old", "soon")
	h.refused("E1101", "renew", h.file("web2.pem"), "--revoke-old", "91d")
	if s := h.refused("E1101", "renew", h.file("web2.pem"), "--revoke-old", "tomorrow"); !strings.Contains(s.err, "now, 7d or") {
		t.Errorf("%s", s.err)
	}
	if s := h.types("renew", h.file("nas.pem"), "--if-due", "--detailed-exitcode"); s.code != exitNotDue || !strings.Contains(s.out, "is due on") {
		t.Errorf("what is not due: exit %d\n%s%s", s.code, s.out, s.err)
	}
	h.done("renew", h.file("nas.pem"), "--if-due")
	if s := h.done("renew", h.file("nas.pem"), "--dry-run"); !strings.Contains(s.out, "would renew nas.lab.example") {
		t.Errorf("a dry run says %s", s.out)
	}
	// What the renewal refuses its dry run refuses, too.
	h.refused("E1102", "renew", h.file("nas.pem"), "--out", h.file("nas.pem"), "--key-file", h.file("fresh.key"), "--dry-run")
	h.refused("E2127", "renew", h.file("web2.pem"), "--out", h.file("x.pem"), "--key-file", h.file("web2.key"), "--dry-run")
	h.refused("E2505", "renew", h.file("web2.pem"), "--out", h.file("x.pem"), "--reuse-key", "--key-file", h.file("nas.key"), "--dry-run")
	if s := h.done("renew", h.file("web2.pem"), "--out", h.file("x.pem"), "--key-file", h.file("nas.key"), "--dry-run"); !strings.Contains(s.out, "nas.key, which is there") {
		t.Errorf("a dry run with a key that is there says %s", s.out)
	}
	h.done("revoke", h.file("nas.pem"), "--reason", "superseded", "--confirm", "nas.lab.example")
	h.refused("E2127", "renew", h.file("nas.pem"), "--out", h.file("x.pem"), "--key-file", h.file("x.key"))
	h.done("audit", "verify")
}

// R80: with --revoke-old now the old one is on the list when the new one is there; with days
// it is planned on the log.
func TestR80_RenewingRevokesTheOldOne(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	for i, how := range []string{"now", "7d"} {
		name := []string{"nas", "web"}[i]
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
		s := h.done("renew", h.file(name+".pem"), "--revoke-old", how, "--out", h.file(name+"2.pem"), "--key-file", h.file(name+"2.key"))
		if says := map[string]string{"now": "is revoked as superseded", "7d": "will be revoked on "}[how]; !strings.Contains(s.err, says) || strings.Contains(s.err, "added by") {
			t.Errorf("--revoke-old %s says\n%s", how, s.err)
		}
		// Its answer may have been lost: the same line again ends with the same certificate.
		first := h.read(name + "2.pem")
		if err := os.Remove(h.file(name + "2.pem")); err != nil {
			t.Fatal(err)
		}
		h.done("renew", h.file(name+".pem"), "--revoke-old", how, "--out", h.file(name+"2.pem"), "--key-file", h.file(name+"2.key"))
		if h.read(name+"2.pem") != first {
			t.Errorf("%s: the same line again gave another certificate", how)
		}
		h.done("crl", "publish")
		want := map[string]string{"now": "certificate revoked", "7d": ": OK"}[how]
		if out := h.judged(name); !strings.Contains(out, want) {
			t.Errorf("%s, the old one: %s", how, out)
		}
		if out := h.judged(name + "2"); !strings.Contains(out, ": OK") {
			t.Errorf("%s, the new one: %s", how, out)
		}
	}
	if s := h.done("show", "web.lab.example"); strings.Contains(s.out, "will be revoked") {
		t.Errorf("of the new one it says\n%s", s.out)
	}
	planned := h.first(h.file("web.pem")).SerialNumber.Text(16)
	if s := h.done("show", planned[len(planned)-8:]); !strings.Contains(s.out, "it will be revoked as superseded on ") {
		t.Errorf("of the old one it says\n%s", s.out)
	}
	var old ca.Issued
	serial := ca.Serial(strings.ToLower(h.first(h.file("nas.pem")).SerialNumber.Text(16)))
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	if err := json.Unmarshal([]byte(h.done("show", string(serial), "--json").out), &old); err != nil || old.Certificate.Revoked == nil || old.Certificate.Revoked.Reason != ca.Superseded {
		t.Errorf("the old one: %+v, %v", old.Certificate.Revoked, err)
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s%s", s.out, s.err)
	}
}
