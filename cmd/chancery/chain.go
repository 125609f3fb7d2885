// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
)

// A chaining is what ca chain was asked.
type chaining struct {
	handing
	name            string
	noRoot, reverse bool
	via             string
}

func (a *app) caChain() *cobra.Command {
	var q chaining
	c := &cobra.Command{
		Use: "chain NAME", Short: "Print an authority's certificate and those above it, the root last",
		Long: "Prints an authority's certificate and those above it up to the root. While one root takes the place of another,\n" +
			"--via leads the chain to the new one through the certificate that it gave the old one, or, with the SHA-256 of a\n" +
			"certificate, through that cross-certificate or earlier certificate of an authority on the way.",
		Example:           "  chancery ca chain issuing-g1 > ca-chain.pem\n  chancery ca chain issuing-g1 --no-root --out intermediates.pem\n  chancery ca chain issuing-g1 --via root-g2",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca chain takes the name of one authority", "chancery ca chain issuing-g1")
			}
			if q.form != asPEM && q.form != asP7B {
				return usage("--format "+ca.Show(q.form)+" is no form of a chain", "use pem or p7b; one certificate in DER: chancery ca show NAME -o der")
			}
			q.name = args[0]
			if err := a.canHand(q.handing, chainOfAnswer(nil, nil)); err != nil {
				return err
			}
			return a.authorities(c.Context(), func(_ context.Context, _ *client.Client, all []ca.Authority) error {
				return a.chain(all, q)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&q.noRoot, "no-root", false, "leave the root out, as a server sends a chain")
	f.BoolVar(&q.reverse, "reverse", false, "the root first")
	f.StringVar(&q.via, "via", "", "lead through the cross-certificate by this authority, or through the certificate with this SHA-256")
	f.StringVar(&q.form, "format", asPEM, "pem or p7b")
	f.StringVar(&q.out, "out", "", "file to write, or to replace; - is standard output")
	a.completeFlag(c, "via", completeAuthorities)
	_ = c.RegisterFlagCompletionFunc("format", fixed(asPEM, asP7B)) // the flag is there
	return c
}

func (a *app) chain(all []ca.Authority, q chaining) error {
	chain, err := ca.ChainOf(all, q.name, q.via)
	if err != nil {
		return err
	}
	if q.noRoot {
		chain = format.WithoutRoot(chain)
	}
	if q.reverse {
		slices.Reverse(chain)
	}
	body := []byte(pemText(certificateLabel, chain))
	if q.form == asP7B {
		if body, err = format.P7B(chain, nil); err != nil {
			return err
		}
	}
	shown := []shownCertificate{}
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("read the chain of %s: %w", q.name, err)
		}
		shown = append(shown, describe(c))
	}
	x := chainOfAnswer(shown, chain)
	x.text, x.long = string(body), texts(chain, format.CertificateText)
	return a.hand(q.handing, body, x)
}

func chainOfAnswer(shown []shownCertificate, chain [][]byte) answer {
	x := answer{value: shown, rows: shown, columns: []string{"subject", "issuer", "serial", "not_after"}, der: chain, label: certificateLabel}
	for _, s := range shown {
		x.names = append(x.names, s.Serial)
	}
	return x
}
