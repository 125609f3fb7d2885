// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/signer"
)

// A caRevocation is what ca revoke was asked.
type caRevocation struct {
	by, recovery, confirm, reason, certificate string
	dry                                        bool
}

func (a *app) caRevoke() *cobra.Command {
	var q caRevocation
	c := &cobra.Command{
		Use: "revoke NAME", Short: "Revoke an authority: what signed it says so on its list, for good",
		Long: "Revokes the certificates of an authority's key that its parent signed, or with --by a root that cross-certified it, and\n" +
			"publishes the new list of that one. Whoever checks the lists of a whole chain refuses everything below the authority\n" +
			"from then on, once the list has reached him. The generation is retired with it; its key goes on signing its own list.\n" +
			"With keyCompromise and cACompromise the key is never certified again. A root cannot be revoked: it is retired and\n" +
			"taken out of the trust stores. It cannot be undone; typed again after a death on the way, it is made whole.\n\n" +
			"Reasons: " + strings.Join(ca.FinalReasons(), ", "),
		Example:           "  chancery ca revoke issuing-g1 --reason cACompromise --recovery-file words.txt --confirm issuing-g1\n  chancery ca revoke issuing-g1 --reason cACompromise --dry-run",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca revoke takes the name of one authority", "chancery ca list")
			}
			w := signer.AuthorityRevoking{Authority: args[0], By: q.by}
			var err error
			if w.Reason, err = ca.ParseReason(q.reason); err != nil {
				return err
			}
			return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error { return t.revokeAuthority(ctx, w, q) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.reason, "reason", ca.Unspecified.String(), "why, see above")
	f.StringVar(&q.by, "by", "", "root that cross-certified it (default: its parent)")
	f.StringVar(&q.certificate, "certificate", "", "serial number or SHA-256 of one of its certificates (default: all that are valid)")
	f.StringVar(&q.recovery, "recovery-file", "", "file with the recovery words of what signed it (CHANCERY_PASSWORD_FILE)")
	f.StringVar(&q.confirm, "confirm", "", "name of the authority, instead of typing it when asked")
	f.BoolVar(&q.dry, "dry-run", false, "say what would be revoked, and revoke nothing")
	a.completeFlag(c, "by", completeAuthorities)
	_ = c.RegisterFlagCompletionFunc("reason", fixed(ca.FinalReasons()...)) // the flag is there
	return c
}

func (c *ceremony) revokeAuthority(ctx context.Context, w signer.AuthorityRevoking, q caRevocation) error {
	one, err := c.named(w.Authority)
	if err != nil {
		return err
	}
	if w.Certificate, err = oneOf(one, q.certificate); err != nil {
		return err
	}
	left, err := c.below(ctx, one)
	if err != nil {
		return err
	}
	w.DryRun = true
	judged, err := c.signer.RevokeAuthority(ctx, w)
	if err != nil {
		return err
	}
	by, err := c.named(cmp.Or(w.By, one.Parent))
	if err != nil {
		return err
	}
	c.revocationPlan(one, by, w.Reason, judged, left)
	if q.dry {
		return c.give(authorityAnswer(one, "nothing was revoked\n"))
	}
	flags := []string{byConfirm.unless(q.confirm != "", one.Name), c.unlessFile(byRecoveryFile, q.recovery)}
	if err := c.unanswered("revoking "+one.Name+" cannot be undone, and takes the words of "+by.Name, flags...); err != nil {
		return err
	}
	if err := c.confirmed(ctx, one.Name, q.confirm, "revoking "+one.Name+" cannot be undone"); err != nil {
		return err
	}
	if w.Words, err = c.secret(ctx, byRecoveryFile, q.recovery, true); err != nil {
		return err
	}
	w.DryRun = false
	made, err := c.signer.RevokeAuthority(ctx, w)
	if err != nil {
		return err
	}
	c.told(made.Notices)
	if err := c.placed(made.Lists); err != nil {
		return err
	}
	c.entered(ctx, made.Authority)
	text := fmt.Sprintf("%s %s is revoked by %s, for %s: %s on its list\n", c.mark(fine), one.Name, by.Name, w.Reason, counted(len(made.Serials), "certificate"))
	if len(made.Lists[by.Name]) == 0 {
		text = fmt.Sprintf("%s %s is revoked by %s, for %s, and no list says so yet\n", c.mark(warned), one.Name, by.Name, w.Reason)
	}
	text += c.next("crl show --ca "+by.Name+" -o pem", "the list that servers which read it from a file need (nginx: ssl_crl)")
	if left.certificates > 0 {
		text += c.next("list --ca "+one.Name+" --status valid --all", "who must get a new certificate")
	}
	return c.give(authorityAnswer(made.Authority, text))
}

// oneOf finds the certificate of an authority that a serial number or a SHA-256 in hex
// means; nothing means all.
func oneOf(one ca.Authority, text string) (*ca.Digest, error) {
	if text == "" {
		return nil, nil
	}
	text = strings.TrimLeft(strings.ReplaceAll(strings.ToLower(text), ":", ""), "0")
	all := append([][]byte{one.Certificate}, one.Earlier...)
	for _, x := range one.Cross {
		all = append(all, x.Certificate)
	}
	for _, der := range all {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read a certificate of %s: %w", one.Name, err)
		}
		sum := ca.Digest(sha256.Sum256(der))
		if text == cert.SerialNumber.Text(16) || text == strings.TrimLeft(sum.String(), "0") {
			return &sum, nil
		}
	}
	return nil, usage("--certificate names none of the certificates of "+one.Name, "chancery ca show "+one.Name)
}

// revocationPlan shows what revoking an authority does, and to whom, as the signer has
// judged it.
func (c *ceremony) revocationPlan(one, by ca.Authority, why ca.Reason, judged signer.AuthorityRevoked, left signedBelow) {
	fmt.Fprintf(c.err, "  - %s   revoked by %s, for %s: %s\n", one.Name, by.Name, why, counted(len(judged.Serials), "certificate"))
	switch {
	case judged.Authority.State != one.State:
		fmt.Fprintf(c.err, "  ~ %s   %s → %s: it signs no certificate any more, and no trust bundle has it\n", one.Name, one.State, judged.Authority.State)
	case one.State != ca.Retired:
		fmt.Fprintf(c.err, "    %s stays %s, by the certificates that it has beside\n", one.Name, one.State)
	}
	c.told(judged.Notices)
	if why.Compromises() {
		fmt.Fprintf(c.err, "    Its key is never certified again.\n")
	}
	if !left.empty() {
		fmt.Fprintf(c.err, "%s still valid below it: %s, the last until %s; whoever checks all lists of a chain refuses it by what is revoked\n",
			c.mark(warned), left, onDay(left.last))
	}
	for _, x := range one.Cross {
		if !why.Compromises() && x.By != by.Name && !slices.ContainsFunc(one.Revoked, func(r ca.AuthorityRevocation) bool { return r.By == x.By }) {
			fmt.Fprintf(c.err, "%s %s certified it too, and is asked by itself: %s\n", c.mark(warned), x.By, c.says("ca revoke "+one.Name+" --by "+x.By))
		}
	}
	fmt.Fprintf(c.err, "    A new list of %s is published at %s. Who keeps the one before accepts the authority until that one ends:\n"+
		"    bring the new one to servers that read lists from a file, and take the authority out of every trust store that has it.\n", by.Name, by.CRL)
}
