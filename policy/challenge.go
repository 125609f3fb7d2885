// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"crypto/subtle"

	"chancery/ca"

	"golang.org/x/crypto/argon2"
)

// The price of one guess at a challenge password, by Argon2id (RFC 9106): 19 MiB, two
// passes, some 20 ms. It is less than that of our own passphrases, since people who have
// no account cause it; guesses are also counted.
const (
	challengeMemory = 19 << 10 // KiB
	challengePasses = 2
	challengeKey    = 32
	// ChallengeSalt is how many octets of salt there are.
	ChallengeSalt = 16
)

// ChallengeKey makes a key of a challenge password. Who has the key, and not only its
// digest, has the password or has seen it used.
func ChallengeKey(password ca.Private, salt []byte) []byte {
	return argon2.IDKey(password, salt, challengePasses, challengeMemory, 1, challengeKey)
}

// ChallengeVerifier is the digest of a key by which it is known.
func ChallengeVerifier(key []byte) ca.Digest {
	return sha256.Sum256(append([]byte("chancery challenge v1\x00"), key...))
}

// ChallengeProven tells whether a key is of the password that a request brought. It takes
// the same time whatever is wrong.
func ChallengeProven(key []byte, c *ca.Challenge) bool {
	got, want := ChallengeVerifier(key), ca.Digest{}
	if c != nil {
		want = c.Verifier
	}
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && c != nil
}
