// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/hex"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is text from a stranger, safe for a terminal: what is printable stays,
// and the octets of everything else (control characters, line breaks, marks that
// turn the direction of writing, broken UTF-8) become \xHH.
func visible(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if (r == utf8.RuneError && n == 1) || !unicode.IsPrint(r) {
			for _, c := range b[:n] {
				out.WriteString(`\x` + strings.ToUpper(hex.EncodeToString([]byte{c})))
			}
		} else {
			out.Write(b[:n])
		}
		b = b[n:]
	}
	return out.String()
}

// dots is how octets nobody understands are shown: ASCII, a dot for the rest.
func dots(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if out[i] = c; c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

// colons is octets as AB:CD.
func colons(b []byte) string {
	return strings.ToUpper(lines(b, max(len(b), 1), ""))
}

// lines is octets as ab:cd, so many in a line, each line after pad. The last has
// no line break.
func lines(b []byte, perLine int, pad string) string {
	var out strings.Builder
	const digits = "0123456789abcdef"
	for i, c := range b {
		if i%perLine == 0 {
			if i > 0 {
				out.WriteByte('\n')
			}
			out.WriteString(pad)
		}
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
		if i+1 < len(b) {
			out.WriteByte(':')
		}
	}
	return out.String()
}

// spaces is an indent.
func spaces(n int) string { return strings.Repeat(" ", n) }

// number is an integer as extensions show it: decimal below 128 bits, else hexadecimal.
func number(n *big.Int) string {
	if n.BitLen() < 128 {
		return n.String()
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + "0x" + upperHex(n)
}

// upperHex is the octets of a number without its sign.
func upperHex(n *big.Int) string { return strings.ToUpper(hex.EncodeToString(magnitude(n))) }
