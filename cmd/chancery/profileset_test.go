// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each set of profiles is founded, and issues as its documents say.
func TestInitFoundsEachProfileSet(t *testing.T) {
	t.Parallel()
	for set, lines := range map[string]map[string]string{
		"iot":        {"sensor-1.lab.example --profile device": "", "mqtt.lab.example 10.0.0.7 --profile peer": "", "*.lab.example --profile device": "E2107", "ota@lab.example --profile codesign --password-file word": "E2124"},
		"kubernetes": {"web.default.svc.cluster.local kubernetes 10.96.0.1": "", "etcd-0.lab.example --profile etcd": "E2124", "n1.lab.example --profile node": "E2124", "cp1.lab.example 10.0.0.5 --profile apiserver": "", "root@lab.example --profile admin": "E2204", "builder.lab.example --profile client": ""},
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			h := hand{t, filepath.Join(t.TempDir(), "data")}
			h.done("init", "--names", "lab.example", "--profile-set", set, "--recovery-file", h.file("words"))
			h.write("word", "correct horse battery staple\n")
			for line, want := range lines {
				args := strings.Fields("issue " + line)
				if want != "" {
					h.refused(want, args...)
					continue
				}
				h.done(args...)
			}
		})
	}
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	if s := h.refused("E1101", "init", "--names", "lab.example", "--profile-set", "home", "--recovery-file", h.file("words")); !strings.Contains(s.err, "homelab, iot, office, kubernetes") {
		t.Errorf("a set that is not there:\n%s", s.err)
	}
}

// R38: a key that is made on the authority's machine is spoken of, and not made where the
// profile says never. R39: the file of a key is encrypted where the profile says so.
func TestR38_R39_KeysAreMadeAndKeptAsTheProfileSays(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--profile-set", "office", "--recovery-file", h.file("words"))
	h.write("word", "correct horse battery staple\n")
	if s := h.done("issue", "nas.lab.example"); !strings.Contains(s.err, "made on the authority's own machine") {
		t.Errorf("nobody is told where the key was made:\n%s", s.err)
	}
	if s := h.done("issue", "nas.lab.example", "--key-file", "nas.lab.example.key", "--out", "again.pem"); strings.Contains(s.err, "made on the authority's own machine") {
		t.Errorf("a key that was there is spoken of:\n%s", s.err)
	}
	h.refused("E2204", "issue", "hana@lab.example", "--profile", "user")
	h.refused("E1101", "issue", "hana@lab.example", "--profile", "email")
	if left, _ := filepath.Glob(h.file("hana*")); len(left) != 0 {
		t.Errorf("what was refused left %q", left)
	}
	s := h.done("issue", "hana@lab.example", "--profile", "email", "--password-file", "word")
	if !strings.Contains(h.read("hana@lab.example.key"), "ENCRYPTED PRIVATE KEY") || !strings.Contains(s.err, "wants the file of the key encrypted") {
		t.Errorf("the key is\n%s\n%s", h.read("hana@lab.example.key"), s.err)
	}
	block, _ := pem.Decode([]byte(h.read("hana@lab.example.pem")))
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil || x.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyAgreement || !slices.Equal(x.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}) {
		t.Errorf("the certificate has key usage %b and uses %v, %v", x.KeyUsage, x.ExtKeyUsage, err)
	}
	// A key that was made elsewhere, and its request brought: then grants decide. R58: the
	// address in its subject is a name.
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", h.file("hana.key"), "-subj", "/emailAddress=hana@lab.example", "-out", h.file("hana.csr")).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl req: %v\n%s", err, out)
	}
	h.refused("E2124", "sign", h.file("hana.csr"), "--profile", "user")
	h.done("sign", h.file("hana.csr"), "--profile", "email")
}

// R57, R71: the order of the request's subject, extensions taken and added, and what is
// told of the rest, from the document to what OpenSSL reads.
func TestR57_R71_WhatAProfileSaysStandsInTheCertificate(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("all.toml", `schema = 1
name = "all"
doors = ["cli"]
use = ["server"]
days = 30
keys = ["rsa-2048"]
key_usage = ["digital_signature", "non_repudiation", "key_encipherment"]

[names]
dns = ["*.lab.example"]
email = ["@lab.example"]

[subject]
preserve = true
email = "copy"
locality = "fixed:Berlin"

[extensions]
take = ["tls-feature"]

[[extensions.add]]
policies = [{ oid = "1.3.6.1.4.1.32473.1", cps = "https://pki.lab.example/cps" }]

[[rule]]
require = "subject.unit == ['A', 'B'] && key.bits >= 2048"
message = "units are A and B"
`)
	h.done("profile", "set", "all", "--file", h.file("all.toml"), "--yes")
	request := func(subject string) string {
		out, err := exec.CommandContext(t.Context(), "openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", h.file("a.key"), "-subj", subject, "-out", h.file("a.csr"),
			"-addext", "subjectAltName=DNS:a.lab.example", "-addext", "tlsfeature=status_request", "-addext", "nsComment=x", "-addext", "extendedKeyUsage=clientAuth").CombinedOutput()
		if err != nil {
			t.Fatalf("openssl req: %v\n%s", err, out)
		}
		return h.file("a.csr")
	}
	h.refused("E2123", "sign", request("/CN=a.lab.example/OU=A"), "--profile", "all")
	s := h.done("sign", request("/CN=a.lab.example/OU=A/OU=B/O=Lab/emailAddress=hana@lab.example/C=DE"), "--profile", "all", "--out", h.file("a.pem"))
	for _, told := range []string{"2.16.840.1.113730.1.13", "extended key usage: asked for client; set by the profile: server"} {
		if !strings.Contains(s.err, told) {
			t.Errorf("not told: %s\n%s", told, s.err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", h.file("a.pem"), "-noout", "-text", "-nameopt", "sname,sep_comma_plus").CombinedOutput()
	if err != nil {
		t.Fatalf("openssl x509: %v\n%s", err, out)
	}
	for _, want := range []string{"Subject: L=Berlin,CN=a.lab.example,OU=A,OU=B,O=Lab,emailAddress=hana@lab.example,C=DE", "DNS:a.lab.example, email:hana@lab.example",
		"status_request", "Policy: 1.3.6.1.4.1.32473.1", "Digital Signature, Non Repudiation, Key Encipherment\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the certificate lacks %q:\n%s", want, out)
		}
	}
}
