// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An address goes into every certificate, so a bad one is refused with its flag's
// name before anything is made.
func TestABadAddressIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	words := h.file("words")
	for flag, value := range map[string]string{"--pki-url": "ftp://x", "--hostname": "bad host"} {
		s := h.refused("E1101", "init", "--names", "lab.example", "--recovery-file", words, flag, value)
		if s.code != exitUsage || !strings.Contains(s.err, flag) {
			t.Errorf("exit %d\n%s", s.code, s.err)
		}
	}
	for _, path := range []string{h.dir, words} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("it made %s", path)
		}
	}
	// A slash at the end is no other address, and the service takes what init wrote.
	h.done("init", "--names", "lab.example", "--recovery-file", words, "--pki-url", "http://ca.lab.example:8080/")
	h.done("status")
}

// T-03: the plan shows what cannot be changed later.
func TestT03_InitShowsItsPlan(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	s := h.done("init", "--dry-run", "--names", "lab.example,10.0.0.0/8", "--hostname", "ca.lab.example", "--org", "Lab")
	for _, want := range []string{"root-g1", "Lab Issuing CA G1", "profile server", "*.lab.example", "10.0.0.0/8", "http://ca.lab.example:8080", "--unlock auto"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("the plan lacks %s:\n%s", want, s.out)
		}
	}
	if _, err := os.Stat(h.dir); err == nil {
		t.Error("it made the directory")
	}
}

// Keys that a passphrase opens stay closed without a service, which the hints say.
func TestLockedWithoutAServiceHintsAtTheService(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	s := h.done("init", "--names", "lab.example", "--recovery-file", h.file("words"), "--unlock", "prompt", "--password-file", h.write("pass", "quartz mitten saddle okapi fjord"))
	if !strings.Contains(s.out, "chancery key unlock") {
		t.Errorf("the next steps lack key unlock:\n%s", s.out)
	}
	if s := h.types("issue", "nas.lab.example"); s.code != exitLocked || !strings.Contains(s.err, "hint: chancery serve, then") {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
	if s := h.refused("E1201", "key", "unlock", "--password-file", h.file("pass")); strings.Contains(s.err, "http:") || !strings.Contains(s.err, "hint: chancery serve") {
		t.Errorf("%s", s.err)
	}
}

// A second init, with or without --dry-run, exits 8 and leaves every file as it is.
func TestASecondInitOverwritesNothing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	before := digests(t, filepath.Dir(h.dir))
	for _, more := range [][]string{nil, {"--single-tier"}, {"--dry-run"}, {"--json"}} {
		s := h.types(append([]string{"init", "--names", "other.example", "--recovery-file", h.file("words2")}, more...)...)
		if s.code != exitConflict || s.out != "" || !strings.Contains(s.err, "E1002") {
			t.Errorf("%v: exit %d\n%s%s", more, s.code, s.out, s.err)
		}
	}
	if after := digests(t, filepath.Dir(h.dir)); !maps.Equal(before, after) {
		t.Errorf("files changed: before\n%v\nafter\n%v", before, after)
	}
}
