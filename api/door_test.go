// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
)

var clock = time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)

// A desk is a registrar that notes what reaches it.
type desk struct {
	csr     []byte // what certificates came of
	mu      sync.Mutex
	asked   []ca.Request
	planned int
	refs    []string
	filters []ca.Filter
	// eventFilters are those of lists of events.
	eventFilters []ca.EventFilter
	err          error // what everything fails with
	// admitted are who asked to come in, shut is what they are told.
	admitted []ca.Actor
	shut     error
	proofs   []ca.KeyProof
	guesses  []ca.Guess
	refused  []error // what the door says it refused
	rows     []ca.Certificate
}

func (d *desk) Admit(_ context.Context, who ca.Actor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.admitted = append(d.admitted, who)
	return d.shut
}

func (d *desk) Refuse(_ ca.Actor, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = append(d.refused, err)
}

func (d *desk) Submit(_ context.Context, q ca.Request, c ca.CSR) (ca.Issued, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, q)
	return ca.Issued{Certificate: d.rows[0], Chain: [][]byte{[]byte("issuing"), []byte("root")}, Repeated: q.Key == "again"}, d.err
}

func (d *desk) Plan(_ context.Context, q ca.Request, c ca.CSR) (ca.Plan, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.planned++
	return ca.Plan{Draft: ca.Draft{Names: c.Names, Profile: q.Profile, NotAfter: q.NotAfter, Key: c.Key}}, d.err
}

// Find reads a reference as the book does: a public name, or a serial in hex.
func (d *desk) Find(_ context.Context, _ ca.Actor, ref string) (ca.Issued, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refs = append(d.refs, ref)
	serial, _ := ca.ParseSerial(ref)
	for _, c := range d.rows {
		if ref == c.PublicName() || serial == c.Serial {
			return ca.Issued{Certificate: c, Chain: [][]byte{[]byte("issuing"), []byte("root")}, CSR: d.csr}, d.err
		}
	}
	return ca.Issued{}, ca.NotFound(ca.E2101, "nothing here is called "+ca.Show(ref), "chancery list")
}

func (d *desk) List(_ context.Context, _ ca.Actor, f ca.Filter) ([]ca.Certificate, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.filters = append(d.filters, f)
	var out []ca.Certificate
	for _, c := range d.rows {
		if (f.After == 0 || c.ID < f.After) && len(out) < f.Limit {
			out = append(out, c)
		}
	}
	return out, d.err
}

func (d *desk) Authorities(context.Context, ca.Actor) ([]ca.Authority, error) {
	return []ca.Authority{{Name: "root-g1", Line: "root", Certificate: []byte("root")}, {Name: "issuing-g1", Line: "issuing", Certificate: []byte("issuing")}}, d.err
}

func (d *desk) Profiles(context.Context, ca.Actor) ([]ca.Profile, error) { return nil, d.err }

func (d *desk) Revoke(_ context.Context, who ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	return ca.Aftermath{Certificate: ca.Certificate{Owner: who.ID, Serial: ca.Serial(ref), DER: []byte("der"), Revoked: &ca.Revoked{Reason: why.Reason, Step: 1}}}, d.err
}

func (d *desk) PlanRevoke(ctx context.Context, who ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	d.mu.Lock()
	d.planned++
	d.mu.Unlock()
	return d.Revoke(ctx, who, ref, why)
}

// Request knows those that were asked.
func (d *desk) Request(_ context.Context, who ca.Actor, id ca.RequestID) (ca.Asked, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range d.asked {
		if q.ID == id && q.From.ID == who.ID {
			return ca.Asked{Request: q, Certificate: d.rows[0]}, d.err
		}
	}
	return ca.Asked{}, ca.NotFound(ca.E2101, "there is no such request", "ask for one")
}

func (d *desk) Count(context.Context, ca.Actor, ca.Filter) (int64, error) { return 1284, d.err }

func (d *desk) Events(_ context.Context, _ ca.Actor, f ca.EventFilter) ([]ca.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.eventFilters = append(d.eventFilters, f)
	return []ca.Event{{ID: ca.NewID(40, 9), Kind: "issued", By: "uid:1", At: clock, About: "x", Leaf: []byte("leaf")}}, d.err
}

// Leaves has five.
func (d *desk) Leaves(_ context.Context, _ ca.Actor, from int64, limit int) ([][]byte, error) {
	all := [][]byte{[]byte("0"), []byte("1"), []byte("2"), []byte("3"), []byte("4")}
	all = all[min(from, 5):]
	return all[:min(len(all), limit)], d.err
}

// Policies has two.
func (d *desk) Policies(_ context.Context, _ ca.Actor, below int64, limit int) ([]ca.PolicyVersion, error) {
	all := []ca.PolicyVersion{}
	for _, v := range []ca.PolicyVersion{{Version: 2, Leaf: 9, Changes: []string{"profile server changed"}}, {Version: 1, Leaf: 3, Changes: []string{}}} {
		if v.Leaf < below && len(all) < limit {
			all = append(all, v)
		}
	}
	return all, d.err
}

// Proof knows three leaves.
func (d *desk) Proof(_ context.Context, _ ca.Actor, q ca.ProofWish) (ca.Proof, error) {
	if q.Leaf >= 3 {
		return ca.Proof{}, ca.NotFound(ca.E2101, "not yet", "wait")
	}
	return ca.Proof{Checkpoint: "origin\n3\n", Size: 3, Inclusion: make([]ca.Digest, q.Leaf+1), Consistency: make([]ca.Digest, q.Since)}, d.err
}

func (d *desk) Rehearse(_ context.Context, _ ca.Actor, t ca.Trial) (ca.Rehearsal, error) {
	return ca.Rehearsal{Profile: t.Document}, d.err
}

func (d *desk) Explain(_ context.Context, _ ca.Actor, ref string) (ca.Provenance, error) {
	return ca.Provenance{Certificate: ca.Certificate{Common: ref}}, d.err
}

func (d *desk) Try(_ context.Context, q ca.Request, _ ca.CSR, document string) (ca.Plan, error) {
	return ca.Plan{Draft: ca.Draft{Profile: document}}, d.err
}

func (d *desk) PlanToken(context.Context, ca.Actor, string, ca.Scope, int) (ca.TokenView, error) {
	return ca.TokenView{}, nil
}

func (d *desk) PlanTokenEnd(context.Context, ca.Actor, string) (ca.TokenView, error) {
	return ca.TokenView{}, nil
}

// Annotate changes the first row.
func (d *desk) Annotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error) {
	i, err := d.PlanAnnotate(ctx, who, ref, change, unchanged)
	if err == nil {
		d.rows[0] = i.Certificate
	}
	return i, err
}

func (d *desk) PlanAnnotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error) {
	i, err := d.Find(ctx, who, ref)
	if err == nil {
		err = unchanged(i)
	}
	if err == nil {
		i.Certificate.Annotation, err = change.Of(i.Certificate.Annotation)
	}
	return i, err
}

func (d *desk) PlanRenew(context.Context, ca.Actor, ca.Renewing) (ca.Plan, error) {
	return ca.Plan{}, d.err
}

func (d *desk) PlanDecide(context.Context, ca.Actor, int64, ca.Decision) error { return d.err }

// PlanList foresees as many entries as days, and one.
func (d *desk) PlanList(_ context.Context, _ ca.Actor, authority string, days int) (ca.List, error) {
	return ca.List{Authority: authority, Entries: days + 1}, d.err
}

func (d *desk) Unknown(context.Context, ca.Actor) ([]ca.Unknown, error) { return nil, d.err }

func (d *desk) Decide(context.Context, ca.Actor, int64, ca.Decision) error { return d.err }

func (d *desk) PlanFeed(_ context.Context, _ ca.Actor, authority string) (ca.Feed, error) {
	return ca.Feed{Authority: authority}, d.err
}

func (d *desk) PublishFeed(_ context.Context, _ ca.Actor, authority string) (ca.Feed, error) {
	return ca.Feed{Authority: authority, Number: 7}, d.err
}

func (d *desk) PublishList(_ context.Context, _ ca.Actor, q ca.ListWish) (ca.List, error) {
	return ca.List{Authority: q.Authority, Entries: q.Days}, d.err
}

// Published knows the root's lists alone.
func (d *desk) Published(name string) (ca.ListHead, bool) {
	authority, scope, _ := ca.SplitListName(name)
	return ca.ListHead{Authority: authority, Scope: scope, Number: 7, ThisUpdate: clock, NextUpdate: clock}, authority == "root-g1"
}

func (d *desk) Status(context.Context, ca.Actor) (ca.Status, error) {
	return ca.Status{Version: "test", Sealed: true}, d.err
}

// A bench is a door on a real socket.
type bench struct {
	*desk
	t    *testing.T
	http *http.Client
	log  *bytes.Buffer
}

func open(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, log: new(bytes.Buffer), desk: &desk{rows: []ca.Certificate{
		{ID: ca.NewID(40, 9), Authority: "issuing-g1", Serial: "0a1b2c3d4e5f6071", DER: []byte("leaf"), Common: "nas.lab.example"},
		{ID: ca.NewID(40, 8), Authority: "issuing-g1", Serial: "1234567890123456", Kind: ca.Void},
	}}}
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	s := Server(New(Options{Submitter: b.desk, Reader: b.desk, Recorder: b.desk, Rehearser: b.desk, Explainer: b.desk, Keeper: b.desk, Owner: b.desk, Revoker: b.desk, Publisher: b.desk, Officer: b.desk, Clerk: b.desk, Lists: b.desk, Public: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.URL.String(), http.StatusNotFound) // and says what was asked for
	}), Log: log, Now: func() time.Time { return clock }}), log)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	b.http = &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return b
}

// An answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes a call; headers are pairs of name and value.
func (b *bench) send(method, path string, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(method, "http://chancery"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost || method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := io.ReadAll(a.Body)
	if err := errors.Join(err, a.Body.Close()); err != nil {
		b.t.Fatal(err)
	}
	return answer{a.StatusCode, a.Header, data}
}

// problem reads an answer that must be a problem document.
func (b *bench) problem(a answer) respond.Document {
	b.t.Helper()
	if ct := a.header.Get("Content-Type"); ct != respond.ProblemType {
		b.t.Fatalf("status %d comes as %q: %s", a.status, ct, a.body)
	}
	var d respond.Document
	if err := json.Unmarshal(a.body, &d); err != nil {
		b.t.Fatal(err)
	}
	if d.Status != a.status || d.Instance != a.header.Get("X-Request-Id") || d.Instance == "" || d.Title == "" || d.Type != respond.TypePrefix+words(d.Code) {
		b.t.Errorf("the document does not fit its answer: %s", a.body)
	}
	return d
}

// words are those of a code.
func words(c ca.Code) string {
	e, _ := ca.Explain(c)
	return e.Words
}

// request makes a certification request in DER.
func request(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "nas.lab.example"}, DNSNames: []string{"nas.lab.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asPEM(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// body writes a JSON object of strings and numbers.
func body(t testing.TB, members map[string]any) string {
	t.Helper()
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// PR-03: an account without a role is refused before its call is read, whatever
// it sends.
func TestWhoHasNoRoleIsRefusedUnread(t *testing.T) {
	b := open(t)
	b.shut = ca.Forbidden(ca.E1305, "the account has no role here", "ask for one")
	for _, c := range [][3]string{
		{"POST", "/api/v1/requests", "{"},
		{"POST", "/api/v1/requests?dry_run=maybe", ""},
		{"POST", "/api/v1/requests:batch", "{"},
		{"GET", "/api/v1/requests/x", ""},
		{"GET", "/api/v1/openapi.json", ""},
		{"DELETE", "/api/v1/certificates", ""},
		{"GET", "/api/v1/certificates", ""},
		{"GET", "/api/v1/certificates/x", ""},
		{"GET", "/api/v1/authorities", ""},
		{"GET", "/api/v1/authorities/root-g1", ""},
		{"GET", "/api/v1/profiles", ""},
		{"GET", "/api/v1/status", ""},
		{"GET", "/no/such/../path", ""},
	} {
		a := b.send(c[0], c[1], c[2])
		if d := b.problem(a); a.status != http.StatusForbidden || d.Code != ca.E1305 || d.Fix != "ask for one" {
			t.Errorf("%v: %d %s", c, a.status, a.body)
		}
		if who := b.admitted[len(b.admitted)-1]; who.UID != os.Getuid() || who.ID != "uid:"+strconv.Itoa(os.Getuid()) || who.Method != "peer" {
			t.Errorf("asked for %+v", who)
		}
	}
	if len(b.asked)+b.planned+len(b.refs)+len(b.filters) > 0 {
		t.Error("a call reached the registrar")
	}
}

// The door is the socket's, not the client's to say.
func TestNobodyChoosesTheirDoor(t *testing.T) {
	b := open(t)
	for i, h := range [][]string{{}, {"Door", "api"}, {"X-Door", "acme"}, {"X-Forwarded-For", "10.0.0.1"}, {"Forwarded", "for=10.0.0.1"}, {"Via", "1.1 proxy"}} {
		good := body(t, map[string]any{"csr": asPEM("CERTIFICATE REQUEST", request(t)), "profile": "server"})
		if a := b.send("POST", "/api/v1/requests", good, h...); a.status != http.StatusCreated || b.asked[i].Door != ca.DoorCLI || b.asked[i].From.UID != os.Getuid() {
			t.Errorf("%v: %d, %+v", h, a.status, b.asked[i])
		}
	}
	for _, field := range []string{"door", "actor", "uid", "id"} {
		if a := b.send("POST", "/api/v1/requests", body(t, map[string]any{"csr": "x", "profile": "server", field: "api"})); a.status != http.StatusBadRequest {
			t.Errorf("the body may say %s: %d", field, a.status)
		}
	}
}
