// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// An ID names a row and its leaf at once: the log's number (15 bits) in the
// upper 16 bits, the leaf's index (48 bits) below. It is positive, unique over
// all nodes without a sequence, and ordered by time within a log.
type ID int64

// MaxIndex is the largest leaf index an ID can hold.
const MaxIndex = 1<<48 - 1

// NewID joins a log number (1 to 32767) and a leaf index (0 to MaxIndex).
func NewID(logNo uint16, index int64) ID { return ID(int64(logNo&0x7fff)<<48 | index&MaxIndex) }

// LogNo is the number of the log that holds the leaf.
func (i ID) LogNo() uint16 { return uint16(int64(i) >> 48) }

// Index is the leaf's index in its log.
func (i ID) Index() int64 { return int64(i) & MaxIndex }

// A Digest is a SHA-256 value. In text it is lower-case hex.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether the digest was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText gives lower-case hex.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 hex digits.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("a digest has %d hex digits, found %d", hex.EncodedLen(len(d)), len(b))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// A Serial is a certificate serial number (RFC 5280 §4.1.2.2) as lower-case hex
// of its minimal big-endian octets, an even number of digits, at most 20
// octets. Equal numbers are equal strings.
type Serial string

// maxPrinted is what a fingerprint has, in octets, with whatever stands beside and between its
// digits.
const maxPrinted = 256

// maxSerialOctets is the limit of RFC 5280 §4.1.2.2.
const maxSerialOctets = 20

// SerialFromBytes makes a Serial of an unsigned big-endian number. Leading
// zeros are dropped; zero and more than 20 octets are refused.
func SerialFromBytes(b []byte) (Serial, error) {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > maxSerialOctets {
		return "", Invalid(E2101, "this is not a serial number", "a serial number is 1 to 20 octets and not zero")
	}
	var text [2 * maxSerialOctets]byte // a list has a million: one allocation each is enough
	return Serial(text[:hex.Encode(text[:], b)]), nil
}

// ParseSerial reads hex in either case; colons, spaces, a leading 0x and leading
// zeros are ignored.
func ParseSerial(s string) (Serial, error) {
	s = strings.NewReplacer(":", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	s = strings.TrimPrefix(s, "0x")
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(s) > 4*maxSerialOctets {
		return "", Invalid(E2101, "this is not a serial number", "write it in hex, as `chancery list` prints it")
	}
	return SerialFromBytes(b)
}

// maxDecimal is how many digits a number of 20 octets has in decimal.
const maxDecimal = 49

// TypedSerials are the serial numbers that somebody may mean, the likeliest first: in
// hexadecimal as ParseSerial takes it, also behind the words of OpenSSL (serial=, Serial
// Number:), and where there are decimal digits alone, in decimal as PostgreSQL's client_serial
// has it. It is empty if the text is no number.
func TypedSerials(text string) (all []Serial) {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, word := range []string{"serial number:", "serial="} {
		text = strings.TrimSpace(strings.TrimPrefix(text, word))
	}
	if s, err := ParseSerial(text); err == nil {
		all = append(all, s)
	}
	if text == "" || len(text) > maxDecimal || strings.Trim(text, "0123456789") != "" {
		return all
	}
	n, _ := new(big.Int).SetString(text, 10)
	if s, err := SerialFromBytes(n.Bytes()); err == nil && !slices.Contains(all, s) {
		all = append(all, s)
	}
	return all
}

// ParseFingerprint reads the SHA-256 of a certificate as people copy it out of browsers and
// programs: 64 hexadecimal digits in either case, with colons and blanks anywhere, and with the
// words that OpenSSL and others put beside them. No serial number is as long.
func ParseFingerprint(s string) (sum Digest, is bool) {
	if len(s) > maxPrinted {
		return sum, false
	}
	s = strings.NewReplacer("sha-256", "", "sha256", "", "fingerprint", "", "=", "", ":", "", "(", "", ")", "").Replace(strings.ToLower(s))
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	return Digest(b), true
}

// Bytes is the number in big-endian octets, without a sign octet.
func (s Serial) Bytes() []byte {
	b, err := hex.DecodeString(string(s))
	if err != nil {
		return nil // only a Serial made by conversion can get here
	}
	return b
}

// Tail is the last 8 hex digits: what lists show and searches take.
func (s Serial) Tail() string {
	if len(s) < 8 {
		return string(s)
	}
	return string(s[len(s)-8:])
}
