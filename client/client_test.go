// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"chancery/api"
	"chancery/ca"
)

var clock = time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)

// A desk is a registrar with one certificate; it keeps what it was asked last.
type desk struct {
	asked  ca.Request
	filter ca.Filter
	ref    string
	proof  ca.KeyProof
	guess  ca.Guess
	err    error
}

var (
	row = ca.Certificate{
		ID: ca.NewID(40, 9), Kind: ca.EndEntity, IssuerKey: ca.Digest{1}, Serial: "0a1b", Authority: "issuing-g1", Request: "r", Profile: "server",
		ProfileDigest: ca.Digest{2}, Owner: "uid:1", Door: ca.DoorAPI, Names: []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}}, Common: "nas",
		Key: ca.Digest{3}, KeyType: "ed25519", NotBefore: clock, NotAfter: clock, IssuedAt: clock, DER: []byte("leaf"), Undelivered: true, Status: "valid",
	}
	issued    = ca.Issued{Certificate: row, Chain: [][]byte{[]byte("issuing"), []byte("root")}, Notices: []string{"n"}, Repeated: true}
	plan      = ca.Plan{Draft: ca.Draft{Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "nas"}}, Names: row.Names, SPKI: []byte{1}, Key: ca.Digest{3}, KeyType: "ed25519", NotBefore: clock, NotAfter: clock, Use: []string{"server"}, Authority: "issuing-g1", Profile: "server", ProfileDigest: ca.Digest{2}}, Notices: []string{"n"}}
	authority = ca.Authority{Name: "issuing-g1", Line: "issuing", Key: ca.Digest{1}, Certificate: []byte("issuing"), NotBefore: clock, NotAfter: clock}
	profile   = ca.Profile{Schema: 1, Name: "server", Line: "issuing", Doors: []ca.Door{ca.DoorAPI}, Use: []string{"server"}, Days: 1, MaxDays: 2, Strict: true, Keys: []string{"ed25519"}, Names: ca.NameRules{Max: 3, DNS: []string{"*"}, FromCN: true}, Subject: ca.SubjectRules{CommonName: "drop", CommonNameInNames: true}, Digest: ca.Digest{2}}
	status    = ca.Status{Version: "v", Leaves: 7, Problem: ca.Locked(ca.E3001, "d", "f"), BundleExpires: clock}
)

func (d *desk) RevokeByKey(_ context.Context, _ ca.Actor, p ca.KeyProof) (ca.Aftermath, error) {
	d.proof = p
	c := row
	c.Revoked = &ca.Revoked{Reason: ca.Superseded}
	return ca.Aftermath{Certificate: c}, d.err
}

func (d *desk) RevokeByChallenge(_ context.Context, _ ca.Actor, g ca.Guess) (ca.Aftermath, error) {
	d.guess = g
	c := row
	c.Revoked = &ca.Revoked{Reason: g.Reason}
	return ca.Aftermath{Certificate: c}, d.err
}

func (d *desk) PlanRevokeByChallenge(_ context.Context, _ ca.Actor, g ca.Guess) (ca.Aftermath, error) {
	d.guess = g
	return ca.Aftermath{Certificate: row}, d.err
}

func (d *desk) PlanRevokeByKey(_ context.Context, _ ca.Actor, p ca.KeyProof) (ca.Aftermath, error) {
	d.proof = p
	return ca.Aftermath{Certificate: row}, d.err
}

func (d *desk) Admit(context.Context, ca.Actor) error { return nil }

func (d *desk) Refuse(ca.Actor, error) {}

func (d *desk) Submit(_ context.Context, q ca.Request, _ ca.CSR) (ca.Issued, error) {
	d.asked = q
	return issued, d.err
}

func (d *desk) Plan(_ context.Context, q ca.Request, _ ca.CSR) (ca.Plan, error) {
	d.asked = q
	return plan, d.err
}

func (d *desk) Find(_ context.Context, _ ca.Actor, ref string) (ca.Issued, error) {
	d.ref = ref
	return issued, d.err
}

func (d *desk) List(_ context.Context, _ ca.Actor, f ca.Filter) ([]ca.Certificate, error) {
	d.filter = f
	return []ca.Certificate{row}, d.err
}
func (d *desk) Authorities(context.Context, ca.Actor) ([]ca.Authority, error) {
	return []ca.Authority{authority}, d.err
}
func (d *desk) Profiles(context.Context, ca.Actor) ([]ca.Profile, error) {
	return []ca.Profile{profile}, d.err
}
func (d *desk) Status(context.Context, ca.Actor) (ca.Status, error) { return status, d.err }

func (d *desk) Revoke(_ context.Context, _ ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	d.ref = ref
	return ca.Aftermath{Certificate: ca.Certificate{Serial: "4107", Revoked: &ca.Revoked{Reason: why.Reason, InvalidSince: why.InvalidSince, Step: 1, At: clock}}}, d.err
}

func (d *desk) PlanRevoke(_ context.Context, _ ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	d.ref = "plan " + ref
	return ca.Aftermath{Certificate: ca.Certificate{Revoked: &ca.Revoked{Reason: why.Reason, InvalidSince: why.InvalidSince, Step: 1}}}, d.err
}

func (d *desk) Request(_ context.Context, _ ca.Actor, id ca.RequestID) (ca.Asked, error) {
	return ca.Asked{Request: ca.Request{ID: id, Profile: "server", At: clock}, Certificate: row}, d.err
}

func (d *desk) Count(context.Context, ca.Actor, ca.Filter) (int64, error) { return 1284, d.err }

func (d *desk) Events(_ context.Context, _ ca.Actor, f ca.EventFilter) ([]ca.Event, error) {
	return []ca.Event{{ID: 9, Kind: f.Kind, By: f.Actor, At: f.Since, Leaf: []byte("leaf")}}, d.err
}

func (d *desk) Leaves(context.Context, ca.Actor, int64, int) ([][]byte, error) {
	return [][]byte{[]byte("leaf")}, d.err
}

func (d *desk) Policies(_ context.Context, _ ca.Actor, below int64, _ int) ([]ca.PolicyVersion, error) {
	return []ca.PolicyVersion{{Version: below % 10, Leaf: 4}}, d.err
}

func (d *desk) Rehearse(_ context.Context, _ ca.Actor, t ca.Trial) (ca.Rehearsal, error) {
	return ca.Rehearsal{Profile: t.Document}, d.err
}

func (d *desk) Try(_ context.Context, _ ca.Request, _ ca.CSR, document string) (ca.Plan, error) {
	return ca.Plan{Draft: ca.Draft{Profile: document}}, d.err
}

func (d *desk) PlanToken(context.Context, ca.Actor, string, ca.Scope, int) (ca.TokenView, error) {
	return ca.TokenView{}, nil
}

func (d *desk) PlanTokenEnd(context.Context, ca.Actor, string) (ca.TokenView, error) {
	return ca.TokenView{}, nil
}

func (d *desk) Unknown(context.Context, ca.Actor) ([]ca.Unknown, error) {
	return []ca.Unknown{{Index: 7, Serial: "4107", At: clock, NotAfter: clock}}, d.err
}

func (d *desk) Decide(_ context.Context, _ ca.Actor, index int64, n ca.Decision) error {
	d.ref = fmt.Sprintf("%d %v %s", index, n.Void, n.DER)
	return d.err
}

func (d *desk) PlanFeed(_ context.Context, _ ca.Actor, authority string) (ca.Feed, error) {
	return ca.Feed{Authority: authority}, d.err
}

func (d *desk) PublishFeed(_ context.Context, _ ca.Actor, authority string) (ca.Feed, error) {
	return ca.Feed{Authority: authority, Number: 7}, d.err
}

func (d *desk) PublishList(_ context.Context, _ ca.Actor, q ca.ListWish) (ca.List, error) {
	return ca.List{Authority: q.Authority, Number: int64(q.Days), NextUpdate: clock}, d.err
}

func (d *desk) Published(name string) (ca.ListHead, bool) {
	authority, scope, _ := ca.SplitListName(name)
	return ca.ListHead{Authority: authority, Scope: scope, Number: 7, ThisUpdate: clock, NextUpdate: clock}, true
}

// serve puts a handler behind a socket and gives the socket's path.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := api.Server(h, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return path
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T) (*Client, *desk) {
	t.Helper()
	d := new(desk)
	return dial(t, serve(t, api.New(api.Options{Submitter: d, Reader: d, Recorder: d, Rehearser: d, Owner: d, Revoker: d, Publisher: d, Officer: d, Clerk: d, Lists: d, Public: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock }}))), d
}

func request(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"nas.lab.example"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// What the registrar gave comes out at the other end: no field is lost for want of
// a JSON name.
func TestEachAnswerArrivesWhole(t *testing.T) {
	c, d := open(t)
	ctx, der := t.Context(), request(t)
	listed := row
	listed.DER = nil
	order := Order{CSR: der, Profile: "server", Days: 3, Key: "k"}
	for name, one := range map[string]struct {
		got  func() (any, error)
		want any
	}{
		"Issue":        {func() (any, error) { return c.Issue(ctx, order) }, issued},
		"Plan":         {func() (any, error) { return c.Plan(ctx, order) }, plan},
		"Certificate":  {func() (any, error) { return c.Certificate(ctx, "0a1b") }, issued},
		"Certificates": {func() (any, error) { return c.Certificates(ctx, ca.Filter{Limit: 1}) }, Page{[]ca.Certificate{listed}, ca.Cursor{Order: ca.ByID, ID: row.ID}}},
		"last page":    {func() (any, error) { return c.Certificates(ctx, ca.Filter{}) }, Page{Items: []ca.Certificate{listed}}},
		"Authorities":  {func() (any, error) { return c.Authorities(ctx) }, []ca.Authority{authority}},
		"Authority":    {func() (any, error) { return c.Authority(ctx, "issuing-g1") }, authority},
		"Profiles":     {func() (any, error) { return c.Profiles(ctx) }, []ca.Profile{profile}},
		"Status":       {func() (any, error) { return c.Status(ctx) }, status},
	} {
		if got, err := one.got(); err != nil || !reflect.DeepEqual(got, one.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, one.want)
		}
	}
	if d.asked.Key != "k" || string(d.asked.CSR) != string(der) || !d.asked.NotAfter.Equal(clock.AddDate(0, 0, 3)) {
		t.Errorf("asked %+v", d.asked)
	}
}

func TestFiltersAndReferencesArriveAsMeant(t *testing.T) {
	c, d := open(t)
	want := ca.Filter{Name: "*.a b&c=d", Authority: "g", Profile: "p", Owner: "uid:1", ExpiringBefore: clock, Status: "valid", Now: clock, After: row.ID, Limit: 3}
	if _, err := c.Certificates(t.Context(), want); err != nil || !reflect.DeepEqual(d.filter, want) {
		t.Errorf("%v: %+v", err, d.filter)
	}
	for _, ref := range []string{"0a:1b", "spiffe://lab.example/nas?x#y", "100% sure", "Hana Nováková", "list?limit=1"} {
		if _, err := c.Certificate(t.Context(), ref); err != nil || d.ref != ref {
			t.Errorf("%q arrives as %q: %v", ref, d.ref, err)
		}
	}
	d.ref = ""
	for _, ref := range []string{"", ".", "..", "../status", "../../../etc/passwd"} {
		var p *ca.Problem
		if _, err := c.Certificate(t.Context(), ref); !errors.As(err, &p) || p.Code != ca.E2101 || d.ref != "" {
			t.Errorf("%q: %v, asked %q", ref, err, d.ref)
		}
	}
}

func TestAProblemArrivesAsItWas(t *testing.T) {
	c, d := open(t)
	want := ca.Refused(ca.E2107, "d", "f").Because("w").At("dns[2]")
	d.err = fmt.Errorf("submit: %w", want)
	_, err := c.Issue(t.Context(), Order{CSR: request(t), Profile: "server"})
	var p *ca.Problem
	if !errors.As(err, &p) || *p != *want {
		t.Errorf("%v", err)
	}
	_, err = c.Issue(t.Context(), Order{CSR: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), Profile: "server"})
	if !errors.As(err, &p) || p.Code != ca.E2203 || !strings.Contains(p.Detail, "CERTIFICATE") {
		t.Errorf("%v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none.sock"), dead, dir} {
		var p *ca.Problem
		if _, err := Dial(path); !errors.As(err, &p) || p.Code != ca.E1201 || !strings.Contains(p.Detail, path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A service that went away in the midst is told apart from one that is not there, and whoever
// may type the same again is told so.
func TestAServiceThatWentAwayInTheMidst(t *testing.T) {
	c := dial(t, serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
	revoke := func() error { _, err := c.Revoke(t.Context(), "nas", ca.Withdrawal{}); return err }
	for name, one := range map[string]struct {
		do  func() error
		fix string
	}{
		"revoking":   {revoke, "the same again"},
		"publishing": {func() error { _, err := c.PublishDue(t.Context(), "issuing-g1"); return err }, "the same again"},
		"reading":    {func() error { _, err := c.Authorities(t.Context()); return err }, "the same again"},
		"signing":    {func() error { _, err := c.Issue(t.Context(), Order{Key: "once"}); return err }, "look whether it was done"},
	} {
		var p *ca.Problem
		if err := one.do(); !errors.As(err, &p) || p.Code != ca.E1201 || !strings.Contains(p.Detail, "went away") || !strings.Contains(p.Fix, one.fix) || strings.Contains(p.Fix, "serve") {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestALinkToTheSocketIsFollowed(t *testing.T) {
	path := serve(t, http.NotFoundHandler())
	long := filepath.Join(t.TempDir(), strings.Repeat("l", 150))
	if err := os.Symlink(path, long); err != nil {
		t.Fatal(err)
	}
	dial(t, long)
}

func TestWhatIsNotTheServiceIsToldApart(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"text":       func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"an empty problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			fmt.Fprint(w, "{}")
		},
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"version":"v"`)
		},
	} {
		if s, err := dial(t, serve(t, h)).Status(t.Context()); err == nil || s.Version != "" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestRevokingAndListsArriveWhole(t *testing.T) {
	c, d := open(t)
	got, err := c.Revoke(t.Context(), "issuing-g1-41 07/..", ca.Withdrawal{Reason: ca.KeyCompromise})
	if err != nil || d.ref != "issuing-g1-41 07/.." || got.Revoked == nil || got.Revoked.Reason != ca.KeyCompromise || !got.Revoked.At.Equal(clock) {
		t.Errorf("revoked %q: %+v, %v", d.ref, got.Revoked, err)
	}
	if all, err := c.Lists(t.Context(), ca.CompleteList); err != nil || len(all) != 1 || all[0].Authority != authority.Name || all[0].Number != 7 || !all[0].NextUpdate.Equal(clock) {
		t.Errorf("the published lists: %+v, %v", all, err)
	}
	kind := ca.DeltaList
	if authority.Kind != ca.Issuing {
		kind = ca.AuthorityList
	}
	if l, err := c.List(t.Context(), authority.Name, kind); err != nil || l.Scope != kind || l.Authority != authority.Name || l.Number != 7 {
		t.Errorf("one published list: %+v, %v", l, err)
	}
	if all, err := c.Lists(t.Context(), ca.ShardList(127)); err != nil || len(all) != 0 {
		t.Errorf("the shards that there are not: %+v, %v", all, err)
	}
	if f, err := c.PublishFeed(t.Context(), "issuing-g1"); err != nil || f.Number != 7 || f.Authority != "issuing-g1" {
		t.Errorf("publish a feed: %+v, %v", f, err)
	}
	if f, err := c.PlanFeed(t.Context(), "issuing-g1"); err != nil || f.Number != 0 || f.Authority != "issuing-g1" {
		t.Errorf("plan a feed: %+v, %v", f, err)
	}
	l, err := c.PublishList(t.Context(), "issuing-g1", 9)
	if want := (ca.List{Authority: "issuing-g1", Number: 9, NextUpdate: clock}); err != nil || l != want {
		t.Errorf("published %+v, %v, want %+v", l, err, want)
	}
	if der, err := c.CRL(t.Context(), "issuing-g1"); err != nil || string(der) != "/pki/issuing-g1.crl" {
		t.Errorf("the list is %q, %v", der, err)
	}
	d.err = ca.Refused(ca.E2111, "revoked", "nothing")
	var p *ca.Problem
	if _, err := c.Revoke(t.Context(), "x", ca.Withdrawal{Reason: ca.Superseded}); !errors.As(err, &p) || p.Code != ca.E2111 {
		t.Errorf("a refusal arrives as %v", err)
	}
}

func TestProofsArriveWhole(t *testing.T) {
	c, d := open(t)
	p := ca.KeyProof{Statement: "chancery revoke v1\n", Algorithm: "ed25519", Signature: []byte{1, 2}}
	if got, err := c.RevokeByKey(t.Context(), p); err != nil || got.Certificate != row.PublicName() || got.Revoked == nil || !reflect.DeepEqual(d.proof, p) {
		t.Errorf("%+v %+v %v", got, d.proof, err)
	}
	d.proof = ca.KeyProof{}
	if got, err := c.PlanRevokeByKey(t.Context(), p); err != nil || got.Revoked != nil || !reflect.DeepEqual(d.proof, p) {
		t.Errorf("a dry run: %+v %+v %v", got, d.proof, err)
	}
	g := ca.Guess{Certificate: "issuing-g1-0a", Password: ca.Private("secret"), Withdrawal: ca.Withdrawal{Reason: ca.KeyCompromise}}
	if got, err := c.RevokeByChallenge(t.Context(), g); err != nil || got.Revoked == nil || got.Revoked.Reason != ca.KeyCompromise || !reflect.DeepEqual(d.guess, g) {
		t.Errorf("%+v %+v %v", got, d.guess, err)
	}
	d.guess = ca.Guess{}
	if got, err := c.PlanRevokeByChallenge(t.Context(), g); err != nil || got.Revoked != nil || !reflect.DeepEqual(d.guess, g) {
		t.Errorf("a dry run: %+v %+v %v", got, d.guess, err)
	}
}

func TestDecisionsArriveWhole(t *testing.T) {
	c, d := open(t)
	all, err := c.Unknown(t.Context())
	if want := (ca.Unknown{Index: 7, Serial: "4107", At: clock, NotAfter: clock}); err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], want) {
		t.Errorf("unknown are %+v, %v", all, err)
	}
	if err := c.Decide(t.Context(), 7, ca.Decision{Void: true}); err != nil || d.ref != "7 true " {
		t.Errorf("decided %q, %v", d.ref, err)
	}
	if err := c.Decide(t.Context(), 8, ca.Decision{DER: []byte("der")}); err != nil || d.ref != "8 false der" {
		t.Errorf("decided %q, %v", d.ref, err)
	}
}
