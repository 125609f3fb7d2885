// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
)

// freePort is a port of the loopback interface that nobody has.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// R143: each certificate carries the addresses of its issuer's list and certificate, as
// they were set; doctor fetches each, and says which does not answer.
func TestR143_EachCertificateCarriesWhatIsSetAndDoctorFetchesIt(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	for file, issuer := range map[string]string{"nas.pem": "issuing-g1", "issuing.pem": "root-g1", "root.pem": ""} {
		text := h.tool("openssl", "x509", "-in", file, "-noout", "-ext", "crlDistributionPoints,authorityInfoAccess")
		for _, end := range []string{".crl", ".crt"} {
			if carried := strings.Contains(text, "URI:http://"+at+"/pki/"+issuer+end); carried != (issuer != "") {
				t.Errorf("%s, below %q:\n%s", file, issuer, text)
			}
		}
		if carried := strings.Contains(text, "OCSP - URI:http://"+at+"/ocsp/"+issuer); carried != (issuer != "") {
			t.Errorf("%s, below %q:\n%s", file, issuer, text)
		}
	}
	examined := func() ([]finding, int) {
		t.Helper()
		c := h.command(t.Context(), "doctor", "--only", "addresses", "--json")
		c.Env = append(c.Env, "CHANCERY_LISTEN_HTTP="+at)
		s := h.runs(c)
		var found []finding
		if err := json.Unmarshal([]byte(s.out), &found); err != nil {
			t.Fatalf("%v\n%s%s", err, s.out, s.err)
		}
		return found, s.code
	}
	// Without a service nobody answers, which is told and no fault.
	found, code := examined()
	says(t, found, "addresses", warned, "connection refused")
	if code != 0 || count(found, failed) > 0 {
		t.Errorf("exit %d: %+v", code, found)
	}
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	if found, code = examined(); code != 0 || len(found) != 1 || found[0].Level != fine || !strings.Contains(found[0].Message, "8 addresses") {
		t.Errorf("exit %d: %+v", code, found)
	}
	// Locked keys sign no answers: that is what is wrong, and no address.
	h.done("key", "lock")
	found, code = examined()
	says(t, found, "addresses", failed, "the OCSP responder of root-g1 and the OCSP responder of issuing-g1 answer nothing now (tryLater): the signing keys are locked")
	says(t, found, "addresses", failed, "chancery key unlock")
	if text := fmt.Sprint(found); code != exitFaults || count(found, failed) != 1 || strings.Contains(text, "pki_url") {
		t.Errorf("exit %d: %s", code, text)
	}
	h.done("key", "unlock")
	if err := os.Remove(filepath.Join(h.dir, "front", "pki", "root-g1.crl")); err != nil {
		t.Fatal(err)
	}
	found, code = examined()
	says(t, found, "addresses", failed, "404")
	says(t, found, "addresses", failed, "/pki/root-g1.crl")
	if code != exitFaults || count(found, failed) != 1 {
		t.Errorf("exit %d: %+v", code, found)
	}
}

// R143: what is at an address is read, and the way in which it fails is said.
func TestR143_WhatIsAtAnAddressIsJudged(t *testing.T) {
	t.Parallel()
	now := time.Now()
	own, key := newAuthority(t, "Lab CA")
	other, otherKey := newAuthority(t, "Other CA")
	list := func(by *x509.Certificate, key *ecdsa.PrivateKey, end time.Time) []byte {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: end}, by, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	pages := map[string][]byte{
		"/good.crl": list(own, key, now.Add(time.Hour)), "/ended.crl": list(own, key, now.Add(-time.Hour)), "/other.crl": list(other, otherKey, now.Add(time.Hour)),
		"/page.crl": []byte("<html>It works!</html>"), "/good.crt": own.Raw, "/other.crt": other.Raw, "/page.crt": []byte("<html>It works!</html>"),
	}
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, is := pages[r.URL.Path]
		if !is {
			http.NotFound(w, r)
		}
		_, _ = w.Write(body)
	}))
	defer served.Close()
	for _, tt := range []struct{ list, certificate, says string }{
		{served.URL + "/good.crl", served.URL + "/good.crt", ""},
		{served.URL + "/ended.crl", "", "ended on"},
		{served.URL + "/other.crl", "", "not signed by lab-g1"},
		{served.URL + "/page.crl", "", "no revocation list"},
		{served.URL + "/none.crl", "", "404"},
		{"", served.URL + "/other.crt", "another's"},
		{"", served.URL + "/page.crt", "no certificate"},
		{"http://" + freePort(t) + "/a.crl", "", "connection refused"},
		{"ldap://lab.example/cn=list", "", "only http://"},
		{"", "", ""},
	} {
		one := ca.Authority{Name: "lab-g1", NotAfter: now.Add(time.Hour), Certificate: own.Raw, SPKI: own.RawSubjectPublicKeyInfo, CRL: tt.list, Issuer: tt.certificate}
		var said []string
		for _, at := range addressesOf([]ca.Authority{one}, now) {
			body, err := fetchAddress(t.Context(), at.url)
			if err == nil {
				err = at.judge(body)
			}
			if err != nil {
				said = append(said, manner(err))
			}
		}
		if got := strings.Join(said, "; "); (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
			t.Errorf("%s %s: %q, want %q", tt.list, tt.certificate, got, tt.says)
		}
	}
	for want, err := range map[string]error{
		"(DNS)":     &url.Error{Op: "Get", Err: &net.OpError{Err: &net.DNSError{Name: "ca.lab.example", IsNotFound: true}}},
		"refused":   fmt.Errorf("dial: %w", syscall.ECONNREFUSED),
		"no answer": &url.Error{Op: "Get", Err: context.DeadlineExceeded},
		"no route":  &url.Error{Op: "Get", Err: errors.New("no route to host")},
	} {
		if got := manner(err); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
}

func newAuthority(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign, SubjectKeyId: []byte(name),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return x, key
}
