// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/client"
	"chancery/internal/pgtest"
)

// BenchmarkIssue is one certificate over admin.sock, both processes and the
// database included, with c callers at once.
func BenchmarkIssue(b *testing.B) {
	onBoth(b, func(b *testing.B) {
		h := newHand(b)
		h.serving()
		h.measures(b, 1, 16, 64)
	})
}

// onBoth runs a benchmark on each engine.
func onBoth(b *testing.B, run func(*testing.B)) {
	b.Run("sqlite", run)
	b.Run("postgresql", func(b *testing.B) {
		server, err := pgtest.Start()
		if err != nil {
			b.Fatal(err)
		}
		defer server.Stop() //nolint:errcheck // its directory is the test's
		b.Setenv("CHANCERY_DATABASE", server.DSN("postgres"))
		run(b)
	})
}

// measures lets so many callers at once issue.
func (h hand) measures(b *testing.B, counts ...int) {
	csr, err := os.ReadFile(h.request("nas.lab.example"))
	if err != nil {
		b.Fatal(err)
	}
	for _, callers := range counts {
		b.Run(fmt.Sprintf("c=%d", callers), func(b *testing.B) {
			before := processorTime(b, h.process("front"), h.process("signer"))
			defer func() {
				after := processorTime(b, h.process("front"), h.process("signer"))
				b.ReportMetric(float64((after-before).Microseconds())/float64(b.N), "server-µs/cert")
			}()
			inTurn(b, callers, "certs/s", func() error { return h.issuesMany(b.Context(), csr, (b.N+callers-1)/callers) })
		})
	}
}

// issuesMany is one caller, who issues n certificates.
func (h hand) issuesMany(ctx context.Context, csr []byte, n int) error {
	c, err := client.Dial(filepath.Join(h.dir, "run", "admin.sock"))
	if err != nil {
		return err
	}
	defer c.Close()
	for range n {
		if _, err := c.Issue(ctx, client.Order{CSR: csr, Profile: "server"}); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkOpenSSL is what many come from: one run of "openssl ca" for each
// certificate, with its text database.
func BenchmarkOpenSSL(b *testing.B) {
	h := hand{b, filepath.Join(b.TempDir(), "data")}
	csr := h.request("nas.lab.example")
	h.write("index.txt", "")
	h.write("serial", "01\n")
	config := h.write("ca.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\ndefault_days=90\nunique_subject=no\npolicy=p\n[p]\ncommonName=supplied\n")
	run := func(args ...string) {
		c := exec.CommandContext(b.Context(), "openssl", args...)
		c.Dir = filepath.Dir(h.dir)
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-subj", "/CN=Root", "-days", "365", "-out", "ca.pem")
	for b.Loop() {
		run("ca", "-batch", "-config", config, "-in", csr, "-notext", "-out", "out.pem")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "certs/s")
}

// BenchmarkCal is the work that no authority gets around, with nothing else: parse
// a request, check its signature, make a certificate. What c callers reach is what
// the machine's cores can give.
func BenchmarkCal(b *testing.B) {
	h := hand{b, filepath.Join(b.TempDir(), "data")}
	text, err := os.ReadFile(h.request("nas.lab.example"))
	if err != nil {
		b.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, SubjectKeyId: make([]byte, 20)}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"nas.lab.example"},
		NotBefore: time.Now(), NotAfter: time.Now().AddDate(0, 0, 90),
	}
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("c=%d", callers), func(b *testing.B) {
			inTurn(b, callers, "certs/s", func() error {
				return repeat(b, callers, func() error {
					csr, err := x509.ParseCertificateRequest(block.Bytes)
					if err != nil {
						return err
					}
					if err := csr.CheckSignature(); err != nil {
						return err
					}
					_, err = x509.CreateCertificate(rand.Reader, leaf, issuer, csr.PublicKey, key)
					return err
				})
			})
		})
	}
}

// processorTime is what processes have used of the processors, in user and kernel
// (proc(5): the 14th and 15th field of stat, in hundredths of a second).
func processorTime(b *testing.B, pids ...int) (used time.Duration) {
	b.Helper()
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Fatal(err)
		}
		// The second field is a name in parentheses, which may hold spaces.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return used
}

// inTurn runs a caller in each of n goroutines, and reports what they were given a second.
func inTurn(b *testing.B, n int, unit string, caller func() error) {
	var all sync.WaitGroup
	b.ResetTimer()
	for range n {
		all.Go(func() {
			if err := caller(); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
}

// repeat is one caller's share of b.N.
func repeat(b *testing.B, callers int, do func() error) error {
	for range (b.N + callers - 1) / callers {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
