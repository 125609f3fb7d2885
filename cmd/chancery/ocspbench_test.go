// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/ocsp"
)

// ocspCallers keep connections open and ask without pause.
const ocspCallers = 64

// A questioner sends requests over kept connections. It reads no more of an answer than
// it has to, so that the processors are the server's.
type questioner struct {
	at string
	// ask gives the n-th request, whole.
	ask func(n int) []byte
}

// serveEmpty is the peer that does nothing: what net/http gives on this machine.
func serveEmpty(at string) {
	body := bytes.Repeat([]byte{'x'}, 800) // an answer's size
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	panic(http.ListenAndServe(at, nil)) //nolint:gosec // a peer in a benchmark
}

// asks has c callers ask b.N times in all.
func (q questioner) asks(b *testing.B) {
	b.Helper()
	inTurn(b, ocspCallers, "answers/s", func() error {
		s := &dialogue{q: q}
		defer s.hangUp()
		n := mathrand.IntN(1 << 30) // else all ask about the same in the same order
		return repeat(b, ocspCallers, func() error {
			n++
			return s.turn(n)
		})
	})
}

// A dialogue is one kept connection.
type dialogue struct {
	q    questioner
	conn net.Conn
	in   *bufio.Reader
}

func (d *dialogue) hangUp() {
	if d.conn != nil {
		_ = d.conn.Close()
		d.conn = nil
	}
}

// turn sends a request and reads its answer, which must be one of 200.
func (d *dialogue) turn(n int) (err error) {
	for tries := 0; ; tries++ { // openssl ocsp ends each connection
		if d.conn == nil {
			if d.conn, err = net.Dial("tcp", d.q.at); err != nil { //nolint:noctx // a benchmark
				return err
			}
			d.in = bufio.NewReader(d.conn)
		}
		if _, err = d.conn.Write(d.q.ask(n)); err == nil {
			err = d.answer()
		}
		if err == nil || tries > 0 {
			return err
		}
		d.hangUp()
	}
}

func (d *dialogue) answer() error {
	line, err := d.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(line, []byte(" 200 ")) {
		return fmt.Errorf("the answer is %q", line)
	}
	kept := bytes.HasPrefix(line, []byte("HTTP/1.1"))
	size := int64(-1)
	for {
		if line, err = d.in.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if _, err := fmt.Sscan(string(value), &size); err != nil {
				return err
			}
		}
	}
	if size < 0 {
		return errors.New("the answer has no length")
	}
	_, err = io.CopyN(io.Discard, d.in, size)
	if !kept {
		d.hangUp()
	}
	return err
}

// A responding is a service, some of whose certificates are asked about.
type responding struct {
	hand
	at  string
	ids []ca.CertID
}

func newResponding(b *testing.B, certificates int) *responding {
	b.Helper()
	r := &responding{hand: hand{b, filepath.Join(b.TempDir(), "data")}, at: freePort(b)}
	r.done("init", "--names", "lab.example", "--pki-url", "http://"+r.at, "--recovery-file", r.file("words"))
	r.serving("CHANCERY_LISTEN_HTTP="+r.at, "CHANCERY_OCSP_MEMORY=192")
	block, _ := pem.Decode([]byte(r.done("ca", "show", "issuing-g1", "-o", "pem").out))
	issuer, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	csr, err := os.ReadFile(r.request("nas.lab.example"))
	if err != nil {
		b.Fatal(err)
	}
	const callers = 16
	done := make(chan error, callers)
	for range callers {
		go func() { done <- r.issuesMany(b.Context(), csr, (certificates+callers-1)/callers) }()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	r.lists(b, issuer)
	if len(r.ids) < certificates {
		b.Fatalf("%d certificates of %d are listed", len(r.ids), certificates)
	}
	return r
}

// lists reads the numbers of all certificates, page by page.
func (r *responding) lists(b *testing.B, issuer *x509.Certificate) {
	b.Helper()
	c, err := client.Dial(filepath.Join(r.dir, "run", "admin.sock"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for f := (ca.Filter{Authority: "issuing-g1", Limit: ca.MaxPage}); ; {
		page, err := c.Certificates(b.Context(), f)
		if err != nil {
			b.Fatal(err)
		}
		for _, one := range page.Items {
			id, err := ocsp.CertID("sha1", issuer.RawSubject, issuer.RawSubjectPublicKeyInfo, one.Serial)
			if err != nil {
				b.Fatal(err)
			}
			r.ids = append(r.ids, id)
		}
		if f.After = page.Next.ID; f.After == 0 {
			return
		}
	}
}

// gets asks by GET, without a nonce: answers can be kept.
func (r *responding) gets(b *testing.B, ids []ca.CertID) questioner {
	b.Helper()
	all := make([][]byte, len(ids))
	for i, id := range ids {
		der, err := ocsp.Encode(ocsp.Request{IDs: []ca.CertID{id}})
		if err != nil {
			b.Fatal(err)
		}
		all[i] = []byte("GET /ocsp/issuing-g1/" + ocsp.Path(der) + " HTTP/1.1\r\nHost: " + r.at + "\r\n\r\n")
	}
	return questioner{r.at, func(n int) []byte { return all[n*7919%len(all)] }}
}

// posts asks with a nonce of its own each time: every answer must be signed.
func posts(b *testing.B, at, path string, id ca.CertID) questioner {
	b.Helper()
	all := make([][]byte, 1024)
	for i := range all {
		nonce := make([]byte, 16)
		if _, err := rand.Read(nonce); err != nil {
			b.Fatal(err)
		}
		der, err := ocsp.Encode(ocsp.Request{IDs: []ca.CertID{id}, Nonce: nonce})
		if err != nil {
			b.Fatal(err)
		}
		all[i] = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ocsp-request\r\nContent-Length: %d\r\n\r\n%s", path, at, len(der), der)
	}
	return questioner{at, func(n int) []byte { return all[n%len(all)] }}
}

// warm asks once about each of so many certificates, so that their answers are kept.
func (q questioner) warm(b *testing.B, certificates int) {
	b.Helper()
	var next atomic.Int64
	inTurn(b, ocspCallers, "answers/s", func() error {
		s := &dialogue{q: q}
		defer s.hangUp()
		for {
			n := int(next.Add(1)) - 1
			if n >= certificates {
				return nil
			}
			if err := s.turn(n); err != nil {
				return err
			}
		}
	})
}

// BenchmarkResponder is what 64 clients get who ask without pause, over kept connections: of an
// empty handler; of ours, for one certificate, for ten thousand at random whose answers are kept
// (or as many as CHANCERY_GROWN says), and signed for each; and of "openssl ocsp -multi 4", which
// signs each.
func BenchmarkResponder(b *testing.B) {
	b.Run("empty", func(b *testing.B) {
		at := freePort(b)
		c := exec.CommandContext(b.Context(), os.Args[0])
		c.Env = append(os.Environ(), "CHANCERY_TEST_EMPTY="+at)
		startPeer(b, c, at)
		questioner{at, func(int) []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }}.asks(b)
	})
	certificates := 10_000
	if n, err := strconv.Atoi(os.Getenv("CHANCERY_GROWN")); err == nil && n > 0 {
		certificates = n
	}
	r := newResponding(b, certificates)
	b.Run("kept", func(b *testing.B) { r.gets(b, r.ids[:1]).asks(b) })
	all := r.gets(b, r.ids)
	all.warm(b, len(r.ids))
	b.Run("many", func(b *testing.B) { all.asks(b) })
	b.Run("signed", func(b *testing.B) { posts(b, r.at, "/ocsp/issuing-g1", r.ids[0]).asks(b) })
	b.Run("openssl", func(b *testing.B) {
		at := freePort(b)
		h := hand{b, filepath.Join(b.TempDir(), "data")}
		h.opensslResponder(at, b)
		id := r.ids[0]
		id.Serial = "01"
		posts(b, at, "/", id).asks(b)
	})
}

// startPeer runs a server until the benchmark ends, and waits until it listens.
func startPeer(b *testing.B, c *exec.Cmd, at string) {
	b.Helper()
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // openssl's children do not end with it
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL); _ = c.Wait() })
	for late := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", at) //nolint:noctx // a benchmark
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(late) {
			b.Fatal("the peer does not listen")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// opensslResponder starts OpenSSL's responder with one certificate, and a key like ours.
func (h hand) opensslResponder(at string, b *testing.B) {
	h.write("index.txt", "V\t350101000000Z\t\t01\tunknown\t/CN=nas.lab.example\n")
	c := exec.CommandContext(b.Context(), "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", "ca.key", "-subj", "/CN=Root", "-days", "365", "-out", "ca.pem")
	c.Dir = filepath.Dir(h.dir)
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("openssl req: %v\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		b.Fatal(err)
	}
	c = exec.CommandContext(b.Context(), "openssl", "ocsp", "-port", port, "-multi", "4", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-ndays", "1")
	c.Dir = filepath.Dir(h.dir)
	startPeer(b, c, at)
}
