// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// selfMade makes a certificate that nobody need trust.
func selfMade(t *testing.T, common string, names []string, addresses ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: common}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, a := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(a))
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveAt shows a certificate at an address until the test ends.
func serveAt(t *testing.T, address string, c tls.Certificate) net.Addr {
	t.Helper()
	l, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = conn.(*tls.Conn).HandshakeContext(t.Context())
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr()
}

// R55: who really serves a certificate: the same, another, nobody; a common name that is an
// address is shown as such.
func TestR55_TheHostsOfACertificateAreAsked(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	mine := selfMade(t, "127.0.0.4", []string{"*.lab.example", "nowhere.invalid"}, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	port := serveAt(t, "127.0.0.1:0", mine).(*net.TCPAddr).Port
	at := func(host string) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	serveAt(t, at("127.0.0.2"), selfMade(t, "other.lab.example", nil))
	serveAt(t, at("127.0.0.4"), mine)
	file := h.write("mine.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Certificate[0]})))
	s := h.types("verify", file, "--hosts", "--port", strconv.Itoa(port), "--json")
	var rows []servedHost
	if err := json.Unmarshal([]byte(s.out), &rows); err != nil || s.code != exitFaults {
		t.Fatalf("exit %d, %v\n%s%s", s.code, err, s.out, s.err)
	}
	want := map[string]string{
		"*.lab.example": servesNobody, "nowhere.invalid": servesNone, "127.0.0.1": servesSame, "127.0.0.2": servesOther, "127.0.0.3": servesNone, "127.0.0.4": servesSame,
	}
	for _, r := range rows {
		if r.Serves != want[r.Name] || r.Common != (r.Name == "127.0.0.4") {
			t.Errorf("%+v, want %s", r, want[r.Name])
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	one := h.write("one.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfMade(t, "x", nil).Certificate[0]})))
	h.refused("E1101", "verify", one, "--hosts")
	h.refused("E2501", "verify", h.write("none.pem", "nothing"), "--hosts")
}
