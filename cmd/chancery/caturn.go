// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/signer"
)

func (a *app) caActivate() *cobra.Command {
	var dry, yes, broken bool
	c := &cobra.Command{
		Use: "activate NAME", Short: "Have a generation sign for its line from now on",
		Long: "Makes a generation the one that signs for its line, from the next certificate on and without a restart. The one\n" +
			"before becomes retiring: it signs no new certificates, and keeps its revocation list fresh. Activating it again\n" +
			"takes the change back. It is refused while live certificates of the line would break the name constraints of it or of\n" +
			"those above it: they could not be renewed.",
		Example:           "  chancery ca activate issuing-g2\n  chancery ca activate issuing-g2 --dry-run",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca activate takes the name of one authority", "chancery ca list")
			}
			return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error {
				one, err := t.named(args[0])
				if err != nil {
					return err
				}
				would, err := t.signer.Turn(ctx, signer.Turn{Authority: one.Name, To: ca.Active, DryRun: true})
				if err != nil {
					return err
				}
				if err := t.bites(ctx, t.ofLine(one.Line), one.Line, t.holding(one.Name), broken); err != nil {
					return err
				}
				fmt.Fprintf(t.err, "  ~ %s   %s → active\n", one.Name, one.State)
				for _, other := range would.Authorities[1:] {
					fmt.Fprintf(t.err, "  ~ %s   active → retiring: it signs its revocation list, and nothing else\n", other.Name)
				}
				if dry {
					return t.give(authorityAnswer(one, "nothing was changed\n"))
				}
				if err := t.agreed(ctx, yes); err != nil {
					return err
				}
				one, err = t.turn(ctx, one, ca.Active, "")
				if err != nil {
					return err
				}
				return t.give(authorityAnswer(one, fmt.Sprintf("%s %s signs for line %s from now on\n", t.mark(fine), one.Name, one.Line)+
					t.next("ca rollover "+one.Name, "what is left to do for the one before")))
			})
		},
	}
	planFlags(c, &dry, &yes)
	acceptFlag(c, &broken)
	return c
}

// acceptFlag is what every command has that puts the line of a service below other name
// constraints.
func acceptFlag(c *cobra.Command, broken *bool) {
	c.Flags().BoolVar(broken, "accept-broken", false, "go on though live certificates of the line would break the name constraints, its own or those above")
}

// turn changes the state of an authority; confirm is its name, if that was asked for.
func (c *ceremony) turn(ctx context.Context, one ca.Authority, to ca.AuthorityState, confirm string) (ca.Authority, error) {
	turned, err := c.signer.Turn(ctx, signer.Turn{Authority: one.Name, To: to, Confirm: confirm})
	if err != nil {
		return one, err
	}
	for _, now := range turned.Authorities {
		c.entered(ctx, now)
		if now.Name == one.Name {
			one = now
		}
	}
	return one, nil
}

func (a *app) caRetire() *cobra.Command {
	var confirm string
	var dry bool
	c := &cobra.Command{
		Use: "retire NAME", Short: "Take a generation out of use and out of the bundle, for good",
		Long: "Retires a generation that is retiring or in standby. It signs no certificate any more, and no trust bundle has it as an\n" +
			"anchor of its own. What it signed stays good for whoever trusts the root above it, until that ends or is revoked: servers\n" +
			"and clients send the authority's certificate along. To lock all of it out: chancery ca revoke NAME. Who trusts the\n" +
			"authority itself refuses what is below it once he has the new bundle, so the name of the authority must confirm it\n" +
			"while something is valid. Its revocation list goes on until its own certificate ends. What is retired stays so.\n\n" +
			"One that is active is followed by another first, unless it is alone in its line and has signed nothing.",
		Example:           "  chancery ca retire issuing-g1\n  chancery ca retire issuing-g1 --confirm issuing-g1",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca retire takes the name of one authority", "chancery ca list")
			}
			return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error { return t.retire(ctx, args[0], confirm, dry) })
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "name of the authority, to retire it though something below it is valid")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and do nothing")
	return c
}

// idle tells whether an active generation has signed nothing and is alone in its line:
// there is no other to be activated, and nobody misses it, so that it may cease to sign
// and retire in one go. Any other stays as it is, and the signer says why it cannot.
func (c *ceremony) idle(ctx context.Context, one ca.Authority) (bool, error) {
	if one.State != ca.Active || slices.ContainsFunc(c.all, func(other ca.Authority) bool {
		return other.Line == one.Line && other.Name != one.Name && other.State != ca.Retired
	}) {
		return false, nil
	}
	page, err := c.front.Certificates(ctx, ca.Filter{Authority: one.Name, Limit: ca.MaxPage})
	return err == nil && !slices.ContainsFunc(page.Items, func(signed ca.Certificate) bool { return signed.Key != one.Key }), err
}

// staysGood says who goes on accepting what a retired generation signed: a bundle without
// it takes no certificate back whose chain leads past it to what is trusted.
func (c *ceremony) staysGood(one ca.Authority) string {
	if one.Parent == one.Name {
		return "Whoever has " + one.Name + " in a trust store goes on accepting them, whoever takes the next bundle does not"
	}
	return "Whoever trusts the root goes on accepting them: " + c.says("ca revoke "+one.Name) + " locks them out"
}

func (c *ceremony) retire(ctx context.Context, name, confirm string, dry bool) error {
	one, err := c.named(name)
	if err != nil {
		return err
	}
	left, err := c.below(ctx, one)
	if err != nil {
		return err
	}
	idle, err := c.idle(ctx, one)
	if err != nil {
		return err
	}
	// What stands below is told of first, and confirmed afterwards.
	ask := signer.Turn{Authority: one.Name, To: ca.Retired, Confirm: one.Name, DryRun: true}
	if idle {
		ask.To = ca.Retiring
	}
	if _, err := c.signer.Turn(ctx, ask); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "  ~ %s   %s → retired: it signs no certificate any more, and no trust bundle has it as an anchor; its revocation list goes on until %s\n",
		one.Name, one.State, onDay(one.NotAfter))
	if !left.empty() {
		fmt.Fprintf(c.err, "%s still valid below it: %s, the last until %s. %s\n", c.mark(warned), left, onDay(left.last), c.staysGood(one))
	}
	if dry {
		return c.give(authorityAnswer(one, "nothing was changed\n"))
	}
	agreed := ""
	if !left.empty() || confirm != "" {
		agreed = one.Name
		if err := c.confirmed(ctx, one.Name, confirm, fmt.Sprintf("%s has signed what is still valid: %s. %s", one.Name, left, c.staysGood(one))); err != nil {
			return err
		}
	}
	if idle {
		if one, err = c.turn(ctx, one, ca.Retiring, ""); err != nil {
			return err
		}
	}
	if one, err = c.turn(ctx, one, ca.Retired, agreed); err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s is retired\n", c.mark(fine), one.Name)
	if one.Kind != ca.Issuing {
		text += c.next("crl publish --ca "+one.Name, "once a year, with its words: its list goes on")
	}
	return c.give(authorityAnswer(one, text+c.next("ca bundle", "what others are to trust now, without "+one.Name)))
}
