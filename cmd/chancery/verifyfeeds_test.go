// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// R95: audit verify holds the published feeds against the log: what was exchanged, altered or
// put there by somebody else is found, with exit code 9.
func TestR95_AuditVerifyFindsAFeedThatIsNotTheLogs(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.done("audit", "verify"); strings.Contains(s.out, "feed") {
		t.Errorf("nobody made one:\n%s", s.out)
	}
	h.issuesAndRevokes()
	h.done("feed", "publish", "--ca", "issuing-g1")
	older := readFile(t, filepath.Join(h.dir, "front", "pki", "issuing-g1.delta.feed"))
	h.done("revoke", "nas.lab.example", "--reason", "keyCompromise", "--confirm", "nas.lab.example")
	h.done("feed", "publish", "--ca", "issuing-g1")
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "compared 2 published feeds with the log ✓") {
		t.Errorf("it says\n%s", s.out)
	}
	if s := h.done("audit", "verify", "--log-only"); !strings.Contains(s.out, "feeds: 3 made; NOT compared") {
		t.Errorf("it says\n%s", s.out)
	}
	for _, c := range []struct {
		name   string
		breaks func(complete, delta string)
		says   string // empty: it is no fault
	}{
		{"an older delta", func(_, delta string) { overwrite(t, delta, older) }, "of issuing-g1.delta.feed, which is published and is older than"},
		{"no feed", func(complete, _ string) { remove(t, complete) }, ""},
		{"a byte turned", func(_, delta string) {
			b := readFile(t, delta)
			b[len(older)/2] ^= 1
			overwrite(t, delta, b)
		}, "is not the one that was made"},
		{"a bit of the signature turned", func(complete, _ string) {
			b := readFile(t, complete)
			b[len(b)-3] ^= 1
			overwrite(t, complete, b)
		}, "is published, and whoever checks refuses it: feed: the signature is wrong"},
		{"half a feed", func(complete, _ string) { overwrite(t, complete, readFile(t, complete)[:100]) }, "cannot be read"},
		{"the delta as the complete one", func(complete, delta string) { overwrite(t, complete, readFile(t, delta)) }, "the other of the two"},
		{"of an authority that there is not", func(complete, _ string) {
			overwrite(t, filepath.Join(filepath.Dir(complete), "evil-g1.feed"), readFile(t, complete))
		}, "evil-g1.feed, feed "},
	} {
		t.Run(c.name, func(t *testing.T) {
			victim := h.again(t)
			pki := filepath.Dir(victim.published())
			c.breaks(filepath.Join(pki, "issuing-g1.feed"), filepath.Join(pki, "issuing-g1.delta.feed"))
			s := victim.types("audit", "verify")
			if c.says == "" && s.code != 0 || c.says != "" && (s.code != exitFaults || !strings.Contains(s.err, "E3102") || !strings.Contains(s.out, c.says)) {
				t.Errorf("exit %d, want %q\n%s%s", s.code, c.says, s.out, s.err)
			}
			// A crash leaves an older one too, and none of the others.
			if settles := strings.Contains(s.err, "the service settles this at its start"); settles != strings.Contains(c.says, "is older than") {
				t.Errorf("it says %s", s.err)
			}
		})
	}
}
