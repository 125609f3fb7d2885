// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
)

func TestARequestReachesTheRegistrarAsItWasMade(t *testing.T) {
	der := request(t)
	for _, c := range []struct{ name, csr string }{
		{"PEM", asPEM("CERTIFICATE REQUEST", der)},
		{"DER in base64", base64.StdEncoding.EncodeToString(der)},
		{"a PEM file in base64", base64.StdEncoding.EncodeToString([]byte(asPEM("NEW CERTIFICATE REQUEST", der)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			a := b.send("POST", "/api/v1/requests", body(t, map[string]any{"csr": c.csr, "profile": "server", "days": 30}), "Idempotency-Key", "k1")
			if a.status != http.StatusCreated || a.header.Get("Location") != "/api/v1/certificates/issuing-g1-0a1b2c3d4e5f6071" {
				t.Fatalf("%d %v %s", a.status, a.header, a.body)
			}
			q := b.asked[0]
			if !bytes.Equal(q.CSR, der) || q.Profile != "server" || q.Key != "k1" || q.Door != ca.DoorCLI || !q.At.Equal(clock) || !q.NotAfter.Equal(clock.AddDate(0, 0, 30)) {
				t.Errorf("the registrar was asked %+v", q)
			}
			if string(q.ID) != a.header.Get("X-Request-Id") || len(q.ID) != 36 || q.ID[14] != '7' || !strings.Contains("89ab", string(q.ID[19])) {
				t.Errorf("the id is %q", q.ID)
			}
			if q.From.UID != os.Getuid() || q.From.ID != "uid:"+strconv.Itoa(os.Getuid()) || q.From.Method != "peer" || q.From.Name == "" {
				t.Errorf("the actor is %+v", q.From)
			}
			var issued ca.Issued
			if err := json.Unmarshal(a.body, &issued); err != nil || issued.Certificate.ID != ca.NewID(40, 9) || string(issued.Certificate.DER) != "leaf" {
				t.Errorf("%v: %s", err, a.body)
			}
		})
	}
}

func TestWhatWasIssuedBeforeIsNotCreated(t *testing.T) {
	b := open(t)
	good := body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", request(t)), "profile": "server"})
	if a := b.send("POST", "/api/v1/requests", good, "Idempotency-Key", "again"); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !b.asked[0].NotAfter.IsZero() {
		t.Error("an end was wished that nobody asked for")
	}
}

func TestADryRunSubmitsNothing(t *testing.T) {
	b := open(t)
	good := body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", request(t)), "profile": "server", "not_after": "2027-01-31T12:00:00+02:00"})
	a := b.send("POST", "/api/v1/requests?dry_run=true", good)
	var plan ca.Plan
	if err := json.Unmarshal(a.body, &plan); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %v %s", a.status, err, a.body)
	}
	if len(b.asked) != 0 || b.planned != 1 || !plan.Draft.NotAfter.Equal(time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC)) || plan.Draft.Names[0].Value != "nas.lab.example" {
		t.Errorf("submitted %d, plan %+v", len(b.asked), plan)
	}
}

func TestHostileRequestsAreRefusedBeforeTheRegistrar(t *testing.T) {
	der := request(t)
	good := asPEM("CERTIFICATE REQUEST", der)
	members := func(more ...any) string {
		m := map[string]any{"csr": good, "profile": "server"}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return body(t, m)
	}
	const path = "/api/v1/requests"
	for _, c := range []struct {
		name, path, body string
		header           []string
		status           int
		code             ca.Code
		says, field      string
	}{
		{"too large", path, `{"csr":"` + strings.Repeat("A", respond.MaxBody) + `"}`, nil, 413, ca.E1401, "larger than 262144", ""},
		{"a repeated key", path, `{"profile":"server","profile":"ca"}`, nil, 400, ca.E1401, "stands twice", ""},
		{"a repeated key in another case", path, `{"profile":"server","Profile":"ca"}`, nil, 400, ca.E1401, "cannot be read", ""},
		{"an unknown field", path, members("is_ca", true), nil, 400, ca.E1401, "is_ca", "is_ca"},
		{"a long unknown field", path, members(strings.Repeat("x", 9000), true), nil, 400, ca.E1401, "x…", ""},
		{"a wrong type", path, members("days", "30"), nil, 400, ca.E1401, "days", "days"},
		{"two values", path, members() + "{}", nil, 400, ca.E1401, "something after", ""},
		{"nothing", path, "", nil, 400, ca.E1401, "too early", ""},
		{"deep nesting", path, `{"csr":` + strings.Repeat("[", 100000), nil, 400, ca.E1401, "cannot be read", ""},
		{"a form of another site", path, members(), []string{"Content-Type", "text/plain"}, 415, ca.E1401, "not application/json", ""},
		{"a private key", path, members("csr", asPEM("EC PRIVATE KEY", der)), nil, 400, ca.E2203, "private key (EC PRIVATE KEY)", "csr"},
		{"a certificate", path, members("csr", asPEM("CERTIFICATE", der)), nil, 400, ca.E2203, "this is a CERTIFICATE, not a request", "csr"},
		{"two requests", path, members("csr", good+good), nil, 400, ca.E2203, "several PEM blocks", "csr"},
		{"no request", path, members("csr", ""), nil, 400, ca.E2203, "empty", "csr"},
		{"neither PEM nor base64", path, members("csr", "../../etc/passwd"), nil, 400, ca.E2203, "neither", "csr"},
		{"no profile", path, members("profile", ""), nil, 400, ca.E1401, "no profile", "profile"},
		{"no days", path, members("days", 0), nil, 400, ca.E1401, "days is 0", "days"},
		{"days that overflow", path, members("days", 1<<40), nil, 400, ca.E1401, "days is", "days"},
		{"two ends", path, members("days", 1, "not_after", "2027-01-31T12:00:00Z"), nil, 400, ca.E1401, "both", "days"},
		{"an end that is no time", path, members("not_after", "tomorrow"), nil, 400, ca.E1401, "not a time", "not_after"},
		{"a misspelt dry run", path + "?dry-run=true", members(), nil, 400, ca.E1401, "dry-run", "dry-run"},
		{"a dry run of yes", path + "?dry_run=yes", members(), nil, 400, ca.E1401, "neither true nor false", "dry_run"},
		{"a dry run twice", path + "?dry_run=true&dry_run=false", members(), nil, 400, ca.E1401, "more than once", "dry_run"},
		{"a long idempotency key", path, members(), []string{"Idempotency-Key", strings.Repeat("k", 129)}, 400, ca.E1401, "not usable", "Idempotency-Key"},
		{"an idempotency key beyond ASCII", path, members(), []string{"Idempotency-Key", "schlüssel"}, 400, ca.E1401, "not usable", "Idempotency-Key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			a := b.send("POST", c.path, c.body, c.header...)
			d := b.problem(a)
			if a.status != c.status || d.Code != c.code || d.Field != c.field || !strings.Contains(d.Detail, c.says) || d.Fix == "" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if len(b.asked)+b.planned > 0 || len(b.refused) != 1 {
				t.Errorf("it reached the registrar, or was not told as refused: %v", b.refused)
			}
			if b.log.Len() > 0 {
				t.Errorf("a stranger's fault was logged as ours: %s", b.log)
			}
		})
	}
}

// SG-09: a request whose signature does not verify is told of in a dry run too, and noted.
func TestSG09_ADryRunTellsOfAForgedSignature(t *testing.T) {
	forged := bytes.Clone(request(t))
	forged[len(forged)-1] ^= 1
	b := open(t)
	b.err = ca.Invalid(ca.E2203, "its signature does not verify", "make it anew")
	a := b.send("POST", "/api/v1/requests?dry_run=true", body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", forged), "profile": "server"}))
	if d := b.problem(a); a.status != 400 || d.Code != ca.E2203 || d.Field != "csr" || len(b.asked) > 0 || b.planned != 1 || len(b.refused) != 1 {
		t.Errorf("%d %s: asked %d, planned %d, refused %v", a.status, a.body, len(b.asked), b.planned, b.refused)
	}
}
