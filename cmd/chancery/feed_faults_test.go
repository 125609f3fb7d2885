// SPDX-License-Identifier: Apache-2.0

//go:build faults

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// IS-01 for feeds: a signer that is killed between the leaf of a feed and its signature has
// given its number away. Nobody gets that feed; the next has a higher number, and devices
// that have the one before read it.
func TestIS01_AFeedWhoseSignerIsKilledIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example")
	issuing := h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	last := int64(0)
	for _, tt := range []struct {
		what, point string
		anew        bool // the complete feed is lost, as in a restore without front/pki
	}{
		{"while the first complete feed is signed", "feed-promised:1", false},
		{"while a delta is signed", "feed-promised:1", false},
		{"while the first delta on a new complete feed is signed", "feed-promised:2", true},
	} {
		if complete := filepath.Join(h.dir, "front", "pki", "issuing-g1.feed"); tt.anew {
			if err := os.Remove(complete); err != nil {
				t.Fatal(err)
			}
		}
		if s := h.typesWith("CHANCERY_FAULT_POINT="+tt.point, "feed", "publish", "--ca", "issuing-g1"); s.code == 0 {
			t.Errorf("%s: the signer was not killed: %s", tt.what, s.out)
		}
		var made []ca.Feed
		if err := json.Unmarshal([]byte(h.done("feed", "publish", "--ca", "issuing-g1", "--json").out), &made); err != nil || len(made) != 1 || made[0].Number <= last {
			t.Fatalf("%s: feed %+v after %d: %v", tt.what, made, last, err)
		}
		last = made[0].Number
		s := h.types("feed", "check", h.dir+"/front/pki/issuing-g1.feed", "--delta", h.dir+"/front/pki/issuing-g1.delta.feed", "--issuer", issuing, "nas.lab.example.pem")
		if !strings.Contains(s.out, "by feed ") {
			t.Errorf("%s: it cannot be read: %s%s", tt.what, s.out, s.err)
		}
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s", s.out)
	}
}
