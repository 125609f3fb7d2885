// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/encode"
)

// openSSL runs it and gives what it says, on both streams.
func openSSL(t *testing.T, in []byte, args ...string) (string, error) {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is not installed: make test installs it")
	}
	c := exec.CommandContext(t.Context(), openssl, args...)
	c.Stdin = bytes.NewReader(in)
	out, err := c.CombinedOutput()
	return string(out), err
}

// OpenSSL reads every entry of our lists as it was meant, and finds nothing else.
func TestOpenSSLReadsLists(t *testing.T) {
	words := map[ca.Reason]string{ca.Unspecified: "", ca.KeyCompromise: "Key Compromise", ca.CACompromise: "CA Compromise",
		ca.AffiliationChanged: "Affiliation Changed", ca.Superseded: "Superseded", ca.CessationOfOperation: "Cessation Of Operation",
		ca.PrivilegeWithdrawn: "Privilege Withdrawn", ca.AACompromise: "AA Compromise"}
	_, a := issuing(t, "ecdsa-p256")
	for _, n := range []int{0, 1, 10_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			e := entries(n)
			text, err := openSSL(t, signList(t, listTBS(t, list(a), e), "ecdsa-p256"),
				"crl", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253")
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, want := range []string{"Version 2 (0x1)", "ecdsa-with-SHA256", "Issuer: CN=Lab Issuing G1",
				"Last Update: Mar  1 12:00:00 2026 GMT", "Next Update: Mar  8 12:00:00 2026 GMT",
				"X509v3 CRL Number: \n                1772366400000\n", "X509v3 Authority Key Identifier: \n"} {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%.2000s", want, text)
				}
			}
			if got := strings.Count(text, "X509v3 "); got != 2+n-(n+7)/8 { // each eighth is unspecified
				t.Errorf("there are %d extensions", got)
			}
			if none := strings.Contains(text, "No Revoked Certificates."); none != (n == 0) {
				t.Errorf("none is said: %t", none)
			}
			var want strings.Builder
			for _, e := range e {
				fmt.Fprintf(&want, "    Serial Number: %s\n        Revocation Date: %s\n", strings.ToUpper(string(e.Serial)),
					e.At.Format("Jan _2 15:04:05 2006 GMT"))
				if word := words[e.Reason]; word != "" {
					fmt.Fprintf(&want, "        CRL entry extensions:\n            X509v3 CRL Reason Code: \n                %s\n", word)
				}
			}
			if !strings.Contains(text, want.String()) {
				t.Errorf("the entries are not as they were given:\n%.2000s", text)
			}
		})
	}
}

// A stranger's machine must refuse who is revoked and nobody else, by lists alone.
func TestOpenSSLRefusesTheRevokedAlone(t *testing.T) {
	for _, keyType := range keyTypes {
		t.Run(keyType, func(t *testing.T) {
			root, a := issuing(t, keyType)
			issuer, err := encode.NewIssuer(a)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file := func(name string, blocks ...*pem.Block) string {
				var b bytes.Buffer
				for _, block := range blocks {
					pem.Encode(&b, block) // a buffer never fails
				}
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			leaf := func(serial ca.Serial) string {
				tbs, err := issuer.TBS(draft(t, keyType), serial)
				if err != nil {
					t.Fatal(err)
				}
				return file(string(serial), certificate(sign(t, tbs, keyType)))
			}
			e := entries(100)
			revoked, good := leaf(e[50].Serial), leaf(leafSerial)
			lists := file("lists", &pem.Block{Type: "X509 CRL", Bytes: signList(t, listTBS(t, list(a), e), keyType)},
				&pem.Block{Type: "X509 CRL", Bytes: signList(t, listTBS(t, list(root), nil), keyType)})
			rootFile, issuingFile := file("root", certificate(root.Certificate)), file("issuing", certificate(a.Certificate))
			verify := func(leaf string) (string, error) {
				return openSSL(t, nil, "verify", "-x509_strict", "-crl_check_all", "-attime", "1772500000", "-CRLfile", lists,
					"-CAfile", rootFile, "-untrusted", issuingFile, leaf)
			}
			if out, err := verify(good); err != nil {
				t.Errorf("the good one is refused: %v\n%s", err, out)
			}
			if out, err := verify(revoked); err == nil || !strings.Contains(out, "certificate revoked") {
				t.Errorf("the revoked one: %v\n%s", err, out)
			}
		})
	}
}

func certificate(der []byte) *pem.Block { return &pem.Block{Type: "CERTIFICATE", Bytes: der} }

func certificatePEM(der []byte) []byte { return pem.EncodeToMemory(certificate(der)) }
