// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// Which of several roots this computer shall trust is for the user to say: one from
// elsewhere may sign for anybody.
func TestOfSeveralRootsThoseThatAreNamedAreTrusted(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	nss := h.newNSS("nss")
	h.done("ca", "create", "lab-g1", "--root", "--yes", "--own-recovery-file", h.file("words2"))
	if s := h.refused("E1101", "trust", "install", "--dry-run", "--nss", nss); !strings.Contains(s.err, "root-g1, lab-g1") || !strings.Contains(s.err, "--all") {
		t.Errorf("%s", s.err)
	}
	for args, want := range map[string]int{"--all": 2, "--ca root-g1": 1, "--ca root-g1,lab-g1": 2, "--ca lab-g1 --ca root-g1": 2} {
		if got, _ := h.states(append([]string{"install", "--dry-run", "--nss", nss}, strings.Fields(args)...)...); len(got) != want {
			t.Errorf("%s: %v", args, got)
		}
	}
	h.refused("E2101", "trust", "install", "--nss", nss, "--yes", "--ca", "issuing-g1")
	h.refused("E1101", "trust", "install", "--nss", nss, "--yes", "--all", "--ca", "root-g1")
}

// After an authority was revoked, the refusal names the one that waits.
func TestWhoSignsNoMoreIsFollowedByWhoWaits(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	words := h.file("words")
	if s := h.types("ca", "revoke", "--help"); strings.Contains(s.out, "certificateHold") {
		t.Errorf("help offers a hold:\n%s", s.out)
	}
	h.refused("E2111", "ca", "revoke", "issuing-g1", "--reason", "certificateHold", "--confirm", "issuing-g1", "--recovery-file", words)
	h.done("ca", "rollover", "issuing-g1", "--recovery-file", words)
	h.done("ca", "revoke", "issuing-g1", "--reason", "cACompromise", "--confirm", "issuing-g1", "--recovery-file", words)
	for _, args := range [][]string{{"issue", "nas.lab.example", "--dry-run"}, {"issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key")}} {
		if s := h.refused("E3004", args...); !strings.Contains(s.err, "chancery ca activate issuing-g2") {
			t.Errorf("%v: %s", args, s.err)
		}
	}
	if s := h.done("ca", "rollover", "issuing-g1", "--activate"); strings.Contains(s.out, "issuing-g1 and issuing-g2") || strings.Contains(s.out, "retiring") {
		t.Errorf("%s", s.out)
	}
}

// A wish about an authority that is there is refused, since nobody would hear it.
func TestNoWishOfAnImportIsPassedOver(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	root := h.newElsewhere("lab-root")
	h.write("g2.csr", h.done("ca", "export-csr", "web-g1", "--subject", "O=Lab,CN=Lab Web CA G1").out)
	good := root.signs("g2.csr", "g2.pem", "2000", "11", asAuthority)
	take := []string{"ca", "import-cert", "web-g1", good, "--chain", h.file("lab-root.pem"), "--above", "lab-root"}
	h.refused("E1101", append(take, "--days", "10")...)
	h.done(append(take, "--for", "server")...)
	for _, wish := range []string{"--for client", "--line other", "--intermediate", "--standby", "--above other-root"} {
		if s := h.refused("E1101", append(take, strings.Fields(wish)...)...); !strings.Contains(s.err, "is there already") {
			t.Errorf("%s: %s", wish, s.err)
		}
	}
	h.refused("E2602", append(take, "--for", "server")...) // it has this certificate already
}
