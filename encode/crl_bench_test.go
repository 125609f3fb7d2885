// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"os"
	"testing"

	"chancery/ca"
	"chancery/encode"
)

// million is the size of the lists that are measured.
const million = 1_000_000

// BenchmarkList is a list of a million from entries in memory to a signed file:
// encoded into one file, signed by its digest, and put together in another.
func BenchmarkList(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	e, key, dir := each(entries(million)), keys()["ecdsa-p256"], b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		tbs, err := os.Create(dir + "/tbs")
		if err != nil {
			b.Fatal(err)
		}
		sum := sha256.New()
		size, err := list(a).TBS(io.MultiWriter(tbs, sum), e)
		if err != nil {
			b.Fatal(err)
		}
		sig, err := key.Sign(rand.Reader, sum.Sum(nil), crypto.SHA256)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tbs.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		whole, err := os.Create(dir + "/crl")
		if err != nil {
			b.Fatal(err)
		}
		out := bufio.NewWriter(whole)
		if err := encode.SignedCRL(out, tbs, size, "ecdsa-p256", sig); err != nil {
			b.Fatal(err)
		}
		for _, err := range []error{out.Flush(), whole.Close(), tbs.Close()} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkListTBS is the encoder alone, with both passes.
func BenchmarkListTBS(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	e := each(entries(million))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := list(a).TBS(io.Discard, e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreateRevocationList is the library with its signature and self-check,
// in memory, from entries that are in its own form already.
func BenchmarkCreateRevocationList(b *testing.B) {
	_, a := issuing(b, "ecdsa-p256")
	l, issuer := list(a), parse(b, a.Certificate)
	template := &x509.RevocationList{Number: number(ca.Serial("01")), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	for _, e := range entries(million) {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: number(e.Serial), RevocationTime: e.At, ReasonCode: int(e.Reason)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x509.CreateRevocationList(rand.Reader, template, issuer, keys()["ecdsa-p256"]); err != nil {
			b.Fatal(err)
		}
	}
}
