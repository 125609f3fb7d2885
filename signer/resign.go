// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"slices"

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
	s.flights.Lock()
	defer s.flights.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	r := s.rules.Load()
	chain, err := parsedChain(q.Certificates[:min(len(q.Certificates), 1)])
	if err != nil {
		return out, err
	}
	x := chain[0]
	if err := r.ownName(chain); err != nil {
		return out, err
	}
	key, keyType, err := s.keyOf(q.Import, x)
	if err != nil {
		return out, err
	}
	g := Generation{Name: q.Name, Line: q.Line, Days: q.Days}
	if err := r.takes(g, q.Kind, q.PKI); err != nil {
		return out, err
	}
	if err := r.below(Creation{Generation: g, Kind: q.Kind, Parent: q.Parent}); err != nil {
		return out, err
	}
	if len(x.SubjectKeyId) == 0 { // nothing that it signed names one
		if x.SubjectKeyId, err = encode.KeyID(x.RawSubjectPublicKeyInfo); err != nil {
			return out, untakeable("the key of the certificate cannot be worked with", "bring one of another type").Because(err.Error())
		}
	}
	use := q.Use
	if len(x.ExtKeyUsage) == 0 {
		q.Use = nil
	}
	a, err := imported(q.Import, x, keyType, r.birth(q.Line, q.Standby))
	if err != nil {
		return out, err
	}
	if len(a.Use) == 0 {
		a.Use = use
	}
	parent, err := s.openSealed(q.Parent, q.ParentWords)
	if err != nil {
		return out, err
	}
	d, err := s.redraft(&authority{Authority: a}, parent, q.Days, now)
	if err != nil {
		return out, err
	}
	if q.Kind == ca.Intermediate {
		d.PathLen = making{kind: q.Kind, parent: parent}.pathLen()
	}
	if err := fits(d, parent.Authority); err != nil {
		return out, err
	}
	a.Parent, a.Use, a.Certificate, a.NotBefore, a.NotAfter = q.Parent, d.Use, nil, d.NotBefore, d.NotAfter
	c, err := encoded(a, d, parent)
	if err != nil {
		return out, unmakeable("no such certificate can be made of "+a.Name, "fewer --days, or another --resign").Because(err.Error())
	}
	if q.OwnWords == "" && q.Words == "" {
		q.OwnWords = q.ParentWords // which have opened the parent's key
	}
	if err := s.bring(q.Import, key); err != nil {
		return out, err
	}
	der, intent, err := s.signCA(c)
	if err != nil {
		return out, err
	}
	c.own.Certificate = der
	if err := s.enter(c.own, intent, der); err != nil {
		return out, err
	}
	out.Authority = c.own.Authority
	if err := s.ceremonyLists(&out, parent); err != nil {
		return out, err
	}
	if a.Kind == ca.Issuing && !s.keys.Sealed() {
		if err := s.loadKeys(); err != nil {
			return out, err
		}
	}
	return out, s.journal.Sync()
}

// fits refuses usages that an authority online lacks, or that the one above has not. The
// type of the key is that of what stands already, weak or not (R43).
func fits(d ca.AuthorityDraft, parent ca.Authority) error {
	if d.PathLen == 0 && len(d.Use) == 0 {
		return ca.Refused(ca.E3004, "an authority with path length 0 needs extended key usages", "name what it is for: chancery ca import-cert --for server,client")
	}
	if up := parent.Use; len(up) > 0 && (len(d.Use) == 0 || slices.ContainsFunc(d.Use, func(u string) bool { return !slices.Contains(up, u) })) {
		return ca.Refused(ca.E3004, fmt.Sprintf("authority %s has other extended key usages", parent.Name), "leave --for out, or choose another --resign")
	}
	return policy.Breaks(parent.Constraints, d.Subject, nil)
}
