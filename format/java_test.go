// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
)

// keytool runs Java's tool. Each start takes half a second of a core.
func keytool(t *testing.T, dir string, words ...string) string {
	t.Helper()
	return string(tool(t, dir, append([]string{"keytool", "-J-XX:TieredStopAtLevel=1"}, words...)...))
}

// entries is a key store with each type of key, and a certificate to trust.
func entries(w world) []Entry {
	var out []Entry
	for _, key := range keyNames {
		out = append(out, w.entry(key, "Key-"+key))
	}
	return append(out, Entry{Certificates: [][]byte{w.root}}, Entry{Name: "largest café", Certificates: [][]byte{w.middle}})
}

// TestJavaReadsJKSAndWritesPKCS12: Java opens each key of ours and encrypts it anew.
func TestJavaReadsJKSAndWritesPKCS12(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	put(t, dir, "all.jks", must(JKS(entries(w), []byte(password), noon, rand.Reader)))
	keytool(t, dir, "-importkeystore", "-srckeystore", "all.jks", "-srcstoretype", "JKS", "-srcstorepass", password,
		"-destkeystore", "all.p12", "-deststoretype", "PKCS12", "-deststorepass", password)
	checkStore(t, w, get(t, dir, "all.p12"))
	checkStore(t, w, get(t, dir, "all.jks"))
}

// checkStore wants what entries made, in any order.
func checkStore(t *testing.T, w world, c Contents) {
	t.Helper()
	if len(c.Keys) != len(keyNames) {
		t.Fatalf("%d keys, want %d", len(c.Keys), len(keyNames))
	}
	for _, k := range c.Keys {
		if string(w.keys[strings.TrimPrefix(k.Name, "key-")]) != string(k.DER) {
			t.Errorf("the key %q is another", k.Name)
		}
	}
	for name, der := range map[string][]byte{"root g1": w.root, "largest café": w.middle} {
		if !slices.ContainsFunc(c.Certificates, func(it Item) bool { return it.Name == name && string(it.DER) == string(der) }) {
			t.Errorf("the certificate %q is missing", name)
		}
	}
	for _, der := range w.leaves {
		if !slices.ContainsFunc(c.Certificates, func(it Item) bool { return string(it.DER) == string(der) }) {
			t.Error("a leaf is missing")
		}
	}
}

// TestJavaReadsPKCS12AndWritesJKS: both protections, by names.
func TestJavaReadsPKCS12AndWritesJKS(t *testing.T) {
	t.Parallel()
	w := the()
	for _, tt := range []struct {
		key  string
		file []byte
	}{{"p256", written()["p256"].modern}, {"rsa", written()["rsa"].legacy}} {
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, "one.p12", tt.file)
			keytool(t, dir, "-importkeystore", "-srckeystore", "one.p12", "-srcstoretype", "PKCS12", "-srcstorepass", password,
				"-destkeystore", "one.jks", "-deststoretype", "JKS", "-deststorepass", password, "-srcalias", "web server")
			c := get(t, dir, "one.jks")
			same(t, "keys", c.Keys, w.keys[tt.key])
			same(t, "certificates", c.Certificates, w.leaves[tt.key], w.middle)
			if c.Keys[0].Name != "web server" {
				t.Errorf("the alias is %q", c.Keys[0].Name)
			}
		})
	}
}

// TestJavaTrustsOurTrustStores: Java takes for trusted only what is marked.
func TestJavaTrustsOurTrustStores(t *testing.T) {
	t.Parallel()
	w := the()
	trusted := Trusted([]Item{{DER: w.root}, {DER: w.middle, Name: "Issuing"}})
	for _, tt := range []struct {
		name string
		file []byte
	}{
		{"modern.p12", must(TrustStore(trusted, Modern, []byte(password), rand.Reader))},
		{"trust.jks", must(JKS(trusted, []byte(password), noon, rand.Reader))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, tt.name, tt.file)
			out := keytool(t, dir, "-list", "-keystore", tt.name, "-storepass", password)
			for _, alias := range []string{"root g1", "issuing"} {
				if !strings.Contains(out, alias+", ") {
					t.Errorf("Java does not see %q:\n%s", alias, out)
				}
			}
			if n := strings.Count(out, "trustedCertEntry"); n != 2 {
				t.Errorf("Java trusts %d certificates, want 2:\n%s", n, out)
			}
			same(t, "certificates", get(t, dir, tt.name).Certificates, w.root, w.middle)
		})
	}
}

// What Java before 17 wrote: RC2 over the certificates, triple DES over the keys.
func TestReadsWhatOldJavaWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keytool(t, dir, "-J-Dkeystore.pkcs12.legacy", "-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=old", "-alias", "Old",
		"-keystore", "old.p12", "-storetype", "PKCS12", "-storepass", password)
	if c := get(t, dir, "old.p12"); len(c.Keys) != 1 || len(c.Certificates) != 1 || c.Keys[0].Name != "old" {
		t.Errorf("read %d keys and %d certificates", len(c.Keys), len(c.Certificates))
	}
}

// TestJavaReadsP7B: keytool prints each certificate of a PKCS#7 file.
func TestJavaReadsP7B(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	put(t, dir, "all.p7b", must(P7B([][]byte{w.root, w.middle}, nil)))
	if out := keytool(t, dir, "-printcert", "-file", "all.p7b"); strings.Count(out, "Owner:") != 2 {
		t.Errorf("Java sees something else than two certificates:\n%s", out)
	}
}
