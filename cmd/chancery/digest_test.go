// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// R128: what an authority signs with is chosen for it, SHA-256 unless told; MD5 and SHA-1
// sign nothing, and what they signed elsewhere can still be read.
func TestR128_TheDigestIsChosenForEachAuthority(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	words := h.file("words")
	text := func(of string) string {
		t.Helper()
		h.write("one.pem", h.done("ca", "show", of, "-o", "pem").out)
		return h.tool("openssl", "x509", "-in", "one.pem", "-noout", "-text")
	}
	signs := func(generation, want string) {
		t.Helper()
		h.done("issue", "--out", h.file(generation+"-"+want+".pem"), "--key-file", h.file(generation+".key"), "nas.lab.example")
		if leaf := h.tool("openssl", "x509", "-in", generation+"-"+want+".pem", "-noout", "-text"); !strings.Contains(leaf, "Signature Algorithm: "+want) {
			t.Errorf("%s does not sign with %s:\n%s", generation, want, leaf)
		}
		h.write("list.pem", h.done("crl", "show", "--ca", generation, "-o", "pem").out)
		if list := h.tool("openssl", "crl", "-in", "list.pem", "-noout", "-text"); !strings.Contains(list, "Signature Algorithm: "+want) {
			t.Errorf("%s does not sign its list with %s:\n%s", generation, want, list)
		}
	}
	signs("issuing-g1", "ecdsa-with-SHA256")
	for _, tt := range []struct{ name, key, hash, signs string }{
		{"issuing-g2", "ecdsa-p256", "sha384", "ecdsa-with-SHA384"},
		{"issuing-g3", "rsa-3072", "sha512", "sha512WithRSAEncryption"},
		{"issuing-g4", "rsa-3072", "", "sha256WithRSAEncryption"},
	} {
		args := []string{"ca", "create", tt.name, "--key", tt.key, "--recovery-file", words, "--yes"}
		if tt.hash != "" {
			args = append(args, "--hash", tt.hash)
		}
		h.done(args...)
		h.done("ca", "activate", tt.name, "--yes")
		signs(tt.name, tt.signs)
	}
	h.done("ca", "create", "cold-g1", "--root", "--hash", "sha512", "--own-recovery-file", h.file("cold"), "--yes")
	if own := text("cold-g1"); !strings.Contains(own, "ecdsa-with-SHA512") {
		t.Errorf("the root's own certificate:\n%s", own)
	}
	h.tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "old.key", "-out", "old.pem", "-days", "100", "-subj", "/CN=Old Root")
	for _, weak := range []string{"md5", "sha1"} {
		h.refused("E1101", "ca", "create", "weak-g1", "--hash", weak, "--recovery-file", words, "--yes")
		h.tool("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-"+weak, "-keyout", weak+".key", "-out", weak+".csr", "-subj", "/CN="+weak+".lab.example")
		h.tool("openssl", "x509", "-req", "-"+weak, "-in", weak+".csr", "-CA", "old.pem", "-CAkey", "old.key", "-set_serial", "7", "-days", "30", "-out", weak+".pem")
		if s := h.types("sign", h.file(weak+".csr")); s.code != exitRefused && s.code != exitUsage {
			t.Errorf("a request signed with %s: exit %d\n%s%s", weak, s.code, s.out, s.err)
		}
		if s := h.done("show", h.file(weak+".pem")); !strings.Contains(s.out, weak+".lab.example") {
			t.Errorf("show:\n%s", s.out)
		}
		if s := h.types("verify", h.file(weak+".pem"), "--ca", h.file("old.pem")); s.code == 0 || !strings.Contains(strings.ToLower(s.out+s.err), weak[:2]) {
			t.Errorf("verify: exit %d\n%s%s", s.code, s.out, s.err)
		}
	}
}
