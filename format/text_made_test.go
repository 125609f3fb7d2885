// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/encode"
	"chancery/format"
	"chancery/internal/hierarchy"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// shown compares what we and the peer's command show.
func shown(t *testing.T, command string, der []byte) {
	t.Helper()
	show := map[string]func([]byte) (string, error){"x509": format.CertificateText, "req": format.RequestText, "crl": listText}[command]
	ours, err := show(der)
	if err != nil {
		t.Fatal(err)
	}
	same(t, der, ours, openssl(t, der, command, "-inform", "DER", "-noout", "-text"))
}

func TestR62_WhatWeIssueIsShownAsOpenSSLShowsIt(t *testing.T) {
	for _, keyType := range hierarchy.KeyTypes() {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			root, issuing := hierarchy.Issuing(t, keyType)
			issuer, err := encode.NewIssuer(issuing)
			if err != nil {
				t.Fatal(err)
			}
			tbs, err := issuer.TBS(hierarchy.Draft(t, keyType), "410001699999990102030405060708090a0b0c")
			if err != nil {
				t.Fatal(err)
			}
			shown(t, "x509", root.Certificate)
			shown(t, "x509", issuing.Certificate)
			shown(t, "x509", hierarchy.Sign(t, tbs, issuing.Algorithm()))
		})
	}
}

func TestR62_WhatTheLibraryMakesIsShownAsOpenSSLShowsIt(t *testing.T) {
	key := hierarchy.Keys()["rsa-2048"]
	_, network, _ := net.ParseCIDR("10.0.0.0/8")
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(77), SignatureAlgorithm: x509.SHA384WithRSAPSS, SubjectKeyId: []byte{1, 2, 3},
		Subject:   pkix.Name{Country: []string{"DE"}, Organization: []string{"Müller, Söhne"}, CommonName: "x", SerialNumber: "1"},
		NotBefore: hierarchy.Noon(), NotAfter: hierarchy.Noon().AddDate(50, 0, 0), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		PermittedDNSDomains: []string{"a.test"}, ExcludedDNSDomains: []string{"b.a.test"}, PermittedIPRanges: []*net.IPNet{network},
		PermittedEmailAddresses: []string{"a.test"}, ExcludedURIDomains: []string{".c.test"}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny, x509.ExtKeyUsageOCSPSigning, x509.ExtKeyUsageNetscapeServerGatedCrypto},
		OCSPServer:  []string{"http://o.test"}, IssuingCertificateURL: []string{"http://i.test"}, CRLDistributionPoints: []string{"http://c.test/1", "http://c.test/2"},
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	shown(t, "x509", der)

	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: certificate.Subject, DNSNames: []string{"a.test"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	shown(t, "req", request)

	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: hierarchy.Noon(), NextUpdate: hierarchy.Noon(),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(1 << 40), RevocationTime: hierarchy.Noon(), ReasonCode: 1}}}, certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	shown(t, "crl", list)
}

// everything has each extension in OpenSSL's own words.
const everything = `
[req]
distinguished_name = dn
prompt = no
x509_extensions = all
[dn]
C = DE
1.O = "Ex ""quoted"", Inc"
+OU = two in one
CN = tést
[all]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always, issuer:always
extendedKeyUsage = serverAuth, 1.2.3.4, msSmartcardLogin
subjectAltName = DNS:a.b, email:x@y, URI:http://z/, IP:1.2.3.4, IP:::1, RID:1.2.3, dirName:other, otherName:msUPN;UTF8:u@p
issuerAltName = issuer:copy
crlDistributionPoints = one, two, URI:http://crl/
freshestCRL = URI:http://f/
authorityInfoAccess = OCSP;URI:http://o/, caIssuers;URI:http://ca/
subjectInfoAccess = caRepository;URI:http://o/
certificatePolicies = 1.2.3.4, @policy, anyPolicy
policyMappings = 1.2.3:1.2.4, 1.2.5:1.2.6
policyConstraints = requireExplicitPolicy:3, inhibitPolicyMapping:0
inhibitAnyPolicy = 2
nameConstraints = permitted;DNS:a.b, permitted;IP:10.0.0.0/255.0.0.0, excluded;email:x, excluded;dirName:other, permitted;IP:fc00::/fe00::
tlsfeature = status_request, status_request_v2
noCheck = ignored
nsComment = a comment
nsCertType = client, server, sslCA
[policy]
policyIdentifier = 1.3.5.8
CPS.1 = http://cps/
userNotice.1 = @notice
[notice]
explicitText = UTF8:Grüße
organization = Org Name
noticeNumbers = 1, 2, 3
[other]
C = DE
CN = dir x
[one]
fullname = URI:http://c1/, DNS:x
reasons = keyCompromise, CACompromise
CRLissuer = dirName:other
[two]
relativename = relative
[relative]
CN = rel
+O = two
`

func TestR62_WhatOpenSSLMakesIsShownAsItShowsIt(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cnf")
	if err := os.WriteFile(file, []byte(everything), 0o600); err != nil {
		t.Fatal(err)
	}
	out := openssl(t, nil, "req", "-x509", "-utf8", "-new", "-newkey", "ed25519", "-nodes", "-keyout", filepath.Join(dir, "key"), "-config", file, "-text")
	theirs, block := cutPEM(t, out)
	ours, err := format.CertificateText(block)
	if err != nil {
		t.Fatal(err)
	}
	same(t, block, ours, theirs)
}

// cutPEM parts text from the PEM block after it.
func cutPEM(t *testing.T, out string) (text string, der []byte) {
	t.Helper()
	text, _, ok := strings.Cut(out, "-----BEGIN")
	block, _ := pem.Decode([]byte(out))
	if !ok || block == nil {
		t.Fatalf("no certificate in %q", out)
	}
	return text, block.Bytes
}

func TestR62_KeysOfEveryTypeAreShownAsOpenSSLShowsThem(t *testing.T) {
	types := []string{"ed448", "rsa:1024", "rsa-pss -pkeyopt rsa_keygen_bits:1024 -pkeyopt rsa_pss_keygen_md:sha512 -pkeyopt rsa_pss_keygen_mgf1_md:sha1 -pkeyopt rsa_pss_keygen_saltlen:20"}
	for _, curve := range strings.Fields("prime192v1 prime192v2 prime239v3 prime256v1 secp160k1 secp192k1 secp224k1 secp224r1 secp256k1 secp384r1 secp521r1 " +
		"sect163k1 sect163r2 sect233k1 sect283r1 sect409k1 sect571k1 brainpoolP160r1 brainpoolP224t1 brainpoolP256r1 brainpoolP384r1 brainpoolP512t1") {
		types = append(types, "ec -pkeyopt ec_paramgen_curve:"+curve)
	}
	for _, keyType := range types {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"req", "-x509", "-new", "-nodes", "-subj", "/CN=x", "-keyout", os.DevNull, "-text", "-newkey"}, strings.Fields(keyType)...)
			theirs, der := cutPEM(t, openssl(t, nil, args...))
			ours, err := format.CertificateText(der)
			if err != nil {
				t.Fatal(err)
			}
			same(t, der, ours, theirs)
		})
	}
}

// The names are data of ours, so each is compared: as an algorithm, as a key's purpose
// and as an extension, of which we must not know fewer than the peer.
func TestR62_EveryObjectHasTheNameThatOpenSSLGivesIt(t *testing.T) {
	objects, err := os.ReadFile("text_objects.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for line := range strings.Lines(string(objects)) {
		id, _, _ := strings.Cut(line, "\t")
		if !strings.Contains(id, ".") {
			continue // a whole arc is no object identifier
		}
		algorithm, end := seq(oid(id)), bits(0, seq(integer(1<<40), integer(5))...)
		extensions := [][]byte{extension("2.5.29.37", seq(oid(id)))}
		switch id {
		case "1.3.6.1.5.5.7.1.7", "1.3.6.1.5.5.7.1.8", "1.3.6.1.5.5.7.48.1.2", "1.3.6.1.5.5.7.48.1.3": // see form
		default:
			extensions = append(extensions, extension(id, seq()), extension(id, tlv(asn1.UTF8String, []byte("text"))))
		}
		m := newMaker(1)
		all = append(all, seq(seq(wrap(0, integer(2)), integer(5), algorithm, m.plainName(), seq(utc("260102030405Z"), utc("270102030405Z")),
			m.plainName(), plainKey(), wrap(3, seq(extensions...))), algorithm, end))
	}
	for i, theirs := range batch(t, "CERTIFICATE", all) {
		ours, err := format.CertificateText(all[i])
		if err != nil {
			t.Fatal(err)
		}
		same(t, all[i], ours, theirs)
	}
}
