// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"strings"
	"testing"

	"chancery/ca"
)

// What has versions is changed only by who has seen the newest (RFC 6585 §3, RFC 9110 §13.1.1).
func TestACertificateIsAnnotatedByWhoHasSeenIt(t *testing.T) {
	b := open(t)
	const at = "/api/v1/certificates/0a1b2c3d4e5f6071"
	change := func(body string, header ...string) answer { return b.send(http.MethodPatch, at, body, header...) }
	tag := b.send(http.MethodGet, at, "").header.Get("ETag")
	text := b.send(http.MethodGet, at, "", "Accept", pemType).header.Get("ETag")
	const good = `{"contact":"hana@lab.example","tags":["web","prod","web"]}`
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"no If-Match": {nil, 428}, "another": {[]string{"If-Match", `"x"`}, 412}, "a weak one": {[]string{"If-Match", "W/" + tag}, 412},
		"any": {[]string{"If-Match", "*"}, 412}, "that of another form": {[]string{"If-Match", text}, 412},
	} {
		if a := change(good, c.header...); a.status != c.status || b.problem(a).Code != ca.E1411 || b.problem(a).Field != "If-Match" || b.rows[0].Contact != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := b.send(http.MethodPatch, at+"?dry_run=true", good, "If-Match", tag); a.status != http.StatusOK || !strings.Contains(string(a.body), `"tags":["prod","web"]`) || b.rows[0].Contact != "" {
		t.Errorf("a dry run: %d %s", a.status, a.body)
	}
	a := change(good, "If-Match", `"x", `+tag)
	next := a.header.Get("ETag")
	if a.status != http.StatusOK || next == "" || next == tag || b.rows[0].Contact != "hana@lab.example" || b.send(http.MethodGet, at, "").header.Get("ETag") != next {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := change(`{"contact":"amira@lab.example"}`, "If-Match", tag); a.status != http.StatusPreconditionFailed {
		t.Errorf("by who saw the one before: %d", a.status)
	}
	if a := change(`{"contact":""}`, "If-Match", next); a.status != http.StatusOK || b.rows[0].Contact != "" || len(b.rows[0].Tags) != 2 {
		t.Errorf("what is left out stays: %d %s", a.status, a.body)
	}
	now := b.send(http.MethodGet, at, "").header.Get("ETag")
	for _, body := range []string{
		`{}`, `{"contact":"a\nb"}`, `{"contact":" a"}`, `{"contact":"` + strings.Repeat("a", 255) + `"}`, `{"tags":["A"]}`, `{"tags":[""]}`, `{"tags":["a b"]}`,
		`{"tags":["` + strings.Repeat("a", 41) + `"]}`, `{"tags":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"]}`,
	} {
		if a := change(body, "If-Match", now); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := b.send(http.MethodPatch, "/api/v1/certificates/ff", good, "If-Match", now); a.status != http.StatusNotFound {
		t.Errorf("what is not there: %d", a.status)
	}
}
