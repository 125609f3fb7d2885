// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) unholdCommand() *cobra.Command {
	q := withdrawing{Withdrawal: ca.Withdrawal{Reason: ca.RemoveFromCRL}}
	c := &cobra.Command{
		Use: "unhold [SERIAL|NAME|FILE]", Short: "Take holds back: the certificate is good again",
		Long: "Takes back that a certificate was revoked for certificateHold. Whoever fetches the authority's next list accepts it again.\nNothing else that was revoked comes back.\n" +
			"With --name, --owner, --profile, --ca or --tag it takes back all holds that these find together, with --file those of a list of serial numbers.",
		Example:           "  chancery unhold nas.lab.example\n  chancery list --status held\n  chancery unhold --name '*.lab.example' --confirm 12",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if err := narrows(c); err != nil {
				return err
			}
			if len(args) > 1 || q.many() == (len(args) == 1) {
				return usage("unhold takes one certificate, or what finds many", "chancery list --status held, or --name, --owner, --profile, --ca, --tag or --file")
			} else if q.file != "" && q.searches() {
				return usage("--file names the certificates, and nothing else does", "leave the other flags out")
			} else if !q.many() && q.confirm != "" {
				return usage("--confirm is for many: one hold is taken back unasked", "leave it out")
			}
			sample := answer{value: ca.Aftermath{}}
			if q.many() {
				sample = answer{value: []outcome{}, rows: []outcome{}}
			}
			if err := a.canGive(sample); err != nil {
				return err
			}
			if q.many() {
				return a.with(context.WithoutCancel(c.Context()), func(_ context.Context, k *client.Client) error { return a.many(c.Context(), k, q) })
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error { return a.unhold(ctx, k, args[0], q) })
		},
	}
	dryFlag(c, &q.dry)
	c.Flags().StringVar(&q.confirm, "confirm", "", "how many there are, instead of typing it when asked")
	q.selectors(a, c)
	return c
}

// unhold takes one hold back.
func (a *app) unhold(ctx context.Context, k *client.Client, ref string, q withdrawing) error {
	ref, err := heldOne(ctx, k, ref)
	if err != nil {
		return err
	}
	if q.dry {
		return a.wouldUnhold(ctx, k, ref)
	}
	before, err := k.Certificate(ctx, ref)
	if err != nil {
		return err
	}
	if before.Certificate.Revoked != nil {
		return a.revoke(ctx, k, ref, q.Withdrawal, fall{})
	}
	// Typed again after it was done; of what never was held the service says so.
	c, err := k.Revoke(ctx, ref, q.Withdrawal)
	if err != nil {
		return err
	}
	return a.give(answer{value: c, text: fmt.Sprintf("%s %s was not held: nothing was changed\n", a.mark(fine), c.Title()), names: []string{c.PublicName()}})
}

// wouldUnhold says what would be good again, and refuses what is not held.
func (a *app) wouldUnhold(ctx context.Context, k *client.Client, ref string) error {
	found, err := k.Certificate(ctx, ref)
	if err != nil {
		return err
	}
	c := found.Certificate
	if c.Revoked == nil || c.Revoked.Reason != ca.CertificateHold {
		return ca.Refused(ca.E2111, c.Title()+" is not held", "chancery list --status held")
	}
	return a.give(answer{value: ca.Aftermath{Certificate: c}, text: "  ~ " + c.Title() + "   held → valid\nnothing was changed\n", names: []string{c.PublicName()}})
}

// heldOne gives the public name of the one certificate that is held and meant. A name of
// several means the one of them that is held.
func heldOne(ctx context.Context, k *client.Client, ref string) (string, error) {
	if certificateIn(ref) == nil {
		page, err := k.Certificates(ctx, ca.Filter{Name: strings.TrimSpace(ref), Status: "held", Limit: 2})
		if err == nil && len(page.Items) == 1 {
			return page.Items[0].PublicName(), nil
		}
		if err == nil && len(page.Items) > 1 {
			return "", ca.Invalid(ca.E2102, ca.Show(ref)+" is the name of more than one certificate that is held", "take one of them back by its serial number: chancery list --status held")
		}
		found, err := k.Certificate(ctx, ref)
		return found.Certificate.PublicName(), meant(ctx, k, ref, "chancery ca show", err)
	}
	c, err := theOne(ctx, k, ref, "chancery ca show")
	return c.PublicName(), err
}
