// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
)

const leafSerial = ca.Serial("410001699999990102030405060708090a0b0c")

func number(s ca.Serial) *big.Int { return new(big.Int).SetBytes(s.Bytes()) }

// name is the subject as the library writes it; the order of ours is kept.
func name(s ca.Subject) pkix.Name {
	var n pkix.Name
	types := map[string][]int{ca.OIDCountry: {2, 5, 4, 6}, ca.OIDOrganization: {2, 5, 4, 10}, ca.OIDCommonName: {2, 5, 4, 3}}
	for _, a := range s {
		n.ExtraNames = append(n.ExtraNames, pkix.AttributeTypeAndValue{Type: types[a.OID], Value: a.Value})
	}
	return n
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// template is the draft in the library's words.
func template(d ca.Draft, a ca.Authority) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: number(leafSerial), Subject: name(d.Subject), NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		OCSPServer:  []string{a.OCSP}, IssuingCertificateURL: []string{a.Issuer}, CRLDistributionPoints: []string{a.CRL},
	}
	if strings.HasPrefix(d.KeyType, "rsa-") {
		c.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	for _, n := range d.Names {
		switch n.Type {
		case ca.DNS:
			c.DNSNames = append(c.DNSNames, n.Value)
		case ca.Email:
			c.EmailAddresses = append(c.EmailAddresses, n.Value)
		case ca.IP:
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(n.Value))
		case ca.URI:
			u, _ := url.Parse(n.Value)
			c.URIs = append(c.URIs, u)
		}
	}
	return c
}

// The library is an encoder that shares nothing with ours: where both are told
// the same, the bytes must be the same. TI-01: the years around 2050 too. R31.
func TestTBSEqualsTheLibrarysBytes(t *testing.T) {
	for _, keyType := range keyTypes {
		for _, tt := range []struct {
			name string
			turn func(*ca.Draft)
		}{
			{"every type of name", func(*ca.Draft) {}},
			{"an empty subject makes the names critical", func(d *ca.Draft) { d.Subject = nil }},
			{"times from 2050 are generalized", func(d *ca.Draft) { d.NotAfter = time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC) }},
			{"times to 2049 are not", func(d *ca.Draft) { d.NotAfter = time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC) }},
			{"a hundred names need long lengths", func(d *ca.Draft) {
				for range 100 {
					d.Names = append([]ca.Name{{Type: ca.DNS, Value: "a-rather-long-name-of-a-machine.lab.example"}}, d.Names...)
				}
			}},
		} {
			t.Run(keyType+"/"+tt.name, func(t *testing.T) {
				_, a := issuing(t, keyType)
				d := draft(t, keyType)
				tt.turn(&d)
				issuer, err := encode.NewIssuer(a)
				if err != nil {
					t.Fatal(err)
				}
				got, err := issuer.TBS(d, leafSerial)
				if err != nil {
					t.Fatal(err)
				}
				leaf := template(d, a)
				id, _ := encode.KeyID(d.SPKI)
				leaf.SubjectKeyId = id
				der, err := x509.CreateCertificate(rand.Reader, leaf, parse(t, a.Certificate), keys()[keyType].Public(), keys()[keyType])
				if err != nil {
					t.Fatal(err)
				}
				if want := parse(t, der).RawTBSCertificate; !bytes.Equal(got, want) {
					t.Errorf("got\n%x\nwant\n%x", got, want)
				}
				if err := parse(t, sign(t, got, keyType)).CheckSignatureFrom(parse(t, a.Certificate)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// The same for CA certificates: roots and authorities below them.
func TestAuthorityEqualsTheLibrarysBytes(t *testing.T) {
	for _, keyType := range keyTypes {
		root, _ := issuing(t, keyType)
		for _, tt := range []struct {
			name    string
			pathLen int
			use     []string
			issuer  *ca.Authority
		}{
			{"a root without path length", -1, nil, nil},
			{"a root with path length 1", 1, nil, nil},
			{"an issuing authority", 0, []string{"server", "client"}, &root},
			{"an authority between", 2, nil, &root},
		} {
			t.Run(keyType+"/"+tt.name, func(t *testing.T) {
				d := rootDraft(t, keyType)
				d.PathLen, d.Use, d.Issuer = tt.pathLen, tt.use, tt.issuer
				got, err := encode.Authority(d)
				if err != nil {
					t.Fatal(err)
				}
				id, _ := encode.KeyID(d.SPKI)
				c := &x509.Certificate{
					SerialNumber: number(d.Serial), Subject: name(d.Subject), NotBefore: d.NotBefore, NotAfter: d.NotAfter,
					KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
					MaxPathLen: tt.pathLen, MaxPathLenZero: tt.pathLen == 0, SubjectKeyId: id, AuthorityKeyId: id,
				}
				parent := c
				if tt.use != nil {
					c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
				}
				if tt.issuer != nil {
					parent = parse(t, tt.issuer.Certificate)
					c.OCSPServer, c.IssuingCertificateURL, c.CRLDistributionPoints = []string{tt.issuer.OCSP}, []string{tt.issuer.Issuer}, []string{tt.issuer.CRL}
				}
				der, err := x509.CreateCertificate(rand.Reader, c, parent, keys()[keyType].Public(), keys()[keyType])
				if err != nil {
					t.Fatal(err)
				}
				if want := parse(t, der).RawTBSCertificate; !bytes.Equal(got, want) {
					t.Errorf("got\n%x\nwant\n%x", got, want)
				}
			})
		}
	}
}

// OpenSSL's strict verification is what a stranger's machine will do with our
// certificates.
func TestOpenSSLVerifiesStrictly(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is not installed: make test installs it")
	}
	for _, keyType := range keyTypes {
		t.Run(keyType, func(t *testing.T) {
			root, a := issuing(t, keyType)
			issuer, err := encode.NewIssuer(a)
			if err != nil {
				t.Fatal(err)
			}
			tbs, err := issuer.TBS(draft(t, keyType), leafSerial)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file := func(name string, der []byte) string {
				pem := filepath.Join(dir, name+".pem")
				in := exec.CommandContext(t.Context(), openssl, "x509", "-inform", "DER", "-text", "-out", pem)
				in.Stdin = bytes.NewReader(der)
				if out, err := in.CombinedOutput(); err != nil {
					t.Fatalf("openssl x509: %v\n%s", err, out)
				}
				return pem
			}
			rootFile, issuingFile, leafFile := file("root", root.Certificate), file("issuing", a.Certificate), file("leaf", sign(t, tbs, keyType))
			out, err := exec.CommandContext(t.Context(), openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-attime", "1773000000",
				"-verify_hostname", "nas.lab.example", "-CAfile", rootFile, "-untrusted", issuingFile, leafFile).CombinedOutput()
			if err != nil {
				t.Errorf("openssl verify: %v\n%s", err, out)
			}
			text, err := os.ReadFile(leafFile)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"CA:FALSE", "DNS:nas.lab.example, DNS:*.lab.example, email:hana@lab.example, IP Address:10.0.0.7",
				"URI:spiffe://lab.example/nas", "TLS Web Server Authentication, TLS Web Client Authentication",
				"URI:http://pki.example:8080/pki/issuing-g1.crl", "CA Issuers - URI:http://pki.example:8080/pki/issuing-g1.crt", "OCSP - URI:http://pki.example:8080/ocsp/issuing-g1"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
		})
	}
}
