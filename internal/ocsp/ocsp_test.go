// SPDX-License-Identifier: Apache-2.0

package ocsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/hierarchy"
	"chancery/internal/ocsp"
)

var noon = hierarchy.Noon()

// id names a certificate of the authority.
func id(t testing.TB, a ca.Authority, hash string, serial ca.Serial) ca.CertID {
	t.Helper()
	c, err := ocsp.CertID(hash, a.Subject, a.SPKI, serial)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asked is a request for the authority's certificates of these serial numbers, each with
// another hash.
func asked(t testing.TB, a ca.Authority, nonce int, serials ...ca.Serial) ocsp.Request {
	t.Helper()
	var r ocsp.Request
	for i, s := range serials {
		r.IDs = append(r.IDs, id(t, a, ca.CertIDHashes()[i%4], s))
		r.IDs[i].Parameters = i%3 == 0
	}
	if nonce > 0 {
		r.Nonce = bytes.Repeat([]byte{0xa5}, nonce)
	}
	return r
}

func encoded(t testing.TB, r ocsp.Request) []byte {
	t.Helper()
	der, err := ocsp.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// What is written is read again, and the library writes and reads the same.
func TestRequestsAreReadAsTheyWereWritten(t *testing.T) {
	_, a := hierarchy.Issuing(t, "ecdsa-p256")
	for _, r := range []ocsp.Request{
		asked(t, a, 0, "01"), asked(t, a, 1, "80"), asked(t, a, 128, "410001699999990102030405060708090a0b0c", "ff", "7f", "0100"),
		asked(t, a, 32, slices.Repeat([]ca.Serial{"7fffffffffffffffffffffffffffffffffffffff"}, ca.MaxOCSPCertIDs)...),
	} {
		der := encoded(t, r)
		got, err := ocsp.Parse(der)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%v\n got %+v\nwant %+v", err, got, r)
		}
	}
	issuer, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for hash, h := range map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512} {
		theirs, err := xocsp.CreateRequest(issuer, issuer, &xocsp.RequestOptions{Hash: h})
		if err != nil {
			t.Fatal(err)
		}
		serial, err := ca.SerialFromBytes(issuer.SerialNumber.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if ours := encoded(t, ocsp.Request{IDs: []ca.CertID{id(t, a, hash, serial)}}); !bytes.Equal(ours, theirs) {
			t.Errorf("%s: the library writes another request\n%x\n%x", hash, ours, theirs)
		}
	}
}

// OpenSSL's requests are read: with several CertIDs, each hash, a nonce, and signed by
// whoever asks.
func TestRequestsOfOpenSSLAreRead(t *testing.T) {
	_, a := hierarchy.Issuing(t, "ecdsa-p256")
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := x509.MarshalPKCS8PrivateKey(hierarchy.Keys()["ecdsa-p256"])
	if err != nil {
		t.Fatal(err)
	}
	issuer, out := file("issuer", "CERTIFICATE", a.Certificate), filepath.Join(dir, "request")
	for _, args := range [][]string{{}, {"-no_nonce"}, {"-no_nonce", "-signer", issuer, "-signkey", file("key", "PRIVATE KEY", key)}} {
		all := append([]string{"ocsp", "-issuer", issuer, "-serial", "0x80", "-sha256", "-serial", "1", "-sha384", "-serial", "2", "-sha512", "-serial", "3", "-reqout", out}, args...)
		if text, err := exec.CommandContext(t.Context(), "openssl", all...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", all, err, text)
		}
		der, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ocsp.Parse(der)
		if err != nil {
			t.Fatalf("%v: %v\n%x", args, err, der)
		}
		want := []ca.CertID{id(t, a, "sha1", "80"), id(t, a, "sha256", "01"), id(t, a, "sha384", "02"), id(t, a, "sha512", "03")}
		if !reflect.DeepEqual(r.IDs, want) || (len(r.Nonce) >= 16) != (len(args) == 0) {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// HX-08: each octet of a request turned, left out or doubled, and each cut, is refused or
// is another request in full: what is read is written as the same octets.
func TestHX08EveryOctetOfARequestCounts(t *testing.T) {
	_, a := hierarchy.Issuing(t, "ed25519")
	der := encoded(t, asked(t, a, 16, "410001699999990102030405060708090a0b0c", "80"))
	for i := range der {
		for x := 1; x < 256; x++ {
			b := bytes.Clone(der)
			b[i] ^= byte(x)
			lawful(t, b)
		}
		if _, err := ocsp.Parse(der[:i]); !errors.Is(err, ocsp.ErrMalformed) {
			t.Errorf("cut to %d octets: %v", i, err)
		}
		lawful(t, slices.Delete(bytes.Clone(der), i, i+1))
		lawful(t, slices.Insert(bytes.Clone(der), i, der[i]))
		lawful(t, slices.Insert(bytes.Clone(der), i, 0))
	}
	lawful(t, append(bytes.Clone(der), 0))
}

// lawful fails the test unless the octets are refused in one of two ways, or what is read
// is written as the same octets, or fewer: what is passed over has an octet at least.
func lawful(t *testing.T, der []byte) {
	t.Helper()
	r, err := ocsp.Parse(der)
	if err != nil {
		if !errors.Is(err, ocsp.ErrMalformed) && !errors.Is(err, ocsp.ErrForeign) || r.IDs != nil {
			t.Fatalf("%x: %v, %+v", der, err, r)
		}
		return
	}
	if len(r.IDs) == 0 || len(r.IDs) > ca.MaxOCSPCertIDs || r.Nonce != nil && (len(r.Nonce) == 0 || len(r.Nonce) > ca.MaxOCSPNonce) {
		t.Fatalf("%x: %+v", der, r)
	}
	again, err := ocsp.Encode(r)
	if err != nil || len(again) > len(der) || len(again) == len(der) && !bytes.Equal(again, der) {
		t.Fatalf("%v: it is not the one encoding:\n%x\n%x", err, der, again)
	}
	twice, err := ocsp.Parse(again)
	if err != nil || !reflect.DeepEqual(twice, r) {
		t.Fatalf("%v: %+v is written as %+v", err, r, twice)
	}
	raw, err := ocsp.FromPath(ocsp.Path(der))
	if err != nil || !bytes.Equal(raw, der) {
		t.Fatalf("%v: its path is that of %x", err, raw)
	}
}

// FuzzRequest feeds arbitrary octets. Law: that of lawful.
func FuzzRequest(f *testing.F) {
	_, a := hierarchy.Issuing(f, "ecdsa-p256")
	f.Add(encoded(f, asked(f, a, 0, "01")))
	f.Add(encoded(f, asked(f, a, 32, "80", "01", "7f", "ff")))
	f.Fuzz(func(t *testing.T, der []byte) { lawful(t, der) })
}

// seq wraps elements in a header.
func seq(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	switch n := len(body); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, body...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, body...)
	case n < 0x10000:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body...)
	default:
		return append([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, body...)
	}
}

// HX-08, RV-06: what breaks a bound, and what nobody may ask, is refused by its name.
func TestHX08HostileRequests(t *testing.T) {
	sha1 := seq(6, []byte{0x2b, 0x0e, 3, 2, 0x1a})
	sum := seq(4, make([]byte, 20))
	cert := func(parts ...[]byte) []byte { return seq(0x30, seq(0x30, parts...)) }
	one := cert(seq(0x30, sha1), sum, sum, []byte{2, 1, 7})
	request := func(parts ...[]byte) []byte { return seq(0x30, seq(0x30, parts...)) }
	nonce := func(octets []byte) []byte {
		return seq(0xa2, seq(0x30, seq(0x30, seq(6, []byte{0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2}), seq(4, octets))))
	}
	list := seq(0x30, one)
	odd := func(critical []byte) []byte { return seq(0x30, seq(6, []byte{0x2a, 3, 4}), critical, seq(4)) }
	for _, tt := range []struct {
		name string
		der  []byte
		want error
	}{
		{"a plain one passes", request(list), nil},
		{"ten CertIDs pass", request(seq(0x30, bytes.Repeat(one, 10))), nil},
		{"eleven do not", request(seq(0x30, bytes.Repeat(one, 11))), ocsp.ErrMalformed},
		{"a thousand do not", request(seq(0x30, bytes.Repeat(one, 1000))), ocsp.ErrMalformed},
		{"none do not", request(seq(0x30)), ocsp.ErrMalformed},
		{"a nonce of one octet passes", request(list, nonce(seq(4, make([]byte, 1)))), nil},
		{"a nonce of 128 octets passes", request(list, nonce(seq(4, make([]byte, 128)))), nil},
		{"a nonce of no octets does not", request(list, nonce(seq(4))), ocsp.ErrMalformed},
		{"a nonce of 129 octets does not", request(list, nonce(seq(4, make([]byte, 129)))), ocsp.ErrMalformed},
		{"a nonce of 64 KiB does not", request(list, nonce(seq(4, make([]byte, 64<<10)))), ocsp.ErrMalformed},
		{"a nonce that is no OCTET STRING does not", request(list, nonce(make([]byte, 16))), ocsp.ErrMalformed},
		{"a nonce with more behind does not", request(list, nonce(append(seq(4, make([]byte, 16)), 0))), ocsp.ErrMalformed},
		{"two nonces do not", request(list, seq(0xa2, seq(0x30, bytes.Repeat(nonce(seq(4, []byte{1}))[4:], 2)))), ocsp.ErrMalformed},
		{"the version in full does not", request([]byte{0xa0, 3, 2, 1, 0}, list), ocsp.ErrMalformed},
		{"version 2 does not", request([]byte{0xa0, 3, 2, 1, 1}, list), ocsp.ErrMalformed},
		{"a name of who asks is passed over", request(seq(0xa1, seq(0x82, []byte("a.example"))), list), nil},
		{"a name that is none is not", request(seq(0xa1, []byte{5, 0}), list), ocsp.ErrMalformed},
		{"a signature is passed over", seq(0x30, seq(0x30, list), seq(0xa0, seq(0x30, seq(0x30), seq(3, []byte{0, 1})))), nil},
		{"a signature that is none is not", seq(0x30, seq(0x30, list), seq(0xa0, seq(0x30, seq(0x30)))), ocsp.ErrMalformed},
		{"something behind the signature", seq(0x30, seq(0x30, list), seq(0xa0, seq(0x30, seq(0x30), seq(3, []byte{0, 1}))), seq(5)), ocsp.ErrMalformed},
		{"an extension that asks nothing is passed over", request(list, seq(0xa2, seq(0x30, odd(nil)))), nil},
		{"one that is critical is not", request(list, seq(0xa2, seq(0x30, odd([]byte{1, 1, 0xff})))), ocsp.ErrMalformed},
		{"one that says it is not critical is not DER", request(list, seq(0xa2, seq(0x30, odd([]byte{1, 1, 0})))), ocsp.ErrMalformed},
		{"nine extensions are too many", request(list, seq(0xa2, seq(0x30, bytes.Repeat(odd(nil), 9)))), ocsp.ErrMalformed},
		{"an empty list of extensions is none", request(list, seq(0xa2, seq(0x30))), ocsp.ErrMalformed},
		{"a service locator is passed over", request(seq(0x30, seq(0x30, seq(0x30, seq(0x30, sha1), sum, sum, []byte{2, 1, 7}), seq(0xa0, seq(0x30, odd(nil)))))), nil},
		{"a critical one of a CertID is not", request(seq(0x30, seq(0x30, seq(0x30, seq(0x30, sha1), sum, sum, []byte{2, 1, 7}), seq(0xa0, seq(0x30, odd([]byte{1, 1, 0xff})))))), ocsp.ErrMalformed},
		{"MD5 names nobody", request(seq(0x30, cert(seq(0x30, seq(6, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5})), seq(4, make([]byte, 16)), seq(4, make([]byte, 16)), []byte{2, 1, 7}))), ocsp.ErrForeign},
		{"a digest of another length", request(seq(0x30, cert(seq(0x30, sha1), seq(4, make([]byte, 19)), sum, []byte{2, 1, 7}))), ocsp.ErrMalformed},
		{"parameters other than NULL", request(seq(0x30, cert(seq(0x30, sha1, seq(4)), sum, sum, []byte{2, 1, 7}))), ocsp.ErrMalformed},
		{"serial number zero", request(seq(0x30, cert(seq(0x30, sha1), sum, sum, []byte{2, 1, 0}))), ocsp.ErrMalformed},
		{"a negative serial number", request(seq(0x30, cert(seq(0x30, sha1), sum, sum, []byte{2, 1, 0x80}))), ocsp.ErrMalformed},
		{"a serial number with a zero ahead", request(seq(0x30, cert(seq(0x30, sha1), sum, sum, []byte{2, 2, 0, 7}))), ocsp.ErrMalformed},
		{"a serial number of 20 octets passes", request(seq(0x30, cert(seq(0x30, sha1), sum, sum, seq(2, bytes.Repeat([]byte{7}, 20))))), nil},
		{"one of 21 octets does not", request(seq(0x30, cert(seq(0x30, sha1), sum, sum, seq(2, bytes.Repeat([]byte{7}, 21))))), ocsp.ErrMalformed},
		{"nothing", nil, ocsp.ErrMalformed},
		{"a length nobody tells", append([]byte{0x30, 0x80}, append(request(list)[2:], 0, 0)...), ocsp.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ocsp.Parse(tt.der); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v\n%x", err, tt.want, tt.der)
			}
		})
	}
}

// R90, RV-06: paths of GET requests, as clients and proxies write them.
func TestPathsOfRequests(t *testing.T) {
	// 0x3f, 0xff and 0xfb make slashes, double ones and plus signs of base64.
	der := append([]byte("\x30\x0b"), 0x3f, 0xff, 0xff, 0xff, 0xfb, 0xef, 0xbe, 0xff, 0xf0, 0x3e, 0x01)
	plain := base64.StdEncoding.EncodeToString(der)
	if !strings.Contains(plain, "//") || !strings.Contains(plain, "+") || !strings.HasSuffix(plain, "==") {
		t.Fatalf("%s has not what is tried here", plain)
	}
	escape := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(plain) }
	for name, path := range map[string]string{
		"as it is": plain, "behind a slash": "/" + plain, "behind two": "//" + plain, "without padding": strings.TrimRight(plain, "="),
		"slashes escaped": escape("/", "%2F"), "in small letters": escape("/", "%2f"), "plus escaped": escape("+", "%2B"),
		"padding escaped": escape("=", "%3D"), "all escaped": escape("/", "%2F", "+", "%2b", "=", "%3d"), "ours": ocsp.Path(der),
		"letters escaped": escape("M", "%4D"),
	} {
		if got, err := ocsp.FromPath(path); err != nil || !bytes.Equal(got, der) {
			t.Errorf("%s: %s is %x, %v", name, path, got, err)
		}
	}
	for name, path := range map[string]string{
		"half an escape": plain + "%", "a bit of one": plain[:4] + "%2", "no hex": "%zz" + plain, "a line break": plain[:4] + "\n" + plain[4:], "one escaped": plain[:4] + "%0a" + plain[4:],
		"the other alphabet": escape("/", "_", "+", "-"), "a space for a plus": escape("+", "%20"), "bits behind the end": strings.TrimRight(plain, "=")[:len(plain)-3] + "R",
		"padding in between": "MA==" + plain, "too long": strings.Repeat("A", ocsp.MaxRequest/3*4+8), "much too long": strings.Repeat("%41", ocsp.MaxRequest*2),
	} {
		if got, err := ocsp.FromPath(path); !errors.Is(err, ocsp.ErrMalformed) {
			t.Errorf("%s passes as %x", name, got)
		}
	}
	if strings.ContainsAny(ocsp.Path(der), "+/=") {
		t.Errorf("a proxy might make another path of %s", ocsp.Path(der))
	}
}

// response is signed by the key of the type, about one certificate.
func response(t testing.TB, a ca.Authority, by string, change func(*encode.OCSPResponse), certificates ...[]byte) []byte {
	t.Helper()
	hash, err := encode.KeyHash(hierarchy.SPKI(t, by), "sha1")
	if err != nil {
		t.Fatal(err)
	}
	r := encode.OCSPResponse{KeyHash: hash, ProducedAt: noon, Nonce: []byte{1, 2}, Singles: []ca.OCSPSingle{{
		CertID: id(t, a, "sha256", "07"), Status: ca.OCSPRevoked, RevokedAt: noon.Add(-time.Hour), Reason: ca.KeyCompromise, ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 1)}}}
	change(&r)
	return hierarchy.SignOCSP(t, r, by, certificates...)
}

// Whoever asks believes the issuer and whom it named, in their time, and nobody else.
func TestResponsesAreBelievedOfWhoMayAnswer(t *testing.T) {
	for _, keyType := range hierarchy.KeyTypes() {
		root, a := hierarchy.Issuing(t, keyType)
		issuer, err := x509.ParseCertificate(a.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		other := "ed25519"
		if keyType == other {
			other = "ecdsa-p256"
		}
		responder := func(by ca.Authority, key string) []byte {
			tbs, err := encode.Responder(ca.ResponderDraft{Issuer: &by, Serial: "77", Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "OCSP"}},
				SPKI: hierarchy.SPKI(t, key), NotBefore: noon, NotAfter: noon.AddDate(0, 0, 30)})
			if err != nil {
				t.Fatal(err)
			}
			return hierarchy.Sign(t, tbs, by.Algorithm())
		}
		leaf := func() []byte { // a certificate of the same issuer that may not answer
			i, err := encode.NewIssuer(a)
			if err != nil {
				t.Fatal(err)
			}
			d := hierarchy.Draft(t, other)
			tbs, err := i.TBS(d, "4100016999999901020304050607ff")
			if err != nil {
				t.Fatal(err)
			}
			return hierarchy.Sign(t, tbs, keyType)
		}()
		same := func(*encode.OCSPResponse) {}
		own, delegated := response(t, a, keyType, same), response(t, a, other, same, responder(a, other))
		turned := bytes.Clone(own)
		turned[len(turned)-2] ^= 1
		for _, tt := range []struct {
			name string
			der  []byte
			now  time.Time
			good bool
		}{
			{"the issuer itself", own, noon, true},
			{"its responder", delegated, noon, true},
			{"its responder, among others", response(t, a, other, same, root.Certificate, responder(a, other)), noon, true},
			{"its responder, too late", delegated, noon.AddDate(0, 0, 31), false},
			{"its responder, too early", delegated, noon.Add(-time.Second), false},
			{"a responder of another", response(t, a, other, same, responder(root, other)), noon, false},
			{"a certificate that may not", response(t, a, other, same, leaf), noon, false},
			{"nobody", response(t, a, other, same), noon, false},
			{"another signature", turned, noon, false},
		} {
			r, err := ocsp.Read(tt.der)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if _, err := r.Signer(issuer, tt.now); (err == nil) != tt.good {
				t.Errorf("%s, %s: %v", keyType, tt.name, err)
			}
		}
		r, err := ocsp.Read(own)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Current(id(t, a, "sha256", "07"), noon, time.Minute)
		if err != nil || s.Status != ca.OCSPRevoked || s.Reason != ca.KeyCompromise || !s.RevokedAt.Equal(noon.Add(-time.Hour)) || !bytes.Equal(r.Nonce, []byte{1, 2}) || !r.ProducedAt.Equal(noon) {
			t.Errorf("%v: %+v", err, s)
		}
		for name, c := range map[string]func() (ca.CertID, time.Time){
			"of tomorrow": func() (ca.CertID, time.Time) { return id(t, a, "sha256", "07"), noon.Add(-2 * time.Minute) },
			"of yesterday": func() (ca.CertID, time.Time) {
				return id(t, a, "sha256", "07"), noon.AddDate(0, 0, 1).Add(2 * time.Minute)
			},
			"of another": func() (ca.CertID, time.Time) { return id(t, a, "sha256", "08"), noon },
			"by a hash":  func() (ca.CertID, time.Time) { return id(t, a, "sha1", "07"), noon },
		} {
			if certID, now := c(); func() error { _, err := r.Current(certID, now, time.Minute); return err }() == nil {
				t.Errorf("an answer %s is taken", name)
			}
		}
		for i := range own {
			_, _ = ocsp.Read(own[:i]) // and nothing panics
		}
	}
	var failure ocsp.Failure
	if _, err := ocsp.Read([]byte{0x30, 3, 10, 1, 3}); !errors.As(err, &failure) || failure.Error() != "tryLater" {
		t.Error(err)
	}
}

// FuzzResponse feeds arbitrary octets to who asks. Law: what is read is within bounds, and
// nobody signed it.
func FuzzResponse(f *testing.F) {
	root, a := hierarchy.Issuing(f, "ecdsa-p256")
	issuer, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(response(f, root, "ed25519", func(*encode.OCSPResponse) {}, a.Certificate))
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := ocsp.Read(der)
		if err != nil {
			return
		}
		if len(r.Singles) == 0 || len(r.Singles) > ca.MaxOCSPCertIDs {
			t.Errorf("%+v", r)
		}
		if _, err := r.Signer(issuer, noon); err == nil {
			t.Error("it is believed")
		}
	})
}
