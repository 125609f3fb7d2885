// SPDX-License-Identifier: Apache-2.0

package format

import (
	"os/exec"
	"strings"
	"testing"
)

func TestGnuTLSReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	for _, key := range keyNames {
		for file, data := range map[string][]byte{"modern.p12": written()[key].modern, "legacy.p12": written()[key].legacy} {
			put(t, dir, file, data)
			out := tool(t, dir, "certtool", "--p12-info", "--inder", "--infile", file, "--password", password)
			c, err := Read(out, given)
			if err != nil {
				t.Fatalf("%v in\n%s", err, out)
			}
			same(t, key+": keys of "+file, c.Keys, w.keys[key])
			same(t, key+": certificates of "+file, c.Certificates, w.leaves[key], w.middle)
		}
	}
	put(t, dir, "key.pem", written()["p384"].pbkdf2)
	tool(t, dir, "certtool", "--key-info", "--infile", "key.pem", "--password", password)
	put(t, dir, "all.p7b", must(P7B([][]byte{w.root, w.middle}, [][]byte{w.list})))
	out := tool(t, dir, "certtool", "--p7-info", "--inder", "--infile", "all.p7b")
	if n := strings.Count(string(out), "BEGIN CERTIFICATE"); n != 2 {
		t.Errorf("certtool sees %d certificates:\n%s", n, out)
	}
}

func TestReadsWhatGnuTLSWrites(t *testing.T) {
	t.Parallel()
	w, dir := the(), t.TempDir()
	for key, words := range map[string]string{ // each derives three keys with 600 000 rounds
		"rsa": "--outder", "ed25519": "--pkcs-cipher=3des-pkcs12 --hash=SHA1", // the last in PEM
	} {
		put(t, dir, "key.pem", must(PEM(Contents{Keys: Items(w.keys[key])}, nil)))
		put(t, dir, "cert.pem", must(PEM(Contents{Certificates: Items(w.leaves[key], w.middle)}, nil)))
		out := tool(t, dir, append([]string{"certtool", "--to-p12", "--load-privkey", "key.pem", "--load-certificate", "cert.pem", "--p12-name", "web", "--password", password}, strings.Fields(words)...)...)
		c, err := Read(out, given)
		if err != nil {
			t.Fatalf("%s %s: %v", key, words, err)
		}
		same(t, key+": keys of "+words, c.Keys, w.keys[key])
		same(t, key+": certificates of "+words, c.Certificates, w.leaves[key], w.middle)
	}
	put(t, dir, "key.pem", must(PEM(Contents{Keys: Items(w.keys["p256"])}, nil)))
	c, err := Read(tool(t, dir, "certtool", "--to-p8", "--load-privkey", "key.pem", "--password", password), given)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "encrypted key", c.Keys, w.keys["p256"])
}

// TestNSSBothWays: Firefox's store takes our files and gives them back, in BER.
func TestNSSBothWays(t *testing.T) {
	t.Parallel()
	w := the()
	for _, tt := range []struct {
		key  string
		file []byte
	}{{"rsa", written()["rsa"].legacy}, {"p384", written()["p384"].modern}} { // version 3.87 has no Ed25519
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, "in.p12", tt.file)
			tool(t, dir, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
			tool(t, dir, "pk12util", "-i", "in.p12", "-W", password, "-d", "sql:"+dir)
			tool(t, dir, "pk12util", "-o", "out.p12", "-n", "web server", "-W", password, "-d", "sql:"+dir)
			c := get(t, dir, "out.p12")
			same(t, "keys", c.Keys, w.keys[tt.key])
			same(t, "certificates", c.Certificates, w.middle, w.leaves[tt.key]) // in NSS's order
		})
	}
}

// readByPython is pyca/cryptography's opinion, and what it writes.
const readByPython = `
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
secret = b"changeit"
def read(name):
    with open(name, "rb") as f:
        return f.read()
def write(name, data):
    with open(name, "wb") as f:
        f.write(data)
der = lambda c: c.public_bytes(s.Encoding.DER)
plain = lambda k: k.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
for kind in sys.argv[1:]:
    key = s.load_der_private_key(read(kind + ".key"), None)
    leaf, middle = x509.load_der_x509_certificate(read(kind + ".crt")), x509.load_der_x509_certificate(read("middle.crt"))
    for name in (".modern.p12", ".legacy.p12"):
        k, c, more = pkcs12.load_key_and_certificates(read(kind + name), secret)
        assert plain(k) == plain(key) and der(c) == der(leaf) and [der(m) for m in more] == [der(middle)], kind + name
    assert plain(s.load_pem_private_key(read(kind + ".scrypt.pem"), secret)) == plain(key), kind
    best = s.BestAvailableEncryption(secret)
    write(kind + ".best.p12", pkcs12.serialize_key_and_certificates(b"web", key, leaf, [middle], best))
    old = s.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048).key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(hashes.SHA1()).build(secret)
    write(kind + ".old.p12", pkcs12.serialize_key_and_certificates(b"web", key, leaf, [middle], old))
    write(kind + ".best.pem", key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, best))
all = pkcs7.load_der_pkcs7_certificates(read("all.p7b"))
assert sorted(der(c) for c in all) == sorted([read("middle.crt"), read(sys.argv[1] + ".crt")])
`

// python finds an interpreter that has the library: the system's own, if another comes first.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import cryptography").Run() == nil {
			return name
		}
	}
	t.Fatal("no python3 with cryptography on this machine: make test installs it")
	return ""
}

func TestPythonBothWays(t *testing.T) {
	t.Parallel()
	w, dir, name := the(), t.TempDir(), python(t)
	put(t, dir, "middle.crt", w.middle)
	for _, key := range keyNames {
		put(t, dir, key+".key", w.keys[key])
		put(t, dir, key+".crt", w.leaves[key])
		put(t, dir, key+".modern.p12", written()[key].modern)
		put(t, dir, key+".legacy.p12", written()[key].legacy)
		put(t, dir, key+".scrypt.pem", written()[key].scrypt)
	}
	put(t, dir, "all.p7b", must(P7B([][]byte{w.leaves[keyNames[0]], w.middle}, nil)))
	tool(t, dir, append([]string{name, "-c", readByPython}, keyNames...)...)
	for _, key := range keyNames {
		for _, file := range []string{key + ".best.p12", key + ".old.p12"} {
			c := get(t, dir, file)
			same(t, "keys of "+file, c.Keys, w.keys[key])
			same(t, "certificates of "+file, c.Certificates, w.leaves[key], w.middle)
			if c.Certificates[0].Name != "web" {
				t.Errorf("%s: the name is %q", file, c.Certificates[0].Name)
			}
		}
		same(t, "key of Python", get(t, dir, key+".best.pem").Keys, w.keys[key])
	}
}
