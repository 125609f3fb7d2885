// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
)

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
