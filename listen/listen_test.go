// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
)

// A mint signs whatever is asked for, by a generation that can be changed.
type mint struct {
	t   *testing.T
	key *ecdsa.PrivateKey

	// mu guards what follows: it is asked while a test changes it.
	mu        sync.Mutex
	authority string
	problem   *ca.Problem
	rows      []ca.Certificate
	asked     []ca.Request
}

func newMint(t *testing.T) *mint {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &mint{t: t, key: key, authority: "issuing-g1"}
}

// change changes what it does from now on.
func (m *mint) change(to func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to()
}

func (m *mint) Submit(_ context.Context, q ca.Request, _ ca.CSR) (ca.Issued, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, q)
	if m.problem != nil {
		return ca.Issued{}, m.problem
	}
	wish, err := x509.ParseCertificateRequest(q.CSR)
	if err != nil {
		m.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(m.asked))), Subject: wish.Subject, DNSNames: wish.DNSNames, IPAddresses: wish.IPAddresses,
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: m.authority}, IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now(), NotAfter: template.NotAfter}
	above, err := x509.CreateCertificate(rand.Reader, issuer, issuer, m.key.Public(), m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, wish.PublicKey, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	row := ca.Certificate{DER: der, Authority: m.authority, Serial: ca.Serial(fmt.Sprintf("%02x", len(m.asked)))}
	m.rows = append(m.rows, row)
	return ca.Issued{Certificate: row, Chain: [][]byte{above, above}}, nil
}

func (m *mint) Plan(context.Context, ca.Request, ca.CSR) (ca.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return ca.Plan{Draft: ca.Draft{Authority: m.authority}}, nil
}

func (m *mint) Standing(_ context.Context, der []byte) (ca.Certificate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.rows {
		if string(row.DER) == string(der) {
			return row, nil
		}
	}
	return ca.Certificate{}, ca.NotFound(ca.E2101, "not here", "")
}

func (m *mint) owned(told *[]error) Owned {
	return Owned{
		Path: filepath.Join(m.t.TempDir(), "tls", "service.pem"), Host: "ca.lab.example", Profile: "service", Issuer: m,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now, NewID: func() ca.RequestID { return "id" },
		Told: func(err error) { *told = append(*told, err) },
	}
}

// While keys are locked it is said once, and the certificate comes when they are not; it
// renews itself at two thirds of its life, when another generation signs, and when it was
// revoked; and a restart goes on with it.
func TestTheListenersKeepACertificateOfTheirOwn(t *testing.T) {
	m := newMint(t)
	var told []error
	o := m.owned(&told)
	synctest.Test(t, func(t *testing.T) {
		m.problem = ca.Locked(ca.E3001, "locked", "unlock")
		own := NewOwn(o)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- own.Run(ctx) }()
		defer func() { stop(); <-ended }()
		passes := func(d time.Duration) {
			time.Sleep(d) // of the bubble's clock
			synctest.Wait()
		}
		passes(time.Minute)
		if _, err := own.certificate(nil); err == nil || len(told) != 1 || !errors.Is(told[0], m.problem) {
			t.Errorf("while locked: %v, told %v", err, told)
		}
		m.change(func() { m.problem = nil })
		passes(lookAgain)
		first, err := own.certificate(nil)
		if err != nil || len(told) != 2 || told[1] != nil || len(first.Certificate) != 2 {
			t.Fatalf("after that: %v, told %v", err, told)
		}
		q := m.asked[len(m.asked)-1]
		if q.Door != ca.DoorService || q.From.Method != ca.MethodService || q.Profile != "service" {
			t.Errorf("asked as %+v", q)
		}
		if st, err := os.Stat(o.Path); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("its file: %v, %v", st, err)
		}
		another := func(why string, wait time.Duration) {
			t.Helper()
			before := own.now.Load()
			passes(wait)
			if own.now.Load() == before {
				t.Errorf("no new certificate %s", why)
			}
		}
		passes(39 * time.Minute)
		if own.now.Load() != first {
			t.Error("a new certificate before two thirds of its life")
		}
		another("at two thirds", 2*time.Minute)
		m.change(func() { m.authority = "issuing-g2" })
		another("when another generation signs", 2*lookAgain)
		m.change(func() { m.rows[len(m.rows)-1].Revoked = &ca.Revoked{} })
		another("when it was revoked", 2*lookAgain)
		m.change(func() { m.rows = nil })
		another("when the book is another one", 2*lookAgain)

		now := own.now.Load()
		if again := NewOwn(o); again.now.Load() == nil || string(again.now.Load().Certificate[0]) != string(now.Certificate[0]) {
			t.Error("a restart does not go on with it")
		}
		o := o
		o.Host = "other.lab.example"
		if NewOwn(o).now.Load() != nil {
			t.Error("a certificate for another name is shown")
		}
	})
	if err := os.Chmod(o.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if NewOwn(o).now.Load() != nil {
		t.Error("a key that others could read is used")
	}
}

// A disk that takes no file has no certificate issued at all, and one that fails between
// the two has one issued, which is shown.
func TestADiskThatFailsHasNoCertificateAfterTheOtherIssued(t *testing.T) {
	m := newMint(t)
	var told []error
	o := m.owned(&told)
	folder := filepath.Dir(o.Path)
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // where the folder belongs
		t.Fatal(err)
	}
	own := NewOwn(o)
	if err := own.look(t.Context()); err == nil || len(m.asked) != 0 {
		t.Errorf("without a place for the file: %v, %d asked for", err, len(m.asked))
	}
	if err := errors.Join(os.Remove(folder), os.MkdirAll(o.Path, 0o700)); err != nil { // a folder is never replaced
		t.Fatal(err)
	}
	for range 3 {
		if err := own.look(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := own.certificate(nil); err != nil || len(m.asked) != 1 {
		t.Errorf("shown: %v, %d asked for", err, len(m.asked))
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("what was not used lies there: %v, %v", left, err)
	}
}

// A gate knows one token.
type gate struct{ ready []ca.Check }

func (gate) SignIn(_ context.Context, token string) (ca.Actor, error) {
	if token != "good" {
		return ca.Actor{}, ca.Forbidden(ca.E1306, "unknown", "")
	}
	return ca.Actor{ID: "uid:1", Method: ca.MethodToken}, nil
}

func (gate) SignInBy(_ context.Context, der []byte) (ca.Actor, error) {
	if string(der) != "known" {
		return ca.Actor{}, ca.Unavailable(ca.E2301, "not known how it stands", "")
	}
	return ca.Actor{ID: "uid:2", Method: ca.MethodCertificate}, nil
}

func (g gate) Ready(context.Context) []ca.Check { return g.ready }

func guarded(g gate, now func() time.Time) http.Handler {
	return Guard(Guarded{
		Gate: g, Hosts: []string{"ca.lab.example", "::1"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: now, NewID: func() ca.RequestID { return "id" },
		TakesEvidence: func(method, path string) bool { return method == http.MethodPost && path == "/api/v1/proof" },
		Door: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who, _ := respond.Actor(r.Context())
			_, _ = io.WriteString(w, who.ID)
		}),
		Public: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "public") }),
	})
}

// WB-08, AN-02: who is let in, as whom, and with which words the others are not.
func TestWB08_TheGuardLetsInWhoSignedIn(t *testing.T) {
	for name, c := range map[string]struct {
		host, path, header string
		certificate        string
		status             int
		body               string
	}{
		"a token":                        {"ca.lab.example", "/api/v1/x", "Bearer good", "", 200, "uid:1"},
		"a scheme in lower case":         {"CA.lab.example.:8443", "/api/v1/x", "bearer good", "", 200, "uid:1"},
		"an address":                     {"[::1]:8443", "/api/v1/x", "Bearer good", "", 200, "uid:1"},
		"a certificate":                  {"ca.lab.example", "/api", "", "known", 200, "uid:2"},
		"a wrong token beats it":         {"ca.lab.example", "/api", "Bearer bad", "known", 401, "E1306"},
		"one of unknown standing":        {"ca.lab.example", "/api", "", "other", 503, "E2301"},
		"nothing":                        {"ca.lab.example", "/api/v1/x", "", "", 401, "E1306"},
		"basic":                          {"ca.lab.example", "/api/v1/x", "Basic Z29vZDo=", "", 401, "E1306"},
		"another host":                   {"bank.example", "/api/v1/x", "Bearer good", "", 421, "E1308"},
		"another host's lists":           {"bank.example", "/pki/x.crl", "", "", 421, "E1308"},
		"a name below ours":              {"a.ca.lab.example", "/api/v1/x", "Bearer good", "", 421, "E1308"},
		"lists are for everybody":        {"ca.lab.example", "/pki/x.crl", "", "", 200, "public"},
		"so is the page of the root":     {"ca.lab.example", "/", "", "", 200, "public"},
		"probes know no name":            {"10.0.0.7:8443", "/healthz", "", "", 200, "ok"},
		"a hundred parameters":           {"ca.lab.example", "/api/v1/x?" + strings.Repeat("a=1&", 100), "Bearer good", "", 400, "E1401"},
		"a path that only begins so":     {"ca.lab.example", "/healthz/x", "", "", 401, "E1306"},
		"a path that climbs out of /pki": {"ca.lab.example", "/pki/../api/v1/x", "", "", 200, "public"}, // whose door cleans it
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, c.path, nil)
			r.Host = c.host
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if c.certificate != "" {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte(c.certificate)}}}
			}
			w := httptest.NewRecorder()
			guarded(gate{}, time.Now).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), `"kind":"unauthenticated"`) != (c.status == http.StatusUnauthorized) {
				t.Errorf("%d has the kind of another status: %s", w.Code, w.Body)
			}
			if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers are %v", w.Header())
			}
		})
	}
}

// AN-04, WB-08: two headers that name somebody let nobody in, and no proof either: which one
// counts the next one on the way may judge otherwise.
func TestAN04_TwoTokensSignNobodyIn(t *testing.T) {
	for _, path := range []string{"/api/v1/x", "/api/v1/proof"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		r.Host = "ca.lab.example"
		r.Header["Authorization"] = []string{"Bearer good", "Bearer other"}
		w := httptest.NewRecorder()
		guarded(gate{}, time.Now).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// WB-01: what a browser sends for a page of another site changes nothing.
func TestWB01_APageOfAnotherSiteChangesNothing(t *testing.T) {
	for site, want := range map[string]int{"": 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/renewals", nil)
		r.Host = "ca.lab.example"
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("known")}}}
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		w := httptest.NewRecorder()
		guarded(gate{}, time.Now).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %q: %d %s", site, w.Code, w.Body)
		}
	}
}

// WB-04, RV-01: what brings evidence passes without a sign-in, by that method and path
// alone, as its source, so often a minute; whoever signs in is himself.
func TestWB04_EvidenceNeedsNoSignInAndIsCountedBySource(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := guarded(gate{}, func() time.Time { return now })
	call := func(method, path, from, token string) (int, string) {
		r := httptest.NewRequest(method, path, nil)
		r.Host, r.RemoteAddr = "ca.lab.example", from
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("known")}}}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		method, path, from, token string
		status                    int
		body                      string
	}{
		{"POST", "/api/v1/proof", "192.0.2.7:1", "", 200, "source 192.0.2.7/32"},
		{"POST", "/api/v1/proof", "[2001:db8::7]:1", "", 200, "source 2001:db8::/64"},
		{"POST", "/api/v1/proof", "nowhere", "", 200, "source unknown"},
		{"POST", "/api/v1/proof", "192.0.2.7:1", "good", 200, "uid:1"},
		{"POST", "/api/v1/proof", "192.0.2.7:1", "bad", 401, "E1306"},
		{"GET", "/api/v1/proof", "192.0.2.7:1", "", 200, "uid:2"},
		{"POST", "/api/v1/proof/", "192.0.2.7:1", "", 200, "uid:2"},
		{"POST", "/api/v1/x/../proof", "192.0.2.7:1", "", 200, "uid:2"},
	} {
		if status, body := call(c.method, c.path, c.from, c.token); status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s %s from %s with %q: %d %s", c.method, c.path, c.from, c.token, status, body)
		}
	}
	for i := range maxStrange {
		if status, _ := call("POST", "/api/v1/proof", "198.51.100.1:1", ""); status != 200 {
			t.Fatalf("call %d gives %d", i, status)
		}
	}
	for from, want := range map[string]int{"198.51.100.1:2": 429, "198.51.100.2:1": 200} {
		if status, _ := call("POST", "/api/v1/proof", from, ""); status != want {
			t.Errorf("one more from %s gives %d", from, status)
		}
	}
	if status, _ := call("POST", "/api/v1/proof", "198.51.100.1:1", "good"); status != 200 {
		t.Errorf("whoever signs in gets %d", status)
	}
	now = now.Add(time.Minute)
	if status, _ := call("POST", "/api/v1/proof", "198.51.100.1:1", ""); status != 200 {
		t.Errorf("a minute later: %d", status)
	}
}

func TestReadyzSaysWhyItIsNotAndNoMore(t *testing.T) {
	w := httptest.NewRecorder()
	guarded(gate{ready: []ca.Check{{ID: "database", Level: ca.Warned}, {ID: "service", Level: ca.Failed, Code: ca.E3001, Message: "a secret of ours"}, {ID: "lists", Level: ca.Failed}}}, time.Now).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"code":"E3001","checks":[{"id":"database","level":"warn"},{"id":"service","level":"fail","code":"E3001"},{"id":"lists","level":"fail"}]`) || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// WB-04: a source that fails too often is answered 429 for the rest of the minute, its
// neighbours in another network are not, and whoever has a good token passes.
func TestWB04_EachSourceHasItsOwnCount(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := guarded(gate{}, func() time.Time { return now })
	call := func(from, token string) int {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/x", nil)
		r.Host, r.RemoteAddr = "ca.lab.example", from
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("429 does not say when")
		}
		return w.Code
	}
	for range maxFailures {
		if got := call("[2001:db8::1]:1", "bad"); got != 401 {
			t.Fatalf("a first failure gives %d", got)
		}
	}
	for from, want := range map[string]int{"[2001:db8::2]:1": 429, "[2001:db8:0:1::1]:1": 401, "127.0.0.1:5": 401} {
		if got := call(from, "bad"); got != want {
			t.Errorf("%s gets %d", from, got)
		}
	}
	if got := call("[2001:db8::2]:1", "good"); got != 200 {
		t.Errorf("a good token gets %d", got)
	}
	now = now.Add(time.Minute)
	if got := call("[2001:db8::1]:1", "bad"); got != 401 {
		t.Errorf("a minute later: %d", got)
	}
}

// R76: the generations whose certificates may be presented.
func TestR76_EveryGenerationThatLivesIsTaken(t *testing.T) {
	m := newMint(t)
	var all []ca.Authority
	for i, state := range []ca.AuthorityState{ca.Standby, ca.Active, ca.Retiring, ca.Retired, ca.Active} {
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprint(i)}, IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, template, template, m.key.Public(), m.key)
		if err != nil {
			t.Fatal(err)
		}
		a := ca.Authority{Name: fmt.Sprint("issuing-g", i), Parent: "root-g1", Kind: ca.Issuing, State: state, Certificate: der}
		if i == 4 {
			a.Revoked = []ca.AuthorityRevocation{{By: "root-g1"}}
		}
		all = append(all, a)
	}
	all = append(all, ca.Authority{Kind: ca.Root, State: ca.Active, Certificate: all[0].Certificate})
	if n := len(clientCAs(all).Subjects()); n != 3 { //nolint:staticcheck // a pool of our own
		t.Errorf("%d are taken, want standby, active and retiring", n)
	}
	one := all[1]
	one.Name, one.Parent = "issuing-g1", "mid-g1"
	for by, want := range map[string]int{"root-g2": 1, "root-g1": 0} {
		one.Revoked = nil
		mid := ca.Authority{Name: "mid-g1", Parent: "root-g1", Kind: ca.Intermediate, Revoked: []ca.AuthorityRevocation{{By: by}}}
		if n := len(clientCAs([]ca.Authority{one, mid}).Subjects()); n != want { //nolint:staticcheck // likewise
			t.Errorf("%s revoked the one above: %d are taken, want %d", by, n, want)
		}
		mid.Revoked, one.Revoked = nil, []ca.AuthorityRevocation{{By: strings.Replace(by, "root-g1", "mid-g1", 1)}}
		if n := len(clientCAs([]ca.Authority{one, mid}).Subjects()); n != want { //nolint:staticcheck // likewise
			t.Errorf("%s revoked its certificate: %d are taken, want %d", one.Revoked[0].By, n, want)
		}
	}
}
