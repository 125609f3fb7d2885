// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/wire"
)

// inBraces are the parts of a path that name something.
var inBraces = regexp.MustCompile(`\{[a-z]+\}`)

// An actor is somebody who calls, and what is known of him.
type actor struct {
	name  string
	owner string // what certificates that he asks for are owned by
	roles []ca.Role
	// account: the kernel says who it is. renews: a certificate that renews itself alone.
	// narrow: a token for some profiles or names; names: for names; fits: for the objects.
	account, renews, narrow, names, fits bool
	refused                              ca.Code // he has not signed in
	token                                string
	certificate                          *tls.Certificate
}

// A thing is something that a call is about.
type thing struct {
	what, name, owner string
	there             bool
}

// An operationOf is one as openapi.json has it, which is made of the door's own table.
type operationOf struct {
	id, method, path string
	takesBody, dry   bool
}

// A matrix is a service with one of everything.
type matrix struct {
	tlsDoor
	roots   *x509.CertPool
	keys    map[string]*ecdsa.PrivateKey // one for each owner of certificates
	actors  []actor
	objects map[string][]thing
	calls   int
}

const (
	// otherUID begins the accounts that have one role each, in the order of rolesInOrder.
	otherUID = 65001
	// fromAnywhere is where calls that do not sign in come from, each from another address,
	// since ten of one are answered in a minute.
	fromAnywhere = "127.1.%d.%d"
)

func rolesInOrder() []ca.Role {
	return []ca.Role{ca.Requester, ca.CAAdmin, ca.SecurityAdmin, ca.SystemAdmin, ca.Auditor}
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--hostname", "localhost", "--recovery-file", h.file("words"))
	late := h.lateToken()
	m := &matrix{tlsDoor: h.listening(), keys: map[string]*ecdsa.PrivateKey{}, roots: x509.NewCertPool(), objects: map[string][]thing{}}
	m.roots.AppendCertsFromPEM([]byte(m.read("root.pem")))
	founder := actor{name: "the local account", owner: fmt.Sprintf("uid:%d", os.Getuid()), roles: rolesInOrder(), account: true, fits: true}
	m.actors = append(m.actors, founder)
	m.tokens(founder.owner, late)
	m.certificates(founder)
	m.things(founder, m.actors[slices.IndexFunc(m.actors, func(a actor) bool { return a.owner == fmt.Sprintf("uid:%d", otherUID) })])
	return m
}

// tokens makes actors that sign in with tokens of the founder, and such as do not sign in.
func (m *matrix) tokens(owner, late string) {
	m.t.Helper()
	for _, r := range rolesInOrder() {
		m.actors = append(m.actors, actor{name: "a token as " + string(r), owner: owner, roles: []ca.Role{r}, fits: true, token: m.token("--name", string(r), "--role", string(r))})
	}
	all := "requester,ca-admin,security-admin,system-admin,auditor"
	m.actors = append(m.actors,
		actor{name: "a token for the profile", owner: owner, roles: rolesInOrder(), narrow: true, fits: true, token: m.token("--name", "fits", "--role", all, "--profile", "server")},
		actor{name: "a token for another profile", owner: owner, roles: rolesInOrder(), narrow: true, token: m.token("--name", "profile", "--role", all, "--profile", "client")},
		actor{name: "a token for other names", owner: owner, roles: rolesInOrder(), narrow: true, names: true, token: m.token("--name", "names", "--role", all, "--names", "*.other.example")},
		actor{name: "nobody", refused: ca.E1306},
		actor{name: "a token that never was", refused: ca.E1306, token: ca.TokenText([ca.SecretOctets]byte{1})},
		actor{name: "a revoked token", refused: ca.E1305, token: m.token("--name", "gone", "--role", all)},
	)
	m.done("token", "revoke", "gone")
	if late != "" {
		m.actors = append(m.actors, actor{name: "an expired token", refused: ca.E1305, token: late})
	}
}

// lateToken makes a token that has expired since; builds without faults have none.
func (h hand) lateToken() string {
	h.t.Helper()
	built, _ := debug.ReadBuildInfo()
	if !slices.Contains(built.Settings, debug.BuildSetting{Key: "-tags", Value: "faults"}) {
		return ""
	}
	c := h.command(h.t.Context(), "token", "create", "--name", "late", "--role", "requester", "--days", "1")
	c.Env = append(c.Env, "CHANCERY_FAULT_CLOCK=-25h")
	s := h.runs(c)
	if s.code != 0 {
		h.t.Fatalf("token create: %s", s.err)
	}
	return strings.TrimSpace(s.out)
}

// certificates makes actors that show a certificate: one for an account of each role, one
// for nobody, one that was revoked.
func (m *matrix) certificates(founder actor) {
	m.t.Helper()
	show := func(name string) (ca.Certificate, *tls.Certificate) {
		c := m.issued(founder, name+".lab.example", "client").Certificate
		return c, &tls.Certificate{Certificate: [][]byte{c.DER}, PrivateKey: m.keys[founder.owner]}
	}
	var maps []policy.SignIn
	for i, r := range rolesInOrder() {
		c, shown := show(string(r))
		maps = append(maps, policy.SignIn{Issuer: c.IssuerKey, Serial: c.Serial, UID: otherUID + i})
		m.actors = append(m.actors, actor{name: "a certificate of an account that is " + string(r), owner: fmt.Sprintf("uid:%d", otherUID+i), roles: []ca.Role{r}, fits: true, certificate: shown})
	}
	m.obeys(maps)
	_, shown := show("renews")
	m.actors = append(m.actors, actor{name: "a certificate of no account", owner: founder.owner, renews: true, certificate: shown})
	c, shown := show("revoked")
	m.actors = append(m.actors, actor{name: "a revoked certificate", refused: ca.E1305, certificate: shown})
	m.done("revoke", c.PublicName(), "--confirm", c.Title())
}

// obeys puts a policy in force that has more accounts.
func (m *matrix) obeys(maps []policy.SignIn) {
	m.t.Helper()
	client := wire.Dial(dialPath(filepath.Join(m.dir, "run", "ceremony.sock")))
	state, err := client.SetPolicy(m.t.Context(), signer.PolicyChange{})
	if err != nil {
		m.t.Fatal(err)
	}
	b, err := policy.ParseBundle(state.Document)
	if err != nil {
		m.t.Fatal(err)
	}
	for i, r := range rolesInOrder() {
		b.Accounts[otherUID+i] = []ca.Role{r}
	}
	b.Version, b.Issued, b.SignIns = b.Version+1, time.Now().UTC().Truncate(time.Second), maps
	document, err := b.Marshal()
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := client.SetPolicy(m.t.Context(), signer.PolicyChange{Document: document}); err != nil {
		m.t.Fatal(err)
	}
	m.until("the new policy", func() bool {
		var s ca.Status
		return json.Unmarshal([]byte(m.types("status", "--json").out), &s) == nil && s.BundleVersion == b.Version
	})
}

// things makes what calls are about: of the founder, of another account, of nobody.
func (m *matrix) things(founder, other actor) {
	m.t.Helper()
	const absent = "4100ff00112233445566778899aabbccddeeff"
	for _, a := range []actor{founder, other} {
		what := "what is of " + a.owner
		of, spent := m.issued(a, "nas.lab.example", "server").Certificate, m.issued(a, "old.lab.example", "server").Certificate
		m.objects["certificates"] = append(m.objects["certificates"], thing{what, of.PublicName(), a.owner, true}, thing{"the id of another issuer", "root-g1-" + string(of.Serial), a.owner, false})
		m.objects["spent"] = append(m.objects["spent"], thing{what, spent.PublicName(), a.owner, true}, thing{"the id of another issuer", "root-g1-" + string(spent.Serial), a.owner, false})
		m.objects["requests"] = append(m.objects["requests"], thing{what, string(of.Request), a.owner, true})
	}
	var made ca.TokenView
	if _, body := m.call(founder, http.MethodPost, "/api/v1/tokens", `{"name":"spare","roles":["auditor"]}`); json.Unmarshal([]byte(body), &made) != nil {
		m.t.Fatal(body)
	}
	m.objects["tokens"] = []thing{{"a token of the founder", made.ID, founder.owner, true}}
	for kind, names := range map[string][2]string{
		"certificates": {"", "issuing-g1-" + absent}, "spent": {"", "issuing-g1-" + absent}, "requests": {"", "0190b2c4-0000-7000-8000-000000000000"},
		"tokens": {"", "00112233aabbccdd"}, "authorities": {"issuing-g1", "issuing-g9"}, "signing": {"issuing-g1", "issuing-g9"}, "lines": {"issuing", "nothing"},
		"profiles": {"server", "nothing"}, "unsettled": {"", "999999"},
	} {
		if names[0] != "" {
			m.objects[kind] = append(m.objects[kind], thing{what: names[0], name: names[0], there: true})
		}
		m.objects[kind] = append(m.objects[kind], thing{what: "what is not there", name: names[1]})
	}
}

// order is the body of a request of somebody's key.
func (m *matrix) order(a actor, name, profile string) string {
	m.t.Helper()
	var err error
	if m.keys[a.owner] == nil {
		if m.keys[a.owner], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			m.t.Fatal(err)
		}
	}
	der, err := requestFor(m.keys[a.owner], name, []string{name})
	if err != nil {
		m.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	body, err := json.Marshal(map[string]string{"csr": string(text), "profile": profile})
	if err != nil {
		m.t.Fatal(err)
	}
	return string(body)
}

func (m *matrix) issued(a actor, name, profile string) (i ca.Issued) {
	m.t.Helper()
	if status, body := m.call(a, http.MethodPost, "/api/v1/requests", m.order(a, name, profile)); status != http.StatusCreated || json.Unmarshal([]byte(body), &i) != nil {
		m.t.Fatalf("%s for %s: %d %s", name, a.name, status, body)
	}
	return i
}

// call makes a call as somebody.
func (m *matrix) call(a actor, method, path, body string) (int, string) {
	m.t.Helper()
	m.calls++
	transport := &http.Transport{DisableKeepAlives: true}
	url := "https://" + m.api + path
	dialer := &net.Dialer{}
	if a.refused != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf(fromAnywhere, m.calls/250, 1+m.calls%250))}
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: m.roots, MinVersion: tls.VersionTLS12}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(strings.TrimSuffix(url, path), "https://"))
		return dialer.DialContext(ctx, network, "127.0.0.1:"+port)
	}
	switch {
	case a.account:
		url = "http://localhost" + path
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", dialPath(filepath.Join(m.dir, "run", "admin.sock")))
		}
	case a.certificate != nil:
		url = "https://" + m.mtls + path
		transport.TLSClientConfig.Certificates = []tls.Certificate{*a.certificate}
	}
	r, err := http.NewRequestWithContext(m.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := (&http.Client{Transport: transport, Timeout: answerIn}).Do(r)
	if err != nil {
		m.t.Fatalf("%s %s by %s: %v", method, path, a.name, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return answer.StatusCode, string(bytes.TrimSpace(text))
}

// operations reads the table that the service serves of itself.
func (m *matrix) operations() (all []operationOf) {
	m.t.Helper()
	_, body := m.call(m.actors[0], http.MethodGet, "/api/v1/openapi.json", "")
	var document struct {
		Paths map[string]map[string]struct {
			ID         string           `json:"operationId"`
			Body       *json.RawMessage `json:"requestBody"`
			Parameters []struct{ Name string }
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil || len(document.Paths) == 0 {
		m.t.Fatalf("%v: %s", err, body)
	}
	for path, methods := range document.Paths {
		for method, o := range methods {
			dry := slices.Contains(o.Parameters, struct{ Name string }{"dry_run"})
			all = append(all, operationOf{o.ID, strings.ToUpper(method), path, o.Body != nil, dry})
		}
	}
	slices.SortFunc(all, func(a, b operationOf) int { return strings.Compare(a.id, b.id) })
	return all
}
