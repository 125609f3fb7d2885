// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of tokens (security rule AN-04).
const (
	// SecretOctets is what a token's secret has of randomness: 256 bits.
	SecretOctets = 32
	// MaxTokenDays is the longest life of a token, TokenDays the usual one.
	MaxTokenDays, TokenDays = 365, 90
	// MaxTokens is how many tokens may be in force at once: the signer says all of them
	// with each hello, within one reply.
	MaxTokens = 10_000
	// maxTokenWords bounds each list of a scope, maxTokenWord an entry of it.
	maxTokenWords, maxTokenWord = 64, 253
)

// What the front tells the log of tokens; About is Token.About.
const (
	EventTokenMade    = "token-made"
	EventTokenRevoked = "token-revoked"
)

// tokenPrefix makes a token known to those who look for secrets where none belong.
const tokenPrefix = "chy_"

// tokenTag separates digests of tokens from all others.
const tokenTag = "chancery token v1\n"

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A Scope is what is left of somebody's rights when a token is used: what an empty list
// is about is not narrowed, but the roles are always named.
type Scope struct {
	Roles []Role `json:"roles"`
	// Profiles are those it may ask under, and whose certificates it may see and revoke.
	Profiles []string `json:"profiles,omitempty"`
	// Names are patterns as a profile has them: *.ci.lab.example, 10.0.0.0/8, @lab.example.
	// Every name of a certificate must match one.
	Names []string `json:"names,omitempty"`
}

// Narrow tells whether it is for some profiles or names only.
func (s Scope) Narrow() bool { return len(s.Profiles)+len(s.Names) > 0 }

// A Token is a secret that a program signs in with in the name of somebody, and what it
// may do. The secret itself is nowhere: Secret is its SHA-256.
type Token struct {
	// ID names the leaf that tells of its making; it is no part of the Digest.
	ID ID `json:"-"`
	// Name is what its owner calls it: lower-case letters, digits and '-'.
	Name string `json:"name"`
	// Owner is the ID of the actor who made it, UID the account whose roles it narrows.
	Owner string `json:"owner"`
	UID   int    `json:"uid"`
	Scope Scope  `json:"scope"`
	// Made and Expires are in whole milliseconds.
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	Secret  Digest    `json:"secret"`
	// Ended is who revoked it and when; nil while nobody did. It is a row of its own.
	Ended *TokenEnd `json:"-"`
	// Used is when it was used last, to the hour; zero if it never was.
	Used time.Time `json:"-"`
}

// A TokenEnd is a token's revocation.
type TokenEnd struct {
	// ID names the leaf.
	ID    ID
	Token Digest
	By    string
	At    time.Time
}

// Digest is what the log has of a token: everything that gives it power. Whoever changes
// a row of the database makes another digest, which no leaf tells of (security rule
// RO-02).
func (t Token) Digest() Digest {
	t.Made, t.Expires = t.Made.UTC(), t.Expires.UTC()
	document, err := json.Marshal(t)
	if err != nil {
		return Digest{} // no value of these types fails; and a zero digest is on no log
	}
	return sha256.Sum256(append([]byte(tokenTag), document...))
}

// About is what the log is told a token's events are about: the digest in hex, and when
// it ends, in seconds since 1970.
func (t Token) About() string {
	return t.Digest().String() + " " + strconv.FormatInt(t.Expires.Unix(), 10)
}

// TokenAbout reads Token.About.
func TokenAbout(about string) (digest Digest, ends time.Time, ok bool) {
	hex, seconds, _ := strings.Cut(about, " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || digest.UnmarshalText([]byte(hex)) != nil {
		return Digest{}, time.Time{}, false
	}
	return digest, time.Unix(at, 0).UTC(), true
}

// PublicName is how a token is named in lists and the API: the first 16 digits of its
// digest.
func (t Token) PublicName() string { return t.Digest().String()[:16] }

// A TokenView is a token as it is shown: everything but its secret.
type TokenView struct {
	// ID is PublicName.
	ID    string `json:"id"`
	Name  string `json:"name"`
	Owner string `json:"owner"`
	Scope
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	// Status is valid, expired, revoked, or forged: then the row is not on the log, signs
	// nobody in, and somebody has written in the database.
	Status string `json:"status"`
	// Used is when it was used last, to the hour.
	Used      time.Time `json:"used,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
	// Token is the secret itself, in the answer to its making and nowhere else.
	Token string `json:"token,omitempty"`
}

// View shows a token at a moment; known tells whether the log has it in force.
func (t Token) View(known bool, now time.Time) TokenView {
	v := TokenView{ID: t.PublicName(), Name: t.Name, Owner: t.Owner, Scope: t.Scope, Made: t.Made, Expires: t.Expires, Used: t.Used, Status: "valid"}
	switch {
	case t.Ended != nil: // it is refused, whatever the log has
		v.Status, v.RevokedAt, v.RevokedBy = "revoked", t.Ended.At, t.Ended.By
	case !now.Before(t.Expires): // the log names none that has ended
		v.Status = "expired"
	case !known:
		v.Status = "forged"
	}
	return v
}

// An Identity is who a call signed in as, and what it may do.
type Identity struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Method string `json:"method"`
	Roles  []Role `json:"roles"`
	// Token is what it signed in with, Certificate the public name of what it showed.
	Token       *TokenView `json:"token,omitempty"`
	Certificate string     `json:"certificate,omitempty"`
}

// Sound finds what no token may be: its Problem is E1401.
func (t Token) Sound() error {
	word := func(s string) bool {
		return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
	}
	known := []Role{SystemAdmin, CAAdmin, SecurityAdmin, Requester, Auditor}
	switch life := t.Expires.Sub(t.Made); {
	case !word(t.Name):
		return Invalid(E1401, "a token's name is lower-case letters, digits and '-', at most 40", "name it after the program that uses it, such as ci").At("name")
	case len(t.Scope.Roles) == 0 || len(t.Scope.Roles) > len(known):
		return Invalid(E1401, "a token has at least one role", "name what its program does: requester asks for certificates, auditor reads").At("roles")
	case slices.ContainsFunc(t.Scope.Roles, func(r Role) bool { return !slices.Contains(known, r) }):
		return Invalid(E1401, "there is no such role", "use requester, ca-admin, security-admin, system-admin or auditor").At("roles")
	case len(t.Scope.Profiles) > maxTokenWords || slices.ContainsFunc(t.Scope.Profiles, func(s string) bool { return !word(s) }):
		return Invalid(E1401, "the profiles of a token are at most 64 names of profiles", "chancery profile list").At("profiles")
	case len(t.Scope.Names) > maxTokenWords || slices.ContainsFunc(t.Scope.Names, func(s string) bool { return s == "" || len(s) > maxTokenWord || !PlainText(s) }):
		return Invalid(E1401, "the names of a token are at most 64 patterns", "such as *.ci.lab.example").At("names")
	case life <= 0 || life > MaxTokenDays*24*time.Hour:
		return Invalid(E1401, "a token lives 1 to 365 days", "ask for fewer days; make another one when it ends").At("days")
	}
	return nil
}

// TokenText writes a secret as people and programs carry it: the prefix, 52 characters
// of base32 and 7 of a checksum, by which what is no token of ours is known without
// asking anybody.
func TokenText(secret [SecretOctets]byte) string {
	return tokenPrefix + tokenText.EncodeToString(secret[:]) + tokenSum(secret)
}

// TokenSecret is the SHA-256 of a token's text, under which its row is found; false if
// it is no token.
func TokenSecret(text string) (Digest, bool) {
	var secret [SecretOctets]byte
	body, ours := strings.CutPrefix(text, tokenPrefix)
	at := tokenText.EncodedLen(SecretOctets)
	if !ours || len(body) != at+tokenText.EncodedLen(crc32.Size) {
		return Digest{}, false
	}
	n, err := tokenText.Decode(secret[:], []byte(body[:at]))
	if err != nil || n != len(secret) || TokenText(secret) != text { // one spelling only
		return Digest{}, false
	}
	return sha256.Sum256([]byte(text)), true
}

func tokenSum(secret [SecretOctets]byte) string {
	return tokenText.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(secret[:])))
}
