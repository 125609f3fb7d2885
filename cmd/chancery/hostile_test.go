// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
)

const (
	// answerIn is how long a refusal may take on a busy machine; most take a
	// millisecond.
	answerIn = 5 * time.Second
	// maxResident bounds the memory of front and signer, in KiB, whatever they are sent.
	maxResident = 256 << 10
)

// A stranger speaks HTTP to admin.sock, without our client's manners.
type stranger struct {
	h    hand
	http *http.Client
	key  crypto.Signer
}

func newStranger(h hand, dial func(context.Context) (net.Conn, error)) *stranger {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if dial == nil {
		dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", dialPath(filepath.Join(h.dir, "run", "admin.sock")))
		}
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	h.t.Cleanup(transport.CloseIdleConnections)
	return &stranger{h: h, http: &http.Client{Timeout: answerIn, Transport: transport}, key: key}
}

// A verdict is an answer: a certificate, or a problem.
type verdict struct {
	status  int
	problem ca.Problem
	issued  ca.Issued
}

// posts sends a body as it is.
func (s *stranger) posts(body io.Reader, header ...string) verdict {
	s.h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://chancery/api/v1/requests", body)
	if err != nil {
		s.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.http.Do(r)
	if err != nil {
		s.h.t.Fatalf("no answer: %v", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		s.h.t.Fatal(err)
	}
	v := verdict{status: answer.StatusCode}
	into := any(&v.problem)
	if answer.StatusCode/100 == 2 {
		into = &v.issued
	}
	if err := json.Unmarshal(data, into); err != nil {
		s.h.t.Fatalf("%d %s: %v", answer.StatusCode, data, err)
	}
	return v
}

// asks sends a file as a request for the profile server.
func (s *stranger) asks(file []byte, header ...string) verdict {
	s.h.t.Helper()
	body, err := json.Marshal(map[string]string{"csr": base64.StdEncoding.EncodeToString(file), "profile": "server"})
	if err != nil {
		s.h.t.Fatal(err)
	}
	return s.posts(bytes.NewReader(body), header...)
}

// lawful holds what every answer to any octets must be: a refusal with a code that
// is explained and a way on, or a certificate for the key and the names of the
// request as it was sent, whose signature its key made.
func (s *stranger) lawful(what string, der []byte, v verdict) {
	s.h.t.Helper()
	if v.status/100 != 2 {
		if _, ok := ca.Explain(v.problem.Code); !ok || v.status < 400 || v.status >= 500 || v.problem.Fix == "" || v.problem.Detail == "" || v.problem.Code == ca.E9000 {
			s.h.t.Errorf("%s: %d %+v", what, v.status, v.problem)
		}
		return
	}
	asked, err := x509.ParseCertificateRequest(der)
	if err != nil || asked.CheckSignature() != nil {
		s.h.t.Errorf("%s: a certificate for what is no request: %v", what, err)
		return
	}
	given, err := x509.ParseCertificate(v.issued.Certificate.DER)
	if err != nil || given.IsCA || !bytes.Equal(given.RawSubjectPublicKeyInfo, asked.RawSubjectPublicKeyInfo) || !slices.Equal(given.DNSNames, asked.DNSNames) {
		s.h.t.Errorf("%s: the certificate is not what was asked for: %v", what, err)
	}
}

// request makes a request with extensions of one's own.
func (s *stranger) request(common string, extensions ...pkix.Extension) []byte {
	s.h.t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: common}, ExtraExtensions: extensions}, s.key)
	if err != nil {
		s.h.t.Fatal(err)
	}
	return der
}

// altNames is the extension with DNS names of any octets (RFC 5280 §4.2.1.6).
func altNames(t testing.TB, names ...string) pkix.Extension {
	t.Helper()
	all := make([]asn1.RawValue, len(names))
	for i, n := range names {
		all[i] = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(n)}
	}
	return extension(t, asn1.ObjectIdentifier{2, 5, 29, 17}, all)
}

func extension(t testing.TB, id asn1.ObjectIdentifier, value any) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: id, Value: der}
}

// stored counts the rows of the book, beside the running service; those of the
// authorities come with its first settling.
func (h hand) stored() (certificates, requests, refusals int) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.dir, "front", "db", "book.sqlite")+"?mode=ro")
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(h.t.Context(), `SELECT (SELECT COUNT(*) FROM certificate WHERE kind <> 'ca'), (SELECT COUNT(*) FROM request),
(SELECT COUNT(*) FROM event WHERE kind = 'refused')`).Scan(&certificates, &requests, &refusals); err != nil {
		h.t.Fatal(err)
	}
	return certificates, requests, refusals
}

// resident is the most memory that a process ever held, in KiB.
func (h hand) resident(pid int) int {
	h.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		h.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		h.t.Fatal(err)
	}
	return kib
}

// The list of bad input, over the real socket, into the real book and log: each is
// refused with a code and a way on, in bounded time and memory, and nothing is
// stored but the refusal.
func TestBadInputIsRefusedAndLeavesNothingButItsRefusal(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	s := newStranger(h, nil)
	good := s.request("nas.lab.example", altNames(t, "nas.lab.example"))
	if v := s.asks(good); v.status != http.StatusCreated {
		t.Fatalf("the request as it should be: %d %+v", v.status, v.problem)
	}
	certificates, requests, _ := h.stored()
	for _, c := range badFiles(t, s, good) {
		v := s.asks(c.file)
		s.lawful(c.name, c.file, v)
		if v.status/100 == 2 || v.problem.Code != c.code || !strings.Contains(v.problem.Detail, c.says) || !ca.PlainText(v.problem.Detail) {
			t.Errorf("%s: %d %+v, want %s with %q", c.name, v.status, v.problem, c.code, c.says)
		}
	}
	for _, c := range []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"a body of 300 KiB", strings.NewReader(`{"csr":"` + strings.Repeat("A", 300<<10)), http.StatusRequestEntityTooLarge},
		{"a body of unsaid length", io.MultiReader(strings.NewReader(`{"csr":"`), io.LimitReader(letters{}, 300<<10)), http.StatusRequestEntityTooLarge},
		{"no body", strings.NewReader(""), http.StatusBadRequest},
		{"a deep body", strings.NewReader(strings.Repeat("[", 200<<10)), http.StatusBadRequest},
	} {
		if v := s.posts(c.body); v.status != c.status || v.problem.Code != ca.E1401 {
			t.Errorf("%s: %d %+v", c.name, v.status, v.problem)
		}
	}
	if c, r, _ := h.stored(); c != certificates || r != requests {
		t.Errorf("%d certificates and %d requests are stored, before there were %d and %d", c, r, certificates, requests)
	}
	if v := s.asks(good); v.status != http.StatusCreated {
		t.Errorf("afterwards the good request gets %d %+v", v.status, v.problem)
	}
	h.bounded()
}

// Cut at each octet, and with each octet changed: a refusal, or the certificate
// that these very octets ask for. A flood of refusals is a few rows.
func TestARequestCutAndChangedAtEachOctet(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	s := newStranger(h, nil)
	good := s.request("nas.lab.example", altNames(t, "nas.lab.example"))
	certificates, requests, _ := h.stored()
	issued := 0
	try := func(what string, der []byte) {
		v := s.asks(der)
		if s.lawful(what, der, v); v.status/100 == 2 {
			issued++
		}
	}
	for n := range good {
		if v := s.asks(good[:n]); v.status/100 == 2 {
			t.Fatalf("the first %d octets led to a certificate", n)
		} else {
			s.lawful(fmt.Sprintf("the first %d octets", n), nil, v)
		}
		for _, mask := range []byte{0x01, 0x20, 0xff} {
			changed := bytes.Clone(good)
			changed[n] ^= mask
			try(fmt.Sprintf("octet %d changed by %02x", n, mask), changed)
		}
	}
	try("something behind it", append(bytes.Clone(good), 0))
	// Text has spellings that say the same, so some of these are signed.
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: good})
	for n := range text {
		changed := bytes.Clone(text)
		changed[n] ^= 0x20
		var der []byte
		if b, _ := pem.Decode(changed); b != nil {
			der = b.Bytes
		}
		v := s.asks(changed)
		if s.lawful(fmt.Sprintf("octet %d of the text changed", n), der, v); v.status/100 == 2 {
			issued++
		}
	}
	if try("as it is", good); issued == 0 {
		t.Error("not even the request as it is was signed")
	}
	c, r, _ := h.stored()
	if c-certificates != issued || r-requests != issued {
		t.Errorf("%d certificates were handed out, %d and %d requests are stored", issued, c-certificates, r-requests)
	}
	// The refusals reach the log behind the answers.
	var refusals int
	for deadline := time.Now().Add(answerIn); refusals == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, _, refusals = h.stored()
	}
	if refusals == 0 || refusals > 40 {
		t.Errorf("about %d refusals there are %d rows", 5*len(good), refusals)
	}
	h.bounded()
	h.done("audit", "verify")
}

// bounded checks the memory of both processes.
func (h hand) bounded() {
	h.t.Helper()
	for _, role := range []string{"front", "signer"} {
		if kib := h.resident(h.process(role)); kib > maxResident {
			h.t.Errorf("the %s held %d KiB", role, kib)
		}
	}
}

// A badFile is a file somebody might send for a request.
type badFile struct {
	name string
	file []byte
	code ca.Code
	says string
}

func badFiles(t *testing.T, s *stranger, good []byte) []badFile {
	t.Helper()
	asPEM := func(label string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	}
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	many := make([]string, 10_000)
	for i := range many {
		many[i] = "a.b"
	}
	long := make([]string, 4000)
	for i := range long {
		long[i] = fmt.Sprintf("host%d.lab.example", i)
	}
	private, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	basic := extension(t, asn1.ObjectIdentifier{2, 5, 29, 19}, struct{ CA bool }{true})
	anyUse := extension(t, asn1.ObjectIdentifier{2, 5, 29, 37}, []asn1.ObjectIdentifier{{2, 5, 29, 37, 0}})
	name := altNames(t, "nas.lab.example")
	return append([]badFile{
		{"nothing", nil, ca.E2203, "empty"},
		{"one octet", []byte{0x30}, ca.E2203, ""},
		{"a forged signature", forged, ca.E2203, "signature does not verify"},
		{"a forged signature in PEM", asPEM("CERTIFICATE REQUEST", forged), ca.E2203, "signature does not verify"},
		{"a certificate", []byte(s.h.done("ca", "show", "root-g1", "-o", "pem").out), ca.E2203, "this is a CERTIFICATE, not a request"},
		{"a list of revoked certificates", asPEM("X509 CRL", good), ca.E2203, "this is a X509 CRL, not a request"},
		{"a public key", asPEM("PUBLIC KEY", good), ca.E2203, "this is a PUBLIC KEY, not a request"},
		{"a private key", asPEM("PRIVATE KEY", private), ca.E2203, "private key"},
		{"a private key in DER", private, ca.E2203, "private key"},
		{"two requests", bytes.Repeat(asPEM("CERTIFICATE REQUEST", good), 2), ca.E2203, "several PEM blocks"},
		{"CA:TRUE", s.request("nas.lab.example", name, basic), ca.E2205, ""},
		{"any purpose", s.request("nas.lab.example", name, anyUse), ca.E2205, ""},
		{"10 000 names", s.request("nas.lab.example", altNames(t, many...)), ca.E2109, ""},
		{"more octets than a request has", s.request("nas.lab.example", altNames(t, long...)), ca.E2203, "octets"},
		{"NUL in a name", s.request("nas.lab.example", altNames(t, "nas.lab.example\x00.bank.example")), ca.E2110, ""},
		{"a line end in a name", s.request("nas.lab.example", altNames(t, "nas.lab.example\r\nX: y")), ca.E2110, ""},
		{"NUL in the common name", s.request("nas\x00.lab.example", name), ca.E2120, ""},
		{"a line end in the common name", s.request("nas.lab.example\r\nX: y", name), ca.E2120, ""},
		{"text that turns around", s.request("nas\u202e.lab.example", name), ca.E2120, ""},
		{"a foreign name", s.request("www.bank.example", altNames(t, "www.bank.example")), ca.E2107, "www.bank.example"},
	}, fixedFiles(t)...)
}

// fixedFiles are requests of openssl req that it takes long to make, or that later
// versions make no more.
func fixedFiles(t *testing.T) []badFile {
	t.Helper()
	out := []badFile{
		{"rsa16384.csr", nil, ca.E2204, ""}, // 16384 bits
		{"explicit.csr", nil, ca.E2204, ""}, // P-256 spelt out: its parameters are the sender's to choose
		{"dsa.csr", nil, ca.E2204, ""},      // 2048 bits
	}
	for i, f := range out {
		var err error
		if out[i].file, err = os.ReadFile(filepath.Join("testdata", f.name)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// letters is a text without end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

// One key, one signature: at once from many sides, again, and after the service
// was started anew; with another request it is E2302.
func TestIS04_OneKeyIsSignedOnceAtTheDoor(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	s := newStranger(h, nil)
	const callers = 16
	file := s.request("nas.lab.example", altNames(t, "nas.lab.example"))
	certificates, _, _ := h.stored()
	var names [callers]string
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			v := s.asks(file, "Idempotency-Key", "one")
			if names[i] = v.issued.Certificate.PublicName(); v.status != http.StatusCreated && v.status != http.StatusOK {
				t.Errorf("caller %d: %d %+v", i, v.status, v.problem)
			}
		})
	}
	all.Wait()
	other := s.request("nas.lab.example", altNames(t, "nas.lab.example", "other.lab.example"))
	again := func(when string) {
		t.Helper()
		if v := s.asks(file, "Idempotency-Key", "one"); v.status != http.StatusOK || v.issued.Certificate.PublicName() != names[0] || v.issued.Certificate.Door != ca.DoorCLI {
			t.Errorf("%s: %d %s by door %s", when, v.status, v.issued.Certificate.PublicName(), v.issued.Certificate.Door)
		}
		if v := s.asks(other, "Idempotency-Key", "one"); v.status != http.StatusUnprocessableEntity || v.problem.Code != ca.E2302 || v.problem.Fix == "" {
			t.Errorf("%s another request: %d %+v", when, v.status, v.problem)
		}
	}
	again("again")
	// Another front knows of it from the book alone.
	if err := syscall.Kill(h.process("front"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.http.CloseIdleConnections()
	h.answers()
	again("after a restart of the front")
	if slices.Sort(names[:]); names[0] != names[callers-1] {
		t.Errorf("the callers got %v", names)
	}
	if c, r, _ := h.stored(); c != certificates+1 || r != 1 {
		t.Errorf("one key led to %d certificates of %d requests", c-certificates, r)
	}
}
