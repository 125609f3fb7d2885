// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"chancery/ca"
	"chancery/encode"
)

// answer is a response of the key of the type about one certificate of the authority.
func answer(t testing.TB, a ca.Authority, responder string) encode.OCSPResponse {
	t.Helper()
	hash, err := encode.KeyHash(spki(t, responder), "sha1")
	if err != nil {
		t.Fatal(err)
	}
	return encode.OCSPResponse{KeyHash: hash, ProducedAt: noon, Singles: []ca.OCSPSingle{{
		CertID: certID(t, a, "sha1", leafSerial), ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 1)}}}
}

// responderOf is a signed certificate of a responder's key.
func responderOf(t testing.TB, a ca.Authority, keyType string) []byte {
	t.Helper()
	tbs, err := encode.Responder(ca.ResponderDraft{Issuer: &a, Serial: "4100016999999901020304050607ff", SPKI: spki(t, keyType),
		Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "Lab OCSP"}}, NotBefore: noon.AddDate(0, 0, -1), NotAfter: noon.AddDate(0, 0, 29)})
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, tbs, a.Algorithm())
}

// The library's responder, asked for the same, says the same octets, and reads in ours
// what they were made of.
func TestOCSPIsWhatTheLibraryWouldSay(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	issuer, own := parse(t, a.Certificate), responderOf(t, a, "ecdsa-p384")
	for name, change := range map[string]func(*ca.OCSPSingle){
		"good":    func(*ca.OCSPSingle) {},
		"unknown": func(s *ca.OCSPSingle) { s.Status = ca.OCSPUnknown },
		"held": func(s *ca.OCSPSingle) {
			s.Status, s.RevokedAt, s.Reason = ca.OCSPRevoked, noon.AddDate(0, 0, -2), ca.CertificateHold
		},
		"revoked":  func(s *ca.OCSPSingle) { s.Status, s.RevokedAt = ca.OCSPRevoked, noon.AddDate(0, 0, -2) },
		"high bit": func(s *ca.OCSPSingle) { s.CertID.Serial = "ff" },
	} {
		r := answer(t, a, "ecdsa-p384")
		s := &r.Singles[0]
		s.CertID.Parameters = true // the library always writes them
		change(s)
		tbs, err := r.TBS()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ocsp.ParseResponse(signAnswer(t, r, "ecdsa-p384", own), issuer)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.TBSResponseData, tbs) || got.Status != int(s.Status) || got.RevocationReason != int(s.Reason) ||
			!got.RevokedAt.Equal(s.RevokedAt) || !got.ThisUpdate.Equal(s.ThisUpdate) || !got.NextUpdate.Equal(s.NextUpdate) || !got.ProducedAt.Equal(noon) ||
			got.SerialNumber.Cmp(new(big.Int).SetBytes(s.CertID.Serial.Bytes())) != 0 || got.IssuerHash != crypto.SHA1 ||
			!bytes.Equal(got.ResponderKeyHash, r.KeyHash) || !bytes.Equal(got.Certificate.Raw, own) {
			t.Errorf("%s: the library reads %+v", name, got)
		}
		// It writes the key that signs by name, and no seconds but those of its clock, so the
		// part that both write alike is held octet for octet.
		if want := librarySingle(t, issuer, *s); s.Status != ca.OCSPRevoked && !bytes.Contains(tbs, want) {
			t.Errorf("%s: not the library's octets\n%x\n%x", name, tbs, want)
		}
	}
}

// librarySingle is the SingleResponse in what the library makes, without its header.
func librarySingle(t *testing.T, issuer *x509.Certificate, s ca.OCSPSingle) []byte {
	t.Helper()
	der, err := ocsp.CreateResponse(issuer, issuer, ocsp.Response{Status: int(s.Status), SerialNumber: new(big.Int).SetBytes(s.CertID.Serial.Bytes()),
		ThisUpdate: s.ThisUpdate, NextUpdate: s.NextUpdate}, keys()["ecdsa-p256"])
	if err != nil {
		t.Fatal(err)
	}
	from := bytes.Index(der, []byte("\x06\x05\x2b\x0e\x03\x02\x1a"))
	last := []byte(s.NextUpdate.UTC().Format("20060102150405Z"))
	return der[from : bytes.LastIndex(der, last)+len(last)]
}

// OpenSSL reads each status, hash and nonce as it was meant, and finds the signature
// right: of every key type, by the authority itself and by its responder.
func TestOpenSSLReadsOCSP(t *testing.T) {
	for _, keyType := range keyTypes {
		t.Run(keyType, func(t *testing.T) {
			root, a := issuing(t, keyType)
			dir := t.TempDir()
			file := func(name string, content []byte) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			roots := file("root", pem.EncodeToMemory(certificate(root.Certificate)))
			issuer := file("issuing", pem.EncodeToMemory(certificate(a.Certificate)))
			responder := "ecdsa-p384"
			if keyType == responder {
				responder = "ed25519"
			}
			for i, hash := range ca.CertIDHashes() {
				signs, certificates := keyType, [][]byte(nil)
				if i%2 == 1 {
					signs, certificates = responder, [][]byte{responderOf(t, a, responder)}
				}
				r := answer(t, a, signs)
				r.Singles[0].CertID = certID(t, a, hash, leafSerial)
				r.Singles[0].CertID.Parameters = i%2 == 0
				r.Singles = append(r.Singles, r.Singles[0], r.Singles[0])
				r.Singles[1].CertID.Serial, r.Singles[1].Status, r.Singles[1].RevokedAt, r.Singles[1].Reason = "80", ca.OCSPRevoked, noon.Add(-time.Hour), ca.CertificateHold
				r.Singles[2].CertID.Serial, r.Singles[2].Status = "03", ca.OCSPUnknown
				r.Nonce = bytes.Repeat([]byte{0xa5}, 32)
				out, err := openSSL(t, nil, "ocsp", "-respin", file("answer", signAnswer(t, r, signs, certificates...)), "-text", "-no_nonce", "-validity_period", "2000000000", "-attime", "1772500000",
					"-CAfile", roots, "-verify_other", issuer, "-issuer", issuer, "-"+hash, "-serial", "0x"+string(leafSerial), "-serial", "0x80", "-serial", "3")
				if err != nil {
					t.Fatalf("%s: %v\n%s", hash, err, out)
				}
				for _, want := range []string{"OCSP Response Status: successful (0x0)", "Produced At: Mar  1 12:00:00 2026 GMT", "Response verify OK",
					fmt.Sprintf("Responder Id: %X", r.KeyHash), "Hash Algorithm: " + hash, "Next Update: Mar  2 12:00:00 2026 GMT",
					"Cert Status: good", "Revocation Reason: certificateHold (0x6)", "Revocation Time: Mar  1 11:00:00 2026 GMT", "0420A5A5",
					"0x" + string(leafSerial) + ": good", "0x80: revoked", "3: unknown"} {
					if !strings.Contains(out, want) {
						t.Errorf("%s: it does not say %q:\n%s", hash, want, out)
					}
				}
			}
		})
	}
}

// What cannot be said is refused.
func TestOCSPThatCannotBeEncodedIsRefused(t *testing.T) {
	_, a := issuing(t, "ecdsa-p256")
	one := func(change func(*ca.OCSPSingle)) func(*encode.OCSPResponse) {
		return func(r *encode.OCSPResponse) { change(&r.Singles[0]) }
	}
	for name, change := range map[string]func(*encode.OCSPResponse){
		"no key":                  func(r *encode.OCSPResponse) { r.KeyHash = nil },
		"nothing":                 func(r *encode.OCSPResponse) { r.Singles = nil },
		"too much":                func(r *encode.OCSPResponse) { r.Singles = make([]ca.OCSPSingle, ca.MaxOCSPCertIDs+1) },
		"a long nonce":            func(r *encode.OCSPResponse) { r.Nonce = make([]byte, ca.MaxOCSPNonce+1) },
		"a fraction":              func(r *encode.OCSPResponse) { r.ProducedAt = noon.Add(1) },
		"a year":                  func(r *encode.OCSPResponse) { r.ProducedAt = noon.AddDate(8000, 0, 0) },
		"no time":                 one(func(s *ca.OCSPSingle) { s.ThisUpdate = time.Time{} }),
		"no end":                  one(func(s *ca.OCSPSingle) { s.NextUpdate = noon }),
		"a fraction at the end":   one(func(s *ca.OCSPSingle) { s.NextUpdate = noon.AddDate(0, 0, 1).Add(1) }),
		"revoked at no time":      one(func(s *ca.OCSPSingle) { s.Status = ca.OCSPRevoked }),
		"revoked for no reason":   one(func(s *ca.OCSPSingle) { s.Status, s.RevokedAt, s.Reason = ca.OCSPRevoked, noon, ca.RemoveFromCRL }),
		"no status":               one(func(s *ca.OCSPSingle) { s.Status = 3 }),
		"another hash":            one(func(s *ca.OCSPSingle) { s.CertID.Hash = "md5" }),
		"a short digest":          one(func(s *ca.OCSPSingle) { s.CertID.NameHash = s.CertID.NameHash[:19] }),
		"another short digest":    one(func(s *ca.OCSPSingle) { s.CertID.KeyHash = nil }),
		"no serial number":        one(func(s *ca.OCSPSingle) { s.CertID.Serial = "" }),
		"zero":                    one(func(s *ca.OCSPSingle) { s.CertID.Serial = "00" }),
		"a long serial number":    one(func(s *ca.OCSPSingle) { s.CertID.Serial = ca.Serial(strings.Repeat("11", 21)) }),
		"no hex":                  one(func(s *ca.OCSPSingle) { s.CertID.Serial = "zz" }),
		"half an octet of number": one(func(s *ca.OCSPSingle) { s.CertID.Serial = "123" }),
	} {
		r := answer(t, a, "ecdsa-p256")
		change(&r)
		if tbs, err := r.TBS(); err == nil || tbs != nil {
			t.Errorf("%s: %x", name, tbs)
		}
	}
	if _, err := encode.SignedOCSP([]byte{0x30, 0}, "rot13", []byte{1}); err == nil {
		t.Error("an algorithm nobody knows signs")
	}
	if _, err := encode.SignedOCSP([]byte{0x30, 0}, "ed25519", nil); err == nil {
		t.Error("no signature is one")
	}
	if _, err := encode.NameHash(a.Subject, "md5"); err == nil {
		t.Error("MD5 names an issuer")
	}
	if _, err := encode.KeyHash([]byte{1}, "sha1"); err == nil {
		t.Error("an octet is a key")
	}
}

// The largest response there can be fits into its buffer: anything else would panic.
func TestTheLargestOCSPResponseFits(t *testing.T) {
	_, a := issuing(t, "rsa-2048")
	r := answer(t, a, "rsa-2048")
	s := ca.OCSPSingle{CertID: certID(t, a, "sha512", ca.Serial(strings.Repeat("ff", 20))), Status: ca.OCSPRevoked, RevokedAt: noon,
		Reason: ca.Superseded, ThisUpdate: noon, NextUpdate: noon.Add(time.Second)}
	s.CertID.Parameters = true
	r.Singles, r.Nonce = nil, make([]byte, ca.MaxOCSPNonce)
	for range ca.MaxOCSPCertIDs {
		r.Singles = append(r.Singles, s)
	}
	own := responderOf(t, a, "ecdsa-p521")
	if _, err := ocsp.ParseResponseForCert(signAnswer(t, r, "rsa-2048", own, own, own), nil, nil); err != nil && !strings.Contains(err.Error(), "responses") {
		t.Error(err)
	}
	for _, bare := range []encode.OCSPResponse{{KeyHash: r.KeyHash, ProducedAt: noon, Singles: r.Singles[:1]}} {
		signAnswer(t, bare, "ed25519")
	}
}

// A response that failed is as the library would have written it.
func TestFailedOCSPIsTheLibrarys(t *testing.T) {
	for status, want := range map[int][]byte{encode.OCSPMalformed: ocsp.MalformedRequestErrorResponse, encode.OCSPInternal: ocsp.InternalErrorErrorResponse,
		encode.OCSPTryLater: ocsp.TryLaterErrorResponse, encode.OCSPUnauthorized: ocsp.UnauthorizedErrorResponse} {
		if got, err := encode.FailedOCSP(status); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d: %x, %v", status, got, err)
		}
	}
	if _, err := encode.FailedOCSP(0); err == nil {
		t.Error("success is a failure")
	}
}

// BenchmarkOCSP is a whole response with a nonce, without the signature: what each
// request costs beside it.
func BenchmarkOCSP(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	r := answer(b, a, "ecdsa-p256")
	r.Nonce = make([]byte, 32)
	own, sig := responderOf(b, a, "ecdsa-p256"), make([]byte, 71)
	b.ReportAllocs()
	for b.Loop() {
		tbs, err := r.TBS()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := encode.SignedOCSP(tbs, "ecdsa-p256", sig, own); err != nil {
			b.Fatal(err)
		}
	}
}
