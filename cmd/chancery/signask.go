// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strings"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
)

// signAgreed shows what would be signed at a terminal, and asks (R60). Scripts are not asked,
// nor is who said --yes.
func (a *app) signAgreed(ctx context.Context, k *client.Client, q signing) error {
	if q.yes || !a.interactive() {
		return nil
	}
	p, err := k.Plan(ctx, q.Order)
	if err != nil {
		return err
	}
	fmt.Fprint(a.err, fitted(askedSubject(q.CSR)+planText(p), columnsOf(a.err)), "Sign? Type yes: ")
	typed, err := a.line(ctx, byYes)
	if err != nil {
		return err
	}
	if typed != "yes" {
		return usage("nothing was signed", "type yes, or say it before: --yes")
	}
	return nil
}

// stringTypes are the ASN.1 types that a name's fields have (RFC 5280 appendix A.1).
var stringTypes = map[int]string{
	asn1.TagUTF8String: "UTF8String", asn1.TagPrintableString: "PrintableString", asn1.TagT61String: "TeletexString",
	asn1.TagIA5String: "IA5String", asn1.TagBMPString: "BMPString", 28: "UniversalString",
}

// askedSubject is the distinguished name of a request, field by field with its string
// type: two names that look the same may differ by it, and openssl ca compares it.
func askedSubject(content []byte) string {
	der, err := csr.Decode(content)
	if err != nil {
		return ""
	}
	x, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return ""
	}
	var rdns []asn1.RawValue
	if _, err := asn1.Unmarshal(x.RawSubject, &rdns); err != nil || len(rdns) == 0 {
		return "asks for no subject\n"
	}
	var b strings.Builder
	b.WriteString("asks for the subject:\n")
	for _, set := range rdns {
		for rest := set.Bytes; len(rest) > 0; {
			var field struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			if rest, err = asn1.Unmarshal(rest, &field); err != nil {
				return b.String()
			}
			kind, known := stringTypes[field.Value.Tag]
			if !known {
				kind = fmt.Sprintf("type %d", field.Value.Tag)
			}
			name, _, _ := strings.Cut(ca.Subject{{OID: field.Type.String()}}.String(), "=")
			fmt.Fprintf(&b, "  %s  %s  %s\n", name, kind, ca.Show(string(field.Value.Bytes)))
		}
	}
	return b.String()
}
