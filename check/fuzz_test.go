// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// FuzzCheck bends a draft, then its bytes. Laws: bytes that differ from the
// encoder's never pass, and what passes is a certificate to crypto/x509 too, is
// no CA there, and says what the draft says.
func FuzzCheck(f *testing.F) {
	f.Add("dns", "nas.lab.example", "nas.lab.example", byte(0), int64(86400), uint16(0), byte(0))
	f.Add("uri", "spiffe://lab.example/nas?a=b", "Büro", byte(12), int64(2e9), uint16(40), byte(1))
	f.Add("uri", "http://[fe80::1%25eth0]:80/", "", byte(0), int64(1), uint16(0), byte(0))
	f.Add("uri", "urn:a", "a*b", byte(22), int64(1), uint16(0), byte(0))
	f.Add("email", "a@b", "x", byte(19), int64(8e9), uint16(0), byte(0))
	f.Add("ip", "fe80::1", "x", byte(19), int64(60), uint16(500), byte(0x80))
	w := good(f, "ecdsa-p256")
	issuer, err := encode.NewIssuer(w.authority)
	if err != nil {
		f.Fatal(err)
	}
	w.authority.NotAfter = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	w.profile.MaxDays = 3_000_000
	w.profile.Names = ca.NameRules{Max: 1, DNS: []string{"*"}, IP: []string{"0.0.0.0/0", "::/0"}, Wildcards: true}
	w.profile.Subject = ca.SubjectRules{CommonName: "optional"}
	f.Fuzz(func(t *testing.T, typ, name, common string, str byte, seconds int64, at uint16, turn byte) {
		w := w
		w.draft.Names = []ca.Name{{Type: ca.NameType(typ), Value: name}}
		// Patterns that fit nearly whatever the name is: forms are looked at here.
		w.profile.Names.Email, w.profile.Names.URI = []string{name}, []string{name[:strings.LastIndexByte(name, '/')+1]}
		w.draft.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: common, Type: ca.StringType(str)}}
		w.draft.NotAfter = w.draft.NotBefore.Add(time.Duration(seconds%1e10) * time.Second)
		if common == "" {
			w.draft.Subject = nil
		}
		tbs, err := issuer.TBS(w.draft, w.serial)
		if err != nil {
			return
		}
		tbs[int(at)%len(tbs)] ^= turn
		if w.check(tbs) != nil {
			return
		}
		if turn != 0 {
			t.Fatalf("octet %d turned by %02x passes", int(at)%len(tbs), turn)
		}
		if err := check.NeverCA(tbs); err != nil {
			t.Fatalf("Leaf passes what NeverCA refuses: %v", err)
		}
		der, err := encode.Certificate(tbs, []byte{0x30, 0})
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatalf("crypto/x509 refuses what Leaf accepts: %v\n%x", err, der)
		}
		if c.IsCA || !c.BasicConstraintsValid || c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
			t.Fatal("crypto/x509 takes it for a CA")
		}
		if !c.NotAfter.Equal(w.draft.NotAfter) || c.Subject.CommonName != common {
			t.Fatalf("crypto/x509 reads %v and %q", c.NotAfter, c.Subject.CommonName)
		}
		if n := len(c.DNSNames) + len(c.EmailAddresses) + len(c.IPAddresses) + len(c.URIs); n != 1 {
			t.Fatalf("crypto/x509 reads %d names", n)
		}
	})
}

// FuzzNeverCA feeds arbitrary bytes. Law: what it passes and crypto/x509 can read
// is no CA there and is not for any use.
func FuzzNeverCA(f *testing.F) {
	for _, s := range specimens(f) {
		f.Add(s.tbs)
	}
	f.Fuzz(func(t *testing.T, tbs []byte) {
		if check.NeverCA(tbs) != nil {
			return
		}
		der, err := encode.Certificate(tbs, []byte{0x30, 0})
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if c.IsCA || c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
			t.Fatalf("crypto/x509 takes it for a CA: %x", der)
		}
		for _, id := range c.UnhandledCriticalExtensions { // a profile may add others
			if strings.HasPrefix(id.String(), "2.5.29.") {
				t.Fatalf("it has %s: %x", id, der)
			}
		}
		for _, use := range c.ExtKeyUsage {
			if use == x509.ExtKeyUsageAny {
				t.Fatalf("crypto/x509 takes it for any use: %x", der)
			}
		}
	})
}
