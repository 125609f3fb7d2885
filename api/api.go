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
// decides who may do what, as the others do; the door says who asks.
type Submitter interface {
	// Admit says whether somebody may use this door at all.
	Admit(ctx context.Context, who ca.Actor) error
	// Refuse notes what the door itself refused.
	Refuse(who ca.Actor, err error)
	// Submit asks for a certificate and waits for it.
	Submit(ctx context.Context, q ca.Request, c ca.CSR) (ca.Issued, error)
	// Plan says what Submit would make of a request now.
	Plan(ctx context.Context, q ca.Request, c ca.CSR) (ca.Plan, error)
	// Request gives a request that was submitted, with its certificate.
	Request(ctx context.Context, who ca.Actor, id ca.RequestID) (ca.Asked, error)
}

// A Reader tells what there is.
type Reader interface {
	// Find gives the one certificate that a public name, a serial, a serial's tail
	// or a name means: E2101 if there is none, E2102 if there are more.
	Find(ctx context.Context, who ca.Actor, ref string) (ca.Issued, error)
	// List gives a page.
	List(ctx context.Context, who ca.Actor, f ca.Filter) ([]ca.Certificate, error)
	Authorities(ctx context.Context, who ca.Actor) ([]ca.Authority, error)
	Profiles(ctx context.Context, who ca.Actor) ([]ca.Profile, error)
	Status(ctx context.Context, who ca.Actor) (ca.Status, error)
}

// A Recorder tells what happened.
type Recorder interface {
	// Count says how many certificates a List has in all pages.
	Count(ctx context.Context, who ca.Actor, f ca.Filter) (int64, error)
	// Events gives a page of events, newest first.
	Events(ctx context.Context, who ca.Actor, f ca.EventFilter) ([]ca.Event, error)
	// Leaves gives durable leaves of the log from an index on, without gaps.
	Leaves(ctx context.Context, who ca.Actor, from int64, limit int) ([][]byte, error)
	// Proof gives the log's newest checkpoint, with proofs.
	Proof(ctx context.Context, who ca.Actor, q ca.ProofWish) (ca.Proof, error)
	// Policies gives the policies that were put in force below a leaf, newest first.
	Policies(ctx context.Context, who ca.Actor, below int64, limit int) ([]ca.PolicyVersion, error)
}

// An Explainer says how certificates came about.
type Explainer interface {
	// Explain says who asked for a certificate, by which rules it was issued, and what
	// became of it; the error is Reader.Find's.
	Explain(ctx context.Context, who ca.Actor, ref string) (ca.Provenance, error)
}

// Options are what the door needs. All must be set.
type Options struct {
	Submitter Submitter
	Reader    Reader
	Recorder  Recorder
	Revoker   Revoker
	Publisher Publisher
	Owner     Owner
	Officer   Officer
	Keeper    Keeper
	Rehearser Rehearser
	Explainer Explainer
	Clerk     Clerk
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
	d.route(operations())
	d.mux.Handle("GET /pki/", o.Public)
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

func (d *door) answer(v verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := v(w, r); err != nil {
			respond.Fail(w, r, d.o.Log, err)
		}
	}
}

func noSuchPath() *ca.Problem {
	return ca.NotFound(ca.E2101, "there is nothing at this path", "the paths begin with /api/v1/; /api/v1/openapi.json describes them")
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
