// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/internal/csr"
	"chancery/policy"
)

// challenged is a wish whose request has a challenge password, as a front sends it.
func challenged(t *testing.T, n int, name, password string, p ca.Profile) ca.Request {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(conf, []byte("[req]\nprompt=no\ndistinguished_name=dn\nattributes=a\n[dn]\nCN="+name+"\n[a]\nchallengePassword="+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", append([]string{"req", "-new", "-nodes", "-config", conf, "-keyout", conf + ".key"}, p256...)...).Output()
	block, _ := pem.Decode(out)
	if err != nil || block == nil {
		t.Fatalf("openssl req: %v", err)
	}
	parsed, err := csr.Parse(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	w := wish(n, parsed.Raw, p)
	w.Whole = parsed.Whole
	return w
}

// R49, P3: the signer takes a request with a challenge password in two parts that fit
// together, keeps no password whatever it is sent, finds the whole again for a renewal by the
// same key, and takes a step for what is made of the password, of that certificate alone.
func TestR49_TheSignerKeepsAChallengePasswordSealed(t *testing.T) {
	s, _, h := founded(t)
	server := profiles(t, h)["server"]
	const secret = "Correct-Horse-7391"
	good := challenged(t, 1, "a.lab.example", secret, server)
	other := challenged(t, 2, "a.lab.example", "another", server)
	changed := func(n int, change func(*ca.Request)) ca.Request {
		w := good
		w.ID = wish(n, nil, server).ID
		change(&w)
		return w
	}
	for name, c := range map[string]struct {
		w    ca.Request
		code ca.Code
	}{
		"in one part":            {changed(3, func(w *ca.Request) { w.CSR, w.Whole = w.Whole, nil }), ca.E1401},
		"both whole":             {changed(4, func(w *ca.Request) { w.CSR = w.Whole }), ca.E1401},
		"without its password":   {changed(5, func(w *ca.Request) { w.Whole = nil }), ca.E2203},
		"with another's":         {changed(6, func(w *ca.Request) { w.Whole = other.Whole }), ca.E1401},
		"with one that has none": {changed(7, func(w *ca.Request) { w.Whole = csrBy(t, "a.lab.example", p256...) }), ca.E1401},
		"what is no request":     {changed(8, func(w *ca.Request) { w.CSR, w.Whole = append([]byte{0}, w.Whole...), nil }), ca.E2203},
	} {
		wantProblem(t, s.one(h, c.w).Problem, c.code, name)
	}
	a := s.one(h, good)
	if a.Problem != nil {
		t.Fatal(a.Problem)
	}
	again := changed(9, func(w *ca.Request) { w.Whole, w.Renews = nil, ca.NewID(h.LogNo, a.Index) })
	b := s.one(h, again)
	if b.Problem != nil {
		t.Fatalf("renewed by the same key: %v", b.Problem)
	}
	of := s.one(h, other)
	stolen := changed(10, func(w *ca.Request) { w.Whole, w.Renews = nil, ca.NewID(h.LogNo, of.Index) })
	wantProblem(t, s.one(h, stolen).Problem, ca.E2203, "by another's place on the log")

	kept := map[int64]ca.IntentBody{}
	for _, r := range s.leaves() {
		if bytes.Contains(r.Body, []byte(secret)) {
			t.Errorf("leaf %d has the password", r.Index)
		}
		l, err := audit.ParseLeaf(r.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		var refused ca.RefusalBody
		if l.Kind == audit.Refusal && (json.Unmarshal(r.Body, &refused) != nil || refused.Request.Whole != nil || !csr.Storable(refused.Request.CSR)) {
			t.Errorf("refusal %d keeps %x", r.Index, refused.Request.CSR)
		}
		var body ca.IntentBody
		if l.Kind == audit.Intent && json.Unmarshal(r.Body, &body) == nil {
			if kept[r.Index] = body; body.Wish.Whole != nil || !csr.Storable(body.Wish.CSR) {
				t.Errorf("intent %d keeps %x", r.Index, body.Wish.CSR)
			}
		}
	}
	key := func(of ca.Answer, password string) []byte {
		c := kept[of.Index].Challenge
		if c == nil {
			t.Fatalf("intent %d keeps no challenge", of.Index)
		}
		return policy.ChallengeKey(ca.Private(password), c.Salt)
	}
	step := func(on, of ca.Answer, key []byte, why ca.Reason) *ca.Problem {
		t.Helper()
		e := ca.Evidence{Of: ca.NewID(h.LogNo, of.Index), Challenge: key}
		l, err := audit.ParseLeaf(of.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Revoke(h.Number, []ca.Revoking{{ID: ca.NewID(h.LogNo, on.Index), Step: 1, Reason: why, By: e.By("issuing-g1-" + string(l.Serial)), Evidence: &e}})
		if err != nil {
			t.Fatal(err)
		}
		return got[0].Problem
	}
	right := key(a, secret)
	verifier := kept[a.Index].Challenge.Verifier
	wantProblem(t, step(a, a, key(a, "another"), ca.Superseded), ca.E1309, "another password")
	wantProblem(t, step(a, a, verifier[:], ca.Superseded), ca.E1309, "what the log keeps")
	wantProblem(t, step(a, a, nil, ca.Superseded), ca.E1309, "nothing")
	wantProblem(t, step(b, b, right, ca.Superseded), ca.E1309, "the key of another certificate with the same password")
	wantProblem(t, step(of, a, right, ca.KeyCompromise), ca.E1309, "somebody else's certificate")
	wantProblem(t, step(a, a, right, ca.CertificateHold), ca.E2111, "a hold")
	if _, err := s.Lock(); err != nil { // revoking needs no key
		t.Fatal(err)
	}
	if p := step(a, a, right, ca.KeyCompromise); p != nil {
		t.Error(p)
	}
	if p := step(b, a, right, ca.KeyCompromise); p != nil { // of the same key
		t.Error(p)
	}
}
