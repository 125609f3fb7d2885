// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
)

// A renewal is what ca renew and ca cross were asked.
type renewal struct {
	by, recovery, confirm string
	days                  int
	dry, yes              bool
}

func (a *app) caRenew() *cobra.Command {
	var q renewal
	c := &cobra.Command{
		Use: "renew NAME", Short: "Make a new certificate of the key that an authority has",
		Long: "Makes a new certificate of an authority's key: same name, key, path length, usages and constraints, other dates.\n" +
			"Everything that it signed stays as it is, and verifies with either certificate. Renewing extends the life of a\n" +
			"key; to change the key, see ca rollover. The certificate before it is kept: ca show NAME --json. One that would end sooner than the\n" +
			"certificate before is refused, unless the name of the authority confirms it.",
		Example:           "  chancery ca renew issuing-g1 --days 1826 --recovery-file words.txt\n  chancery ca renew root-g1 --dry-run",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca renew takes the name of one authority", "chancery ca list")
			}
			return a.recertify(c, args[0], q)
		},
	}
	a.renewalFlags(c, &q)
	c.Flags().StringVar(&q.confirm, "confirm", "", "name of the authority, to let it end sooner than it does now")
	return c
}

func (a *app) caCross() *cobra.Command {
	var q renewal
	c := &cobra.Command{
		Use: "cross NAME --by ROOT", Short: "Have another root certify an authority's key too",
		Long: "Makes a cross-certificate: another root signs a certificate of the authority's key. Whoever trusts that root alone\n" +
			"accepts what the authority signed, if the cross-certificate is sent along. -o pem prints it.",
		Example:           "  chancery ca cross root-g2 --by root-g1 --recovery-file words.txt\n  chancery ca cross root-g1 --by root-g2 -o pem > cross.pem",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || q.by == "" {
				return usage("ca cross takes the name of one authority, and --by ROOT", "chancery ca list")
			}
			return a.recertify(c, args[0], q)
		},
	}
	a.renewalFlags(c, &q)
	c.Flags().StringVar(&q.by, "by", "", "root that signs the cross-certificate")
	a.completeFlag(c, "by", completeAuthorities)
	return c
}

func (a *app) renewalFlags(c *cobra.Command, q *renewal) {
	c.Flags().IntVar(&q.days, "days", 0, "lifetime in days (default: the usual one, within the life of what signs it)")
	c.Flags().StringVar(&q.recovery, "recovery-file", "", "file with the recovery words of the key that signs (CHANCERY_PASSWORD_FILE)")
	planFlags(c, &q.dry, &q.yes)
}

// recertify carries out both.
func (a *app) recertify(c *cobra.Command, name string, q renewal) error {
	if err := someDays(c, q.days); err != nil {
		return err
	}
	return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error {
		one, w, err := t.renewal(name, q)
		if err != nil {
			return err
		}
		by := q.by
		if by == "" {
			by = one.Parent
		}
		dry := w
		dry.DryRun = true
		would, err := t.signer.Recertify(ctx, dry)
		if err != nil {
			return err
		}
		now := time.Now()
		fmt.Fprintf(t.err, "  + certificate of %s, signed by %s, %d days (until %s); now until %s\n", one.Name, by, w.Days,
			onDay(now.AddDate(0, 0, w.Days)), onDay(one.NotAfter))
		t.told(would.Notices)
		if q.by == "" {
			_, notices := policy.Stagger(policy.Span{Now: now, Days: w.Days, Given: true})
			t.told(notices)
		}
		if q.dry {
			return t.give(answer{value: would.Authority, text: "nothing was made\n", names: []string{one.Name}})
		}
		if err := t.agreed(ctx, q.yes, t.unlessFile(byRecoveryFile, q.recovery)); err != nil {
			return err
		}
		if w.Words, err = t.secret(ctx, byRecoveryFile, q.recovery, true); err != nil {
			return err
		}
		made, err := t.recertified(ctx, w)
		if err != nil {
			return err
		}
		if q.by == "" {
			return t.give(authorityAnswer(made, t.described(made)+t.next("ca bundle", "what others must have; it is new if a root was renewed")))
		}
		x := authorityAnswer(made, fmt.Sprintf("%s %s certified %s\n", t.mark(fine), q.by, made.Name)+
			t.next("ca show "+made.Name+" --json", "all its certificates"))
		x.der = [][]byte{made.Cross[len(made.Cross)-1].Certificate}
		return t.give(x)
	})
}

// renewal makes the wish out of the flags. Without a lifetime it takes the usual one,
// as far as what signs lives.
func (c *ceremony) renewal(name string, q renewal) (one ca.Authority, w signer.Recertification, err error) {
	if one, err = c.named(name); err != nil {
		return one, w, err
	}
	w = signer.Recertification{Authority: name, Days: q.days, By: q.by, Shorten: q.confirm == name}
	if q.confirm != "" && !w.Shorten {
		return one, w, usage("--confirm names another authority than the one that is renewed", "--confirm "+name)
	}
	if w.Days > 0 {
		return one, w, nil
	}
	w.Days = issuingDays
	if one.Kind == ca.Root {
		w.Days = rootDays
	}
	if q.by == "" { // what has longer to go keeps that
		w.Days = max(w.Days, wholeDays(one.NotAfter)+2)
	}
	above := one.Parent
	if q.by != "" {
		above = q.by
	}
	if above == name {
		return one, w, nil
	}
	up, err := c.named(above)
	if err != nil {
		return one, w, err
	}
	w.Days = min(w.Days, wholeDays(up.NotAfter))
	if q.by != "" { // a cross-certificate need not outlive the certificate it stands beside
		w.Days = min(w.Days, wholeDays(one.NotAfter))
	}
	return one, w, nil
}

// wholeDays is how many days are left until a moment.
func wholeDays(end time.Time) int { return int(time.Until(end) / (24 * time.Hour)) }

// recertified has the signer do it, and places what it made.
func (c *ceremony) recertified(ctx context.Context, w signer.Recertification) (ca.Authority, error) {
	made, err := c.signer.Recertify(ctx, w)
	if err != nil {
		return ca.Authority{}, err
	}
	c.told(made.Notices)
	if err := c.placed(made.Lists); err != nil {
		return made.Authority, err
	}
	c.entered(ctx, made.Authority)
	return made.Authority, nil
}
