// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/internal/respond"
)

// address is the path of an operation, about something that there is.
func address(o operation) string {
	return root + strings.NewReplacer("{ref}", "0a1b2c3d4e5f6071", "{name}", "root-g1", "{line}", "root", "{id}", "1", "{index}", "7").Replace(o.path)
}

// WB-03: what a call may be is bounded, by what is read and not by what it says of itself.
func TestWB03_CallsAreBounded(t *testing.T) {
	b := open(t)
	deep := strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17)
	var keys []string
	for i := range 1001 {
		keys = append(keys, fmt.Sprintf(`"k%d":1`, i))
	}
	var parameters []string
	for i := range 33 {
		parameters = append(parameters, fmt.Sprintf("p%d=1", i))
	}
	for _, o := range operations() {
		if a := b.send(o.method, address(o)+"?"+strings.Join(parameters, "&"), "{}"); a.status != http.StatusBadRequest || !strings.Contains(b.problem(a).Detail, "more than 32") {
			t.Errorf("%s with 33 parameters: %d %s", o.id, a.status, a.body)
		}
		if o.body == nil {
			continue
		}
		for name, body := range map[string]string{"17 levels": deep, "1001 members": "{" + strings.Join(keys, ",") + "}", "items of 17 levels": `{"items":[` + deep + `]}`} {
			if a := b.send(o.method, address(o), body); a.status != http.StatusBadRequest || b.problem(a).Code != ca.E1401 {
				t.Errorf("%s with %s: %d %s", o.id, name, a.status, a.body)
			}
		}
		// No Content-Length: the body comes in chunks, and what is read is counted.
		r, err := http.NewRequest(o.method, "http://chancery"+address(o), io.MultiReader(strings.NewReader(`{"csr":"`), strings.NewReader(strings.Repeat("A", int(o.most)))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", respond.JSONType)
		a, err := b.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Body.Close(); err != nil || a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with a body beyond its limit: %d %v", o.id, a.StatusCode, err)
		}
	}
	if len(b.asked)+b.planned > 0 {
		t.Error("one reached the registrar")
	}
}

// WB-03: so is its head.
func TestWB03_HeadersAreBounded(t *testing.T) {
	b := open(t)
	r, err := http.NewRequest(http.MethodGet, "http://chancery/api/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 2*maxHeader))
	a, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Body.Close(); err != nil || a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d %v", a.StatusCode, err)
	}
}

// HX-02: for each operation, what it does not take. No answer has a byte in it that a
// stranger sent and that shows as something else (WB-06), and nobody keeps one (WB-08).
func TestHX02_WhatNoOperationTakes(t *testing.T) {
	b := open(t)
	const hostile = "\u202e%00\r\nX-Evil: 1<script>"
	odd := func(text string) bool {
		return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == '\ufffd' }) || strings.Contains(text, "goroutine")
	}
	for _, o := range operations() {
		at := address(o)
		good := []string{"Content-Type", respond.JSONType}
		for _, c := range []struct {
			name, path, body string
			header           []string
			status           []int
		}{
			{"an unknown parameter", at + "?nmae=x", "{}", good, []int{400}},
			{"a parameter that deceives", at + "?%E2%80%AE=%00", "{}", good, []int{400}},
			{"a query that is none", at + "?%zz", "{}", good, []int{400}},
			{"a form that is not served", at, "{}", append([]string{"Accept", "text/html"}, good...), []int{406, 400}},
			{"a member that nobody knows", at, `{"is_ca":true}`, good, []int{400}},
			{"a member twice", at, `{"reason":"superseded","reason":"keyCompromise"}`, good, []int{400}},
			{"a member twice, escaped", at, `{"csr":"x","\u0063sr":"y"}`, good, []int{400}},
			{"a member in another case", at, `{"CSR":"x"}`, good, []int{400}},
			{"members that deceive", at, `{"\u202e\u0000":1}`, good, []int{400}},
			{"a list in place of an object", at, `[]`, good, []int{400}},
			{"nothing", at, ``, good, []int{400}},
			{"a half", at, `{"csr":`, good, []int{400}},
			{"something after it", at, `{} {}`, good, []int{400}},
			{"a form of another site", at, "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, []int{415}},
			{"parts", at, "--x", []string{"Content-Type", "multipart/form-data; boundary=x"}, []int{415}},
			{"no media type", at, "{}", []string{"Content-Type", ""}, []int{415}},
		} {
			if o.body == nil && (c.path == at && c.status[0] != 406) {
				continue // it reads no body
			}
			a := b.send(o.method, c.path, c.body, c.header...)
			if !slices.Contains(c.status, a.status) {
				t.Errorf("%s with %s: %d %s", o.id, c.name, a.status, a.body)
			}
			if d := b.problem(a); odd(string(a.body)) || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" || d.Fix == "" {
				t.Errorf("%s with %s is answered %v %q", o.id, c.name, a.header, a.body)
			}
		}
		if inPath.MatchString(o.path) && !strings.Contains(o.path, "index") {
			a := b.send(o.method, root+inPath.ReplaceAllString(o.path, "%E2%80%AE%00%0D%0AX-Evil:1<script>"), `{}`, good...)
			if a.status/100 != 4 || odd(string(a.body)) || strings.Contains(string(a.body), "<script>") {
				t.Errorf("%s about %q: %d %s", o.id, hostile, a.status, a.body)
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
			if slices.ContainsFunc(operations(), func(p operation) bool { return p.path == o.path && p.method == method }) {
				continue
			}
			if a := b.send(method, at, "{}", good...); a.status != http.StatusMethodNotAllowed || !strings.Contains(a.header.Get("Allow"), o.method) {
				t.Errorf("%s %s: %d, allowed is %q", method, at, a.status, a.header.Get("Allow"))
			}
		}
	}
}

// WB-06: what went wrong on our side is not shown, whatever was asked.
func TestWB06_FaultsOfOursAreNotShown(t *testing.T) {
	b := open(t)
	b.err = errors.New("SELECT secret FROM /var/lib: denied")
	a := b.send("GET", "/api/v1/status", "")
	if d := b.problem(a); a.status != http.StatusInternalServerError || d.Code != ca.E9000 || d.Instance == "" || strings.Contains(string(a.body), "secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	// In a batch it costs its line, a panic too (PR-07).
	item := body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", request(t)), "profile": "server"})
	for range 2 {
		a = b.send("POST", "/api/v1/requests:batch", `{"items":[`+item+`,{}]}`)
		for _, word := range []string{"secret", ".go:", "goroutine", "index out of range"} {
			if a.status != http.StatusOK || !strings.Contains(string(a.body), `"index":0,"status":500`) || !strings.Contains(string(a.body), `"index":1,"status":400`) || strings.Contains(string(a.body), word) {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		b.err, b.rows = nil, nil // the desk panics
	}
	if !strings.Contains(b.log.String(), "secret") || !strings.Contains(b.log.String(), "panic 1 since the start") {
		t.Errorf("the log has %s", b.log)
	}
}

// WB-08: no cache keeps an answer, and one that is fetched again is not sent again.
func TestWB08_AnswersAreKeptByNobody(t *testing.T) {
	b := open(t)
	for _, o := range operations() {
		if o.method != http.MethodGet || strings.Contains(o.path, "{id}") || strings.Contains(o.path, "profiles/") {
			continue
		}
		at := strings.TrimSuffix(address(o), "/")
		a := b.send("GET", at, "")
		tag := a.header.Get("ETag")
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" || tag == "" {
			t.Errorf("%s: %d %v", o.id, a.status, a.header)
			continue
		}
		for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			if a := b.send("GET", at, "", "If-None-Match", have); a.status != http.StatusNotModified || len(a.body) > 0 || a.header.Get("ETag") != tag {
				t.Errorf("%s for who has %s: %d %v %s", o.id, have, a.status, a.header, a.body)
			}
		}
		if a := b.send("GET", at, "", "If-None-Match", `"other"`); a.status != http.StatusOK {
			t.Errorf("%s for who has another: %d", o.id, a.status)
		}
		head := b.send("HEAD", at, "")
		if head.status != http.StatusOK || head.header.Get("ETag") != tag || len(head.body) > 0 {
			t.Errorf("HEAD of %s: %d %v", o.id, head.status, head.header)
		}
	}
}
