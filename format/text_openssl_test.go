// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"chancery/format"
)

// peer is the version of the peer.
var peer = sync.OnceValue(func() string {
	out, err := exec.Command("openssl", "version").Output()
	return fmt.Sprint(string(out), err)
})

// openssl runs the peer and gives what it prints.
func openssl(t testing.TB, in []byte, args ...string) string {
	t.Helper()
	if !strings.HasPrefix(peer(), "OpenSSL 3.0.") {
		t.Fatalf("the text is that of OpenSSL 3.0, as in Debian 12, which make test installs; here is %s", peer())
	}
	cmd := exec.Command("openssl", args...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null") // it may name objects of its own
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// same fails at the first line that differs.
func same(t *testing.T, der []byte, ours, theirs string) {
	t.Helper()
	if ours == theirs {
		return
	}
	a, b := strings.SplitAfter(ours, "\n"), strings.SplitAfter(theirs, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			before := strings.Join(a[max(0, min(i, len(a))-4):min(i, len(a))], "")
			t.Errorf("line %d differs after\n%sours:    %q\nopenssl: %q\n%s", i+1, before, a[min(i, len(a)):min(i+2, len(a))], b[min(i, len(b)):min(i+2, len(b))], hex.EncodeToString(der))
			return
		}
	}
}

// batch has the peer show many certificates and lists in one run.
func batch(t *testing.T, kind string, all [][]byte) []string {
	t.Helper()
	var file bytes.Buffer
	for _, der := range all {
		if err := pem.Encode(&file, &pem.Block{Type: kind, Bytes: der}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "all.pem")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := openssl(t, nil, "storeutl", "-noout", "-text", path)
	var texts []string
	heading := map[string]string{"CERTIFICATE": ": Certificate\n", "X509 CRL": ": CRL\n"}[kind]
	for _, part := range strings.Split(out, heading)[1:] {
		// The number of the next one, or the total, stands at the end.
		part = strings.TrimRight(part, "0123456789")
		part, _, _ = strings.Cut(part, "Total found:")
		texts = append(texts, spacedNames(part))
	}
	if len(texts) != len(all) {
		t.Fatalf("openssl showed %d of %d", len(texts), len(all))
	}
	return texts
}

// withoutBreaks takes back the line breaks that octets bring into what the peer shows:
// with them a stranger could write lines of his own into the text, so ours has dots.
func (m maker) withoutBreaks(text string) string {
	for _, v := range *m.values {
		raw := bytes.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || ' ' <= r && r <= '~' {
				return r
			}
			return '.'
		}, latin(v))
		for _, pad := range []string{"\n" + strings.Repeat(" ", 16), "\n" + strings.Repeat(" ", 20)} {
			text = strings.ReplaceAll(text, pad+string(raw)+"\n", pad+strings.NewReplacer("\n", ".", "\r", ".").Replace(string(raw))+"\n")
		}
	}
	return text
}

// latin takes each octet for a character.
func latin(b []byte) []byte {
	var out []byte
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// spacedNames puts the spaces around = that the batch leaves out in subject and
// issuer; names there are plain, and those that are not are compared one by one.
func spacedNames(text string) string {
	parts := strings.SplitAfter(text, "\n")
	for i, line := range parts {
		if strings.HasPrefix(line, "        Issuer: ") || strings.HasPrefix(line, "        Subject: ") {
			parts[i] = strings.ReplaceAll(line, "=", " = ")
		}
	}
	return strings.Join(parts, "")
}

// firstSeed is where the seeds begin; another finds other certificates.
const firstSeed = 1

func TestR62_CertificatesOfAnyContentAreShownAsOpenSSLShowsThem(t *testing.T) {
	var makers []maker
	var all [][]byte
	for seed := range uint64(400) {
		m := newMaker(firstSeed + seed)
		makers, all = append(makers, m), append(all, m.certificate(t, m.plainName))
	}
	for i, theirs := range batch(t, "CERTIFICATE", all) {
		theirs = makers[i].withoutBreaks(theirs)
		ours, err := format.CertificateText(all[i])
		if err != nil {
			t.Fatalf("%v: %x", err, all[i])
		}
		same(t, all[i], ours, theirs)
	}
}

func TestR62_ListsOfAnyContentAreShownAsOpenSSLShowsThem(t *testing.T) {
	var makers []maker
	var all [][]byte
	for seed := range uint64(150) {
		m := newMaker(firstSeed + seed)
		makers, all = append(makers, m), append(all, m.list(m.plainName))
	}
	for i, theirs := range batch(t, "X509 CRL", all) {
		var ours strings.Builder
		if err := format.ListText(&ours, all[i]); err != nil {
			t.Fatalf("%v: %x", err, all[i])
		}
		same(t, all[i], ours.String(), makers[i].withoutBreaks(theirs))
	}
}

// The peer shows these one by one only; names of subject and issuer are nasty here.
func TestR62_RequestsAndNamesAreShownAsOpenSSLShowsThem(t *testing.T) {
	for _, tt := range []struct {
		command string
		make    func(m maker) []byte
		show    func([]byte) (string, error)
	}{
		{"req", func(m maker) []byte { return m.request(t) }, format.RequestText},
		{"x509", func(m maker) []byte { return m.certificate(t, m.name) }, format.CertificateText},
		{"crl", func(m maker) []byte { return m.list(m.name) }, listText},
	} {
		for seed := range uint64(16) {
			t.Run(fmt.Sprintf("%s %d", tt.command, seed), func(t *testing.T) {
				t.Parallel()
				m := newMaker(firstSeed + seed)
				der := tt.make(m)
				ours, err := tt.show(der)
				if err != nil {
					t.Fatalf("%v: %x", err, der)
				}
				same(t, der, ours, m.withoutBreaks(openssl(t, der, tt.command, "-inform", "DER", "-noout", "-text")))
			})
		}
	}
}

func listText(der []byte) (string, error) {
	var b strings.Builder
	err := format.ListText(&b, der)
	return b.String(), err
}
