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
