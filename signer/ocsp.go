// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/signer/journal"
)

// ocspLife is how long an answer is valid (security rule RV-06), if the responder's
// certificate and the authority's are that long.
const ocspLife = 24 * time.Hour

// OCSP answers wishes, at most MaxBatch. What is said comes from the log alone: revoked
// is what a leaf has revoked, or voided; good is what has an INTENT of the authority that
// came to an end; all else is unknown (security rules SG-11, RV-06). No session is
// needed: status goes on while front and signer come to terms. Nothing is written, but the
// responder of an authority that has none yet.
func (s *Signer) OCSP(wishes []ca.OCSPWish) ([]ca.OCSPAnswer, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	if err := s.failure(); err != nil {
		return nil, err
	}
	if len(wishes) > MaxBatch {
		return nil, ca.Invalid(ca.E1401, fmt.Sprintf("a batch holds at most %d wishes, not %d", MaxBatch, len(wishes)), "split it")
	}
	r := s.rules.Load()
	if r == nil {
		return nil, unfounded()
	}
	now, err := s.clock.read()
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	answers := make([]ca.OCSPAnswer, len(wishes))
	each(len(wishes), func(i int) {
		var err error
		if answers[i], err = s.respond(r, &wishes[i], now, i == 0); err != nil {
			answers[i] = ca.OCSPAnswer{Problem: problemOf(err)}
		}
	})
	return answers, s.failure()
}

// respond makes and signs one response, and verifies its signature if it is proved.
func (s *Signer) respond(r *rules, w *ca.OCSPWish, now time.Time, proved bool) (out ca.OCSPAnswer, err error) {
	a := r.authorities[w.Authority]
	switch {
	case a == nil:
		return out, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(w.Authority), "chancery ca list")
	case a.External:
		return out, a.elsewhere()
	case len(w.Queries) == 0 || len(w.Queries) > ca.MaxOCSPCertIDs || len(w.Nonce) > ca.MaxOCSPNonce:
		return out, ca.Invalid(ca.E1401, fmt.Sprintf("a response is about 1 to %d certificates, with a nonce of at most %d octets", ca.MaxOCSPCertIDs, ca.MaxOCSPNonce), "see docs/sockets.md")
	}
	by, err := s.speaker(r, a, now)
	if err != nil {
		return out, err
	}
	until := now.Add(ocspLife)
	for _, end := range []time.Time{by.NotAfter, a.NotAfter} {
		if until.After(end) {
			until = end
		}
	}
	if !until.After(now) {
		return out, a.answersNothing()
	}
	out.Singles = make([]ca.OCSPSingle, len(w.Queries))
	for i, q := range w.Queries {
		if out.Singles[i], err = s.single(r, a, q); err != nil {
			return ca.OCSPAnswer{}, err
		}
		out.Singles[i].ThisUpdate, out.Singles[i].NextUpdate = now, until
	}
	tbs, err := said(a, by, encode.OCSPResponse{KeyHash: by.keyHash, ProducedAt: now, Singles: out.Singles, Nonce: w.Nonce})
	if err != nil {
		return out, err
	}
	sig, err := by.sign(tbs, proved || len(by.Certificate) == 0)
	if err != nil {
		s.fail(err)
		return out, err
	}
	if len(by.Certificate) == 0 {
		out.DER, err = encode.SignedOCSP(tbs, by.algorithm, sig)
	} else {
		out.DER, err = encode.SignedOCSP(tbs, by.algorithm, sig, by.Certificate)
	}
	return out, err
}

// said is what is to be signed, if the checker reads the same (security rule SG-02).
func said(a *authority, by *responder, response encode.OCSPResponse) ([]byte, error) {
	tbs, err := response.TBS()
	if err != nil {
		return nil, err
	}
	return tbs, check.OCSP(tbs, check.OCSPWant{Issuer: &a.Authority, Responder: by.SPKI,
		ProducedAt: response.ProducedAt, Singles: response.Singles, Nonce: response.Nonce})
}

// sign signs with the responder's key. Verifying takes three times as long, so the first
// of a batch is proved, which is each one while there is no crowd: a fault in memory is
// noticed, and what else it spoilt nobody accepts (docs/adr/0020).
func (r *responder) sign(message []byte, proved bool) ([]byte, error) {
	hash, data, err := hashed(r.algorithm, message)
	if err != nil {
		return nil, err
	}
	sig, err := r.key.Sign(rand.Reader, data, hash)
	if err != nil {
		return nil, fmt.Errorf("use the key %s: %w", r.KeyID, err)
	}
	if proved && !verify(r.public, hash, data, sig) {
		return nil, errBadSignature
	}
	return sig, nil
}

// speaker gives who answers for an authority. An authority that was just made, or whose key
// was locked, has none yet: it is made for whoever asks first.
func (s *Signer) speaker(r *rules, a *authority, now time.Time) (*responder, error) {
	if a.Kind == ca.Issuing && slices.Contains(r.bundle.OCSPByAuthority, a.Name) {
		return a.ownResponder()
	}
	for range 2 {
		if by := s.responderOf(a.Name); by != nil && now.Before(by.NotAfter) {
			return by, nil
		}
		s.responding.Lock()
		by := s.responderOf(a.Name) // another one may have been first
		var err error
		if by == nil || !now.Before(by.NotAfter) {
			err = s.makeAtOnce(a, now)
		}
		s.responding.Unlock()
		if err != nil {
			return nil, err
		}
	}
	if a.Kind == ca.Issuing {
		return nil, a.locked()
	}
	return nil, ca.Unavailable(ca.E3001, a.Name+" has no OCSP responder now",
		"chancery crl publish --ca "+a.Name+" --recovery-file FILE, with the recovery words: its responder is made with its list")
}

// ownResponder is an authority that speaks for itself: its key is the one that each
// signature is verified of (security rule SG-10), and there is no certificate to show.
func (a *authority) ownResponder() (*responder, error) {
	if a.key == nil {
		return nil, a.locked()
	}
	return &responder{
		ResponderBody: ResponderBody{Authority: a.Name, KeyID: a.Name, SPKI: a.SPKI, NotBefore: a.NotBefore, NotAfter: a.NotAfter},
		key:           a.key, public: a.public, algorithm: a.Algorithm(), keyHash: a.ids["sha1"].key,
	}, nil
}

// maxSerial is the most octets of a serial number (RFC 5280 §4.1.2.2).
const maxSerial = 20

// single is what is known of one certificate, without times.
func (s *Signer) single(r *rules, a *authority, q ca.OCSPQuery) (out ca.OCSPSingle, err error) {
	out = ca.OCSPSingle{CertID: q.CertID, Status: ca.OCSPUnknown}
	if !a.named(q.CertID) || len(q.CertID.Serial.Bytes()) > maxSerial {
		return out, nil
	}
	if last, stepped := s.revokedOf(a.Key).find(wide(q.CertID.Serial)); stepped && !last.lifted() {
		out.Status, out.RevokedAt, out.Reason = ca.OCSPRevoked, time.Unix(last.at, 0).UTC(), ca.Reason(last.reason)
		return out, nil
	}
	issued, err := s.issued(r, a, q)
	if err == nil && issued {
		out.Status = ca.OCSPGood
	}
	return out, err
}

// named tells whether a CertID is of what the authority signed.
func (a *authority) named(id ca.CertID) bool {
	want, known := a.ids[id.Hash]
	return known && bytes.Equal(id.NameHash, want.name) && bytes.Equal(id.KeyHash, want.key)
}

// An issuerID is how a CertID names an issuer, by one hash.
type issuerID struct{ name, key []byte }

// issuerIDs are an authority's, by the name of the hash (RFC 6960 §4.1.1).
func issuerIDs(a ca.Authority) (map[string]issuerID, error) {
	out := map[string]issuerID{}
	for _, hash := range ca.CertIDHashes() {
		name, err := encode.NameHash(a.Subject, hash)
		key, too := encode.KeyHash(a.SPKI, hash)
		if err := errors.Join(err, too); err != nil {
			return nil, fmt.Errorf("name %s by %s: %w", a.Name, hash, err)
		}
		out[hash] = issuerID{name, key}
	}
	return out, nil
}

// issued tells whether the authority signed a certificate with the serial number, as far
// as that is settled: by the INTENT that the front points at, which must say the same, or
// by what is known of authorities.
func (s *Signer) issued(r *rules, a *authority, q ca.OCSPQuery) (bool, error) {
	if q.ID != 0 && q.ID.LogNo() == s.journal.LogNo() && q.ID.Index() < s.journal.Size() {
		named, err := s.said.intent(s.journal, q.ID.Index())
		if err != nil {
			return false, err
		}
		if named.issuer == a.Key && named.serial == q.CertID.Serial {
			return s.concluded(q.ID.Index()), nil
		}
	}
	return s.crowns.signedBy(r, a, q.CertID.Serial), nil
}

// maxSaid is how many intents are remembered that somebody asked about: a megabyte.
const maxSaid = 8192

// intents remembers which certificate an INTENT is of, for those who are asked about again
// and again: a leaf never changes, and reading one takes longer than signing an answer.
type intents struct {
	mu sync.RWMutex
	of map[int64]numbered
}

// numbered is a certificate by its issuer's key and its number; none is of neither.
type numbered struct {
	issuer ca.Digest
	serial ca.Serial
}

// intent gives what the leaf at an index is the INTENT of.
func (i *intents) intent(log *journal.Journal, index int64) (numbered, error) {
	i.mu.RLock()
	one, known := i.of[index]
	i.mu.RUnlock()
	if known {
		return one, nil
	}
	rec, err := log.Leaf(index)
	if err != nil {
		return one, fmt.Errorf("read intent %d: %w", index, err)
	}
	if k := rec.Leaf.Kind; k == audit.Intent || k == audit.Adopted {
		one = numbered{rec.Leaf.Issuer, rec.Leaf.Serial}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.of == nil || len(i.of) >= maxSaid {
		i.of = make(map[int64]numbered, 64)
	}
	i.of[index] = one
	return one, nil
}

// concluded tells whether an INTENT has led to a certificate. One that waits for its FINAL
// has an answer already.
func (s *Signer) concluded(index int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.recent.byIndex[index]
	return i == nil || !i.void && (i.final >= 0 || len(i.answer.DER) > 0)
}
