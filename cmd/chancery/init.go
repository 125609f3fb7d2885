// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
)

// Lifetimes of a founding in days: a root for twenty years, an issuing authority
// for five.
const (
	rootDays    = 7305
	issuingDays = 1826
)

// A plan is what init was asked for.
type plan struct {
	org, hostname, pki  string
	base                string // where the API is, by hostname
	names               []string
	set                 string // of profiles
	assurance, unlock   string
	key, rootKey        string
	days, rootDays      int
	shards              int
	rootSubject         string // whole names of the authorities; empty for the usual ones
	issuingSubject      string
	called              ca.Subject // the issuing authority
	single, elsewhere   bool
	request             string // new file of --csr-out
	recovery, passwords string
	dryRun, yes         bool
}

func (a *app) initCommand() *cobra.Command {
	var p plan
	c := &cobra.Command{
		Use: "init", Short: "Found a root and an issuing authority on this machine",
		Long: "Founds a root, whose key is sealed under recovery words and needed once a year, and an issuing authority below it, which\n" +
			"signs day by day. When the root ends, everything below it ends with it.\n\n" +
			"With --single-tier there is one authority that signs itself and everything else. Its key is at hand whenever the\n" +
			"service runs: whoever steals it is the root, and nothing but a new root in every trust store mends that.\n\n" +
			"With --root-csr-only the root is elsewhere. The key of the issuing authority is made here, and a request for its\n" +
			"certificate; nothing is issued before that was signed and brought back: chancery ca import-cert.",
		Example: "  chancery init --names lab.example\n  chancery init --names lab.example --recovery-file /media/usb/words.txt --unlock prompt\n" +
			"  chancery init --names lab.example --root-key rsa-4096 --root-days 3650 --key rsa-3072 --dry-run\n" +
			"  chancery init --names lab.example --root-csr-only --csr-out issuing.csr --recovery-file /media/usb/words.txt",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := p.together(c); err != nil {
				return err
			}
			if p.elsewhere && c.Flags().Changed("days") {
				a.note("--days has no effect: whoever signs the request says how long the certificate lives")
			}
			return a.found(c.Context(), p)
		},
	}
	f := c.Flags()
	f.StringVar(&p.org, "org", "", "organisation in the authorities' names (default: the first of --names)")
	f.StringVar(&p.set, "profile-set", policy.DefaultSet, "profiles to begin with: "+strings.Join(policy.Sets(), ", "))
	_ = c.RegisterFlagCompletionFunc("profile-set", fixed(policy.Sets()...)) // the flag is there
	f.StringSliceVar(&p.names, "names", nil, "names you will certify, such as lab.example,*.lab.example,10.0.0.0/8")
	f.StringVar(&p.hostname, "hostname", "", "this server's name (default: the machine's)")
	f.StringVar(&p.pki, "pki-url", "", "where revocation lists are fetched (default: http://HOSTNAME:8080)")
	f.StringVar(&p.assurance, "assurance", string(ca.Solo), "solo or separated")
	f.StringVar(&p.unlock, "unlock", "auto", "auto: a file opens the signing keys at each start; prompt: a passphrase")
	f.StringVar(&p.recovery, "recovery-file", "", "new file that takes the recovery words (required without a terminal, and with --yes)")
	f.StringVar(&p.passwords, "password-file", "", "file with the passphrase for --unlock prompt")
	f.StringVar(&p.key, "key", "ecdsa-p256", "type of the issuing authority's key: "+strings.Join(authorityKeys, ", "))
	f.StringVar(&p.rootKey, "root-key", "ecdsa-p384", "type of the root's key")
	f.StringVar(&p.rootSubject, "root-subject", "", "whole name of the root, such as O=Lab,CN=Lab Root CA G1 (default: of --org)")
	f.StringVar(&p.issuingSubject, "subject", "", "whole name of the issuing authority (default: of --org)")
	f.IntVar(&p.days, "days", issuingDays, "lifetime of the issuing authority in days")
	f.IntVar(&p.rootDays, "root-days", rootDays, "lifetime of the root in days")
	f.IntVar(&p.shards, "shards", 0, "of the issuing authority: "+shardsUsage())
	f.BoolVar(&p.single, "single-tier", false, "found one authority that signs itself and everything else, without a root")
	f.BoolVar(&p.elsewhere, "root-csr-only", false, "the root is elsewhere: make the issuing authority's key, and a request for its certificate")
	f.StringVar(&p.request, "csr-out", "", "new file for the request of --root-csr-only (default: print it)")
	f.BoolVar(&p.dryRun, "dry-run", false, "print what would be made, and write nothing")
	f.BoolVar(&p.yes, "yes", false, "take what is proposed, and ask nothing")
	_ = c.RegisterFlagCompletionFunc("key", fixed(authorityKeys...)) // the flags are there
	_ = c.RegisterFlagCompletionFunc("root-key", fixed(authorityKeys...))
	_ = c.RegisterFlagCompletionFunc("unlock", fixed("auto", "prompt"))
	_ = c.RegisterFlagCompletionFunc("assurance", fixed(string(ca.Solo), string(ca.Separated)))
	return c
}

// together refuses flags that do not go together.
func (p plan) together(c *cobra.Command) error {
	root := c.Flags().Changed("root-days") || c.Flags().Changed("root-key") || c.Flags().Changed("root-subject")
	switch {
	case c.Flags().Changed("root-days") && p.rootDays < 1:
		return usage(fmt.Sprintf("--root-days %d is no lifetime", p.rootDays), "leave out --root-days for the usual one")
	case p.single && p.elsewhere:
		return usage("--single-tier has no root, and --root-csr-only one that is elsewhere", "use one of them")
	case p.single && root:
		return usage("--single-tier founds no root", "use --days, --key and --subject for the one authority")
	case p.elsewhere && root:
		return usage("--root-csr-only founds no root", "leave out --root-days, --root-key and --root-subject: the root is elsewhere")
	case shardsOf(p.shards) != nil:
		return shardsOf(p.shards)
	case p.shards > 1 && p.elsewhere:
		return usage("whoever signs the request says where lists are, and so that there is one", "leave --shards out")
	case p.request != "" && !p.elsewhere:
		return usage("--csr-out is for --root-csr-only", "chancery init --root-csr-only --csr-out FILE")
	}
	return someDays(c, p.days)
}

// found carries out init.
func (a *app) found(ctx context.Context, p plan) error {
	sample := answer{value: foundation{}}
	if p.dryRun {
		sample = answer{value: signer.Founding{}}
	}
	if err := a.canGive(sample); err != nil {
		return err
	}
	l, err := a.layout()
	if err != nil {
		return err
	}
	if a.context != "" {
		return usage("init founds an authority on this machine, and --context means a service elsewhere", "the same without --context")
	}
	if err := l.vacant(); err != nil {
		return err
	}
	for flag, path := range map[string]string{"--dir": l.dir, "--recovery-file": p.recovery} {
		if err := a.keepsSecret(path, flag); err != nil {
			return err
		}
	}
	if p.request != "" {
		if err := newFile(p.request, "--csr-out"); err != nil {
			return err
		}
	}
	if err := a.ask(ctx, &p); err != nil {
		return err
	}
	f, err := a.founding(ctx, &p)
	if err != nil {
		return err
	}
	a.advise(f)
	if p.dryRun {
		f.Passphrase = "" // not even when it is asked for as JSON
		text, err := planned(l, p, f)
		if err != nil {
			return err
		}
		return a.print(f, text)
	}
	if p.recovery, err = outside(l, p.recovery); err != nil {
		return err
	}
	words, err := softkey.NewWords(rand.Reader)
	if err != nil {
		return err
	}
	defer words.Wipe()
	f.Words = words.Reveal()
	// Who holds the words is settled before there is anything that they open.
	if err := a.handWords(ctx, byRecoveryFile, words, p.recovery); err != nil {
		return err
	}
	made, err := a.make(ctx, l, p, f)
	if err != nil {
		if p.recovery != "" {
			err = errors.Join(err, os.Remove(p.recovery))
		}
		return err
	}
	if p.elsewhere {
		return a.requested(l, p, made)
	}
	return a.print(made, a.made(l, p, made))
}

// generations are the authorities that a founding makes.
func generations(f signer.Founding) []signer.Generation {
	switch {
	case f.Elsewhere:
		return nil
	case f.Single:
		return []signer.Generation{f.Issuing}
	}
	return []signer.Generation{f.Root, f.Issuing}
}

// advise says what is unwise about the lives that were chosen (R3).
func (a *app) advise(f signer.Founding) {
	for _, g := range generations(f) {
		_, notices := policy.Stagger(policy.Span{Now: time.Now(), Days: g.Days, Given: true})
		for _, n := range notices {
			a.note("%s: %s", g.Name, n)
		}
	}
}

// outside gives the full path of the words' file. Beside the keys it would be in
// every copy of them.
func outside(l layout, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	if strings.HasPrefix(full, l.dir+string(filepath.Separator)) {
		return "", usage("the recovery words would lie beside the keys that they open", "chancery init … --recovery-file FILE, outside "+l.dir)
	}
	return full, nil
}

// founding makes the wish out of the flags; it checks all of them before
// anything is written, and names what is missing at once.
func (a *app) founding(ctx context.Context, p *plan) (signer.Founding, error) {
	switch {
	case ca.Assurance(p.assurance) == ca.Separated:
		return signer.Founding{}, ca.Refused(ca.E1101, "the assurance separated cannot be founded by init yet", "use --assurance solo")
	case ca.Assurance(p.assurance) != ca.Solo:
		return signer.Founding{}, usage("--assurance is solo or separated", "the same again with --assurance solo")
	case p.unlock != "auto" && p.unlock != "prompt":
		return signer.Founding{}, usage("--unlock is auto or prompt", "the same again with --unlock auto")
	}
	if err := a.missing(*p); err != nil {
		return signer.Founding{}, err
	}
	profiles, err := policy.ShippedSet(p.set, withBelow(p.names))
	if err != nil {
		return signer.Founding{}, err
	}
	if p.hostname == "" {
		if p.hostname, err = os.Hostname(); err != nil {
			return signer.Founding{}, usage("the machine has no name", "the same again with --hostname ca.lab.example")
		}
	}
	if p.org == "" {
		p.org = organisation(p.names)
	}
	if err := p.address(); err != nil {
		return signer.Founding{}, err
	}
	service, err := policy.Service(hostOf(p.base))
	if err != nil {
		return signer.Founding{}, err
	}
	profiles = append(profiles, service)
	f := signer.Founding{
		Assurance: ca.Assurance(p.assurance), PKI: p.pki, Profiles: profiles,
		Root: signer.Generation{Name: "root-g1", Line: "root", KeyType: p.rootKey, Days: p.rootDays},
		Issuing: signer.Generation{Name: firstIssuing, Line: "issuing", KeyType: p.key, Days: p.days, Shards: p.shards,
			Use: issuingUse(p.set)},
	}
	if f.Root.Subject, err = named(p.rootSubject, p.subject("Root CA G1")); err != nil {
		return signer.Founding{}, err
	}
	if f.Issuing.Subject, err = named(p.issuingSubject, p.usualIssuing()); err != nil {
		return signer.Founding{}, err
	}
	p.called = f.Issuing.Subject
	switch {
	case p.single:
		f.Single, f.Root = true, signer.Generation{}
	case p.elsewhere:
		f.Elsewhere, f.Root, f.Issuing = true, signer.Generation{}, signer.Generation{}
	}
	if p.unlock == "prompt" {
		if f.Passphrase, err = a.newPassphrase(ctx, p.passwords); err != nil {
			return signer.Founding{}, err
		}
		return f, softkey.CheckPassphrase(softkey.NewSecret([]byte(f.Passphrase)))
	}
	return f, nil
}

// address settles where relying parties fetch lists. It goes into every certificate,
// so it is judged before anything is made, by the rules that the service goes by.
func (p *plan) address() error {
	c := config.Default()
	c.PKIURL = strings.TrimRight(p.pki, "/")
	if p.pki == "" {
		_, dns := ca.NewName(ca.DNS, p.hostname)
		if _, ip := ca.NewName(ca.IP, p.hostname); dns != nil && ip != nil {
			return usage("--hostname "+ca.Show(p.hostname)+" is not the name of a host", "the same again with --hostname ca.lab.example")
		}
		c.PKIURL = "http://" + net.JoinHostPort(p.hostname, "8080")
	}
	var fault *ca.Problem
	if err := c.Check(); errors.As(err, &fault) {
		return usage("--pki-url "+ca.Show(p.pki)+" cannot be where lists are fetched", "the same again with --pki-url http://ca.lab.example:8080").Because(fault.Detail)
	}
	p.pki = c.PKIURL
	host := p.hostname
	if _, err := policy.Service(host); err != nil {
		host = hostOf(p.pki) // a machine may have a name that no certificate can have
	}
	p.base = "https://" + net.JoinHostPort(host, "8443")
	return nil
}

// planned is what --dry-run prints: all that cannot be changed later, and what
// follows from the answers.
func planned(l layout, p plan, f signer.Founding) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "would found in %s, assurance %s:\n", l.dir, f.Assurance)
	for _, g := range generations(f) {
		fmt.Fprintf(&b, "  + authority %-11s %s, %d days   %s\n", g.Name, g.KeyType, g.Days, g.Subject)
		if g.Shards > 1 {
			fmt.Fprintf(&b, "    its list in %d shards, as long as it lives\n", g.Shards)
		}
	}
	switch {
	case f.Elsewhere:
		q := p.asking()
		fmt.Fprintf(&b, "  + key of %-13s %s, and a request for its certificate   %s\n", q.Name, q.KeyType, q.Subject)
		b.WriteString("    nothing is issued until the certificate is brought: chancery ca import-cert\n")
	case !f.Single:
		fmt.Fprintf(&b, "    on %s the root ends, and everything below it ends with it\n", onDay(time.Now().AddDate(0, 0, f.Root.Days)))
	}
	for _, d := range f.Profiles {
		q, err := config.Profile([]byte(d.Document))
		if err != nil {
			return "", err
		}
		names := slices.Concat(q.Names.DNS, q.Names.IP, q.Names.Email, q.Names.URI)
		fmt.Fprintf(&b, "  + profile %-13s %d days, at most %d   %s\n", q.Name, q.Days, max(q.Days, q.MaxDays), strings.Join(names, ", "))
	}
	fmt.Fprintf(&b, "  + revocation lists and certificates of authorities at %s, in every certificate\n", f.PKI)
	fmt.Fprintf(&b, "  + signing keys opened by --unlock %s\n", p.unlock)
	return b.String(), nil
}

// missing names every answer that is not there and cannot be asked for.
func (a *app) missing(p plan) error {
	var flags []string
	if len(p.names) == 0 {
		flags = append(flags, byNames.with("lab.example"))
	}
	if alone := p.yes || !a.interactive(); alone {
		if p.recovery == "" && !p.dryRun {
			flags = append(flags, byRecoveryFile.with("FILE"))
		}
		if p.unlock == "prompt" && p.passwords == "" && a.env("CHANCERY_PASSWORD_FILE") == "" {
			flags = append(flags, byPasswordFile.with("FILE"))
		}
	}
	if len(flags) == 0 {
		return nil
	}
	return usage("without asking at a terminal, init needs: "+strings.Join(flags, ", "), "the same again with "+strings.Join(flags, " "))
}

// issuingUse is what the issuing authority is for: what the profiles of a set need, and
// never less than the usual, so that profiles can be added.
func issuingUse(set string) []string {
	use := []string{"server", "client", "email", "ocsp"}
	for _, u := range policy.ShippedUse(set) {
		if !slices.Contains(use, u) {
			use = append(use, u)
		}
	}
	return use
}

// withBelow adds the names below each whole name: who says lab.example means
// nas.lab.example too.
func withBelow(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, n)
		if !strings.ContainsAny(n, "*@/:") && strings.Trim(n, "0123456789.") != "" {
			out = append(out, "*."+n)
		}
	}
	return out
}

func (p plan) subject(what string) ca.Subject {
	return ca.Subject{{OID: ca.OIDOrganization, Value: p.org}, {OID: ca.OIDCommonName, Value: p.org + " " + what}}
}

// usualIssuing is what the issuing authority is called without --subject.
func (p plan) usualIssuing() ca.Subject {
	if p.single {
		return p.subject("CA G1")
	}
	return p.subject("Issuing CA G1")
}

// named is the name that was typed, or the usual one.
func named(typed string, usual ca.Subject) (ca.Subject, error) {
	if typed == "" {
		return usual, nil
	}
	s, err := ca.ParseDN(typed)
	if err != nil {
		return nil, err
	}
	return s, nameable(s)
}
