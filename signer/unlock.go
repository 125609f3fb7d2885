// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// The steps in a key's life that go on the log.
const (
	keyMade     = "made"
	keyUnlocked = "unlocked"
	keyLocked   = "locked"
	keyRefused  = "refused" // a wrong passphrase or wrong words
	keyBrought  = "brought" // made elsewhere, and imported
	keyRetired  = "retired" // a responder's, replaced and removed
	keyAsked    = "asked"   // signed a request for a certificate from elsewhere
)

// KeyBody is the body of a KEY leaf: what happened to a key. The leaf's issuer
// is the SHA-256 of SPKI; for a lock or unlock, or a try at one, which is of all
// online keys, both are empty.
type KeyBody struct {
	Step string `json:"step"`
	// Method is what a refused try was made with.
	Method  softkey.Method  `json:"method,omitempty"`
	KeyID   string          `json:"key_id,omitempty"`
	Purpose softkey.Purpose `json:"purpose,omitempty"`
	SPKI    []byte          `json:"spki,omitempty"`
	// Signed is what an asking key was given to sign; the leaf's digest is its SHA-256.
	Signed []byte `json:"signed,omitempty"`
}

// An Unlocking brings one of the secrets that open the online keys; both empty
// takes the key file of unlock "auto".
type Unlocking struct {
	Passphrase string `json:"passphrase,omitempty"`
	Words      string `json:"words,omitempty"`
}

// KeyStates are the keys of an installation.
type KeyStates struct {
	// Sealed says that the online keys are locked. Automatic says that a file
	// opens them, so whoever reads the directory can sign.
	Sealed    bool           `json:"sealed"`
	Automatic bool           `json:"automatic"`
	Keys      []softkey.Info `json:"keys"`
	// Unopened says why the key of a generation is not at hand while the others are.
	Unopened map[string]string `json:"unopened,omitempty"`
	// Responders are the authorities for which keys answer OCSP, by the id of the key.
	Responders map[string]string `json:"responders,omitempty"`
}

// seal makes the init key, which signs policy bundles while the assurance is solo.
func (s *Signer) seal() error {
	key, err := s.keys.Generate("ed25519")
	if err != nil {
		return err
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return errors.New("the init key is not an Ed25519 key")
	}
	s.initKey = public
	return s.sealKey(key, softkey.Sealing{ID: initKeyID, Purpose: softkey.Init, Log: s.log()})
}

// sealKey puts a new key to rest and its making on the log, in this order: a
// leaf about a key that nobody can open would be worse than a key without one.
func (s *Signer) sealKey(key crypto.Signer, as softkey.Sealing) error {
	return s.keepKey(key, as, keyMade)
}

// keepKey is sealKey for a key that was made, or brought.
func (s *Signer) keepKey(key crypto.Signer, as softkey.Sealing, step string) error {
	if err := s.keys.Seal(key, as); err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the public key: %w", err)
	}
	if err := s.keyStep(KeyBody{Step: step, KeyID: as.ID, Purpose: as.Purpose, SPKI: spki}); err != nil {
		return err
	}
	s.made[as.ID] = step == keyMade
	return nil
}

// keyStep appends a KEY leaf.
func (s *Signer) keyStep(b KeyBody) error {
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("write the step of a key: %w", err)
	}
	leaf := audit.Leaf{Kind: audit.Key}
	if len(b.SPKI) > 0 {
		leaf.Issuer = digest(b.SPKI)
	}
	if len(b.Signed) > 0 {
		leaf.Digest = digest(b.Signed)
	}
	if _, err := s.journal.Append([]journal.Entry{{Leaf: leaf, Body: body}}); err != nil {
		return fmt.Errorf("journal the step of a key: %w", err)
	}
	return nil
}

// Unlock opens the online keys. A wrong secret is E3002 and leaves a leaf, and
// after five of them each further try must wait (security rule KY-06). A try
// before the wait is over is E3002 of kind busy; it looks at no secret and leaves
// no leaf, so that the waits bound what tries can add to the log.
func (s *Signer) Unlock(u Unlocking) (KeyStates, error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	if !s.founded() {
		return KeyStates{}, unfounded()
	}
	if err := s.openKeyring(u); err != nil {
		return KeyStates{}, s.noteTry(u, err)
	}
	s.flights.Lock()
	defer s.flights.Unlock()
	if err := s.loadKeys(); err != nil {
		s.keys.Lock()
		return KeyStates{}, err
	}
	if err := s.keyStep(KeyBody{Step: keyUnlocked}); err != nil {
		return KeyStates{}, err
	}
	return s.keyStates()
}

// WrongSecret says whether an error of Unlock is a try with a wrong secret, as
// against one that could not be made.
func WrongSecret(err error) bool {
	var p *ca.Problem
	return errors.As(err, &p) && p.Code == ca.E3002 && p.Kind == ca.RefusedKind
}

// noteTry puts a try with a wrong secret on the log and gives back its error.
func (s *Signer) noteTry(u Unlocking, tried error) error {
	if !WrongSecret(tried) {
		return tried
	}
	method := softkey.ByPassphrase
	if u.Words != "" {
		method = softkey.ByWords
	}
	if err := s.keyStep(KeyBody{Step: keyRefused, Method: method}); err != nil {
		return err
	}
	return tried
}

func (s *Signer) openKeyring(u Unlocking) error {
	switch {
	case u.Words != "":
		words, err := softkey.ParseWords(u.Words)
		if err != nil {
			return err
		}
		defer words.Wipe()
		return s.keys.UnlockWords(words, s.log())
	case u.Passphrase != "":
		secret := softkey.NewSecret([]byte(u.Passphrase))
		defer secret.Wipe()
		return s.keys.UnlockPassphrase(secret, s.log())
	}
	return s.keys.UnlockAuto(s.log())
}

// unlockByItself opens the keys at a start if a file does; an installation with
// a passphrase starts sealed.
func (s *Signer) unlockByItself() error {
	auto, err := s.keys.Automatic()
	if err != nil || !auto {
		return err
	}
	if err := s.keys.UnlockAuto(s.log()); err != nil {
		return err
	}
	return s.loadKeys()
}

// loadKeys takes the key of each generation that may sign online; that of a retired one
// signs its list. One that cannot be
// opened is passed over and says why: the others must go on signing, and a start that
// it stopped would stop every start. Only a key of another log, or of a longer one, is an
// error: that is about the installation.
func (s *Signer) loadKeys() error {
	r := s.rules.Load()
	now := s.Now()
	for _, a := range r.authorities {
		if a.Kind != ca.Issuing || a.State == ca.Retired && !a.Lists(now) {
			continue
		}
		key, err := s.onlineKey(r, a)
		var p *ca.Problem
		if errors.As(err, &p) && p.Code == ca.E1406 {
			return err
		}
		opened := *a
		opened.key, opened.unopened = key, err
		r = r.withAuthority(&opened)
		if err != nil && s.Report != nil {
			s.Report(fmt.Errorf("the key of %s is not loaded: %w", a.Name, err))
		}
	}
	s.rules.Store(r)
	s.loadResponders()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlocked = true
	return nil
}

// onlineKey opens the key of one generation. The public half must be that of its
// certificate: a key file put in another's place would sign certificates that nobody can
// verify.
func (s *Signer) onlineKey(r *rules, a *authority) (crypto.Signer, error) {
	if err := r.loadable(a.Authority); err != nil {
		return nil, err
	}
	key, err := s.keys.Key(a.Name, s.log())
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil || !bytes.Equal(spki, a.SPKI) {
		return nil, errors.Join(err, fmt.Errorf("the key file of %s holds another key than its certificate", a.Name))
	}
	return key, nil
}

// Lock seals the online keys: nothing is issued until they are unlocked. Batches
// under way are finished first.
func (s *Signer) Lock() (KeyStates, error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	s.flights.Lock()
	defer s.flights.Unlock()
	if !s.founded() {
		return KeyStates{}, unfounded()
	}
	r := s.rules.Load()
	for _, a := range r.authorities {
		sealed := *a
		sealed.key, sealed.unopened = nil, nil
		r = r.withAuthority(&sealed)
	}
	s.rules.Store(r)
	s.mu.Lock()
	s.unlocked = false
	s.mu.Unlock()
	s.lockResponders()
	s.keys.Lock()
	if err := s.keyStep(KeyBody{Step: keyLocked}); err != nil {
		return KeyStates{}, err
	}
	return s.keyStates()
}

// Keys lists the keys and how each is opened.
func (s *Signer) Keys() (KeyStates, error) {
	if !s.founded() {
		return KeyStates{}, unfounded()
	}
	return s.keyStates()
}

func (s *Signer) keyStates() (KeyStates, error) {
	auto, err := s.keys.Automatic()
	if err != nil {
		return KeyStates{}, err
	}
	infos, err := s.keys.List()
	states := KeyStates{Sealed: s.keys.Sealed(), Automatic: auto, Keys: infos, Unopened: map[string]string{}, Responders: s.answering()}
	for _, a := range s.rules.Load().authorities {
		if a.unopened != nil {
			states.Unopened[a.Name] = a.unopened.Error()
		}
	}
	return states, err
}
