// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"chancery/ca"
)

// An Owner revokes for whoever proves that a certificate is his, by what he brings and not
// by who he is; see lifecycle.Registrar for what the errors are.
type Owner interface {
	// RevokeByKey revokes the certificate that a statement names which its key has signed.
	RevokeByKey(ctx context.Context, who ca.Actor, p ca.KeyProof) (ca.Aftermath, error)
	// PlanRevokeByKey says what RevokeByKey would do, as far as the book knows.
	PlanRevokeByKey(ctx context.Context, who ca.Actor, p ca.KeyProof) (ca.Aftermath, error)
	// RevokeByChallenge revokes the certificate whose challenge password is known.
	RevokeByChallenge(ctx context.Context, who ca.Actor, g ca.Guess) (ca.Aftermath, error)
	// PlanRevokeByChallenge says what RevokeByChallenge would do, as far as the book knows.
	PlanRevokeByChallenge(ctx context.Context, who ca.Actor, g ca.Guess) (ca.Aftermath, error)
}

// TakesEvidence gives what tells whether a call needs no sign-in, since it brings what proves
// that its caller may. All others do, but for methods that the path of such a call does not
// have: who signs in would be told no more than that (405).
func TakesEvidence() func(method, path string) bool {
	open, closed := map[string]bool{}, map[string]bool{}
	for _, o := range operations() {
		if o.evident {
			open[root+o.path] = true
		} else {
			closed[o.method+" "+root+o.path] = true
		}
	}
	return func(method, path string) bool { return open[path] && !closed[method+" "+path] }
}

func ownerOperations() []operation {
	return []operation{
		takes(operation{
			method: http.MethodPost, path: "revocations/by-key", id: "revokeByKey", group: "revocation", summary: "Revoke a certificate with its own key",
			tell: "Needs no account: a statement that the certificate's private key has signed proves that it may be revoked. What is wrong with a proof is not said. " +
				"The same statement again changes nothing. docs/revocation.md makes one with openssl.",
			parameters: []parameter{dryRun}, evident: true, fails: []int{415, 413, 422},
		}, (*call).revokeByKey),
		takes(operation{
			method: http.MethodPost, path: "revocations/by-challenge", id: "revokeByChallenge", group: "revocation", summary: "Revoke a certificate with the challenge password of its request",
			tell: "Needs no account: the password that the request brought as its challenge password (RFC 2985) proves that its certificate may be revoked. What is wrong " +
				"with a proof is not said. After five wrong ones for a certificate an address or account must wait (429): it has one more every twelve minutes. Nobody else waits for that, but for " +
				"strangers who give more than 120 wrong ones an hour together.",
			parameters: []parameter{dryRun}, evident: true, fails: []int{415, 413, 422},
		}, (*call).revokeByChallenge),
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
	var err error
	switch {
	case len(body.Statement) == 0:
		err = ca.Invalid(ca.E1401, "there is no statement", "send statement, algorithm and signature: docs/revocation.md").At("statement")
	case !slices.Contains(ca.StatementAlgorithms(), body.Algorithm):
		err = ca.Invalid(ca.E1401, "the statement is signed in a way that is not taken here", "sign it with SHA-256 or better: docs/revocation.md").At("algorithm")
	case len(body.Signature) == 0:
		err = ca.Invalid(ca.E1401, "the statement is not signed", "send the signature by the certificate's key: docs/revocation.md").At("signature")
	}
	if err != nil {
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
	return withdrawn(of), nil
}

// A challengeRevocation is the body of POST /revocations/by-challenge.
type challengeRevocation struct {
	// Certificate is the public name, authority and serial number: issuing-g1-41….
	Certificate string `json:"certificate"`
	// Password is the challenge password, in UTF-8 as it stood in the request.
	Password string `json:"password"`
	// Reason is unspecified, keyCompromise, affiliationChanged, superseded or
	// cessationOfOperation.
	Reason ca.Reason `json:"reason"`
	// InvalidSince is when it was not to be trusted any more, whole seconds, not after now.
	InvalidSince time.Time `json:"invalid_since,omitzero"`
}

// revokeByChallenge answers POST /revocations/by-challenge.
func (c *call) revokeByChallenge(body challengeRevocation) (ca.Withdrawn, error) {
	var err error
	switch {
	case len(body.Certificate) > maxValue || body.Certificate == "":
		err = ca.Invalid(ca.E1401, "no certificate is named", "set certificate to its public name: issuing-g1-41…").At("certificate")
	case len(body.Password) > ca.MaxChallenge || body.Password == "":
		err = ca.Invalid(ca.E1401, "no challenge password has this length", "send the one that stood in the request").At("password")
	}
	if err != nil {
		c.o.Submitter.Refuse(c.who(), err)
		return ca.Withdrawn{}, err
	}
	revoke := c.o.Owner.RevokeByChallenge
	if c.planned() {
		revoke = c.o.Owner.PlanRevokeByChallenge
	}
	g := ca.Guess{Certificate: body.Certificate, Password: ca.Private(body.Password), Withdrawal: ca.Withdrawal{Reason: body.Reason, InvalidSince: body.InvalidSince.UTC()}}
	of, err := revoke(c.r.Context(), c.who(), g)
	if err != nil {
		return ca.Withdrawn{}, err
	}
	return withdrawn(of), nil
}

// withdrawn is what is told without an account: of what fell with it the number alone.
func withdrawn(after ca.Aftermath) ca.Withdrawn {
	return ca.Withdrawn{Certificate: after.PublicName(), Revoked: after.Revoked, AlsoUnnamed: len(after.Also) + after.AlsoUnnamed}
}
