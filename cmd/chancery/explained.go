// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"chancery/ca"
	"chancery/client"
)

// explainCertificate tells who asked for a certificate, which rules allowed it, which leaf of
// the log proves it, and what happened since.
func (a *app) explainCertificate(ctx context.Context, ref string) error {
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		c, err := referred(ctx, k, ref, "chancery ca show")
		if err != nil {
			return err
		}
		p, err := k.Explain(ctx, c.PublicName())
		if err != nil {
			return err
		}
		return a.give(answer{value: p, text: fitted(explained(p, time.Now()), columnsOf(a.out)), names: []string{c.PublicName()}})
	})
}

// explained is an explanation for people: a word, and what is to be said of it.
func explained(p ca.Provenance, now time.Time) string {
	c := p.Certificate
	var b strings.Builder
	say := func(what, format string, values ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", what, fmt.Sprintf(format, values...))
	}
	fmt.Fprintf(&b, "%s   %s   %s\n", c.Title(), c.PublicName(), statusOf(c, now))
	say("asked", "%s by %s, door %s", atTime(p.Asked.At), speaker(p.Asked), p.Asked.Door)
	if at := p.Policy; at.Profile != "" {
		version := "which has changed since"
		if at.InForce {
			version = "which is in force"
		}
		say("profile", "%s, version %s, %s", at.Profile, at.Digest.String()[:12], version)
		if at.Version > 0 {
			say("", "as policy %d had it (leaf %d); %s", at.Version, at.Leaf, setBy(at.Since))
		}
	}
	for _, g := range p.Names {
		sayName(say, g)
	}
	for _, r := range p.Rules {
		say("rule", "%s %s: %s", r.Rule, r.Value, r.Came)
	}
	for _, n := range p.Notices {
		say("note", "%s", n)
	}
	say("approval", "%s", p.Approval.Why)
	say("signed", "until %s, by %s", onDay(c.NotAfter), c.Authority)
	if c.IssuerRevoked != "" {
		say("issuer", "%s is revoked: whoever checks the whole chain does not take this certificate", c.IssuerRevoked)
	}
	say("log", "leaf %d of log %d; %s", p.Proof.Index, p.Proof.Log, proven(p.Proof))
	for _, e := range p.Events {
		say("event", "%s", event(e))
	}
	switch {
	case p.Problem != nil:
		say("today", "it would be refused: %s  %s", p.Problem.Code, p.Problem.Detail)
	case p.Today != nil:
		say("today", "a new order with the same request would be signed, with %s, until %s", counted(len(p.Today.Draft.Names), "name"), onDay(p.Today.Draft.NotAfter))
	}
	for _, u := range p.Unknown {
		say("unknown", "%s", u)
	}
	return b.String()
}

// speaker is who asked, and how that was proven.
func speaker(a ca.Asking) string {
	out := a.By
	if a.Name != "" && a.Name != a.By {
		out += " (" + a.Name + ")"
	}
	if a.Method != "" {
		out += ", by " + a.Method
	}
	return out
}

// setBy says who put a rule in force.
func setBy(s ca.RuleSet) string {
	if s.Version == 0 {
		return "nobody knows by whom it was set"
	}
	out := fmt.Sprintf("set by %s on %s, with policy %d", s.By, atTime(s.At), s.Version)
	if s.Before {
		out += " or before"
	}
	return out
}

// sayName says why a name was allowed.
func sayName(say func(string, string, ...any), g ca.NameGround) {
	from := ""
	if g.From != "names" {
		from = ", taken from " + g.From
	}
	say("name", "%s%s", g.Name, from)
	rule := func(r ca.NameRule) {
		say("", "allowed by %s %s, %s", r.Key, strings.Join(r.Patterns, ", "), setBy(r.Set))
	}
	rule(g.Rule)
	for _, one := range g.Grants {
		rule(one)
	}
	if g.Wildcard {
		say("", "a wildcard: names.wildcards is on")
	}
	if len(g.Subtrees) > 0 {
		say("", "within what the issuing chain permits: %s", strings.Join(g.Subtrees, ", "))
	}
}

// proven says how far the leaf is proven.
func proven(p ca.Proven) string {
	switch {
	case p.Verified:
		return fmt.Sprintf("the signed checkpoint of %d leaves covers it, and the proof was verified", p.Size)
	case len(p.Leaf) == 0:
		return "not proven here"
	}
	return "no checkpoint covers it yet"
}

// event is a line of the history.
func event(e ca.Happens) string {
	out := atTime(e.At) + "  " + e.What
	if e.Certificate != "" {
		out += " " + e.Certificate
	}
	if e.Reason != "" && e.What != ca.HappensReleased {
		out += ", for " + e.Reason
	}
	if !e.Due.IsZero() {
		out += ", due " + atTime(e.Due)
	}
	if e.By != "" {
		out += ", by " + e.By
	}
	if e.Leaf != 0 {
		out += fmt.Sprintf(" (leaf %d)", e.Leaf.Index())
	}
	return out
}
