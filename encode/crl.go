// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// The extensions of lists (RFC 5280 §5.2.3 to §5.2.6) and of their entries (§5.3.1, §5.3.2).
const (
	oidCRLNumber      = "2.5.29.20"
	oidDelta          = "2.5.29.27"
	oidIssuingPoint   = "2.5.29.28"
	oidFreshest       = "2.5.29.46"
	oidReasonCode     = "2.5.29.21"
	oidInvalidityDate = "2.5.29.24"
)

// maxEntries bounds the entries of a list in octets: some 25 million of them.
// OpenSSL reads lengths into 31 bits, and doubles its buffer to get there. maxList
// bounds the to-be-signed part; what stands around the entries is less than a
// certificate.
const (
	maxEntries = 1 << 30
	maxList    = maxEntries + maxTBS
)

// maxSerial is the most octets a serial number has, that of the sign included
// (RFC 5280 §5.1.2.6, §4.1.2.2).
const maxSerial = 20

// listBuffer is how much of a list is written at once, in octets.
const listBuffer = 64 << 10

// A List is a revocation list of one authority, version 2 (RFC 5280 §5). Without
// Base, Point and Authorities it is complete, and says nothing of a scope: what has no
// issuing distribution point covers every certificate of the issuer's key.
type List struct {
	// Issuer is the generation that signs.
	Issuer ca.Authority
	// Number is the CRL number, positive: 8 octets at most of the RFC's 20.
	Number int64
	// ThisUpdate is before NextUpdate; both are whole seconds from 1950 to 9999.
	ThisUpdate time.Time
	NextUpdate time.Time
	// Base makes it a delta, of what changed since the complete list of this number (RFC
	// 5280 §5.2.4). Its entries may take others back: removeFromCRL.
	Base int64
	// Point makes it a shard: the list of the certificates that name this very address
	// (§5.2.5). Authorities makes it the list of CA certificates alone.
	Point       string
	Authorities bool
	// Freshest is where the delta of a complete list is (§5.2.6), or empty.
	Freshest string
}

// TBS writes the tbsCertList in DER to w, through a buffer of its own, and gives
// its size in octets. A header of DER says how long its content is, so entries is
// called twice, once to measure and once to write, and must give the same both
// times: serial numbers strictly ascending as integers, dates in whole seconds,
// reasons that ca.Reason.Listed allows, and in a delta removeFromCRL. Memory is constant, whatever their number.
// After an error what w holds is worthless.
func (l List) TBS(w io.Writer, entries func() iter.Seq2[ca.Entry, error]) (size int64, err error) {
	if size, err = l.tbs(w, entries); err != nil {
		return 0, fmt.Errorf("encode list %d of %q: %w", l.Number, l.Issuer.Name, err)
	}
	return size, nil
}

func (l List) tbs(w io.Writer, entries func() iter.Seq2[ca.Entry, error]) (int64, error) {
	head, err := l.head()
	if err != nil {
		return 0, err
	}
	tail, err := l.tail()
	if err != nil {
		return 0, err
	}
	measured, err := l.writeEntries(io.Discard, entries(), maxEntries)
	if err != nil {
		return 0, err
	}
	if measured.size > 0 { // an empty list of entries is left out: RFC 5280 §5.1.2.6
		head = appendHeader(head, asn1.SEQUENCE, measured.size)
	}
	content := int64(len(head)) + measured.size + int64(len(tail))
	outer := appendHeader(nil, asn1.SEQUENCE, content)
	out := bufio.NewWriterSize(w, listBuffer) // keeps the first error for Flush
	out.Write(outer)
	out.Write(head)
	written, err := l.writeEntries(out, entries(), measured.size)
	if err != nil {
		return 0, fmt.Errorf("second pass: %w", err)
	}
	// The size alone would not notice a revocation that took another's place.
	if written.size != measured.size || !bytes.Equal(written.sum.Sum(nil), measured.sum.Sum(nil)) {
		return 0, errors.New("the second pass gave other entries than the first")
	}
	out.Write(tail)
	return int64(len(outer)) + content, out.Flush()
}

// head is what stands before the entries: version, algorithm, issuer and times.
func (l List) head() ([]byte, error) {
	from, err := signerPart(&l.Issuer)
	if err != nil {
		return nil, err
	}
	if !l.ThisUpdate.Before(l.NextUpdate) {
		return nil, errors.New("the next update is not after this one")
	}
	head := append([]byte{byte(asn1.INTEGER), 1, 1}, from...) // 1 is version 2
	if head, err = appendTime(head, l.ThisUpdate); err != nil {
		return nil, fmt.Errorf("this update: %w", err)
	}
	if head, err = appendTime(head, l.NextUpdate); err != nil {
		return nil, fmt.Errorf("next update: %w", err)
	}
	return head, nil
}

// tail is what stands behind the entries: key identifier and number, both of
// which RFC 5280 §5.2 demands of a list, and what makes it another than the complete
// one. What narrows a list is critical: who does not understand it must not take it for
// complete.
func (l List) tail() ([]byte, error) {
	if err := l.oneKind(); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addAuthorityKeyID(b, keyIdentifier{key: l.Issuer.SKI})
			addExtension(b, oidCRLNumber, uncritical, func(b *cryptobyte.Builder) { b.AddASN1Int64(l.Number) })
			if l.Base > 0 {
				addExtension(b, oidDelta, critical, func(b *cryptobyte.Builder) { b.AddASN1Int64(l.Base) })
			}
			if l.Point != "" || l.Authorities {
				addExtension(b, oidIssuingPoint, critical, l.addScope)
			}
			addPoints(b, oidFreshest, l.Freshest)
		})
	})
	return b.Bytes()
}

// oneKind refuses numbers that are none, and a list of two kinds.
func (l List) oneKind() error {
	kinds := 0
	for _, is := range []bool{l.Base != 0, l.Point != "", l.Authorities, l.Freshest != ""} {
		if is {
			kinds++
		}
	}
	switch {
	case l.Number <= 0:
		return errors.New("its number is not positive")
	case l.Base < 0 || l.Base > l.Number:
		return fmt.Errorf("its base %d is not between 1 and its number", l.Base)
	case kinds > 1:
		return errors.New("it is a delta, a shard, of authorities alone, or has a delta: one of these")
	}
	return nil
}

// addScope writes the value of the issuing distribution point: a full name, or the mark
// of CA certificates.
func (l List) addScope(b *cryptobyte.Builder) {
	inner := asn1.Tag(0).ContextSpecific().Constructed()
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if l.Authorities {
			addString(b, asn1.Tag(2).ContextSpecific(), "\xff")
			return
		}
		b.AddASN1(inner, func(b *cryptobyte.Builder) { // distributionPoint, a CHOICE
			b.AddASN1(inner, func(b *cryptobyte.Builder) { addAddress(b, l.Point) }) // fullName
		})
	})
}

// A pass goes over the entries once. Its buffers are reused: nothing is allocated
// for an entry.
type pass struct {
	size int64
	sum  hash.Hash
	// removes says that entries may take others back.
	removes bool
	// serial and last are numbers of 20 octets, so that they compare as integers.
	serial, last [maxSerial]byte
	text         [2 * maxSerial]byte
	entry        []byte
	// reason and invalidity are extensions of entries; what a reason ends with is its
	// number, and an invalidity date with its time.
	reason, invalidity []byte
}

// writeEntries writes the entries without a header around them, limit octets at most.
func (l List) writeEntries(w io.Writer, entries iter.Seq2[ca.Entry, error], limit int64) (*pass, error) {
	p := &pass{sum: sha256.New(), removes: l.Base > 0, entry: make([]byte, 0, maxEntry)}
	var reason, invalidity cryptobyte.Builder
	addExtension(&reason, oidReasonCode, uncritical, func(b *cryptobyte.Builder) { b.AddASN1Enum(0) })
	addExtension(&invalidity, oidInvalidityDate, uncritical, func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(time.Unix(0, 0).UTC()) })
	var err, too error
	p.reason, err = reason.Bytes()
	p.invalidity, too = invalidity.Bytes()
	if err = errors.Join(err, too); err != nil {
		return nil, err
	}
	for e, err := range entries {
		if err != nil {
			return nil, fmt.Errorf("read the entry after %x: %w", p.last, err)
		}
		if err := p.encode(e); err != nil {
			return nil, fmt.Errorf("entry %q: %w", string(e.Serial), err)
		}
		if p.size += int64(len(p.entry)); p.size > limit {
			return nil, fmt.Errorf("the entries have more than %d octets", limit)
		}
		p.sum.Write(p.entry) // a hash never fails
		if _, err := w.Write(p.entry); err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
	}
	return p, nil
}

// encode makes the entry's bytes (RFC 5280 §5.1.2.6): serial number, date, the reason,
// which is left out when it says nothing (§5.3.1), and the invalidity date if there is one.
func (p *pass) encode(e ca.Entry) error {
	if !e.Reason.Listed() && (e.Reason != ca.RemoveFromCRL || !p.removes) {
		return fmt.Errorf("the reason %d cannot stand on a list", e.Reason)
	}
	b := append(p.entry[:0], byte(asn1.SEQUENCE), 0)
	b, err := p.appendSerial(b, e.Serial)
	if err != nil {
		return err
	}
	if b, err = appendTime(b, e.At); err != nil {
		return err
	}
	if e.Reason != ca.Unspecified || !e.InvalidSince.IsZero() {
		if b, err = p.appendExtensions(b, e); err != nil {
			return err
		}
	}
	b[1] = byte(len(b) - 2) // below 128: a length of one octet
	p.entry = b
	return nil
}

// maxEntry is room for the longest entry.
const maxEntry = 96

// appendExtensions appends what an entry says beside its date.
func (p *pass) appendExtensions(b []byte, e ca.Entry) ([]byte, error) {
	at := len(b)
	b = append(b, byte(asn1.SEQUENCE), 0)
	if e.Reason != ca.Unspecified {
		b = append(b, p.reason...)
		b[len(b)-1] = byte(e.Reason)
	}
	if since := e.InvalidSince.UTC(); !since.IsZero() {
		const form = "20060102150405Z" // GeneralizedTime in any year (§5.3.2)
		if since.Nanosecond() != 0 || since.Year() < 1950 || since.Year() > 9999 {
			return nil, errors.New("the invalidity date is not in whole seconds between 1950 and 9999")
		}
		b = append(b, p.invalidity...)
		b = since.AppendFormat(b[:len(b)-len(form)], form)
	}
	b[at+1] = byte(len(b) - at - 2)
	return b, nil
}

// appendSerial appends the INTEGER and keeps it as the last. The hex is decoded by
// way of text, because a slice made of the string itself would be allocated.
func (p *pass) appendSerial(b []byte, s ca.Serial) ([]byte, error) {
	n := hex.DecodedLen(len(s))
	if n == 0 || n > maxSerial || len(s) != hex.EncodedLen(n) {
		return nil, errors.New("the serial number does not have 1 to 20 octets")
	}
	clear(p.serial[:])
	octets := p.serial[maxSerial-n:]
	if _, err := hex.Decode(octets, p.text[:copy(p.text[:], s)]); err != nil {
		return nil, errors.New("the serial number is not in hex")
	}
	negative := octets[0] > 0x7f // unless an octet of zero says otherwise
	switch {
	case octets[0] == 0:
		return nil, errors.New("the serial number is zero or begins with a zero")
	case negative && n == maxSerial:
		return nil, errors.New("the serial number has more than 20 octets with its sign")
	case bytes.Compare(p.serial[:], p.last[:]) <= 0:
		return nil, fmt.Errorf("it does not come after %x", p.last)
	}
	p.last = p.serial
	if negative {
		b = append(b, byte(asn1.INTEGER), byte(n+1), 0)
	} else {
		b = append(b, byte(asn1.INTEGER), byte(n))
	}
	return append(b, octets...), nil
}

// appendTime appends a time in whole seconds of UTC: UTCTime to 2049 and
// GeneralizedTime from 2050 (RFC 5280 §5.1.2.4, security rule TI-01).
func appendTime(b []byte, t time.Time) ([]byte, error) {
	t = t.UTC()
	switch year := t.Year(); {
	case t.Nanosecond() != 0:
		return nil, errors.New("the time is not in whole seconds")
	case year < 1950 || year > 9999:
		return nil, errors.New("the time is not between 1950 and 9999")
	case year < 2050:
		return t.AppendFormat(append(b, byte(asn1.UTCTime), 13), "060102150405Z"), nil
	}
	return t.AppendFormat(append(b, byte(asn1.GeneralizedTime), 15), "20060102150405Z"), nil
}

// appendHeader appends tag and length in the fewest octets; cryptobyte would want
// the content in memory. The size is below 2^31.
func appendHeader(b []byte, tag asn1.Tag, size int64) []byte {
	b = append(b, byte(tag))
	if size < 0x80 {
		return append(b, byte(size))
	}
	n := 1
	for size>>(8*n) > 0 {
		n++
	}
	b = append(b, 0x80|byte(n))
	for n--; n >= 0; n-- {
		b = append(b, byte(size>>(8*n)))
	}
	return b
}
