// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
	"chancery/signer/journal"
)

// bundleYears is how long the bundle of a founding lives. With assurance solo
// nobody else renews it; every change of policy makes a new one.
const bundleYears = 10

// A PolicyChange asks for a new bundle in force; an empty document asks only for
// the one that is.
type PolicyChange struct {
	Document []byte `json:"document,omitempty"`
	// DryRun judges the document, and puts nothing in force.
	DryRun bool `json:"dry_run,omitempty"`
}

// A PolicyState is the bundle in force.
type PolicyState struct {
	Version  int64     `json:"version"`
	Expires  time.Time `json:"expires"`
	Document []byte    `json:"document"`
	// Notices name the generations whose keys the new bundle keeps from signing.
	Notices []string `json:"notices,omitempty"`
}

// SetPolicy puts a bundle in force, signed by the init key on the word of the
// account that founded (security rule SG-05). It closes the session: the front
// must settle under the new rules before it sends another wish.
func (s *Signer) SetPolicy(p PolicyChange) (PolicyState, error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	s.flights.Lock()
	defer s.flights.Unlock()
	if !s.founded() {
		return PolicyState{}, unfounded()
	}
	b := s.rules.Load()
	if len(p.Document) > 0 {
		next, err := s.successor(b, p.Document)
		if err != nil {
			return PolicyState{}, err
		}
		if b = next; !p.DryRun {
			if err := s.enact(next); err != nil {
				return PolicyState{}, err
			}
			s.closeSession()
		}
	}
	state := PolicyState{Version: b.bundle.Version, Expires: b.bundle.Expires, Document: b.document}
	if len(p.Document) > 0 {
		state.Notices = b.unloadable(s.Now())
	}
	return state, nil
}

// successor judges a bundle against the one in force, and gives the rules with it.
func (s *Signer) successor(old *rules, document []byte) (*rules, error) {
	next, err := old.withBundle(document, s.Parse)
	if err != nil {
		return nil, err
	}
	if next.bundle.Log != s.journal.LogIDText() {
		return nil, ca.Refused(ca.E2121, "the policy bundle is refused: it is for another log", "make a new bundle from the one in force")
	}
	return next, policy.Accept(old.bundle, next.bundle, s.Now())
}

// enact signs a bundle with the init key, makes its leaf durable, and only then obeys it.
func (s *Signer) enact(next *rules) error {
	document := next.document
	key, err := s.keys.Key(initKeyID, s.log())
	if err != nil {
		return err
	}
	message := policy.BundleMessage(document, next.bundle.Log)
	signature, err := key.Sign(rand.Reader, message, &ed25519.Options{})
	if err != nil {
		return fmt.Errorf("sign the policy bundle: %w", err)
	}
	if !ed25519.Verify(s.initKey, message, signature) {
		return errBadSignature
	}
	body, err := json.Marshal(ca.BundleBody{Document: document, Signature: signature})
	if err != nil {
		return fmt.Errorf("write the policy bundle: %w", err)
	}
	placed, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Bundle, Digest: digest(document)}, Body: body}})
	if err != nil {
		return fmt.Errorf("journal the policy bundle: %w", err)
	}
	s.mu.Lock()
	s.policies = append(s.policies, placed[0].Index)
	s.mu.Unlock()
	s.rules.Store(next)
	if s.keys.Sealed() {
		return nil
	}
	return s.loadKeys() // what an exception let sign, or lets sign now
}

// unloadable names the generations that may not sign online, though they have not ended.
func (r *rules) unloadable(now time.Time) (notices []string) {
	for _, a := range r.authorities {
		if !a.Lists(now) {
			continue
		}
		if err := r.loadable(a.Authority); err != nil {
			notices = append(notices, err.Error())
		}
	}
	slices.Sort(notices)
	return notices
}

// bundleLeaf puts a bundle read from the log in force, if the init key signed it
// and its version rises: one that was in force once must not come back.
func (m *memory) bundleLeaf(rec journal.Record) (about string, err error) {
	var b ca.BundleBody
	if err := json.Unmarshal(rec.Body, &b); err != nil {
		return "", fmt.Errorf("read the policy bundle: %w", err)
	}
	if m.initKey == nil || !ed25519.Verify(m.initKey, policy.BundleMessage(b.Document, m.log.LogIDText()), b.Signature) {
		return "", errors.New("the policy bundle is not signed by the init key")
	}
	next, err := m.rules.withBundle(b.Document, m.parse)
	if err != nil {
		return "", err
	}
	if next.bundle.Version <= m.rules.bundle.Version {
		return "", fmt.Errorf("the policy bundle goes back from version %d to %d", m.rules.bundle.Version, next.bundle.Version)
	}
	m.rules = next
	if n := len(m.policies); n == 0 || m.policies[n-1] < rec.Index { // a snapshot has it already
		m.policies = append(m.policies, rec.Index)
	}
	return "bundle", nil
}

// keyLeaf remembers the init key when its leaf comes by, and which keys were made here.
func (m *memory) keyLeaf(rec journal.Record) (about string, err error) {
	var b KeyBody
	if err := json.Unmarshal(rec.Body, &b); err != nil {
		return "", fmt.Errorf("read the step of a key: %w", err)
	}
	if b.Step != keyMade && b.Step != keyBrought {
		return "", nil
	}
	m.made[b.KeyID] = b.Step == keyMade
	if b.KeyID != initKeyID {
		return "key " + b.KeyID, nil
	}
	public, err := x509.ParsePKIXPublicKey(b.SPKI)
	if err != nil {
		return "", fmt.Errorf("read the init key: %w", err)
	}
	key, ok := public.(ed25519.PublicKey)
	if !ok {
		return "", errors.New("the init key is not an Ed25519 key")
	}
	m.initKey = key
	return "init key", nil
}

// closeSession ends the session in force; calls of it get E1402.
func (s *Signer) closeSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session++
}

func unfounded() *ca.Problem {
	return ca.NotFound(ca.E1001, "there is no authority here yet", "chancery init")
}
