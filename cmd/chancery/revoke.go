// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) revokeCommand() *cobra.Command {
	var q withdrawing
	var reason string
	var since when
	c := &cobra.Command{
		Use: "revoke [SERIAL|NAME|FILE]", Short: "Revoke certificates",
		Long: "Revokes a certificate: whoever fetches the authority's list from now on refuses it. It cannot be undone, unless it is a hold;\n" +
			"the reason can be raised to keyCompromise later. Works while the keys are locked; the list follows.\n" +
			"With --name, --owner, --profile, --ca or --tag it revokes all valid ones that these find together, with --file those of a list of serial numbers.\n" +
			"With --key it revokes the certificate in FILE by its own private key, which stays here: whoever has the key needs no account.\n\nReasons: " + strings.Join(ca.Reasons(), ", "),
		Example: "  chancery revoke d24f9c21 --reason keyCompromise\n  chancery revoke nas.lab.example --reason superseded --confirm nas.lab.example\n" +
			"  chancery revoke nas.pem --reason certificateHold\n  chancery revoke --owner uid:1000 --reason affiliationChanged --confirm 12\n  chancery revoke --file serials.txt --dry-run\n  chancery revoke --key nas.key nas.pem --reason keyCompromise",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if err := narrows(c); err != nil {
				return err
			}
			if len(args) > 1 || q.many() == (len(args) == 1) {
				return usage("revoke takes one certificate, or what finds many", "chancery list, or --name, --owner, --profile, --ca, --tag or --file")
			} else if q.file != "" && q.searches() {
				return usage("--file names the certificates, and nothing else does", "leave the other flags out")
			} else if q.password != "" && q.key == "" {
				return usage("--password-file is for the key that --key names", "leave it out")
			} else if q.own() && (q.many() || q.key != "" && q.challenge != "") {
				return usage("--key and --challenge-file each revoke the one certificate that they belong to", "chancery revoke --key nas.key nas.pem")
			}
			var err error
			if q.Reason, err = ca.ParseReason(reason); err != nil {
				return err
			}
			if q.own() && q.Reason == ca.CertificateHold {
				return ca.Refused(ca.E2111, "a hold is placed, and taken back, by who has an account", "chancery revoke --key nas.key nas.pem --reason superseded")
			}
			q.InvalidSince = since.ago(time.Now())
			sample := answer{value: ca.Aftermath{}}
			if q.many() {
				sample = answer{value: []outcome{}, rows: []outcome{}}
			}
			if q.own() {
				sample = answer{value: ca.Withdrawn{}}
			}
			if err := a.canGive(sample); err != nil {
				return err
			}
			if q.key != "" {
				return a.byKey(c.Context(), args[0], q)
			}
			if q.challenge != "" {
				return a.byChallenge(c.Context(), args[0], q)
			}
			if q.many() { // Ctrl-C stops it, and not the processes that are at it
				return a.with(context.WithoutCancel(c.Context()), func(_ context.Context, k *client.Client) error { return a.many(c.Context(), k, q) })
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error { return a.revokeOne(ctx, k, args[0], q) })
		},
	}
	f := c.Flags()
	f.StringVar(&reason, "reason", ca.Unspecified.String(), "why, see above")
	f.Var(&since, "invalid-since", "since when it was not to be trusted, such as 2027-01-31, 2027-01-31T12:00:00Z, or 12h for twelve hours ago")
	f.StringVar(&q.confirm, "confirm", "", "name of the certificate, or how many there are, instead of typing it when asked")
	f.BoolVar(&q.dry, "dry-run", false, "say what would be revoked, and revoke nothing")
	f.StringVar(&q.key, "key", "", "revoke the certificate in FILE by its own private key, in this file; needs no account")
	f.StringVar(&q.password, "password-file", "", "file with the password of that key")
	f.StringVar(&q.challenge, "challenge-file", "", "file with the challenge password of the certificate's request; needs no account")
	q.selectors(a, c)
	_ = c.RegisterFlagCompletionFunc("reason", fixed(ca.Reasons()...)) // the flag is there
	return c
}

// revokeOne revokes a certificate that is named, or lies in a file.
func (a *app) revokeOne(ctx context.Context, k *client.Client, ref string, q withdrawing) error {
	c, err := theOne(ctx, k, ref, "chancery ca revoke")
	if err != nil {
		return err
	}
	if c.Kind == ca.CACertificate {
		return authorityAsked(ctx, k, c)
	}
	// Judged first: an effect that is announced is one that will be.
	planned, err := k.PlanRevoke(ctx, c.PublicName(), q.Withdrawal)
	if err != nil {
		return err
	}
	also, err := a.fallen(ctx, k, planned)
	if err != nil {
		return err
	}
	q.locked = keysLocked(ctx, k)
	fmt.Fprint(a.err, fitted(effect(c, q, also), columnsOf(a.err)))
	if q.dry {
		return a.give(answer{value: planned, text: "nothing was revoked\n", names: []string{c.PublicName()}})
	}
	if err := a.confirmed(ctx, c, q); err != nil {
		return err
	}
	// By its public name, which means this one certificate whatever happens meanwhile.
	return a.revoke(ctx, k, c.PublicName(), q.Withdrawal, also)
}

// confirmed has the certificate's name typed: what cannot be undone is not done by
// a slip.
func (a *app) confirmed(ctx context.Context, c ca.Certificate, q withdrawing) error {
	typed := q.confirm
	if typed == "" {
		if err := a.unanswered(q.grave(), byConfirm.with(typeable(c.Title()))); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "Type the name to revoke: ")
		var err error
		if typed, err = a.line(ctx, byConfirm); err != nil {
			return err
		}
	}
	if typed != c.Title() {
		return usage(fmt.Sprintf("%s is not the name of this certificate, so nothing was revoked", ca.Show(typed)), "the name is "+ca.Show(c.Title()))
	}
	return nil
}

// revoke takes a step, which takes others of the key along if it is compromised, and publishes
// the lists at once.
func (a *app) revoke(ctx context.Context, k *client.Client, name string, why ca.Withdrawal, also fall) error {
	c, err := k.Revoke(ctx, name, why)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s is not held any more", a.mark(fine), c.Title())
	if v := c.Revoked; v != nil {
		text = fmt.Sprintf("%s %s since %s, for %s", a.mark(fine), wordOf(v.Reason), atTime(v.At), v.Reason)
		if !v.InvalidSince.IsZero() {
			text += ", invalid since " + atTime(v.InvalidSince)
		}
	}
	// It stands; that the list waits is no failure of this command.
	list, err := a.publishedAll(ctx, k, slices.Concat([]ca.Certificate{c.Certificate}, also.named))
	if err != nil {
		return err
	}
	return a.give(answer{value: c, text: text + list + "\n" + also.String(), names: []string{c.PublicName()}})
}
