// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chancery/ca"
	"chancery/client"
)

// An explanation is how a certificate came about, and how it stands.
type explanation struct {
	Certificate ca.Certificate `json:"certificate"`
	// Asked is when the request came in, Log and Leaf which leaf of the log proves the
	// intent.
	Asked time.Time `json:"asked"`
	Log   uint16    `json:"log"`
	Leaf  int64     `json:"leaf"`
	// ProfileInForce says whether the profile is still the version it was issued under.
	ProfileInForce bool `json:"profile_in_force"`
	// Now is what the policy in force would make of the same request, Problem why it would
	// refuse it.
	Now     *ca.Plan    `json:"now,omitempty"`
	Problem *ca.Problem `json:"problem,omitempty"`
}

// explainCertificate tells who asked for a certificate, by which door, when and under which
// version of the profile, and judges the stored request once more.
func (a *app) explainCertificate(ctx context.Context, ref string) error {
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		c, err := renewed(ctx, k, ref)
		if err != nil {
			return err
		}
		e := explanation{Certificate: c, Asked: c.IssuedAt, Log: c.ID.LogNo(), Leaf: c.ID.Index()}
		e.Certificate.DER = nil
		if c.Request != "" {
			q, err := k.Request(ctx, c.Request)
			if err != nil {
				return err
			}
			e.Asked = q.At
			if p, err := k.Profile(ctx, c.Profile); err == nil {
				e.ProfileInForce = p.Digest == c.ProfileDigest
			}
			plan, err := k.Plan(ctx, client.Order{CSR: q.CSR, Profile: c.Profile, Authority: q.Authority})
			switch {
			case err == nil:
				e.Now = &plan
			case !errors.As(err, &e.Problem):
				return err
			}
		}
		return a.give(answer{value: e, text: e.text(time.Now()), names: []string{c.PublicName()}})
	})
}

func (e explanation) text(now time.Time) string {
	c := e.Certificate
	var b strings.Builder
	say := func(what, format string, values ...any) {
		fmt.Fprintf(&b, "%-10s "+format+"\n", append([]any{what}, values...)...)
	}
	say(c.Title(), "%s   %s", c.PublicName(), c.Standing(now))
	say("asked", "%s by %s, door %s", e.Asked.Local().Format(time.DateTime), c.Owner, c.Door)
	version := "which has changed since"
	if e.ProfileInForce {
		version = "which is in force"
	}
	if c.Profile != "" {
		say("profile", "%s, version %s, %s", c.Profile, c.ProfileDigest.String()[:12], version)
	}
	say("log", "leaf %d of log %d; signed %s until %s", e.Leaf, e.Log, c.IssuedAt.Local().Format(time.DateTime), c.NotAfter.Local().Format(time.DateOnly))
	for _, n := range c.Names {
		say("name", "%s", n)
	}
	if v := c.Revoked; v != nil {
		say(c.Standing(now), "since %s, for %s (leaf %d)", v.At.Local().Format(time.DateTime), v.Reason, v.Last.Index())
	} else if c.Steps > 0 {
		say("held", "before, and taken back")
	}
	switch {
	case e.Problem != nil:
		say("today", "it would be refused: %s  %s", e.Problem.Code, e.Problem.Detail)
	case e.Now != nil:
		say("today", "the same request would be signed, with %d names, until %s", len(e.Now.Draft.Names), e.Now.Draft.NotAfter.Local().Format(time.DateOnly))
		for _, n := range e.Now.Notices {
			say("", "note: %s", n)
		}
	}
	return b.String()
}
