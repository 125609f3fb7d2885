// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	checker "chancery/check"
	"chancery/policy"
	"chancery/signer"
)

// A bringing is what ca import-cert was asked.
type bringing struct {
	creation
	files           []string
	chain, password string
	keyFile, resign string
	above           []string
	earlier
}

func (a *app) caImport() *cobra.Command {
	var q bringing
	c := &cobra.Command{
		Use: "import-cert NAME FILE...", Short: "Take in the certificate of an authority that was signed elsewhere",
		Long: "Takes in the certificate that came back for a request of ca export-csr, or, with --key, an authority that was made\n" +
			"elsewhere. The files may be of any form; those above it, up to the root, belong to it, unless they are known here,\n" +
			"and get names by --above, its parent's first. For an authority that is here already, the file brings a new\n" +
			"certificate of the same key.\n\n" +
			"A key from elsewhere may have revoked certificates, which a list made here without them would make good again: --crl\n" +
			"brings its complete list, or --none-revoked says that there are none. For an authority that is here already, --crl\n" +
			"adds a newer list from elsewhere, and goes on where an import was broken off.\n\n" +
			"A certificate without CA:TRUE, as old guides made them, is refused by every verifier. With its key, --resign has an\n" +
			"authority that is here certify the same name and key anew: what it signed verifies then.",
		Example: "  chancery ca import-cert users-g1 users.pem --chain above.pem --above lab-root\n" +
			"  chancery ca import-cert vpn-g1 vpn.pem --key vpn.key --crl vpn.crl --chain above.pem --above lab-root\n" +
			"  chancery ca import-cert system-g1 system.pem --key system.key --resign root-g1 --for server --none-revoked --recovery-file words.txt",
		ValidArgsFunction: a.first(completeAuthorities, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("ca import-cert takes the name of the authority, and files", "chancery ca import-cert users-g1 users.pem")
			}
			if err := someDays(c, q.days); err != nil {
				return err
			}
			if q.days > 0 && q.resign == "" {
				return usage("--days is for --resign: the certificate says how long it lives", "leave it out")
			}
			q.name, q.files = args[0], args[1:]
			return a.ceremonial(c.Context(), func(ctx context.Context, t *ceremony) error { return t.bring(ctx, q) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.chain, "chain", "", "file with the certificates above it")
	f.StringSliceVar(&q.above, "above", nil, "names for the authorities above it that are not known here (default: as their certificates call them)")
	f.StringVar(&q.keyFile, "key", "", "file with its private key, of any form (default: the key that lies here)")
	f.StringVar(&q.password, "password-file", "", "file with the password of a file that needs one")
	f.StringSliceVar(&q.use, "for", nil, "what it hands out certificates for (default: what its certificate says)")
	f.StringVar(&q.line, "line", "", "line it belongs to (default: NAME without -gN)")
	f.BoolVar(&q.intermediate, "intermediate", false, "it signs authorities, though its certificate does not tell")
	f.BoolVar(&q.standby, "standby", false, "do not sign before it is activated, though it is the first of its line")
	f.StringVar(&q.resign, "resign", "", "authority that certifies its name and key anew")
	f.IntVar(&q.days, "days", 0, "lifetime of the certificate by --resign (default: the usual one)")
	f.BoolVar(&q.broken, "accept-broken", false, "go on though live certificates would break new name constraints")
	earlierFlags(c, &q.earlier)
	wordFlags(c, &q.creation)
	planFlags(c, &q.dry, &q.yes)
	a.completeFlag(c, "resign", completeAuthorities)
	return c
}

// bring takes an authority in.
func (c *ceremony) bring(ctx context.Context, q bringing) error {
	w, err := c.read(ctx, q)
	if err != nil {
		return err
	}
	chain, err := parsed(w.Certificates)
	if err != nil {
		return err
	}
	list, err := c.earlierList(q.earlier)
	if err == nil {
		err = c.fitting(chain[0], q, list)
	}
	if err != nil {
		return err
	}
	w.Name, w.Line, w.PKI, w.Standby, w.Use, w.Above = q.name, q.line, c.pki, q.standby, q.use, q.above
	if w.Line == "" {
		w.Line, _ = generation(q.name)
	}
	if len(w.Above) == 0 {
		w.Above = namesAbove(chain)
	}
	w.Kind = kindOf(chain, q)
	old, err := c.named(q.name)
	replaces := err == nil
	if replaces {
		if err := q.unheard(old, c.all); err != nil {
			return err
		}
	}
	switch {
	case replaces && q.told() && (q.resign != "" || bytes.Equal(old.Certificate, w.Certificates[0])):
		return c.inherit(ctx, old, q, list)
	case len(w.Key) > 0 && !replaces && !q.told():
		return c.untold(q, c.missing(w.Kind, true, q)...)
	case replaces:
		w.Kind, w.Line = old.Kind, old.Line
		if err := c.tried(ctx, chain[0], q); err != nil {
			return err
		}
		if err := c.takeable(ctx, old, q, list); err != nil {
			return err
		}
	}
	r, err := c.resigning(w, q)
	if err != nil {
		return err
	}
	r.DryRun = true
	would, err := c.taken(ctx, r)
	if err != nil {
		return err
	}
	r.DryRun = false
	c.importPlan(w, chain, q, replaces)
	c.told(would.Notices)
	if q.dry {
		return c.give(authorityAnswer(ca.Authority{Name: w.Name, Line: w.Line, Kind: w.Kind, Certificate: chain[0].Raw}, "nothing was taken in\n"))
	}
	if err := c.agreed(ctx, q.yes, c.missing(w.Kind, len(w.Key) > 0, q)...); err != nil {
		return err
	}
	made, words, err := c.worded(ctx, r, q)
	if err != nil {
		return err
	}
	c.told(made.Notices)
	if err := c.placed(made.Lists); err != nil {
		return err
	}
	one := made.Authority
	if one.Past != nil && q.told() {
		c.entered(ctx, one) // so that the same command goes on from here
		if one, err = c.inherited(ctx, one, q.earlier, list); err != nil {
			return err
		}
	}
	if c.entered(ctx, one); !replaces || one.Kind == ca.Issuing {
		c.firstList(ctx, one, words, q)
	}
	return c.give(authorityAnswer(one, c.described(one)+c.next("ca show "+one.Name, "look at all of it")))
}

// unheard refuses a wish about an authority that is there and is otherwise: of that,
// nothing but the certificate is changed, and whoever wished must not believe it was heard.
func (q bringing) unheard(old ca.Authority, all []ca.Authority) error {
	uses := func(from []string) []string { // ocsp comes with all others
		out := slices.DeleteFunc(slices.Clone(from), func(u string) bool { return u == "ocsp" })
		slices.Sort(out)
		return slices.Compact(out)
	}
	flag := ""
	switch {
	case len(q.use) > 0 && !slices.Equal(uses(q.use), uses(old.Use)):
		flag = "--for"
	case q.line != "" && q.line != old.Line:
		flag = "--line"
	case q.intermediate && old.Kind != ca.Intermediate:
		flag = "--intermediate"
	case q.standby && old.State != ca.Standby:
		flag = "--standby"
	case slices.ContainsFunc(q.above, func(name string) bool {
		return !slices.ContainsFunc(all, func(one ca.Authority) bool { return one.Name == name })
	}):
		flag = "--above"
	default:
		return nil
	}
	return usage(old.Name+" is there already, and nothing but its certificate is changed: "+flag+" would have no effect", "leave out "+flag+"; what it is: chancery ca show "+old.Name)
}

// resigning is what the signer is asked: to take it in, or, with a parent, to certify it
// anew as well.
func (c *ceremony) resigning(w signer.Import, q bringing) (r signer.Resigning, err error) {
	if r.Import = w; q.resign == "" {
		return r, nil
	}
	r.Parent, r.Days, r.Certificates, r.Use = q.resign, q.days, w.Certificates[:1], usesFor(w.Use, w.Kind)
	parent, err := c.named(q.resign)
	if r.Days == 0 {
		r.Days = min(issuingDays, wholeDays(parent.NotAfter))
	}
	return r, err
}

// taken has the signer take it in.
func (c *ceremony) taken(ctx context.Context, r signer.Resigning) (made signer.Created, err error) {
	err = c.during(ctx, "take in", func() (err error) { // a list from elsewhere may be long
		if r.Parent == "" {
			made, err = c.signer.Import(ctx, r.Import)
		} else {
			made, err = c.signer.Resign(ctx, r)
		}
		return err
	})
	return made, err
}

// worded is taken with the words that this takes; those that open its key now come back,
// if it has any.
func (c *ceremony) worded(ctx context.Context, r signer.Resigning, q bringing) (made signer.Created, words string, err error) {
	undo := func(err error) error { return err }
	seals := r.Kind != ca.Issuing && len(r.Key) > 0
	switch {
	case seals && q.own != "":
		r.OwnWords, undo, err = c.newWords(ctx, q.own)
	case seals && q.resign == "":
		r.Words, err = c.secret(ctx, byRecoveryFile, q.recovery, true)
	}
	if err != nil {
		return made, "", err
	}
	if q.resign != "" {
		if r.ParentWords, err = c.secret(ctx, byRecoveryFile, q.recovery, true); err != nil {
			return made, "", undo(err)
		}
	}
	if seals {
		words = cmp.Or(r.OwnWords, r.Words, r.ParentWords)
	}
	made, err = c.taken(ctx, r)
	return made, words, undoIf(undo, err)
}

func undoIf(undo func(error) error, err error) error {
	if err == nil {
		return nil
	}
	return undo(err)
}

// missing are the flags for the words that taking it in takes, as far as they were not given:
// those that seal its key, and those of the authority that certifies it anew.
func (c *ceremony) missing(kind ca.AuthorityKind, hasKey bool, q bringing) []string {
	if q.resign != "" || hasKey && kind != ca.Issuing && q.own == "" {
		return []string{c.unlessFile(byRecoveryFile, q.recovery)}
	}
	return nil
}

// tried tries the live certificates below against the constraints of a certificate
// that would take the place of another.
func (c *ceremony) tried(ctx context.Context, x *x509.Certificate, q bringing) error {
	n, err := checker.Constraints(x.Raw)
	if err != nil {
		return ca.Refused(ca.E2602, "the certificate has name constraints that cannot be read", "have it made again").Because(err.Error())
	}
	return c.bites(ctx, c.under(q.name), "", n, q.broken)
}

// importPlan shows what is brought.
func (c *ceremony) importPlan(w signer.Import, chain []*x509.Certificate, q bringing, replaces bool) {
	x := chain[0]
	sign, what := "+", "authority"
	if replaces {
		sign, what = "~", "new certificate of"
	}
	fmt.Fprintf(c.err, "  %s %s %s   %s of line %s, until %s\n    %s\n", sign, what, w.Name, w.Kind, w.Line, onDay(x.NotAfter), ca.Show(ca.EncodedName(x.RawSubject)))
	for i, up := range chain[1:] {
		fmt.Fprintf(c.err, "    below %s, until %s%s\n", ca.Show(ca.EncodedName(up.RawSubject)), onDay(up.NotAfter), c.calledHere(up, w.Above, i))
	}
	c.told(weaknesses(ca.Authority{Kind: w.Kind}, x))
	if q.resign == "" {
		var above [][]byte
		for _, up := range chain[1:] {
			above = append(above, up.Raw)
		}
		c.told(unseen(x.Raw, above))
	}
	if q.resign != "" {
		fmt.Fprintf(c.err, "    certified anew by %s, with the same name and key\n", q.resign)
		return
	}
	// A day more than it has, so that the end of the certificate is the one that is spoken of.
	_, notices := policy.Stagger(policy.Span{Now: time.Now(), Days: wholeDays(x.NotAfter) + 1, Given: true, Last: x.NotAfter})
	c.told(notices)
}
