// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"chancery/ca"
)

// Who may sign what an authority says by OCSP.
const (
	byAuthority = "authority"
	byResponder = "responder"
)

// A speaking is what policy ocsp was asked.
type speaking struct {
	consent
	authority, by string
}

func (a *app) policyOCSP() *cobra.Command {
	var q speaking
	c := &cobra.Command{
		Use: "ocsp AUTHORITY", Short: "Say whose key signs the OCSP answers of an authority",
		Long: "Puts a policy in force in which an authority signs its OCSP answers with its own key, or has a responder sign them again, as all do\n" +
			"unless told otherwise. A responder has a key and a certificate of its own for a month, which replace themselves. The authority's own key is for\n" +
			"clients that know no responders; it is used for every answer then, and each signature is verified before it leaves, which takes longer.\n\n" +
			"The service gives answers by the new key within some seconds, and forgets those that it kept. A process of chancery ocsp serve goes on with\n" +
			"those that it kept for up to a day: start it anew. What clients, servers that staple and caches have is good until it ends, a day at most.",
		Example: "  chancery policy ocsp issuing-g1 --by authority\n  chancery policy ocsp issuing-g1 --by responder",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || q.by != byAuthority && q.by != byResponder {
				return usage("policy ocsp takes an authority, and --by authority or --by responder", "chancery policy ocsp issuing-g1 --by authority")
			}
			q.authority = args[0]
			return a.ceremonialAs(c.Context(), answer{value: ca.Authority{}}, func(ctx context.Context, t *ceremony) error { return t.speaks(ctx, q) })
		},
	}
	c.Flags().StringVar(&q.by, "by", "", "who signs: authority or responder")
	_ = c.RegisterFlagCompletionFunc("by", fixed(byAuthority, byResponder)) // the flag is there
	planFlags(c, &q.dry, &q.yes)
	return c
}

// speaks has the bundle in force replaced by one with the change.
func (c *ceremony) speaks(ctx context.Context, q speaking) error {
	at := slices.IndexFunc(c.all, func(a ca.Authority) bool { return a.Name == q.authority })
	if at < 0 {
		return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.authority), "chancery ca list")
	}
	one := c.all[at]
	if one.Kind != ca.Issuing || one.External {
		return ca.Refused(ca.E3004, "the key of "+one.Name+" does not lie open here day by day", "leave it to its responder, which is made with its list")
	}
	b, err := c.bundle(ctx)
	if err != nil {
		return err
	}
	own := slices.Contains(b.OCSPByAuthority, one.Name)
	if own == (q.by == byAuthority) {
		return ca.Conflict(ca.E2101, "the OCSP answers of "+one.Name+" are signed by the "+q.by+" already", "chancery policy show")
	}
	b.OCSPByAuthority = slices.DeleteFunc(slices.Clone(b.OCSPByAuthority), func(name string) bool { return name == one.Name })
	text := "a responder signs the OCSP answers of " + one.Name
	from, to := "its own key", "its responder"
	if q.by == byAuthority {
		b.OCSPByAuthority = append(b.OCSPByAuthority, one.Name)
		slices.Sort(b.OCSPByAuthority)
		text = one.Name + " signs its OCSP answers itself"
		from, to = to, from
	}
	fmt.Fprintf(c.err, "  ~ OCSP answers of %s   signed by %s → by %s\n", one.Name, from, to)
	return c.putInForce(ctx, b, q.consent, answer{value: one, text: text, names: []string{one.Name}})
}
