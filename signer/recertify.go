// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
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
	// DryRun is as in a Creation.
	DryRun bool `json:"dry_run,omitempty"`
}

// Recertify signs a certificate of a key that has one already: name, key, path
// length, uses, constraints and policies are those it has, with the constraints above it. A certificate that says
// less than an authority's must, as some imported ones, is made whole (R144). What
// cannot be is E2601, wrong words are E3002.
func (s *Signer) Recertify(q Recertification) (out Created, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	c, err := s.renewal(q, now)
	if err != nil {
		return out, err
	}
	a := s.rules.Load().authorities[q.Authority]
	if !c.beside && a.AKI == ca.AKIIssuer {
		out.Notices = append(out.Notices, "what "+a.Name+" signed before names its earlier certificate: hand out both")
	}
	if q.DryRun {
		if out.Authority = c.own.Authority; !c.beside {
			out.Authority.Certificate = nil // there is none yet
		}
		return out, nil
	}
	lister := c.signer
	if err := s.certifier(c.signer, a, q.Words); err != nil {
		return out, err
	}
	s.flights.Lock()
	defer s.flights.Unlock()
	if c.own.key = a.key; c.signer.Name == a.Name { // its list lives as long as the new certificate
		c.own.key, lister = c.signer.key, c.own
	}
	made, err := s.certify(c)
	if err != nil {
		return out, err
	}
	return out, s.finish(&out, made, lister)
}

// renewal is one more certificate of a key, as far as no key signs it.
func (s *Signer) renewal(q Recertification, now time.Time) (c certifying, err error) {
	r := s.rules.Load()
	h := r.hierarchy()
	w := policy.Renewal{Authority: q.Authority, By: q.By, Days: q.Days, Shorten: q.Shorten}
	of, by, err := h.Certifies(w)
	if err != nil {
		return c, err
	}
	a, signer := r.authorities[of.Name], r.authorities[by.Name].shut()
	if err := s.unburnt(a, signer); err != nil {
		return c, err
	}
	if signer.Kind == ca.Issuing && r.authorities[by.Name].key == nil { // of a line without a root
		return c, r.authorities[by.Name].locked()
	}
	d, err := s.redraft(a, signer, q.Days, now)
	if err != nil {
		return c, err
	}
	if d, err = of.VetRenewal(d, w); err != nil {
		return c, err
	}
	next := a.Authority
	next.Version++
	if q.By == "" {
		next.Earlier = append(slices.Clone(a.Earlier), a.Certificate)
		next.Certificate, next.NotBefore, next.NotAfter = nil, d.NotBefore, d.NotAfter
	}
	if c, err = encoded(next, d, signer); err != nil {
		return c, unmakeable("no such certificate can be made of "+a.Name, "fewer --days, or another --by").Because(err.Error())
	}
	c.beside = q.By != ""
	x, err := x509.ParseCertificate(c.own.Certificate) // of the octets that will be signed
	if err != nil {
		return c, fmt.Errorf("read the new certificate of %s: %w", a.Name, err)
	}
	return c, h.Renews(of, link(x), w, now)
}

// certifier opens the key that signs. An authority without a root signs with the key that
// is at hand, but not for anybody who reaches the socket: the words of the installation
// are asked for all the same (security rule SG-03).
func (s *Signer) certifier(signer, a *authority, text string) (err error) {
	if signer.Kind == ca.Issuing {
		signer.key = a.key
		return s.proven(text)
	}
	signer.key, err = s.rootKey(signer.Name, text)
	return err
}

// proven demands the recovery words of the installation.
func (s *Signer) proven(text string) error {
	words, err := softkey.ParseWords(text)
	if err != nil {
		return err
	}
	defer words.Wipe()
	if err := s.keys.ProveWords(words, s.log()); err != nil {
		return wanted(s.noteTry(Unlocking{Words: text}, err), "")
	}
	return nil
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
	d.Issuer, d.AKI = &signer.Authority, signer.AKI
	if subject, err := encode.SubjectDER(d.Subject); err != nil || !bytes.Equal(subject, a.Subject) {
		return d, unmakeable("the name of "+a.Name+" has fields that cannot be written again as they are", "found the next generation: chancery ca create")
	}
	return d, nil
}
