// SPDX-License-Identifier: Apache-2.0

// Package peers measures programs that do the same job as this one, in the same
// run: today step-ca, built from the version that go.mod names. It is a module of
// its own so that nothing of a peer's is among the program's dependencies, and
// the peer is run as a process, never linked.
//
// scripts/bench.sh builds the peer and runs this; start reading at BenchmarkStepCA.
package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	binary = "../../bin/step-ca" // where scripts/bench.sh puts it
	name   = "nas.lab.example"   // whom each certificate is for

	provisioner = "bench"          // who may order, and the id of its key
	patience    = 30 * time.Second // how long the peer may take to start or to stop
)

// settings are what "step ca init" writes (badgerv2, a log line for each request
// among them), with the keys of this run.
const settings = `{
	"root": "root.pem", "crt": "issuer.pem", "key": "issuer.key",
	"address": %q, "dnsNames": ["127.0.0.1"],
	"logger": {"format": "text"},
	"db": {"type": "badgerv2", "dataSource": "db"},
	"authority": {"provisioners": [{"type": "JWK", "name": %q, "key": %s}]}
}`

// An authority is a running step-ca and what its customer holds.
type authority struct {
	url    string
	client *http.Client
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey // the provisioner's, which signs the tokens
	csr    string
}

// newAuthority founds a root and an issuing authority on P-256, and serves with
// them until the benchmark ends.
func newAuthority(b *testing.B) *authority {
	b.Helper()
	dir := b.TempDir()
	rootKey, issuerKey, key := newKey(b), newKey(b), newKey(b)
	root := certify(b, authorityNamed("Root"), authorityNamed("Root"), rootKey, rootKey)
	issuer := certify(b, authorityNamed("Issuer"), root, issuerKey, rootKey)
	write(b, filepath.Join(dir, "root.pem"), "CERTIFICATE", root.Raw)
	write(b, filepath.Join(dir, "issuer.pem"), "CERTIFICATE", issuer.Raw)
	der, err := x509.MarshalECPrivateKey(issuerKey)
	if err != nil {
		b.Fatal(err)
	}
	write(b, filepath.Join(dir, "issuer.key"), "EC PRIVATE KEY", der)

	request := x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &request, newKey(b))
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	address := freeAddress(b)
	a := &authority{
		url: "https://" + address, issuer: issuer, key: key,
		csr: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		// As many connections as callers, kept: a handshake for each certificate
		// would measure TLS.
		client: &http.Client{Timeout: patience, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64,
		}},
	}
	config := fmt.Sprintf(settings, address, provisioner, publicJWK(b, key))
	if err := os.WriteFile(filepath.Join(dir, "ca.json"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	a.serve(b, dir)
	return a
}

// serve starts the peer in dir and waits until it answers.
func (a *authority) serve(b *testing.B, dir string) {
	b.Helper()
	program, err := filepath.Abs(binary)
	if err != nil {
		b.Fatal(err)
	}
	logged, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command(program, "ca.json")
	c.Dir, c.Stdout, c.Stderr = dir, logged, logged
	c.Env = append(os.Environ(), "STEPPATH="+dir)
	if err := c.Start(); err != nil {
		b.Fatalf("start step-ca, which scripts/bench.sh builds: %v", err)
	}
	b.Cleanup(func() {
		late := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
		late.Stop()
		logged.Close()
	})
	tick, late := time.Tick(20*time.Millisecond), time.After(patience)
	for {
		resp, err := a.client.Get(a.url + "/health")
		if err == nil {
			resp.Body.Close()
			return
		}
		select {
		case <-tick:
		case <-late:
			text, _ := os.ReadFile(logged.Name())
			b.Fatalf("step-ca does not answer: %v\n%s", err, text)
		}
	}
}

// order is one request with the token that pays for it; the peer takes a token once.
func (a *authority) order(b *testing.B) []byte {
	b.Helper()
	now := time.Now().Unix()
	claims := fmt.Sprintf(`{"aud":"%s/1.0/sign","iss":%q,"sub":%q,"sans":[%q],"iat":%d,"nbf":%d,"exp":%d,"jti":%q}`,
		a.url, provisioner, name, name, now, now, now+3600, rand.Text())
	signed := encode([]byte(`{"alg":"ES256","typ":"JWT","kid":"`+provisioner+`"}`)) + "." + encode([]byte(claims))
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, a.key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	body, err := json.Marshal(map[string]string{"csr": a.csr, "ott": signed + "." + encode(sig)})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// publicJWK is the public half of a key as RFC 7517 writes it.
func publicJWK(b *testing.B, key *ecdsa.PrivateKey) string {
	b.Helper()
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf(`{"use":"sig","kty":"EC","alg":"ES256","crv":"P-256","kid":%q,"x":%q,"y":%q}`,
		provisioner, encode(point[1:33]), encode(point[33:]))
}

func encode(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

func newKey(b *testing.B) *ecdsa.PrivateKey {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func authorityNamed(cn string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func certify(b *testing.B, template, parent *x509.Certificate, subject, signer *ecdsa.PrivateKey) *x509.Certificate {
	b.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &subject.PublicKey, signer)
	if err != nil {
		b.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	return cert
}

func write(b *testing.B, path, kind string, der []byte) {
	b.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		b.Fatal(err)
	}
}

// freeAddress is a loopback address nobody listened on a moment ago.
func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
