// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// addValidity writes a Validity: whole seconds in UTC, UTCTime to 2049 and
// GeneralizedTime from 2050 (RFC 5280 §4.1.2.5, security rule TI-01).
func addValidity(b *cryptobyte.Builder, notBefore, notAfter time.Time) {
	if !notBefore.Before(notAfter) {
		b.SetError(errors.New("the validity ends before it begins"))
		return
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addTime(b, notBefore)
		addTime(b, notAfter)
	})
}

func addTime(b *cryptobyte.Builder, t time.Time) {
	t = t.UTC()
	switch year := t.Year(); {
	case t.Nanosecond() != 0:
		b.SetError(errors.New("a certificate's time is not in whole seconds"))
	case year < 1950 || year > 9999:
		b.SetError(errors.New("a certificate's time is not between 1950 and 9999"))
	case year < 2050:
		b.AddASN1(asn1.UTCTime, func(b *cryptobyte.Builder) {
			b.AddBytes(t.AppendFormat(make([]byte, 0, 13), "060102150405Z"))
		})
	default:
		b.AddASN1(asn1.GeneralizedTime, func(b *cryptobyte.Builder) {
			b.AddBytes(t.AppendFormat(make([]byte, 0, 15), "20060102150405Z"))
		})
	}
}
