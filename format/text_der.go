// SPDX-License-Identifier: Apache-2.0

package format

import (
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// implicit is the tag of an IMPLICIT field that is primitive.
func implicit(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific() }

// explicit is the tag of a field that wraps others: EXPLICIT, or an IMPLICIT
// SEQUENCE or SET.
func explicit(n uint8) asn1.Tag { return implicit(n).Constructed() }

// take reads the content of the next element, which must have this tag.
func take(in *cryptobyte.String, tag asn1.Tag) (cryptobyte.String, bool) {
	var content cryptobyte.String
	ok := in.ReadASN1(&content, tag)
	return content, ok
}

// takeOptional is take for an element that may be missing.
func takeOptional(in *cryptobyte.String, tag asn1.Tag) (content cryptobyte.String, there, ok bool) {
	ok = in.ReadOptionalASN1(&content, &there, tag)
	return content, there, ok
}

// An element is a value whose type is the sender's choice.
type element struct {
	tag     asn1.Tag
	content []byte
	// whole is the element with its tag and length.
	whole []byte
}

// takeAny reads the next element, whatever it is.
func takeAny(in *cryptobyte.String) (element, bool) {
	var whole, content cryptobyte.String
	var tag asn1.Tag
	if !in.ReadAnyASN1Element(&whole, &tag) {
		return element{}, false
	}
	rest := whole
	if !rest.ReadAnyASN1(&content, &tag) {
		return element{}, false
	}
	return element{tag: tag, content: content, whole: whole}, true
}

// maxOID bounds an object identifier: the arithmetic of its printing grows with
// the square of a component's length. Real ones have a tenth of this.
const maxOID = 128

// takeOID reads an object identifier as dotted numbers.
func takeOID(in *cryptobyte.String, tag asn1.Tag) (string, bool) {
	content, ok := take(in, tag)
	if !ok {
		return "", false
	}
	return dotted(content)
}

// dotted is an object identifier in numbers (X.690 §8.19), of any size.
func dotted(content []byte) (string, bool) {
	if len(content) == 0 || len(content) > maxOID || content[len(content)-1]&0x80 != 0 {
		return "", false
	}
	var b strings.Builder
	arc, fresh, first := new(big.Int), true, true
	for _, c := range content {
		if fresh && c == 0x80 {
			return "", false // a component with a leading zero
		}
		arc.Lsh(arc, 7).Or(arc, big.NewInt(int64(c&0x7f)))
		if fresh = c&0x80 == 0; !fresh {
			continue
		}
		if first {
			// The first two components share a number: 40 X + Y, X at most 2.
			x := int64(2)
			if arc.Cmp(big.NewInt(80)) < 0 {
				x = arc.Int64() / 40
			}
			arc.Sub(arc, big.NewInt(40*x))
			b.WriteString(strconv.FormatInt(x, 10))
			first = false
		}
		b.WriteByte('.')
		b.WriteString(arc.String())
		arc.SetInt64(0)
	}
	return b.String(), true
}

// maxInteger bounds an INTEGER: keys of 16384 bits and their sign fit.
const maxInteger = 2049

// takeInteger reads an INTEGER or ENUMERATED of any sign. Encodings with leading
// zeros are read too: they must still be shown.
func takeInteger(in *cryptobyte.String, tag asn1.Tag) (*big.Int, bool) {
	content, ok := take(in, tag)
	if !ok || len(content) == 0 || len(content) > maxInteger {
		return nil, false
	}
	n := new(big.Int).SetBytes(content)
	if content[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	return n, true
}

// magnitude is the number's octets without its sign, at least one.
func magnitude(n *big.Int) []byte {
	if n.Sign() == 0 {
		return []byte{0}
	}
	return n.Bytes()
}

// takeBits reads a BIT STRING; unused bits are zero in what it gives.
func takeBits(in *cryptobyte.String, tag asn1.Tag) ([]byte, bool) {
	content, ok := take(in, tag)
	if !ok || len(content) == 0 || content[0] > 7 || (len(content) == 1 && content[0] != 0) {
		return nil, false
	}
	bits := append([]byte(nil), content[1:]...)
	if len(bits) > 0 {
		bits[len(bits)-1] &= 0xff << content[0]
	}
	return bits, true
}

// bit tells whether a named bit is set.
func bit(bits []byte, n int) bool {
	return n/8 < len(bits) && bits[n/8]&(0x80>>(n%8)) != 0
}

// takeBoolean reads an optional BOOLEAN; each value but zero is true, as in BER,
// because that is how readers in the field understand it.
func takeBoolean(in *cryptobyte.String, tag asn1.Tag) (value, ok bool) {
	content, there, ok := takeOptional(in, tag)
	if !ok || !there {
		return false, ok
	}
	return len(content) == 1 && content[0] != 0, len(content) == 1
}
