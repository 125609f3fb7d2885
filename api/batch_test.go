// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// A bad line costs itself alone, and each line is a request of its own.
func TestEachLineOfABatchIsARequestOfItsOwn(t *testing.T) {
	b := open(t)
	good := body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", request(t)), "profile": "server"})
	lines := []string{good, `{"csr":"x","profile":"server"}`, `{"is_ca":true}`, `[]`, `{"csr":7}`, good}
	a := b.send("POST", "/api/v1/requests:batch", `{"items":[`+strings.Join(lines, ",")+`]}`, "Idempotency-Key", "k")
	var got batched
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK || len(got.Items) != len(lines) {
		t.Fatalf("%d %v %s", a.status, err, a.body)
	}
	ids := map[ca.RequestID]bool{}
	var keys []string
	for _, q := range b.asked {
		ids[q.ID] = true
		keys = append(keys, q.Key)
	}
	if slices.Sort(keys); len(ids) != 2 || !slices.Equal(keys, []string{"k#0", "k#5"}) {
		t.Errorf("the registrar was asked for %v with %q", ids, keys)
	}
	for i, want := range []int{201, 400, 400, 400, 400, 201} {
		l := got.Items[i]
		if l.Index != i || l.Status != want || (want == 201) != (l.Issued != nil) || (want == 400) != (l.Problem != nil) {
			t.Errorf("line %d: %+v", i, l)
		}
		if l.Problem != nil && (l.Problem.Instance == "" || ids[ca.RequestID(l.Problem.Instance)] || l.Problem.Status != want) {
			t.Errorf("line %d has the problem %+v", i, l.Problem)
		}
	}
	if p := got.Items[4].Problem; len(p.Errors) != 1 || p.Errors[0].Pointer != "#/items/4/csr" {
		t.Errorf("where the fault of line 4 is: %+v", p.Errors)
	}
	if len(b.refused) != 4 {
		t.Errorf("%d refusals are told", len(b.refused))
	}
	a = b.send("POST", "/api/v1/requests:batch?dry_run=true", `{"items":[`+good+`]}`)
	if a.status != http.StatusOK || b.planned != 1 || len(b.asked) != 2 || !strings.Contains(string(a.body), `"plan":{`) {
		t.Errorf("planned: %d %s", a.status, a.body)
	}
}

func TestABatchIsBounded(t *testing.T) {
	b := open(t)
	for _, n := range []int{0, maxBatch + 1} {
		a := b.send("POST", "/api/v1/requests:batch", `{"items":[`+strings.TrimSuffix(strings.Repeat("{},", n), ",")+`]}`)
		if p := b.problem(a); a.status != http.StatusBadRequest || p.Field != "items" {
			t.Errorf("%d requests: %d %s", n, a.status, a.body)
		}
	}
	if a := b.send("POST", "/api/v1/requests:batch", `{"items":[`+strings.TrimSuffix(strings.Repeat("{},", maxBatch), ",")+`]}`); a.status != http.StatusOK {
		t.Errorf("%d requests: %d %s", maxBatch, a.status, a.body)
	}
}

// A list in DER is the one that everybody gets.
func TestAListIsFetchedAsEverybodyDoes(t *testing.T) {
	b := open(t)
	a := b.send("GET", "/api/v1/crls/root-g1", "", "Accept", crlType)
	if a.status != http.StatusNotFound || a.header.Get("Content-Type") == "application/json" { // the bench's public door has nothing
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := b.send("GET", "/api/v1/crls/root-g1", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"number":7`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.send("GET", "/api/v1/crls/issuing-g1", ""); a.status != http.StatusNotFound || b.problem(a).Code != ca.E2101 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// An authority's other lists are had as crl show names them; of a kind that it has not there is none.
func TestEachKindOfListIsFound(t *testing.T) {
	b := open(t)
	if a := b.send("GET", "/api/v1/crls?kind=arl", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"scope":"arl"`) || strings.Contains(string(a.body), "issuing-g1") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.send("GET", "/api/v1/crls/root-g1?kind=arl", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"scope":"arl","number":7`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.send("GET", "/api/v1/crls/root-g1?kind=arl", "", "Accept", crlType); strings.TrimSpace(string(a.body)) != "/pki/root-g1.arl.crl" {
		t.Errorf("it asks for %s", a.body)
	}
	for path, code := range map[string]ca.Code{"/crls/root-g1?kind=delta": ca.E2101, "/crls/root-g1?kind=shard:1": ca.E2101, "/crls/root-g1?kind=s1x": ca.E1401, "/crls?kind=most": ca.E1401, "/crls?kind=": ca.E1401} {
		if a := b.send("GET", "/api/v1"+path, ""); b.problem(a).Code != code {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	// What no publishing would make is not hinted to be published.
	for path, want := range map[string][]string{
		"/crls/root-g1?kind=delta":      {"root-g1 does not have a list of the kind delta", "complete, arl"},
		"/crls/issuing-g1?kind=shard:1": {"issuing-g1 does not have a list of the kind shard:1", "use a kind that there is: ", "chancery ca create --shards N"},
		"/crls/none":                    {`there is no authority "none"`, "chancery ca list"},
	} {
		d := b.problem(b.send("GET", "/api/v1"+path, ""))
		for _, one := range want {
			if !strings.Contains(d.Detail+d.Fix, one) || strings.Contains(d.Fix, "publish") {
				t.Errorf("%s: %s, %s", path, d.Detail, d.Fix)
			}
		}
	}
	if a := b.send("GET", "/api/v1/crls?kind=delta", ""); a.status != http.StatusOK || strings.Contains(string(a.body), "number") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRecordsAreReadByThePage(t *testing.T) {
	b := open(t)
	a := b.send("GET", "/api/v1/events?actor=uid:1&kind=issued&since=2026-11-01T00:00:00Z&limit=1&cursor=5", "")
	if f := b.eventFilters[0]; a.status != http.StatusOK || f.Actor != "uid:1" || f.Kind != "issued" || f.Limit != 1 || f.After != 5 || f.Since.IsZero() || !strings.Contains(a.header.Get("Link"), "cursor=") {
		t.Errorf("%d %+v %v %s", a.status, b.eventFilters, a.header, a.body)
	}
	var got run
	a = b.send("GET", "/api/v1/audit/leaves?from=3&limit=500", "")
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Items) != 2 || got.Items[0].Index != 3 || string(got.Items[1].Leaf) != "4" || got.Next == nil || *got.Next != 5 {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = b.send("GET", "/api/v1/audit/leaves?from=5", "")
	if !strings.Contains(string(a.body), `{"items":[],"next":null}`) {
		t.Errorf("at the end: %s", a.body)
	}
	a = b.send("GET", "/api/v1/audit/policies?limit=1", "")
	if s := string(a.body); a.status != http.StatusOK || !strings.Contains(s, `"leaf":9`) || !strings.Contains(s, `"below":9`) {
		t.Errorf("the newest policy: %d %s", a.status, s)
	}
	a = b.send("GET", "/api/v1/audit/policies?below=9&limit=2", "")
	if s := string(a.body); !strings.Contains(s, `"leaf":3`) || strings.Contains(s, `"leaf":9`) || !strings.Contains(s, `"below":null`) {
		t.Errorf("the first policy: %d %s", a.status, s)
	}
	var p ca.Proof
	a = b.send("GET", "/api/v1/audit/checkpoint?leaf=1&since=1", "")
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != http.StatusOK || p.Size != 3 || len(p.Inclusion) != 2 || len(p.Consistency) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a = b.send("GET", "/api/v1/audit/checkpoint", "", "Accept", "text/plain"); a.status != http.StatusOK || string(a.body) != "origin\n3\n" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a = b.send("GET", "/api/v1/audit/checkpoint?leaf=3", ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, q := range []string{"audit/checkpoint?leaf=-1", "audit/checkpoint?since=x", "events?since=yesterday", "events?limit=0", "audit/leaves?from=-1", "audit/leaves?from=x", "audit/leaves?limit=501", "audit/policies?below=x"} {
		if a := b.send("GET", "/api/v1/"+q, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", q, a.status, a.body)
		}
	}
	if a := b.send("GET", "/api/v1/certificates?count=true&search=nas&source=cli&line=issuing&sort=name&issued_since=2026-11-01T00:00:00Z", ""); !strings.Contains(string(a.body), `"count":1284`) || b.filters[0].Search != "nas" || b.filters[0].Line != "issuing" || b.filters[0].Sort != "name" || b.filters[0].Door != "cli" {
		t.Errorf("%d %s %+v", a.status, a.body, b.filters)
	}
	// Who revokes for keyCompromise learns what else is of the key.
	if a := b.send("GET", "/api/v1/certificates?key="+strings.Repeat("a7", 32), ""); a.status != http.StatusOK || b.filters[1].Key.String() != strings.Repeat("a7", 32) {
		t.Errorf("%d %s %+v", a.status, a.body, b.filters)
	}
	for _, q := range []string{"key=a7", "key=" + strings.Repeat("00", 32), "sort=size", "count=yes", "issued_since=90d", "status=fine"} {
		if a := b.send("GET", "/api/v1/certificates?"+q, ""); a.status != http.StatusBadRequest || len(b.problem(a).Errors) != 1 || b.problem(a).Errors[0].Parameter == "" {
			t.Errorf("%s: %d %s", q, a.status, a.body)
		}
	}
}
