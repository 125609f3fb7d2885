// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/config"
	"chancery/internal/lab"
	"chancery/policy"
	"chancery/signer"
)

const database = "01939a3e-0000-7000-8000-000000000001"

// A site is a signer in a directory of its own, started and stopped as its
// process would.
type site struct {
	*signer.Signer
	t    testing.TB
	stop func()
}

func start(t testing.TB, dir string) *site {
	t.Helper()
	s := unopened(dir)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	return running(t, s)
}

// running runs an open signer until the test ends.
func running(t testing.TB, s *signer.Signer) *site {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return &site{s, t, stop}
}

func founding(t testing.TB) signer.Founding {
	t.Helper()
	f := lab.Founding(t, database)
	for i := range f.Profiles { // tests hold certificates
		f.Profiles[i].Document = "hold = true\n" + f.Profiles[i].Document
	}
	return f
}

// founded gives a signer with an installation, its authorities and a session.
func founded(t testing.TB) (*site, signer.Founded, ca.Session) {
	t.Helper()
	s, f, _ := started(t)
	return s, f, s.hello(0)
}

func (s *site) hello(next int64) ca.Session {
	s.t.Helper()
	h, err := s.Hello(signer.Hello{Protocol: signer.Protocol, Boot: "front", Database: database, Next: next})
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func profiles(t testing.TB, h ca.Session) map[string]ca.Profile {
	t.Helper()
	b, err := policy.ParseBundle(h.Policy)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Load(config.Profile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// csrBy makes a request with OpenSSL.
func csrBy(t testing.TB, name string, newkey ...string) []byte {
	t.Helper()
	args := append([]string{"req", "-new", "-nodes", "-batch", "-keyout", filepath.Join(t.TempDir(), "key"), "-subj", "/CN=" + name,
		"-addext", "subjectAltName=DNS:" + name}, newkey...)
	out, err := exec.Command("openssl", args...).Output()
	if err != nil {
		t.Fatalf("openssl req: %v", err)
	}
	block, _ := pem.Decode(out)
	if block == nil {
		t.Fatal("openssl req printed no PEM")
	}
	return block.Bytes
}

var p256 = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}

func wish(n int, csr []byte, p ca.Profile) ca.Request {
	return ca.Request{
		ID: ca.RequestID(fmt.Sprintf("01939a3e-0000-7000-8000-%012d", n)), Door: ca.DoorCLI,
		From:    ca.Actor{ID: "uid:1000", Name: "hana", Method: "peer", UID: 1000},
		Profile: p.Name, Digest: p.Digest, CSR: csr, At: time.Now(),
	}
}

// one issues a single wish.
func (s *site) one(h ca.Session, r ca.Request) ca.Answer {
	s.t.Helper()
	a, err := s.Issue(h.Number, []ca.Request{r})
	if err != nil {
		s.t.Fatal(err)
	}
	return a[0]
}

func (s *site) issued(h ca.Session, r ca.Request) ca.Answer {
	s.t.Helper()
	a := s.one(h, r)
	if a.Problem != nil {
		s.t.Fatalf("refused: %s %s (%s)", a.Problem.Code, a.Problem.Detail, a.Problem.Why)
	}
	return a
}

// leaves reads the whole log as a front would.
func (s *site) leaves() []signer.Record {
	s.t.Helper()
	var all []signer.Record
	for {
		page, err := s.Leaves(int64(len(all)))
		if err != nil {
			s.t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func (s *site) count(k audit.Kind) int {
	s.t.Helper()
	n := 0
	for _, r := range s.leaves() {
		if l, err := audit.ParseLeaf(r.Leaf); err != nil {
			s.t.Fatal(err)
		} else if l.Kind == k {
			n++
		}
	}
	return n
}

func writePEM(t testing.TB, path string, der ...[]byte) {
	t.Helper()
	var out []byte
	for _, d := range der {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d})...)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Requests that another program made are signed, and a third one's strict
// reading accepts chain and certificate.
func TestCertificatesForOpenSSLsKeysVerifyStrictly(t *testing.T) {
	s, f, h := founded(t)
	dir := t.TempDir()
	writePEM(t, filepath.Join(dir, "root.pem"), f.Authorities[0].Certificate)
	writePEM(t, filepath.Join(dir, "issuing.pem"), f.Authorities[1].Certificate)
	for n, kind := range [][]string{
		{"-newkey", "rsa:2048"}, {"-newkey", "rsa:4096"}, p256,
		{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"}, {"-newkey", "ed25519"},
	} {
		t.Run(strings.Join(kind[1:], " "), func(t *testing.T) {
			a := s.issued(h, wish(n, csrBy(t, "nas.lab.example", kind...), profiles(t, h)["server"]))
			leaf := filepath.Join(dir, fmt.Sprintf("leaf-%d.pem", n))
			writePEM(t, leaf, a.DER)
			out, err := exec.Command("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "nas.lab.example",
				"-CAfile", filepath.Join(dir, "root.pem"), "-untrusted", filepath.Join(dir, "issuing.pem"), leaf).CombinedOutput()
			if err != nil {
				t.Fatalf("openssl verify: %v\n%s", err, out)
			}
		})
	}
}

func TestIS04TheSameRequestGivesTheSameCertificateAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if _, err := s.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	h := s.hello(0)
	r := wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
	r.Key = "order-1"
	first := s.issued(h, r)
	again := r
	again.ID = wish(2, nil, ca.Profile{}).ID // the door's key is the same
	for _, repeat := range []ca.Request{r, again} {
		if a := s.issued(h, repeat); string(a.DER) != string(first.DER) || a.Index != first.Index {
			t.Error("another certificate")
		}
	}
	s.stop()
	s = start(t, dir)
	h = s.hello(0)
	if a := s.issued(h, again); string(a.DER) != string(first.DER) {
		t.Error("another certificate after the restart")
	}
	if out, err := s.Outcome(h.Number, []ca.RequestID{r.ID, "nobody"}); err != nil || string(out[0].DER) != string(first.DER) || out[1].Problem == nil {
		t.Errorf("outcome: %v, %v", out, err)
	}
	if n := s.count(audit.Intent); n != 3 { // root, issuing, this one
		t.Errorf("%d intents", n)
	}
}

func TestIS01TheIntentOfACertificateHasItsExactBytes(t *testing.T) {
	s, _, h := founded(t)
	a := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	l, err := audit.ParseLeaf(a.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	all := s.leaves()
	var body ca.IntentBody
	if err := json.Unmarshal(all[a.Index].Body, &body); err != nil {
		t.Fatal(err)
	}
	if l.Kind != audit.Intent || l.Index != a.Index || !strings.Contains(string(a.DER), string(body.TBS)) {
		t.Error("the leaf is not the certificate's intent")
	}
}

// A front that was taken over asks for what the policy does not allow.
func TestSG05WhatTheBundleDoesNotAllowIsRefusedWhateverTheFrontSays(t *testing.T) {
	s, _, h := founded(t)
	server := profiles(t, h)["server"]
	good := wish(1, csrBy(t, "a.lab.example", p256...), server)
	for n, tt := range []struct {
		name string
		code ca.Code
		turn func(*ca.Request)
	}{
		{"another version of the profile", ca.E2119, func(r *ca.Request) { r.Digest[0] ^= 1 }},
		{"a profile that is not there", ca.E2118, func(r *ca.Request) { r.Profile = "root" }},
		{"a foreign name", ca.E2107, func(r *ca.Request) { r.CSR = csrBy(t, "www.bank.example", p256...) }},
		{"a CA certificate", ca.E2205, func(r *ca.Request) {
			r.CSR = csrBy(t, "a.lab.example", append([]string{"-addext", "basicConstraints=critical,CA:TRUE"}, p256...)...)
		}},
		{"a request whose signature is not its own", ca.E2203, func(r *ca.Request) {
			r.CSR = append([]byte{}, r.CSR...)
			r.CSR[len(r.CSR)-1] ^= 1
		}},
		{"no request", ca.E2203, func(r *ca.Request) { r.CSR = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := good
			r.ID = wish(100+n, nil, ca.Profile{}).ID
			tt.turn(&r)
			before := s.count(audit.Refusal)
			a := s.one(h, r)
			if a.Problem == nil || a.Problem.Code != tt.code || a.DER != nil {
				t.Errorf("want %s, got %+v", tt.code, a.Problem)
			}
			if n := s.count(audit.Refusal); n != before+1 {
				t.Errorf("%d refusals on the log, want %d", n, before+1)
			}
		})
	}
	if n := s.count(audit.Intent); n != 2 {
		t.Errorf("something was signed: %d intents", n)
	}
}

func TestANewerHelloClosesTheOlderSession(t *testing.T) {
	s, _, old := founded(t)
	s.hello(0)
	_, err := s.Issue(old.Number, nil)
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E1402 {
		t.Errorf("got %v", err)
	}
}

func TestHelloRefusesAnotherDatabaseAndAJournalOlderThanIt(t *testing.T) {
	s, _, _ := founded(t)
	for code, h := range map[ca.Code]signer.Hello{
		ca.E1402: {Protocol: 99, Database: database},
		ca.E1405: {Protocol: signer.Protocol, Database: "another"},
		ca.E1406: {Protocol: signer.Protocol, Database: database, Next: 1 << 40},
	} {
		_, err := s.Hello(h)
		var p *ca.Problem
		if !errors.As(err, &p) || p.Code != code {
			t.Errorf("want %s, got %v", code, err)
		}
	}
}

func TestFoundingIsDoneOnce(t *testing.T) {
	s, _, _ := founded(t)
	var p *ca.Problem
	if _, err := s.Found(founding(t), os.Getuid()); !errors.As(err, &p) || p.Code != ca.E1002 {
		t.Errorf("got %v", err)
	}
}

// Settling brings what the book holds; the signer believes only what it made.
func TestSettleTakesOnlyWhatTheIntentSays(t *testing.T) {
	s, f, h := founded(t)
	a := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	var p *ca.Problem
	if _, err := s.Leaves(0); err != nil { // makes the FINAL durable
		t.Fatal(err)
	}
	err := s.Settle(h.Number, []ca.Settlement{{Index: a.Index, Act: ca.SettleVoid}})
	if !errors.As(err, &p) || p.Code != ca.E1406 {
		t.Errorf("a signed intent was voided: %v", err)
	}
	if err := s.Settle(h.Number, []ca.Settlement{{Index: a.Index, Act: ca.SettleFinal, DER: a.DER}}); err != nil {
		t.Errorf("repeating what is so: %v", err)
	}
	err = s.Settle(h.Number, []ca.Settlement{{Index: 0, Act: ca.SettleFinal, DER: f.Authorities[0].Certificate}})
	if !errors.As(err, &p) {
		t.Errorf("a leaf that is no intent: %v", err)
	}
}
