// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

func TestRevokingOverTheDoor(t *testing.T) {
	b := open(t)
	a := b.send(http.MethodPost, "/api/v1/revocations", `{"certificate":"0a1b2c3d","reason":"key-compromise"}`)
	if a.status != http.StatusOK || !strings.Contains(string(a.body), `"reason":"keyCompromise"`) || strings.Contains(string(a.body), `"der"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for body, field := range map[string]string{
		`{"reason":"superseded"}`: "certificate", `{"certificate":"","reason":"superseded"}`: "certificate", `{"certificate":"0a","reason":"boredom"}`: "",
		`{"certificate":"0a","reason":"hold"}`: "", `{"certificate":"0a","reason":"superseded","invalid_since":"yesterday"}`: "", `{"certificate":"0a","reason":1}`: "", `{"certificate":"0a","why":"x"}`: "", `{`: "", ``: "",
	} {
		a := b.send(http.MethodPost, "/api/v1/revocations", body)
		if p := b.problem(a); a.status != http.StatusBadRequest || field != "" && p.Field != field {
			t.Errorf("%s: %d %+v", body, a.status, p)
		}
	}
	if a := b.send(http.MethodGet, "/api/v1/revocations", ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
	if a := b.send(http.MethodGet, "/api/v1/crls", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"number":7`) || strings.Contains(string(a.body), "issuing-g1") {
		t.Errorf("the published lists: %d %s", a.status, a.body)
	}
	if a := b.send(http.MethodPost, "/api/v1/crls/issuing-g1", `{"days":3}`); a.status != http.StatusOK || !strings.Contains(string(a.body), `"entries":3`) {
		t.Errorf("publish: %d %s", a.status, a.body)
	}
	b.err = ca.Forbidden(ca.E1305, "you may not", "ask")
	for _, path := range []string{"/api/v1/revocations", "/api/v1/crls/issuing-g1"} {
		body := `{"certificate":"0a","reason":"superseded"}`
		if strings.Contains(path, "crls") {
			body = `{}`
		}
		if a := b.send(http.MethodPost, path, body); a.status != http.StatusForbidden {
			t.Errorf("%s without the right: %d", path, a.status)
		}
	}
}

func TestDecidingOverTheDoor(t *testing.T) {
	b := open(t)
	if a := b.send(http.MethodGet, "/api/v1/unsettled", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"items":[]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for body, want := range map[string]int{
		`{"void":true}`: 200, `{"certificate":"ZGVy"}`: 200, `{}`: 400, `{"void":true,"certificate":"ZGVy"}`: 400, `{"void":1}`: 400, `{"certificate":"%"}`: 400,
	} {
		if a := b.send(http.MethodPost, "/api/v1/unsettled/7", body); a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := b.send(http.MethodPost, "/api/v1/unsettled/x", `{"void":true}`); a.status != http.StatusNotFound {
		t.Errorf("no number: %d", a.status)
	}
}

// With dry_run what would be is asked for, of each operation that changes something.
func TestEachChangeHasADryRun(t *testing.T) {
	for _, o := range operations() {
		changes := o.method != http.MethodGet && o.path != "policy/plan" // which is one itself
		if dry := slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.name == dryRun.name }); dry != changes {
			t.Errorf("%s has a dry run: %t", o.id, dry)
		}
	}
	b := open(t)
	if a := b.send(http.MethodPost, "/api/v1/crls/issuing-g1?dry_run=true", `{"days":3}`); a.status != http.StatusOK || !strings.Contains(string(a.body), `"entries":4`) {
		t.Errorf("a list: %d %s", a.status, a.body)
	}
	for query, want := range map[string]string{"": `"number":7`, "?dry_run=true": `"number":0`} {
		if a := b.send(http.MethodPost, "/api/v1/feeds/issuing-g1"+query, `{}`); a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
			t.Errorf("a feed, %s: %d %s", query, a.status, a.body)
		}
	}
	if a := b.send(http.MethodPost, "/api/v1/renewals?dry_run=true", `{"certificate":"nas"}`); a.status != http.StatusOK || !strings.Contains(string(a.body), `"draft":`) {
		t.Errorf("a renewal: %d %s", a.status, a.body)
	}
}
