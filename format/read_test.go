// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

// block is one PEM block.
func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// TestReadsPEMAsPeopleHaveIt: R62, either form.
func TestReadsPEMAsPeopleHaveIt(t *testing.T) {
	t.Parallel()
	w := the()
	leaf, root, key := w.leaves["p256"], w.root, w.keys["p256"]
	cert := block("CERTIFICATE", leaf)
	two := bytes.Join([][]byte{[]byte("text before\n"), cert, []byte("and between\n"), block("CERTIFICATE", root), []byte("and after")}, nil)
	crlf := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }
	for _, tt := range []struct {
		name string
		file []byte
		want Contents
	}{
		{"text before, between and after", two, Contents{Certificates: Items(leaf, root)}},
		{"the lines end as on Windows", crlf(two), Contents{Certificates: Items(leaf, root)}},
		{"the lines end as on old Macintoshes", bytes.ReplaceAll(two, []byte("\n"), []byte("\r")), Contents{Certificates: Items(leaf, root)}},
		{"a byte order mark", append([]byte("\xef\xbb\xbf"), cert...), Contents{Certificates: Items(leaf)}},
		{"no line end at the end", bytes.TrimSpace(cert), Contents{Certificates: Items(leaf)}},
		{"blanks at the ends of lines", bytes.ReplaceAll(cert, []byte("\n"), []byte(" \n")), Contents{Certificates: Items(leaf)}},
		{"text that begins with the digit of a sequence", append([]byte("0 is where it begins\n"), cert...), Contents{Certificates: Items(leaf)}},
		{"text that speaks of -----BEGIN CERTIFICATE-----", append([]byte("see -----BEGIN CERTIFICATE----- below\n"), cert...), Contents{Certificates: Items(leaf)}},
		{"the label X509 CERTIFICATE", block("X509 CERTIFICATE", leaf), Contents{Certificates: Items(leaf)}},
		{"the label TRUSTED CERTIFICATE", block("TRUSTED CERTIFICATE", append(bytes.Clone(leaf), 0x30, 0)), Contents{Certificates: Items(leaf)}},
		{"the label NEW CERTIFICATE REQUEST", block("NEW CERTIFICATE REQUEST", w.request), Contents{Requests: Items(w.request)}},
		{"P7B under the label of a certificate, as Windows writes it", block("CERTIFICATE", must(P7B([][]byte{leaf, root}, nil))), Contents{Certificates: Items(leaf, root)}},
		{"P7B under the label of openssl", block("PKCS7", must(P7B([][]byte{leaf}, [][]byte{w.list}))), Contents{Certificates: Items(leaf), Lists: Items(w.list)}},
		{"a key, its parameters before it", append(block("EC PARAMETERS", []byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")), block("PRIVATE KEY", key)...), Contents{Keys: Items(key)}},
		{"everything, all mixed", bytes.Join([][]byte{block("X509 CRL", w.list), block("CERTIFICATE REQUEST", w.request), cert, block("PRIVATE KEY", key), block("CERTIFICATE", root)}, nil),
			Contents{Keys: Items(key), Certificates: Items(leaf, root), Lists: Items(w.list), Requests: Items(w.request)}},
		{"a certificate in DER", leaf, Contents{Certificates: Items(leaf)}},
		{"a list in DER", w.list, Contents{Lists: Items(w.list)}},
		{"a request in DER", w.request, Contents{Requests: Items(w.request)}},
		{"a key in DER", key, Contents{Keys: Items(key)}},
		{"P7B in DER", must(P7B([][]byte{leaf, root}, [][]byte{w.list})), Contents{Certificates: Items(leaf, root), Lists: Items(w.list)}},
		{"P7B in BER", inParts(must(P7B([][]byte{leaf, root}, [][]byte{w.list}))), Contents{Certificates: Items(leaf, root), Lists: Items(w.list)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Read(tt.file, func() ([]byte, error) { return nil, errors.New("nobody is to be asked") })
			if err != nil {
				t.Fatal(err)
			}
			sameContents(t, got, tt.want)
		})
	}
}

func sameContents(t *testing.T, got, want Contents) {
	t.Helper()
	same(t, "keys", got.Keys, DERs(want.Keys)...)
	same(t, "certificates", got.Certificates, DERs(want.Certificates)...)
	same(t, "lists", got.Lists, DERs(want.Lists)...)
	same(t, "requests", got.Requests, DERs(want.Requests)...)
}

// inParts writes DER as old tools write BER: no lengths outside, octet strings in parts.
func inParts(der []byte) []byte {
	tag, n, body, ok := header(der)
	if !ok {
		panic("not DER")
	}
	content := body[:n]
	var out []byte
	switch {
	case tag&constructed != 0:
		out = []byte{tag, 0x80}
		for len(content) > 0 {
			_, n, body, _ := header(content)
			size := len(content) - len(body) + n
			out = append(out, inParts(content[:size])...)
			content = content[size:]
		}
	case (tag == 0x04 || tag == 0x80) && n > 200: // an octet string, explicit or not
		out = []byte{tag | constructed, 0x80}
		for len(content) > 0 {
			part := content[:min(100, len(content))]
			out = append(out, derElement(0x04, part)...)
			content = content[len(part):]
		}
	default:
		return der
	}
	return append(out, 0, 0)
}

func TestReadsPKCS12InParts(t *testing.T) {
	t.Parallel()
	w := the()
	file := written()["p256"].modern
	for name, data := range map[string][]byte{"DER": file, "BER": inParts(file), "PEM": block("PKCS12", file)} {
		got, err := Read(data, given)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sameContents(t, got, Contents{Keys: Items(w.keys["p256"]), Certificates: Items(w.leaves["p256"], w.middle)})
		if got.Keys[0].Name != "web server" {
			t.Errorf("%s: the name is %q", name, got.Keys[0].Name)
		}
	}
}

func TestThePasswordIsAskedForOnce(t *testing.T) {
	t.Parallel()
	w, asked := the(), 0
	file := append(bytes.Clone(written()["rsa"].scrypt), written()["p384"].scrypt...)
	got, err := Read(file, func() ([]byte, error) { asked++; return []byte(password), nil })
	if err != nil || asked != 1 {
		t.Fatalf("asked %d times: %v", asked, err)
	}
	same(t, "keys", got.Keys, w.keys["rsa"], w.keys["p384"])
	stopped := errors.New("interrupted")
	if _, err := Read(file, func() ([]byte, error) { return nil, stopped }); !errors.Is(err, stopped) {
		t.Errorf("the error of asking came back as %v", err)
	}
}

// Java's trust stores are read without a password as well, as keytool does.
func TestReadsTrustStoresWithoutAPassword(t *testing.T) {
	t.Parallel()
	w := the()
	jks := must(JKS(Trusted(Items(w.root, w.middle)), []byte(password), noon, rand.Reader))
	got, err := Read(jks, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "certificates", got.Certificates, w.root, w.middle)
	if got.Certificates[0].Name != "root g1" || got.Certificates[1].Name != "issuing g1" {
		t.Errorf("the names are %q and %q", got.Certificates[0].Name, got.Certificates[1].Name)
	}
}

// TestWhatIsReadIsWrittenAsPEM: R62, R63. The text goes before each certificate, and away
// when it is read and written again.
func TestWhatIsReadIsWrittenAsPEM(t *testing.T) {
	t.Parallel()
	c := the().whole("p384")
	plain := must(PEM(c, nil))
	headed := must(PEM(c, CertificateText))
	if n := strings.Count(string(headed), "Certificate:\n"); n != 3 {
		t.Errorf("%d texts before 3 certificates", n)
	}
	again, err := Read(headed, nil)
	if err != nil {
		t.Fatal(err)
	}
	sameContents(t, again, c)
	if !bytes.Equal(must(PEM(again, nil)), plain) {
		t.Error("written again it differs")
	}
	if i, j := bytes.Index(plain, []byte("BEGIN PRIVATE KEY")), bytes.Index(plain, []byte("BEGIN CERTIFICATE-")); i < 0 || j < i {
		t.Error("the key does not stand before the certificates")
	}
}
