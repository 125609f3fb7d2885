// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxArc is the largest arc we write: common decoders hold an arc, the first
// two joined, in 31 bits.
const maxArc = 1<<31 - 1

// addOID writes an object identifier given in dotted decimal, without
// allocating: it runs several times for each certificate.
func addOID(b *cryptobyte.Builder, dotted string) {
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) {
		rest, first, arcs := dotted, int64(0), 0
		for more := true; more; arcs++ {
			var arc int64
			var ok bool
			if arc, rest, more, ok = nextArc(rest); !ok {
				b.SetError(fmt.Errorf("malformed object identifier %q", dotted))
				return
			}
			switch {
			case arcs == 0:
				if first = arc; arc > 2 {
					b.SetError(fmt.Errorf("malformed object identifier %q", dotted))
					return
				}
				continue
			case arcs == 1:
				if first < 2 && arc > 39 {
					b.SetError(fmt.Errorf("malformed object identifier %q", dotted))
					return
				}
				arc += 40 * first
			}
			if arc > maxArc {
				b.SetError(fmt.Errorf("object identifier %q has an arc above 31 bits", dotted))
				return
			}
			addBase128(b, arc)
		}
		if arcs < 2 {
			b.SetError(fmt.Errorf("malformed object identifier %q", dotted))
		}
	})
}

// nextArc reads one arc: decimal, no leading zero, at most maxArc. More tells
// that a dot followed.
func nextArc(s string) (arc int64, rest string, more, ok bool) {
	i := 0
	for ; i < len(s) && s[i] != '.'; i++ {
		if s[i] < '0' || s[i] > '9' || i > 0 && s[0] == '0' {
			return 0, "", false, false
		}
		if arc = arc*10 + int64(s[i]-'0'); arc > maxArc {
			return 0, "", false, false
		}
	}
	if i == 0 {
		return 0, "", false, false
	}
	if i == len(s) {
		return arc, "", false, true
	}
	return arc, s[i+1:], true, true
}

// addBase128 writes an arc in groups of seven bits, highest first (X.690 §8.19).
func addBase128(b *cryptobyte.Builder, arc int64) {
	shift := 0
	for arc>>shift > 0x7f {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		b.AddUint8(byte(arc>>shift)&0x7f | 0x80)
	}
	b.AddUint8(byte(arc) & 0x7f)
}
