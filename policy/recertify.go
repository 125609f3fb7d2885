// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"time"

	"chancery/ca"
)

// A Renewal asks for one more certificate of a generation's key: in place of its own,
// or, with By, beside it.
type Renewal struct {
	Authority, By string
	Days          int
	// Shorten lets it end before the certificate that it replaces.
	Shorten bool
}

// Bounds of the certificates that one key has.
const (
	// maxCross bounds them, the newest not counted.
	maxCross = 32
	// maxOctets is how long they may be in all before one more is signed: a leaf of the
	// log must have room for them in base64, and for the newest's key and name once more.
	maxOctets = 64 << 10
)

// Certifies gives the generation of a renewal and the one that will sign it, or refuses
// signers that cannot, and lives that would be too long. The Problem is E2101 or E2601.
func (h Hierarchy) Certifies(q Renewal) (a, p Standing, err error) {
	a, known := h[q.Authority]
	if !known {
		return a, p, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Authority), "chancery ca list")
	}
	by := a.Parent
	if q.By != "" {
		by = q.By
	}
	p, known = h[by]
	switch {
	case !known && a.External:
		err = unmakeable("the key of "+a.Name+" is not here", "where its key is, it is renewed")
	case !known || p.External:
		err = unmakeable(fmt.Sprintf("the key of %s, which signed %s, is not here", by, a.Name), "chancery ca export-csr "+a.Name+", have it signed there, then chancery ca import-cert")
	case p.Kind == ca.Issuing && by != a.Name:
		err = unmakeable(p.Name+" signs no authorities", "choose a root: chancery ca list")
	case q.By == a.Parent || q.By == a.Name:
		err = unmakeable(a.Name+" is below "+q.By+" already", "leave --by out to renew it")
	case q.By != "" && p.Kind != ca.Root:
		err = unmakeable(p.Name+" is no root, and who trusts its root needs no such certificate", "choose a root: chancery ca list")
	case q.By != "" && a.AKI == ca.AKIIssuer:
		err = unmakeable("what "+a.Name+" signed names its own certificate, and would not verify by another", "found the next generation with key identifiers alone: chancery ca create --aki keyid")
	case q.By == "" && h.fallen(a) != "":
		err = unmakeable(a.Name+" cannot be renewed: "+h.fallen(a), "found the next generation below another authority: chancery ca create")
	case a.State == ca.Retired || p.State == ca.Retired:
		err = unmakeable("one of the two is retired", "chancery ca list")
	case a.full():
		err = unmakeable(a.Name+" has as many certificates as one key can have", "found the next generation: chancery ca create")
	default:
		err = livesFor(q.Days, "chancery ca renew --days 1825")
	}
	return a, p, err
}

// full tells whether a generation has all the certificates that one key can have.
func (s Standing) full() bool {
	n := len(s.Certificate)
	for _, der := range s.Earlier {
		n += len(der)
	}
	for _, c := range s.Cross {
		n += len(c.Certificate)
	}
	return len(s.Cross)+len(s.Earlier) >= maxCross || n > maxOctets
}

// VetRenewal is VetAuthority for one more certificate of a key: its type, and the form
// of its constraints, are those of what stands already, weak or not (R43). It shortens
// no life, but refuses it: whoever renews must know. It gives the draft with the
// constraints above it; of what stands already, what is outside them falls away. The
// Problem is E2113, E2114 or E2601.
func (a Standing) VetRenewal(d ca.AuthorityDraft, q Renewal) (ca.AuthorityDraft, error) {
	d, err := keepsChain(d)
	if err != nil {
		return d, err
	}
	if beyondUse(d) {
		return d, unmakeable(d.Issuer.Name+" has other extended key usages than "+a.Name, "found the next generation: chancery ca create").Because(boundUse)
	}
	if q.By != "" || q.Shorten || !d.NotAfter.Before(a.NotAfter) {
		return d, nil
	}
	fix := "more --days, or --confirm " + a.Name
	if a.Parent != a.Name {
		fix = "more --days, after chancery ca renew " + a.Parent + " if that ends too early, or --confirm " + a.Name
	}
	return d, unmakeable(fmt.Sprintf("it would end on %s, and %s ends on %s", d.NotAfter.Format(time.DateOnly), a.Name, a.NotAfter.Format(time.DateOnly)), fix).
		Because("what it signed would outlive it (security rule PF-06)")
}

// Renews demands that those below an authority verify with the certificate that will be in
// place of its own, if they do with the present one. Whoever confirmed that it ends earlier
// knows that they do; and that some name the number of the present one is told. The Problem
// is E2601.
func (h Hierarchy) Renews(a Standing, x Link, q Renewal, now time.Time) error {
	if q.By != "" {
		return nil
	}
	if x.Serial, x.Unsigned = a.Link.Serial, nil; q.Shorten && x.NotAfter.Before(a.Link.NotAfter) {
		x.NotAfter = a.Link.NotAfter
	}
	a.Link = x
	err := h.holdsBelow(a, now)
	var p *ca.Problem
	if errors.As(err, &p) {
		return unmakeable(p.Detail, "retire what is below it first, or found the next generation: chancery ca create").Because(p.Why)
	}
	return err
}

// VetResigned is VetAuthority for the first certificate that is made here of a key from
// elsewhere, whose type is that of what stands already, and gives the draft with the constraints
// above it. The Problem is E2113, E2114, E2601 or E3004.
func VetResigned(d ca.AuthorityDraft) (ca.AuthorityDraft, error) {
	d, err := keepsChain(d)
	if err != nil {
		return d, err
	}
	if useless(d) {
		return d, ca.Refused(ca.E3004, "an authority with path length 0 needs extended key usages", "name what it is for: chancery ca import-cert --for server,client")
	}
	if beyondUse(d) {
		return d, ca.Refused(ca.E3004, fmt.Sprintf("authority %s has other extended key usages", d.Issuer.Name), "leave --for out, or choose another --resign")
	}
	return d, nil
}

// keepsChain refuses what would outlive its chain, or break the constraints of it, and
// gives the draft with these.
func keepsChain(d ca.AuthorityDraft) (ca.AuthorityDraft, error) {
	if d.Issuer == nil {
		return d, nil
	}
	if end := d.Issuer.End(); d.NotAfter.After(end) {
		return d, unmakeable(fmt.Sprintf("it would outlive %s, whose chain ends on %s", d.Issuer.Name, end.Format(time.DateOnly)), "choose fewer --days")
	}
	return inherits(d)
}
