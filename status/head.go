// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxAround bounds what surrounds the entries of a list, in octets: two names, an
// algorithm, dates and a few extensions before and after them.
const maxAround = 8 << 10

// A head is what a list says of itself.
type head struct {
	number     int64
	this, next time.Time
	// tbs are the to-be-signed bytes, entries what revokedCertificates holds; empty if
	// nothing is revoked.
	tbs, entries span
}

// A span is a part of a file.
type span struct{ from, size int64 }

// errNoList says that a file is not a list of the form that we publish.
var errNoList = errors.New("not a whole revocation list in DER")

// readHead reads what surrounds the entries of a list of any kind (RFC 5280 §5.1), and
// skips the entries, however many there are. It does not check the signature.
func readHead(r io.ReaderAt, size int64) (h head, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read a revocation list: %w", err)
		}
	}()
	front := make([]byte, min(size, maxAround))
	if _, err := r.ReadAt(front, 0); err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	rest := cryptobyte.String(front)
	// The outer two headers reach beyond what was read, so they are only passed.
	if !skipHeader(&rest) {
		return h, errNoList
	}
	h.tbs.from = int64(len(front) - len(rest))
	var ok bool
	if h.tbs.size, ok = elementSize(rest); !ok || h.tbs.from+h.tbs.size > size || !skipHeader(&rest) {
		return h, errNoList
	}
	var version int
	if !rest.ReadASN1Integer(&version) || version != 1 || !rest.SkipASN1(asn1.SEQUENCE) || !rest.SkipASN1(asn1.SEQUENCE) ||
		!readTime(&rest, &h.this) || !readTime(&rest, &h.next) {
		return h, errNoList
	}
	at := int64(len(front) - len(rest))
	if rest.PeekASN1Tag(asn1.SEQUENCE) {
		header, content, ok := headerOf(rest)
		h.entries = span{at + int64(header), content}
		if at = h.entries.from + content; !ok || at > size {
			return h, errNoList
		}
	}
	back := make([]byte, min(size-at, maxAround))
	if _, err := r.ReadAt(back, at); err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	h.number, err = readNumber(back)
	return h, err
}

// readNumber finds the CRL number among the extensions of a list.
func readNumber(back []byte) (number int64, err error) {
	rest := cryptobyte.String(back)
	var wrapped, list, one, value cryptobyte.String
	if !rest.ReadASN1(&wrapped, asn1.Tag(0).Constructed().ContextSpecific()) || !wrapped.ReadASN1(&list, asn1.SEQUENCE) {
		return 0, errNoList
	}
	for !list.Empty() {
		var oid cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !one.SkipOptionalASN1(asn1.BOOLEAN) ||
			!one.ReadASN1(&value, asn1.OCTET_STRING) {
			return 0, errNoList
		}
		if string(oid) == "\x55\x1d\x14" { // 2.5.29.20
			if !value.ReadASN1Integer(&number) || number < 1 {
				return 0, errNoList
			}
			return number, nil
		}
	}
	return 0, errNoList
}

// readTime reads a Time (RFC 5280 §4.1.2.5).
func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}

// skipHeader passes the tag and the length of a SEQUENCE.
func skipHeader(s *cryptobyte.String) bool {
	header, _, ok := headerOf(*s)
	return ok && (*s)[0] == byte(asn1.SEQUENCE) && s.Skip(header)
}

// elementSize gives how many octets an element takes that may reach beyond s.
func elementSize(s cryptobyte.String) (int64, bool) {
	header, content, ok := headerOf(s)
	return int64(header) + content, ok
}

// headerOf reads the length of a definite, low-tag element.
func headerOf(s cryptobyte.String) (header int, content int64, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	n := int(s[1])
	if n < 0x80 {
		return 2, int64(n), true
	}
	if n &= 0x7f; n < 1 || n > 4 || len(s) < 2+n {
		return 0, 0, false
	}
	for _, b := range s[2 : 2+n] {
		content = content<<8 | int64(b)
	}
	return 2 + n, content, true
}
