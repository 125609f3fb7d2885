// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"chancery/ca"
)

// MaxLeaf is the largest leaf in octets. A canonical leaf has under 600; the
// limit is what a reader allots before it has seen one.
const MaxLeaf = 4 << 10

// leafVersion is the value of "v".
const leafVersion = 1

// maxInteger is the largest integer RFC 8785 can write without loss (2^53 - 1).
const maxInteger = 1<<53 - 1

// A LogID names a log for ever: 16 random octets. In text it is lower-case hex.
type LogID [16]byte

// String gives 32 hex digits.
func (l LogID) String() string { return hex.EncodeToString(l[:]) }

// ParseLogID reads 32 lower-case hex digits.
func ParseLogID(s string) (LogID, error) {
	var l LogID
	c := cursor{b: []byte(s)}
	c.hex(l[:])
	if c.bad || len(c.b) != 0 {
		return LogID{}, fmt.Errorf("%q is not a log id: 32 lower-case hex digits", s)
	}
	return l, nil
}

// A Leaf is one entry of the log as it is hashed into the tree. It holds no free
// text and no secret: only numbers, digests and a serial number.
type Leaf struct {
	// Body is SHA-256 over a 32-octet salt and the body's content. The salt keeps
	// an erased body from being guessed out of its digest.
	Body ca.Digest
	// Cites is the index of the earlier leaf this one is about; 0 is none, since
	// leaf 0 is the genesis and nothing is about it.
	Cites int64
	// Digest is of what the leaf is about: the to-be-signed bytes of an Intent,
	// the certificate of a Final, a CRL. Zero is none.
	Digest ca.Digest
	// Index is the leaf's place in the log, from 0.
	Index int64
	// Issuer is the SHA-256 of the issuing key's SPKI. Zero is none.
	Issuer ca.Digest
	Kind   Kind
	Log    LogID
	// Serial is a certificate's serial number. Empty is none.
	Serial ca.Serial
	// Step is the number of a revocation's step for its certificate; 0 is none.
	Step int64
	// Time is when the leaf was written, UTC, milliseconds since 1970.
	Time int64
}

// Marshal gives the canonical bytes (RFC 8785): keys sorted, no spaces,
// printable ASCII only. What cannot be written canonically is an error.
func (l Leaf) Marshal() ([]byte, error) { return l.Append(make([]byte, 0, 512)) }

// Append appends the canonical bytes to dst. It is written by hand because every
// certificate passes here twice.
func (l Leaf) Append(dst []byte) ([]byte, error) {
	if err := l.valid(); err != nil {
		return dst, err
	}
	dst = hex.AppendEncode(append(dst, `{"body":"`...), l.Body[:])
	dst = append(dst, '"')
	if l.Cites != 0 {
		dst = strconv.AppendInt(append(dst, `,"cites":`...), l.Cites, 10)
	}
	if !l.Digest.IsZero() {
		dst = append(hex.AppendEncode(append(dst, `,"digest":"`...), l.Digest[:]), '"')
	}
	dst = strconv.AppendInt(append(dst, `,"index":`...), l.Index, 10)
	if !l.Issuer.IsZero() {
		dst = append(hex.AppendEncode(append(dst, `,"issuer":"`...), l.Issuer[:]), '"')
	}
	dst = strconv.AppendInt(append(dst, `,"kind":`...), int64(l.Kind), 10)
	dst = append(hex.AppendEncode(append(dst, `,"log":"`...), l.Log[:]), '"')
	if l.Serial != "" {
		dst = append(append(append(dst, `,"serial":"`...), l.Serial...), '"')
	}
	if l.Step != 0 {
		dst = strconv.AppendInt(append(dst, `,"step":`...), l.Step, 10)
	}
	dst = strconv.AppendInt(append(dst, `,"time":`...), l.Time, 10)
	return append(dst, `,"v":1}`...), nil
}

// valid refuses what has no canonical form, or a second one.
func (l Leaf) valid() error {
	for _, n := range []int64{l.Cites, l.Index, l.Step, l.Time} {
		if n < 0 || n > maxInteger {
			return fmt.Errorf("a leaf cannot hold the number %d", n)
		}
	}
	if l.Kind == 0 {
		return errors.New("a leaf has a kind")
	}
	return validSerial(l.Serial)
}

// validSerial holds a serial to ca.Serial's own form without decoding it: a
// second spelling of one number would hide that it was used twice.
func validSerial(s ca.Serial) error {
	if s == "" {
		return nil
	}
	if len(s)%2 != 0 || len(s) > 40 || s[:2] == "00" {
		return fmt.Errorf("a leaf cannot hold the serial %q", string(s))
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fmt.Errorf("a leaf cannot hold the serial %q", string(s))
		}
	}
	return nil
}

// ParseLeaf reads a leaf. It takes exactly what Marshal writes and nothing else,
// so two readers can never see two different leaves in the same bytes. An
// unknown kind is read; whoever acts on the leaf asks Kind.Known.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxLeaf {
		return Leaf{}, fmt.Errorf("a leaf has at most %d octets, found %d", MaxLeaf, len(b))
	}
	var l Leaf
	c := cursor{b: b}
	c.expect(`{"body":"`)
	c.hex(l.Body[:])
	c.expect(`"`)
	if c.skip(`,"cites":`) {
		l.Cites = c.positive()
	}
	if c.skip(`,"digest":"`) {
		c.digest(&l.Digest)
	}
	c.expect(`,"index":`)
	l.Index = c.integer()
	if c.skip(`,"issuer":"`) {
		c.digest(&l.Issuer)
	}
	c.expect(`,"kind":`)
	kind := c.positive()
	c.expect(`,"log":"`)
	c.hex(l.Log[:])
	c.expect(`"`)
	if c.skip(`,"serial":"`) {
		l.Serial = c.serial()
	}
	if c.skip(`,"step":`) {
		l.Step = c.positive()
	}
	c.expect(`,"time":`)
	l.Time = c.integer()
	c.expect(`,"v":1}`)
	if c.bad || len(c.b) != 0 || kind > 255 {
		return Leaf{}, fmt.Errorf("not a canonical leaf (RFC 8785, version %d) from octet %d on", leafVersion, len(b)-len(c.b))
	}
	l.Kind = Kind(kind)
	return l, nil
}

// A cursor reads canonical JSON from the front of b; bad stays set after the
// first surprise.
type cursor struct {
	b   []byte
	bad bool
}

// skip takes s if it comes next.
func (c *cursor) skip(s string) bool {
	if c.bad || len(c.b) < len(s) || string(c.b[:len(s)]) != s {
		return false
	}
	c.b = c.b[len(s):]
	return true
}

func (c *cursor) expect(s string) {
	if !c.skip(s) {
		c.bad = true
	}
}

// hex fills dst from lower-case hex. encoding/hex would take upper case too.
func (c *cursor) hex(dst []byte) {
	n := 2 * len(dst)
	if c.bad || len(c.b) < n {
		c.bad = true
		return
	}
	for _, d := range c.b[:n] {
		if d >= 'A' && d <= 'F' {
			c.bad = true
			return
		}
	}
	if _, err := hex.Decode(dst, c.b[:n]); err != nil {
		c.bad = true
		return
	}
	c.b = c.b[n:]
}

// digest reads a digest and its closing quote; zero would have been left out.
func (c *cursor) digest(d *ca.Digest) {
	c.hex(d[:])
	c.expect(`"`)
	if d.IsZero() {
		c.bad = true
	}
}

// integer reads 0 or a number without leading zeros, at most 2^53 - 1.
func (c *cursor) integer() int64 {
	n := 0
	for n < len(c.b) && n < 17 && c.b[n] >= '0' && c.b[n] <= '9' {
		n++
	}
	if c.bad || n == 0 || n > 16 || n > 1 && c.b[0] == '0' {
		c.bad = true
		return 0
	}
	v, err := strconv.ParseInt(string(c.b[:n]), 10, 64)
	if err != nil || v > maxInteger {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

// positive is an integer that would have been left out were it zero.
func (c *cursor) positive() int64 {
	v := c.integer()
	if v == 0 {
		c.bad = true
	}
	return v
}

func (c *cursor) serial() ca.Serial {
	n := 0
	for n < len(c.b) && n <= 40 && c.b[n] != '"' {
		n++
	}
	s := ca.Serial(c.b[:n])
	if s == "" || validSerial(s) != nil {
		c.bad = true
		return ""
	}
	c.b = c.b[n:]
	c.expect(`"`)
	return s
}

// A Record is a leaf read back, with its body.
type Record struct {
	Leaf   Leaf
	Bytes  []byte // the leaf's canonical bytes, as hashed into the tree
	Salt   []byte
	Body   []byte // the content
	Erased bool   // retention took salt and content
}

// ReadRecord parses the leaf of a frame. The record's slices are parts of the
// frame's. It does not check the body's digest, which verification does.
func ReadRecord(f Frame) (Record, error) {
	l, err := ParseLeaf(f.Leaf)
	if err != nil {
		return Record{}, err
	}
	if l.Kind != f.Kind {
		return Record{}, fmt.Errorf("the frame says %v, its leaf %v", f.Kind, l.Kind)
	}
	r := Record{Leaf: l, Bytes: f.Leaf, Erased: len(f.Body) == 0}
	if !r.Erased {
		r.Salt, r.Body = f.Body[:SaltSize:SaltSize], f.Body[SaltSize:]
	}
	return r, nil
}
