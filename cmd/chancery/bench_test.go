// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"chancery/client"
	"chancery/internal/pgtest"
)

// BenchmarkIssue is one certificate over admin.sock, both processes and the
// embedded database included, with c callers at once.
func BenchmarkIssue(b *testing.B) {
	b.Run("sqlite", issuance)
	b.Run("postgresql", func(b *testing.B) {
		server, err := pgtest.Start()
		if err != nil {
			b.Fatal(err)
		}
		defer server.Stop() //nolint:errcheck // its directory is the test's
		b.Setenv("CHANCERY_DATABASE", server.DSN("postgres"))
		issuance(b)
	})
}

func issuance(b *testing.B) {
	h := newHand(b)
	h.serve()
	csr, err := os.ReadFile(h.request("nas.lab.example"))
	if err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("c=%d", callers), func(b *testing.B) {
			inTurn(b, callers, func() error {
				c, err := client.Dial(filepath.Join(h.dir, "run", "admin.sock"))
				if err != nil {
					return err
				}
				defer c.Close()
				return repeat(b, callers, func() error {
					_, err := c.Issue(b.Context(), client.Order{CSR: csr, Profile: "server"})
					return err
				})
			})
		})
	}
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

// BenchmarkCal is the physical floor of one certificate by itself: two appends
// that wait for the disk, one signature and its verification.
func BenchmarkCal(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	record, digest := make([]byte, 2048), sha256.Sum256([]byte("cal"))
	for b.Loop() {
		for range 2 {
			if _, err := f.Write(record); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
			b.Fatal("the signature is wrong")
		}
	}
}

// inTurn runs a caller in each of n goroutines, and reports certificates a second.
func inTurn(b *testing.B, n int, caller func() error) {
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "certs/s")
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
