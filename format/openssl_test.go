// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"os"
	"strings"
	"testing"
)

// TestOpenSSLReadsWhatWeWrite: R63, R126.
func TestOpenSSLReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	w := the()
	for _, key := range keyNames {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, file := range map[string][]byte{"modern.p12": written()[key].modern, "legacy.p12": written()[key].legacy} {
				put(t, dir, name, file)
				out := tool(t, dir, "openssl", "pkcs12", "-in", name, "-passin", "pass:"+password, "-nodes")
				if !strings.Contains(string(out), "friendlyName: web server") {
					t.Errorf("openssl sees no friendly name in %s:\n%.400s", name, out)
				}
				c, err := Read(out, nil) // with bag attributes between the blocks
				if err != nil {
					t.Fatal(err)
				}
				same(t, "keys of "+name, c.Keys, w.keys[key])
				same(t, "certificates of "+name, c.Certificates, w.leaves[key], w.middle)
			}
			for _, file := range [][]byte{written()[key].pbkdf2, written()[key].scrypt} {
				put(t, dir, "key.pem", file)
				c, err := Read(tool(t, dir, "openssl", "pkey", "-in", "key.pem", "-passin", "pass:"+password), nil)
				if err != nil {
					t.Fatal(err)
				}
				same(t, "encrypted key", c.Keys, w.keys[key])
			}
			put(t, dir, "key-cert.pem", must(PEM(Contents{Keys: Items(w.keys[key]), Certificates: Items(w.leaves[key], w.middle)}, nil)))
			put(t, dir, "root.pem", must(PEM(Contents{Certificates: Items(w.root)}, nil)))
			tool(t, dir, "openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "key-cert.pem", "key-cert.pem")
			tool(t, dir, "openssl", "pkey", "-in", "key-cert.pem", "-check", "-noout")
		})
	}
}

// The iterations are read by a foreign eye: a default that shrank would not be seen by our
// own reader, which takes any.
func TestOpenSSLShowsTheProtection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "key.pem", written()["p256"].pbkdf2)
	put(t, dir, "modern.p12", written()["p256"].modern)
	put(t, dir, "legacy.p12", written()["p256"].legacy)
	out := tool(t, dir, "openssl", "asn1parse", "-in", "key.pem")
	for _, want := range []string{"INTEGER           :0927C0", "hmacWithSHA256", "aes-256-cbc"} { // 600 000
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("openssl does not show %s:\n%s", want, out)
		}
	}
	for file, want := range map[string][]string{
		"modern.p12": {"MAC: sha256, Iteration 100000", "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"},
		"legacy.p12": {"MAC: sha1, Iteration 2048", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048"},
	} {
		out := tool(t, dir, "sh", "-c", "openssl pkcs12 -info -noout -in "+file+" -passin pass:"+password+" 2>&1")
		for _, line := range want {
			if !strings.Contains(string(out), line) {
				t.Errorf("openssl does not show %q for %s:\n%s", line, file, out)
			}
		}
	}
}

func TestOpenSSLReadsP7B(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	der := must(P7B([][]byte{w.leaves["rsa"], w.middle, w.root}, [][]byte{w.list}))
	put(t, dir, "all.p7b", der)
	put(t, dir, "all.pem", pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}))
	for _, words := range [][]string{{"-inform", "DER", "-in", "all.p7b"}, {"-in", "all.pem"}} {
		out := tool(t, dir, append([]string{"openssl", "pkcs7", "-print_certs"}, words...)...)
		c, err := Read(out, nil)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "certificates", c.Certificates, w.leaves["rsa"], w.middle, w.root)
		same(t, "lists", c.Lists, w.list)
	}
}

// TestReadsWhatOpenSSLWrites: each form, each type of key, old settings and new ones.
func TestReadsWhatOpenSSLWrites(t *testing.T) {
	t.Parallel()
	w := the()
	for _, key := range keyNames {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, "key.pem", must(PEM(Contents{Keys: Items(w.keys[key])}, nil)))
			put(t, dir, "cert.pem", must(PEM(Contents{Certificates: Items(w.leaves[key])}, nil)))
			put(t, dir, "more.pem", must(PEM(Contents{Certificates: Items(w.middle, w.root)}, nil)))
			const pass = "pass:" + password
			for name, words := range map[string]string{
				"modern.p12":  "pkcs12 -export -in cert.pem -inkey key.pem -certfile more.pem -name web -out modern.p12 -passout " + pass,
				"legacy.p12":  "pkcs12 -export -legacy -in cert.pem -inkey key.pem -certfile more.pem -name web -out legacy.p12 -passout " + pass,
				"descert.p12": "pkcs12 -export -legacy -descert -in cert.pem -inkey key.pem -certfile more.pem -name web -out descert.p12 -passout " + pass,
				"plain.p12":   "pkcs12 -export -keypbe NONE -certpbe NONE -nomac -in cert.pem -inkey key.pem -certfile more.pem -name web -out plain.p12 -passout " + pass,
				"sha512.p12":  "pkcs12 -export -macalg sha512 -keypbe AES-192-CBC -certpbe AES-128-CBC -in cert.pem -inkey key.pem -certfile more.pem -name web -out sha512.p12 -passout " + pass,
			} {
				tool(t, dir, append([]string{"openssl"}, strings.Fields(words)...)...)
				c := get(t, dir, name)
				same(t, "keys of "+name, c.Keys, w.keys[key])
				same(t, "certificates of "+name, c.Certificates, w.leaves[key], w.middle, w.root)
				if len(c.Keys) == 1 && c.Keys[0].Name != "web" {
					t.Errorf("%s: the key's name is %q", name, c.Keys[0].Name)
				}
			}
			for name, words := range map[string]string{
				"pbkdf2.pem":  "pkcs8 -topk8 -v2 aes-256-cbc -in key.pem",
				"sha512.pem":  "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512 -in key.pem",
				"des3.pem":    "pkcs8 -topk8 -v2 des3 -v2prf hmacWithSHA1 -in key.pem",
				"scrypt.pem":  "pkcs8 -topk8 -scrypt -in key.pem",
				"p12-3des":    "pkcs8 -topk8 -v1 PBE-SHA1-3DES -in key.pem",
				"p12-2des":    "pkcs8 -topk8 -v1 PBE-SHA1-2DES -in key.pem",
				"md5-des.pem": "pkcs8 -topk8 -v1 PBE-MD5-DES -provider legacy -provider default -in key.pem",
				"sha-des.der": "pkcs8 -topk8 -v1 PBE-SHA1-DES -provider legacy -provider default -outform DER -in key.pem",
			} {
				tool(t, dir, append(append([]string{"openssl"}, strings.Fields(words)...), "-out", name, "-passout", pass)...)
				same(t, "key of "+name, get(t, dir, name).Keys, w.keys[key])
			}
			plain := []string{"pkey -in key.pem -out plain.der -outform DER"}
			if key != "ed25519" { // which has no older form
				plain = append(plain, "pkey -traditional -in key.pem -out plain.pem", "pkey -traditional -in key.pem -out old.der -outform DER",
					"pkey -traditional -aes256 -in key.pem -out aes.pem -passout "+pass, "pkey -traditional -des3 -in key.pem -out des.pem -passout "+pass)
			}
			for _, words := range plain {
				fields := strings.Fields(words)
				out := fields[len(fields)-1]
				for i, f := range fields {
					if f == "-out" {
						out = fields[i+1]
					}
				}
				tool(t, dir, append([]string{"openssl"}, fields...)...)
				same(t, "key of "+words, get(t, dir, out).Keys, w.keys[key])
			}
		})
	}
}

// TestReadsWhatOpenSSLWritesOfCertificates: R62, either form is taken.
func TestReadsWhatOpenSSLWritesOfCertificates(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	leaf := w.leaves["p256"]
	put(t, dir, "cert.pem", must(PEM(Contents{Certificates: Items(leaf)}, nil)))
	put(t, dir, "crl.pem", must(PEM(Contents{Lists: Items(w.list)}, nil)))
	put(t, dir, "csr.pem", must(PEM(Contents{Requests: Items(w.request)}, nil)))
	for _, tt := range []struct {
		words string
		want  Contents
	}{
		{"x509 -in cert.pem -text", Contents{Certificates: Items(leaf)}},
		{"x509 -in cert.pem -outform DER", Contents{Certificates: Items(leaf)}},
		{"x509 -in cert.pem -trustout -addtrust serverAuth -setalias web", Contents{Certificates: Items(leaf)}},
		{"crl -in crl.pem -text", Contents{Lists: Items(w.list)}},
		{"crl -in crl.pem -outform DER", Contents{Lists: Items(w.list)}},
		{"req -in csr.pem -text", Contents{Requests: Items(w.request)}},
		{"req -in csr.pem -newhdr", Contents{Requests: Items(w.request)}},
		{"req -in csr.pem -outform DER", Contents{Requests: Items(w.request)}},
		{"crl2pkcs7 -in crl.pem -certfile cert.pem", Contents{Certificates: Items(leaf), Lists: Items(w.list)}},
		{"crl2pkcs7 -nocrl -certfile cert.pem -outform DER", Contents{Certificates: Items(leaf)}},
	} {
		got, err := Read(tool(t, dir, append([]string{"openssl"}, strings.Fields(tt.words)...)...), nil)
		if err != nil {
			t.Errorf("openssl %s: %v", tt.words, err)
			continue
		}
		same(t, tt.words+": certificates", got.Certificates, DERs(tt.want.Certificates)...)
		same(t, tt.words+": lists", got.Lists, DERs(tt.want.Lists)...)
		same(t, tt.words+": requests", got.Requests, DERs(tt.want.Requests)...)
	}
}

// A password beyond ASCII has one encoding under PKCS#12 and another under PBES2; the
// empty one has two.
func TestPasswordsOfAllKindsWithOpenSSL(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	put(t, dir, "key.pem", must(PEM(Contents{Keys: Items(w.keys["p256"])}, nil)))
	put(t, dir, "cert.pem", must(PEM(Contents{Certificates: Items(w.leaves["p256"])}, nil)))
	for _, secret := range []string{"größe €", "with blank", strings.Repeat("long ", 40), ""} {
		for _, how := range []string{"-certpbe AES-256-CBC", "-legacy", "-legacy -descert"} {
			words := append(strings.Fields("openssl pkcs12 -export -in cert.pem -inkey key.pem -out theirs.p12 "+how), "-passout", "pass:"+secret)
			tool(t, dir, words...)
			c, err := Read(must(os.ReadFile(dir+"/theirs.p12")), func() ([]byte, error) { return []byte(secret), nil })
			if err != nil {
				t.Errorf("%q %s: %v", secret, how, err)
				continue
			}
			sameContents(t, c, Contents{Keys: Items(w.keys["p256"]), Certificates: Items(w.leaves["p256"])})
		}
		if secret == "" {
			c, err := Read(must(os.ReadFile(dir+"/theirs.p12")), nil)
			if err != nil || len(c.Keys) != 1 {
				t.Errorf("nobody to ask, and no password: %v", err)
			}
			continue
		}
		put(t, dir, "ours.p12", must(PKCS12(w.entry("p256", "größe"), Legacy, []byte(secret), rand.Reader)))
		tool(t, dir, "openssl", "pkcs12", "-in", "ours.p12", "-noout", "-passin", "pass:"+secret)
	}
}
