// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/internal/csr"
	"chancery/policy"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// An Import brings the certificate of an authority that another one signed, with
// those above it up to a root, and perhaps the key.
type Import struct {
	Name string           `json:"name"`
	Line string           `json:"line"`
	Kind ca.AuthorityKind `json:"kind"`
	// Use are some of the certificate's extended key usages; empty are all that have a
	// name here.
	Use []string `json:"use,omitempty"`
	// Certificates has the authority's own first, in DER.
	Certificates [][]byte `json:"certificates"`
	// Above are the names for those above it, in their order.
	Above []string `json:"above,omitempty"`
	// Key is the private key in plain PKCS#8; empty for one that lies here.
	Key []byte `json:"key,omitempty"`
	PKI string `json:"pki_url"`
	// Words are those of the installation, which seal the key of a root or intermediate
	// authority, or those of the key that was brought before. OwnWords seal it in their place.
	Words    string `json:"words,omitempty"`
	OwnWords string `json:"own_words,omitempty"`
	Standby  bool   `json:"standby,omitempty"`
	// DryRun is as in a Creation.
	DryRun bool `json:"dry_run,omitempty"`
}

func untakeable(detail, fix string) *ca.Problem { return ca.Refused(ca.E2602, detail, fix) }

// Import enters an authority whose certificate was made elsewhere, and those above it
// as external ones; or a new certificate of one that is there, by its name. What is not
// to be taken is E2602, and leaves nothing behind.
func (s *Signer) Import(q Import) (out Created, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	all, key, err := s.foreign(q, now)
	if err != nil {
		return out, err
	}
	a := all[len(all)-1]
	if q.DryRun {
		out.Authority = a.Authority
		return out, nil
	}
	if err := s.bring(q, key); err != nil {
		return out, err
	}
	s.flights.Lock()
	defer s.flights.Unlock()
	if err := s.enterAll(all); err != nil {
		return out, err
	}
	return out, s.finish(&out, a)
}

// foreign gives the generations that an import makes or changes, prepared without their
// keys, the highest first; and the key that it brings, if it is not here yet.
func (s *Signer) foreign(q Import, now time.Time) (all []*authority, key crypto.Signer, err error) {
	r := s.rules.Load()
	h := verified(r.hierarchy())
	chain, err := chainOf(q.Certificates)
	if err != nil {
		return nil, nil, err
	}
	old, replaces := h[q.Name]
	real, err := h.SoundHere(chain, q.Kind, now, !old.External)
	if err != nil {
		return nil, nil, err
	}
	if err := h.FreeSerials(chain); err != nil {
		return nil, nil, err
	}
	made := make([]ca.Authority, 1)
	b := q.bringing()
	switch {
	case replaces:
		made[0], err = h.Replaces(old, q.Kind, real, now)
	default:
		if key, b.KeyType, err = s.keyOf(q, chain[0]); err == nil {
			made, err = h.Brought(b, chain, real)
		}
		if err == nil {
			made[len(made)-1].Past = s.past(q)
			err = errors.Join(s.unclaimed(made[:len(made)-1]), s.nobodys(chain[0].Key, now))
		}
	}
	if err == nil {
		err = errors.Join(revocable(real), s.unrevoked(real))
	}
	if err != nil {
		return nil, nil, err
	}
	all, err = r.sealedAll(made)
	return all, key, err
}

// revocable refuses a certificate that no list can name, so that whoever signed it could
// never revoke it. A root is on no list of its own, and may have any number.
func revocable(chain []policy.Link) error {
	x := chain[0]
	if _, err := ca.SerialFromBytes(x.Serial); len(chain) == 1 || err == nil && !(len(x.Serial) == 20 && x.Serial[0] > 0x7f) {
		return nil
	}
	return untakeable(fmt.Sprintf("the serial number of %s, %x, is not of 1 to 20 octets above zero", x.Title, x.Serial), "have it made again with one that its signer's lists can name (RFC 5280 §4.1.2.2)")
}

// unrevoked refuses a chain with a certificate that the one above it revoked, as its key's
// lists say: nobody who reads them accepts what is signed below it.
func (s *Signer) unrevoked(chain []policy.Link) error {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	for i, x := range chain[:len(chain)-1] {
		serial, err := ca.SerialFromBytes(x.Serial)
		if err != nil {
			continue // which is on no list
		}
		if last, ok := s.revokedOf(chain[i+1].Key).find(wide(serial)); ok && !last.lifted() {
			return untakeable("the certificate of "+x.Title+" was revoked by "+chain[i+1].Title, "have a new one made, of a new key if this one may be in other hands: chancery ca export-csr").
				Because(fmt.Sprintf("serial number %s is on its list since %s, for %s", serial, time.Unix(last.at, 0).UTC().Format(time.DateOnly), ca.Reason(last.reason)))
		}
	}
	return nil
}

// unclaimed refuses names for those above that a key has which lies here and waits for its
// own certificate: an authority elsewhere would take its place.
func (s *Signer) unclaimed(above []ca.Authority) error {
	for _, a := range above {
		held, err := s.held(a.Name)
		if err != nil {
			return err
		}
		if held != nil {
			return untakeable("a key that lies here waits for its certificate under the name "+a.Name, "choose another name: chancery ca import-cert --above NAME,…")
		}
	}
	return nil
}

// bringing is an import as policy judges it.
func (q Import) bringing() policy.Bringing {
	g := Generation{Name: q.Name, Line: q.Line, Days: 1}
	return policy.Bringing{Newcomer: g.newcomer(q.Kind, "", q.PKI), Use: q.Use, Above: q.Above, Standby: q.Standby}
}

// sealedAll prepares generations, with the key that is at hand of one that is here. What
// cannot be prepared must not come on the log, or the next start fails.
func (r *rules) sealedAll(all []ca.Authority) (out []*authority, err error) {
	for _, a := range all {
		if err := r.loadable(a); err != nil {
			return nil, err
		}
		sealed, err := newAuthority(a, nil)
		if err == nil && !a.External {
			err = check.Lists(a)
		}
		if err != nil {
			return nil, untakeable("the certificate of "+a.Name+" cannot be worked with", "have it made again").Because(err.Error())
		}
		if old := r.authorities[a.Name]; old != nil {
			sealed.key = old.key
		}
		out = append(out, sealed)
	}
	return out, nil
}

// enterAll appends the AUTHORITY leaves of generations whose certificates were made
// elsewhere, the highest first, and puts them in force.
func (s *Signer) enterAll(all []*authority) error {
	var entries []journal.Entry
	for _, a := range all {
		entry, err := authorityEntry(a.Authority, 0)
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	if _, err := s.journal.Append(entries); err != nil {
		return fmt.Errorf("journal the authorities: %w", err)
	}
	r := s.rules.Load()
	for _, a := range all {
		r = r.withAuthority(a)
	}
	s.rules.Store(r)
	s.closeSession()
	for _, a := range all { // those that have no key here yet are made one by keepResponders
		if err := s.respondAtOnce(r.authorities[a.Name]); err != nil {
			s.report(fmt.Errorf("make the OCSP responder of %s: %w", a.Name, err))
		}
	}
	return nil
}

// keyOf is the key that the import brings, nil for one that lies here; it must be the
// certificate's.
func (s *Signer) keyOf(q Import, x policy.Link) (key crypto.Signer, keyType string, err error) {
	held, err := s.held(q.Name)
	if err != nil {
		return nil, "", err
	}
	// PF-07: a key that no certificate gets, because it is weak or was revoked as
	// compromised, is none to sign certificates with.
	if err := errors.Join(csr.CheckKey(x.SPKI), s.refusesKey(x.Key)); err != nil {
		return nil, "", err
	}
	if s.Weak != nil {
		if list := s.Weak(x.SPKI); list != "" {
			return nil, "", policy.WeakKey(list)
		}
	}
	switch {
	case len(q.Key) > 0:
		if key, keyType, err = softkey.Import(q.Key); err != nil {
			return nil, "", err
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil || digest(spki) != x.Key {
			return nil, "", untakeable("the key is not the one of the certificate", "bring the key that belongs to it")
		}
		if held != nil && held.SPKI != x.Key {
			return nil, "", untakeable("there is a key of the name "+q.Name+" already", "choose another name")
		}
		if held != nil { // brought once more
			key = nil
		}
		if held != nil && !q.DryRun && q.Kind != ca.Issuing && !slices.Contains(held.Methods, softkey.ByKEK) {
			// Whoever gives other words now must not believe that they open it.
			if _, err := s.rootKey(q.Name, Creation{Words: q.Words, OwnWords: q.OwnWords}.sealing()); err != nil {
				return nil, "", err
			}
		}
	case held == nil:
		return nil, "", untakeable("no key of the name "+q.Name+" lies here", "chancery ca export-csr "+q.Name+" makes one, or bring the key with --key")
	case held.SPKI != x.Key:
		return nil, "", untakeable("the certificate is of another key than "+q.Name+" has here", "have the request of chancery ca export-csr "+q.Name+" signed")
	default:
		keyType = held.KeyType
	}
	if held != nil && slices.Contains(held.Methods, softkey.ByKEK) != (q.Kind == ca.Issuing) {
		return nil, "", unfitKey(q.Name, q.Kind)
	}
	if a := s.rules.Load().withKey(x.Key); a != nil {
		return nil, "", untakeable("the authority "+a.Name+" has this key already", "chancery ca show "+a.Name)
	}
	if key != nil && q.Kind == ca.Issuing {
		err = s.unsealed()
	}
	return key, keyType, err
}

// unfitKey refuses a key whose seal was made for another kind: nothing could open it.
func unfitKey(name string, kind ca.AuthorityKind) error {
	if kind == ca.Issuing {
		return untakeable("the key of "+name+" is sealed by recovery words, and that of an issuing authority is at hand every day",
			"chancery ca import-cert --intermediate "+name+" FILE, or have the request of chancery ca export-csr signed under another name")
	}
	return untakeable("the key of "+name+" is at hand every day, and that of an authority which signs others is sealed by recovery words",
		"chancery ca import-cert --for server,client "+name+" FILE, or have the request of chancery ca export-csr --intermediate signed under another name")
}

// bring seals a key that was made elsewhere.
func (s *Signer) bring(q Import, key crypto.Signer) error {
	if key == nil {
		return nil
	}
	sealing := softkey.Sealing{ID: q.Name, Purpose: softkey.Authority, Log: s.log()}
	var err error
	if sealing.Words, err = s.ownWords(Creation{Kind: q.Kind, Words: q.Words, OwnWords: q.OwnWords}); err != nil {
		return err
	}
	defer wipe(sealing.Words)
	return s.keepKey(key, sealing, keyBrought)
}

// withKey is the generation of a key, or nil.
func (r *rules) withKey(key ca.Digest) *authority {
	for _, a := range r.authorities {
		if a.Key == key {
			return a
		}
	}
	return nil
}
