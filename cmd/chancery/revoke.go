// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
)

// A withdrawing is what revoke was asked.
type withdrawing struct {
	ca.Withdrawal
	confirm string
	dry     bool
	// key is the file of the certificate's own key, password that of its password.
	key, password string
	// challenge is the file of the challenge password.
	challenge string
	// search or file name many.
	search ca.Filter
	file   string
}

// many tells whether it is not about one certificate, searches whether a search finds them.
func (q withdrawing) many() bool { return q.file != "" || q.searches() }

// grave is why somebody has to say it twice.
func (q withdrawing) grave() string {
	if q.Reason == ca.CertificateHold {
		return "whoever fetches the list refuses what is held"
	}
	return "revoking cannot be undone"
}

// own tells whether it is done without an account.
func (q withdrawing) own() bool { return q.key != "" || q.challenge != "" }

func (q withdrawing) searches() bool {
	f := q.search
	return f.Name != "" || f.Owner != "" || f.Profile != "" || f.Authority != ""
}

func (a *app) revokeCommand() *cobra.Command {
	var q withdrawing
	var reason string
	var since when
	c := &cobra.Command{
		Use: "revoke [SERIAL|NAME|FILE]", Short: "Revoke certificates",
		Long: "Revokes a certificate: whoever fetches the authority's list from now on refuses it. It cannot be undone, unless it is a hold;\n" +
			"the reason can be raised to keyCompromise later. Works while the keys are locked; the list follows.\n" +
			"With --name, --owner, --profile or --ca it revokes all valid ones that these find together, with --file those of a list of serial numbers.\n" +
			"With --key it revokes the certificate in FILE by its own private key, which stays here: whoever has the key needs no account.\n\nReasons: " + strings.Join(ca.Reasons(), ", "),
		Example: "  chancery revoke d24f9c21 --reason keyCompromise\n  chancery revoke nas.lab.example --reason superseded --confirm nas.lab.example\n" +
			"  chancery revoke nas.pem --reason certificateHold\n  chancery revoke --owner uid:1000 --reason affiliationChanged --confirm 12\n  chancery revoke --file serials.txt --dry-run\n  chancery revoke --key nas.key nas.pem --reason keyCompromise",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || q.many() == (len(args) == 1) {
				return usage("revoke takes one certificate, or what finds many", "chancery list, or --name, --owner, --profile, --ca or --file")
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
			sample := answer{value: ca.Certificate{}}
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
	f.StringVar(&q.search.Name, "name", "", "all with a name, or below one: *.lab.example")
	f.StringVar(&q.search.Owner, "owner", "", "all of an account, such as uid:1000")
	f.StringVar(&q.search.Profile, "profile", "", "all of a profile")
	f.StringVar(&q.search.Authority, "ca", "", "all of an authority")
	f.StringVar(&q.file, "file", "", "file with a serial number on each line, or - for standard input")
	a.completeFlag(c, "profile", completeProfiles)
	a.completeFlag(c, "ca", completeAuthorities)
	_ = c.RegisterFlagCompletionFunc("reason", fixed(ca.Reasons()...)) // the flag is there
	return c
}

// revokeOne revokes a certificate that is named, or lies in a file.
func (a *app) revokeOne(ctx context.Context, k *client.Client, ref string, q withdrawing) error {
	c, err := theOne(ctx, k, ref)
	if err != nil {
		return err
	}
	if c.Kind == ca.CACertificate {
		return authorityAsked(ctx, k, c)
	}
	fmt.Fprint(a.err, effect(c, q.Reason))
	if q.dry {
		if c, err = k.PlanRevoke(ctx, c.PublicName(), q.Withdrawal); err != nil {
			return err
		}
		return a.give(answer{value: c, text: "nothing was revoked\n"})
	}
	if err := a.confirmed(ctx, c, q); err != nil {
		return err
	}
	// By its public name, which means this one certificate whatever happens meanwhile.
	return a.revoke(ctx, k, c.PublicName(), q.Withdrawal)
}

// theOne is the one certificate that a reference means: that of a file, if there is one
// with a certificate in it.
func theOne(ctx context.Context, k *client.Client, ref string) (ca.Certificate, error) {
	der := certificateIn(ref)
	if der == nil {
		found, err := k.Certificate(ctx, ref)
		if err == nil {
			err = onlyOne(ctx, k, ref, found.Certificate)
		}
		return found.Certificate, err
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Certificate{}, ca.Invalid(ca.E2501, "the certificate in "+ref+" cannot be read", "name it by its serial number").Because(err.Error())
	}
	foreign := ca.NotFound(ca.E2101, "the certificate in "+ref+" is none of this service's", "chancery show "+ref+" says who signed it")
	serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
	if err != nil {
		return ca.Certificate{}, foreign
	}
	found, err := k.Certificate(ctx, string(serial))
	if err == nil && !bytes.Equal(found.Certificate.DER, der) {
		err = foreign
	}
	return found.Certificate, err
}

// certificateIn is the first certificate of a file in PEM or DER, nil if there is none.
func certificateIn(path string) []byte {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > csr.MaxFile {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == certificateLabel {
			return block.Bytes
		}
	}
	if _, err := x509.ParseCertificate(content); err != nil {
		return nil
	}
	return content
}

func (a *app) unholdCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "unhold SERIAL|NAME|FILE", Short: "Take a hold back: the certificate is good again",
		Long:              "Takes back that a certificate was revoked for certificateHold. Whoever fetches the authority's next list accepts it again.\nNothing else that was revoked comes back.",
		Example:           "  chancery unhold nas.lab.example\n  chancery list --status held",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("unhold takes one certificate", "chancery list --status held")
			}
			if err := a.canGive(answer{value: ca.Certificate{}}); err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				ref, err := heldOne(ctx, k, args[0])
				if err != nil {
					return err
				}
				if dry {
					return a.wouldUnhold(ctx, k, ref)
				}
				before, err := k.Certificate(ctx, ref)
				if err != nil {
					return err
				}
				if before.Certificate.Revoked != nil {
					return a.revoke(ctx, k, ref, ca.Withdrawal{Reason: ca.RemoveFromCRL})
				}
				// Typed again after it was done; of what never was held the service says so.
				c, err := k.Revoke(ctx, ref, ca.Withdrawal{Reason: ca.RemoveFromCRL})
				if err != nil {
					return err
				}
				return a.give(answer{value: c, text: fmt.Sprintf("%s %s was not held: nothing was changed\n", a.mark(fine), c.Title()), names: []string{c.PublicName()}})
			})
		},
	}
	dryFlag(c, &dry)
	return c
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
	return a.give(answer{value: c, text: "  ~ " + c.Title() + "   held → valid\nnothing was changed\n", names: []string{c.PublicName()}})
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
		return found.Certificate.PublicName(), err
	}
	c, err := theOne(ctx, k, ref)
	return c.PublicName(), err
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
	return ca.Invalid(ca.E2102, fmt.Sprintf("%s is the name of more than one certificate that stands", ca.Show(ref)), "the same again with one of these instead of the name").
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
	text := fmt.Sprintf("  %s   %s   serial …%s   valid until %s\n", c.Title(), c.Profile, c.Serial.Tail(), onDay(c.NotAfter))
	if c.Revoked != nil {
		text += fmt.Sprintf("  It is revoked already, since %s, for %s.\n", atTime(c.Revoked.At), c.Revoked.Reason)
		if why == c.Revoked.Reason {
			return text
		}
	}
	return text + consequence(c, why)
}

// consequence is what revoking for a reason leads to.
func consequence(c ca.Certificate, why ca.Reason) (text string) {
	if why == ca.KeyCompromise {
		text += "  The key is never certified again, and every other certificate of it is revoked too.\n"
	}
	end := "This cannot be undone."
	if why == ca.CertificateHold {
		end = "chancery unhold takes it back."
	}
	return text + fmt.Sprintf("  Effect: a new list of %s is published, reason %s. Who keeps the one before may accept the certificate\n"+
		"          until that one ends. %s\n", c.Authority, why, end)
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

// revoke takes a step, and publishes the list at once.
func (a *app) revoke(ctx context.Context, k *client.Client, name string, why ca.Withdrawal) error {
	c, err := k.Revoke(ctx, name, why)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s is not held any more", a.mark(fine), c.Title())
	if v := c.Revoked; v != nil {
		text = fmt.Sprintf("%s revoked since %s, for %s", a.mark(fine), atTime(v.At), v.Reason)
		if !v.InvalidSince.IsZero() {
			text += ", invalid since " + atTime(v.InvalidSince)
		}
	}
	// It stands; that the list waits is no failure of this command.
	list, err := a.published(ctx, k, c.Authority)
	if err != nil {
		return err
	}
	return a.give(answer{value: c, text: text + list + "\n", names: []string{c.PublicName()}})
}
