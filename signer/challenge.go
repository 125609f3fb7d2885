// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"chancery/ca"
	"chancery/internal/csr"
	"chancery/policy"
)

// request reads what a wish asks for. A request with a challenge password comes twice, once
// without it, as it is kept, and once whole, as it was signed; that of a renewal by the same
// key lies sealed on the log. What is to be kept never has a password, whatever the front
// sends.
func (s *Signer) request(d *draftee) (csr.Parsed, error) {
	plain, err := csr.Parse(d.request.CSR)
	if err != nil {
		return plain, err
	}
	if plain.Challenge != nil {
		return plain, apart()
	}
	whole := []byte(d.request.Whole)
	if len(whole) == 0 && d.request.Renews != 0 {
		if whole, err = s.sealedRequest(d.request.Renews, d.request.CSR); err != nil {
			return plain, err
		}
	}
	if len(whole) == 0 {
		return plain, nil
	}
	parsed, err := csr.Parse(whole)
	if err == nil && (parsed.Challenge == nil || !bytes.Equal(parsed.Raw, d.request.CSR)) {
		err = apart()
	}
	return parsed, err
}

func apart() *ca.Problem {
	return ca.Invalid(ca.E1401, "the request and its challenge password do not fit together", "send the request again")
}

// sealedRequest gives the request that a certificate of this log came of, as it was signed,
// if it had a challenge password and is the same otherwise; nil for any other.
func (s *Signer) sealedRequest(of ca.ID, plain []byte) ([]byte, error) {
	intent, body, err := intentOf(s.journal, of)
	var p *ca.Problem
	if errors.As(err, &p) { // of an earlier log, or gone
		return nil, nil
	}
	if err != nil || body.Challenge == nil || !bytes.Equal(body.Wish.CSR, plain) {
		return nil, err
	}
	whole, err := s.keys.Disclose(body.Challenge.Sealed, requestOf(intent.Issuer, intent.Serial))
	if err != nil && !errors.As(err, &p) {
		err = fmt.Errorf("open the request of intent %d: %w", intent.Index, err)
	}
	return whole, err
}

// challenge makes what is kept of a challenge password beside an INTENT.
func (s *Signer) challenge(p csr.Parsed, issuer ca.Digest, serial ca.Serial) (*ca.Challenge, error) {
	if p.Challenge == nil {
		return nil, nil
	}
	c := &ca.Challenge{Salt: make([]byte, policy.ChallengeSalt)}
	if _, err := io.ReadFull(s.Random, c.Salt); err != nil {
		return nil, fmt.Errorf("draw a salt: %w", err)
	}
	key := policy.ChallengeKey(p.Challenge, c.Salt)
	defer clear(key)
	c.Verifier = policy.ChallengeVerifier(key)
	var err error
	c.Sealed, err = s.keys.Conceal(p.Whole, requestOf(issuer, serial))
	return c, err
}

// requestOf binds a sealed request to the certificate that it led to.
func requestOf(issuer ca.Digest, serial ca.Serial) []byte {
	return append(issuer[:], serial...)
}

// kept is a request as a leaf keeps it: without any password, wherever it stands. Of one
// that is refused nobody may have read anything.
func kept(r ca.Request, refused bool) ca.Request {
	r.Whole = nil
	if refused && !csr.Storable(r.CSR) {
		r.CSR = nil
	}
	return r
}
