// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxDepth bounds nesting. A certificate's extension within a bag within a PKCS#12
// file's data is about 20 deep; each level is copied once.
const maxDepth = 32

// errBER is why bytes are not BER either.
var errBER = errors.New("not in BER (X.690 §8)")

// constructed is the bit of a tag that says that elements are inside (X.690 §8.1.2.5).
const constructed = 0x20

// toDER gives one element every length its shortest form and joins octet strings
// that come in parts (X.690 §8.1.3.6, §8.7): what old versions of NSS, Java, Windows
// and Bouncy Castle write. Nothing else is touched, and DER comes back as it is, so
// that signatures inside stay good.
func toDER(in []byte) ([]byte, error) {
	out, rest, err := reencode(in, 0)
	if err == nil && len(rest) > 0 {
		return nil, errBER
	}
	return out, err
}

// reencode does the first element of in.
func reencode(in []byte, depth int) (out, rest []byte, err error) {
	tag, length, body, ok := header(in)
	if !ok || depth > maxDepth {
		return nil, nil, errBER
	}
	if tag&constructed == 0 {
		return derElement(tag, body[:length]), body[length:], nil
	}
	inside := body
	if length >= 0 {
		inside, rest = body[:length], body[length:]
	}
	joins := asn1.Tag(tag) == asn1.OCTET_STRING|constructed
	var content []byte
	for {
		if length < 0 && len(inside) >= 2 && inside[0] == 0 && inside[1] == 0 {
			rest = inside[2:]
			break
		}
		if length >= 0 && len(inside) == 0 {
			break
		}
		var one []byte
		if one, inside, err = reencode(inside, depth+1); err != nil {
			return nil, nil, err
		}
		if joins {
			t, n, part, ok := header(one)
			if !ok || asn1.Tag(t) != asn1.OCTET_STRING {
				return nil, nil, errBER
			}
			one = part[:n]
		}
		content = append(content, one...)
	}
	if joins {
		tag &^= constructed
	}
	return derElement(tag, content), rest, nil
}

// header reads tag and length; length is -1 for the indefinite form, else body has at
// least as many octets. Tags above 30 occur in none of our forms.
func header(in []byte) (tag byte, length int, body []byte, ok bool) {
	if len(in) < 2 || in[0]&0x1f == 0x1f || in[0] == 0 {
		return 0, 0, nil, false
	}
	tag, first, body := in[0], in[1], in[2:]
	switch n := int(first & 0x7f); {
	case first < 0x80:
		length = n
	case n == 0:
		return tag, -1, body, tag&constructed != 0
	case n > 8 || n > len(body):
		return 0, 0, nil, false
	default:
		var wide [8]byte
		copy(wide[8-n:], body[:n])
		long := binary.BigEndian.Uint64(wide[:])
		body = body[n:]
		if long > uint64(len(body)) {
			return 0, 0, nil, false
		}
		length = int(long)
	}
	return tag, length, body, length <= len(body)
}

// derElement writes one element in DER.
func derElement(tag byte, content []byte) []byte {
	n := len(content)
	out := make([]byte, 0, n+6)
	out = append(out, tag)
	switch {
	case n < 1<<7:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		out = binary.BigEndian.AppendUint32(append(out, 0x84), uint32(n))
	}
	return append(out, content...)
}
