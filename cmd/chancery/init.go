// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
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

// vacant is the directory for a new installation, if all that is asked for can be had: it is
// refused before anybody is asked anything.
func (a *app) vacant(p plan) (layout, error) {
	sample := answer{value: foundation{}}
	if p.dryRun {
		sample = answer{value: signer.Founding{}}
	}
	if err := a.canGive(sample); err != nil {
		return layout{}, err
	}
	l, err := a.layout()
	if err != nil {
		return layout{}, err
	}
	if a.context != "" {
		return layout{}, usage("init founds an authority on this machine, and --context means a service elsewhere", "the same without --context")
	}
	if err := l.vacant(); err != nil {
		return layout{}, err
	}
	for flag, path := range map[string]string{"--dir": l.dir, "--recovery-file": p.recovery} {
		if err := a.keepsSecret(path, flag); err != nil {
			return layout{}, err
		}
	}
	if p.request != "" {
		if err := newFile(p.request, "--csr-out"); err != nil {
			return layout{}, err
		}
	}
	return l, nil
}

// found carries out init.
func (a *app) found(ctx context.Context, p plan) error {
	l, err := a.vacant(p)
	if err != nil {
		return err
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
