// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/policy"
)

func (a *app) policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "The policy in force, and what a change would do",
		Example: "  chancery policy show\n  chancery policy plan server.toml",
	}
	c.AddCommand(a.policyShow(), a.policyHistory(), a.policyPlan(), a.policyGrant(), a.policyWithdraw(), a.policySignIn(), a.policyRefuseKey(), a.policyOCSP())
	return c
}

func (a *app) policyShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the policy in force: version, accounts, profiles, grants, exceptions", Example: "  chancery policy show\n  chancery policy show --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.ceremonialAs(c.Context(), answer{value: policy.Bundle{}}, func(ctx context.Context, t *ceremony) error {
				b, err := t.bundle(ctx)
				if err != nil {
					return err
				}
				return t.give(answer{value: b, text: policyText(b), names: []string{fmt.Sprint(b.Version)}})
			})
		},
	}
}

func policyText(b policy.Bundle) string {
	var out strings.Builder
	fmt.Fprintf(&out, "policy version %d of %s, in force until %s, assurance %s\n", b.Version, atTime(b.Issued), onDay(b.Expires), b.Assurance)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, uid := range slices.Sorted(maps.Keys(b.Accounts)) {
		fmt.Fprintf(w, "  account %d\t%s\n", uid, rolesText(b.Accounts[uid]))
	}
	for _, p := range b.Profiles {
		digest := ca.ProfileDigest([]byte(p.Document))
		fmt.Fprintf(w, "  profile %s\t%x…\n", p.Name, digest[:4])
	}
	for _, g := range b.Grants {
		fmt.Fprintf(w, "  grant to %s\t%s: %s\n", g.To, strings.Join(g.Profiles, ", "), strings.Join(slices.Concat(g.DNS, g.IP, g.Email, g.URI), ", "))
	}
	if n := len(b.RefusedKeys); n > 0 {
		fmt.Fprintf(w, "  refused keys\t%d\n", n)
	}
	for _, s := range b.SignIns {
		fmt.Fprintf(w, "  sign-in by %s\taccount %d\n", signsInBy(s), s.UID)
	}
	if len(b.OCSPByAuthority) > 0 {
		fmt.Fprintf(w, "  OCSP by the authority itself\t%s\n", strings.Join(b.OCSPByAuthority, ", "))
	}
	for _, e := range b.Exceptions {
		fmt.Fprintf(w, "  exception\t%s\n", e)
	}
	_ = w.Flush() // a builder takes everything
	return out.String()
}

func rolesText(roles []ca.Role) string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return strings.Join(out, ", ")
}

func (a *app) policyPlan() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "plan FILE", Short: "Say what a changed profile would make of the certificates that stand",
		Long: "Judges the request of every standing certificate of a profile once more, as if it came now, by the document in FILE and by\n" +
			"the one in force, and lists where the two differ: what could not be renewed any more, and what would become another\n" +
			"certificate. Nothing is changed. profile set shows the same before it asks.",
		Example: "  chancery profile show server > server.toml\n  chancery policy plan server.toml\n  chancery policy plan server.toml -o jsonl",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("policy plan takes the document of one profile", "chancery policy plan server.toml")
			}
			document, err := a.readInput(args[0])
			if err != nil {
				return err
			}
			if _, err = profileOf(string(document)); err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				var r ca.Rehearsal
				err := a.during(ctx, "policy plan", func() (err error) {
					r, err = k.Rehearse(ctx, ca.Trial{Document: string(document), Limit: limit})
					return err
				})
				if err != nil {
					return err
				}
				x := answer{value: r, text: rehearsalText(r, len(r.Cases)), rows: r.Cases, columns: []string{"certificate", "title", "owner", "not_after", "problem", "changes"}}
				for _, one := range r.Cases {
					x.names = append(x.names, one.Certificate)
				}
				if rest := unlisted(r, len(r.Cases)); rest > 0 {
					a.note("%d more are counted and not listed: %d is the most", rest, ca.MaxCases)
				}
				return a.give(x)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 0, fmt.Sprintf("how many certificates are judged, newest first (default: %d)", ca.MaxTried))
	return c
}

// shownCases is how many cases a command lists that asks before it acts.
const shownCases = 10

// rehearse shows what a document would make of the certificates that stand.
func (c *ceremony) rehearse(ctx context.Context, document string) error {
	var r ca.Rehearsal
	err := c.during(ctx, "policy plan", func() (err error) {
		r, err = c.front.Rehearse(ctx, ca.Trial{Document: document})
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprint(c.err, rehearsalText(r, shownCases))
	return nil
}

func rehearsalText(r ca.Rehearsal, most int) string {
	if r.Checked == 0 {
		return "no certificate stands under profile " + r.Profile + "\n"
	}
	var b strings.Builder
	of := "all of profile " + r.Profile
	if r.More {
		of = "the newest of profile " + r.Profile
	}
	fmt.Fprintf(&b, "%s, %s, asked for again: %d the same, %d changed, %d refused", counted(int(r.Checked), "standing certificate"), of, r.Same, r.Changed, r.Refused)
	if r.Gained > 0 {
		fmt.Fprintf(&b, ", %d no longer refused", r.Gained)
	}
	b.WriteByte('\n')
	for _, one := range r.Cases[:min(most, len(r.Cases))] {
		what := strings.Join(one.Changes, "; ")
		if one.Problem != nil {
			what = "refused: " + one.Problem.Detail
		}
		fmt.Fprintf(&b, "  %s   until %s   %s\n", one.Title, onDay(one.NotAfter), what)
	}
	if rest := unlisted(r, most); rest > 0 && most < len(r.Cases) {
		fmt.Fprintf(&b, "  and %d more: chancery policy plan FILE\n", rest)
	}
	return b.String()
}

// unlisted is how many cases are not among the first so many.
func unlisted(r ca.Rehearsal, most int) int {
	return r.Changed + r.Refused + r.Gained - min(most, len(r.Cases))
}
