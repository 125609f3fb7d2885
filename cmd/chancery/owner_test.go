// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chancery/ca"
	"chancery/client"
)

// byOpenSSL is what a stranger types to revoke $1.pem for the reason $2 at the service $3: $4
// is how it is signed. It prints the status of the answer and the answer.
const byOpenSSL = `
authority=$(openssl x509 -in $1.pem -noout -ext authorityInfoAccess | sed -n 's|.*/pki/\(.*\)\.crt$|\1|p')
serial=$(openssl x509 -in $1.pem -noout -serial | sed 's/serial=//' | tr A-F a-f)
until=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
printf 'chancery revoke v1\ncertificate %s\nreason %s\ninvalid-since unknown\nuntil %s\n' "$authority-$serial" "$2" "$until" > $1.statement
case $4 in
ed25519) openssl pkeyutl -sign -rawin -inkey $1.key -in $1.statement -out $1.signature ;;
rsa-pss-*) openssl dgst -${4##*-} -sigopt rsa_padding_mode:pss -sign $1.key -out $1.signature $1.statement ;;
*) openssl dgst -${4##*-} -sign $1.key -out $1.signature $1.statement ;;
esac
printf '{"statement":"%s","algorithm":"%s","signature":"%s"}' "$(openssl base64 -A -in $1.statement)" $4 "$(openssl base64 -A -in $1.signature)" > $1.json
curl -sS --max-time 20 --cacert root.pem -H 'Content-Type: application/json' -d @$1.json -w '\n%{http_code}' https://$3/api/v1/revocations/by-key
`

// made is a certificate of a key that OpenSSL made.
func (d tlsDoor) made(name string, newkey ...string) {
	d.t.Helper()
	args := append([]string{"req", "-new", "-nodes", "-batch", "-keyout", d.file(name + ".key"), "-subj", "/CN=" + name, "-out", d.file(name + ".csr"), "-newkey"}, newkey...)
	if out, err := exec.CommandContext(d.t.Context(), "openssl", args...).CombinedOutput(); err != nil {
		d.t.Fatalf("openssl req: %v\n%s", err, out)
	}
	d.write(name+".pem", d.done("sign", d.file(name+".csr")).out)
}

// byKey revokes as a stranger does who has OpenSSL and curl.
func (d tlsDoor) byKey(name, reason, algorithm string) (status, body string) {
	d.t.Helper()
	c := exec.CommandContext(d.t.Context(), "sh", "-eu", "-c", byOpenSSL, "sh", name, reason, d.api, algorithm)
	c.Dir = filepath.Dir(d.dir)
	out, err := c.CombinedOutput()
	text := string(out)
	at := strings.LastIndexByte(text, '\n')
	if err != nil || at < 0 {
		d.t.Fatalf("%s by %s: %v\n%s", name, algorithm, err, text)
	}
	return text[at+1:], text[:at]
}

// revokers are who revoked, as the log names them, a line each.
func (d tlsDoor) revokers() string {
	d.t.Helper()
	k, err := client.Dial(filepath.Join(d.dir, "run", "admin.sock"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer k.Close()
	events, _, err := k.Events(d.t.Context(), ca.EventFilter{Kind: "revoked", Limit: 100})
	if err != nil {
		d.t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.Actor + "\n")
	}
	return b.String()
}

// R95, R94, RV-01: whoever has a certificate's key, OpenSSL and curl, and nothing else,
// revokes it: by every kind of key. Wrong proofs are told nothing.
func TestR95_AStrangerWithTheKeyRevokesWithOpenSSLAndCurl(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	for name, c := range map[string]struct {
		newkey    []string
		algorithm string
		reason    ca.Reason
	}{
		"rsa.lab.example":  {[]string{"rsa:2048"}, "rsa-sha256", ca.Unspecified},
		"pss.lab.example":  {[]string{"rsa:2048"}, "rsa-pss-sha384", ca.Superseded},
		"p256.lab.example": {[]string{"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}, "ecdsa-sha256", ca.KeyCompromise},
		"p384.lab.example": {[]string{"ec", "-pkeyopt", "ec_paramgen_curve:P-384"}, "ecdsa-sha384", ca.CessationOfOperation},
		"p521.lab.example": {[]string{"ec", "-pkeyopt", "ec_paramgen_curve:P-521"}, "ecdsa-sha512", ca.AffiliationChanged},
		"ed.lab.example":   {[]string{"ed25519"}, "ed25519", ca.Superseded},
	} {
		d.made(name, c.newkey...)
		for _, when := range []string{"first", "again"} {
			status, body := d.byKey(name, c.reason.String(), c.algorithm)
			var w ca.Withdrawn
			if err := json.Unmarshal([]byte(body), &w); status != "200" || err != nil || w.Revoked == nil || w.Revoked.Reason != c.reason || w.Revoked.Step != 1 {
				t.Errorf("%s, %s: %s %s", name, when, status, body)
			}
		}
		if s := d.types("show", name); !strings.Contains(s.out, "revoked") {
			t.Errorf("%s is not revoked:\n%s%s", name, s.out, s.err)
		}
	}
	for _, reason := range []string{"certificateHold", "privilegeWithdrawn"} {
		if status, body := d.byKey("ed.lab.example", reason, "ed25519"); status != "422" || !strings.Contains(body, "E2111") {
			t.Errorf("%s: %s %s", reason, status, body)
		}
	}
	d.made("two.lab.example", "ed25519")
	d.write("thief.key", d.read("ed.lab.example.key"))
	d.write("thief.pem", d.read("two.lab.example.pem"))
	status, stolen := d.byKey("thief", "superseded", "ed25519")
	if status != "403" || !strings.Contains(stolen, "E1309") {
		t.Errorf("by another key: %s %s", status, stolen)
	}
	if status, body := d.curl(d.api, "/api/v1/revocations/by-key", "-H", "Content-Type: application/json", "-d", strings.Replace(d.read("thief.json"), `"statement":"`, `"statement":"AAAA`, 1)); status != "400" {
		t.Errorf("what is no statement: %s %s", status, body)
	}
	if s := d.done("show", "two.lab.example"); strings.Contains(s.out, "revoked") {
		t.Errorf("revoked by a wrong proof:\n%s", s.out)
	}
	if v := d.done("audit", "verify"); !strings.Contains(v.out, "tree ✓") {
		t.Errorf("audit verify:\n%s", v.out)
	}
}

// R95: the command does the same without an account, here and over TLS, and the key stays
// where it is.
func TestR95_TheCommandRevokesByKeyWithoutAnAccount(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	away := func(args ...string) said {
		c := d.command(t.Context(), args...)
		env := []string{"XDG_CONFIG_HOME=" + d.file("config")}
		for _, v := range c.Env {
			if !strings.HasPrefix(v, "CHANCERY_DIR=") && !strings.HasPrefix(v, "XDG_CONFIG_HOME=") {
				env = append(env, v)
			}
		}
		c.Env = env
		return d.runs(c)
	}
	if s := away("login", "https://"+d.api, "--ca", d.file("root.pem")); s.code != 0 {
		t.Fatalf("login: %s", s.err)
	}
	if s := away("crl", "show"); s.code != exitForbidden || strings.Count(s.err, "error:") != 1 { // one problem, said once
		t.Errorf("without a token: exit %d\n%s", s.code, s.err)
	}
	for _, name := range []string{"a.lab.example", "b.lab.example", "c.lab.example"} {
		d.made(name, "ed25519")
	}
	revoke := func(name string, more ...string) []string {
		return append([]string{"revoke", "--key", d.file(name + ".key"), d.file(name + ".pem"), "--confirm", name}, more...)
	}
	if s := away(append(revoke("a.lab.example"), "--dry-run")...); s.code != 0 || !strings.Contains(s.out, "nothing was revoked") {
		t.Errorf("a dry run: %d %s%s", s.code, s.out, s.err)
	}
	if s := away(revoke("a.lab.example", "--reason", "superseded")...); s.code != 0 || !strings.Contains(s.out, "for superseded") || !strings.Contains(s.out, "within seconds") {
		t.Errorf("over TLS: %d %s%s", s.code, s.out, s.err)
	}
	d.write("twin.pem", d.done("sign", d.file("b.lab.example.csr")).out)
	// What falls with it is counted, and not named: nobody knows who asks.
	if s := away(append(revoke("b.lab.example", "--reason", "keyCompromise"), "--dry-run")...); s.code != 0 || !strings.Contains(s.err, "1 other certificate of the same key") || strings.Count(s.err, "b.lab.example") != 1 {
		t.Errorf("a dry run: %d %s%s", s.code, s.out, s.err)
	}
	if s := d.types(revoke("b.lab.example", "--reason", "keyCompromise", "--json")...); s.code != 0 || !strings.Contains(s.out, `"keyCompromise"`) || !strings.Contains(s.out, `"also_revoked_unnamed": 1`) {
		t.Errorf("here: %d %s%s", s.code, s.out, s.err)
	}
	if s := d.done("list", "-q", "--status", "revoked", "--name", "b.lab.example"); strings.Count(s.out, "\n") != 2 { // RV-03
		t.Errorf("revoked of that key:\n%s", s.out)
	}
	d.made("held.lab.example", "ed25519")
	d.done("profile", "set", "server", "--set", "hold=true", "--yes")
	d.done("revoke", "held.lab.example", "--reason", "certificateHold", "--confirm", "held.lab.example")
	if s := away(revoke("held.lab.example", "--reason", "superseded")...); s.code != 0 || !strings.Contains(s.out, "for superseded") {
		t.Errorf("what is held: %d %s%s", s.code, s.out, s.err)
	}
	d.write("x.key", d.read("a.lab.example.key"))
	if s := away("revoke", "--key", d.file("x.key"), d.file("c.lab.example.pem"), "--confirm", "c.lab.example"); s.code == 0 || !strings.Contains(s.err, "E1309") {
		t.Errorf("another key: %d %s%s", s.code, s.out, s.err)
	}
	if s := away(revoke("c.lab.example", "--reason", "certificateHold")...); s.code == 0 || !strings.Contains(s.err, "E2111") {
		t.Errorf("a hold: %d %s%s", s.code, s.out, s.err)
	}
	if by := d.revokers(); strings.Count(by, "key of issuing-g1-") != 4 {
		t.Errorf("the log names\n%s", by)
	}
}

// R95: a hundred who send the same at once revoke once.
func TestR95_AHundredAtOnceRevokeOnce(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	d.made("a.lab.example", "ed25519")
	c := d.certificateOf("a.lab.example.pem")
	own, err := ownOf(c)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{}
	key, err := a.readKey(t.Context(), d.file("a.lab.example.key"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := signedStatement(ca.Statement{Certificate: own.PublicName(), Reason: ca.KeyCompromise, Until: c.NotAfter}, key.signer)
	if err != nil {
		t.Fatal(err)
	}
	k, err := client.Dial(filepath.Join(d.dir, "run", "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var all sync.WaitGroup
	failed := make(chan error, 100)
	for range 100 {
		all.Go(func() {
			w, err := k.RevokeByKey(t.Context(), p)
			if err == nil && (w.Revoked == nil || w.Revoked.Step != 1) {
				err = fmt.Errorf("%+v", w)
			}
			failed <- err
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	if by := d.revokers(); strings.Count(by, "key of") != 1 {
		t.Errorf("the log names\n%s", by)
	}
}

// R95, RV-01, AN-02: who presents a certificate, with its key, revokes that one and no other;
// a requester by his token revokes his own, and a colleague's is not even there for him.
func TestR95_ACertificateOnTheConnectionRevokesItself(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	for _, name := range []string{"a.lab.example", "b.lab.example", "c.lab.example"} {
		d.made(name, "ed25519")
	}
	by := func(name, body string) (string, string) {
		return d.curl(d.mtls, "/api/v1/revocations", "--cert", d.file(name+".pem"), "--key", d.file(name+".key"), "-H", "Content-Type: application/json", "-d", body)
	}
	serial := fmt.Sprintf("%x", d.certificateOf("b.lab.example.pem").SerialNumber)
	for body, want := range map[string]string{
		`{"certificate":"b.lab.example","reason":"superseded"}`:             "403",
		`{"certificate":"` + serial + `","reason":"superseded"}`:            "403",
		`{"certificate":"issuing-g1-` + serial + `","reason":"superseded"}`: "403",
		`{"reason":"certificateHold"}`:                                      "422",
		`{"reason":"removeFromCRL"}`:                                        "422",
	} {
		if status, answer := by("a.lab.example", body); status != want {
			t.Errorf("%s: %s %s", body, status, answer)
		}
	}
	if status, body := by("a.lab.example", `{"reason":"superseded"}`); status != "200" || !strings.Contains(body, `"superseded"`) {
		t.Errorf("itself: %s %s", status, body)
	}
	if status, body := by("a.lab.example", `{"reason":"keyCompromise"}`); status != "401" {
		t.Errorf("once it is revoked: %s %s", status, body)
	}
	if s := d.done("show", "b.lab.example"); strings.Contains(s.out, "revoked") {
		t.Errorf("another's was revoked:\n%s", s.out)
	}
	if status, body := d.asked(d.token("--name", "r", "--role", "requester"), "/api/v1/revocations", "-H", "Content-Type: application/json", "-d", `{"reason":"superseded"}`); status != "400" || !strings.Contains(body, "E1401") {
		t.Errorf("a token that names none: %s %s", status, body)
	}
	if status, body := d.asked(d.token("--name", "q", "--role", "requester"), "/api/v1/revocations", "-H", "Content-Type: application/json", "-d", `{"certificate":"c.lab.example","reason":"superseded"}`); status != "200" {
		t.Errorf("a requester's token for his own: %s %s", status, body)
	}
	if by := d.revokers(); !strings.Contains(by, " certificate issuing-g1-") || !strings.Contains(by, " token ") {
		t.Errorf("the log names\n%s", by)
	}
}
