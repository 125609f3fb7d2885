// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer/softkey"
)

// A KeyRequest asks for a certification request of an authority's key, which is made
// if there is none of that name: the key stays here, and is signed elsewhere.
type KeyRequest struct {
	Name    string           `json:"name"`
	Kind    ca.AuthorityKind `json:"kind"`
	Subject ca.Subject       `json:"subject"`
	KeyType string           `json:"key_type"`
	// Words open the key of an intermediate authority that lies here, and seal a new one
	// if they are the installation's. OwnWords seal a new one in their place.
	Words    string `json:"words,omitempty"`
	OwnWords string `json:"own_words,omitempty"`
}

// Requested is a certification request in DER (RFC 2986).
type Requested struct {
	DER []byte `json:"der"`
}

// ExportCSR makes the key of an authority, if there is none yet, and a request for
// its certificate. The octets that the key signs are on the log before it does.
func (s *Signer) ExportCSR(q KeyRequest) (out Requested, err error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	if _, err := s.ceremony(); err != nil {
		return out, err
	}
	if a := s.rules.Load().authorities[q.Name]; a != nil && !a.Signs() {
		return out, ca.Refused(ca.E3004, "the key of "+a.Name+" is not here, or it is retired", "chancery ca list")
	}
	if !policy.NamesGeneration(q.Name) || q.Kind != ca.Issuing && q.Kind != ca.Intermediate {
		return out, unmakeable("a key whose certificate is made elsewhere is that of an intermediate or an issuing authority, with a name such as issuing-g1", "chancery ca export-csr --help")
	}
	subject, err := subjectDER(q.Subject)
	if err != nil {
		return out, err
	}
	key, err := s.keyNamed(q)
	if err != nil {
		return out, err
	}
	out.DER, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: subject}, &asking{key, s, q.Name})
	if err != nil {
		return out, fmt.Errorf("make the request: %w", err)
	}
	// As with certificates (security rule SG-10): a faulty signature must not leave.
	if made, err := x509.ParseCertificateRequest(out.DER); err != nil || made.CheckSignature() != nil {
		return out, errors.Join(errBadSignature, err)
	}
	return out, nil
}

// keyNamed opens the key of a name, or makes it.
func (s *Signer) keyNamed(q KeyRequest) (crypto.Signer, error) {
	sealing := softkey.Sealing{ID: q.Name, Purpose: softkey.Authority, Log: s.log()}
	held, err := s.held(q.Name)
	if err != nil {
		return nil, err
	}
	if held != nil {
		if slices.Contains(held.Methods, softkey.ByKEK) != (q.Kind == ca.Issuing) {
			return nil, unfitKey(q.Name, q.Kind)
		}
		if q.Kind == ca.Issuing {
			return s.keys.Key(q.Name, s.log())
		}
		return s.rootKey(q.Name, Creation{Words: q.Words, OwnWords: q.OwnWords}.sealing())
	}
	if sealing.Words, err = s.ownWords(Creation{Kind: q.Kind, Words: q.Words, OwnWords: q.OwnWords}); err != nil {
		return nil, err
	}
	defer wipe(sealing.Words)
	key, err := s.keys.Generate(q.KeyType)
	if err != nil {
		return nil, err
	}
	return key, s.sealKey(key, sealing)
}

// held is the key of a name, nil if there is none.
func (s *Signer) held(name string) (*softkey.Info, error) {
	all, err := s.keys.List()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(k softkey.Info) bool { return k.KeyID == name }); i >= 0 {
		return &all[i], nil
	}
	return nil, nil
}

// rootKey opens a key that is sealed under words.
func (s *Signer) rootKey(name, text string) (crypto.Signer, error) {
	words, err := softkey.ParseWords(text)
	if err != nil {
		return nil, err
	}
	defer words.Wipe()
	key, err := s.keys.Root(name, words, s.log())
	if err != nil {
		return nil, wanted(s.noteTry(Unlocking{Words: text}, err), name)
	}
	return key, nil
}

// wanted says of wrong words whose are wanted: an installation has those of its founding,
// and each authority may have its own. No name means the founding's.
func wanted(err error, name string) error {
	var p *ca.Problem
	if !WrongSecret(err) || !errors.As(err, &p) {
		return err
	}
	named := *p
	if name == "" {
		named.Detail += ": those of the founding are wanted"
	} else {
		named.Detail += ": those that seal the key of " + name + " are wanted"
		named.Fix = "its own, if it got some when it was made, else those of the founding; " + p.Fix
	}
	return &named
}

// An asking is a key that says on the log what it is about to sign.
type asking struct {
	crypto.Signer
	s    *Signer
	name string
}

// Sign implements crypto.Signer.
func (a *asking) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(a.Public())
	if err != nil {
		return nil, err
	}
	if err := a.s.keyStep(KeyBody{Step: keyAsked, KeyID: a.name, Purpose: softkey.Authority, SPKI: spki, Signed: message}); err != nil {
		return nil, err
	}
	return a.Signer.Sign(random, message, opts)
}
