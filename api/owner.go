// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"slices"

	"chancery/ca"
)

// An Owner revokes for whoever proves that a certificate is his, by what he brings and not
// by who he is; see lifecycle.Registrar for what the errors are.
type Owner interface {
	// RevokeByKey revokes the certificate that a statement names which its key has signed.
	RevokeByKey(ctx context.Context, who ca.Actor, p ca.KeyProof) (ca.Certificate, error)
	// PlanRevokeByKey says what RevokeByKey would do, as far as the book knows.
	PlanRevokeByKey(ctx context.Context, who ca.Actor, p ca.KeyProof) (ca.Certificate, error)
}

// TakesEvidence tells whether a call needs no sign-in, since it brings what proves that its
// caller may. All others do.
func TakesEvidence(method, path string) bool {
	return slices.ContainsFunc(operations(), func(o operation) bool {
		return o.evident && o.method == method && root+o.path == path
	})
}

func ownerOperations() []operation {
	return []operation{
		takes(operation{
			method: http.MethodPost, path: "revocations/by-key", id: "revokeByKey", group: "revocation", summary: "Revoke a certificate with its own key",
			tell: "Needs no account: a statement that the certificate's private key has signed proves that it may be revoked. What is wrong with a proof is not said. " +
				"The same statement again changes nothing. docs/revocation.md makes one with openssl.",
			parameters: []parameter{dryRun}, evident: true, fails: []int{415, 413, 422},
		}, (*call).revokeByKey),
	}
}

// A keyRevocation is the body of POST /revocations/by-key.
type keyRevocation struct {
	// Statement is the exact text that was signed: "chancery revoke v1", and certificate,
	// reason, invalid-since and until, a line each.
	Statement []byte `json:"statement"`
	// Algorithm is rsa, rsa-pss or ecdsa with -sha256, -sha384 or -sha512, or ed25519.
	Algorithm string `json:"algorithm"`
	// Signature is over the statement, by the certificate's key.
	Signature []byte `json:"signature"`
}

// revokeByKey answers POST /revocations/by-key.
func (c *call) revokeByKey(body keyRevocation) (ca.Withdrawn, error) {
	if !slices.Contains(ca.StatementAlgorithms(), body.Algorithm) {
		err := ca.Invalid(ca.E1401, "the statement is signed in a way that is not taken here", "sign it with SHA-256 or better: docs/revocation.md").At("algorithm")
		c.o.Submitter.Refuse(c.who(), err)
		return ca.Withdrawn{}, err
	}
	revoke := c.o.Owner.RevokeByKey
	if c.planned() {
		revoke = c.o.Owner.PlanRevokeByKey
	}
	of, err := revoke(c.r.Context(), c.who(), ca.KeyProof{Statement: string(body.Statement), Algorithm: body.Algorithm, Signature: body.Signature})
	if err != nil {
		return ca.Withdrawn{}, err
	}
	return ca.Withdrawn{Certificate: of.PublicName(), Revoked: of.Revoked}, nil
}
