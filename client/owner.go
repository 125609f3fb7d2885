// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"

	"chancery/ca"
)

// RevokeByKey revokes the certificate that a statement names, which the certificate's own
// key has signed; p.SPKI is not sent. It needs no token, and may be repeated.
func (c *Client) RevokeByKey(ctx context.Context, p ca.KeyProof) (ca.Withdrawn, error) {
	return do[ca.Withdrawn](ctx, c, byKey(p))
}

// PlanRevokeByKey says how the certificate would stand after RevokeByKey; nothing is done.
func (c *Client) PlanRevokeByKey(ctx context.Context, p ca.KeyProof) (ca.Withdrawn, error) {
	return do[ca.Withdrawn](ctx, c, byKey(p).dry())
}

func byKey(p ca.KeyProof) call {
	return call{method: http.MethodPost, path: "revocations/by-key", body: struct {
		Statement []byte `json:"statement"`
		Algorithm string `json:"algorithm"`
		Signature []byte `json:"signature"`
	}{[]byte(p.Statement), p.Algorithm, p.Signature}}
}

// RevokeByChallenge revokes the certificate with a public name by the challenge password of
// its request. It needs no token.
func (c *Client) RevokeByChallenge(ctx context.Context, g ca.Guess) (ca.Withdrawn, error) {
	return do[ca.Withdrawn](ctx, c, byChallenge(g))
}

// PlanRevokeByChallenge says how the certificate would stand after RevokeByChallenge; nothing
// is done, but a wrong password counts.
func (c *Client) PlanRevokeByChallenge(ctx context.Context, g ca.Guess) (ca.Withdrawn, error) {
	return do[ca.Withdrawn](ctx, c, byChallenge(g).dry())
}

func byChallenge(g ca.Guess) call {
	return call{method: http.MethodPost, path: "revocations/by-challenge", body: struct {
		Certificate string `json:"certificate"`
		ca.Withdrawal
		Password string `json:"password"`
	}{g.Certificate, g.Withdrawal, string(g.Password)}}
}
