// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

const (
	// responderDays is how long the certificate of a responder is valid (security rule
	// RV-06). It cannot be revoked (RFC 6960 §4.2.2.2.1), so another one with a key of
	// its own takes its place at half of its life.
	responderDays = 30
	// responderSlack is how far it reaches back: clocks of those who ask go slow.
	responderSlack = time.Hour
	// respondersEvery is how often it is looked whether one is due.
	respondersEvery = time.Minute
	// maxCommonName is the RFC's bound of a common name (RFC 5280 appendix A.1).
	maxCommonName = 64
)

// A ResponderBody is the body of a RESPONDER leaf. There are two for a certificate: the
// first holds TBS and is there before the authority's key is used; the second cites
// it and holds what was signed. A first one without a second is a certificate that
// nobody was given.
type ResponderBody struct {
	Authority   string    `json:"authority"`
	KeyID       string    `json:"key_id"`
	TBS         []byte    `json:"tbs,omitempty"`
	Certificate []byte    `json:"certificate,omitempty"`
	SPKI        []byte    `json:"spki"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
}

// A responder speaks for an authority about what that signed (RFC 6960 §4.2.2.2).
type responder struct {
	ResponderBody
	key       crypto.Signer // nil while it is locked
	public    crypto.PublicKey
	algorithm string
	keyHash   []byte
}

// stale tells whether another one should take its place.
func (r *responder) stale(now time.Time) bool {
	return now.After(r.NotBefore.Add(r.NotAfter.Sub(r.NotBefore) / 2))
}

// responderLeaf enters a responder that was made.
func (m *memory) responderLeaf(rec journal.Record) (about string, err error) {
	var b ResponderBody
	if rec.Erased {
		return "", nil // it ended long ago
	}
	if err := json.Unmarshal(rec.Body, &b); err != nil {
		return "", err
	}
	if len(b.Certificate) == 0 {
		return "", nil
	}
	m.responders[b.Authority] = b
	return "responder " + b.Authority, nil
}

// respondRegularly keeps a responder for each authority that lists, until ctx ends.
func (s *Signer) respondRegularly(ctx context.Context) {
	t := time.NewTicker(respondersEvery)
	defer t.Stop()
	for {
		s.keepResponders()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// keepResponders makes those that are missing, or half-way through their lives. What fails
// is tried again in a minute: until then the one before answers, or nobody.
func (s *Signer) keepResponders() {
	s.flights.RLock()
	defer s.flights.RUnlock()
	s.responding.Lock()
	defer s.responding.Unlock()
	now, err := s.clock.read()
	r := s.rules.Load()
	if err != nil || r == nil || s.failure() != nil || s.full() {
		return
	}
	for _, a := range r.authorities {
		if one := s.responderOf(a.Name); one != nil && !one.stale(now) {
			continue
		}
		if err := s.makeAtOnce(a, now); err != nil {
			s.report(fmt.Errorf("make the OCSP responder of %s: %w", a.Name, err))
		}
	}
}

// makeAtOnce makes the responder of an authority that signs day by day, and lists; of
// another there is nothing to make it with.
func (s *Signer) makeAtOnce(a *authority, now time.Time) error {
	if a.key == nil || a.Kind != ca.Issuing || !a.Lists(now) {
		return nil
	}
	if s.full() {
		return nearlyFull() // strangers ask for it
	}
	return s.makeResponder(a, now.AddDate(0, 0, responderDays))
}

// respondAtOnce makes the responder of an authority that has none, if it is one that signs
// day by day.
func (s *Signer) respondAtOnce(a *authority) error {
	s.responding.Lock()
	defer s.responding.Unlock()
	now, err := s.clock.read()
	if err != nil || s.responderOf(a.Name) != nil {
		return err
	}
	return s.makeAtOnce(a, now)
}

// respondUntil makes the responder of an authority whose key is open for a moment: it lasts
// as long as the list that is made then. That of an issuing one is made anew day by day.
// While the online keys are locked there is nothing to seal it with, and the list must do.
func (s *Signer) respondUntil(a *authority, until time.Time) error {
	if a.Kind == ca.Issuing {
		if one := s.responderOf(a.Name); one != nil && !one.stale(s.Now()) {
			return nil
		}
		until = s.Now().AddDate(0, 0, responderDays)
	}
	s.responding.Lock()
	defer s.responding.Unlock()
	err := s.makeResponder(a, until)
	var why *ca.Problem
	if errors.As(err, &why) && why.Code == ca.E3001 {
		s.report(fmt.Errorf("no OCSP responder of %s was made: %w", a.Name, err))
		return nil
	}
	return err
}

// responderOf gives the responder of an authority whose key is at hand, or nil.
func (s *Signer) responderOf(authority string) *responder {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.responders[authority]; one != nil && one.key != nil {
		return one
	}
	return nil
}

// makeResponder makes a key and has the authority certify it, until a time at most: the
// key durable, the bytes on the log, then the signature (security rule IS-01). The one
// before is taken out of use, and its key is removed. The caller holds responding.
func (s *Signer) makeResponder(a *authority, until time.Time) error {
	now, err := s.clock.read()
	if err != nil {
		return err
	}
	now, until = now.UTC().Truncate(time.Second), until.UTC().Truncate(time.Second)
	if end := a.End(); until.After(end) {
		until = end
	}
	if !until.After(now) { // before there is a key: strangers ask for it, and each would cost one
		return a.answersNothing()
	}
	key, err := s.keys.GenerateResponder(strings.HasPrefix(a.KeyType, "rsa-"))
	if err != nil {
		return err
	}
	d, err := s.responderDraft(a, key, now, until)
	if err != nil {
		return err
	}
	tbs, err := encode.Responder(d)
	if err != nil {
		return err
	}
	linted := digest(tbs)
	if err := check.Responder(tbs, d); err != nil {
		return fmt.Errorf("the encoded certificate of a responder does not match its draft: %w", err)
	}
	short := digest(d.SPKI)
	b := ResponderBody{Authority: a.Name, KeyID: "ocsp-" + hex.EncodeToString(short[:12]), SPKI: d.SPKI, NotBefore: d.NotBefore, NotAfter: d.NotAfter}
	if err := s.keys.Seal(key, softkey.Sealing{ID: b.KeyID, Purpose: softkey.OCSP, Log: s.log()}); err != nil {
		return err
	}
	if err := s.keyStep(KeyBody{Step: keyMade, KeyID: b.KeyID, Purpose: softkey.OCSP, SPKI: d.SPKI}); err != nil {
		return err
	}
	intent := b
	intent.TBS = tbs
	at, err := s.responderStep(intent, audit.Leaf{Issuer: a.Key, Serial: d.Serial, Digest: linted})
	if err != nil {
		return err
	}
	if b.Certificate, err = a.certificate(tbs, linted); err != nil {
		return err
	}
	if _, err := s.responderStep(b, audit.Leaf{Issuer: a.Key, Serial: d.Serial, Cites: at, Digest: digest(b.Certificate)}); err != nil {
		return err
	}
	one, err := newResponder(b, key)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.responders[a.Name] = one
	s.mu.Unlock()
	return s.retireResponders()
}

// responderDraft is the certificate of a responder: a name of its own beside the
// authority's, so that constraints above on names hold for it too.
func (s *Signer) responderDraft(a *authority, key crypto.Signer, now, until time.Time) (d ca.ResponderDraft, err error) {
	serial, err := encode.Serial(s.journal.LogNo(), now, s.Random)
	if err != nil {
		return d, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return d, fmt.Errorf("encode the public key: %w", err)
	}
	name := "OCSP " + a.Name
	d = ca.ResponderDraft{Issuer: &a.Authority, Serial: serial, SPKI: spki, NotBefore: now.Add(-responderSlack), NotAfter: until}
	d.Subject = append(slices.DeleteFunc(slices.Clone(a.Fields), func(f ca.Attribute) bool { return f.OID == ca.OIDCommonName }),
		ca.Attribute{OID: ca.OIDCommonName, Value: name[:min(len(name), maxCommonName)]})
	if d.NotBefore.Before(a.NotBefore) {
		d.NotBefore = a.NotBefore
	}
	return d, nil
}

// answersNothing refuses for an authority that has ended, or whose chain has.
func (a *authority) answersNothing() error {
	return ca.Refused(ca.E3004, fmt.Sprintf("%s ended on %s, and answers nothing any more", a.Name, a.End().Format(time.DateOnly)), "chancery ca list")
}

// responderStep puts a RESPONDER leaf on the log.
func (s *Signer) responderStep(b ResponderBody, leaf audit.Leaf) (index int64, err error) {
	leaf.Kind = audit.Responder
	body, err := json.Marshal(b)
	if err != nil {
		return 0, fmt.Errorf("write the step of a responder: %w", err)
	}
	placed, err := s.journal.Append([]journal.Entry{{Leaf: leaf, Body: body}})
	if err != nil {
		return 0, fmt.Errorf("journal the step of a responder: %w", err)
	}
	return placed[0].Index, nil
}

// newResponder prepares one that was certified.
func newResponder(b ResponderBody, key crypto.Signer) (*responder, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil || !bytes.Equal(spki, b.SPKI) {
		return nil, errors.Join(err, fmt.Errorf("the key %s is not that of its certificate", b.KeyID))
	}
	hash, err := encode.KeyHash(b.SPKI, "sha1")
	if err != nil {
		return nil, err
	}
	algorithm := "ecdsa-p256"
	if _, is := key.Public().(*rsa.PublicKey); is {
		algorithm = "rsa-2048"
	}
	return &responder{ResponderBody: b, key: key, public: key.Public(), algorithm: algorithm, keyHash: hash}, nil
}

// loadResponders takes the keys of all responders that are still valid. What cannot be
// opened is passed over: keepResponders makes another one.
func (s *Signer) loadResponders() {
	s.mu.Lock()
	known := maps.Clone(s.responders)
	s.mu.Unlock()
	now := s.Now()
	for name, one := range known {
		if !now.Before(one.NotAfter) {
			continue
		}
		key, err := s.keys.Key(one.KeyID, s.log())
		if err == nil {
			one, err = newResponder(one.ResponderBody, key)
		}
		if err != nil {
			s.report(fmt.Errorf("the OCSP responder of %s is not loaded: %w", name, err))
			continue
		}
		s.mu.Lock()
		s.responders[name] = one
		s.mu.Unlock()
	}
}

// lockResponders forgets their keys. The caller holds flights.
func (s *Signer) lockResponders() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.responders {
		s.responders[name] = &responder{ResponderBody: one.ResponderBody}
	}
}

// answering has the authority of each responder's key, by its id.
func (s *Signer) answering() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := map[string]string{}
	for name, one := range s.responders {
		of[one.KeyID] = name
	}
	return of
}

// retireResponders removes the keys of responders that others have replaced, and those
// that a crash left without a certificate. The caller holds responding.
func (s *Signer) retireResponders() error {
	held, err := s.keys.List()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	s.mu.Lock()
	for _, one := range s.responders {
		used[one.KeyID] = true
	}
	s.mu.Unlock()
	for _, k := range held {
		if k.Purpose != softkey.OCSP || used[k.KeyID] {
			continue
		}
		if err := s.keys.Retire(k.KeyID); err != nil {
			return err
		}
		if err := s.keyStep(KeyBody{Step: keyRetired, KeyID: k.KeyID, Purpose: softkey.OCSP}); err != nil {
			return err
		}
	}
	return nil
}
