// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/encode"
)

func constraintsOf(t testing.TB, texts ...string) ca.NameConstraints {
	t.Helper()
	c, err := ca.ParseConstraints(texts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// R16, R128: name constraints, policies and hashes as the library writes them, in
// every key type; R144: with critical basic constraints and key usage.
func TestAuthorityWithConstraintsEqualsTheLibrarysBytes(t *testing.T) {
	_, all4, _ := net.ParseCIDR("0.0.0.0/0")
	_, ten, _ := net.ParseCIDR("10.0.0.0/8")
	_, six, _ := net.ParseCIDR("fd00::/9")
	for _, tt := range []struct {
		keyType string
		hash    ca.Hash
		library x509.SignatureAlgorithm
	}{
		{"ecdsa-p256", "", x509.ECDSAWithSHA256}, {"ecdsa-p256", ca.SHA512, x509.ECDSAWithSHA512},
		{"ecdsa-p384", "", x509.ECDSAWithSHA384}, {"ecdsa-p384", ca.SHA256, x509.ECDSAWithSHA256},
		{"ecdsa-p521", "", x509.ECDSAWithSHA512}, {"ecdsa-p521", ca.SHA384, x509.ECDSAWithSHA384},
		{"rsa-2048", "", x509.SHA256WithRSA}, {"rsa-2048", ca.SHA256, x509.SHA256WithRSA}, {"rsa-2048", ca.SHA384, x509.SHA384WithRSA}, {"rsa-2048", ca.SHA512, x509.SHA512WithRSA},
		{"ed25519", "", x509.PureEd25519},
	} {
		t.Run(tt.keyType+" "+string(tt.hash), func(t *testing.T) {
			d := rootDraft(t, tt.keyType)
			d.Hash, d.PathLen, d.Use = tt.hash, 1, []string{"server", "client"}
			d.Constraints = constraintsOf(t, "dns:lab.example", "dns:lab", "ip:10.0.0.0/8", "ip:fd00::/9", "email:@lab.example", "email:hana@lab.example", "uri:.lab.example",
				"!dns:secret.lab.example", "!ip:0.0.0.0/0", "!email:.lab.example", "!uri:lab.example")
			d.Policies = []ca.CertPolicy{{OID: "1.3.6.1.4.1.32473.1"}, {OID: "2.5.29.32.0"}}
			got, err := encode.Authority(d)
			if err != nil {
				t.Fatal(err)
			}
			id, _ := encode.KeyID(d.SPKI)
			one, _ := x509.ParseOID("1.3.6.1.4.1.32473.1")
			anyPolicy, _ := x509.ParseOID("2.5.29.32.0")
			c := &x509.Certificate{
				SerialNumber: number(d.Serial), Subject: name(d.Subject), NotBefore: d.NotBefore, NotAfter: d.NotAfter, SignatureAlgorithm: tt.library,
				KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLen: 1,
				SubjectKeyId: id, AuthorityKeyId: id, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
				Policies: []x509.OID{one, anyPolicy}, PermittedDNSDomainsCritical: true,
				PermittedDNSDomains: []string{"lab.example", "lab"}, PermittedIPRanges: []*net.IPNet{ten, six},
				PermittedEmailAddresses: []string{"lab.example", "hana@lab.example"}, PermittedURIDomains: []string{".lab.example"},
				ExcludedDNSDomains: []string{"secret.lab.example"}, ExcludedIPRanges: []*net.IPNet{all4},
				ExcludedEmailAddresses: []string{".lab.example"}, ExcludedURIDomains: []string{"lab.example"},
			}
			der, err := x509.CreateCertificate(rand.Reader, c, c, keys()[tt.keyType].Public(), keys()[tt.keyType])
			if err != nil {
				t.Fatal(err)
			}
			if want := parse(t, der).RawTBSCertificate; !bytes.Equal(got, want) {
				t.Errorf("got\n%x\nwant\n%x", got, want)
			}
			own := parse(t, sign(t, got, ca.Authority{KeyType: tt.keyType, Hash: tt.hash}.Algorithm()))
			if err := own.CheckSignatureFrom(own); err != nil {
				t.Error(err)
			}
		})
	}
}

// What no CA certificate may carry is not written. R128: MD5 and SHA-1 are no names.
func TestAuthorityRefusesWhatItMayNotCarry(t *testing.T) {
	root, _ := issuing(t, "ecdsa-p256")
	for what, turn := range map[string]func(*ca.AuthorityDraft){
		"capitals": func(d *ca.AuthorityDraft) {
			d.Constraints.Excluded = []ca.Subtree{{Type: ca.DNS, Value: "LAB.example"}}
		},
		"a type nobody knows": func(d *ca.AuthorityDraft) { d.Constraints.Excluded = []ca.Subtree{{Type: "upn", Value: "lab.example"}} },
		"a country of three":  func(d *ca.AuthorityDraft) { d.Constraints = constraintsOf(t, "dn:C=DEU") },
		"a policy twice": func(d *ca.AuthorityDraft) {
			d.Policies = []ca.CertPolicy{{OID: "1.2.3"}, {OID: "1.2.3", CPS: "http://a/"}}
		},
		"a policy that is none":      func(d *ca.AuthorityDraft) { d.Policies = []ca.CertPolicy{{OID: "any"}} },
		"a statement that is none":   func(d *ca.AuthorityDraft) { d.Policies = []ca.CertPolicy{{OID: "1.2.3", CPS: "x"}} },
		"many policies":              func(d *ca.AuthorityDraft) { d.Policies = make([]ca.CertPolicy, ca.MaxPolicies+1) },
		"an unknown form":            func(d *ca.AuthorityDraft) { d.AKI = "issuer" },
		"SHA-1":                      func(d *ca.AuthorityDraft) { d.Hash = "sha1" },
		"MD5":                        func(d *ca.AuthorityDraft) { d.Hash = "md5" },
		"a hash for Ed25519":         func(d *ca.AuthorityDraft) { d.SPKI, d.Hash = spki(t, "ed25519"), ca.SHA512 },
		"a hash beside its issuer's": func(d *ca.AuthorityDraft) { d.Issuer, d.Hash = &root, ca.SHA256 },
		"a malformed issuer": func(d *ca.AuthorityDraft) {
			other := root
			other.Certificate = []byte{0x30, 0}
			d.Issuer, d.AKI = &other, ca.AKIIssuer
		},
	} {
		d := rootDraft(t, "ecdsa-p256")
		turn(&d)
		if tbs, err := encode.Authority(d); err == nil {
			t.Errorf("%s is written: %x", what, tbs)
		}
	}
	for _, algorithm := range []string{"", "ecdsa-p256+", "ecdsa-p256+sha1", "rsa-2048+md5", "ed25519+sha256", "ed25519+", "sha256", "+sha256", "ecdsa-p256+sha256+sha256"} {
		if der, _, err := encode.SignatureAlgorithm(algorithm); err == nil {
			t.Errorf("the algorithm %q is %x", algorithm, der)
		}
	}
}

// R11, R43, R128, R143: OpenSSL's strict verification of three levels in each key
// type, with everything a CA certificate may carry, and what its text says.
func TestOpenSSLReadsAllThatAnAuthorityCarries(t *testing.T) {
	for _, keyType := range keyTypes {
		t.Run(keyType, func(t *testing.T) {
			dir := t.TempDir()
			d := rootDraft(t, keyType)
			d.AKI, d.PathLen = ca.AKIIssuer, 2
			if keyType != "ed25519" {
				d.Hash = ca.SHA512
			}
			root := authority(t, "root-g1", keyType, d)
			d.Subject, d.Serial, d.PathLen, d.Issuer, d.Hash = ca.Subject{{OID: ca.OIDCommonName, Value: "Middle"}}, "f100", 1, &root, ""
			d.Policies = []ca.CertPolicy{{OID: "1.3.6.1.4.1.32473.1", CPS: "https://pki.lab.example/cps"}}
			d.Constraints = constraintsOf(t, "dns:lab.example", "ip:10.0.0.0/8", "ip:fd00::/8", "email:@lab.example", "uri:lab.example", "dn:C=DE", "dn:CN=Lab Issuing", "!dns:secret.lab.example", "!dn:C=DE,O=Evil")
			middle := authority(t, "middle-g1", keyType, d)
			d.Subject, d.Serial, d.PathLen, d.Issuer = ca.Subject{{OID: ca.OIDCommonName, Value: "Lab Issuing"}}, "41", 0, &middle
			d.Use, d.Constraints = []string{"server", "client", "email"}, ca.NameConstraints{}
			a := authority(t, "issuing-g1", keyType, d)
			a.CRL, a.Issuer, a.OCSP = "", "", "" // R143: none if unset
			issuer, err := encode.NewIssuer(a)
			if err != nil {
				t.Fatal(err)
			}
			tbs, err := issuer.TBS(draft(t, keyType), leafSerial)
			if err != nil {
				t.Fatal(err)
			}
			file := func(name string, ders ...[]byte) string {
				var b bytes.Buffer
				for _, der := range ders {
					if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				return filepath.Join(dir, name)
			}
			openssl := func(args ...string) string {
				out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
				if err != nil {
					t.Errorf("openssl %s: %v\n%s", args[0], err, out)
				}
				return strings.Join(strings.Fields(string(out)), " ")
			}
			leafFile := file("leaf", sign(t, tbs, a.Algorithm()))
			openssl("verify", "-x509_strict", "-attime", "1773000000", "-policy", "1.3.6.1.4.1.32473.1", "-explicit_policy", "-CAfile", file("root", root.Certificate),
				"-untrusted", file("between", a.Certificate, middle.Certificate), file("a", a.Certificate))
			openssl("verify", "-x509_strict", "-attime", "1773000000", "-CAfile", file("root", root.Certificate), "-untrusted", file("between", a.Certificate, middle.Certificate), leafFile)
			text := openssl("x509", "-noout", "-text", "-in", file("middle", middle.Certificate))
			for _, want := range []string{"X509v3 Key Usage: critical Certificate Sign, CRL Sign", "X509v3 Basic Constraints: critical CA:TRUE, pathlen:1", "X509v3 Name Constraints: critical",
				"Permitted: DNS:lab.example IP:10.0.0.0/255.0.0.0 IP:FD00:0:0:0:0:0:0:0/FF00:0:0:0:0:0:0:0 email:lab.example URI:lab.example DirName:C = DE DirName:CN = Lab Issuing",
				"Excluded: DNS:secret.lab.example DirName:C = DE, O = Evil", "Policy: 1.3.6.1.4.1.32473.1 CPS: https://pki.lab.example/cps", "DirName:/O=B\\xC3\\xBCro/CN=Lab Root G1 serial:41:00:01:01",
				"URI:http://pki.example:8080/pki/root-g1.crl", "CA Issuers - URI:http://pki.example:8080/pki/root-g1.crt", "OCSP - URI:http://pki.example:8080/ocsp/root-g1"} {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
			if text := openssl("x509", "-noout", "-text", "-in", leafFile); strings.Contains(text, "CRL Distribution") || strings.Contains(text, "Authority Information") {
				t.Errorf("an address that is not set is written:\n%s", text)
			}
			if text := openssl("x509", "-noout", "-text", "-in", file("a", a.Certificate)); !strings.Contains(text, "serial:F1:00") {
				t.Errorf("the serial number of the issuer is not named:\n%s", text)
			}
		})
	}
}
