// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
)

// What cannot be encoded is refused, never bent: each case names the fault.
func TestTBSRefusesWhatCannotBeEncoded(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		t.Fatal(err)
	}
	one := func(typ ca.NameType, value string) func(*ca.Draft) {
		return func(d *ca.Draft) { d.Names = []ca.Name{{Type: typ, Value: value}} }
	}
	field := func(oid, value string, typ ca.StringType) func(*ca.Draft) {
		return func(d *ca.Draft) { d.Subject = ca.Subject{{OID: oid, Value: value, Type: typ}} }
	}
	for _, tt := range []struct {
		name string
		turn func(*ca.Draft)
		code ca.Code // empty for faults that policy must have found: internal errors
	}{
		{"no names", func(d *ca.Draft) { d.Names = nil }, ""},
		{"no use", func(d *ca.Draft) { d.Use = nil }, ""},
		{"a use the authority may not hand out", func(d *ca.Draft) { d.Use = []string{"codesign"} }, ""},
		{"a use that does not exist", func(d *ca.Draft) { d.Use = []string{"any"} }, ""},
		{"a use named twice", func(d *ca.Draft) { d.Use = []string{"server", "server"} }, ""},
		{"another authority", func(d *ca.Draft) { d.Authority = "issuing-g2" }, ""},
		{"a key that is none", func(d *ca.Draft) { d.SPKI = []byte{0x30, 0} }, ""},
		{"a key with an octet behind it", func(d *ca.Draft) { d.SPKI = append(bytes.Clone(d.SPKI), 0) }, ""},
		{"half a second", func(d *ca.Draft) { d.NotAfter = d.NotAfter.Add(time.Second / 2) }, ""},
		{"an end before the beginning", func(d *ca.Draft) { d.NotAfter = d.NotBefore.Add(-time.Second) }, ""},
		{"a time before 1950", func(d *ca.Draft) { d.NotBefore = time.Date(1949, 12, 31, 23, 59, 59, 0, time.UTC) }, ""},
		{"a time after 9999", func(d *ca.Draft) { d.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, ""},
		{"an empty DNS name", one(ca.DNS, ""), ca.E2110},
		{"a DNS name in Unicode", one(ca.DNS, "bücher.example"), ca.E2110},
		{"a DNS name with NUL", one(ca.DNS, "a\x00.example"), ca.E2110},
		{"a DNS name with a line break", one(ca.DNS, "a.example\r\n"), ca.E2110},
		{"a DNS name of 254 octets", one(ca.DNS, strings.Repeat("a.", 127)), ca.E2110},
		{"an address not in canonical form", one(ca.IP, "FD00::0007"), ca.E2110},
		{"an address with a zone", one(ca.IP, "fe80::1%eth0"), ca.E2110},
		{"an address that is none", one(ca.IP, "10.0.0"), ca.E2110},
		{"an e-mail without a host", one(ca.Email, "hana@"), ca.E2110},
		{"an e-mail without a box", one(ca.Email, "@lab.example"), ca.E2110},
		{"a relative URI", one(ca.URI, "/a/b"), ca.E2110},
		{"a URI with a space", one(ca.URI, "https://a b/"), ca.E2110},
		{"a URI whose host has an empty label", one(ca.URI, "https://a..example/"), ca.E2110},
		{"a URI whose host ends in a dot", one(ca.URI, "https://a.example./"), ca.E2110},
		{"a URI whose host hides letters", one(ca.URI, "https://%C3%BC.example/"), ca.E2110},
		{"an IPv4 address in IPv6's clothes", one(ca.IP, "::ffff:10.0.0.7"), ca.E2110},
		{"a name of an unknown type", one("upn", "hana@lab.example"), ca.E2110},
		{"an empty field", field(ca.OIDCommonName, "", 0), ca.E2120},
		{"a common name of 65 characters", field(ca.OIDCommonName, strings.Repeat("ü", 65), 0), ca.E2120},
		{"a field that is not UTF-8", field(ca.OIDCommonName, "\xff", 0), ca.E2120},
		{"a field with NUL", field(ca.OIDCommonName, "a\x00b", 0), ca.E2120},
		{"a country of three letters", field(ca.OIDCountry, "DEU", 0), ca.E2120},
		{"a country as UTF8String", field(ca.OIDCountry, "DE", ca.UTF8String), ca.E2120},
		{"a star in a PrintableString", field(ca.OIDCommonName, "*.a.example", ca.PrintableString), ca.E2120},
		{"an e-mail in UTF8String", field(ca.OIDEmail, "a@b", ca.UTF8String), ca.E2120},
		{"a string type we do not write", field(ca.OIDCommonName, "a", 30), ca.E2120},
		{"an object identifier of one arc", field("2", "a", 0), ""},
		{"an object identifier with an empty arc", field("2.5..3", "a", 0), ""},
		{"an object identifier with an arc too large", field("2.5.4294967296", "a", 0), ""},
		{"an object identifier outside the tree", field("3.1", "a", 0), ""},
		{"an object identifier with a second arc too large", field("1.40", "a", 0), ""},
		{"an object identifier with a leading zero", field("2.5.04", "a", 0), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := draft(t, "ecdsa-p256")
			tt.turn(&d)
			tbs, err := issuer.TBS(d, leafSerial)
			if err == nil {
				t.Fatalf("encoded: %x", tbs)
			}
			var p *ca.Problem
			if errors.As(err, &p); tt.code != "" && (p == nil || p.Code != tt.code) {
				t.Errorf("got %v, want a problem with code %s", err, tt.code)
			}
		})
	}
	for _, serial := range []ca.Serial{"", "xx", "00", "0041", "80112233445566778899aabbccddeeff00112233", "01112233445566778899aabbccddeeff0011223344"} {
		if _, err := issuer.TBS(draft(t, "ecdsa-p256"), serial); err == nil {
			t.Errorf("serial number %q was encoded", serial)
		}
	}
}

// An authority that cannot be an issuer makes no Issuer.
func TestNewIssuerRefusesUnfitAuthorities(t *testing.T) {
	for _, tt := range []struct {
		name string
		turn func(*ca.Authority)
	}{
		{"a root", func(a *ca.Authority) { a.Kind = ca.Root }},
		{"an unknown key type", func(a *ca.Authority) { a.KeyType = "dsa-1024" }},
		{"a key type that is not the key's", func(a *ca.Authority) { a.KeyType = "ecdsa-p384" }},
		{"no name", func(a *ca.Authority) { a.Subject = []byte{0x30, 0} }},
		{"no key identifier", func(a *ca.Authority) { a.SKI = nil }},
		{"a list over TLS", func(a *ca.Authority) { a.CRL = "https://pki.example/a.crl" }},
		{"a hash nothing is signed with (R128)", func(a *ca.Authority) { a.Hash = "sha1" }},
		{"an unknown form of key identifier", func(a *ca.Authority) { a.AKI = "issuer" }},
		{"a certificate that cannot be named", func(a *ca.Authority) { a.AKI, a.Certificate = ca.AKIIssuer, []byte{0x30, 0} }},
		{"an address with a line break", func(a *ca.Authority) { a.Issuer = "http://pki.example/\n" }},
		{"a use that does not exist", func(a *ca.Authority) { a.Use = []string{"any"} }},
		{"shards without an address", func(a *ca.Authority) { a.Shards, a.CRL = 2, "" }},
		{"shards beside an address of another form", func(a *ca.Authority) { a.Shards, a.CRL = 2, "http://pki.example/a.crl" }},
		{"more shards than there can be", func(a *ca.Authority) { a.Shards = ca.MaxShards + 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, a := issuing(t, "ecdsa-p256")
			tt.turn(&a)
			if _, err := encode.NewIssuer(a); err == nil {
				t.Error("an issuer was made")
			}
		})
	}
}

// Authority refuses drafts that say nothing sensible.
func TestAuthorityRefusesUnfitDrafts(t *testing.T) {
	root, _ := issuing(t, "ecdsa-p256")
	for _, tt := range []struct {
		name string
		turn func(*ca.AuthorityDraft)
	}{
		{"no name", func(d *ca.AuthorityDraft) { d.Subject = nil }},
		{"no key", func(d *ca.AuthorityDraft) { d.SPKI = nil }},
		{"a path length of -2", func(d *ca.AuthorityDraft) { d.PathLen = -2 }},
		{"a path length of 17", func(d *ca.AuthorityDraft) { d.PathLen = 17 }},
		{"a use that does not exist", func(d *ca.AuthorityDraft) { d.Use = []string{"any"} }},
		{"an issuer without name", func(d *ca.AuthorityDraft) { root.Subject = nil; d.Issuer = &root }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := rootDraft(t, "ecdsa-p256")
			tt.turn(&d)
			if _, err := encode.Authority(d); err == nil {
				t.Error("encoded")
			}
		})
	}
}

// SG-01: whatever a draft's owner asks, version, key usage, basic constraints
// and pointers are the issuer's; and SG-02: none is ever a CA's.
func TestSG01EverythingButNamesAndKeyComesFromTheIssuer(t *testing.T) {
	for _, keyType := range keyTypes {
		_, a := issuing(t, keyType)
		issuer, err := encode.NewIssuer(a)
		if err != nil {
			t.Fatal(err)
		}
		d := draft(t, keyType)
		d.Use = []string{"client"}
		// A subject that spells CA:TRUE and keyCertSign in DER is still only text.
		d.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: "0\x30U", Type: ca.UTF8String}}
		tbs, err := issuer.TBS(d, leafSerial)
		if err != nil {
			t.Fatal(err)
		}
		c := parse(t, sign(t, tbs, keyType))
		if c.IsCA || !c.BasicConstraintsValid || c.KeyUsage != x509.KeyUsageDigitalSignature || c.Version != 3 {
			t.Errorf("%s: IsCA %v, KeyUsage %v, version %d", keyType, c.IsCA, c.KeyUsage, c.Version)
		}
		if !bytes.Equal(c.RawIssuer, a.Subject) || !bytes.Equal(c.AuthorityKeyId, a.SKI) ||
			c.CRLDistributionPoints[0] != a.CRL || c.IssuingCertificateURL[0] != a.Issuer {
			t.Errorf("%s: the issuer's part is not the issuer's", keyType)
		}
		if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(c.Extensions) != 8 {
			t.Errorf("%s: uses %v, %d extensions", keyType, c.ExtKeyUsage, len(c.Extensions))
		}
	}
}

// TI-01: times are written in UTC whatever zone they come in.
func TestTI01TimesAreUTCWhateverTheZone(t *testing.T) {
	_, a := issuing(t, "ed25519")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		t.Fatal(err)
	}
	d := draft(t, "ed25519")
	// Half past midnight on the first of 2050 in this zone is still 2049 in UTC.
	d.NotAfter = time.Date(2050, 1, 1, 0, 30, 0, 0, time.FixedZone("east", 3600))
	tbs, err := issuer.TBS(d, leafSerial)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(tbs, []byte("\x17\x0d491231233000Z")) {
		t.Errorf("the end is not written as UTCTime 491231233000Z: %x", tbs)
	}
}

// SN-01: 0x41, the log, the second, and twelve random octets.
func TestSN01SerialHasItsParts(t *testing.T) {
	random := bytes.NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	got, err := encode.Serial(0x1234, time.Unix(0x69a42d40, 999), random)
	if want := ca.Serial("41123469a42d400102030405060708090a0b0c"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, tt := range []struct {
		name  string
		logNo uint16
		now   time.Time
		from  io.Reader
	}{
		{"log number 0", 0, noon, rand.Reader},
		{"a log number above 15 bits", 1 << 15, noon, rand.Reader},
		{"a time before 1970", 1, time.Unix(-1, 0), rand.Reader},
		{"a time after 2106", 1, time.Unix(1<<32, 0), rand.Reader},
		{"too little randomness", 1, noon, bytes.NewReader(make([]byte, 11))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := encode.Serial(tt.logNo, tt.now, tt.from); err == nil {
				t.Errorf("made %s", s)
			}
		})
	}
}

// SN-04: no serial comes twice and no random bit leans to a side. The merge size
// widens the bias allowed to six standard deviations of its smaller sample.
func TestSN04SerialsAreUniqueAndUnbiased(t *testing.T) {
	count, limit := 1_000_000, 0.003
	if os.Getenv("CHANCERY_SOAK") == "1" {
		count, limit = 10_000_000, 0.001
	}
	seen := make(map[[12]byte]struct{}, count)
	var ones [96]int
	for range count {
		s, err := encode.Serial(1, noon, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		octets := s.Bytes()
		if len(octets) != 19 || len(s) != 38 || string(s) != strings.ToLower(string(s)) {
			t.Fatalf("%s has the wrong form", s)
		}
		random := [12]byte(octets[7:])
		if _, twice := seen[random]; twice {
			t.Fatalf("%s came twice", s)
		}
		seen[random] = struct{}{}
		for bit := range ones {
			ones[bit] += int(random[bit/8]>>(7-bit%8)) & 1
		}
	}
	for bit, n := range ones {
		if bias := float64(n)/float64(count) - 0.5; bias > limit || bias < -limit {
			t.Errorf("bit %d is set with bias %.5f", bit, bias)
		}
	}
}

// LN-03: what was linted is what is signed, octet for octet: a certificate with
// any octet outside its signature turned is not the one intended.
func TestLN03TheSignedPartIsTheOneIntended(t *testing.T) {
	for _, keyType := range keyTypes {
		_, a := issuing(t, keyType)
		issuer, err := encode.NewIssuer(a)
		if err != nil {
			t.Fatal(err)
		}
		tbs, err := issuer.TBS(draft(t, keyType), leafSerial)
		if err != nil {
			t.Fatal(err)
		}
		der := sign(t, tbs, keyType)
		sig, err := encode.Signature(der, tbs)
		if err != nil || !bytes.HasSuffix(der, sig) {
			t.Fatalf("%s: the certificate is refused: %v", keyType, err)
		}
		for i := range len(der) - len(sig) {
			der[i] ^= 1
			if _, err := encode.Signature(der, tbs); err == nil {
				t.Errorf("%s: octet %d turned, the certificate still passes", keyType, i)
			}
			der[i] ^= 1
			if _, err := encode.Signature(der[:i], tbs); err == nil {
				t.Errorf("%s: cut to %d octets, the certificate still passes", keyType, i)
			}
		}
		if _, err := encode.Signature(append(der, 0), tbs); err == nil {
			t.Errorf("%s: an octet behind passes", keyType)
		}
	}
}

// A certificate too large to be checked is refused with a hint, before the log.
func TestTBSRefusesMoreThan16KiB(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	issuer, err := encode.NewIssuer(a)
	if err != nil {
		t.Fatal(err)
	}
	d := draft(t, "ecdsa-p256")
	for range 100 {
		d.Names = append(d.Names, ca.Name{Type: ca.DNS, Value: strings.Repeat("a.", 100) + "example"})
	}
	_, err = issuer.TBS(d, leafSerial)
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E2109 {
		t.Errorf("got %v, want a problem with code E2109", err)
	}
}
