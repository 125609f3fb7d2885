// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tool runs a command that we did not write, in the directory of the hand's files.
func (h hand) tool(name string, args ...string) string {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), name, args...)
	c.Dir = filepath.Dir(h.dir)
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// pair has a certificate issued for a name, and gives the files with the whole chain,
// the certificate alone, and the key.
func (h hand) pair(name string) (chain, leaf, key string) {
	h.t.Helper()
	chain = h.write(name+".chain.pem", h.done("sign", h.request(name)).out)
	return chain, h.write(name+".leaf.pem", h.tool("openssl", "x509", "-in", chain)), h.file(name + ".key")
}

// judges types verify and wants an exit code and a text of its answer.
func (h hand) judges(code int, says string, args ...string) said {
	h.t.Helper()
	s := h.types(append([]string{"verify"}, args...)...)
	if s.code != code || !strings.Contains(s.out+s.err, says) {
		h.t.Errorf("chancery verify %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), s.code, code, says, s.out, s.err)
	}
	return s
}

// Every form of a certificate's file is judged alike, with the roots and lists of the
// installation, or with those that are named. What is revoked fails at once.
func TestVerifyTakesEveryFormOfFile(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	chain, leaf, key := h.pair("nas.lab.example")
	root := h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	secret := h.write("secret", "geheim\n")
	p12, p7b, der, text := h.file("nas.p12"), h.file("nas.p7b"), h.file("nas.der"), h.file("nas.txt.pem")
	h.tool("openssl", "pkcs12", "-export", "-in", chain, "-inkey", key, "-passout", "file:"+secret, "-out", p12)
	h.tool("openssl", "crl2pkcs7", "-nocrl", "-certfile", chain, "-outform", "DER", "-out", p7b)
	h.tool("openssl", "x509", "-in", leaf, "-outform", "DER", "-out", der)
	h.tool("openssl", "x509", "-in", leaf, "-text", "-out", text)

	const good = "not revoked"
	h.judges(0, good, chain, "--as", "server:nas.lab.example", "--key", key)
	h.judges(0, good, p7b, "--as", "server:nas.lab.example")
	h.judges(0, "the key belongs", p12, "--as", "server:nas.lab.example", "--password-file", secret)
	h.judges(0, "is not in it", der)
	h.judges(0, "is not in it", text)
	h.judges(exitFaults, "is not sent", leaf, "--as", "server") // R126
	h.judges(exitFaults, "get it at http://", leaf, "--as", "server")
	h.judges(exitFaults, "does not name db.lab.example", chain, "--as", "server:db.lab.example")
	h.judges(exitFaults, "is not for use as email", chain, "--as", "email")
	h.judges(exitFaults, "the key does not belong", chain, "--key", h.write("other.key", h.tool("openssl", "genpkey", "-algorithm", "ed25519")))
	h.judges(0, "expires on", chain, "--warn", "100d")

	elsewhere := hand{t, h.file("nothing")}
	elsewhere.judges(exitNotFound, "--ca FILE, or --system", chain)
	elsewhere.judges(0, "was not looked at", chain, "--ca", root)
	elsewhere.judges(exitFaults, "lab.example Root CA G1", chain, "--system")
	lists := h.write("lists.pem", h.done("crl", "show", "-o", "pem").out)
	elsewhere.judges(0, good, chain, "--ca", root, "--crl", lists)

	h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example", "--reason", "keyCompromise")
	h.judges(exitFaults, "nas.lab.example is revoked since", chain)
	elsewhere.judges(0, good, chain, "--ca", root, "--crl", lists) // they are older
	elsewhere.judges(exitFaults, "keyCompromise", chain, "--ca", root, "--crl", h.write("newer.pem", h.done("crl", "show", "-o", "pem").out))
}

// What verify cannot use is said before anything else, with what to type instead.
func TestVerifyRefusesWhatIsNoCertificate(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	chain, _, key := h.pair("nas.lab.example")
	h.tool("openssl", "pkcs12", "-export", "-in", chain, "-inkey", key, "-passout", "pass:geheim", "-out", "nas.p12")
	for line, says := range map[string]string{
		"nas.p12":                         "--password-file",
		"nas.lab.example.key":             "holds no certificate",
		"words":                           "E2501",
		"no such thing":                   "no address of a server",
		chain + " --as baker":             "server, client, email, codesign",
		chain + " --ca " + key:            "holds no root",
		chain + " --ca x.pem --system":    "contradict each other",
		chain + " --crl " + chain:         "holds no revocation list",
		chain + " --key " + chain:         "holds no private key",
		chain + " --warn soon":            "takes a time",
		chain + " --warn 99999999999d":    "takes a time",
		"127.0.0.1:1 --as server:x --sni": "flag needs an argument",
	} {
		args := strings.Fields(line)
		if line == "no such thing" {
			args = []string{line}
		}
		h.judges(exitUsage, says, args...)
	}
}

// served starts OpenSSL's server with a certificate and more, and gives its address.
func (h hand) served(more ...string) string {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), "openssl", append([]string{"s_server", "-accept", "127.0.0.1:0"}, more...)...)
	in, err := c.StdinPipe() // it ends with its input
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { in.Close(); c.Process.Kill(); c.Wait() }) //nolint:errcheck // a server of a test
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, is := strings.CutPrefix(lines.Text(), "ACCEPT "); is {
			go func() {
				for lines.Scan() { // so that it never waits for a reader
				}
			}()
			return address
		}
	}
	h.t.Fatal("openssl s_server did not start")
	return ""
}

// R126: a server that does not send its authorities is found out, and told apart from
// one that does; so are servers that speak badly, or not at all.
func TestR126_VerifyAsksServers(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	chain, leaf, key := h.pair("nas.lab.example")
	root := h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	between := h.write("between.pem", strings.TrimPrefix(read(t, chain), read(t, leaf)))
	as := []string{"--as", "server:nas.lab.example"}
	ask := func(code int, says, address string, more ...string) {
		t.Helper()
		h.judges(code, says, append(append([]string{address}, as...), more...)...)
	}
	whole := h.served("-cert", leaf, "-key", key, "-cert_chain", between)
	ask(0, "TLS 1.3", whole)
	ask(0, "complete, in order, and without the root", whole, "--ca", root)
	h.judges(exitFaults, "does not name 127.0.0.1", whole)
	h.judges(exitFaults, "does not name localhost", strings.Replace(whole, "127.0.0.1", "localhost", 1))

	alone := h.served("-cert", leaf, "-key", key)
	ask(exitFaults, "the authority lab.example Issuing CA G1 is not sent", alone)
	ask(exitFaults, "the authority that signed nas.lab.example is missing", alone, "--ca", root)
	ask(exitFaults, "get it at http://", alone, "--ca", root)
	rooted := h.write("rooted.pem", read(t, between)+read(t, root))
	ask(0, "the root lab.example Root CA G1 is sent along needlessly", h.served("-cert", leaf, "-key", key, "-cert_chain", rooted))

	old := h.served("-cert", leaf, "-key", key, "-cert_chain", between, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
	ask(exitFaults, "clients of today refuse", old)
	closed := h.served("-cert", leaf, "-key", key, "-cert_chain", between, "-tls1_2", "-Verify", "1", "-verify_return_error")
	ask(0, "it may want a client certificate", closed)
	db, _, dbKey := h.pair("db.lab.example")
	two := h.served("-cert", leaf, "-key", key, "-cert_chain", between, "-servername", "db.lab.example", "-cert2", db, "-key2", dbKey)
	ask(exitFaults, "it names db.lab.example", two, "--sni", "db.lab.example")

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	h.judges(exitUnreachable, "does not speak TLS", strings.TrimPrefix(plain.URL, "http://"))
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	h.judges(exitUnreachable, "does not answer", nobody.Addr().String())
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The lists are fetched from where the certificates say; what cannot be had is named.
func TestVerifyFetchesLists(t *testing.T) {
	t.Parallel()
	lists := map[string][]byte{}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if der, is := lists[r.URL.Path]; is {
			w.Write(der) //nolint:errcheck // the reader tells
			return
		}
		http.Redirect(w, r, "/pki/root-g1.crl", http.StatusFound)
	}))
	defer site.Close()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--recovery-file", h.file("words"), "--pki-url", site.URL)
	h.serve()
	chain, _, _ := h.pair("nas.lab.example")
	root := h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	lists["/pki/root-g1.crl"] = []byte(h.done("crl", "show", "--ca", "root-g1", "-o", "der").out)
	h.judges(exitFaults, "cannot be had: the answer is \"302 Found\"", chain, "--ca", root, "--fetch")
	lists["/pki/issuing-g1.crl"] = []byte(h.done("crl", "show", "--ca", "issuing-g1", "-o", "pem").out)
	h.judges(0, "nas.lab.example is not revoked", chain, "--ca", root, "--fetch")
	h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example")
	h.judges(0, "nas.lab.example is not revoked", chain, "--ca", root, "--fetch") // as everybody who fetches believes
	lists["/pki/issuing-g1.crl"] = []byte(h.done("crl", "show", "--ca", "issuing-g1", "-o", "der").out)
	h.judges(exitFaults, "nas.lab.example is revoked", chain, "--ca", root, "--fetch")
	lists["/pki/issuing-g1.crl"] = []byte(strings.Repeat("x", maxFetched+1))
	h.judges(exitFaults, fmt.Sprintf("more than %d octets", maxFetched), chain, "--ca", root, "--fetch")
}

// Programs find the same fields in every answer.
func TestVerifyInJSON(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	_, leaf, _ := h.pair("nas.lab.example")
	s := h.judges(exitFaults, "", leaf, "--as", "server:nas.lab.example", "--json")
	var out struct {
		Target string
		Good   *bool
		Path   []map[string]string
		Checks []struct{ ID, Level, Message, Hint string }
	}
	if err := json.Unmarshal([]byte(s.out), &out); err != nil || out.Good == nil || *out.Good || len(out.Path) != 3 || out.Target != leaf {
		t.Fatalf("%v\n%s", err, s.out)
	}
	for _, name := range []string{"title", "subject", "serial", "not_after", "fingerprint_sha256"} {
		if _, is := out.Path[0][name]; !is {
			t.Errorf("a step has no %s", name)
		}
	}
	var ids []string
	for _, c := range out.Checks {
		ids = append(ids, c.ID+" "+c.Level)
	}
	want := []string{"chain ok", "sent fail", "dates ok", "authority ok", "use ok", "name ok", "strength ok", "revocation ok", "revocation ok"}
	if !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	if s := h.types("verify", leaf, "-o", "csv", "--fields", "id,level"); !strings.HasPrefix(s.out, "id,level\nchain,ok\n") {
		t.Errorf("%s%s", s.out, s.err)
	}
}
