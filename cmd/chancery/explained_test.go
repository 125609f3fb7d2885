// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// A certificate says who asked for it, when, under which version of the profile, and what
// would become of its request today.
func TestACertificateIsExplained(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	s := h.done("explain", "nas.lab.example")
	for _, want := range []string{"door cli", "which is in force", "leaf ", "dns:nas.lab.example", "would be signed", "valid"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("it lacks %q:\n%s", want, s.out)
		}
	}
	h.done("profile", "set", "server", "--days", "30")
	h.done("revoke", h.file("nas.pem"), "--reason", "keyCompromise", "--confirm", "nas.lab.example")
	s = h.done("explain", h.file("nas.pem"))
	for _, want := range []string{"changed since", "for keyCompromise"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("afterwards it lacks %q:\n%s", want, s.out)
		}
	}
	var e explanation
	if err := json.Unmarshal([]byte(h.done("explain", h.file("nas.pem"), "--json").out), &e); err != nil || e.ProfileInForce || e.Certificate.Revoked == nil {
		t.Errorf("%+v, %v", e, err)
	}
	h.refused("E2101", "explain", "E9999")
	h.refused("E2101", "explain", "none.lab.example")
}
