// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/listen"
)

// weaknessesOf are those that ca show tells of an authority.
func (h hand) weaknessesOf(name string) string {
	h.t.Helper()
	var shown shownAuthority
	if err := json.Unmarshal([]byte(h.done("ca", "show", name, "-o", "json").out), &shown); err != nil {
		h.t.Fatal(err)
	}
	return strings.Join(shown.Weaknesses, "; ")
}

// R16, PF-05: constraints of an intermediate stand in what is below it, made, renewed and
// cross-certified here, so that the bundle says the same to whoever takes its members for
// anchors; live certificates of the line are held against them before they bite, when the
// next generation is made and when it is activated.
func TestR16_PF05_ConstraintsAboveStandInTheCertificateAndBiteBeforehand(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	words := h.file("words")
	h.done("init", "--names", "lab.example,other.example", "--hostname", "ca.other.example", "--recovery-file", words)
	h.serve()
	h.done("ca", "create", "policy-g1", "--intermediate", "--names", "dns:lab.example", "--names", "!dns:secret.lab.example", "--recovery-file", words, "--yes")
	h.done("issue", "nas.lab.example")

	// The service's own certificate would be refused, though nobody asked for it yet.
	make := []string{"ca", "create", "issuing-g2", "--parent", "policy-g1", "--recovery-file", words, "--yes"}
	listening := h.command(t.Context(), make...)
	listening.Env = append(listening.Env, "CHANCERY_LISTEN=:8443")
	if s := h.runs(listening); !strings.Contains(s.err, "E2114") || !strings.Contains(s.err, "ca.other.example (of this service's own listeners") || strings.Contains(s.err, "nas.lab") {
		t.Errorf("%s", s.err)
	}
	h.refused("E2113", append(make, "--names", "dns:evil.test")...)
	if s := h.done(append(make, "--accept-broken")...); !strings.Contains(s.err, "names        dns:lab.example  !dns:secret.lab.example") {
		t.Errorf("the plan does not show what is inherited:\n%s", s.err)
	}
	if s := h.done("ca", "show", "issuing-g2"); !strings.Contains(s.out, "dns:lab.example, !dns:secret.lab.example") {
		t.Errorf("%s", s.out)
	}
	h.done("issue", "www.other.example")
	for _, line := range [][]string{{"ca", "activate", "issuing-g2", "--yes"}, {"ca", "activate", "issuing-g2", "--dry-run"}, {"ca", "rollover", "issuing-g1", "--activate", "--yes"}} {
		if s := h.refused("E2114", line...); !strings.Contains(s.err, "www.other.example") || !strings.Contains(s.err, "1 live certificate") {
			t.Errorf("%v: %s", line, s.err)
		}
	}
	h.done("ca", "rollover", "issuing-g1", "--activate", "--accept-broken", "--yes")

	// A successor below others has theirs, and not those above the one before.
	h.done("ca", "create", "policy-g2", "--intermediate", "--names", "dns:other.example", "--recovery-file", words, "--yes")
	h.done("ca", "rollover", "issuing-g2", "--parent", "policy-g2", "--recovery-file", words, "--accept-broken", "--yes")
	if s := h.done("ca", "show", "issuing-g3"); !strings.Contains(s.out, "dns:other.example") || strings.Contains(s.out, "dns:lab.example") {
		t.Errorf("%s", s.out)
	}
	h.done("ca", "renew", "issuing-g2", "--recovery-file", words, "--yes")
	for _, name := range []string{"root-g1", "issuing-g1", "policy-g1", "issuing-g2", "issuing-g3"} {
		if weak := h.weaknessesOf(name); weak != "" {
			t.Errorf("%s is weak: %s", name, weak)
		}
	}
	roots := h.done("ca", "bundle", "--roots").out
	if root := strings.TrimSpace(h.done("ca", "show", "root-g1", "-o", "pem").out); strings.Count(roots, "BEGIN CERTIFICATE") != 1 || !strings.Contains(roots, root) {
		t.Errorf("--roots has\n%s", roots)
	}
}

// R16: what was made elsewhere cannot get what stands above it, and is named.
func TestR16_WhatLacksTheConstraintsAboveItIsCalledWeak(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(names ...string) []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, PermittedDNSDomainsCritical: true, PermittedDNSDomains: names}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	above := [][]byte{certificate("lab.example")}
	for _, c := range []struct {
		own  []byte
		weak bool
	}{{certificate(), true}, {certificate("a.lab.example"), false}, {certificate("lab.example"), false}, {certificate("example"), true}} {
		if weak := unseen(c.own, above); len(weak) > 0 != c.weak {
			t.Errorf("%v", weak)
		}
	}
	if weak := unseen(certificate(), [][]byte{certificate()}); len(weak) > 0 {
		t.Errorf("without constraints above: %v", weak)
	}
}

// The doctor looks at the certificate of the listeners, and says what keeps a new one.
func TestTheDoctorLooksAtTheListenersCertificate(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	if found, code := d.examined("--only", "listeners"); code != 0 || found[0].Level != fine {
		t.Errorf("%+v", found)
	}
	path := layout{dir: d.dir}.serviceKey()
	words := d.file("words")
	d.done("ca", "create", "policy-g1", "--intermediate", "--names", "dns:lab.example", "--recovery-file", words, "--yes")
	d.done("ca", "create", "issuing-g2", "--parent", "policy-g1", "--recovery-file", words, "--accept-broken", "--yes")
	if s := d.refused("E2114", "ca", "activate", "issuing-g2", "--yes"); !strings.Contains(s.err, "localhost (of this service's own listeners)") || strings.Contains(s.err, "→") {
		t.Errorf("%s", s.err)
	}
	d.done("ca", "activate", "issuing-g2", "--accept-broken", "--yes")
	d.until("a refusal that is written down", func() bool { p := listen.Refused(path); return p != nil && p.Code == ca.E2114 })
	if found, _ := d.examined("--only", "listeners"); found[0].Level != warned || !strings.Contains(found[0].Message, "get no new certificate") {
		t.Errorf("%+v", found)
	}
	d.done("ca", "activate", "issuing-g1", "--yes")
	d.until("an end of it", func() bool { return listen.Refused(path) == nil })
	if err := os.WriteFile(path, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, code := d.examined("--only", "listeners"); code == 0 || found[0].Level != failed {
		t.Errorf("%+v", found)
	}
}

// A refusal of before is none any more once an authority signs: the service asks again soon.
func TestTheDoctorHoldsARefusalAgainstWhoSignsNow(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	path := layout{dir: h.dir}.serviceKey()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, nil) // the service listened over TLS once
	for code, told := range map[ca.Code]bool{ca.E3004: false, ca.E2114: true} {
		overwrite(t, path+".refused", []byte(`{"code":"`+string(code)+`","detail":"no authority of line issuing can sign","hint":"chancery ca create"}`))
		if found, _ := h.examined("--only", "listeners"); strings.Contains(found[0].Message, "get no new certificate") != told {
			t.Errorf("%s: %+v", code, found)
		}
	}
}
