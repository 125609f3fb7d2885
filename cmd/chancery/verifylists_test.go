// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/status"
)

// published is where the list of the issuing authority lies.
func (h hand) published() string { return filepath.Join(h.dir, "front", "pki", "issuing-g1.crl") }

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RV-04, RV-05: whatever lies at a list's address and is not what the log says is
// found, with exit code 9; what a crash between list and address leaves is not.
func TestRV04_AuditVerifyFindsAListThatIsNotTheLogs(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	before := h.again(t)
	h.issuesAndRevokes()
	lacking := filepath.Join(filepath.Dir(before.published()), "issuing-g1.delta.crl")
	other := h.again(t)
	h.done("crl", "publish")
	other.done("crl", "publish")
	other.done("crl", "publish")
	whole := readFile(t, h.published())
	for _, service := range []hand{h, other} {
		service.done("crl", "publish")
		if out := service.agrees(); !out.ListsCompared || out.Lists.Made < 3 || out.Lists.Count != 0 || out.Lists.Newest[1].Published != out.Lists.Newest[1].Number {
			t.Errorf("a sound installation: %+v", out.Lists)
		}
	}
	other.done("crl", "publish") // or both made the same one in the same second
	old, foreign := readFile(t, before.published()), readFile(t, other.published())
	turned := func(path string) {
		b := readFile(t, path)
		b[len(b)-3] ^= 1
		overwrite(t, path, b)
	}
	for _, c := range []struct {
		name   string
		breaks func(path string)
		says   string // nothing for no fault
		notes  string
	}{
		{"the list before, that lacks nothing", func(path string) { overwrite(t, path, whole) }, "", "was made: meanwhile, or before a crash"},
		{"an older list that lacks a revocation", func(path string) { overwrite(t, path, old) }, "of issuing-g1, which is published and is older than", ""},
		{"an older delta that lacks it", func(path string) {
			overwrite(t, filepath.Join(filepath.Dir(path), "issuing-g1.delta.crl"), readFile(t, lacking))
		}, "of issuing-g1.delta, which is published and is older than", ""},
		{"no list", func(path string) { remove(t, path) }, "", "no list of issuing-g1 is published"},
		{"one that the same key signed, of which this log knows nothing", func(path string) { overwrite(t, path, foreign) }, "is not on the log", ""},
		{"a bit of the signature turned", turned, "whoever checks refuses it: its signature is wrong", ""},
		{"a bit of a delta's signature turned", func(path string) {
			turned(filepath.Join(filepath.Dir(path), "issuing-g1.delta.crl"))
		}, "of issuing-g1.delta is published, and whoever checks refuses it: its signature is wrong", ""},
		{"another date under the same number", func(path string) {
			b := readFile(t, path)
			at := bytes.IndexByte(b, 0x17) // thisUpdate
			b[at+2+11] ^= 1
			overwrite(t, path, b)
		}, "is not the one that was made", ""},
		{"something else", func(path string) { overwrite(t, path, []byte("nothing is revoked")) }, "cannot be read", ""},
		{"a list of an authority that there is not", func(path string) {
			overwrite(t, filepath.Join(filepath.Dir(path), "evil-g1.crl"), foreign)
		}, "of evil-g1 is published, and is not on the log", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			victim := h.again(t)
			c.breaks(victim.published())
			s := victim.types("audit", "verify")
			if c.says == "" && (s.code != 0 || !strings.Contains(s.out, c.notes)) {
				t.Errorf("exit %d, want 0 and %q\n%s%s", s.code, c.notes, s.out, s.err)
			}
			if c.says != "" && (s.code != exitFaults || !strings.Contains(s.err, "E3102") || !strings.Contains(s.out, c.says)) {
				t.Errorf("exit %d, want 9 and %q\n%s%s", s.code, c.says, s.out, s.err)
			}
			// A crash leaves an older one too, and none of the others.
			if settles := strings.Contains(s.err, "the service settles this at its start"); settles != strings.Contains(c.says, "is older than") {
				t.Errorf("it says %s", s.err)
			}
		})
	}
	if s := h.done("audit", "verify", "--log-only"); !strings.Contains(s.out, "NOT compared with what is published (--log-only)") {
		t.Errorf("it says\n%s", s.out)
	}
	if err := os.RemoveAll(filepath.Dir(h.published())); err != nil {
		t.Fatal(err)
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "lists: ") || !strings.Contains(s.out, "NOT compared with what is published (there is no ") {
		t.Errorf("without the directory it says\n%s", s.out)
	}
}

// RV-05: the revoked are looked for on the very list.
func TestRV05_APublishedListHasEachSerialThatTheLogRevokes(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.issuesAndRevokes()
	h.agrees()
	dir := filepath.Dir(h.published())
	l, err := status.Open(dir, "issuing-g1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tbs, err := l.TBS()
	if err != nil {
		t.Fatal(err)
	}
	log := audit.Verification{Newest: readFile(t, filepath.Join(h.dir, "signer", "state", "checkpoint"))}
	if log.Key, err = readAuditKey(filepath.Join(h.dir, "audit.pub")); err != nil {
		t.Fatal(err)
	}
	if log.Segments, err = segments(filepath.Join(h.dir, "signer", "journal")); err != nil {
		t.Fatal(err)
	}
	// The one before, under the new one's name, is what a signer would have made that
	// forgot the revocation.
	for _, forgets := range []bool{false, true} {
		p := audit.PublishedList{Name: "issuing-g1", Number: l.Number, TBS: tbs, Has: l.Has}
		if forgets {
			empty, err := status.Open(dir, "root-g1")
			if err != nil {
				t.Fatal(err)
			}
			defer empty.Close()
			p.Has = empty.Has
		}
		log.Lists = audit.NewLists([]audit.PublishedList{p})
		if _, err := audit.Verify(log); err != nil {
			t.Fatal(err)
		}
		a := log.Lists.Agreement()
		if forgets && (a.Count != 1 || !strings.Contains(a.First[0].What, "not on list")) || !forgets && a.Count != 0 {
			t.Errorf("forgets %v: %+v", forgets, a)
		}
	}
}
