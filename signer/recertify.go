// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/policy"
	"chancery/signer/softkey"
)

// A Recertification asks for one more certificate of a generation's key: in place of
// its own, or, with By, beside it.
type Recertification struct {
	Authority string `json:"authority"`
	// Days is the lifetime.
	Days int `json:"days"`
	// By is a root other than its own that cross-certifies it; empty renews it.
	By string `json:"by,omitempty"`
	// Shorten lets a renewal end before the certificate that it replaces.
	Shorten bool `json:"shorten,omitempty"`
	// Words open the key that signs, or are the installation's if that key is unlocked.
	Words string `json:"words"`
}

// Recertify signs a certificate of a key that has one already: name, key, path
// length, uses, constraints and policies are those it has. A certificate that says
// less than an authority's must, as some imported ones, is made whole (R144). What
// cannot be is E2601, wrong words are E3002.
func (s *Signer) Recertify(q Recertification) (out Created, err error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	a := s.rules.Load().authorities[q.Authority]
	if a == nil {
		return out, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.Authority), "chancery ca list")
	}
	by := a.Parent
	if q.By != "" {
		by = q.By
	}
	if err := s.rules.Load().mayCertify(a, by, q); err != nil {
		return out, err
	}
	signer, err := s.certifier(a, by, q.Words)
	if err != nil {
		return out, err
	}
	d, err := s.redraft(a, signer, q.Days, now)
	if err != nil {
		return out, err
	}
	if up := signer.Use; signer.Name != a.Name && len(up) > 0 && (len(d.Use) == 0 || slices.ContainsFunc(d.Use, func(u string) bool { return !slices.Contains(up, u) })) {
		return out, unmakeable(signer.Name+" has other extended key usages than "+a.Name, "found the next generation: chancery ca create").
			Because("verifiers take the usages of an authority for a bound on what is below")
	}
	if q.By == "" && !q.Shorten && d.NotAfter.Before(a.NotAfter) {
		return out, a.shortens(d.NotAfter)
	}
	next := a.Authority
	next.Version++
	if q.By == "" {
		next.Earlier = append(slices.Clone(a.Earlier), a.Certificate)
		next.Certificate, next.NotBefore, next.NotAfter = nil, d.NotBefore, d.NotAfter
	}
	c, err := encoded(next, d, signer)
	if err != nil {
		return out, unmakeable("no such certificate can be made of "+a.Name, "fewer --days, or another --by").Because(err.Error())
	}
	lister := signer
	if c.own.key = a.key; signer.Name == a.Name { // its list lives as long as the new certificate
		c.own.key, lister = signer.key, c.own
	}
	der, intent, err := s.signCA(c)
	if err != nil {
		return out, err
	}
	if q.By == "" {
		c.own.Certificate = der
	} else {
		c.own.Cross = append(slices.Clone(a.Cross), ca.CrossCertificate{By: by, Certificate: der})
	}
	if err := s.enter(c.own, intent, der); err != nil {
		return out, err
	}
	out.Authority = c.own.Authority
	if q.By == "" && a.AKI == ca.AKIIssuer {
		out.Notices = append(out.Notices, "what "+a.Name+" signed before names its earlier certificate: hand out both")
	}
	if err := s.ceremonyLists(&out, lister); err != nil {
		return out, err
	}
	return out, s.journal.Sync()
}

// certifier opens the key that signs. An authority without a root signs with the key that
// is at hand, but not for anybody who reaches the socket: the words of the installation
// are asked for all the same (security rule SG-03).
func (s *Signer) certifier(a *authority, by, text string) (*authority, error) {
	switch {
	case a.Kind != ca.Issuing || by != a.Name:
		return s.openSealed(by, text)
	case a.key == nil:
		return nil, a.locked()
	}
	return a, s.proven(text)
}

// proven demands the recovery words of the installation.
func (s *Signer) proven(text string) error {
	words, err := softkey.ParseWords(text)
	if err != nil {
		return err
	}
	defer words.Wipe()
	if err := s.keys.ProveWords(words, s.log()); err != nil {
		return s.noteTry(Unlocking{Words: text}, err)
	}
	return nil
}

// mayCertify refuses signers that cannot, and lives that would be too long.
func (r *rules) mayCertify(a *authority, by string, q Recertification) error {
	p := r.authorities[by]
	switch {
	case p == nil && a.External:
		return unmakeable("the key of "+a.Name+" is not here", "where its key is, it is renewed")
	case p == nil || p.External:
		return unmakeable(fmt.Sprintf("the key of %s, which signed %s, is not here", by, a.Name), "chancery ca export-csr "+a.Name+", have it signed there, then chancery ca import-cert")
	case p.Kind == ca.Issuing && by != a.Name:
		return unmakeable(p.Name+" signs no authorities", "choose a root: chancery ca list")
	case q.By == a.Parent || q.By == a.Name:
		return unmakeable(a.Name+" is below "+q.By+" already", "leave --by out to renew it")
	case q.By != "" && p.Kind != ca.Root:
		return unmakeable(p.Name+" is no root, and who trusts its root needs no such certificate", "choose a root: chancery ca list")
	case q.By != "" && a.AKI == ca.AKIIssuer:
		return unmakeable("what "+a.Name+" signed names its own certificate, and would not verify by another", "found the next generation with key identifiers alone: chancery ca create --aki keyid")
	case a.State == ca.Retired || p.State == ca.Retired:
		return unmakeable("one of the two is retired", "chancery ca list")
	case q.Days < 1 || q.Days > maxLife:
		return unmakeable(fmt.Sprintf("a life of %d days is not between 1 and %d", q.Days, maxLife), "chancery ca renew --days 1825")
	case len(a.Cross)+len(a.Earlier) >= maxCross || a.octets() > maxOctets:
		return unmakeable(a.Name+" has as many certificates as one key can have", "found the next generation: chancery ca create")
	}
	return nil
}

// shortens refuses a renewal that would end what is below an authority early: it was
// signed for the life of the certificate before.
func (a *authority) shortens(end time.Time) error {
	fix := "more --days, or --confirm " + a.Name
	if a.Parent != a.Name {
		fix = "more --days, after chancery ca renew " + a.Parent + " if that ends too early, or --confirm " + a.Name
	}
	return unmakeable(fmt.Sprintf("it would end on %s, and %s ends on %s", end.Format(time.DateOnly), a.Name, a.NotAfter.Format(time.DateOnly)), fix).
		Because("what it signed would outlive it (security rule PF-06)")
}

const (
	// maxCross bounds the certificates of one key, the newest not counted.
	maxCross = 32
	// maxOctets is how long they may be in all before one more is signed: a leaf must
	// have room for them (journal.MaxBody) in base64, and for the newest's key and name
	// once more.
	maxOctets = 64 << 10
)

// octets is how long all certificates of a generation are.
func (a *authority) octets() int {
	n := len(a.Certificate)
	for _, der := range a.Earlier {
		n += len(der)
	}
	for _, c := range a.Cross {
		n += len(c.Certificate)
	}
	return n
}

// redraft drafts the certificate of a key that has one. A root signs its own anew.
func (s *Signer) redraft(a, signer *authority, days int, now time.Time) (d ca.AuthorityDraft, err error) {
	d, err = check.Draft(a.Certificate)
	if err != nil {
		return d, unmakeable("the certificate of "+a.Name+" cannot be read", "found the next generation: chancery ca create").Because(err.Error())
	}
	if d.Serial, err = encode.Serial(s.journal.LogNo(), now, s.Random); err != nil {
		return d, err
	}
	if d.SPKI, d.SKI = a.SPKI, a.SKI; len(d.Use) == 0 {
		d.Use = a.Use
	}
	d.NotBefore, d.NotAfter = now, now.AddDate(0, 0, days).Add(-time.Second)
	if a.Kind == ca.Issuing {
		d.PathLen = 0
	}
	if signer.Name == a.Name {
		d.Hash, d.AKI = a.Hash, a.AKI
		return d, nil
	}
	if end := signer.End(); d.NotAfter.After(end) {
		return d, unmakeable(fmt.Sprintf("it would outlive %s, whose chain ends on %s", signer.Name, end.Format(time.DateOnly)), "choose fewer --days")
	}
	d.Issuer, d.AKI = &signer.Authority, signer.AKI
	if err := policy.Breaks(signer.Constraints, d.Subject, nil); err != nil {
		return d, err
	}
	if subject, err := encode.SubjectDER(d.Subject); err != nil || !bytes.Equal(subject, a.Subject) {
		return d, unmakeable("the name of "+a.Name+" has fields that cannot be written again as they are", "found the next generation: chancery ca create")
	}
	return d, nil
}
