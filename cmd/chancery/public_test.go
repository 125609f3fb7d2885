// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

// R143: a certificate says where its issuer's certificate is, and it is there: a
// checker that was given the leaf alone can build the chain.
func TestR143_TheIssuersCertificateIsWhereTheLeafSays(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	said := h.serve()
	address := regexp.MustCompile(`revocation +(\S+),`).FindStringSubmatch(said)
	if address == nil {
		t.Fatalf("it does not say where it listens:\n%s", said)
	}
	block, _ := pem.Decode([]byte(h.done("sign", h.request("nas.lab.example")).out))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for path := leaf; len(path.IssuingCertificateURL) > 0; {
		at, err := url.Parse(path.IssuingCertificateURL[0])
		if err != nil {
			t.Fatal(err)
		}
		issuer, err := x509.ParseCertificate(fetch(t, "http://"+address[1]+at.Path))
		if err != nil {
			t.Fatal(err)
		}
		if err := path.CheckSignatureFrom(issuer); err != nil {
			t.Errorf("%s is not the issuer: %v", at, err)
		}
		path = issuer
	}

	// The port stays taken, so a second service says so and how to go round it.
	second := hand{t, h.file("second")}
	second.done("init", "--names", "lab.example", "--recovery-file", h.file("words2"))
	second.refused("E1203", "serve", "--listen-http", address[1])
	if _, _, err := net.SplitHostPort(address[1]); err != nil {
		t.Error(err)
	}
}

func fetch(t *testing.T, address string) []byte {
	t.Helper()
	r, err := http.Get(address) //nolint:noctx // the test's own time bounds it
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || r.StatusCode != http.StatusOK || !bytes.HasPrefix(body, []byte{0x30}) {
		t.Fatalf("%s: %s, %v", address, r.Status, err)
	}
	return body
}
