// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/socket"
)

func TestASerialIsFoundHoweverItIsWrittenInHex(t *testing.T) {
	b := open(t)
	for _, ref := range []string{
		"issuing-g1-0a1b2c3d4e5f6071", "0a1b2c3d4e5f6071", "0A1B2C3D4E5F6071", "a1b2c3d4e5f6071", "00000a1b2c3d4e5f6071",
		"0a:1b:2c:3d:4e:5f:60:71", "0x0a1b2c3d4e5f6071", "0A%201B%202C%203D%204E%205F%2060%2071",
	} {
		a := b.send("GET", "/api/v1/certificates/"+ref, "")
		var found ca.Issued
		if err := json.Unmarshal(a.body, &found); err != nil || a.status != 200 || found.Certificate.Serial != "0a1b2c3d4e5f6071" {
			t.Errorf("%s: %d %s", ref, a.status, a.body)
		}
	}
	// The same number in decimal is another one in hex, and never the same certificate.
	if a := b.send("GET", "/api/v1/certificates/728149667106283633", ""); b.problem(a).Code != ca.E2101 || a.status != 404 {
		t.Errorf("a decimal serial: %d %s", a.status, a.body)
	}
}

func TestReferencesThatClimbOrDeceiveReachNobody(t *testing.T) {
	b := open(t)
	for _, ref := range []string{
		"..", "%2e%2e", "%2e", "..%2f..%2fetc%2fpasswd", "../../../etc/passwd", "x/../0a1b2c3d4e5f6071", "a%2f..%2fb", "..%5c..%5cx", ".",
		"0a1b%00", "0a1b%0d%0aX-Evil:%201", "%e2%80%ae0a1b", "%ff%fe", "%20", strings.Repeat("a", 2000), "0a1b/", "/0a1b",
	} {
		a := b.send("GET", "/api/v1/certificates/"+ref, "")
		if d := b.problem(a); a.status != 404 || d.Code != ca.E2101 {
			t.Errorf("%q: %d %s", ref, a.status, a.body)
		}
	}
	if len(b.refs) > 0 {
		t.Errorf("the registrar was asked for %q", b.refs)
	}
	// A URI is a name, slashes and all.
	b.send("GET", "/api/v1/certificates/spiffe:%2F%2Flab.example%2Fnas", "")
	if len(b.refs) != 1 || b.refs[0] != "spiffe://lab.example/nas" {
		t.Errorf("a URI arrives as %q", b.refs)
	}
}

// A chain file is the leaf and its intermediates, without the root.
func TestTheFormIsTheOneTheAcceptHeaderPrefers(t *testing.T) {
	b := open(t)
	const path, authority = "/api/v1/certificates/0a1b2c3d4e5f6071", "/api/v1/authorities/issuing-g1"
	b.csr = []byte("request")
	chain := asPEM("CERTIFICATE", []byte("leaf")) + asPEM("CERTIFICATE", []byte("issuing"))
	for _, c := range []struct{ path, accept, mediaType, body string }{
		{path, "application/pkix-cert", derType, "leaf"},
		{path, "application/pem-certificate-chain", pemType, chain},
		{path, "application/json;q=0.1, application/*;q=0.5, application/pkix-cert;q=0", pemType, chain},
		{path, "*/*", "application/json", ""},
		{path, "text/html, */*;q=0.8", "application/json", ""},
		{path, "application/json;q=0.2, application/pkix-cert;q=NaN", derType, "leaf"},
		{path, "application/pkcs10", csrType, "request"}, // R48
		{authority, "application/pkix-cert", derType, "issuing"},
		{authority, "application/pem-certificate-chain", pemType, asPEM("CERTIFICATE", []byte("issuing"))},
		{authority, "application/json", "application/json", ""},
	} {
		a := b.send("GET", c.path, "", "Accept", c.accept)
		if a.status != 200 || a.header.Get("Content-Type") != c.mediaType || c.body != "" && string(a.body) != c.body {
			t.Errorf("%s: %d %q %s", c.accept, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	b.csr = nil
	if a := b.send("GET", path, "", "Accept", csrType); a.status != 404 {
		t.Errorf("a request that never was: %d", a.status)
	}
	for _, accept := range []string{"text/html", "application/json;q=0", "garbage", strings.Repeat("a/b,", 1000) + "*/*"} {
		if a := b.send("GET", path, "", "Accept", accept); a.status != 406 || b.problem(a).Code != ca.E1401 {
			t.Errorf("%.20s: %d", accept, a.status)
		}
	}
	if a := b.send("GET", "/api/v1/certificates/1234567890123456", "", "Accept", derType); a.status != 404 {
		t.Errorf("a void row has a certificate: %d", a.status)
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	b := open(t)
	type list struct {
		Items []ca.Certificate `json:"items"`
		Next  *string          `json:"next_cursor"`
	}
	path, seen := "/api/v1/certificates?limit=1&name=*.lab.example&status=valid&expiring_before=2027-01-01T00:00:00Z", []ca.ID{}
	for range 4 {
		a := b.send("GET", path, "")
		var l list
		if err := json.Unmarshal(a.body, &l); err != nil || l.Items == nil || !strings.Contains(string(a.body), `"next_cursor":`) {
			t.Fatalf("%v %s", err, a.body)
		}
		for _, c := range l.Items {
			seen = append(seen, c.ID)
			if c.DER != nil {
				t.Error("a list brings DER")
			}
		}
		if l.Next == nil {
			break
		}
		link := a.header.Get("Link")
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if fmt.Sprint(seen) != fmt.Sprint([]ca.ID{ca.NewID(40, 9), ca.NewID(40, 8)}) {
		t.Errorf("the pages had %v", seen)
	}
	for _, f := range b.filters {
		if f.Name != "*.lab.example" || f.Status != "valid" || f.Limit != 1 || !f.Now.Equal(clock) || !f.ExpiringBefore.Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("the filter was %+v", f)
		}
	}
}

func TestFiltersThatMeanNothingAreRefused(t *testing.T) {
	b := open(t)
	for _, q := range []string{
		"limit=0", "limit=501", "limit=-1", "limit=ten", "limit=99999999999999999999", "limit=", "cursor=0", "cursor=-5", "cursor=x'--",
		"status=revoked-maybe", "expiring_before=30d", "nmae=x", "name=a&name=b", "name=%00", "name=%zz", "a;b", "name=" + strings.Repeat("a", 1025),
	} {
		if a := b.send("GET", "/api/v1/certificates?"+q, ""); a.status != 400 || b.problem(a).Code != ca.E1401 {
			t.Errorf("%.30s: %d %s", q, a.status, a.body)
		}
	}
	if len(b.filters) > 0 {
		t.Error("one reached the registrar")
	}
}

func TestListsWithoutItemsAreEmptyAndNotNull(t *testing.T) {
	b := open(t)
	if a := b.send("GET", "/api/v1/profiles", ""); strings.TrimSpace(string(a.body)) != `{"items":[],"next_cursor":null}` {
		t.Errorf("%s", a.body)
	}
	if a := b.send("GET", "/api/v1/authorities", ""); a.status != 200 || !strings.Contains(string(a.body), `"name":"issuing-g1"`) {
		t.Errorf("%s", a.body)
	}
	if a := b.send("GET", "/api/v1/status", ""); a.status != 200 || !strings.Contains(string(a.body), `"sealed":true`) {
		t.Errorf("%s", a.body)
	}
}

func TestOtherPathsAndMethodsAreProblemsToo(t *testing.T) {
	b := open(t)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404}, {"GET", "/api/v2/status", 404}, {"GET", "/api/v1/status/", 404}, {"GET", "//api/v1/status", 404}, {"GET", "/api/v1/./status", 404},
		{"DELETE", "/api/v1/certificates/0a1b2c3d4e5f6071", 405}, {"PUT", "/api/v1/certificates", 405}, {"POST", "/api/v1/status", 405},
		{"GET", "/api/v1/authorities/none", 404}, {"GET", "/api/v1/authorities/..%2froot-g1", 404}, {"GET", "/api/v1/status?verbose=1", 400},
	} {
		a := b.send(c.method, c.path, "")
		if b.problem(a); a.status != c.status || (a.status == 405) != (a.header.Get("Allow") != "") {
			t.Errorf("%s %s: %d %v", c.method, c.path, a.status, a.header)
		}
	}
}

func TestEachKindOfProblemHasItsStatus(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		retry  bool
	}{
		{ca.NotFound(ca.E2101, "d", "f"), 404, false},
		{ca.Invalid(ca.E1401, "d", "f"), 400, false},
		{ca.Forbidden(ca.E1305, "d", "f"), 403, false},
		{ca.Refused(ca.E2107, "d", "f").Because("w").At("dns[2]"), 422, false},
		{ca.Conflict(ca.E2102, "d", "f"), 409, false},
		{ca.Busy(ca.E2301, "d", "f"), 429, true},
		{ca.Locked(ca.E3001, "d", "f"), 503, false},
		{ca.Unavailable(ca.E2301, "d", "f"), 503, true},
		{fmt.Errorf("wrapped: %w", ca.Refused(ca.E2107, "d", "f")), 422, false},
	} {
		b := open(t)
		b.err = c.err
		a := b.send("GET", "/api/v1/status", "")
		d := b.problem(a)
		var want *ca.Problem
		if !errors.As(c.err, &want) || d.Problem != *want || a.status != c.status || (a.header.Get("Retry-After") != "") != c.retry || b.log.Len() > 0 {
			t.Errorf("%+v: %d %s, log %s", want, a.status, a.body, b.log)
		}
	}
}

func TestAnErrorOfOursIsLoggedOnceAndNotShown(t *testing.T) {
	for _, err := range []error{errors.New("open /var/lib/secret: denied"), &ca.Problem{Code: ca.E2107, Kind: "unheard-of", Detail: "/var/lib/secret"}} {
		b := open(t)
		b.err = err
		a := b.send("GET", "/api/v1/status", "")
		d := b.problem(a)
		if a.status != 500 || d.Code != ca.E9000 || d.Detail != "internal error" || strings.Contains(string(a.body), "secret") {
			t.Errorf("%d %s", a.status, a.body)
		}
		if l := b.log.String(); strings.Count(l, "secret") != 1 || !strings.Contains(l, d.Instance) {
			t.Errorf("the log has %q", l)
		}
	}
}

func TestWhoIsNotProvenIsRefused(t *testing.T) {
	d := &desk{}
	h := New(Options{Submitter: d, Reader: d, Recorder: d, Rehearser: d, Explainer: d, Owner: d, Revoker: d, Publisher: d, Officer: d, Lists: d, Public: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock }})
	for name, ctx := range map[string]context.Context{
		"no ConnContext":     context.Background(),
		"not a Unix socket":  socket.WithPeer(context.Background(), nil),
		"unreadable account": socket.AsPeer(context.Background(), socket.Nobody),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/certificates/0a1b2c3d", nil))
		if w.Code != 403 || !strings.Contains(w.Body.String(), string(ca.E1303)) || len(d.refs) > 0 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
