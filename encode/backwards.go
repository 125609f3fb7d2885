// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/hex"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// backwards writes DER from its end to its beginning, so that a header comes when the
// size of its content is known: one buffer, which must be large enough, and no copy.
// OCSP responses are signed for each request that has a nonce; this is a tenth of what
// cryptobyte takes.
type backwards struct {
	b  []byte
	at int // where the last octets written begin
}

func (w *backwards) octet(o byte) {
	w.at--
	w.b[w.at] = o
}

func (w *backwards) bytes(b []byte) {
	w.at -= len(b)
	copy(w.b[w.at:], b)
}

func (w *backwards) text(s string) {
	w.at -= len(s)
	copy(w.b[w.at:], s)
}

// header writes tag and length, in the fewest octets, of what was written since end.
func (w *backwards) header(tag asn1.Tag, end int) {
	size := end - w.at
	if size >= 0x80 {
		n := byte(0)
		for ; size > 0; size >>= 8 {
			w.octet(byte(size))
			n++
		}
		w.octet(0x80 | n)
	} else {
		w.octet(byte(size))
	}
	w.octet(byte(tag))
}

// time writes a GeneralizedTime in whole seconds of UTC, without fractions: what OCSP
// has in any year (RFC 6960 §4.2.2.1, RFC 5280 §4.1.2.5.2).
func (w *backwards) time(t time.Time) error {
	t = t.UTC()
	year, month, day := t.Date()
	if t.Nanosecond() != 0 || year < 1950 || year > 9999 {
		return errors.New("a time is not in whole seconds between 1950 and 9999")
	}
	hour, minute, second := t.Clock()
	end := w.at
	w.octet('Z')
	// Formats of package time take as long as the rest of a response.
	for _, two := range [...]int{second, minute, hour, day, int(month), year % 100, year / 100} {
		w.octet('0' + byte(two%10))
		w.octet('0' + byte(two/10))
	}
	w.header(asn1.GeneralizedTime, end)
	return nil
}

// serial writes an INTEGER that is positive and has 20 octets at most.
func (w *backwards) serial(s ca.Serial) error {
	n := hex.DecodedLen(len(s))
	if n == 0 || n > maxSerial || len(s) != hex.EncodedLen(n) {
		return errors.New("the serial number does not have 1 to 20 octets")
	}
	var octets [maxSerial]byte
	if _, err := hex.Decode(octets[:], []byte(s)); err != nil {
		return errors.New("the serial number is not in hex")
	}
	if octets[0] == 0 {
		return errors.New("the serial number is zero or begins with a zero")
	}
	end := w.at
	w.bytes(octets[:n])
	if octets[0] > 0x7f {
		w.octet(0) // or it would be negative
	}
	w.header(asn1.INTEGER, end)
	return nil
}
