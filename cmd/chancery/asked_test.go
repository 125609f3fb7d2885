// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot become a certificate here is refused before a key is made, by what is
// wrong with it.
func TestIssueRefusesBeforeAKeyIsMade(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for line, want := range map[string][2]string{
		"http://nas.lab.example":                     {"E2110", "no name"},
		"10.0.0.0/8":                                 {"E2110", "range"},
		"10.0.0.300":                                 {"E2110", "is no IP address"},
		"m\u00fcnchen.lab.example":                   {"E2110", "hint: ask for it as xn--mnchen-3ya.lab.example"},
		"nas.lab.example --out nosuchdir/x.pem":      {"E1102", "--out FILE"},
		"nas.lab.example --key-file nosuchdir/x.key": {"E1102", "--key-file FILE"},
		"nas.lab.example --days 0":                   {"E1101", "--days 0"},
		"nas.lab.example -o csv":                     {"E1101", "form csv"},
		"nas.lab.example --fields nope":              {"E1101", "no field"},
	} {
		if s := h.refused(want[0], strings.Fields("issue "+line)...); s.code != exitUsage || !strings.Contains(s.err, want[1]) {
			t.Errorf("%s: exit %d\n%s", line, s.code, s.err)
		}
	}
	if left, _ := filepath.Glob(h.file("*.key")); len(left) != 0 {
		t.Errorf("it left %q", left)
	}
}

// A key in any form is taken up; what is none, or stays shut, is named.
func TestAKeyOfAnyFormIsTakenUp(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	openssl := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "openssl", args...)
		c.Dir = filepath.Dir(h.dir)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "sec1.key")
	openssl("pkcs8", "-topk8", "-in", "sec1.key", "-out", "sealed.key", "-passout", "pass:x")
	openssl("pkcs8", "-topk8", "-nocrypt", "-in", "sec1.key", "-outform", "der", "-out", "der.key")
	h.write("garbage.key", "not a key")
	h.write("word", "x\n")
	for line, want := range map[string][2]string{
		"garbage.key":                                 {"E1102", "holds no private key"},
		"sealed.key":                                  {"E1101", "--password-file"},
		"sealed.key --password-file words":            {"E2503", "password"},
		"sec1.key --p12 x.p12":                        {"E1101", "--password-file"},
		"sec1.key --encrypt-key --password-file word": {"E1101", "not encrypted"},
	} {
		if s := h.refused(want[0], strings.Fields("issue nas.lab.example --out x.pem --key-file "+line)...); !strings.Contains(s.err, want[1]) {
			t.Errorf("%s:\n%s", line, s.err)
		}
	}
	for i, line := range []string{"sec1.key", "der.key", "sealed.key --password-file word"} {
		h.done(strings.Fields("issue nas.lab.example --out " + string(rune('a'+i)) + ".pem --key-file " + line)...)
	}
	if h.read("a.pem") != h.read("b.pem") || h.read("a.pem") != h.read("c.pem") {
		t.Error("one key in three forms got three certificates")
	}
}
