// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	for _, want := range []string{"root-g1", "Lab Issuing CA G1", "profile server", "*.lab.example", "10.0.0.0/8", "30 days, at most 30 ", "http://ca.lab.example:8080", "--unlock auto"} {
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

// A wrong passphrase is refused by no rule, and after too many of them the service is still
// there: to scripts both say that the keys are locked.
func TestAWrongPassphraseLeavesTheKeysLocked(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--recovery-file", h.file("words"), "--unlock", "prompt", "--password-file", h.write("pass", "quartz mitten saddle okapi fjord"))
	h.serve()
	wrong := h.write("wrong", "quartz mitten saddle okapi")
	for i := range 6 { // the last must wait, unless the machine is slow
		if s := h.types("key", "unlock", "--password-file", wrong); s.code != exitLocked || !strings.Contains(s.err, "E3002") {
			t.Errorf("try %d: exit %d, %s", i+1, s.code, s.err)
		}
	}
}

// T-07: a second init, with or without --dry-run, exits 8, says since when there is an
// authority and what to do, and leaves every file as it is; so does one that meets a
// directory with anything else in it, and one whose words' file is there.
func TestT07_ASecondInitOverwritesNothing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	other := hand{t, h.file("other")}
	if err := os.Mkdir(other.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("other/notes.txt", "mine")
	// Settings are edited; the founding stays where it was.
	year := time.Now().AddDate(1, 0, 0)
	if err := os.Chtimes(filepath.Join(h.dir, "chancery.toml"), year, year); err != nil {
		t.Fatal(err)
	}
	before := digests(t, filepath.Dir(h.dir))
	for _, more := range [][]string{nil, {"--single-tier"}, {"--dry-run"}, {"--json"}, {"--yes"}, {"--root-csr-only"}, {"--unlock", "prompt", "--password-file", h.file("words")}} {
		s := h.types(append([]string{"init", "--names", "other.example", "--recovery-file", h.file("words2")}, more...)...)
		if s.code != exitConflict || s.out != "" || !strings.Contains(s.err, "E1002") || !strings.Contains(s.err, "already set up on "+time.Now().Format(time.DateOnly)) || !strings.Contains(s.err, "to start again, name another directory") {
			t.Errorf("%v: exit %d\n%s%s", more, s.code, s.out, s.err)
		}
	}
	if s := other.types("init", "--names", "other.example", "--recovery-file", h.file("words2")); s.code != exitConflict || !strings.Contains(s.err, "not empty") {
		t.Errorf("a directory with something in it: exit %d\n%s", s.code, s.err)
	}
	fresh := hand{t, h.file("fresh")}
	if s := fresh.types("init", "--names", "other.example", "--recovery-file", h.file("words")); s.code == 0 || !strings.Contains(s.err, "cannot be written") {
		t.Errorf("a words' file that is there: exit %d\n%s", s.code, s.err)
	}
	if after := digests(t, filepath.Dir(h.dir)); !maps.Equal(before, after) {
		t.Errorf("files changed: before\n%v\nafter\n%v", before, after)
	}
}

// T-07: with --unlock auto one line says who could read the issuing key; with a passphrase
// nobody could, and it is not said.
func TestT07_InitSaysWhoCouldReadTheKey(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	s := h.done("init", "--names", "lab.example", "--recovery-file", h.file("words"), "--unlock", "auto")
	line := ""
	for l := range strings.Lines(s.out) {
		if strings.Contains(l, "auto.key") {
			line += l
		}
	}
	for _, want := range []string{"! whoever can read ", "can sign", "the account " + accountName(os.Geteuid()), "root", "whoever has a copy", "can sign: " + andRoot(accountName(os.Geteuid())) + ", and"} {
		if !strings.Contains(line, want) || strings.Count(line, "\n") != 1 {
			t.Errorf("it does not say %q in one line:\n%s", want, s.out)
		}
	}
	o := hand{t, h.file("other")}
	s = o.done("init", "--names", "lab.example", "--recovery-file", h.file("words2"), "--unlock", "prompt", "--password-file", h.write("pass", "quartz mitten saddle okapi fjord"))
	if strings.Contains(s.out, "whoever can read") {
		t.Errorf("%s", s.out)
	}
}
