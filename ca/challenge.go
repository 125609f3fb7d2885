// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"fmt"
	"io"
)

// Private are bytes that no formatter shows: what is printed of them is "[secret]". JSON has
// them, since they must cross the socket of the signer.
type Private []byte

// Format prints the same whatever was asked for.
func (Private) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "[secret]") // a formatter's state takes all
}

// A Guess is a wish to revoke by the challenge password of a certificate's request.
type Guess struct {
	// Certificate is the public name.
	Certificate string
	Withdrawal
	Password Private
}

// MaxChallenge is the longest challenge password, in octets of UTF-8 (RFC 2985 Appendix A,
// pkcs-9-ub-challengePassword).
const MaxChallenge = 255

// A Challenge is what is kept of a request that brought a challenge password (RFC 2985
// §5.4.1). Nothing in it gives the password, or lets who reads it revoke.
type Challenge struct {
	// Salt is random; policy.ChallengeKey makes a key of it and the password, at the price
	// of much memory, and Verifier is a digest of that key.
	Salt     []byte `json:"salt"`
	Verifier Digest `json:"verifier"`
	// Sealed is the request as it came, encrypted under the signer's key-encryption key:
	// its signature proves possession, and is over the password too.
	Sealed []byte `json:"sealed"`
}
