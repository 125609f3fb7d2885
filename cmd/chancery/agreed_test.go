// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// T-02: what asks for a yes at a terminal is refused where there is none, with the flag to
// type, and nothing of it is done. sign alone asks for a look only, and says so in its help.
func TestT02_WhatAsksAtATerminalWantsYesElsewhere(t *testing.T) {
	t.Parallel()
	d, variables := stage(t)
	state := func() string {
		return d.authorities() + d.done("policy", "show", "--json").out + d.done("status", "--fields", "leaves", "--json").out
	}
	before, asked := state(), 0
	for name, c := range verbs(t) {
		if c.Flags().Lookup(string(byYes)) == nil || name == "init" || name == "sign" || strings.HasPrefix(name, "trust") {
			continue // init takes what is proposed, and stores of roots are no part of the state
		}
		asked++
		line := changes[name]
		if name == "ca rollover" {
			line = "issuing-g2" // which has no successor yet
		}
		args := append(strings.Fields(name), without(strings.Fields(line), "--yes")...)
		s := d.within(nil, variables, args...)
		_, hint, _ := strings.Cut(s.err, "  hint: ")
		if s.code != exitUsage || !strings.Contains(hint, "--yes") {
			t.Errorf("%s without a terminal: exit %d\n%s", strings.Join(args, " "), s.code, s.err)
		}
	}
	if after := state(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if asked < 12 {
		t.Errorf("only %d verbs have --yes", asked)
	}
	if s := d.done("sign", "--help").out; !strings.Contains(s, "elsewhere nothing asks") {
		t.Errorf("the help of sign does not say it:\n%s", s)
	}
}

// T-02: an encrypted key that is certified anew takes a password, words, a yes and what it
// revoked: the first refusal names them all.
func TestT02_ImportingAnEncryptedKeyNamesAllThatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	root := h.newElsewhere("old-root")
	h.tool("openssl", "req", "-new", "-newkey", "rsa:2048", "-passout", "pass:tiger-lily", "-keyout", "old.key", "-out", "old.csr", "-subj", "/O=Old/CN=system")
	root.signs("old.csr", "old.pem", "2000", "31", "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\n")
	args := []string{"ca", "import-cert", "system-g1", h.file("old.pem"), "--key", h.file("old.key"), "--resign", "root-g1", "--for", "server"}
	s := h.refused("E1101", args...)
	for _, flag := range []string{"--password-file FILE", "--recovery-file FILE", "--yes", "--none-revoked", "--crl OLD.crl"} {
		if !strings.Contains(s.err, flag) {
			t.Errorf("it does not name %s:\n%s", flag, s.err)
		}
	}
	args = append(args, "--password-file", h.write("pass", "tiger-lily\n"))
	if s := h.refused("E2602", args...); !strings.Contains(s.err, "with --recovery-file FILE --yes") {
		t.Errorf("what nobody says of its past hides what else is missing:\n%s", s.err)
	}
	h.done(append(args, "--recovery-file", h.file("words"), "--none-revoked", "--yes")...)
}
