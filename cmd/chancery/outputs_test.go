// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/format"
)

func (h hand) contents(name, password string) format.Contents {
	h.t.Helper()
	c, err := format.Read([]byte(h.read(name)), func() ([]byte, error) { return []byte(password), nil })
	if err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	return c
}

func (h hand) openssl(args ...string) string {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), "openssl", args...)
	c.Dir = filepath.Dir(h.dir)
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (h hand) mode(name string) os.FileMode {
	h.t.Helper()
	info, err := os.Stat(h.file(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Mode().Perm()
}

// R63, R126: a directory has each form that servers want, with the right modes; no
// form has the root.
func TestR63_R126_ADirectoryHasEachForm(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("word", "open sesame\n")
	h.serve()
	s := h.done("issue", "nas.lab.example", "--out", "nas/", "--p12", "nas/nas.p12", "--password-file", "word")
	if !strings.Contains(s.out, "nas/cert.pem, nas/chain.pem, nas/fullchain.pem, nas/key-cert.pem, nas/nas.p12 and nas/key.pem") {
		t.Errorf("it says\n%s", s.out)
	}
	full := h.contents("nas/fullchain.pem", "")
	leaf, issuer := full.Certificates[0].DER, full.Certificates[1].DER
	root := h.done("ca", "show", "root-g1", "-o", "der").out
	for name, want := range map[string]struct {
		mode         os.FileMode
		certificates [][]byte
		keys         int
	}{
		"key.pem": {0o600, nil, 1}, "cert.pem": {0o644, [][]byte{leaf}, 0}, "chain.pem": {0o644, [][]byte{issuer}, 0},
		"fullchain.pem": {0o644, [][]byte{leaf, issuer}, 0}, "key-cert.pem": {0o600, [][]byte{leaf, issuer}, 1}, "nas.p12": {0o600, [][]byte{leaf, issuer}, 1},
	} {
		c := h.contents("nas/"+name, "open sesame")
		if mode := h.mode("nas/" + name); mode != want.mode || len(c.Keys) != want.keys || !slices.EqualFunc(format.DERs(c.Certificates), want.certificates, bytes.Equal) {
			t.Errorf("%s: mode %o, %d keys, %d certificates", name, mode, len(c.Keys), len(c.Certificates))
		}
		if strings.Contains(h.read("nas/"+name), root) {
			t.Errorf("%s holds the root", name)
		}
	}
	if both := h.read("nas/key-cert.pem"); both != h.read("nas/key.pem")+h.read("nas/fullchain.pem") {
		t.Errorf("key-cert.pem is not the key, then the chain:\n%s", both)
	}
	h.openssl("verify", "-x509_strict", "-CAfile", h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out), "-untrusted", "nas/chain.pem", "nas/cert.pem")
	if out := h.openssl("pkcs12", "-in", "nas/nas.p12", "-passin", "file:word", "-nokeys", "-info"); !strings.Contains(out, "AES-256-CBC") {
		t.Errorf("the protection is\n%s", out)
	}
	// The same line again takes nothing away, and makes nothing.
	h.refused("E1102", "issue", "nas.lab.example", "--out", "nas/", "--p12", "nas/nas.p12", "--password-file", "word")
	// After a crash between signing and the last file, it ends what was begun.
	if err := os.Remove(h.file("nas/nas.p12")); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "nas.lab.example", "--out", "nas/", "--p12", "nas/nas.p12", "--password-file", "word")
	if again := h.contents("nas/nas.p12", "open sesame"); !bytes.Equal(again.Certificates[0].DER, leaf) {
		t.Error("taken up, it is another certificate")
	}
	if s := h.done("issue", "web.lab.example", "--out", "-"); !strings.HasPrefix(s.out, "-----BEGIN CERTIFICATE") || h.read("web.lab.example.key") == "" {
		t.Errorf("on standard output:\n%s", s.out)
	}
	// A refusal leaves no directory behind.
	h.refused("E2107", "issue", "www.bank.example", "--out", "bank/")
	if _, err := os.Stat(h.file("bank")); err == nil {
		t.Error("a refusal left a directory")
	}
}

// R63: keys under a password, in the old and the new protection of PKCS#12, and of a
// request that was made elsewhere.
func TestR63_KeysAreProtectedAsWished(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.write("word", "open sesame\n")
	h.done("issue", "nas.lab.example", "--out", "nas/", "--encrypt-key", "--password-file", "word")
	if key := h.read("nas/key.pem"); !strings.HasPrefix(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n") || !strings.HasPrefix(h.read("nas/key-cert.pem"), key) {
		t.Errorf("the key is\n%s", key)
	}
	h.openssl("pkey", "-in", "nas/key-cert.pem", "-passin", "file:word", "-noout")

	request := h.request("web.lab.example")
	h.write("web.csr", h.read(filepath.Base(request)))
	h.request("other.lab.example")
	h.refused("E2505", "sign", "web.csr", "--key-file", "other.lab.example.key", "--out", "web/")
	h.refused("E1101", "sign", "web.csr", "--p12", "web.p12", "--password-file", "word")
	h.refused("E1101", "sign", "web.csr", "--format", "der", "--out", "web/")
	h.refused("E1101", "sign", "web.csr", "--key-file", "web.lab.example.key")
	if _, err := os.Stat(h.file("web")); err == nil {
		t.Error("a refusal left a directory")
	}
	h.done("sign", "web.csr", "--key-file", "web.lab.example.key", "--out", "web/", "--p12", "web.p12", "--legacy", "--password-file", "word")
	if out := h.openssl("pkcs12", "-legacy", "-in", "web.p12", "-passin", "file:word", "-nokeys", "-info"); !strings.Contains(out, "3-KeyTripleDES") || strings.Count(out, "BEGIN CERTIFICATE") != 2 {
		t.Errorf("the protection is\n%s", out)
	}
	if both := h.read("web/key-cert.pem"); !strings.HasPrefix(both, h.read("web.lab.example.key")) {
		t.Errorf("key-cert.pem is\n%s", both)
	}
	h.refused("E1102", "sign", "web.csr", "--out", "web/")
	for form, flag := range map[string]string{"der": "x509", "p7b": "pkcs7"} {
		h.done("sign", "web.csr", "--format", form, "--out", "web."+form)
		h.openssl(flag, "-inform", "der", "-in", "web."+form, "-noout")
		if s := h.done("sign", "web.csr", "--format", form); s.out == "" || s.out[0] != 0x30 {
			t.Errorf("%s on standard output: %q", form, s.out)
		}
	}
}

// R62: a file can hold the text beside the PEM, as OpenSSL writes it; a command strips
// it; and whatever reads a certificate takes either.
func TestR62_TheTextGoesAndComes(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "--text", "--out", "nas/")
	for _, name := range []string{"nas/cert.pem", "nas/fullchain.pem", "nas/key-cert.pem"} {
		if !strings.Contains(h.read(name), "Certificate:\n    Data:\n        Version: 3 (0x2)\n") {
			t.Errorf("%s has no text:\n%s", name, h.read(name))
		}
	}
	if want := h.openssl("x509", "-in", "nas/cert.pem", "-text"); h.read("nas/cert.pem") != want {
		t.Errorf("the file is\n%s\nand OpenSSL would write\n%s", h.read("nas/cert.pem"), want)
	}
	bare := h.openssl("x509", "-in", "nas/cert.pem")
	if s := h.done("show", "nas/cert.pem", "-o", "pem"); s.out != bare {
		t.Errorf("without the text it is\n%s", s.out)
	}
	if s, want := h.done("show", "nas.lab.example", "-o", "text"), h.openssl("x509", "-in", "nas/cert.pem", "-noout", "-text"); s.out != want {
		t.Errorf("-o text is\n%s", s.out)
	}
	h.write("root.pem", h.openssl("x509", "-in", h.write("bare.pem", h.done("ca", "show", "root-g1", "-o", "pem").out), "-text"))
	h.done("verify", "nas/fullchain.pem", "--as", "server:nas.lab.example", "--ca", "root.pem")
	h.done("sign", h.write("text.csr", h.openssl("req", "-in", h.request("web.lab.example"), "-text")), "--out", "web.pem")
	for name, args := range map[string][]string{"text.csr": {"req"}, "list.pem": {"crl"}} {
		h.write("list.pem", h.done("crl", "show", "--ca", "issuing-g1", "-o", "pem").out)
		if s, want := h.done("show", name, "-o", "text"), h.openssl(append(args, "-in", name, "-noout", "-text")...); s.out != want {
			t.Errorf("%s: -o text is\n%s\nwant\n%s", name, s.out, want)
		}
	}
}

// R24, R62: what is written in any form is shown and verified again.
func TestEveryFormIsReadAgain(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.write("word", "open sesame\n")
	h.done("issue", "nas.lab.example", "--out", "nas/", "--p12", "nas.p12", "--password-file", "word")
	for _, form := range []string{"pem", "p7b", "jks", "p12"} {
		h.done("ca", "bundle", "--format", form, "--out", "trust."+form)
	}
	h.write("changeit", "changeit\n")
	h.done("ca", "bundle", "--crls", "--format", "p7b", "--out", "lists.p7b")
	h.done("ca", "show", "root-g1", "-o", "der")
	none := hand{t, h.file("none")} // which needs no installation
	for _, line := range []string{"trust.pem", "trust.p7b", "lists.p7b", "trust.jks --password-file changeit", "trust.p12 --password-file changeit", "nas.p12 --password-file word", "nas/key-cert.pem"} {
		s := none.done(append([]string{"show"}, strings.Fields(line)...)...)
		if strings.Count(s.out, "fingerprint") != 2 {
			t.Errorf("show %s:\n%s", line, s.out)
		}
		var shown []shownCertificate
		if err := json.Unmarshal([]byte(none.done(append([]string{"show", "--json"}, strings.Fields(line)...)...).out), &shown); err != nil || len(shown) != 2 {
			t.Errorf("show --json %s: %v, %v", line, shown, err)
		}
	}
	if s := none.done("show", "nas/key-cert.pem"); !strings.Contains(s.err, "1 × private key") || strings.Contains(s.out, "PRIVATE") {
		t.Errorf("a key beside certificates:\n%s%s", s.out, s.err)
	}
	if s := none.done("show", "nas/key.pem"); !strings.Contains(s.out, "ecdsa-p256") || strings.Contains(s.out, "BEGIN") {
		t.Errorf("a key:\n%s", s.out)
	}
	none.refused("E1101", "show", "nas/key.pem", "-o", "pem")
	for _, form := range []string{"pem", "p7b"} {
		h.done("verify", "nas/fullchain.pem", "--as", "server:nas.lab.example", "--ca", "trust."+form)
	}
	for _, form := range []string{"jks", "p12"} {
		h.done("verify", "nas/fullchain.pem", "--as", "server:nas.lab.example", "--ca", "trust."+form, "--password-file", "changeit")
	}
	h.refused("E2503", "verify", "nas.p12", "--password-file", "changeit")
	h.done("verify", "nas.p12", "--password-file", "word")
	var c ca.Issued
	if err := json.Unmarshal([]byte(h.done("sign", h.request("web.lab.example"), "--json").out), &c); err != nil || len(c.Chain) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

// Binary is not written to a terminal, and a password is asked for at one, twice, before
// anything is signed.
func TestBinaryIsKeptFromTerminals(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	request := h.request("nas.lab.example")
	for _, line := range []string{"ca bundle --format p12", "ca bundle --format jks", "ca chain issuing-g1 --format p7b", "ca chain issuing-g1 -o der", "sign --format der " + request} {
		d := newDesk(t)
		c := h.command(t.Context(), strings.Fields(line)...)
		var said bytes.Buffer
		c.Stdout, c.Stderr = d.far, &said
		if err := c.Run(); err == nil || !strings.Contains(said.String(), "binary is not written to a terminal") {
			t.Errorf("%s: %v\n%s", line, err, &said)
		}
	}
	if s := h.done("list"); strings.Contains(s.out, "nas.lab.example") {
		t.Errorf("something was signed:\n%s", s.out)
	}
	d := newDesk(t)
	c := h.command(t.Context(), "ca", "bundle", "--format", "p7b", "--out", "-")
	c.Stdout = d.far
	if err := c.Run(); err != nil {
		t.Error(err)
	}
}
