// SPDX-License-Identifier: Apache-2.0

package ca_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
	"strings"
	"testing"

	"chancery/ca"
)

// What stands in a certificate is shown as it was typed: in one order, and readable again.
func TestAnEncodedNameIsShownAsItIsTyped(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"", "CN=x", `C=DE,O=Lab\, Inc.,OU=a,OU=b,CN=Lab CA`, "DC=example,DC=lab,CN=Zoë", `O=\#1\+\=2,CN=\ a\ `, "1.3.6.1.4.1.32473.9=z"} {
		s, err := ca.ParseDN(typed)
		if err != nil {
			t.Fatal(err)
		}
		var rdns pkix.RDNSequence
		for _, a := range s {
			var oid asn1.ObjectIdentifier
			for arc := range strings.SplitSeq(a.OID, ".") {
				n, err := strconv.Atoi(arc)
				if err != nil {
					t.Fatal(err)
				}
				oid = append(oid, n)
			}
			rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: a.Value}})
		}
		der, err := asn1.Marshal(rdns)
		if err != nil {
			t.Fatal(err)
		}
		if got := ca.EncodedName(der); got != typed || s.String() != typed {
			t.Errorf("typed %s, shown %s and %s", typed, s, got)
		}
	}
}

// Names of others hold what nobody types: several fields in one place, types that are no
// text, and no name at all.
func TestAnEncodedNameOfAnotherIsShownAsFarAsItCanBe(t *testing.T) {
	t.Parallel()
	for der, want := range map[string]string{
		"\x30\x1a\x31\x18\x30\x09\x06\x03\x55\x04\x03\x0c\x02ab\x30\x0b\x06\x03\x55\x04\x0a\x1e\x04\x00c\x00d": "CN=ab+O=cd", // BMPString
		"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x04\x04\x00\x01\x02\x03":                                 "CN=#040400010203",
		"\x30\x03\x02\x01\x01": "",
		"no name":              "",
	} {
		if got := ca.EncodedName([]byte(der)); got != want {
			t.Errorf("%x is shown as %q, not %q", der, got, want)
		}
	}
}
