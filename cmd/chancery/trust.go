// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
	"chancery/policy"
	"chancery/trust"
)

// trustWait bounds the whole of a trust command: some stores, each with some runs of
// its tool.
const trustWait = 10 * time.Minute

// A commission is what a trust command was asked.
type commission struct {
	ca       []string // files with roots, or names of those of the installation
	all      bool     // every root of the installation
	system   bool
	nss      []string
	java     []string
	password string // file with that of a store
	yes, dry bool
}

func (a *app) trustCommand() *cobra.Command {
	c := &cobra.Command{Use: "trust", Short: "Where the roots are trusted on this computer", Example: "  chancery trust show\n  chancery trust install"}
	c.AddCommand(a.trustInstall(), a.trustShow(), a.trustRemove())
	return c
}

// storeFlags are those that all three share.
func storeFlags(c *cobra.Command, o *commission) {
	f := c.Flags()
	f.StringSliceVar(&o.ca, "ca", nil, "name of a root of the installation, or file with roots (default: the roots of the installation)")
	f.BoolVar(&o.system, "system", false, "the system's store (Debian, Ubuntu)")
	f.StringSliceVar(&o.nss, "nss", nil, "an NSS database: the folder of a profile of Firefox or Thunderbird, or ~/.pki/nssdb")
	f.StringSliceVar(&o.java, "java", nil, "a Java trust store, such as $JAVA_HOME/lib/security/cacerts")
	f.StringVar(&o.password, "password-file", "", "file with the password of the stores that are named")
}

// changeFlags are those of the two that change something.
func changeFlags(c *cobra.Command, o *commission) {
	storeFlags(c, o)
	c.Flags().BoolVar(&o.yes, "yes", false, "do it without asking")
	c.Flags().BoolVar(&o.dry, "dry-run", false, "say what would be done, and do nothing")
}

func (a *app) trustInstall() *cobra.Command {
	var o commission
	c := &cobra.Command{
		Use: "install", Short: "Make this computer trust the roots",
		Long: "Puts the roots into the stores where programs look for them: those that are named, or else all that are found.\n" +
			"It says first what it will do and shows each root's fingerprint, to be compared with a copy that came another way.\n" +
			"A root that is trusted already is left, and no other is ever taken away.\n\n" +
			"Whoever trusts a root trusts all that is ever signed below it, also below one that was taken in from elsewhere. So where\n" +
			"there are several, they are named (--ca), or all of them are meant (--all).",
		Example: "  chancery trust install\n  chancery trust install --ca root-g1 --system\n  chancery trust install --nss ~/.mozilla/firefox/x.default --yes\n  sudo chancery trust install --system --ca root.pem",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.trusted(c.Context(), o, installing)
		},
	}
	changeFlags(c, &o)
	c.Flags().BoolVar(&o.all, "all", false, "every root of the installation, those from elsewhere included")
	return c
}

func (a *app) trustRemove() *cobra.Command {
	var o commission
	c := &cobra.Command{
		Use: "remove", Short: "Take away the roots that trust install has put on this computer",
		Long:    "Takes the roots out of the stores that are named, or else of all that are found. What trust install has not put\nthere stays: other roots, and these under another name.",
		Example: "  chancery trust remove\n  chancery trust remove --java $JAVA_HOME/lib/security/cacerts --yes",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.trusted(c.Context(), o, removing)
		},
	}
	changeFlags(c, &o)
	return c
}

func (a *app) trustShow() *cobra.Command {
	var o commission
	c := &cobra.Command{
		Use: "show", Short: "Show where the roots are trusted on this computer",
		Example: "  chancery trust show\n  chancery trust show --system --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.trusted(c.Context(), o, showing)
		},
	}
	storeFlags(c, &o)
	return c
}

// An intent is which of the three commands it is.
type intent int

const (
	showing intent = iota
	installing
	removing
)

// trusted looks at all stores, says what it will do, asks, and does it.
func (a *app) trusted(ctx context.Context, o commission, to intent) error {
	if err := a.canGive(answer{value: []standing{}, rows: []standing{}}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trustWait)
	defer cancel()
	roots, err := a.rootsFor(ctx, o, to)
	if err != nil {
		return err
	}
	stores, named, err := a.stores(o)
	if err != nil {
		return err
	}
	all, err := look(ctx, stores, roots, named)
	if err != nil {
		return err
	}
	if to == showing {
		return a.giveStandings(all, fingerprintsOf(roots))
	}
	fmt.Fprint(a.err, fingerprintsOf(roots))
	for i := range all {
		all[i].plan(to)
		if named && all[i].State == wasLeftOut {
			return all[i].store.Writable()
		}
	}
	if o.dry || !slices.ContainsFunc(all, func(s standing) bool { return s.due() }) {
		return a.giveStandings(all, "")
	}
	if err := a.agreed(ctx, o, all, to); err != nil {
		return err
	}
	p := a.progress(task{what: "trust", of: "stores were gone through", total: int64(len(all))})
	for i := range all {
		all[i].carryOut(ctx)
		p.add(1)
	}
	p.end(ctx)
	return a.giveStandings(all, "")
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// rootsFor gives the roots that --ca names, or those of the installation: for installing
// the only one in use, otherwise all, also the retired, which may still be in a store.
func (a *app) rootsFor(ctx context.Context, o commission, to intent) (roots []*x509.Certificate, err error) {
	if o.all && len(o.ca) > 0 {
		return nil, usage("--all and --ca contradict each other", "leave one of them out")
	}
	var names []string
	for _, one := range o.ca {
		if !isFile(one) && policy.NamesGeneration(one) {
			names = append(names, one)
			continue
		}
		found, err := a.rootsIn(ctx, one, o.password)
		if err != nil {
			return nil, err
		}
		roots = append(roots, found...)
	}
	if len(names) > 0 || len(o.ca) == 0 {
		own, err := a.rootsHere(ctx, names, o, to)
		if err != nil {
			return nil, err
		}
		roots = append(roots, own...)
	}
	if to != installing {
		return roots, nil
	}
	for _, c := range roots {
		if err := trust.Fit(c, time.Now()); err != nil {
			return nil, err
		}
	}
	return roots, nil
}

// rootsIn gives the roots of a file.
func (a *app) rootsIn(ctx context.Context, path, password string) ([]*x509.Certificate, error) {
	found, err := a.contents(ctx, path, password)
	if err != nil {
		return nil, err
	}
	roots, err := parsed(format.DERs(found.Certificates))
	if err == nil && len(roots) == 0 {
		err = usage(path+" holds no certificate", "name the file with the root: --ca FILE")
	}
	if slices.ContainsFunc(roots, selfIssued) { // of a bundle the roots alone are installed
		roots = slices.DeleteFunc(roots, func(c *x509.Certificate) bool { return !selfIssued(c) })
	}
	return roots, err
}

// rootsHere gives roots of the installation. Which of several shall be trusted, nobody but
// the user can know: one from elsewhere may sign for the whole world.
func (a *app) rootsHere(ctx context.Context, names []string, o commission, to intent) (roots []*x509.Certificate, err error) {
	var found []string
	err = a.authorities(ctx, func(_ context.Context, _ *client.Client, all []ca.Authority) error {
		for _, one := range all {
			switch {
			case one.Parent != one.Name, len(names) > 0 && !slices.Contains(names, one.Name), len(names) == 0 && to == installing && one.State == ca.Retired:
				continue
			}
			c, err := x509.ParseCertificate(one.Certificate)
			if err != nil {
				return fmt.Errorf("read the certificate of %s: %w", one.Name, err)
			}
			found, roots = append(found, one.Name), append(roots, c)
		}
		return nil
	})
	for _, name := range names {
		if err == nil && !slices.Contains(found, name) {
			err = ca.NotFound(ca.E2101, "there is no root "+ca.Show(name)+", and no file of that name", "chancery ca list")
		}
	}
	if err == nil && to == installing && len(names) == 0 && !o.all && len(roots) > 1 {
		err = usage("there are several roots: "+strings.Join(found, ", "), "name those that this computer shall trust: --ca "+found[0]+", or --all")
	}
	return roots, err
}

// stores gives the stores that were named, or else all that are found.
func (a *app) stores(o commission) (all []trust.Store, named bool, err error) {
	password := ""
	if o.password != "" {
		if password, err = readSecret(o.password, byPasswordFile); err != nil {
			return nil, false, err
		}
	}
	if o.system {
		all = append(all, trust.DebianSystem())
	}
	for _, dir := range o.nss {
		all = append(all, trust.NSS{Dir: dir, PasswordFile: o.password})
	}
	for _, path := range o.java {
		all = append(all, trust.Java{Path: path, Password: password})
	}
	if len(all) > 0 {
		return all, true, nil
	}
	all = trust.Found(a.env("HOME"), a.env("JAVA_HOME"))
	if len(all) == 0 {
		return nil, false, ca.NotFound(ca.E1102, "no store of roots was found on this computer", "name one: --system, --nss DIR or --java STORE")
	}
	return all, false, nil
}

// agreed has the plan confirmed: whoever trusts a root trusts all that it will sign.
func (a *app) agreed(ctx context.Context, o commission, all []standing, to intent) error {
	if o.yes {
		return nil
	}
	if err := a.unanswered("what this computer trusts is looked at first (--dry-run)", byYes.with("")); err != nil {
		return err
	}
	fmt.Fprint(a.err, a.standingsText(all))
	question := "Is this the fingerprint that you got another way? Type yes to install: "
	if to == removing {
		question = "Type yes to remove: "
	}
	fmt.Fprint(a.err, question)
	typed, err := a.line(ctx, byYes)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"yes", "y"}, strings.ToLower(typed)) {
		return usage("nothing was done", "type yes, or add --yes")
	}
	return nil
}

// fingerprintsOf shows roots as they are compared.
func fingerprintsOf(roots []*x509.Certificate) string {
	var b strings.Builder
	for _, c := range roots {
		fmt.Fprintf(&b, "%s, until %s, SHA-256 (compare it with a copy that came another way)\n  %s\n", titleOf(c), onDay(c.NotAfter), fingerprint(c.Raw))
	}
	return b.String()
}
