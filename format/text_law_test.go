// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"chancery/ca"
	"chancery/format"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// one is a certificate with these extensions and this key.
func one(t testing.TB, key []byte, extensions ...[]byte) []byte {
	m := newMaker(1)
	algorithm := seq(oid("1.3.101.112"))
	return seq(seq(wrap(0, integer(2)), integer(5), algorithm, m.plainName(), seq(utc("260102030405Z"), utc("270102030405Z")), m.plainName(), key,
		wrap(3, seq(extensions...))), algorithm, bits(0, 1, 2, 3))
}

func utc(s string) []byte { return tlv(asn1.UTCTime, []byte(s)) }

func plainKey() []byte { return seq(seq(oid("1.3.101.112")), bits(0, make([]byte, 32)...)) }

func extension(name string, value []byte) []byte {
	return seq(oid(name), tlv(asn1.OCTET_STRING, value))
}

// exceptions is where the text is not the peer's, on purpose. All else is compared to
// the octet.
var exceptions = []struct {
	name, reason string
	der          func(t testing.TB) []byte
	want         string // a line, or part of one
}{
	{
		"control characters in names become numbers", "a terminal would obey them",
		func(t testing.TB) []byte {
			return one(t, plainKey(), extension("2.5.29.17", seq(own(2, []byte("a\x1b[2J\nDNS:forged")))))
		},
		`                DNS:a\x1B[2J\x0ADNS:forged` + "\n",
	},
	{
		"marks that turn the direction of writing become numbers", "they make a name look like another",
		func(t testing.TB) []byte {
			return one(t, plainKey(), extension("2.5.29.17", seq(own(1, []byte("a\u202eb@x")))))
		},
		`                email:a\xE2\x80\xAEb@x` + "\n",
	},
	{
		"octets that are no UTF-8 become numbers", "the text is UTF-8",
		func(t testing.TB) []byte {
			return one(t, plainKey(), extension("2.5.29.17", seq(own(6, []byte("http://\xff/")))))
		},
		`                URI:http://\xFF/` + "\n",
	},
	{
		"line breaks in unknown extensions are dots", "a stranger would write lines of his own",
		func(t testing.TB) []byte { return one(t, plainKey(), extension("1.2.3", []byte("a\nb\rc"))) },
		"                a.b.c\n",
	},
	{
		"nothing is hidden behind a NUL", "OpenSSL ends the comment there",
		func(t testing.TB) []byte {
			return one(t, plainKey(), extension("2.16.840.1.113730.1.13", tlv(asn1.IA5String, []byte("a\x00b"))))
		},
		`                a\x00b` + "\n",
	},
	{
		"a notice in BMPString can be read", "OpenSSL prints its first octet, which is a NUL",
		func(t testing.TB) []byte {
			return one(t, plainKey(), extension("2.5.29.32", seq(seq(oid("1.2.3"), seq(seq(oid("1.3.6.1.5.5.7.2.2"), seq(tlv(asn1.Tag(30), wide("Ü!", 2)))))))))
		},
		"                    Explicit Text: Ü!\n",
	},
	{
		"a key that cannot be read is said to be so, and the rest follows", "OpenSSL adds the lines of its error queue, with addresses",
		func(t testing.TB) []byte {
			return one(t, seq(seq(oid("1.2.3")), bits(0, 1)), extension("2.5.29.14", tlv(asn1.OCTET_STRING, []byte{1})))
		},
		"            Public Key Algorithm: 1.2.3\n            Unable to load Public Key\n        X509v3 extensions:\n",
	},
	{
		"a point that is on no curve is shown", "showing is no judging",
		func(t testing.TB) []byte {
			return one(t, seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), bits(0, 4, 1, 2)))
		},
		"                    04:01:02\n                ASN1 OID: prime256v1\n",
	},
	{
		"a curve written out in numbers is no key to us", "RFC 5480 §2.1.1 forbids it, and nothing here takes it",
		func(t testing.TB) []byte {
			return one(t, seq(seq(oid("1.2.840.10045.2.1"), seq(integer(1))), bits(0, 4, 1, 2)))
		},
		"            Unable to load Public Key\n",
	},
	{
		"extensions for routing, proxies and time stamps are octets", "OpenSSL takes them apart; private authorities do not meet them",
		func(t testing.TB) []byte { return one(t, plainKey(), extension("1.3.6.1.5.5.7.1.8", seq())) },
		"            sbgp-autonomousSysNum: \n                0.\n",
	},
	{
		"an extension in BER is octets", "OpenSSL reads indefinite lengths too; RFC 5280 §4.1 wants DER",
		func(t testing.TB) []byte {
			return one(t, plainKey(), extension("2.5.29.19", []byte{0x30, 0x80, 0, 0}))
		},
		"            X509v3 Basic Constraints: \n                0...\n",
	},
}

func TestR62_WhereTheTextIsNotTheOneOfOpenSSL(t *testing.T) {
	for _, tt := range exceptions {
		t.Run(tt.name, func(t *testing.T) {
			der := tt.der(t)
			ours, err := format.CertificateText(der)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(ours, tt.want) {
				t.Errorf("want %q in\n%s", tt.want, ours)
			}
			if !strings.HasSuffix(ours, "01:02:03\n") {
				t.Errorf("the signature is missing:\n%s", ours)
			}
			if theirs := openssl(t, der, "x509", "-inform", "DER", "-noout", "-text"); theirs == ours {
				t.Error("it is the same by now: the exception can go")
			}
		})
	}
}

// Wishes that cannot be read are shown as octets; the peer leaves them out, or stops at
// an attribute without a value.
func TestR62_WhereTheTextOfARequestIsNotTheOneOfOpenSSL(t *testing.T) {
	for _, tt := range []struct{ name, attribute, value, want string }{
		{"wishes that are none are octets", "1.2.840.113549.1.9.14", "wish", "            Requested Extensions:\n                ..wish\n    Signature"},
		{"an attribute without a value has its name", "1.2.840.113549.1.9.7", "", "            challengePassword\n            Requested"},
		{"line breaks in a password become numbers", "1.2.840.113549.1.9.7", "a\nb", `challengePassword        :a\x0Ab` + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value := tlv(asn1.UTF8String, []byte(tt.value))
			if tt.value == "" {
				value = nil
			}
			attribute := seq(oid(tt.attribute), tlv(asn1.SET, value))
			text, err := format.RequestText(seq(seq(integer(0), seq(), plainKey(), wrap(0, attribute)), seq(oid("1.3.101.112")), bits(0, 1)))
			if err != nil || !strings.Contains(text, tt.want) {
				t.Errorf("want %q in\n%s%v", tt.want, text, err)
			}
		})
	}
}

func TestR62_WhatIsNoCertificateIsAProblem(t *testing.T) {
	for _, tt := range []struct {
		name string
		der  []byte
		code ca.Code
	}{
		{"nothing", nil, ca.E2501},
		{"a word", []byte("certificate"), ca.E2501},
		{"an empty sequence", seq(), ca.E2501},
		{"something after it", append(one(t, plainKey()), 0), ca.E2501},
		{"cut short", one(t, plainKey())[:100], ca.E2501},
		{"above 1 MiB", make([]byte, 1<<20+1), ca.E2504},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, show := range map[string]func([]byte) (string, error){"certificate": format.CertificateText, "request": format.RequestText, "list": listText} {
				text, err := show(tt.der)
				var p *ca.Problem
				if !errors.As(err, &p) || text != "" {
					t.Errorf("%s: %q, %v", name, text, err)
				} else if p.Code != tt.code && name != "list" {
					t.Errorf("%s: %s, want %s", name, p.Code, tt.code)
				}
			}
		})
	}
}

// writes notes the largest write and how much came in all.
type writes struct{ largest, total int }

func (w *writes) Write(p []byte) (int, error) {
	w.largest, w.total = max(w.largest, len(p)), w.total+len(p)
	return len(p), nil
}

// A million entries are a hundred megabytes of text, which must not wait in memory.
func TestR62_AListIsWrittenEntryByEntry(t *testing.T) {
	m := newMaker(1)
	entry := seq(integer(1<<40), utc("260102030405Z"), seq(extension("2.5.29.21", tlv(asn1.ENUM, []byte{1}))))
	entries := append(bytes.Repeat(entry, 20_000), tlv(asn1.NULL)...)
	der := seq(seq(integer(1), seq(oid("1.3.101.112")), m.plainName(), utc("260102030405Z"), seq(entries)), seq(oid("1.3.101.112")), bits(0, 1))
	var w writes
	err := format.ListText(&w, der)
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E2501 {
		t.Errorf("a damaged last entry: %v", err)
	}
	if w.total < 20_000*100 || w.largest > 64<<10 {
		t.Errorf("%d octets were written before it, %d at once", w.total, w.largest)
	}
}

// The law: whatever is inside, the text is UTF-8 without control characters but line
// breaks, and no more than some times as large.
func FuzzText(f *testing.F) {
	for seed := range uint64(30) {
		m := newMaker(seed)
		f.Add(m.certificate(f, m.name))
		f.Add(m.request(f))
		f.Add(m.list(m.name))
	}
	for _, e := range exceptions {
		f.Add(e.der(f))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, show := range []func([]byte) (string, error){format.CertificateText, format.RequestText, listText} {
			text, err := show(der)
			var p *ca.Problem
			if err != nil && !errors.As(err, &p) {
				t.Fatalf("%v is no problem", err)
			}
			if !utf8.ValidString(text) {
				t.Fatalf("%q is no UTF-8", text)
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("%q has a control character", text[max(0, i-20):])
			}
			if len(text) > 100*len(der)+1000 {
				t.Fatalf("%d octets became %d", len(der), len(text))
			}
		}
	})
}
