// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// RO-05: two calls need no sign-in, by their method and exact path.
func TestRO05_OnlyEvidenceNeedsNoSignIn(t *testing.T) {
	takes := TakesEvidence()
	var free []string
	for _, o := range operations() {
		if takes(o.method, root+o.path) {
			free = append(free, o.id)
		}
	}
	if !slices.Equal(free, []string{"revokeByKey", "revokeByChallenge"}) {
		t.Errorf("without a sign-in: %v", free)
	}
	for _, path := range []string{"", "/", root, root + "revocations", root + "revocations/by-key/", root + "revocations//by-key", root + "Revocations/by-key", "revocations/by-key"} {
		if takes(http.MethodPost, path) {
			t.Errorf("%q needs no sign-in", path)
		}
	}
	// Of other methods of these paths nobody learns more than that there are none.
	b := open(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		for _, path := range []string{"revocations/by-key", "revocations/by-challenge"} {
			if a := b.send(method, "/api/v1/"+path, ""); !takes(method, root+path) || a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != http.MethodPost {
				t.Errorf("%s %s: %d %v", method, path, a.status, a.header)
			}
		}
	}
}

// R95: what an owner brings arrives as it was sent, and the answer says no more than a list.
func TestR95_EvidenceArrivesWhole(t *testing.T) {
	b := open(t)
	statement := "chancery revoke v1\n"
	body := `{"statement":"` + base64.StdEncoding.EncodeToString([]byte(statement)) + `","algorithm":"ed25519","signature":"AQI="}`
	a := b.send(http.MethodPost, "/api/v1/revocations/by-key", body)
	if a.status != http.StatusOK || !strings.Contains(string(a.body), `"superseded"`) || strings.Contains(string(a.body), "owner") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if p := b.proofs[0]; p.Statement != statement || string(p.Signature) != "\x01\x02" || p.SPKI != nil {
		t.Errorf("%+v", p)
	}
	a = b.send(http.MethodPost, "/api/v1/revocations/by-challenge", `{"certificate":"issuing-g1-0a","password":"secret","reason":"keyCompromise"}`)
	if g := b.guesses[0]; a.status != http.StatusOK || g.Certificate != "issuing-g1-0a" || string(g.Password) != "secret" || g.Reason != ca.KeyCompromise {
		t.Errorf("%d %s", a.status, a.body)
	}
	for path, bodies := range map[string][]string{
		"by-key":       {strings.Replace(body, "ed25519", "rsa-sha1", 1), strings.Replace(body, "ed25519", "", 1), strings.Replace(body, "AQI=", "%", 1), `{`, ``, `{}`, strings.Replace(body, "AQI=", "", 1)},
		"by-challenge": {`{"certificate":"","password":"x","reason":"superseded"}`, `{"certificate":"a-01","password":"","reason":"superseded"}`, `{"certificate":"a-01","password":"` + strings.Repeat("x", 256) + `","reason":"superseded"}`, `{"certificate":"a-01","password":"x","reason":"none"}`},
	} {
		for _, body := range bodies {
			if a := b.send(http.MethodPost, "/api/v1/revocations/"+path, body); a.status != http.StatusBadRequest {
				t.Errorf("%s of %s: %d %s", body, path, a.status, a.body)
			}
		}
	}
	if len(b.proofs) != 1 || len(b.guesses) != 1 || len(b.refused) != 11 {
		t.Errorf("%d proofs, %d guesses, %d refusals", len(b.proofs), len(b.guesses), len(b.refused))
	}
}

// What is missing is named: a statement that is not there was not signed in a wrong way.
func TestWhatAProofLacksIsNamed(t *testing.T) {
	b := open(t)
	for body, field := range map[string]string{`{}`: "#/statement", `{"statement":"AQI="}`: "#/algorithm", `{"statement":"AQI=","algorithm":"ed25519"}`: "#/signature"} {
		if a := b.send(http.MethodPost, "/api/v1/revocations/by-key", body); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), field+`"`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}
