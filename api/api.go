// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net/http"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"chancery/ca"
	"chancery/internal/respond"

	"github.com/google/uuid"
)

const (
	// readWait is how long a call may take to arrive, answerWait how long until its
	// answer has left: a registrar waits up to 30 s for the signer.
	readWait, answerWait = 5 * time.Second, time.Minute
	// idleWait closes connections that nobody uses, so that they hold no place.
	idleWait = 30 * time.Second
	// maxHeader is far above what our client sends.
	maxHeader = 16 << 10
)

// A Submitter takes requests; see lifecycle.Registrar for what the errors are. It
// decides who may do what, as the Reader does; the door says who asks.
type Submitter interface {
	// Admit says whether somebody may use this door at all.
	Admit(ctx context.Context, who ca.Actor) error
	// Refuse notes what the door itself refused.
	Refuse(who ca.Actor, err error)
	// Submit asks for a certificate and waits for it.
	Submit(ctx context.Context, q ca.Request, c ca.CSR) (ca.Issued, error)
	// Plan says what Submit would make of a request now.
	Plan(ctx context.Context, q ca.Request, c ca.CSR) (ca.Plan, error)
}

// A Reader tells what there is.
type Reader interface {
	// Find gives the one certificate that a public name, a serial, a serial's tail
	// or a name means: E2101 if there is none, E2102 if there are more.
	Find(ctx context.Context, who ca.Actor, ref string) (ca.Issued, error)
	// List gives a page, newest first.
	List(ctx context.Context, who ca.Actor, f ca.Filter) ([]ca.Certificate, error)
	Authorities(ctx context.Context, who ca.Actor) ([]ca.Authority, error)
	Profiles(ctx context.Context, who ca.Actor) ([]ca.Profile, error)
	Status(ctx context.Context, who ca.Actor) (ca.Status, error)
}

// Options are what the door needs. All must be set.
type Options struct {
	Submitter Submitter
	Reader    Reader
	Revoker   Revoker
	Officer   Officer
	Lists     Lists
	// Public is the door that everybody has: its /pki/ is here too, for who may use
	// this socket and no other address.
	Public http.Handler
	Log    *slog.Logger
	Now    func() time.Time
}

// A door holds what all handlers share.
type door struct {
	o      Options
	mux    *http.ServeMux
	panics atomic.Int64 // since the start
	names  sync.Map     // of accounts, by uid
}

// New makes the door. Its server must have Peer as ConnContext, as Server's has:
// a request whose account is not known is refused with E1303.
func New(o Options) http.Handler {
	d := &door{o: o, mux: http.NewServeMux()}
	d.route("/api/v1/certificates", map[string]verb{http.MethodGet: d.list, http.MethodPost: d.submit})
	d.route("/api/v1/certificates/{ref}", map[string]verb{http.MethodGet: d.find})
	d.route("/api/v1/authorities", map[string]verb{http.MethodGet: d.authorities})
	d.route("/api/v1/authorities/{name}", map[string]verb{http.MethodGet: d.authority})
	d.route("/api/v1/revocations", map[string]verb{http.MethodPost: d.revoke})
	d.route("/api/v1/crls", map[string]verb{http.MethodGet: d.lists})
	d.route("/api/v1/crls/{name}", map[string]verb{http.MethodPost: d.publish})
	d.route("/api/v1/unsettled", map[string]verb{http.MethodGet: d.unsettled})
	d.route("/api/v1/unsettled/{index}", map[string]verb{http.MethodPost: d.decide})
	d.mux.Handle("GET /pki/", o.Public)
	d.route("/api/v1/profiles", map[string]verb{http.MethodGet: d.profiles})
	d.route("/api/v1/status", map[string]verb{http.MethodGet: d.status})
	d.mux.HandleFunc("/", d.answer(func(http.ResponseWriter, *http.Request) error { return noSuchPath() }))
	return d
}

// A verb answers, or gives the error to answer with.
type verb func(http.ResponseWriter, *http.Request) error

// ServeHTTP gives the request its id and refuses who and what has no business
// here, before a parser sees anything of it.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(respond.RequestIDHeader, string(newID(d.o.Now())))
	defer d.survive(w, r)
	who := asker(r)
	if who.ID == "" {
		respond.Fail(w, r, d.o.Log, ca.Forbidden(ca.E1303, "the account at the other end of the connection is not known", "connect to the local socket"))
		return
	}
	if err := d.o.Submitter.Admit(r.Context(), who); err != nil {
		respond.Fail(w, r, d.o.Log, err)
		return
	}
	// The mux would answer a path with dots or double slashes by a redirect. Nobody
	// who means well sends one.
	if p := r.URL.EscapedPath(); p != path.Clean(p) {
		respond.Fail(w, r, d.o.Log, noSuchPath())
		return
	}
	d.mux.ServeHTTP(w, r)
}

// route serves the verbs of a path. Other methods get 405 with what there is
// (RFC 9110 §15.5.6), as a problem document and not as the mux's line of text.
func (d *door) route(pattern string, verbs map[string]verb) {
	allow := ""
	for _, m := range []string{http.MethodGet, http.MethodPost} {
		v, ok := verbs[m]
		if !ok {
			continue
		}
		if allow != "" {
			allow += ", "
		}
		allow += m
		d.mux.HandleFunc(m+" "+pattern, d.answer(v))
	}
	d.mux.HandleFunc(pattern, d.answer(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", allow)
		return &respond.Refusal{Status: http.StatusMethodNotAllowed, Problem: ca.Invalid(ca.E1401, "this path does not take that method", "use "+allow)}
	}))
}

func (d *door) answer(v verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := v(w, r); err != nil {
			respond.Fail(w, r, d.o.Log, err)
		}
	}
}

func noSuchPath() *ca.Problem {
	return ca.NotFound(ca.E2101, "there is nothing at this path", "the paths begin with /api/v1/")
}

// newID makes a UUIDv7 (RFC 9562 §5.7) of the door's own clock, which the
// library's maker would not ask.
func newID(now time.Time) ca.RequestID {
	var id uuid.UUID
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(now.UnixMilli()))
	copy(id[:6], at[2:])
	_, _ = rand.Read(id[6:]) // never fails (crypto/rand)
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return ca.RequestID(id.String())
}
