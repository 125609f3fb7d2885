// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

// VetAuthority says whether a draft may become a CA certificate, with a key of the
// type, and gives it as it may be signed: within its issuer's life, if it has one,
// and with the constraints of its chain, which the issuer must be loaded with. Notices are for whoever
// founds it. What goes beyond these rules at an import is an exception that the
// bundle names. The Problem is E1101, E2113, E2114, E2120, E2204 or E3004.
func VetAuthority(d ca.AuthorityDraft, keyType string, now time.Time) (ca.AuthorityDraft, []string, error) {
	if !authorityKey(keyType) {
		return d, nil, ca.Refused(ca.E2204, "no new authority has a key of type "+ca.Show(keyType), "use ecdsa-p256, ecdsa-p384, ed25519, rsa-3072 or rsa-4096")
	}
	if len(d.Subject) == 0 {
		return d, nil, ca.Invalid(ca.E2120, "the authority has no name", "give it a subject, such as O=Lab,CN=Lab Issuing CA G1").
			Because("RFC 5280 §4.1.2.6").At("subject")
	}
	if d.PathLen < -1 || d.PathLen > ca.MaxChain {
		return d, nil, ca.Invalid(ca.E1101, fmt.Sprintf("the path length %d is not between 0 and %d", d.PathLen, ca.MaxChain), "0 signs end-entity certificates only").At("path_len")
	}
	if err := authorityUse(d); err != nil {
		return d, nil, err
	}
	if err := d.Constraints.CheckNew(); err != nil {
		return d, nil, err
	}
	for _, p := range d.Policies {
		if err := p.Check(); err != nil {
			return d, nil, err
		}
	}
	if d.Issuer == nil {
		return d, nil, nil
	}
	own := d.Constraints
	d, err := inherits(d)
	if err == nil {
		err = lost(own, d.Constraints)
	}
	if err != nil {
		return d, nil, err
	}
	return withinAuthority(d, now)
}

// inherits holds the name of an authority against the constraints above it, and gives
// the draft with these beside its own.
func inherits(d ca.AuthorityDraft) (ca.AuthorityDraft, error) {
	err := Breaks(d.Issuer.Constraints, d.Subject, nil)
	if err == nil {
		d.Constraints, err = Inherit(d.Constraints, d.Issuer.Constraints)
	}
	return d, err
}

// authorityKey is the list for new authorities (R43, security rule KY-05): what the
// signer makes.
func authorityKey(keyType string) bool {
	return slices.Contains([]string{"ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096"}, keyType)
}

// authorityUse demands usages of an authority that signs online (security rule
// SG-04), and that no more is named than its issuer has.
func authorityUse(d ca.AuthorityDraft) error {
	if useless(d) {
		return ca.Refused(ca.E3004, "an authority with path length 0 needs extended key usages", "name what it is for: server, client, email, codesign").
			Because("its key signs online (security rule SG-04)").At("use")
	}
	for i, u := range d.Use {
		if _, known := ca.UseOID(u); !known || slices.Contains(d.Use[:i], u) {
			return ca.Invalid(ca.E1101, ca.Show(u)+" is no extended key usage, or stands twice", "use server, client, email, codesign and ocsp, each once").At("use")
		}
	}
	if beyondUse(d) {
		return ca.Refused(ca.E3004, "authority "+d.Issuer.Name+" has other extended key usages than the new one", "use some of "+list(d.Issuer.Use)).
			Because(boundUse).At("use")
	}
	return nil
}

// boundUse is why usages count downwards.
const boundUse = "verifiers take the usages of an authority for a bound on what is below"

// useless tells whether a draft is for nothing, though its key would sign online.
func useless(d ca.AuthorityDraft) bool { return d.PathLen == 0 && len(d.Use) == 0 }

// beyondUse tells whether a draft is for more than its issuer.
func beyondUse(d ca.AuthorityDraft) bool {
	up := d.Issuer
	return up != nil && len(up.Use) > 0 &&
		(len(d.Use) == 0 || slices.ContainsFunc(d.Use, func(u string) bool { return !slices.Contains(up.Use, u) }))
}

// withinAuthority keeps a draft within its issuer's life (security rule PF-06).
func withinAuthority(d ca.AuthorityDraft, now time.Time) (ca.AuthorityDraft, []string, error) {
	a := d.Issuer
	if a.Kind != ca.Root && a.Kind != ca.Intermediate {
		return d, nil, ca.Refused(ca.E3004, "authority "+a.Name+" signs no authorities", "name a root or an intermediate as its issuer")
	}
	if now.Before(a.NotBefore) || a.End().Sub(now) < lastDay {
		return d, nil, ca.Refused(ca.E3004, fmt.Sprintf("authority %s signs from %s until a day before %s", a.Name, date(a.NotBefore), date(a.End())), "found a new generation of line "+a.Line).
			Because("an authority with less than one day left signs nothing (security rule PF-06)")
	}
	var notices []string
	wished := d.NotAfter.Sub(d.NotBefore)
	if d.NotBefore.Before(a.NotBefore) {
		d.NotBefore = a.NotBefore.UTC().Add(time.Second - 1).Truncate(time.Second)
	}
	last := a.End().UTC().Truncate(time.Second)
	if d.NotAfter.After(last) {
		d.NotAfter = last
		notices = append(notices, fmt.Sprintf("the life was shortened to %s, when authority %s ends", date(last), a.Name))
	}
	if last.Sub(now) < 2*wished {
		notices = append(notices, fmt.Sprintf("authority %s ends %s, within two such lifetimes: plan its successor", a.Name, date(last)))
	}
	if !d.NotAfter.After(d.NotBefore) {
		return d, nil, ca.Refused(ca.E3004, "the authority would end before it begins", "ask for a longer life").At("days")
	}
	return d, notices, nil
}
