// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"chancery/ca"
)

// tag begins each feed and all that is signed of it. Its first octet is no SEQUENCE,
// with which the to-be-signed parts of certificates, lists and OCSP answers begin, so
// that a signature of the same key is never one for the other.
const tag = "chancery revocation feed v1\n"

// The places of the fields; docs/feed.md says what they hold. All numbers are
// big-endian.
const (
	atKind        = len(tag)
	atAlgorithm   = atKind + 1
	atCertificate = atAlgorithm + 1 // its length
	atIssuer      = atCertificate + 2
	atNumber      = atIssuer + sha256.Size
	atThisUpdate  = atNumber + 8
	atNextUpdate  = atThisUpdate + 8
	atBase        = atNextUpdate + 8
	atBaseDigest  = atBase + 8
	head          = atBaseDigest + sha256.Size // 128: the body begins here
	atHorizon     = head
	atLive        = atHorizon + 8
	atRevoked     = atLive + 4
	atListed      = atRevoked + 4
	atColumns     = atListed + 4
	atFirstRows   = atColumns + 4
	atSecondRows  = atFirstRows + 4
	atFirstSalt   = atSecondRows + 4
	atSecondSalt  = atFirstSalt + saltSize
	atTables      = atSecondSalt + saltSize // 192
	bodyHead      = atTables - head
)

const (
	kindComplete = 1
	kindDelta    = 2
	// maxCertificate bounds the responder's certificate, maxSignature the signature,
	// which RSA of 8192 bits has in 1024 octets.
	maxCertificate = 8 << 10
	maxSignature   = 1 << 10
	// maxTime is the end of the year 9999, where times in certificates end.
	maxTime = 253402300799
)

// MaxSize bounds a feed in octets.
const MaxSize = 1 << 28

// An Algorithm is how a feed is signed.
type Algorithm uint8

// The algorithms: RSA is PKCS #1 v1.5, and ECDSA's signatures are in DER.
const (
	ECDSAWithSHA256 Algorithm = 1 + iota
	ECDSAWithSHA384
	ECDSAWithSHA512
	Ed25519
	RSAWithSHA256
	RSAWithSHA384
	RSAWithSHA512
)

// A Head is what the signer says of a feed.
type Head struct {
	// Issuer is the SHA-256 of the SubjectPublicKeyInfo of the authority whose
	// certificates these are.
	Issuer ca.Digest
	// Number is positive and rises with each feed of the issuer, complete or delta.
	Number int64
	// ThisUpdate is before NextUpdate; both are whole seconds after 1970.
	ThisUpdate, NextUpdate time.Time
	// Algorithm fits the key that signs: that of Certificate, the authority's OCSP
	// responder certificate in DER, or the authority's own if that is empty.
	Algorithm   Algorithm
	Certificate []byte
}

// A Feed is one that can be asked: a complete one, or a delta with its base.
type Feed struct {
	Head
	// BaseNumber and BaseDigest (the SHA-256 of the whole file) are a delta's base; zero
	// in a complete feed.
	BaseNumber int64
	BaseDigest ca.Digest
	// Horizon is that of Input; Live and Revoked are how many certificates there were.
	Horizon       time.Time
	Live, Revoked int64

	filter  filter
	listed  []byte
	base    *Feed
	message []byte
}

// New puts a head before a body of Build. base is the file of the feed that a delta
// stands on, and empty for a complete one. Slices are not copied.
func New(h Head, body, base []byte) (*Feed, error) {
	out := make([]byte, head, head+len(body)+len(h.Certificate))
	copy(out, tag)
	out[atKind], out[atAlgorithm] = kindComplete, byte(h.Algorithm)
	if len(h.Certificate) > maxCertificate {
		return nil, fmt.Errorf("a feed's certificate has more than %d octets", maxCertificate)
	}
	binary.BigEndian.PutUint16(out[atCertificate:], uint16(len(h.Certificate))) //nolint:gosec // bounded
	copy(out[atIssuer:], h.Issuer[:])
	if h.ThisUpdate.Nanosecond() != 0 || h.NextUpdate.Nanosecond() != 0 {
		return nil, errors.New("the times of a feed are not in whole seconds")
	}
	for at, value := range map[int]int64{atNumber: h.Number, atThisUpdate: h.ThisUpdate.Unix(), atNextUpdate: h.NextUpdate.Unix()} {
		binary.BigEndian.PutUint64(out[at:], uint64(value)) //nolint:gosec // read judges it
	}
	if len(base) > 0 {
		if len(base) < head {
			return nil, errors.New("the base of a delta is cut short")
		}
		out[atKind] = kindDelta
		copy(out[atBase:], base[atNumber:atNumber+8])
		digest := sha256.Sum256(base)
		copy(out[atBaseDigest:], digest[:])
	}
	f, rest, err := read(append(append(out, body...), h.Certificate...))
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("a feed's body does not end where it says")
	}
	return f.on(base)
}

// Message is what is to be signed, all of it.
func (f *Feed) Message() []byte { return f.message }

// Signed is the file: the message, and a signature over it by the key that Head names.
func (f *Feed) Signed(signature []byte) ([]byte, error) {
	if len(signature) == 0 || len(signature) > maxSignature {
		return nil, fmt.Errorf("a signature of %d octets", len(signature))
	}
	out := make([]byte, 0, len(f.message)+2+len(signature))
	out = binary.BigEndian.AppendUint16(append(out, f.message...), uint16(len(signature))) //nolint:gosec // bounded
	return append(out, signature...), nil
}

// Parse reads a file, a delta together with the file of its base, which is empty for
// a complete feed. It does not verify the signature. The feed keeps both slices.
func Parse(file, base []byte) (*Feed, error) {
	f, err := parse(file)
	if err != nil {
		return nil, err
	}
	return f.on(base)
}

// Signed gives the SHA-256 of what is signed of a file, for which a delta needs no base.
func Signed(file []byte) (ca.Digest, error) {
	f, err := parse(file)
	if err != nil {
		return ca.Digest{}, err
	}
	return sha256.Sum256(f.message), nil
}

// HeadSize is how much of a file Describe needs.
const HeadSize = atTables

// ErrShort is what is said of a feed that was cut off, on its way or on a full disk.
var ErrShort = errors.New("the file ends before the feed does")

// headed refuses what does not begin as a feed, or ends there.
func headed(file []byte) error {
	switch {
	case string(file[:min(len(file), len(tag))]) != tag[:min(len(file), len(tag))]:
		return errors.New("this is not a revocation feed of version 1")
	case len(file) < HeadSize:
		return ErrShort
	}
	return nil
}

// Describe reads what a file says of itself from its first octets; nothing vouches for
// it. Its issuer is the SHA-256 of a key: the authority's name is not in it.
func Describe(begin []byte) (about ca.Feed, issuer ca.Digest, err error) {
	if err := headed(begin); err != nil {
		return about, issuer, err
	}
	long := func(at int) int64 { return int64(binary.BigEndian.Uint64(begin[at:])) } //nolint:gosec // refused below
	about = ca.Feed{
		Number: long(atNumber), Base: long(atBase), ThisUpdate: time.Unix(long(atThisUpdate), 0).UTC(), NextUpdate: time.Unix(long(atNextUpdate), 0).UTC(),
		Live: int64(binary.BigEndian.Uint32(begin[atLive:])), Revoked: int64(binary.BigEndian.Uint32(begin[atRevoked:])),
	}
	if about.Number <= 0 || about.Base < 0 {
		return about, issuer, errors.New("a feed's number is not positive")
	}
	return about, ca.Digest(begin[atIssuer:atNumber]), nil
}

// Whole tells whether a file is one feed from its first octet to its last, as a device reads
// it; nothing vouches for it, and a delta is read without its base.
func Whole(file []byte) error {
	_, err := parse(file)
	return err
}

// parse reads a file by itself.
func parse(file []byte) (*Feed, error) {
	f, signature, err := read(file)
	if err != nil {
		return nil, err
	}
	if len(signature) < 2 || int(binary.BigEndian.Uint16(signature)) > len(signature)-2 {
		return nil, ErrShort
	}
	if len(signature) < 3 || len(signature) > 2+maxSignature || int(binary.BigEndian.Uint16(signature)) != len(signature)-2 {
		return nil, errors.New("a feed's signature does not end where the file does")
	}
	return f, nil
}

// on gives a delta its base. It is the very file, since two filters over the same
// certificates differ in their answers for those that came later.
func (f *Feed) on(base []byte) (*Feed, error) {
	switch {
	case f.BaseNumber == 0 && len(base) == 0:
		return f, nil
	case f.BaseNumber == 0:
		return nil, errors.New("a complete feed has no base")
	case ca.Digest(sha256.Sum256(base)) != f.BaseDigest:
		return nil, fmt.Errorf("this is not the file of feed %d, on which the delta stands", f.BaseNumber)
	}
	b, err := parse(base)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	if b.BaseNumber != 0 || b.Issuer != f.Issuer || b.Number != f.BaseNumber {
		return nil, errors.New("base: not a complete feed of the same issuer with the number that the delta names")
	}
	f.base = b
	return f, nil
}

// read reads what is signed, and gives what follows. It allocates nothing but the Feed.
func read(file []byte) (f *Feed, rest []byte, err error) {
	if err := headed(file); err != nil {
		return nil, nil, err
	}
	if len(file) > MaxSize {
		return nil, nil, fmt.Errorf("a feed has at most %d octets", MaxSize)
	}
	long := func(at int) int64 { return int64(binary.BigEndian.Uint64(file[at:])) } //nolint:gosec // negative ones are refused
	short := func(at int) int64 { return int64(binary.BigEndian.Uint32(file[at:])) }
	f = &Feed{
		Head: Head{
			Issuer: ca.Digest(file[atIssuer:]), Number: long(atNumber), Algorithm: Algorithm(file[atAlgorithm]),
			ThisUpdate: time.Unix(long(atThisUpdate), 0).UTC(), NextUpdate: time.Unix(long(atNextUpdate), 0).UTC(),
		},
		BaseNumber: long(atBase), BaseDigest: ca.Digest(file[atBaseDigest:]),
		Horizon: time.Unix(long(atHorizon), 0).UTC(), Live: short(atLive), Revoked: short(atRevoked),
		filter: filter{
			first:  table{salt: [saltSize]byte(file[atFirstSalt:]), columns: int(short(atColumns)), rows: int(short(atFirstRows))},
			second: table{salt: [saltSize]byte(file[atSecondSalt:]), columns: 1, rows: int(short(atSecondRows))},
		},
	}
	listed, certificate := short(atListed), int(binary.BigEndian.Uint16(file[atCertificate:]))
	if err := f.sound(file[atKind], listed, certificate); err != nil {
		return nil, nil, err
	}
	rest = file[atTables:]
	take := func(octets int64) (out []byte) {
		if octets > int64(len(rest)) {
			err = ErrShort
			return nil
		}
		out, rest = rest[:octets:octets], rest[octets:]
		return out
	}
	f.filter.first.bits = take(short(atColumns) * short(atFirstRows) / 8)
	f.filter.second.bits = take(short(atSecondRows) / 8)
	f.listed = take(listed * width)
	f.Certificate = take(int64(certificate))
	if err != nil {
		return nil, nil, err
	}
	if err := f.ascending(); err != nil {
		return nil, nil, err
	}
	f.message = file[:len(file)-len(rest)]
	return f, rest, nil
}

// sound judges the fields, so that each feed has one form.
func (f *Feed) sound(kind byte, listed int64, certificate int) error {
	first, second := &f.filter.first, &f.filter.second
	var none [saltSize]byte
	switch {
	case kind != kindComplete && kind != kindDelta,
		(kind == kindDelta) != (f.BaseNumber != 0), f.BaseDigest.IsZero() != (f.BaseNumber == 0):
		return errors.New("a feed is neither complete nor a delta")
	case f.Algorithm < ECDSAWithSHA256 || f.Algorithm > RSAWithSHA512:
		return fmt.Errorf("no signature algorithm of feeds has the number %d", f.Algorithm)
	case f.Number <= 0 || f.BaseNumber < 0 || f.BaseNumber >= f.Number:
		return errors.New("a feed's number is not positive, or not above that of its base")
	case f.ThisUpdate.Unix() <= 0 || f.ThisUpdate.Unix() >= f.NextUpdate.Unix() || f.NextUpdate.Unix() > maxTime || f.Horizon.Unix() <= 0 || f.Horizon.Unix() > maxTime:
		return errors.New("a feed's times are not positive, or its next update is not after this one")
	case f.Revoked > f.Live || listed > f.Revoked:
		return errors.New("a feed has more revoked certificates than certificates")
	case certificate > maxCertificate:
		return fmt.Errorf("a feed's certificate has more than %d octets", maxCertificate)
	case !first.shaped() || !second.shaped() || first.columns < 0 || first.columns > maxColumns || (first.rows > 0) != (first.columns > 0) || first.rows > 0 && second.rows == 0:
		return errors.New("a feed's tables have no such form")
	case first.rows == 0 && first.salt != none || second.rows == 0 && second.salt != none:
		return errors.New("a feed has a salt without a table")
	}
	return nil
}

// shaped tells whether a table can have so many rows.
func (t *table) shaped() bool {
	return t.rows == 0 || t.rows >= band && t.rows <= maxRows && t.rows%8 == 0
}

// ascending judges the listed numbers: each newer than the horizon, in order, for the
// search that Status makes.
func (f *Feed) ascending() error {
	before := number{}
	for at := 0; at < len(f.listed); at += width {
		n := number(f.listed[at:])
		if bytes.Compare(n[:], before[:]) <= 0 || !n.newer(f.Horizon.Unix()) {
			return errors.New("a feed's listed numbers do not ascend, or are not newer than its horizon")
		}
		before = n
	}
	return nil
}
