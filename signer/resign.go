// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/policy"
)

// A Resigning brings the key of an authority whose certificate, made elsewhere, is
// none of an authority, and has it certified by one that is here (R144). Certificates
// has that certificate alone, Use what it has no extended key usages for.
type Resigning struct {
	Import
	Parent string `json:"parent"`
	// ParentWords are the recovery words that open the parent's key. They seal the one
	// that is brought, too, without Words or OwnWords.
	ParentWords string `json:"parent_words"`
	Days        int    `json:"days"`
}

// Resign takes an authority in with its name and its key under a new certificate, so
// that what it signed verifies again: the key identifier stays. What cannot be taken
// is E2602 or E2601, and leaves nothing behind.
func (s *Signer) Resign(q Resigning) (out Created, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	if q.OwnWords == "" && q.Words == "" {
		// Here already: a key that lies here since a call was broken off is opened by them.
		q.OwnWords = q.ParentWords
	}
	c, key, err := s.resigned(q, now)
	if err != nil {
		return out, err
	}
	if q.DryRun {
		out.Authority = c.own.Authority
		out.Authority.Certificate = nil // there is none yet
		return out, nil
	}
	if c.signer.key, err = s.rootKey(q.Parent, q.ParentWords); err != nil {
		return out, err
	}
	if err := s.bring(q.Import, key); err != nil {
		return out, err
	}
	s.flights.Lock()
	defer s.flights.Unlock()
	made, err := s.certify(c)
	if err != nil {
		return out, err
	}
	return out, s.finish(&out, made, c.signer)
}

// resigned is the first certificate that is made here of a key from elsewhere, as far as
// no key signs it; and that key, if it is not here yet.
func (s *Signer) resigned(q Resigning, now time.Time) (c certifying, key crypto.Signer, err error) {
	r := s.rules.Load()
	h := r.hierarchy()
	chain, err := chainOf(q.Certificates[:min(len(q.Certificates), 1)])
	if err != nil {
		return c, nil, err
	}
	x, b := chain[0], q.bringing()
	b.Days, b.Parent = q.Days, q.Parent
	if err := h.OwnName(chain); err != nil {
		return c, nil, err
	}
	if key, b.KeyType, err = s.keyOf(q.Import, x); err != nil {
		return c, nil, err
	}
	if err := s.nobodys(x.Key, now); err != nil {
		return c, nil, err
	}
	if err := h.Admits(b.Newcomer); err != nil {
		return c, nil, err
	}
	if err := h.Below(b.Newcomer); err != nil {
		return c, nil, err
	}
	if len(x.SKI) == 0 { // nothing that it signed names one
		if x.SKI, err = encode.KeyID(x.SPKI); err != nil {
			return c, nil, untakeable("the key of the certificate cannot be worked with", "bring one of another type").Because(err.Error())
		}
	}
	a, err := h.Imported(b, x)
	if err != nil {
		return c, nil, err
	}
	parent := r.authorities[q.Parent].shut()
	d, err := s.redraft(&authority{Authority: a}, parent, q.Days, now)
	if err != nil {
		return c, nil, err
	}
	if q.Kind == ca.Intermediate {
		d.PathLen = h.PathLen(b.Newcomer)
	}
	if d, err = policy.VetResigned(d); err != nil {
		return c, nil, err
	}
	a.Past = s.past(q.Import)
	a.Parent, a.Use, a.Certificate, a.NotBefore, a.NotAfter = q.Parent, d.Use, nil, d.NotBefore, d.NotAfter
	if c, err = encoded(a, d, parent); err != nil {
		return c, nil, unmakeable("no such certificate can be made of "+a.Name, "fewer --days, or another --resign").Because(err.Error())
	}
	return c, key, nil
}
