// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"chancery/ca"
)

// An unknown member is told with where it stands and what was most likely meant.
func TestAnUnknownMemberIsToldWithItsPlaceAndTheNearest(t *testing.T) {
	b := open(t)
	d := b.problem(b.send("POST", "/api/v1/requests", `{"csr":"x","profil":"server"}`))
	if len(d.Errors) != 1 || d.Errors[0].Pointer != "#/profil" || !strings.Contains(d.Detail, "profil") || !strings.Contains(d.Fix, "did you mean profile?") {
		t.Errorf("%+v", d)
	}
	d = b.problem(b.send("POST", "/api/v1/requests", `{"zzz":1}`))
	if len(d.Errors) != 1 || !strings.Contains(d.Fix, "known are: authority, csr, days, document, not_after, profile") {
		t.Errorf("%+v", d)
	}
	a := b.send("POST", "/api/v1/requests:batch", `{"items":[{"csr":"x","profil":"server"}]}`)
	var got batched
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Items) != 1 || len(got.Items[0].Problem.Errors) != 1 || got.Items[0].Problem.Errors[0].Pointer != "#/items/0/profil" {
		t.Errorf("%v %s", err, a.body)
	}
}

// A pointer leads to something that was sent: a field of the request is in csr, one of a
// profile in document.
func TestAPointerLeadsToWhatWasSent(t *testing.T) {
	b := open(t)
	b.err = ca.Refused(ca.E2107, "the subject has a field too many", "leave it out").At("subject.CN")
	good := body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", request(t)), "profile": "server"})
	for _, path := range []string{"requests", "requests?dry_run=true"} {
		if d := b.problem(b.send("POST", "/api/v1/"+path, good)); len(d.Errors) != 1 || d.Errors[0].Pointer != "#/csr" || d.Field != "subject.CN" {
			t.Errorf("%s: %+v", path, d)
		}
	}
	a := b.send("POST", "/api/v1/requests:batch", `{"items":[`+good+`]}`)
	var got batched
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Items) != 1 || len(got.Items[0].Problem.Errors) != 1 || got.Items[0].Problem.Errors[0].Pointer != "#/items/0/csr" {
		t.Errorf("%v %s", err, a.body)
	}
	b.err = ca.Refused(ca.E2118, "there is no such profile", "ask for another").At("profile")
	if d := b.problem(b.send("POST", "/api/v1/requests", good)); len(d.Errors) != 1 || d.Errors[0].Pointer != "#/profile" {
		t.Errorf("%+v", d)
	}
	b.err = ca.Invalid(ca.E1003, "unknown key", "leave it out").At("names.dns")
	if d := b.problem(b.send("POST", "/api/v1/policy/plan", `{"document":"x"}`)); len(d.Errors) != 1 || d.Errors[0].Pointer != "#/document" {
		t.Errorf("%+v", d)
	}
	b.err = nil
	if d := b.problem(b.send("POST", "/api/v1/policy/plan", `{}`)); d.Code != ca.E1401 || d.Field != "document" {
		t.Errorf("a plan of nothing: %+v", d)
	}
}

// The page after one of another order would be an arbitrary one: its cursor is refused.
func TestACursorIsOfOneOrder(t *testing.T) {
	b := open(t)
	next := func(query string) string {
		var l struct {
			Next string `json:"next_cursor"`
		}
		a := b.send("GET", "/api/v1/certificates?limit=1&"+query, "")
		if err := json.Unmarshal(a.body, &l); err != nil || l.Next == "" {
			t.Fatalf("%v %s", err, a.body)
		}
		return l.Next
	}
	cursors := map[string]string{"": next(""), "sort=name": next("sort=name"), "sort=expiry": next("sort=expiry"), "status=expired": next("status=expired")}
	for of, cursor := range cursors {
		for query := range cursors {
			a := b.send("GET", "/api/v1/certificates?limit=1&"+query+"&cursor="+cursor, "")
			if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[of == query]; a.status != want {
				t.Errorf("a cursor of %q with %q: %d %s", of, query, a.status, a.body)
			}
		}
	}
	for _, forged := range []string{"id.5", "name.", "name.0", ".5", "name.x"} {
		if a := b.send("GET", "/api/v1/certificates?sort=name&cursor="+forged, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", forged, a.status)
		}
	}
}
