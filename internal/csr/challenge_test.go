// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"strings"
	"testing"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// R49: a challenge password is read in each form that tools write, and what is kept of its
// request is without it, and asks for the same. One that nobody could give again is refused.
func TestR49_AChallengePasswordIsTakenOutOfWhatIsKept(t *testing.T) {
	names := extensions(san(dns("nas.lab.example")))
	for name, c := range map[string]struct {
		value []byte
		want  string // none: refused
	}{
		"UTF-8":              {element(asn1.UTF8String, []byte("schlüssel")), "schlüssel"},
		"printable":          {element(asn1.PrintableString, []byte("secret 1")), "secret 1"},
		"IA5":                {element(asn1.IA5String, []byte("sec@ret")), "sec@ret"},
		"Teletex":            {element(asn1.T61String, []byte("schl\xfcssel")), "schlüssel"},
		"two octets each":    {element(asn1.Tag(30), []byte("\x00a\x00\xfc")), "aü"},
		"one that fits":      {element(asn1.UTF8String, []byte(strings.Repeat("x", ca.MaxChallenge))), strings.Repeat("x", ca.MaxChallenge)},
		"one too long":       {element(asn1.UTF8String, []byte(strings.Repeat("x", ca.MaxChallenge+1))), ""},
		"an empty one":       {element(asn1.UTF8String, nil), ""},
		"NUL":                {element(asn1.UTF8String, []byte("sec\x00ret")), ""},
		"a line break":       {element(asn1.UTF8String, []byte("sec\nret")), ""},
		"no UTF-8":           {element(asn1.UTF8String, []byte("sec\xffret")), ""},
		"half a character":   {element(asn1.Tag(30), []byte("\x00a\x00")), ""},
		"half a pair":        {element(asn1.Tag(30), []byte("\xd8\x00\x00a")), ""},
		"two values":         {join(element(asn1.UTF8String, []byte("a")), element(asn1.UTF8String, []byte("b"))), ""},
		"a number":           {element(asn1.INTEGER, []byte{7}), ""},
		"octets of any kind": {element(asn1.OCTET_STRING, []byte("secret")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			der := wish{attributes: join(attribute(oidChallenge, c.value), names)}.der(t)
			p, err := Parse(der)
			if c.want == "" {
				if err == nil {
					t.Errorf("it is read as %q", []byte(p.Challenge))
				}
				return
			}
			if err != nil || string(p.Challenge) != c.want || !bytes.Equal(p.Whole, der) || Check(p) != nil {
				t.Fatalf("%q %v", []byte(p.Challenge), err)
			}
			if !Storable(p.Raw) || bytes.Contains(p.Raw, c.value[2:]) || Storable(der) {
				t.Errorf("what is kept has it: %x", p.Raw)
			}
			kept, err := Parse(p.Raw)
			if err != nil || kept.Challenge != nil || kept.Whole != nil || !bytes.Equal(kept.Raw, p.Raw) || kept.Key != p.Key || kept.Subject.String() != p.Subject.String() || len(kept.Names) != len(p.Names) {
				t.Errorf("what is kept asks for something else: %+v %v", kept, err)
			}
			if Check(kept) == nil {
				t.Error("what is kept verifies, as if its holder had signed it")
			}
		})
	}
	p, err := Parse(wish{attributes: names}.der(t))
	if err != nil || p.Whole != nil || p.Challenge != nil {
		t.Errorf("without one: %v %v", p.Whole, err)
	}
}
