// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// R15, R2: several authorities in one installation are chosen by name, where the profile
// lets a request choose, and OpenSSL sees who signed.
func TestR15_ARequestNamesItsAuthority(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	words := h.file("words")
	h.serve()
	h.done("ca", "create", "users-g1", "--for", "client,email", "--recovery-file", words, "--yes")
	h.refused("E2122", "issue", "amira.lab.example", "--profile", "client", "--ca", "users")
	h.refused("E2101", "issue", "amira.lab.example", "--profile", "client", "--ca", "nosuch")
	told := h.done("profile", "set", "client", "--lines", "users", "--yes")
	if !strings.Contains(told.err, "+ lines = [\"users\"]") || !strings.Contains(told.err, "no certificate stands under profile client") {
		t.Errorf("the change was not shown:\n%s", told.err)
	}
	for i, c := range []struct{ ca, signer string }{{"", "Issuing CA G1"}, {"users", "Users CA G1"}, {"users-g1", "Users CA G1"}} {
		name := []string{"a", "b", "c"}[i] + ".lab.example"
		args := []string{"issue", name, "--profile", "client", "--out", h.file(name + ".pem"), "--key-file", h.file(name + ".key")}
		if c.ca != "" {
			args = append(args, "--ca", c.ca)
		}
		h.done(args...)
		if got := h.openssl("x509", "-in", h.file(name+".pem"), "-noout", "-issuer"); !strings.Contains(got, c.signer) {
			t.Errorf("--ca %q: %s, wanted %s", c.ca, got, c.signer)
		}
	}
	h.refused("E2122", "issue", "d.lab.example", "--profile", "client", "--ca", "root-g1")
	h.refused("E2122", "issue", "d.lab.example", "--profile", "server", "--ca", "users")
	if listed := h.done("list", "--ca", "users-g1", "-o", "jsonl", "--fields", "common_name").out; strings.Count(listed, "\n") != 2 {
		t.Errorf("of users-g1 are listed:\n%s", listed)
	}
}
