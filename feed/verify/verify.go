// SPDX-License-Identifier: Apache-2.0

// Package verify reads compact revocation feeds. It is one file on the standard
// library alone, made to be copied into other programs and to be rewritten in other
// languages; docs/feed.md says what its bytes mean.
//
// It verifies the signature and answers for serial numbers. It fetches nothing, keeps
// nothing, and does not judge certificates otherwise: whoever asks has verified the
// chain, so that the serial number is one that the issuer gave out, and that the
// certificate has not ended. For other numbers the answers mean nothing. It does not
// know what was current before: keep Number, and refuse a lower one.
//
// Start reading at Open and Feed.Status.
package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"time"
)

// A Status is the answer for a serial number.
type Status int

const (
	// NotCovered is for what was issued after the feed's horizon: it knows nothing of it.
	NotCovered Status = iota
	// Good is for what was neither revoked nor held when the feed was made.
	Good
	// Revoked is for what must be refused.
	Revoked
)

// A Feed is verified, and answers until NextUpdate.
type Feed struct {
	// Number rises with each feed of an issuer.
	Number     int64
	ThisUpdate time.Time
	NextUpdate time.Time

	delta        bool
	baseNumber   int64
	baseDigest   []byte
	algorithm    byte
	issuer       []byte
	horizon      int64
	first        table
	second       table
	listed       []byte
	certificate  []byte
	message      []byte
	signature    []byte
	baseOfFilter *Feed // whose filter a delta corrects
}

// A table holds rows bits in each column, each column in rows/8 octets.
type table struct {
	salt          []byte
	columns, rows int64
	bits          []byte
}

const (
	tag        = "chancery revocation feed v1\n"
	fixed      = 192     // octets before the tables
	band       = 128     // rows that an equation touches
	maxRows    = 1 << 28 // of a table
	maxColumns = 32
	serialSize = 20
	maxFile    = 1 << 28
	maxTime    = 253402300799 // the end of the year 9999
)

// Open reads a complete feed. issuer is the SubjectPublicKeyInfo in DER of the
// authority whose certificates are asked for (RawSubjectPublicKeyInfo of its
// certificate), and now is the time, which must be between the feed's two.
func Open(file, issuer []byte, now time.Time) (*Feed, error) {
	f, err := read(file)
	if err != nil {
		return nil, err
	}
	if f.delta {
		return nil, errors.New("feed: a delta needs its base")
	}
	if err := f.authentic(issuer, now); err != nil {
		return nil, err
	}
	return f, nil
}

// OpenDelta reads a delta and the complete feed it stands on. The delta's signature
// covers the digest of the base, so the base may have ended long ago.
func OpenDelta(delta, base, issuer []byte, now time.Time) (*Feed, error) {
	f, err := read(delta)
	if err != nil {
		return nil, err
	}
	if !f.delta {
		return nil, errors.New("feed: not a delta")
	}
	if err := f.authentic(issuer, now); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(base); !bytes.Equal(sum[:], f.baseDigest) {
		return nil, errors.New("feed: the delta stands on another file")
	}
	b, err := read(base)
	if err != nil {
		return nil, err
	}
	if b.delta || b.Number != f.baseNumber || !bytes.Equal(b.issuer, f.issuer) {
		return nil, errors.New("feed: the base is no complete feed of the issuer with that number")
	}
	f.baseOfFilter = b
	return f, nil
}

// Genuine says why a feed, complete or a delta without its base, is not signed for an
// issuer, as Open has it; nil if it is.
func Genuine(file, issuer []byte, now time.Time) error {
	f, err := read(file)
	if err != nil {
		return err
	}
	return f.authentic(issuer, now)
}

// Status answers for a certificate's serial number: big-endian octets, as in
// x509.Certificate.SerialNumber.Bytes().
func (f *Feed) Status(serial []byte) Status {
	var n [serialSize]byte
	for len(serial) > 0 && serial[0] == 0 {
		serial = serial[1:]
	}
	if len(serial) == 0 || len(serial) > serialSize {
		return NotCovered
	}
	copy(n[serialSize-len(serial):], serial)
	if newer(n[:], f.horizon) {
		for at := 0; at < len(f.listed); at += serialSize {
			if bytes.Equal(f.listed[at:at+serialSize], n[:]) {
				return Revoked
			}
		}
		return NotCovered
	}
	revoked := f.contains(n[:])
	if f.baseOfFilter != nil && f.baseOfFilter.contains(n[:]) {
		revoked = !revoked
	}
	if revoked {
		return Revoked
	}
	return Good
}

// newer tells whether a serial number of 20 octets was made after the horizon: those
// with 19 octets that begin with 0x41 have their second in octets 4 to 7.
func newer(n []byte, horizon int64) bool {
	return n[0] == 0 && n[1] == 0x41 && int64(binary.BigEndian.Uint32(n[4:])) > horizon
}

// contains asks the filter.
func (f *Feed) contains(n []byte) bool {
	if f.second.rows == 0 {
		return false
	}
	if f.first.rows > 0 {
		if value, print := f.first.value(n); value != print {
			return false
		}
	}
	value, _ := f.second.value(n)
	return value == 1
}

// value gives a number's value in a table, and the fingerprint to compare it with.
func (t *table) value(n []byte) (value, print uint32) {
	h := sha256.Sum256(slices.Concat(t.salt, n))
	start := int64(uint64(binary.BigEndian.Uint32(h[:])) * uint64(t.rows-band+1) >> 32)
	print = binary.LittleEndian.Uint32(h[4:]) & uint32(1<<t.columns-1)
	coefficients := h[8:24]
	coefficients[0] |= 1
	for c := range t.columns {
		column := t.bits[c*t.rows/8 : (c+1)*t.rows/8]
		var sum byte
		for i, coefficient := range coefficients {
			at, shift := start/8+int64(i), start%8
			octet := column[at] >> shift
			if shift > 0 {
				octet |= column[at+1] << (8 - shift)
			}
			sum ^= octet & coefficient
		}
		value |= uint32(bits.OnesCount8(sum)&1) << c
	}
	return value, print
}

// read takes a file apart, without copying, and refuses whatever is not as it should
// be. It does not verify the signature.
func read(file []byte) (*Feed, error) {
	if len(file) < fixed || len(file) > maxFile || string(file[:len(tag)]) != tag {
		return nil, errors.New("feed: not a revocation feed of version 1")
	}
	long := func(at int) int64 { return int64(binary.BigEndian.Uint64(file[at:])) }
	short := func(at int) int64 { return int64(binary.BigEndian.Uint32(file[at:])) }
	f := &Feed{
		delta: file[28] == 2, algorithm: file[29], issuer: file[32:64], Number: long(64),
		ThisUpdate: time.Unix(long(72), 0).UTC(), NextUpdate: time.Unix(long(80), 0).UTC(),
		baseNumber: long(88), baseDigest: file[96:128], horizon: long(128),
		first:  table{salt: file[160:176], columns: short(148), rows: short(152)},
		second: table{salt: file[176:192], columns: 1, rows: short(156)},
	}
	live, revoked, listed := short(136), short(140), short(144)
	zeros := make([]byte, 32)
	switch {
	case file[28] != 1 && !f.delta,
		f.algorithm < 1 || int(f.algorithm) >= len(algorithms),
		f.Number <= 0 || f.baseNumber < 0 || f.baseNumber >= f.Number,
		(f.baseNumber > 0) != f.delta, bytes.Equal(f.baseDigest, zeros) == f.delta,
		long(72) <= 0 || long(80) <= long(72) || long(80) > maxTime || f.horizon <= 0 || f.horizon > maxTime,
		revoked > live || listed > revoked,
		!f.first.shaped() || !f.second.shaped(),
		f.first.columns > maxColumns || (f.first.columns > 0) != (f.first.rows > 0) || f.first.rows > 0 && f.second.rows == 0,
		f.first.rows == 0 && !bytes.Equal(f.first.salt, zeros[:16]), f.second.rows == 0 && !bytes.Equal(f.second.salt, zeros[:16]):
		return nil, errors.New("feed: a field has no such value")
	}
	rest, whole := file[fixed:], true
	take := func(octets int64) (part []byte) {
		if whole = whole && octets <= int64(len(rest)); whole {
			part, rest = rest[:octets], rest[octets:]
		}
		return part
	}
	f.first.bits = take(f.first.columns * f.first.rows / 8)
	f.second.bits = take(f.second.rows / 8)
	f.listed = take(listed * serialSize)
	f.certificate = take(int64(binary.BigEndian.Uint16(file[30:])))
	f.message = file[:len(file)-len(rest)]
	if size := take(2); whole {
		f.signature = take(int64(binary.BigEndian.Uint16(size)))
	}
	if !whole || len(rest) > 0 || len(f.signature) == 0 || len(f.signature) > 1024 || len(f.certificate) > 8192 {
		return nil, errors.New("feed: the file does not end where it says")
	}
	last := zeros[:serialSize]
	for at := 0; at < len(f.listed); at += serialSize {
		n := f.listed[at : at+serialSize]
		if bytes.Compare(n, last) <= 0 || !newer(n, f.horizon) {
			return nil, errors.New("feed: the listed numbers are not in order")
		}
		last = n
	}
	return f, nil
}

// shaped tells whether a table can have so many rows.
func (t *table) shaped() bool {
	return t.rows == 0 || t.rows >= band && t.rows <= maxRows && t.rows%8 == 0
}

// algorithms are those of a file's octet 29. They are the only ones for the signature
// of the responder's certificate, too.
var algorithms = [...]x509.SignatureAlgorithm{
	1: x509.ECDSAWithSHA256, 2: x509.ECDSAWithSHA384, 3: x509.ECDSAWithSHA512, 4: x509.PureEd25519,
	5: x509.SHA256WithRSA, 6: x509.SHA384WithRSA, 7: x509.SHA512WithRSA,
}

// authentic verifies the time, the issuer and the signature. The key is the issuer's
// own, or that of the certificate in the file, which the issuer signed for answers
// about revocation, and for no other certificates (RFC 6960 §4.2.2.2).
func (f *Feed) authentic(issuer []byte, now time.Time) error {
	if now.Before(f.ThisUpdate) || now.After(f.NextUpdate) {
		return errors.New("feed: it is not yet valid, or has ended")
	}
	if sum := sha256.Sum256(issuer); !bytes.Equal(sum[:], f.issuer) {
		return errors.New("feed: it is of another issuer")
	}
	key, err := x509.ParsePKIXPublicKey(issuer)
	if err != nil {
		return errors.New("feed: the issuer's key cannot be read")
	}
	signer := &x509.Certificate{PublicKey: key}
	if len(f.certificate) > 0 {
		c, err := x509.ParseCertificate(f.certificate)
		switch {
		case err != nil:
			return errors.New("feed: the responder's certificate cannot be read")
		case !slices.Contains(algorithms[1:], c.SignatureAlgorithm),
			signer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil:
			return errors.New("feed: the responder's certificate is not of the issuer")
		case c.IsCA || !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || len(c.UnhandledCriticalExtensions) > 0,
			c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
			return errors.New("feed: the responder's certificate is not for this")
		case now.Before(c.NotBefore) || now.After(c.NotAfter):
			return errors.New("feed: the responder's certificate is not yet valid, or has ended")
		}
		signer = c
	}
	if signer.CheckSignature(algorithms[f.algorithm], f.message, f.signature) != nil {
		return errors.New("feed: the signature is wrong")
	}
	return nil
}
