// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"crypto/dsa" //nolint:staticcheck // a key type that must be refused
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// R47: requests of a real tool are read, their signature is checked, and a bad
// signature is refused.
func TestR47_RequestsOfOpenSSLAreReadAndTheirSignatureChecked(t *testing.T) {
	for _, tt := range []struct {
		name, keyType string
		key           []string
	}{
		{"RSA", "rsa-2048", []string{"-newkey", "rsa:2048"}},
		{"P-256", "ecdsa-p256", []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}},
		{"P-384", "ecdsa-p384", []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"}},
		{"P-521", "ecdsa-p521", []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"}},
		{"Ed25519", "ed25519", []string{"-newkey", "ed25519"}},
		{"RSA signed by PSS", "rsa-2048", []string{"-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"req", "-new", "-nodes", "-keyout", "/dev/null", "-subj", "/C=CH/O=Lab/CN=NAS.lab.example",
				"-addext", "subjectAltName=DNS:nas.lab.example,IP:10.0.0.7,DNS:NAS.lab.example,email:hana@lab.example,URI:https://lab.example/x",
				"-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=CA:FALSE"}, tt.key...)
			der, err := Decode(openssl(t, args...))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(der)
			if err != nil {
				t.Fatal(err)
			}
			want := ca.CSR{
				Raw: der, SPKI: p.request.RawSubjectPublicKeyInfo, Key: sha256.Sum256(p.request.RawSubjectPublicKeyInfo), KeyType: tt.keyType, Bits: p.Bits,
				Subject: ca.Subject{{OID: ca.OIDCountry, Value: "CH", Type: ca.PrintableString}, {OID: ca.OIDOrganization, Value: "Lab", Type: ca.UTF8String},
					{OID: ca.OIDCommonName, Value: "NAS.lab.example", Type: ca.UTF8String}},
				Names: []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}, {Type: ca.IP, Value: "10.0.0.7"},
					{Type: ca.Email, Value: "hana@lab.example"}, {Type: ca.URI, Value: "https://lab.example/x"}},
				KeyUsage: []string{"digital_signature"},
			}
			if !reflect.DeepEqual(p.CSR, want) {
				t.Errorf("got  %+v\nwant %+v", p.CSR, want)
			}
			if err := Check(p); err != nil {
				t.Errorf("a good signature is refused: %v", err)
			}
			bad := bytes.Clone(der)
			bad[len(bad)-1] ^= 1
			p, err = Parse(bad)
			if err == nil {
				err = Check(p)
			}
			if code(t, err) != ca.E2203 {
				t.Errorf("a bad signature gives %v", err)
			}
		})
	}
}

func TestCheckRefusesNothing(t *testing.T) {
	if code(t, Check(Parsed{})) != ca.E2203 {
		t.Error("the zero value passes")
	}
}

func TestHashesAndAlgorithmsThatProveNothing(t *testing.T) {
	for _, hash := range []string{"-sha1", "-md5"} {
		der, err := Decode(openssl(t, "req", "-new", "-nodes", "-newkey", "rsa:2048", "-keyout", "/dev/null", "-subj", "/CN=a.example", hash))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(der); code(t, err) != ca.E2203 || !strings.Contains(err.Error(), map[string]string{"-sha1": "SHA-1", "-md5": "MD5"}[hash]) {
			t.Errorf("%s: %v", hash, err)
		}
	}
}

// Each refusal of what a request may not be, ask for or hold.
func TestBadRequests(t *testing.T) {
	key := newKeyP256(t)
	many := func(n int) []byte {
		var names []byte
		for i := range n {
			names = append(names, dns(fmt.Sprintf("%x", 0xa000+i%0x1000))...)
		}
		return extensions(san(names))
	}
	ctx0 := asn1.Tag(0).ContextSpecific().Constructed()
	for _, tt := range []struct {
		name string
		w    wish
		want ca.Code
		at   string
	}{
		{"an honest request passes", wish{attributes: extensions(san(dns("nas.lab.example")))}, "", ""},
		{"100 names pass", wish{attributes: many(100)}, "", ""},
		{"101 names are refused", wish{attributes: many(101)}, ca.E2109, ""},
		{"10 000 names are refused", wish{attributes: many(10_000)}, ca.E2109, ""},
		{"a version of 1 is refused", wish{version: 1}, ca.E2203, ""},
		{"a field after the attributes is refused", wish{after: []byte{5, 0}}, ca.E2203, ""},
		{"CA:TRUE is refused", wish{attributes: extensions(extension(oidBasic, []byte{0x30, 3, 1, 1, 0xff}))}, ca.E2205, ""},
		{"CA:TRUE in BER is refused", wish{attributes: extensions(extension(oidBasic, []byte{0x30, 3, 1, 1, 1}))}, ca.E2205, ""},
		{"CA:TRUE with path length is refused", wish{attributes: extensions(extension(oidBasic, []byte{0x30, 6, 1, 1, 0xff, 2, 1, 0}))}, ca.E2205, ""},
		{"CA:FALSE passes", wish{attributes: extensions(extension(oidBasic, []byte{0x30, 0}))}, "", ""},
		{"keyCertSign is refused", wish{attributes: extensions(extension(oidKeyUsage, []byte{3, 2, 2, 4}))}, ca.E2205, ""},
		{"cRLSign is refused", wish{attributes: extensions(extension(oidKeyUsage, []byte{3, 2, 1, 2}))}, ca.E2205, ""},
		{"any purpose is refused", wish{attributes: extensions(extension(oidEKU, element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte(oidAnyEKU)))))}, ca.E2205, ""},
		{"any purpose behind another is refused", wish{attributes: extensions(extension(oidEKU, element(asn1.SEQUENCE,
			join(element(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x03\x01")), element(asn1.OBJECT_IDENTIFIER, []byte(oidAnyEKU))))))}, ca.E2205, ""},
		{"an extension twice is refused", wish{attributes: extensions(san(dns("a.example")), san(dns("b.example")))}, ca.E2205, ""},
		{"two extension requests are refused", wish{attributes: join(extensions(san(dns("a.example"))), extensions())}, ca.E2205, ""},
		{"an extension request of two values is refused", wish{attributes: attribute(oidExtensionRequest, element(asn1.SEQUENCE, nil), element(asn1.SEQUENCE, nil))}, ca.E2205, ""},
		{"an empty list of names is refused", wish{attributes: extensions(san())}, ca.E2205, ""},
		{"data after the names is refused", wish{attributes: extensions(extension(oidSAN, join(element(asn1.SEQUENCE, dns("a.example")), []byte{5, 0})))}, ca.E2205, ""},
		{"NUL in a name is refused", wish{attributes: extensions(san(dns("a.example"), dns("nas.lab.example\x00.evil.example")))}, ca.E2110, "dns[1]"},
		{"CRLF in a name is refused", wish{attributes: extensions(san(dns("a.example"), general(1, "x@a.example"), dns("a.example\r\nX: y")))}, ca.E2110, "dns[1]"},
		{"CRLF in an address is refused", wish{attributes: extensions(san(general(1, "a@b.example\r\nBcc: x@y.example")))}, ca.E2110, "email[0]"},
		{"a trailing dot is refused", wish{attributes: extensions(san(dns("a.example.")))}, ca.E2110, "dns[0]"},
		{"a high octet in a name is refused", wish{attributes: extensions(san(dns("b\xfccher.example")))}, ca.E2110, "dns[0]"},
		{"a mapped address is refused", wish{attributes: extensions(san(general(7, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x01")))}, ca.E2110, "ip[0]"},
		{"an address of 5 octets is refused", wish{attributes: extensions(san(general(7, "\x0a\x00\x00\x01\x00")))}, ca.E2110, "ip[0]"},
		{"an address with mask is refused", wish{attributes: extensions(san(general(7, "\x0a\x00\x00\x01\xff\xff\xff\x00")))}, ca.E2110, "ip[0]"},
		{"a UPN is refused", wish{attributes: extensions(san(element(ctx0, join(element(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03")), element(ctx0, element(asn1.UTF8String, []byte("x")))))))}, ca.E2107, "san.othername"},
		{"NUL in the common name is refused", wish{subject: field("\x55\x04\x03", asn1.UTF8String, "a\x00b")}, ca.E2120, "subject.CN"},
		{"CRLF in the organisation is refused", wish{subject: field("\x55\x04\x0a", asn1.PrintableString, "a\r\nb")}, ca.E2120, "subject.O"},
		{"a bidi override in the common name is refused", wish{subject: field("\x55\x04\x03", asn1.UTF8String, "a\u202eb")}, ca.E2120, "subject.CN"},
		{"bad UTF-8 in the subject is refused", wish{subject: field("\x55\x04\x03", asn1.UTF8String, "a\xff")}, ca.E2120, "subject.CN"},
		{"a value of 256 octets is refused", wish{subject: field("\x55\x04\x03", asn1.UTF8String, strings.Repeat("a", 256))}, ca.E2120, "subject.CN"},
		{"33 fields are refused", wish{subject: bytes.Repeat(field("\x55\x04\x0b", asn1.UTF8String, "a"), 33)}, ca.E2120, "subject"},
		{"a number as value is refused", wish{subject: field("\x55\x04\x03", asn1.INTEGER, "\x01")}, ca.E2120, "subject.CN"},
		{"an empty RDN is refused", wish{subject: []byte{0x31, 0}}, ca.E2120, "subject"},
		{"an empty subject passes", wish{subject: []byte{}, attributes: extensions(san(dns("a.example")))}, "", ""},
		{"an empty attribute is refused", wish{attributes: attribute(oidChallenge)}, ca.E2205, ""},
		{"another key's signature is refused", wish{key: key, spki: spkiOf(t, newKeyP256(t).Public())}, ca.E2203, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.w.der(t))
			if err == nil {
				err = Check(p)
			}
			if got := code(t, err); got != tt.want {
				t.Fatalf("got %q (%v), want %q", got, err, tt.want)
			}
			if tt.at != "" && err.(*ca.Problem).Field != tt.at {
				t.Errorf("field is %q, want %q", err.(*ca.Problem).Field, tt.at)
			}
		})
	}
}

func TestOversizedIsRefusedUnread(t *testing.T) {
	if _, err := Parse(make([]byte, ca.MaxCSR+1)); code(t, err) != ca.E2203 || !strings.Contains(err.Error(), "65537 octets") {
		t.Errorf("got %v", err)
	}
	deep := bytes.Repeat([]byte{0x30, 0x80}, 30000)
	if _, err := Parse(deep); code(t, err) != ca.E2203 {
		t.Errorf("got %v", err)
	}
	var nested []byte
	for range 40 {
		nested = element(asn1.SEQUENCE, nested)
	}
	if _, err := Parse(nested); code(t, err) != ca.E2203 {
		t.Errorf("got %v", err)
	}
}

// PF-07: weak, malformed and unusual keys.
func TestPF07_BadKeys(t *testing.T) {
	honest := func(bits int) *big.Int {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return k.N
	}
	prime := func(from *big.Int) *big.Int {
		p := new(big.Int).SetBit(from, 0, 1)
		for !p.ProbablyPrime(8) {
			p.Add(p, big.NewInt(2))
		}
		return p
	}
	start, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	start.SetBit(start, 1022, 1)
	start.SetBit(start, 1021, 0)
	start = prime(start) // the set bits may have made it composite
	next := prime(new(big.Int).Add(start, big.NewInt(2)))
	good := honest(2048)
	var d dsa.PrivateKey
	if err := dsa.GenerateParameters(&d.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	integer := func(n *big.Int) []byte {
		var b cryptobyte.Builder
		b.AddASN1BigInt(n)
		return b.BytesOrPanic()
	}
	spki := func(algorithm, key []byte) []byte {
		return element(asn1.SEQUENCE, join(element(asn1.SEQUENCE, algorithm), element(asn1.BIT_STRING, append([]byte{0}, key...))))
	}
	id := func(s string) []byte { return element(asn1.OBJECT_IDENTIFIER, []byte(s)) }
	point := func() []byte { b, _ := newKeyP256(t).PublicKey.Bytes(); return b }()
	off := bytes.Clone(point)
	off[40] ^= 1
	big16k := new(big.Int).SetBit(new(big.Int).SetBit(new(big.Int), 16383, 1), 0, 1)
	for _, tt := range []struct {
		name string
		spki []byte
		says string
	}{
		{"RSA of 1024 bits", rsaSPKI(new(big.Int).Rsh(good, 1024), 65537), "at least 2048"},
		{"RSA of 2047 bits", rsaSPKI(new(big.Int).SetBit(new(big.Int).Rsh(good, 1), 0, 1), 65537), "2047 bits"},
		{"RSA-16384", rsaSPKI(big16k, 65537), "at most 8192"},
		{"RSA of 8193 bits", rsaSPKI(new(big.Int).SetBit(big.NewInt(1), 8192, 1), 65537), "8193 bits"},
		{"RSA with exponent 3", rsaSPKI(good, 3), "65537"},
		{"RSA with exponent 1", rsaSPKI(good, 1), "65537"},
		{"RSA with even exponent", rsaSPKI(good, 65536), "65537"},
		{"RSA with even modulus", rsaSPKI(new(big.Int).SetBit(good, 0, 0), 65537), "even"},
		{"RSA with negative modulus", rsaSPKI(new(big.Int).Neg(good), 65537), "malformed"},
		{"RSA with the factor 751", rsaSPKI(new(big.Int).Mul(new(big.Int).SetBit(new(big.Int).Rsh(good, 9), 0, 1), big.NewInt(751)), 65537), "small factor"},
		{"RSA with the factor 3", rsaSPKI(new(big.Int).Mul(new(big.Int).SetBit(new(big.Int).Rsh(good, 1), 0, 1), big.NewInt(3)), 65537), "small factor"},
		{"RSA of close primes", rsaSPKI(new(big.Int).Mul(start, next), 65537), "close"},
		{"RSA of one prime squared", rsaSPKI(new(big.Int).Mul(start, start), 65537), "close"},
		{"RSA of a smartcard library", rsaSPKI(new(big.Int).Mul(rocaPrime(t), rocaPrime(t)), 65537), "ROCA"},
		{"RSA without NULL", spki(id(oidRSA), element(asn1.SEQUENCE, join(integer(good), integer(big.NewInt(65537))))), "malformed"},
		{"RSA with a third number", spki(join(id(oidRSA), []byte{5, 0}), element(asn1.SEQUENCE, join(integer(good), integer(big.NewInt(65537)), integer(big.NewInt(1))))), "malformed"},
		{"DSA", spki(join(id(oidDSA), element(asn1.SEQUENCE, join(integer(d.P), integer(d.Q), integer(d.G)))), integer(d.G)), "DSA"},
		{"explicit curve parameters", spki(join(id(oidEC), element(asn1.SEQUENCE, []byte{2, 1, 1})), point), "spells out"},
		{"an implicit curve", spki(join(id(oidEC), []byte{5, 0}), point), "does not name"},
		{"secp256k1", spki(join(id(oidEC), id("\x2b\x81\x04\x00\x0a")), point), "1.3.132.0.10"},
		{"P-224", spki(join(id(oidEC), id("\x2b\x81\x04\x00\x21")), point), "1.3.132.0.33"},
		{"a point off the curve", spki(join(id(oidEC), id(oidP256)), off), "malformed"},
		{"the point at infinity", spki(join(id(oidEC), id(oidP256)), []byte{0}), "malformed"},
		{"a compressed point", spki(join(id(oidEC), id(oidP256)), append([]byte{2 + point[64]&1}, point[1:33]...)), "malformed"},
		{"Ed25519 of 31 octets", spki(id(oidEd25519), make([]byte, 31)), "malformed"},
		{"X25519", spki(id("\x2b\x65\x6e"), make([]byte, 32)), "1.3.101.110"},
		{"an algorithm nobody knows", spki(id("\x2a\x03\x04"), point), "1.2.3.4"},
		{"an empty key", spki(id(oidEd25519), nil), "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(wish{spki: tt.spki}.der(t))
			if code(t, err) != ca.E2204 || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
	for _, n := range []*big.Int{good, honest(3072)} {
		if fault := faultOfModulus(n); fault != "" {
			t.Errorf("an honest key: %s", fault)
		}
	}
}

// Explicit parameters as a real tool writes them.
func TestExplicitParametersOfOpenSSL(t *testing.T) {
	data := openssl(t, "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit", "-keyout", "/dev/null", "-subj", "/CN=a.example")
	der, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(der); code(t, err) != ca.E2204 {
		t.Errorf("got %v", err)
	}
}

// Each truncation is refused; each flipped octet gives a refusal or, where it
// falls on a part that is not signed, the same signed content.
func TestTruncatedAndFlippedRequests(t *testing.T) {
	names := extensions(san(dns("nas.lab.example"), general(7, "\x0a\x00\x00\x07")))
	tools := map[string][]byte{"P-256": wish{attributes: join(attribute(oidChallenge, element(asn1.UTF8String, []byte("secret"))), names)}.der(t)}
	if der, err := Decode(openssl(t, "req", "-new", "-nodes", "-newkey", "rsa:2048", "-keyout", "/dev/null", "-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example")); err == nil {
		tools["RSA"] = der
	}
	for name, der := range tools {
		want, err := Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		for i := range der {
			if _, err := Parse(der[:i]); code(t, err) == "" {
				t.Errorf("%s: cut at %d is accepted", name, i)
			}
		}
		bad := bytes.Clone(der)
		for i := range bad {
			for _, x := range []byte{0x01, 0x80, 0xff} {
				bad[i] ^= x
				got, err := Parse(bad)
				if err == nil && Check(got) == nil && !bytes.Equal(got.request.RawTBSCertificateRequest, want.request.RawTBSCertificateRequest) {
					t.Errorf("%s: octet %d flipped by %#x is another request", name, i, x)
				}
				bad[i] ^= x
			}
		}
		if _, err := Parse(append(bytes.Clone(der), 0)); code(t, err) != ca.E2203 {
			t.Errorf("%s: an octet at the end is accepted", name)
		}
	}
}

func TestWhatIsDroppedIsSaid(t *testing.T) {
	p, err := Parse(wish{attributes: join(
		attribute(oidChallenge, element(asn1.UTF8String, []byte("secret"))),
		attribute("\x2b\x06\x01\x04\x01\x82\x37\x0d\x02\x03", element(asn1.IA5String, []byte("10.0"))),
		attribute(oidUnstructuredName, element(asn1.UTF8String, []byte("x"))),
		extensions(extension(oidSKI, element(asn1.OCTET_STRING, make([]byte, 20))), extension("\x55\x1d\x20", []byte{5, 0}),
			element(asn1.SEQUENCE, join(element(asn1.OBJECT_IDENTIFIER, []byte("\x2a\x04")), element(asn1.BOOLEAN, []byte{0xff}), element(asn1.OCTET_STRING, []byte{5, 0}))),
			extension("\x2a\x03", []byte("text")), extension(oidKeyUsage, element(asn1.BIT_STRING, []byte{7, 0x88, 0x80})),
			extension(oidEKU, element(asn1.SEQUENCE, join(element(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x03\x01")),
				element(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x03\x11"))))))),
		subject: join(field("\x55\x04\x0b", asn1.UTF8String, ""), field("\x55\x04\x03", asn1.Tag(30), "\x00L\x00\xfc"), field("\x55\x04\x05", asn1.PrintableString, "7")),
	}.der(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"an empty subject field", "attribute 1.3.6.1.4.1.311.13.2.3", "attribute unstructured name", "subject key identifier", "extension 1.2.3, which is not in DER"}
	if !reflect.DeepEqual(p.Dropped, want) || string(p.Challenge) != "secret" {
		t.Errorf("got %q, challenge %q", p.Dropped, []byte(p.Challenge))
	}
	if got := []ca.Extension{{OID: "2.5.29.32", Value: []byte{5, 0}}, {OID: "1.2.4", Critical: true, Value: []byte{5, 0}}}; !reflect.DeepEqual(p.Extensions, got) {
		t.Errorf("extensions are %+v, want %+v", p.Extensions, got)
	}
	if !slices.Equal(p.Use, []string{"server", "1.3.6.1.5.5.7.3.17"}) || !slices.Equal(p.KeyUsage, []string{"digital_signature", "key_agreement", "decipher_only"}) {
		t.Errorf("uses %q, key usage %q", p.Use, p.KeyUsage)
	}
	if strings.Contains(fmt.Sprint(p.Dropped), "secret") {
		t.Error("the password shows")
	}
	if got := (ca.Subject{{OID: ca.OIDCommonName, Value: "Lü"}, {OID: ca.OIDSerialNumber, Value: "7", Type: ca.PrintableString}}); !reflect.DeepEqual(p.Subject, got) {
		t.Errorf("subject is %v", p.Subject)
	}
}

func TestDecode(t *testing.T) {
	der := wish{}.der(t)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	other := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for _, tt := range []struct {
		name string
		in   []byte
		says string // "" means accepted
	}{
		{"DER passes", der, ""},
		{"PEM passes", block, ""},
		{"the old label passes", other("NEW CERTIFICATE REQUEST"), ""},
		{"CRLF passes", bytes.ReplaceAll(block, []byte("\n"), []byte("\r\n")), ""},
		{"a byte order mark passes", append([]byte("\xef\xbb\xbf"), block...), ""},
		{"text before passes", append([]byte("Certificate Request:\n    Data:\n"), block...), ""},
		{"text that begins with 0 passes", append([]byte("0 s:CN=a\n"), block...), ""},
		{"blank lines after pass", append(bytes.Clone(block), "\r\n \n"...), ""},
		{"text after is refused", append(bytes.Clone(block), "more"...), "after the PEM block"},
		{"nothing is refused", nil, "empty"},
		{"UTF-16 is refused", []byte("\xff\xfe-\x00-\x00"), "UTF-16"},
		{"a certificate is named", other("CERTIFICATE"), "this is a CERTIFICATE, not a request"},
		{"a public key is named", other("PUBLIC KEY"), "this is a PUBLIC KEY"},
		{"a private key is named", other("PRIVATE KEY"), "private key"},
		{"an encrypted key is named", other("ENCRYPTED PRIVATE KEY"), "private key"},
		{"a key beside the request is named", append(other("EC PRIVATE KEY"), block...), "private key"},
		{"two requests are refused", append(bytes.Clone(block), block...), "several PEM blocks: CERTIFICATE REQUEST, CERTIFICATE REQUEST"},
		{"a cut block is refused", block[:len(block)/2], "damaged"},
		{"headers are refused", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der, Headers: map[string]string{"A": "b"}}), "headers"},
		{"noise is refused", []byte("hello"), "neither PEM nor DER"},
		{"a label of noise is refused", []byte("-----BEGIN \x00\r\n-----"), "damaged block"},
		{"a huge file is refused", make([]byte, MaxFile+1), "octets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode(tt.in)
			if tt.says == "" {
				if err != nil || !bytes.Equal(got, der) {
					t.Errorf("got %v", err)
				}
				return
			}
			if code(t, err) != ca.E2203 || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

func TestOtherDERIsNamed(t *testing.T) {
	key := newKeyP256(t)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	sec1, _ := x509.MarshalECPrivateKey(key)
	certificate, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	for says, der := range map[string][]byte{"private key, which": pkcs8, "private key": sec1, "this is a certificate": certificate, "damaged": {0x30, 0}} {
		if _, err := Parse(der); code(t, err) != ca.E2203 || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}
