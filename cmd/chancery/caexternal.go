// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/signer"
)

func (a *app) caExport() *cobra.Command {
	var q creation
	c := &cobra.Command{
		Use: "export-csr NAME", Short: "Make an authority's key here, and a request for its certificate to be signed elsewhere",
		Long: "Makes the key of an authority, which stays here, and prints a request for its certificate (PKCS#10). Carry it to where\n" +
			"the authority above is, have it signed there, and bring the certificate back: chancery ca import-cert. Typed again, it\n" +
			"makes another request of the same key. How long the certificate lives is said where it is signed.",
		Example: "  chancery ca export-csr users-g1 --subject O=Lab,CN='Lab Users CA G1' > users.csr\n" +
			"  chancery ca export-csr policy-g1 --intermediate --recovery-file words.txt",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("ca export-csr takes the name of the authority", "chancery ca export-csr users-g1")
			}
			q.name = args[0]
			if c.Flags().Changed("days") {
				a.note("--days has no effect: whoever signs the request says how long the certificate lives")
			}
			sample := answer{value: signer.Requested{}, der: [][]byte{nil}, label: requestLabel}
			return a.ceremonialAs(c.Context(), sample, func(ctx context.Context, t *ceremony) error { return t.export(ctx, q) })
		},
	}
	c.Flags().BoolVar(&q.intermediate, "intermediate", false, "for an authority that signs authorities")
	c.Flags().IntVar(&q.days, "days", 0, "no effect: whoever signs the request says how long")
	subjectFlags(c, &q)
	c.Flags().StringVar(&q.recovery, "recovery-file", "", "file with the recovery words that seal an intermediate's key (CHANCERY_PASSWORD_FILE)")
	c.Flags().StringVar(&q.own, "own-recovery-file", "", "new file that takes recovery words of its own, for an intermediate")
	planFlags(c, &q.dry, &q.yes)
	return c
}

// export prints the request for an authority's certificate.
func (c *ceremony) export(ctx context.Context, q creation) error {
	kind, err := q.kind()
	if err != nil {
		return err
	}
	w := signer.KeyRequest{Name: q.name, Kind: kind, KeyType: keyFor(q.key, kind)}
	line, number := generation(q.name)
	known, err := c.named(q.name)
	if _, held := os.Stat(filepath.Join(c.at.keys(), q.name+".key")); held == nil && err != nil && q.subject == "" {
		c.told([]string{"there is a key of the name " + q.name + " already, and what its first request was called is not kept: this one is called as below; --subject says otherwise"})
	}
	if err == nil && q.subject == "" {
		cert, err := subjectOf(known)
		if err != nil {
			return err
		}
		if q.subject, err = dnOf(cert); err != nil {
			return err
		}
	}
	if w.Subject, err = c.subject(q, nil, line, number); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "  + request for %s, %s, %s\n    %s\n", w.Name, kind, w.KeyType, w.Subject)
	if len(q.use) > 0 {
		c.told([]string{"the request does not say what it is for: whoever signs it gives the extended key usages, such as " + strings.Join(q.use, ", ")})
	}
	if q.dry {
		return c.give(answer{value: signer.Requested{}, text: "nothing was made\n", der: [][]byte{nil}, label: requestLabel})
	}
	seal := c.unlessFile(byRecoveryFile, q.recovery)
	if kind == ca.Issuing || q.own != "" {
		seal = ""
	}
	if err := c.agreed(ctx, q.yes, seal); err != nil {
		return err
	}
	undo := func(err error) error { return err }
	switch {
	case kind == ca.Issuing:
	case q.own != "":
		w.OwnWords, undo, err = c.newWords(ctx, q.own)
	default:
		w.Words, err = c.secret(ctx, byRecoveryFile, q.recovery, true)
	}
	if err != nil {
		return err
	}
	made, err := c.signer.ExportCSR(ctx, w)
	if err != nil {
		return undo(err)
	}
	fmt.Fprint(c.err, c.next("ca import-cert "+w.Name+" FILE", "bring the certificate that comes back, with those above it"))
	return c.give(answer{value: made, text: pemText(requestLabel, [][]byte{made.DER}), names: []string{w.Name}, der: [][]byte{made.DER}, label: requestLabel})
}
