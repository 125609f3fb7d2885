// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// A tlsDoor is a service that listens over TLS, by the name localhost.
type tlsDoor struct {
	hand
	api, mtls string // host:port
}

// newTLSDoor founds, serves, and waits until both listeners have their certificate.
func newTLSDoor(t *testing.T, more ...string) tlsDoor {
	t.Helper()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done(append([]string{"init", "--names", "lab.example", "--hostname", "localhost", "--recovery-file", h.file("words")}, more...)...)
	return h.listening()
}

func (h hand) listening(variables ...string) tlsDoor {
	h.t.Helper()
	said, _ := h.serving(append(variables, "CHANCERY_LISTEN=127.0.0.1:0", "CHANCERY_LISTEN_MTLS=127.0.0.1:0")...)
	at := regexp.MustCompile(`listening on 127\.0\.0\.1:(\d+)`).FindAllStringSubmatch(said, -1)
	if len(at) != 2 {
		h.t.Fatalf("it does not say where it listens:\n%s", said)
	}
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	d := tlsDoor{h, "localhost:" + at[0][1], "localhost:" + at[1][1]}
	d.until("a certificate", func() bool { return d.shown() != nil })
	return d
}

// until waits for something that comes by itself within seconds.
func (d tlsDoor) until(what string, is func() bool) {
	d.t.Helper()
	late := time.After(30 * time.Second)
	for again := time.NewTicker(100 * time.Millisecond); !is(); {
		select {
		case <-again.C:
		case <-late:
			d.t.Fatalf("no %s within half a minute", what)
		}
	}
}

// shown is the certificate that the API's listener shows, if it leads to the root.
func (d tlsDoor) shown() *x509.Certificate {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(d.read("root.pem")))
	c, err := tls.Dial("tcp", d.api, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		return nil
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// curl calls, and gives the status and the body.
func (d tlsDoor) curl(at, path string, args ...string) (status, body string) {
	d.t.Helper()
	c := exec.CommandContext(d.t.Context(), "curl", append([]string{"-sS", "--max-time", "20", "--cacert", d.file("root.pem"), "-w", "\n%{http_code}", "https://" + at + path}, args...)...)
	out, err := c.CombinedOutput()
	text := string(out)
	at2 := strings.LastIndexByte(text, '\n')
	if err != nil {
		return "failed", text
	}
	return text[at2+1:], text[:at2]
}

// asked calls with a token.
func (d tlsDoor) asked(token, path string, args ...string) (status, body string) {
	d.t.Helper()
	return d.curl(d.api, path, append([]string{"-H", "Authorization: Bearer " + token}, args...)...)
}

func (d tlsDoor) token(args ...string) string {
	d.t.Helper()
	return strings.TrimSpace(d.done(append([]string{"token", "create"}, args...)...).out)
}

// order is the body of a request for a certificate.
func (d tlsDoor) order(name, profile string) string {
	d.t.Helper()
	body, err := json.Marshal(map[string]string{"csr": d.read(filepath.Base(d.request(name))), "profile": profile})
	if err != nil {
		d.t.Fatal(err)
	}
	return string(body)
}

// AN-04, R76, WB-08: curl, openssl and node come in by the service's own certificate,
// without anything but the root; a token asks, reads and is gone when it was revoked.
func TestAN04_AStrangersClientAsksWithATokenOverTLS(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	token := d.token("--name", "ci", "--role", "requester", "--profile", "server", "--names", "*.ci.lab.example")
	if _, ok := ca.TokenSecret(token); !ok {
		t.Fatalf("no token: %q", token)
	}
	post := []string{"-H", "Content-Type: application/json", "-d"}
	if status, body := d.asked(token, "/api/v1/requests", append(post, d.order("a.ci.lab.example", "server"))...); status != "201" || !strings.Contains(body, `"door":"api"`) {
		t.Errorf("a name it is for: %s %s", status, body)
	}
	for what, order := range map[string]string{"another name": d.order("b.lab.example", "server"), "another profile": d.order("c.ci.lab.example", "client")} {
		if status, body := d.asked(token, "/api/v1/requests", append(post, order)...); status != "403" || !strings.Contains(body, "E1305") {
			t.Errorf("%s: %s %s", what, status, body)
		}
	}
	d.done("sign", d.request("other.lab.example"))
	if status, _ := d.asked(token, "/api/v1/certificates/other.lab.example"); status != "404" {
		t.Errorf("what it may not see: %s", status)
	}
	for _, path := range []string{"/api/v1/certificates", "/api/v1/events", "/api/v1/unsettled", "/api/v1/tokens"} {
		if status, body := d.asked(token, path); status != "403" {
			t.Errorf("%s: %s %s", path, status, body)
		}
	}
	node := `const https=require('https'),fs=require('fs');
https.get({host:'localhost',port:+process.argv[1].split(':')[1],path:'/api/v1/whoami',ca:fs.readFileSync(process.argv[2]),headers:{authorization:'Bearer '+process.argv[3]}},
r=>{let b='';r.on('data',c=>b+=c);r.on('end',()=>console.log(r.statusCode,b))})`
	if out := d.tool("node", "-e", node, d.api, d.file("root.pem"), token); !strings.HasPrefix(out, "200 ") || !strings.Contains(out, `"method":"token"`) {
		t.Errorf("node: %s", out)
	}
	if out := d.openssl("s_client", "-connect", d.api, "-CAfile", d.file("root.pem"), "-verify_return_error", "-verify_hostname", "localhost", "-brief"); out == "" {
		t.Error("openssl says nothing")
	}
	// RO-03: the next call after a revocation, on a connection that stands, is refused.
	d.done("token", "revoke", "ci")
	if status, body := d.asked(token, "/api/v1/whoami"); status != "401" || !strings.Contains(body, "was revoked") {
		t.Errorf("after it was revoked: %s %s", status, body)
	}
	if s := d.done("token", "list"); !strings.Contains(s.out, "revoked") || strings.Contains(s.out, token[:12]) {
		t.Errorf("the list:\n%s", s.out)
	}
	if st, err := os.Stat(filepath.Join(d.dir, "front", "tls", "service.pem")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the listeners' key: %v, %v", st, err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := d.curl(strings.Replace(d.api, "localhost", "127.0.0.1", 1), path, "-k"); status != "200" || !strings.Contains(body, "ok") {
			t.Errorf("%s: %s %s", path, status, body)
		}
	}
	if v := d.done("audit", "verify"); !strings.Contains(v.out, "tree ✓") {
		t.Errorf("audit verify:\n%s", v.out)
	}
}

// R76, PF-08, AN-02: a live certificate of any generation renews itself, by curl and by
// itself alone; one that is revoked, another's, or a renewal that asks for more does not.
func TestR76_ACertificateOfAnyGenerationRenewsItself(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	hold := func(name string) (args []string) {
		d.write(name+".pem", d.done("sign", d.request(name)).out)
		return []string{"--cert", d.file(name + ".pem"), "--key", d.file(name + ".key"), "-H", "Content-Type: application/json", "-d"}
	}
	renew := func(args []string, body string) (string, string) {
		d.t.Helper()
		return d.curl(d.mtls, "/api/v1/renewals", append(args, body)...)
	}
	issued := func(body string) (out ca.Issued) {
		t.Helper()
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		return out
	}
	nas, web := hold("nas.lab.example"), hold("web.lab.example")
	status, body := renew(nas, "{}")
	if status != "201" {
		t.Fatalf("with the same key: %s %s", status, body)
	}
	first := issued(body).Certificate
	old := d.certificateOf("nas.lab.example.pem")
	if first.Owner != fmt.Sprintf("uid:%d", os.Getuid()) || first.Profile != "server" || first.Title() != "nas.lab.example" || string(first.Serial) == fmt.Sprintf("%x", old.SerialNumber) {
		t.Errorf("renewed as %+v", first)
	}
	// A double submit is one renewal.
	if status, body := renew(nas, "{}"); status != "200" || issued(body).Certificate.Serial != first.Serial {
		t.Errorf("once more: %s %s", status, body)
	}
	next := func(name string) string {
		body, _ := json.Marshal(map[string]string{"csr": d.read(filepath.Base(d.request(name)))}) // strings are written
		return string(body)
	}
	key := d.read("nas.lab.example.key")
	fresh := next("nas.lab.example")
	d.write("nas.lab.example.key", key)
	if status, body := renew(nas, fresh); status != "201" || issued(body).Certificate.Key == first.Key {
		t.Errorf("with a new key: %s %s", status, body)
	}
	if status, body := renew(nas, next("more.lab.example")); status != "422" || !strings.Contains(body, "same names") {
		t.Errorf("other names: %s %s", status, body)
	}
	for _, path := range []string{"/api/v1/certificates", "/api/v1/status"} {
		if status, body := d.curl(d.mtls, path, nas[:4]...); status != "403" || !strings.Contains(body, "renews itself") {
			t.Errorf("%s: %s %s", path, status, body)
		}
	}
	if status, body := d.curl(d.api, "/api/v1/renewals", web...); !strings.HasPrefix(status, "4") && status != "failed" {
		t.Errorf("on the port that asks for no certificate: %s %s", status, body)
	}
	d.done("revoke", "web.lab.example", "--confirm", "web.lab.example")
	if status, body := renew(web, "{}"); status != "401" || !strings.Contains(body, "revoked") {
		t.Errorf("a revoked one: %s %s", status, body)
	}

	d.done("ca", "create", "issuing-g2", "--standby", "--yes", "--recovery-file", d.file("words"))
	d.done("ca", "activate", "issuing-g2", "--yes")
	// What was renewed an hour ago is another renewal now, and that one is done once too.
	for _, what := range []string{"by generation 2", "under a changed profile"} {
		if what == "under a changed profile" {
			d.done("profile", "set", "server", "--days", "31", "--yes")
		}
		status, body = renew(nas, "{}")
		second := issued(body).Certificate
		if status != "201" || second.Authority != "issuing-g2" {
			t.Errorf("%s: %s %s", what, status, body)
		}
		if status, body := renew(nas, "{}"); status != "200" || issued(body).Certificate.Serial != second.Serial {
			t.Errorf("%s, once more: %s %s", what, status, body)
		}
	}
	// The listeners' own certificate follows, without a restart.
	d.until("certificate by generation 2", func() bool { c := d.shown(); return c != nil && strings.Contains(c.Issuer.CommonName, "G2") })

	stranger := newHand(t)
	stranger.write("s.pem", stranger.done("sign", stranger.request("s.lab.example")).out)
	if status, body := d.curl(d.mtls, "/api/v1/renewals", "--cert", stranger.file("s.pem"), "--key", stranger.file("s.lab.example.key"), "-d", "{}"); status != "failed" {
		t.Errorf("a certificate from elsewhere: %s %s", status, body)
	}
	if status, body := d.curl(d.mtls, "/api/v1/renewals", "-d", "{}"); status != "failed" {
		t.Errorf("without a certificate: %s %s", status, body)
	}
}

func (d tlsDoor) certificateOf(name string) *x509.Certificate {
	d.t.Helper()
	block, _ := pem.Decode([]byte(d.read(name)))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// AN-07: no protocol below TLS 1.2, and no session is resumed where certificates are asked
// for, by either protocol.
func TestAN07_NothingOldAndNothingResumed(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	d.write("nas.pem", d.done("sign", d.request("nas.lab.example")).out)
	mutual := []string{"-connect", d.mtls, "-CAfile", d.file("root.pem"), "-cert", d.file("nas.pem"), "-key", d.file("nas.lab.example.key")}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		session := d.file("session" + version)
		client := func(args ...string) string {
			c := exec.CommandContext(t.Context(), "openssl", append(append([]string{"s_client", version}, mutual...), args...)...)
			c.Stdin = strings.NewReader("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			out, _ := c.CombinedOutput() // what it says is looked at
			return string(out)
		}
		if out := client("-sess_out", session, "-ign_eof"); !strings.Contains(out, `{"status":"ok"}`) || strings.Contains(out, "TLS session ticket:") {
			t.Errorf("%s: %s", version, out)
		}
		if _, err := os.Stat(session); err == nil {
			if out := client("-sess_in", session, "-ign_eof"); strings.Contains(out, "Reused, TLS") {
				t.Errorf("%s was resumed", version)
			}
		}
	}
	for _, at := range []string{d.api, d.mtls} {
		c := exec.CommandContext(t.Context(), "openssl", "s_client", "-connect", at, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
		if out, err := c.CombinedOutput(); err == nil {
			t.Errorf("%s speaks TLS 1.1:\n%s", at, out)
		}
	}
}

// WB-03, WB-04, WB-08: what strangers send is bounded, counted and answered in the same
// words, and nobody's good token is refused for it.
func TestWB04_FailuresAreCountedAndGoodTokensPass(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	good := d.token("--name", "ops", "--role", "system-admin")
	wrong := ca.TokenText([ca.SecretOctets]byte{1})
	seen := map[string]bool{}
	for _, token := range []string{wrong, "chy_x", good[:len(good)-1]} {
		status, body := d.asked(token, "/api/v1/status")
		if status != "401" {
			t.Errorf("%q: %s %s", token, status, body)
		}
		seen[regexp.MustCompile(`"detail":"[^"]*"`).FindString(body)] = true
	}
	if len(seen) != 1 {
		t.Errorf("unknown and wrong tokens are told apart: %v", seen)
	}
	var last string
	for range 12 {
		last, _ = d.asked(wrong, "/api/v1/status")
	}
	if last != "429" {
		t.Errorf("after many failures: %s", last)
	}
	if status, body := d.asked(good, "/api/v1/status"); status != "200" {
		t.Errorf("a good token from the same address: %s %s", status, body)
	}
	if status, body := d.asked(good, "/api/v1/status", "-H", "Host: bank.example"); status != "421" || !strings.Contains(body, "E1308") {
		t.Errorf("another host: %s %s", status, body)
	}
	for what, c := range map[string]struct {
		want string
		args []string
	}{
		"a header of 20 KiB":   {"431", []string{"--http1.1", "-H", "X-Long: " + strings.Repeat("x", 20<<10)}},
		"a body that is large": {"413", []string{"-H", "Content-Type: application/json", "-d", `{"name":"` + strings.Repeat("x", 300<<10) + `"}`}},
		"two tokens":           {"401 429", []string{"-H", "Authorization: Bearer " + good}},
	} {
		path := "/api/v1/tokens"
		body := d.file("body")
		for i, a := range c.args {
			if a == "-d" { // too long for a command line
				d.write("body", c.args[i+1])
				c.args[i+1] = "@" + body
			}
		}
		if status, body := d.asked(good, path, c.args...); !strings.Contains(c.want, status) {
			t.Errorf("%s: %s %s", what, status, body)
		}
	}
	if status, body := d.curl(d.api, "/api/v1/tokens", "-u", "a:b"); status != "429" {
		t.Errorf("another scheme: %s %s", status, body)
	}
	// Slow headers lose their place.
	conn, err := tls.Dial("tcp", d.api, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // only timing is looked at
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nX-Slow: "))
	_ = conn.SetReadDeadline(began.Add(20 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		t.Errorf("slow headers are waited for: %d, %v after %v", n, err, time.Since(began))
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error) //nolint:errorlint // net wraps nothing here
	return ok && n.Timeout()
}

// E1202: commands reach a service elsewhere by its root's fingerprint, and no other.
func TestAServiceElsewhereIsReachedByItsFingerprint(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	d.done("sign", d.request("nas.lab.example"))
	var root struct {
		Fingerprint string `json:"fingerprint_sha256"`
	}
	if err := json.Unmarshal([]byte(d.done("ca", "show", "root-g1", "--json").out), &root); err != nil {
		t.Fatal(err)
	}
	d.write("t", d.token("--name", "laptop", "--role", "requester,auditor")+"\n")
	away := func(args ...string) said {
		t.Helper()
		c := d.command(t.Context(), args...)
		c.Env = append(c.Env, "CHANCERY_DIR=", "XDG_CONFIG_HOME="+d.file("config"))
		return d.runs(c)
	}
	url := "https://" + d.api
	if s := away("login", url, "--fingerprint", strings.Repeat("00", 32)); s.code == 0 || !strings.Contains(s.err, "E1202") || !strings.Contains(s.err, "its own root has") {
		t.Errorf("another fingerprint: %s", s.err)
	}
	other := newHand(t)
	other.write("other.pem", other.done("ca", "show", "root-g1", "-o", "pem").out)
	if s := away("login", url, "--ca", other.file("other.pem")); s.code == 0 || !strings.Contains(s.err, "E1202") || !strings.Contains(s.err, "login "+url+" --fingerprint") {
		t.Errorf("another root: %s", s.err)
	}
	if s := away("login", url, "--fingerprint", root.Fingerprint, "--token-file", d.file("t")); s.code != 0 {
		t.Fatalf("login: %s", s.err)
	}
	for _, line := range []string{"list", "list --context localhost", "ca bundle", "show nas.lab.example"} {
		if s := away(strings.Fields(line)...); s.code != 0 || s.out == "" {
			t.Errorf("%s: exit %d\n%s%s", line, s.code, s.out, s.err)
		}
	}
	if s := away("whoami"); s.code != 0 || !strings.Contains(s.out, "token laptop") || !strings.Contains(s.out, "auditor") {
		t.Errorf("whoami: %s%s", s.out, s.err)
	}
	if s := away("token", "create", "--name", "child", "--role", "auditor"); s.code != exitForbidden {
		t.Errorf("a token made a token: %s%s", s.out, s.err)
	}
	path := filepath.Join(d.file("config"), "chancery", "contexts.toml")
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file of contexts: %v, %v", st, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if s := away("list"); !strings.Contains(s.err, "E1404") {
		t.Errorf("a file that others read: %s", s.err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := away("list", "--context", "lab"); s.code != exitNotFound {
		t.Errorf("an unknown context: %s", s.err)
	}
	if s := away("logout"); s.code != 0 || strings.Contains(d.read("config/chancery/contexts.toml"), "chy_") {
		t.Errorf("logout: %s", s.err)
	}
}

// AN-02: a certificate acts for the account that the policy maps it to, known by its
// issuer's key and its serial number or by its own key; one for servers, one that is not
// mapped, and one that was taken out again renew themselves and no more.
func TestAN02_ACertificateSignsInForTheAccountThatThePolicySays(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	me := fmt.Sprint(os.Getuid())
	present := func(name, path string) (string, string) {
		t.Helper()
		return d.curl(d.mtls, path, "--cert", d.file(name+".pem"), "--key", d.file(name+".lab.example.key"))
	}
	for _, name := range []string{"one", "two", "three"} {
		d.write(name+".pem", d.done("sign", "--profile", "client", d.request(name+".lab.example")).out)
	}
	d.write("server.pem", d.done("sign", d.request("server.lab.example")).out)
	for _, mode := range []string{"--dry-run", "--yes"} { // what is agreed to is shown before
		if s := d.done("policy", "sign-in", d.file("one.pem"), "--account", me, mode); !strings.Contains(s.err, "  + sign-in by certificate …") || !strings.Contains(s.err, "account "+me+", as ") {
			t.Errorf("the plan, %s:\n%s", mode, s.err)
		}
	}
	d.done("policy", "sign-in", d.file("two.pem"), "--account", me, "--by-key", "--yes")
	if s := d.done("policy", "show"); strings.Count(s.out, "sign-in by") != 2 {
		t.Errorf("policy show:\n%s", s.out)
	}
	for _, name := range []string{"one", "two"} {
		if status, body := present(name, "/api/v1/whoami"); status != "200" || !strings.Contains(body, `"method":"certificate"`) || !strings.Contains(body, "security-admin") {
			t.Errorf("%s: %s %s", name, status, body)
		}
	}
	if status, body := present("three", "/api/v1/status"); status != "403" {
		t.Errorf("one that is not mapped: %s %s", status, body)
	}
	if s := d.types("policy", "sign-in", d.file("server.pem"), "--account", me, "--yes"); s.code != exitRefused {
		t.Errorf("a server's certificate: exit %d\n%s", s.code, s.err)
	}
	if s := d.types("policy", "sign-in", d.file("three.pem"), "--account", "65432", "--yes"); s.code == 0 {
		t.Error("an account without a role signs in")
	}
	if s := d.done("policy", "sign-in", d.file("two.pem"), "--account", me, "--dry-run"); strings.Count(s.err, "  - sign-in by key ")+strings.Count(s.err, "  + sign-in by certificate …") != 2 {
		t.Errorf("the plan of another way:\n%s", s.err)
	}
	if s := d.done("policy", "sign-in", d.file("one.pem"), "--remove", "--yes"); !strings.Contains(s.err, "  - sign-in by certificate …") || strings.Contains(s.err, "  + ") {
		t.Errorf("the plan:\n%s", s.err)
	}
	if status, _ := present("one", "/api/v1/status"); status != "403" {
		t.Errorf("one that was taken out again: %s", status)
	}
	d.done("revoke", "two.lab.example", "--confirm", "two.lab.example")
	if status, _ := present("two", "/api/v1/status"); status != "401" {
		t.Errorf("a revoked one: %s", status)
	}
}
