// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"chancery/ca"
	"chancery/client"
)

// challenged makes a request with a challenge password by OpenSSL, and gives its path.
func (h hand) challenged(name, password string, lines ...string) string {
	h.t.Helper()
	conf := h.write(name+".cnf", "[req]\nprompt=no\nutf8=yes\nstring_mask=utf8only\ndistinguished_name=dn\nattributes=a\n"+strings.Join(lines, "\n")+"\n[dn]\nCN="+name+"\n[a]\nchallengePassword="+password+"\n")
	out, err := exec.CommandContext(h.t.Context(), "openssl", "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-keyout", h.file(name+".key"), "-config", conf, "-out", h.file(name+".csr")).CombinedOutput()
	if err != nil {
		h.t.Fatalf("openssl req: %v\n%s", err, out)
	}
	return h.file(name + ".csr")
}

// formsOf are how a secret may lie in bytes: as it is, in hex, in UTF-16, and in base64 with
// what stands before it, whatever its length.
func formsOf(secret string) [][]byte {
	wide := make([]byte, 0, 2*len(secret))
	for _, r := range []byte(secret) {
		wide = append(wide, 0, r)
	}
	out := [][]byte{[]byte(secret), []byte(hex.EncodeToString([]byte(secret))), wide}
	for skip := range 3 {
		padded := append(make([]byte, skip), secret...)
		text := base64.RawStdEncoding.EncodeToString(padded)
		first, last := 0, len(text)-1 // characters that share bits with their neighbours
		if skip > 0 {
			first = skip + 1
		}
		out = append(out, []byte(text[first:last]))
	}
	return out
}

// nowhere looks for a secret in every file of the installation.
func (h hand) nowhere(secret string) {
	h.t.Helper()
	looked := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		looked++
		for i, form := range formsOf(secret) {
			if bytes.Contains(content, form) {
				h.t.Errorf("%s has the password (form %d)", path, i)
			}
		}
		return nil
	})
	if err != nil || looked < 10 {
		h.t.Errorf("looked at %d files: %v", looked, err)
	}
}

// R49, R95, LG-01: a challenge password revokes, over TLS without an account, the certificate
// that it was given for, and one that renewed it; it stands nowhere, whatever became of its
// request; wrong ones are told nothing, and slowed.
func TestR49_AChallengePasswordRevokesAndIsKeptNowhere(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	const secret, second = "Correct-Horse-7391", "Another-Staple-1973"
	sign := func(name, password string) string {
		said := d.done("sign", d.challenged(name, password))
		if !strings.Contains(said.err, "challenge password") {
			t.Errorf("sign does not tell of it:\n%s", said.err)
		}
		d.write(name+".pem", said.out)
		return fmt.Sprintf("issuing-g1-%x", d.certificateOf(name+".pem").SerialNumber)
	}
	a, b := sign("a.lab.example", secret), sign("b.lab.example", second)
	for name, lines := range map[string][]string{
		"refused.other.example": nil, "ca.lab.example": {"req_extensions=x", "[x]", "basicConstraints=critical,CA:TRUE"},
	} {
		if s := d.types("sign", d.challenged(name, secret, lines...)); s.code == 0 {
			t.Errorf("%s was signed", name)
		}
	}
	status, body := d.curl(d.mtls, "/api/v1/renewals", "--cert", d.file("a.lab.example.pem"), "--key", d.file("a.lab.example.key"), "-H", "Content-Type: application/json", "-d", "{}")
	var renewed ca.Issued
	if err := json.Unmarshal([]byte(body), &renewed); status != "201" || err != nil {
		t.Fatalf("renewed with the same key: %s %s", status, body)
	}
	for _, args := range [][]string{{"show", a, "--json"}, {"show", a, "-o", "text"}, {"explain", a}, {"list", "--json"}, {"status", "--json"}} {
		s := d.done(args...)
		for _, form := range formsOf(secret) {
			if strings.Contains(s.out+s.err, string(form)) {
				t.Errorf("%v shows it:\n%s", args, s.out)
			}
		}
	}
	d.nowhere(secret)
	d.nowhere(second)

	try := func(certificate, password, reason string) (string, string) {
		body, _ := json.Marshal(map[string]string{"certificate": certificate, "password": password, "reason": reason}) // strings are written
		return d.curl(d.api, "/api/v1/revocations/by-challenge", "-H", "Content-Type: application/json", "-d", string(body))
	}
	said := map[string]bool{}
	for _, c := range [][2]string{{a, second}, {a, secret + " "}, {a, strings.ToLower(secret)}, {a + "00", secret}, {"issuing-g2" + a[10:], secret}, {strings.ToUpper(a), secret}, {"a.lab.example", secret}} {
		status, body := try(c[0], c[1], "superseded")
		if status != "403" {
			t.Errorf("%s by %s: %s %s", c[0], c[1], status, body)
		}
		said[regexp.MustCompile(`"(instance|request_id)":"[^"]*"`).ReplaceAllString(body, "")] = true
	}
	if len(said) != 1 {
		t.Errorf("wrong proofs are told apart: %v", said)
	}
	for _, c := range []struct{ what, certificate, password, reason, want string }{
		{"a hold", a, secret, "certificateHold", "422"}, {"an empty one", a, "", "superseded", "400"}, {"one too long", a, strings.Repeat("x", 256), "superseded", "400"},
		{"no reason", a, secret, "boredom", "400"}, {"itself", a, secret, "superseded", "200"}, {"once more", a, secret, "superseded", "200"},
		{"another reason then", a, secret, "cessationOfOperation", "422"}, {"the renewed one", renewed.Certificate.PublicName(), secret, "keyCompromise", "200"},
	} {
		if status, body := try(c.certificate, c.password, c.reason); status != c.want {
			t.Errorf("%s: %s %s", c.what, status, body)
		}
	}
	if by := d.revokers(); strings.Count(by, "challenge of issuing-g1-") != 2 {
		t.Errorf("the log names\n%s", by)
	}
	d.write("guess", "wrong\n")
	d.write("right", second+"\n")
	for range 5 {
		if s := d.types("revoke", b, "--challenge-file", d.file("guess"), "--confirm", b); s.code == 0 || !strings.Contains(s.err, "E1309") {
			t.Errorf("a wrong guess: %d %s", s.code, s.err)
		}
	}
	var busy sync.WaitGroup
	for range 20 {
		busy.Go(func() {
			k, err := client.Dial(filepath.Join(d.dir, "run", "admin.sock"))
			if err != nil {
				t.Error(err)
				return
			}
			defer k.Close()
			_, err = k.RevokeByChallenge(t.Context(), ca.Guess{Certificate: b, Password: ca.Private(second + "x")})
			var p *ca.Problem
			if err == nil || !errors.As(err, &p) || p.Code != ca.E1307 && p.Code != ca.E1309 {
				t.Errorf("a guess in a crowd: %v", err)
			}
		})
	}
	busy.Wait()
	if s := d.types("revoke", b, "--challenge-file", d.file("right"), "--confirm", b); s.code == 0 || !strings.Contains(s.err, "E1307") {
		t.Errorf("after too many: %d %s%s", s.code, s.out, s.err)
	}
	// KY-06: who guessed wrong keeps nobody else out.
	if status, body := try(b, second, "superseded"); status != "200" {
		t.Errorf("the owner, after somebody else's guesses: %s %s", status, body)
	}
	d.nowhere(secret)
	d.nowhere(second)
	if v := d.done("audit", "verify"); !strings.Contains(v.out, "tree ✓") {
		t.Errorf("audit verify:\n%s", v.out)
	}
}

// R49: the command revokes by a challenge password and the certificate's file; a request
// without a password has none that anybody could give.
func TestR49_TheCommandRevokesByChallengePassword(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("a.pem", h.done("sign", h.challenged("a.lab.example", "pässword-α")).out)
	h.write("b.pem", h.done("sign", h.request("b.lab.example")).out)
	h.write("pass", "pässword-α\n")
	for _, args := range [][]string{{h.file("a.pem"), "--dry-run"}, {h.file("a.pem"), "--confirm", "a.lab.example", "--reason", "cessationOfOperation"}} {
		if s := h.types(append([]string{"revoke", "--challenge-file", h.file("pass")}, args...)...); s.code != 0 {
			t.Errorf("%v: %d %s%s", args, s.code, s.out, s.err)
		}
	}
	if s := h.done("list", "-q", "--status", "revoked"); strings.Count(s.out, "\n") != 1 {
		t.Errorf("revoked:\n%s", s.out)
	}
	if s := h.types("revoke", "--challenge-file", h.file("pass"), h.file("b.pem"), "--confirm", "b.lab.example"); s.code == 0 || !strings.Contains(s.err, "E1309") {
		t.Errorf("one without a password: %d %s%s", s.code, s.out, s.err)
	}
	if s := h.types("revoke", "--challenge-file", h.file("pass"), "b.lab.example", "--confirm", "b.lab.example"); s.code == 0 || !strings.Contains(s.err, "E1101") {
		t.Errorf("by a mere name: %d %s%s", s.code, s.out, s.err)
	}
}

// R49: where the profile says so, the owner's account alone does not revoke what has a
// challenge password; the password does, and a CA administrator, and a request without one
// is no trap.
func TestR49_AProfileWantsThePasswordShown(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	d.done("profile", "set", "server", "--set", "revoke_challenge=true", "--yes")
	token := d.token("--name", "r", "--role", "requester")
	name := func(path string) string {
		d.write("x.pem", d.done("sign", path).out)
		return fmt.Sprintf("issuing-g1-%x", d.certificateOf("x.pem").SerialNumber)
	}
	a, b, c := name(d.challenged("a.lab.example", "first-otter")), name(d.challenged("b.lab.example", "second-otter")), name(d.request("c.lab.example"))
	post := func(token, path, body string) (string, string) {
		return d.asked(token, "/api/v1/revocations"+path, "-H", "Content-Type: application/json", "-d", body)
	}
	if status, body := post(token, "", `{"certificate":"`+a+`","reason":"superseded"}`); status != "403" || !strings.Contains(body, "E1305") || !strings.Contains(body, "challenge-file") {
		t.Errorf("by the account alone: %s %s", status, body)
	}
	for _, dry := range []string{"", "?dry_run=true"} {
		status, body := d.asked(token, "/api/v1/renewals"+dry, "-H", "Content-Type: application/json", "-d", `{"certificate":"`+a+`","overlap_days":0}`)
		if status != "403" || !strings.Contains(body, "challenge-file") {
			t.Errorf("by a renewal that replaces it: %s %s", status, body)
		}
	}
	if status, body := post(token, "/by-challenge", `{"certificate":"`+a+`","password":"first-otter","reason":"superseded"}`); status != "200" {
		t.Errorf("with the password: %s %s", status, body)
	}
	if status, body := post(token, "", `{"certificate":"`+c+`","reason":"superseded"}`); status != "200" {
		t.Errorf("one without a password: %s %s", status, body)
	}
	if status, body := post(d.token("--name", "o", "--role", "requester,ca-admin"), "", `{"certificate":"`+b+`","reason":"superseded"}`); status != "200" {
		t.Errorf("by a CA administrator: %s %s", status, body)
	}
}
