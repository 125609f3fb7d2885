// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/format"
)

// R2, R6: a generation is followed by the next, in steps that can be broken off; new
// certificates come from the new one at once, and the old one keeps its list.
func TestR6_AGenerationIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	words := h.file("words")
	issuer := func(name string) string {
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
		return h.tool("openssl", "x509", "-noout", "-issuer", "-in", name+".pem")
	}
	if got := issuer("one"); !strings.Contains(got, "CA G1") {
		t.Fatal(got)
	}
	before := h.done("ca", "list").out
	if s := h.done("ca", "rollover", "issuing-g1", "--dry-run"); !strings.Contains(s.err, "issuing-g2") || !strings.Contains(s.out, "not made yet") {
		t.Errorf("a dry run shows no plan: %s%s", s.err, s.out)
	}
	h.refused("E2601", "ca", "rollover", "issuing-g1", "--days", "99999", "--dry-run") // T-03: the signer is asked
	h.refused("E3002", "ca", "rollover", "issuing-g1", "--recovery-file", h.write("wrong", strings.Repeat("abandon ", 23)+"art"), "--yes")
	if strings.Count(h.done("ca", "list").out, "\n") != strings.Count(before, "\n") {
		t.Error("a dry run or wrong words made something")
	}
	if s := h.done("ca", "rollover", "issuing-g1", "--recovery-file", words, "--yes"); !strings.Contains(s.out, "issuing-g2, standby") || !strings.Contains(s.out, "--activate") {
		t.Errorf("%s", s.out)
	}
	if s := h.done("ca", "rollover", "issuing-g1", "--activate", "--dry-run"); !strings.Contains(s.out, "issuing-g2, standby") {
		t.Errorf("%s", s.out)
	}
	if got := issuer("two"); !strings.Contains(got, "CA G1") {
		t.Errorf("the successor signs in standby: %s", got)
	}
	if s := h.done("ca", "rollover", "issuing-g1", "--activate", "--yes"); !strings.Contains(s.out, "not before") || !strings.Contains(s.out, "chancery ca retire issuing-g1") {
		t.Errorf("%s", s.out)
	}
	if got := issuer("three"); !strings.Contains(got, "CA G2") {
		t.Errorf("after activation: %s", got)
	}
	h.done("revoke", "one.lab.example", "--confirm", "one.lab.example")
	if out := h.judged("one"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("the list of the old generation: %s", out)
	}
	if out := h.judged("three"); !strings.Contains(out, ": OK") {
		t.Errorf("%s", out)
	}
	if s := h.refused("E1101", "ca", "retire", "issuing-g1"); !strings.Contains(s.err, "1 certificate") || !strings.Contains(s.err, "ca revoke issuing-g1") {
		t.Errorf("%s", s.err)
	}
	h.refused("E2603", "ca", "retire", "issuing-g2", "--confirm", "issuing-g2")
	if s := h.done("ca", "retire", "issuing-g1", "--confirm", "issuing-g1"); !strings.Contains(s.err, "its revocation list goes on") || !strings.Contains(s.out, "is retired") {
		t.Errorf("%s%s", s.out, s.err)
	}
	// What it signed stays good, and verify says why that may not be meant.
	if s := h.done("verify", h.file("two.pem")); !strings.Contains(s.out, "issuing-g1 is retired") {
		t.Errorf("%s", s.out)
	}
	if s := h.done("ca", "rollover", "issuing-g1", "--yes"); !strings.Contains(s.out, "issuing-g1 no more") {
		t.Errorf("%s", s.out)
	}
	h.refused("E2603", "ca", "activate", "issuing-g1", "--yes")
	// BK-05: its list goes on.
	if s := h.done("revoke", "two.lab.example", "--confirm", "two.lab.example"); !strings.Contains(s.out, "of issuing-g1 is published") {
		t.Errorf("%s%s", s.out, s.err)
	}
	if out := h.judged("two"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("%s", out)
	}
	h.judges(exitFaults, "revoked", h.file("two.pem"))
	if found, _ := h.examined("--only", "lists"); count(found, fine) != len(found) || len(found) < 3 {
		t.Errorf("%+v", found)
	}
}

// R6: the successor of a root and the root certify each other, so that either in a
// trust store accepts what is below both; a renewal keeps the key.
func TestR6_ARootIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	words, fresh := h.file("words"), h.file("words2")
	h.done("issue", "one.lab.example", "--out", h.file("one.pem"), "--key-file", h.file("one.key"))
	h.refused("E1101", "ca", "rollover", "root-g1", "--recovery-file", words, "--yes") // nobody would hold the new words
	if s := h.done("ca", "rollover", "root-g1", "--recovery-file", words, "--own-recovery-file", fresh, "--yes"); !strings.Contains(s.out, "certified each other") || !strings.Contains(s.err, "ends with it") {
		t.Errorf("%s%s", s.out, s.err)
	}
	h.done("ca", "rollover", "root-g1", "--activate", "--yes")
	h.done("ca", "rollover", "issuing-g1", "--recovery-file", fresh, "--yes") // which opens root-g2, the active one
	h.done("ca", "rollover", "issuing-g1", "--activate", "--yes")
	h.done("issue", "two.lab.example", "--out", h.file("two.pem"), "--key-file", h.file("two.key"))
	for _, one := range []struct{ leaf, trusted, cross string }{{"one", "root-g2", "root-g1"}, {"two", "root-g1", "root-g2"}} {
		s := h.done("ca", "cross", one.cross, "--by", one.trusted, "--dry-run")
		if s.out == "" {
			t.Error("no plan")
		}
		h.write("root.pem", h.done("ca", "show", one.trusted, "-o", "pem").out)
		h.write("cross.pem", pemText(certificateLabel, [][]byte{h.crossOf(one.cross)}))
		chain := format.DERs(h.contents(one.leaf+".pem", "").Certificates)
		h.write("sent.pem", pemText(certificateLabel, chain[1:])+h.read("cross.pem"))
		h.tool("openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "sent.pem", one.leaf+".pem")
	}
	before := h.tool("openssl", "x509", "-in", h.write("g1.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out), "-noout", "-pubkey")
	h.done("ca", "renew", "issuing-g1", "--days", "2000", "--recovery-file", words, "--yes")
	h.refused("E2601", "ca", "renew", "issuing-g1", "--days", "100", "--recovery-file", words, "--yes")
	if s := h.done("ca", "renew", "issuing-g1", "--dry-run"); !strings.Contains(s.err, "2001 days") {
		t.Errorf("the usual life would shorten it: %s", s.err)
	}
	after := h.tool("openssl", "x509", "-in", h.write("g1.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out), "-noout", "-pubkey")
	if before != after {
		t.Error("the renewal changed the key")
	}
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	h.tool("openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "g1.pem", "one.pem")
}

// R6, R21: what signs itself without a root is followed by another such, by the words of
// the installation; who trusts the bundle accepts what either signed.
func TestR6_AnAuthorityWithoutARootIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--single-tier", "--recovery-file", h.file("words"))
	h.serve()
	h.done("issue", "one.lab.example", "--out", h.file("one.pem"), "--key-file", h.file("one.key"))
	h.refused("E3002", "ca", "rollover", "issuing-g1", "--recovery-file", h.write("wrong", strings.Repeat("abandon ", 23)+"art"), "--yes")
	s := h.done("ca", "rollover", "issuing-g1", "--recovery-file", h.file("words"), "--yes")
	if !strings.Contains(s.err, "signed by    itself") || !strings.Contains(s.out, "each relying party needs both") {
		t.Errorf("%s%s", s.out, s.err)
	}
	h.write("both.pem", h.done("ca", "bundle").out)
	h.done("ca", "rollover", "issuing-g1", "--activate", "--yes")
	h.done("issue", "two.lab.example", "--out", h.file("two.pem"), "--key-file", h.file("two.key"))
	if issuer := h.tool("openssl", "x509", "-noout", "-issuer", "-in", "two.pem"); !strings.Contains(issuer, "CA G2") {
		t.Error(issuer)
	}
	for _, name := range []string{"one", "two"} {
		h.tool("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "both.pem", name+".pem")
	}
	h.done("ca", "retire", "issuing-g1", "--confirm", "issuing-g1")
	h.refused("E1101", "ca", "create", "issuing-g3", "--recovery-file", h.file("words"), "--yes") // below what?
}

// What relying parties have is ticked off by hand; a successor is not activated past those
// that are missing, unless they were counted.
func TestASuccessorWaitsForTheHostsThatWereNamed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("ca", "rollover", "issuing-g1", "--recovery-file", h.file("words"), "--yes")
	if s := h.done("ca", "rollover", "issuing-g1", "--expects", "mqtt-02,printer-gw,web-legacy", "--yes"); !strings.Contains(s.out, "0 of 3 named hosts have it; missing: mqtt-02, printer-gw, web-legacy") {
		t.Errorf("%s", s.out)
	}
	h.refused("E1101", "ca", "rollover", "issuing-g1", "--mark", "mqtt-03", "--yes")
	if s := h.done("ca", "rollover", "issuing-g1", "--mark", "mqtt-02", "--yes"); !strings.Contains(s.out, "1 of 3") || !strings.Contains(s.out, "--mark HOST") {
		t.Errorf("%s", s.out)
	}
	for _, more := range [][]string{nil, {"--accept-missing", "1"}} {
		s := h.refused("E2603", append([]string{"ca", "rollover", "issuing-g1", "--activate", "--yes"}, more...)...)
		if !strings.Contains(s.err, "--accept-missing 2") || !strings.Contains(s.err, "printer-gw, web-legacy") {
			t.Errorf("%s", s.err)
		}
	}
	if s := h.refused("E1101", "ca", "rollover", "issuing-g1", "--activate", "--accept-missing", "3", "--yes"); !strings.Contains(s.err, "more than lack the bundle: 2") {
		t.Errorf("%s", s.err)
	}
	h.done("ca", "rollover", "issuing-g1", "--mark", "printer-gw", "--activate", "--accept-missing", "1", "--yes")
	if s := h.done("ca", "list"); !strings.Contains(s.out, "retiring") {
		t.Errorf("%s", s.out)
	}
	if found, code := h.examined("--only", "modes"); code != 0 {
		t.Errorf("%+v", found)
	}
}

// BK-05: what is alone in its line and has signed nothing is retired as it is; whatever has
// signed is followed first.
func TestBK05_AnAuthorityThatSignedNothingIsRetired(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	s := h.done("ca", "create", "users-g1", "--recovery-file", h.file("words"), "--yes")
	for _, want := range []string{"no profile names line users", "chancery profile set client --lines users", "--profile client --ca users"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("no %q in\n%s", want, s.out)
		}
	}
	h.done("ca", "retire", "users-g1", "--dry-run")
	if s := h.done("ca", "list"); strings.Contains(s.out, "retired") {
		t.Errorf("a dry run:\n%s", s.out)
	}
	h.done("ca", "retire", "users-g1")
	h.done("issue", "one.lab.example")
	h.done("revoke", "one.lab.example", "--confirm", "one.lab.example")
	h.refused("E2603", "ca", "retire", "issuing-g1")
	if s := h.done("ca", "list"); strings.Count(s.out, "retired") != 1 || strings.Contains(s.out, "retiring") {
		t.Errorf("%s", s.out)
	}
}

// R15, R17: the successor of an intermediate has its path length and its policies, with
// the addresses of their statements.
func TestR15_ASuccessorHasThePathLengthAndThePoliciesOfTheOneBefore(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	words := h.file("words")
	h.done("ca", "create", "policy-g1", "--intermediate", "--path-length", "2", "--policy", "1.3.6.1.4.1.32473.1=https://pki.lab.example/cps", "--recovery-file", words, "--yes")
	h.done("ca", "rollover", "policy-g1", "--recovery-file", words, "--yes")
	text := h.tool("openssl", "x509", "-in", h.write("g2.pem", h.done("ca", "show", "policy-g2", "-o", "pem").out), "-noout", "-text")
	for _, want := range []string{"pathlen:2", "1.3.6.1.4.1.32473.1", "https://pki.lab.example/cps"} {
		if !strings.Contains(text, want) {
			t.Errorf("the successor lacks %s:\n%s", want, text)
		}
	}
}

// R11: roots that name their very certificates in what they sign are followed without
// certifying each other, which would help nobody.
func TestR11_ARootThatNamesItsCertificateIsFollowedWithoutCrossing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("ca", "create", "old-g1", "--root", "--aki", "keyid+issuer", "--own-recovery-file", h.file("words1"), "--yes")
	s := h.done("ca", "rollover", "old-g1", "--own-recovery-file", h.file("words2"), "--yes")
	if !strings.Contains(s.out, "no root certifies the other") || !strings.Contains(s.out, "--activate") {
		t.Errorf("%s%s", s.out, s.err)
	}
	h.done("ca", "rollover", "old-g1", "--activate", "--yes")
}

// crossOf is the newest cross-certificate of an authority.
func (h hand) crossOf(name string) []byte {
	h.t.Helper()
	var shown shownAuthority
	if err := json.Unmarshal([]byte(h.done("ca", "show", name, "--json").out), &shown); err != nil || len(shown.Cross) == 0 {
		h.t.Fatalf("%s has no cross-certificate: %v", name, err)
	}
	return shown.Cross[len(shown.Cross)-1].Certificate
}

// R3, R12, R15, R16, R17: what is told while an authority is made, and that a dry run
// makes nothing.
func TestR17_WhatIsToldWhileAnAuthorityIsMade(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	before, words := h.authorities(), h.file("words")
	for want, line := range map[string]string{
		"less than 5 years":       "ca create a-g1 --days 400 --for client",
		"within 14 days":          "ca create a-g1 --days 1826 --for client",
		"everything below it":     "ca create a-g1 --root --days 365",
		"signs for    client, oc": "ca create a-g1 --for client",
		"line a,":                 "ca create a-g7 --for client --key rsa-3072 --hash sha512",
		"dns:lab.example":         "ca create a-g1 --names dns:lab.example --names !dns:secret.lab.example",
	} {
		s := h.done(append(strings.Fields(line), "--dry-run")...)
		if !strings.Contains(s.err, want) || s.out != "nothing was made\n" {
			t.Errorf("%s: no %q in\n%s%s", line, want, s.err, s.out)
		}
	}
	for line, code := range map[string]string{
		"ca create a-g1 --key rsa-2048":                                           "E2204",
		"ca create a-g1 --hash md5":                                               "E1101",
		"ca create a-g1 --names dns:*.lab.example":                                "E2113",
		"ca create a-g1 --for flying":                                             "E1101",
		"ca create a-g1 --parent nobody":                                          "E2101",
		"ca create a-g1 --parent issuing-g1":                                      "E2601",
		"ca create a-g1 --root --parent root-g1":                                  "E1101",
		"ca create issuing-g1 --recovery-file " + words:                           "E2601",
		"ca create A_1 --line a --recovery-file " + words:                         "E2601",
		"ca create a-g1 --root":                                                   "E1101",
		"ca create a-g1 --path-length 3 --recovery-file " + words:                 "E2601",
		"ca create issuing-g2 --names dns:other.example --recovery-file " + words: "E2114",
	} {
		if strings.Contains(line, "issuing-g2") {
			h.done("issue", "nas.lab.example")
		}
		h.refused(code, strings.Fields(line)...)
	}
	if after := h.authorities(); after != before {
		t.Errorf("now there are\n%s", after)
	}
	h.done("ca", "create", "issuing-g2", "--names", "dns:other.example", "--accept-broken", "--recovery-file", words, "--yes")
	if s := h.done("ca", "create", "users-g1", "--for", "client", "--recovery-file", words, "--yes"); !strings.Contains(s.out, "no profile names line users") {
		t.Errorf("%s", s.out)
	}
	if s := h.done("__complete", "ca", "activate", "issuing"); !strings.Contains(s.out, "issuing-g2\n") {
		t.Errorf("%s", s.out)
	}
}

// A cross-certificate that its signer revoked is none; a rollover makes another.
func TestARevokedCrossCertificateIsMadeAnew(t *testing.T) {
	of, by := ca.Authority{Name: "root-g1", Parent: "root-g1"}, ca.Authority{Name: "root-g2"}
	if certified(of, by) {
		t.Error("by nobody yet")
	}
	of.Cross = []ca.CrossCertificate{{By: by.Name}}
	if !certified(of, by) {
		t.Error("it is certified")
	}
	of.Revoked = []ca.AuthorityRevocation{{By: by.Name}}
	if certified(of, by) {
		t.Error("that is revoked")
	}
}
