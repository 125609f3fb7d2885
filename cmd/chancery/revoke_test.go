// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"chancery/ca"
)

// judged lets OpenSSL judge a chain with the lists as they lie at their addresses.
func (h hand) judged(name string) string {
	h.t.Helper()
	h.write("root.pem", h.done("ca", "bundle").out)
	h.write("lists.pem", h.done("crl", "show", "-o", "pem").out)
	chain := h.file(name + ".pem")
	out, err := exec.CommandContext(h.t.Context(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", h.file("lists.pem"),
		"-CAfile", h.file("root.pem"), "-untrusted", chain, chain).CombinedOutput()
	if (err == nil) != strings.Contains(string(out), ": OK") {
		h.t.Errorf("openssl verify: %v\n%s", err, out)
	}
	return string(out)
}

// R29: each authority has a list from the founding on. A revoked certificate fails
// for OpenSSL, another one does not; without a service and with one.
func TestR29_ARevokedCertificateFailsForOpenSSL(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for _, name := range []string{"nas", "web"} {
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
		if out := h.judged(name); !strings.Contains(out, ": OK") {
			t.Fatalf("before anything is revoked: %s", out)
		}
	}
	h.refused("E2111", "revoke", "nas.lab.example", "--reason", "boredom")
	h.refused("E1101", "revoke", "nas.lab.example")
	h.refused("E1101", "revoke", "nas.lab.example", "--confirm", "web.lab.example")
	h.refused("E2101", "revoke", "none.lab.example", "--confirm", "none.lab.example")
	h.refused("E2111", "revoke", h.newestCA(), "--confirm", "lab.example Issuing CA G1")
	h.done("revoke", "nas.lab.example", "--dry-run")
	if out := h.judged("nas"); !strings.Contains(out, ": OK") {
		t.Fatalf("after a dry run: %s", out)
	}
	s := h.done("revoke", "nas.lab.example", "--reason", "superseded", "--confirm", "nas.lab.example")
	if !strings.Contains(s.out, "is published") {
		t.Errorf("it says %s%s", s.out, s.err)
	}
	if out := h.judged("nas"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("after revoking: %s", out)
	}
	if out := h.judged("web"); !strings.Contains(out, ": OK") {
		t.Errorf("the other one: %s", out)
	}
	if s := h.done("list", "--status", "revoked"); !strings.Contains(s.out, "nas.lab.example") || strings.Contains(s.out, "web.lab.example") {
		t.Errorf("the revoked:\n%s", s.out)
	}
	h.serve()
	h.done("revoke", "web.lab.example", "--confirm", "web.lab.example")
	if out := h.judged("web"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("with a service: %s", out)
	}
	// The reason is raised, once.
	var c ca.Certificate
	serial := regexp.MustCompile(`…([0-9a-f]{8})`).FindStringSubmatch(h.done("list", "--name", "nas.lab.example").out)
	raised := h.done("revoke", serial[1], "--reason", "keyCompromise", "--confirm", "nas.lab.example", "--json")
	if !strings.Contains(raised.err, "never certified again") {
		t.Errorf("it does not say what raising does:\n%s", raised.err)
	}
	if err := json.Unmarshal([]byte(raised.out), &c); err != nil || c.Revoked.Reason != ca.KeyCompromise || c.Revoked.Step != 2 {
		t.Errorf("raised: %+v, %v", c.Revoked, err)
	}
	h.refused("E2111", "revoke", serial[1], "--reason", "superseded", "--confirm", "nas.lab.example")
	if s := h.done("crl", "show", "--ca", "issuing-g1"); !strings.Contains(s.out, "2: 1 unspecified, 1 keyCompromise") {
		t.Errorf("the list:\n%s", s.out)
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s", s.out)
	}
}

// newestCA is the public name of the issuing authority's certificate.
func (h hand) newestCA() string {
	h.t.Helper()
	for line := range strings.Lines(h.done("list", "-q", "--ca", "root-g1").out) {
		return strings.TrimSpace(line)
	}
	h.t.Fatal("the root signed nothing")
	return ""
}

// While the keys are locked a certificate can be revoked; the list follows when
// they are open, and the service keeps it fresh by itself (RV-02).
func TestRV02_RevokedWhileTheKeysAreLocked(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.serve()
	h.done("key", "lock")
	s := h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example")
	if !strings.Contains(s.err, "is published once the keys are unlocked") || !strings.Contains(s.err, "is not published yet") || !strings.Contains(s.err, "key unlock") {
		t.Errorf("it says %s%s", s.out, s.err)
	}
	if s := h.done("list", "--status", "revoked"); !strings.Contains(s.out, "nas.lab.example") {
		t.Errorf("the revoked:\n%s", s.out)
	}
	found, _ := h.examined("--only", "lists")
	says(t, found, "lists", warned, "1 revocation on no list yet")
	if s := h.done("status"); !strings.HasPrefix(s.out, "not issuing: the signing keys are locked") || !strings.Contains(s.out, "what was revoked is not on the list of issuing-g1 yet: ") {
		t.Errorf("the status:\n%s", s.out)
	}
	h.refused("E3001", "crl", "publish")
	h.done("key", "unlock")
	h.done("crl", "publish", "--days", "3")
	if out := h.judged("nas"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("after unlocking: %s", out)
	}
	h.refused("E2112", "crl", "publish", "--days", "11")
	h.refused("E1101", "crl", "publish", "--ca", "root-g1") // nobody types the words
	h.done("crl", "publish", "--ca", "root-g1", "--recovery-file", h.file("words"))
	if out := h.judged("nas"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("with a new list of the root: %s", out)
	}
	h.refused("E2101", "crl", "publish", "--ca", "none")
}

// The address in the leaf answers with the list, and whoever has it is told so.
func TestTheListIsAtTheAddressInTheLeaf(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	said := h.serve()
	at := regexp.MustCompile(`revocation +(\S+),`).FindStringSubmatch(said)
	if at == nil {
		t.Fatalf("it does not say where: %s", said)
	}
	for _, name := range []string{"root-g1", "issuing-g1"} {
		if err := os.WriteFile(h.file(name+".crl"), fetch(t, "http://"+at[1]+"/pki/"+name+".crl"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "openssl", "crl", "-in", h.file(name+".crl"), "-inform", "DER", "-noout", "-text").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "X509v3 CRL Number") {
			t.Errorf("openssl crl: %v\n%s", err, out)
		}
	}
}

// The same line typed again must not take down the next certificate of the name.
func TestRevokingANameThatSeveralBearIsRefused(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for _, n := range []string{"1", "2"} {
		h.done("issue", "web.lab.example", "--out", h.file("web"+n+".pem"), "--key-file", h.file("web"+n+".key"))
	}
	s := h.refused("E2102", "revoke", "web.lab.example", "--confirm", "web.lab.example")
	candidates := regexp.MustCompile(`issuing-g1-[0-9a-f]+`).FindAllString(s.err, -1)
	if len(candidates) != 2 {
		t.Fatalf("the candidates: %s", s.err)
	}
	if s := h.refused("E2102", "annotate", "web.lab.example", "--tag", "a"); strings.Contains(s.err, "revoke") {
		t.Errorf("it speaks of revoking: %s", s.err)
	}
	for range 2 { // a retry changes nothing
		h.done("revoke", candidates[0], "--reason", "superseded", "--confirm", "web.lab.example")
	}
	h.done("revoke", "web.lab.example", "--reason", "superseded", "--confirm", "web.lab.example") // one stands
	h.done("revoke", "web.lab.example", "--reason", "superseded", "--confirm", "web.lab.example") // none does
	if s := h.done("list", "-q", "--status", "revoked"); strings.Count(s.out, "issuing-g1-") != 2 {
		t.Errorf("the revoked:\n%s", s.out)
	}
}
