// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) revokeCommand() *cobra.Command {
	var reason, confirm string
	var dry bool
	c := &cobra.Command{
		Use: "revoke SERIAL|NAME", Short: "Revoke a certificate, for good",
		Long: "Revokes a certificate: whoever fetches the authority's list from now on refuses it. It cannot be undone;\n" +
			"the reason can be raised to keyCompromise later. Works while the keys are locked; the list follows.\n\nReasons: " + strings.Join(ca.Reasons(), ", "),
		Example:           "  chancery revoke d24f9c21 --reason keyCompromise\n  chancery revoke nas.lab.example --reason superseded --confirm nas.lab.example",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("revoke takes one certificate", "chancery list")
			}
			if err := a.canGive(answer{value: ca.Certificate{}}); err != nil {
				return err
			}
			why, err := ca.ParseReason(reason)
			if err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				found, err := k.Certificate(ctx, args[0])
				if err != nil {
					return err
				}
				if err := onlyOne(ctx, k, args[0], found.Certificate); err != nil {
					return err
				}
				if found.Certificate.Kind == ca.CACertificate {
					return authorityAsked(ctx, k, found.Certificate)
				}
				fmt.Fprint(a.err, effect(found.Certificate, why))
				if dry {
					return a.give(answer{value: found.Certificate, text: "nothing was revoked\n"})
				}
				if err := a.confirmed(ctx, found.Certificate, confirm); err != nil {
					return err
				}
				// By its public name, which means this one certificate whatever happens
				// meanwhile.
				return a.revoke(ctx, k, found.Certificate.PublicName(), why)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", ca.Unspecified.String(), "why, see above")
	c.Flags().StringVar(&confirm, "confirm", "", "name of the certificate, instead of typing it when asked")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be revoked, and revoke nothing")
	_ = c.RegisterFlagCompletionFunc("reason", fixed(ca.Reasons()...)) // the flag is there
	return c
}

// onlyOne refuses a name that several standing certificates bear: elsewhere it means
// the newest, but the same line again would revoke the next one.
func onlyOne(ctx context.Context, k *client.Client, ref string, c ca.Certificate) error {
	if !bears(c, ref) {
		return nil // a serial number, or a part of one
	}
	page, err := k.Certificates(ctx, ca.Filter{Name: strings.TrimSpace(ref), Status: "valid", Limit: maxBearers + 1})
	if err != nil || len(page.Items) < 2 {
		return err
	}
	var names []string
	for _, one := range page.Items[:min(len(page.Items), maxBearers)] {
		names = append(names, one.PublicName())
	}
	return ca.Invalid(ca.E2102, fmt.Sprintf("%s is the name of more than one certificate that stands", ca.Show(ref)), "revoke by one of these").
		Because(strings.Join(names, ", "))
}

// authorityAsked refuses the certificate of an authority, and says which that is.
func authorityAsked(ctx context.Context, k *client.Client, c ca.Certificate) error {
	name := "NAME"
	all, err := k.Authorities(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Key == c.Key {
			name = one.Name
		}
	}
	return ca.Refused(ca.E2111, "this is the certificate of an authority, which is revoked by what signed it", "chancery ca revoke "+name)
}

// maxBearers is how many candidates a message lists.
const maxBearers = 8

// effect says what revoking will do, before it is done.
func effect(c ca.Certificate, why ca.Reason) string {
	text := fmt.Sprintf("  %s   %s   serial …%s   valid until %s\n", c.Title(), c.Profile, c.Serial.Tail(), c.NotAfter.Local().Format(time.DateOnly))
	if c.Revoked != nil {
		return text + fmt.Sprintf("  It is revoked already, since %s, for %s.\n", c.Revoked.At.Local().Format(time.DateTime), c.Revoked.Reason)
	}
	if why == ca.KeyCompromise {
		text += "  The key is never certified again, and every other certificate of it is revoked too.\n"
	}
	return text + fmt.Sprintf("  Effect: a new list of %s is published, reason %s. Who keeps the one before may accept the certificate\n"+
		"          until that one ends. This cannot be undone.\n", c.Authority, why)
}

// confirmed has the certificate's name typed: what cannot be undone is not done by
// a slip.
func (a *app) confirmed(ctx context.Context, c ca.Certificate, typed string) error {
	if typed == "" {
		if !a.interactive() {
			return usage("revoking cannot be undone, and there is no terminal to ask at", "chancery revoke … --confirm "+ca.Show(c.Title()))
		}
		fmt.Fprintf(a.err, "Type the name to revoke: ")
		var err error
		if typed, err = a.line(ctx); err != nil {
			return err
		}
	}
	if typed != c.Title() {
		return usage(fmt.Sprintf("%s is not the name of this certificate, so nothing was revoked", ca.Show(typed)), "the name is "+ca.Show(c.Title()))
	}
	return nil
}

// revoke revokes, and publishes the list at once.
func (a *app) revoke(ctx context.Context, k *client.Client, name string, why ca.Reason) error {
	c, err := k.Revoke(ctx, name, ca.Withdrawal{Reason: why})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s revoked since %s, for %s", a.mark(fine), c.Revoked.At.UTC().Format(time.DateTime+" UTC"), c.Revoked.Reason)
	l, err := k.PublishList(ctx, c.Authority, 0)
	var p *ca.Problem
	switch {
	case err == nil:
		text += fmt.Sprintf("; list %d of %s is published\n", l.Number, l.Authority)
	case errors.As(err, &p):
		// It is revoked; that the list waits is no failure of this command.
		text += "\n"
		fmt.Fprintf(a.err, "%s the list of %s is not published yet: %s   → %s\n", a.mark(warned), c.Authority, p.Detail, p.Fix)
	default:
		return err
	}
	return a.give(answer{value: c, text: text, names: []string{c.PublicName()}})
}
