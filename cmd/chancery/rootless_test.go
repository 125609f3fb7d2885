// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// R26: an installation whose root is elsewhere is founded with a key and a request, says
// everywhere what it waits for, and works once the certificate is brought.
func TestR26_AnInstallationIsFoundedBelowARootElsewhere(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	words, csr := h.file("words"), h.file("issuing.csr")
	base := []string{"init", "--names", "lab.example", "--pki-url", nobody, "--recovery-file", words, "--root-csr-only"}
	for _, more := range [][]string{{"--single-tier"}, {"--root-days", "100"}, {"--root-key", "rsa-4096"}, {"--shards", "2"}, {"--csr-out", h.file("none/issuing.csr")}, {"--csr-out", h.write("there", "")}} {
		if s := h.types(append(base[:len(base):len(base)], more...)...); s.code != exitUsage {
			t.Errorf("%v: exit %d\n%s", more, s.code, s.err)
		}
	}
	h.refused("E1101", "init", "--names", "lab.example", "--csr-out", csr)
	if s := h.done(append(base, "--csr-out", csr, "--dry-run")...); !strings.Contains(s.out, "request for its certificate") || strings.Contains(s.out, "root-g1") {
		t.Errorf("%s", s.out)
	}
	for _, path := range []string{h.dir, words, csr} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("what was refused, or a dry run, made %s", path)
		}
	}
	if s := h.done(append(base, "--csr-out", csr, "--key", "ecdsa-p384")...); !strings.Contains(s.out, "waiting: nothing is issued") {
		t.Errorf("%s", s.out)
	}
	if text := h.tool("openssl", "req", "-in", csr, "-verify", "-noout", "-text"); !strings.Contains(text, "lab.example Issuing CA G1") || !strings.Contains(text, "P-384") {
		t.Error(text)
	}
	const missing = "the certificate of issuing-g1"
	if said := h.serve(); !strings.Contains(said, "ready in") {
		t.Error(said)
	}
	for _, line := range []string{"ca list", "status"} {
		if s := h.done(strings.Fields(line)...); !strings.Contains(s.out+s.err, missing) || !strings.Contains(s.out+s.err, "chancery ca import-cert issuing-g1") {
			t.Errorf("%s:\n%s%s", line, s.out, s.err)
		}
	}
	for _, line := range []string{"issue nas.lab.example", "ca bundle", "ca chain issuing-g1"} {
		if s := h.refused("E3004", strings.Fields(line)...); !strings.Contains(s.err, missing) {
			t.Errorf("%s:\n%s", line, s.err)
		}
	}
	if s := h.types("doctor", "--only", "authorities,service"); s.code != exitFaults || strings.Count(s.out, missing) != 2 {
		t.Errorf("exit %d\n%s", s.code, s.out)
	}
	signed := h.newElsewhere("lab-root").signs("issuing.csr", "issuing.pem", "2000", "11", asAuthority)
	h.done("ca", "import-cert", "issuing-g1", signed, h.file("lab-root.pem"), "--yes")
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.tool("openssl", "verify", "-purpose", "sslserver", "-CAfile", "lab-root.pem", "-untrusted", "nas.pem", "nas.pem")
	if s := h.types("doctor"); s.code != 0 {
		t.Errorf("exit %d\n%s", s.code, s.out)
	}
	if s := h.done("ca", "list", "-q"); s.out != "lab-root\nissuing-g1\n" {
		t.Errorf("%s", s.out)
	}
}

// The request goes where answers go, if no file is named for it.
func TestR26_TheRequestOfAFoundingIsPrinted(t *testing.T) {
	t.Parallel()
	for form, holds := range map[string]func(out string) bool{
		"": func(out string) bool {
			return strings.HasPrefix(out, "-----BEGIN CERTIFICATE REQUEST-----") && strings.HasSuffix(out, "-----END CERTIFICATE REQUEST-----\n")
		},
		"--json": func(out string) bool {
			var made foundation
			return json.Unmarshal([]byte(out), &made) == nil && len(made.Request) > 0 && made.Log != ""
		},
	} {
		h := hand{t, filepath.Join(t.TempDir(), "data")}
		s := h.done(append([]string{"init", "--names", "lab.example", "--pki-url", nobody, "--recovery-file", h.file("words"), "--root-csr-only"}, strings.Fields(form)...)...)
		if !holds(s.out) || !strings.Contains(s.err, "waiting") {
			t.Errorf("%q: %s\n%s", form, s.out, s.err)
		}
	}
}
