// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/encode"
)

// R71: key usage, policies and extensions of a profile as the library and OpenSSL read
// them.
func TestR71_OthersReadWhatAProfileAdds(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		keyType string
		bits    []string
		want    x509.KeyUsage
		text    string
	}{
		{"rsa-2048", []string{"digital_signature", "non_repudiation", "key_encipherment", "data_encipherment"},
			x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
			"Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment"},
		{"ecdsa-p256", []string{"digital_signature", "key_agreement", "decipher_only"}, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement | x509.KeyUsageDecipherOnly,
			"Digital Signature, Key Agreement, Decipher Only"},
		{"ecdsa-p384", []string{"key_agreement", "encipher_only"}, x509.KeyUsageKeyAgreement | x509.KeyUsageEncipherOnly, "Key Agreement, Encipher Only"},
		{"ed25519", []string{"non_repudiation"}, x509.KeyUsageContentCommitment, "Non Repudiation"},
	} {
		t.Run(c.keyType, func(t *testing.T) {
			d := draft(t, c.keyType)
			d.KeyUsage, d.Policies = c.bits, []ca.CertPolicy{{OID: "1.3.6.1.4.1.32473.1", CPS: "https://pki.lab.example/cps"}, {OID: "1.3.6.1.4.1.32473.2"}}
			d.Extensions = []ca.Extension{{OID: ca.OIDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}, {OID: "1.3.6.1.4.1.32473.9", Critical: true, Value: []byte{0x0c, 2, 'O', 'K'}}}
			tbs, err := issuer.TBS(d, leafSerial)
			if err != nil {
				t.Fatal(err)
			}
			der := sign(t, tbs, "ecdsa-p256")
			x := parse(t, der)
			var policies []string
			for _, p := range x.Policies {
				policies = append(policies, p.String())
			}
			if x.KeyUsage != c.want || !slices.Equal(policies, []string{"1.3.6.1.4.1.32473.1", "1.3.6.1.4.1.32473.2"}) ||
				len(x.UnhandledCriticalExtensions) != 1 || x.UnhandledCriticalExtensions[0].String() != "1.3.6.1.4.1.32473.9" {
				t.Errorf("key usage %b, policies %q, unhandled %v", x.KeyUsage, policies, x.UnhandledCriticalExtensions)
			}
			text, err := openSSL(t, der, "x509", "-inform", "DER", "-noout", "-text")
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, want := range []string{c.text + "\n", "Policy: 1.3.6.1.4.1.32473.1\n", "CPS: https://pki.lab.example/cps", "TLS Feature: \n                status_request\n", "1.3.6.1.4.1.32473.9: critical\n"} {
				if !strings.Contains(text, want) {
					t.Errorf("OpenSSL does not read %q:\n%s", want, text)
				}
			}
		})
	}
}

// What no profile gives is not written, whoever made the draft.
func TestR71_ADraftCannotSayWhatNoProfileCan(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ca.Draft){
		"keyCertSign":        func(d *ca.Draft) { d.KeyUsage = []string{"key_cert_sign"} },
		"a bit without name": func(d *ca.Draft) { d.KeyUsage = []string{""} },
		"basic constraints":  func(d *ca.Draft) { d.Extensions = []ca.Extension{{OID: "2.5.29.19", Value: []byte{0x30, 0}}} },
		"no value":           func(d *ca.Draft) { d.Extensions = []ca.Extension{{OID: "1.2.3"}} },
		"no identifier":      func(d *ca.Draft) { d.Extensions = []ca.Extension{{OID: "x", Value: []byte{5, 0}}} },
		"a policy twice":     func(d *ca.Draft) { d.Policies = []ca.CertPolicy{{OID: "1.2.3"}, {OID: "1.2.3"}} },
		"more than 16 KiB":   func(d *ca.Draft) { d.Extensions = []ca.Extension{{OID: "1.2.3", Value: make([]byte, 16<<10)}} },
	} {
		d := draft(t, "ecdsa-p256")
		change(&d)
		if tbs, err := issuer.TBS(d, leafSerial); err == nil {
			t.Errorf("%s: %d octets were written", name, len(tbs))
		}
	}
}
