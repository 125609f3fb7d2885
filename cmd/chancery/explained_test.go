// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// explainedAs is the explanation of a certificate as programs see it.
func (h *hand) explainedAs(ref string) (p ca.Provenance) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.done("explain", ref, "--json").out), &p); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// A certificate says who asked for it and by which door, which rule allowed each name, who
// set that and when, which leaf proves it, and what happened since; also when the profile has
// changed, and what would become of its request today.
func TestACertificateIsExplained(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	s := h.done("explain", "nas.lab.example")
	for _, want := range []string{"door cli", "which is in force", "leaf ", "dns:nas.lab.example", "would be signed", "valid", "allowed by names.dns", "set by uid:", "approval",
		"none was needed", "rule       days", "the proof was verified", "issued, by uid:"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("it lacks %q:\n%s", want, s.out)
		}
	}
	if strings.Contains(s.out, "unknown") {
		t.Errorf("something is not known:\n%s", s.out)
	}
	first := h.explainedAs("nas.lab.example")
	h.done("profile", "set", "server", "--days", "30", "--yes")
	h.done("revoke", h.file("nas.pem"), "--reason", "keyCompromise", "--confirm", "nas.lab.example")
	s = h.done("explain", h.file("nas.pem"))
	for _, want := range []string{"changed since", "revoked, for keyCompromise"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("afterwards it lacks %q:\n%s", want, s.out)
		}
	}
	p := h.explainedAs(h.file("nas.pem"))
	if p.Policy.InForce || p.Certificate.Revoked == nil || p.Policy.Version != first.Policy.Version || p.Policy.Document != first.Policy.Document || len(p.Names) != 1 ||
		!slices.Equal(p.Names[0].Rule.Patterns, first.Names[0].Rule.Patterns) || !slices.Equal(p.Rules, first.Rules) || !p.Proof.Verified {
		t.Errorf("of an older version it says %+v, and said %+v", p, first)
	}
	h.refused("E2101", "explain", "E9999")
	h.refused("E2101", "explain", "none.lab.example")
}

// What happened to a certificate stands in its explanation in the order in which it did: it
// was held, released, renewed, revoked, and the reason raised.
func TestAnExplanationTellsWhatHappenedInOrder(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	first := h.explainedAs("nas.lab.example").Certificate.PublicName()
	h.done("revoke", first, "--reason", "certificateHold", "--confirm", "nas.lab.example")
	h.done("unhold", first)
	h.done("renew", first, "--revoke-old", "7d", "--out", h.file("new.pem"), "--key-file", h.file("new.key"))
	h.done("revoke", first, "--reason", "superseded", "--confirm", "nas.lab.example")
	h.done("revoke", first, "--reason", "keyCompromise", "--confirm", "nas.lab.example")
	p := h.explainedAs(first)
	var words []string
	next := ""
	for i, e := range p.Events {
		words = append(words, e.What)
		if e.What == ca.HappensRenewed {
			next = e.Certificate
		}
		if i > 0 && (e.At.Before(p.Events[i-1].At) || e.Leaf <= p.Events[i-1].Leaf) {
			t.Errorf("%+v comes after %+v", e, p.Events[i-1])
		}
	}
	want := []string{ca.HappensIssued, ca.HappensHeld, ca.HappensReleased, ca.HappensRenewed, ca.HappensPlanned, ca.HappensRevoked, ca.HappensRaised}
	if !slices.Equal(words, want) || len(p.Unknown) > 0 {
		t.Fatalf("it happened %v (%v), want %v", words, p.Unknown, want)
	}
	if back := h.explainedAs(next); len(back.Events) != 2 || back.Events[1].What != ca.HappensRenews || back.Events[1].Certificate != first {
		t.Errorf("what took its place says %+v", back.Events)
	}
}

// A name that needed a grant says which, and since when each rule stands: the pattern from
// the founding on, the grant from the policy that gave it, whatever else changed since.
func TestAnExplanationNamesTheGrantAndWhenItWasGiven(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	me := fmt.Sprintf("uid:%d", os.Getuid())
	h.done("profile", "set", "server", "--set", "names.granted=true", "--yes")
	h.done("policy", "grant", me, "--profile", "server", "--dns", "*.lab.example", "--yes")
	h.done("profile", "set", "server", "--days", "20", "--yes")
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	p := h.explainedAs(h.file("nas.pem"))
	if len(p.Names) != 1 || len(p.Names[0].Grants) != 1 {
		t.Fatalf("it says %+v, unknown %v", p.Names, p.Unknown)
	}
	rule, grant := p.Names[0].Rule, p.Names[0].Grants[0]
	if rule.Set.Version != 1 || grant.Set.Version != 3 || p.Policy.Since.Version != 4 || p.Policy.Version != 4 || !slices.Equal(grant.Patterns, []string{"*.lab.example"}) {
		t.Errorf("pattern %+v, grant %+v, profile %+v", rule, grant, p.Policy.Since)
	}
}
