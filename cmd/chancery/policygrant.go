// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/policy"
)

// A granting is what policy grant was asked.
type granting struct {
	policy.Grant
	consent
}

func (a *app) policyGrant() *cobra.Command {
	var q granting
	c := &cobra.Command{
		Use: "grant ACCOUNT", Short: "Let an account have names certified, where a profile asks for grants",
		Long: "A profile with names.granted = true certifies a name only for whoever was granted it. A grant never widens a profile: a\n" +
			"name must be in its patterns too. The account is that of the operating system, by name or as uid:1001.",
		Example: "  chancery policy grant amira --profile user --email amira@lab.example\n  chancery policy grant uid:1001 --profile server --dns '*.web.lab.example' --dry-run",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || len(q.Profiles) == 0 || len(q.DNS)+len(q.IP)+len(q.Email)+len(q.URI) == 0 {
				return usage("policy grant takes an account, --profile, and names: --dns, --ip, --email or --uri", "chancery policy grant amira --profile user --email amira@lab.example")
			}
			var err error
			if q.To, err = actorOf(args[0]); err != nil {
				return err
			}
			return a.ceremonialAs(c.Context(), answer{value: policy.Grant{}}, func(ctx context.Context, t *ceremony) error { return t.grant(ctx, q) })
		},
	}
	f := c.Flags()
	f.StringSliceVar(&q.Profiles, "profile", nil, "profiles that it is for")
	f.StringSliceVar(&q.DNS, "dns", nil, "patterns of DNS names, such as '*.web.lab.example'")
	f.StringSliceVar(&q.IP, "ip", nil, "addresses or prefixes, such as 10.0.0.0/24")
	f.StringSliceVar(&q.Email, "email", nil, "addresses or domains, such as amira@lab.example or @lab.example")
	f.StringSliceVar(&q.URI, "uri", nil, "beginnings of URIs, such as spiffe://lab.example/")
	a.completeFlag(c, "profile", completeProfiles)
	planFlags(c, &q.dry, &q.yes)
	return c
}

// actorOf is the actor that an account of the operating system is.
func actorOf(account string) (string, error) {
	if strings.HasPrefix(account, "uid:") {
		return account, nil
	}
	u, err := user.Lookup(account)
	if err != nil {
		return "", ca.NotFound(ca.E2101, "this machine has no account "+ca.Show(account), "name it by number: uid:1001").Because(err.Error())
	}
	return "uid:" + u.Uid, nil
}

func (c *ceremony) grant(ctx context.Context, q granting) error {
	b, err := c.bundle(ctx)
	if err != nil {
		return err
	}
	for _, name := range q.Profiles {
		if !slices.ContainsFunc(b.Profiles, func(d policy.Document) bool { return d.Name == name }) {
			var all []string
			for _, d := range b.Profiles {
				all = append(all, d.Name)
			}
			return ca.NotFound(ca.E2118, "there is no profile "+ca.Show(name), "use one of "+strings.Join(all, ", ")).At("profile")
		}
	}
	if err := q.Sound(); err != nil {
		return err
	}
	b.Grants = append(b.Grants, q.Grant)
	fmt.Fprintf(c.err, "  + %s\n", grantText(q.Grant, ""))
	return c.putInForce(ctx, b, q.consent, answer{value: q.Grant, text: q.To + " may have these names certified", names: []string{q.To}})
}

func (a *app) policyWithdraw() *cobra.Command {
	var profile string
	var q consent
	c := &cobra.Command{
		Use: "withdraw ACCOUNT", Short: "Take an account's grants back",
		Long:    "Takes all grants of an account back, or those for one profile. Certificates that it has stay valid: revoke them if they must not.",
		Example: "  chancery policy withdraw amira\n  chancery policy withdraw uid:1001 --profile server --yes",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("policy withdraw takes one account", "chancery policy show")
			}
			who, err := actorOf(args[0])
			if err != nil {
				return err
			}
			return a.ceremonialAs(c.Context(), answer{value: []policy.Grant{}}, func(ctx context.Context, t *ceremony) error {
				b, err := t.bundle(ctx)
				if err != nil {
					return err
				}
				left := withoutGrants(b.Grants, func(g policy.Grant, p string) bool { return g.To == who && (profile == "" || p == profile) })
				if slices.EqualFunc(left, b.Grants, func(a, b policy.Grant) bool { return len(a.Profiles) == len(b.Profiles) }) {
					return ca.NotFound(ca.E2101, who+" has no such grant", "chancery policy show")
				}
				for _, g := range b.Grants {
					kept := slices.IndexFunc(left, func(l policy.Grant) bool { return l.To == g.To && slices.Equal(l.Profiles, g.Profiles) })
					if g.To == who && kept < 0 {
						fmt.Fprintf(t.err, "  - %s\n", grantText(g, profile))
					}
				}
				b.Grants = left
				return t.putInForce(ctx, b, q, answer{value: left, text: "grants of " + who + " are taken back", names: []string{who}})
			})
		},
	}
	c.Flags().StringVar(&profile, "profile", "", "only those for this profile")
	a.completeFlag(c, "profile", completeProfiles)
	planFlags(c, &q.dry, &q.yes)
	return c
}

// grantText is a grant in a line: for one profile, or for all that it names.
func grantText(g policy.Grant, profile string) string {
	profiles := strings.Join(g.Profiles, ", ")
	if profile != "" {
		profiles = profile
	}
	return fmt.Sprintf("grant to %s, profile %s: %s", g.To, profiles, strings.Join(slices.Concat(g.DNS, g.IP, g.Email, g.URI), ", "))
}

// withoutGrants takes profiles out of grants, and grants that are for none then.
func withoutGrants(all []policy.Grant, gone func(g policy.Grant, profile string) bool) (left []policy.Grant) {
	for _, g := range all {
		g.Profiles = slices.DeleteFunc(slices.Clone(g.Profiles), func(p string) bool { return gone(g, p) })
		if len(g.Profiles) > 0 {
			left = append(left, g)
		}
	}
	return left
}
