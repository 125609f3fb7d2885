// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"chancery/ca"
	"chancery/check"
	"chancery/internal/csr"
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
}

func untakeable(detail, fix string) *ca.Problem { return ca.Refused(ca.E2602, detail, fix) }

// Import enters an authority whose certificate was made elsewhere, and those above it
// as external ones; or a new certificate of one that is there, by its name. What is not to be taken is E2602, and leaves nothing behind.
func (s *Signer) Import(q Import) (out Created, err error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	now, err := s.ceremony()
	if err != nil {
		return out, err
	}
	r := s.rules.Load()
	chain, err := parsedChain(q.Certificates)
	if err != nil {
		return out, err
	}
	old := r.authorities[q.Name]
	if err := soundChain(chain, q.Kind, now, old == nil || !old.External); err != nil {
		return out, err
	}
	real, err := r.soundHere(chain, q.Kind, now)
	if err != nil {
		return out, err
	}
	if err := r.clash(chain); err != nil {
		return out, err
	}
	if old != nil {
		return s.replace(old, q.Kind, real, now)
	}
	if err := r.ownName(chain); err != nil {
		return out, err
	}
	key, keyType, err := s.keyOf(q, chain[0])
	if err != nil {
		return out, err
	}
	g := Generation{Name: q.Name, Line: q.Line, Days: 1}
	if err := r.takes(g, q.Kind, q.PKI); err != nil {
		return out, err
	}
	a, err := imported(q, chain[0], keyType, r.birth(q.Line, q.Standby))
	if err != nil {
		return out, err
	}
	above, err := r.above(q, chain, &a)
	if err != nil {
		return out, err
	}
	if a.Use, err = usesAbove(a.Use, real); err != nil {
		return out, err
	}
	if err := r.loadable(a); err != nil {
		return out, err
	}
	all, err := sealedAll(append(above, a))
	if err != nil {
		return out, err
	}
	if err := s.bring(q, key); err != nil {
		return out, err
	}
	if err := s.enterAll(all); err != nil {
		return out, err
	}
	out.Authority = a
	if a.Kind == ca.Issuing && !s.keys.Sealed() {
		err = s.loadKeys()
	}
	return out, err
}

// sealedAll prepares generations without their keys. What cannot be prepared must not
// come on the log, or the next start fails.
func sealedAll(all []ca.Authority) (out []*authority, err error) {
	for _, a := range all {
		sealed, err := newAuthority(a, nil)
		if err == nil && !a.External {
			err = check.Lists(a)
		}
		if err != nil {
			return nil, untakeable("the certificate of "+a.Name+" cannot be worked with", "have it made again").Because(err.Error())
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
	return nil
}

// maxCertificate is the longest that is taken from elsewhere: its leaf must have room
// for it in base64, and for its name and key once more (journal.MaxBody).
const maxCertificate = 64 << 10

// parsedChain reads the certificates of an import.
func parsedChain(ders [][]byte) (chain []*x509.Certificate, err error) {
	if len(ders) == 0 || len(ders) > maxDepth {
		return nil, untakeable(fmt.Sprintf("the import brings %d certificates, wanted 1 to %d", len(ders), maxDepth), "bring the authority's certificate and those above it")
	}
	for _, der := range ders {
		x, err := x509.ParseCertificate(der)
		if err == nil && len(der) > maxCertificate {
			err = fmt.Errorf("it has %d octets, at most %d", len(der), maxCertificate)
		}
		if err != nil {
			return nil, untakeable("a certificate cannot be read", "openssl x509 -text -in FILE shows what is wrong with it").Because(err.Error())
		}
		chain = append(chain, x)
	}
	return chain, nil
}

// keyOf is the key that the import brings, nil for one that lies here; it must be the
// certificate's.
func (s *Signer) keyOf(q Import, x *x509.Certificate) (key crypto.Signer, keyType string, err error) {
	held, err := s.held(q.Name)
	if err != nil {
		return nil, "", err
	}
	own := digest(x.RawSubjectPublicKeyInfo)
	// PF-07: a key that no certificate gets, because it is weak or was revoked as
	// compromised, is none to sign certificates with.
	if err := errors.Join(csr.CheckKey(x.RawSubjectPublicKeyInfo), s.refusesKey(own)); err != nil {
		return nil, "", err
	}
	switch {
	case len(q.Key) > 0:
		if key, keyType, err = softkey.Import(q.Key); err != nil {
			return nil, "", err
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil || digest(spki) != own {
			return nil, "", untakeable("the key is not the one of the certificate", "bring the key that belongs to it")
		}
		if held != nil && held.SPKI != own {
			return nil, "", untakeable("there is a key of the name "+q.Name+" already", "choose another name")
		}
		if held != nil { // brought once more
			key = nil
		}
		if held != nil && q.Kind != ca.Issuing && !slices.Contains(held.Methods, softkey.ByKEK) {
			// Whoever gives other words now must not believe that they open it.
			if _, err := s.rootKey(q.Name, Creation{Words: q.Words, OwnWords: q.OwnWords}.sealing()); err != nil {
				return nil, "", err
			}
		}
	case held == nil:
		return nil, "", untakeable("no key of the name "+q.Name+" lies here", "chancery ca export-csr "+q.Name+" makes one, or bring the key with --key")
	case held.SPKI != own:
		return nil, "", untakeable("the certificate is of another key than "+q.Name+" has here", "have the request of chancery ca export-csr "+q.Name+" signed")
	default:
		keyType = held.KeyType
	}
	if held != nil && slices.Contains(held.Methods, softkey.ByKEK) != (q.Kind == ca.Issuing) {
		return nil, "", unfitKey(q.Name, q.Kind)
	}
	for _, a := range s.rules.Load().authorities {
		if a.Key == own {
			return nil, "", untakeable("the authority "+a.Name+" has this key already", "chancery ca show "+a.Name)
		}
	}
	return key, keyType, nil
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

// imported is the generation that a certificate from elsewhere makes.
func imported(q Import, x *x509.Certificate, keyType string, state ca.AuthorityState) (a ca.Authority, err error) {
	// RFC 5280 §4.2.1.2: the identifier that the certificate has is the one its own carry.
	if len(x.SubjectKeyId) == 0 {
		return a, untakeable("the certificate has no subject key identifier", "have it made again with one (RFC 5280 §4.2.1.2)")
	}
	named, _, err := check.Uses(x.Raw)
	if err != nil {
		return a, untakeable("the extended key usages of the certificate are not to be taken", "have it made again with those that it is for").Because(err.Error())
	}
	if len(q.Use) == 0 {
		q.Use = named
	}
	for _, u := range q.Use {
		if _, known := ca.UseOID(u); !known || len(named) > 0 && !slices.Contains(named, u) {
			return a, untakeable("the certificate is not for "+ca.Show(u), "leave --for out to take what it is for")
		}
	}
	return ca.Authority{
		Name: q.Name, Line: q.Line, Kind: q.Kind, State: state, Parent: q.Name, Version: 1,
		Key: digest(x.RawSubjectPublicKeyInfo), KeyType: keyType, Certificate: x.Raw, Subject: x.RawSubject, SPKI: x.RawSubjectPublicKeyInfo,
		SKI: x.SubjectKeyId, Use: q.Use, NotBefore: x.NotBefore.UTC(), NotAfter: x.NotAfter.UTC(),
		CRL: q.PKI + "/pki/" + q.Name + ".crl", Issuer: q.PKI + "/pki/" + q.Name + ".crt", Shards: 1,
	}, nil
}

// above gives those above an imported authority that are not known yet, the highest
// first, and names the authority's parent.
func (r *rules) above(q Import, chain []*x509.Certificate, a *ca.Authority) (out []ca.Authority, err error) {
	parent := ""
	for i := len(chain) - 1; i > 0; i-- {
		x := chain[i]
		key := digest(x.RawSubjectPublicKeyInfo)
		if known := r.withKey(key); known != nil {
			if !bytes.Equal(known.Subject, x.RawSubject) {
				return nil, untakeable("the key of "+ca.Show(x.Subject.String())+" is known here under another name, "+known.Name, "bring the chain that has the name of "+known.Name)
			}
			parent = known.Name
			continue
		}
		if i > len(q.Above) || !r.free(q.Above[i-1], q) || slices.Contains(q.Above[:i-1], q.Above[i-1]) {
			return nil, untakeable("the authority "+ca.Show(x.Subject.String())+" needs a name of its own here", "chancery ca import-cert --above NAME,…")
		}
		one := ca.Authority{
			Name: q.Above[i-1], Line: q.Above[i-1], Kind: ca.Intermediate, State: ca.Active, Parent: parent, External: true, Version: 1,
			Key: key, KeyType: "", Certificate: x.Raw, Subject: x.RawSubject, SPKI: x.RawSubjectPublicKeyInfo, SKI: x.SubjectKeyId,
			NotBefore: x.NotBefore.UTC(), NotAfter: x.NotAfter.UTC(), Shards: 1,
		}
		if parent == "" {
			one.Kind, one.Parent = ca.Root, one.Name
		}
		if below := chain[i-1]; len(below.CRLDistributionPoints) > 0 {
			one.CRL = below.CRLDistributionPoints[0]
		}
		if below := chain[i-1]; len(below.IssuingCertificateURL) > 0 {
			one.Issuer = below.IssuingCertificateURL[0]
		}
		out, parent = append(out, one), one.Name
	}
	if parent != "" {
		a.Parent = parent
	}
	return out, nil
}

// free tells whether one above an imported authority can have a name, which is that
// of its line too.
func (r *rules) free(name string, q Import) bool {
	taken := name == q.Name || name == q.Line || !isName(name) || r.authorities[name] != nil
	for _, a := range r.authorities {
		taken = taken || a.Line == name
	}
	return !taken
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
