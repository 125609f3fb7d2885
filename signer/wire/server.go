// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"chancery/ca"
	"chancery/internal/socket"
	"chancery/internal/strict"
	"chancery/signer"
)

const (
	// maxBody is the ceiling of a call's body, maxBatchBody that of a call that
	// carries many items (security rule PR-04).
	maxBody, maxBatchBody = 256 << 10, 1 << 20
	// A call must have arrived, and its answer have left, within these. A batch of
	// 256 RSA-4096 signatures on one core takes 3 s.
	readWait, writeWait = 5 * time.Second, 30 * time.Second
	// maxHeader is far above what our client sends.
	maxHeader = 8 << 10
	// maxConnections bounds a socket's connections (security rule PR-04); the front
	// needs two or three.
	maxConnections = 64
)

// A Server answers on one of the signer's sockets.
type Server struct {
	Signer *signer.Signer
	// UID is the one account that may speak; others get E1303.
	UID int
	Log *slog.Logger
	// Fatal is called with an error after which the signer must not go on: the
	// process must end at once. It may be called more than once.
	Fatal func(error)

	// feeding is held while a feed is taken and signed.
	feeding sync.Mutex
	// sets counts the sets of lists that are made or read.
	sets atomic.Int32
}

// Sign serves sign.sock, the front's, until ctx ends.
func (s *Server) Sign(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	handle(mux, s, "hello", maxBody, func(_ context.Context, h signer.Hello) (ca.Session, error) { return s.Signer.Hello(h) })
	handle(mux, s, "issue", maxBatchBody, func(_ context.Context, b batch) (answers, error) {
		a, err := s.Signer.Issue(b.Session, b.Wishes)
		return answers{a}, err
	})
	handle(mux, s, "foresee", maxBatchBody, func(_ context.Context, w signer.Foreseeing) (empty, error) { return empty{}, s.Signer.Foresee(w) })
	handle(mux, s, "outcome", maxBody, func(_ context.Context, q outcome) (answers, error) {
		a, err := s.Signer.Outcome(q.Session, q.Requests)
		return answers{a}, err
	})
	handle(mux, s, "leaves", maxBody, func(_ context.Context, q leaves) (page, error) {
		records, err := s.Signer.Leaves(q.From)
		return page{records}, err
	})
	handle(mux, s, "leaf", maxBody, func(_ context.Context, q leaf) (signer.Record, error) { return s.Signer.Leaf(q.Index) })
	handle(mux, s, "policies", maxBody, func(_ context.Context, q policies) (page, error) {
		records, err := s.Signer.Policies(q.Below)
		return page{records}, err
	})
	handle(mux, s, "checkpoint", maxBody, func(_ context.Context, q ca.ProofWish) (ca.Proof, error) { return s.Signer.Checkpoint(q) })
	handle(mux, s, "settle", maxBatchBody, func(_ context.Context, b settlements) (empty, error) {
		return empty{}, s.Signer.Settle(b.Session, b.Settlements)
	})
	handle(mux, s, "append", maxBody, func(_ context.Context, e signer.FrontEvent) (ca.Placed, error) { return s.Signer.Append(e) })
	handle(mux, s, "revoke", maxBatchBody, func(_ context.Context, b revocations) (revoked, error) {
		a, err := s.Signer.Revoke(b.Session, b.Revocations)
		return revoked{a}, err
	})
	handle(mux, s, "ocsp", maxBatchBody, func(_ context.Context, q asking) (said, error) {
		a, err := s.Signer.OCSP(q.Wishes)
		return said{a}, err
	})
	mux.HandleFunc("POST /v1/crl", s.lists)
	mux.HandleFunc("POST /v1/feed-ground", s.feedGround)
	mux.HandleFunc("POST /v1/feed", s.feed)
	return s.serve(ctx, l, mux)
}

// lists answers with lists, however long they are, each behind a head. Their length is
// said first, so that the caller throws away what was broken off.
func (s *Server) lists(w http.ResponseWriter, r *http.Request) {
	q, err := read[listing](r, maxBody)
	if err != nil {
		s.Signer.Refuse(socket.Peer(r.Context()), signer.BadBody)
		s.answer(w, nil, err)
		return
	}
	if q.DryRun {
		l, err := s.Signer.PlanList(q.Session, q.ListWish)
		s.answer(w, l, err)
		return
	}
	done, err := s.unread()
	if err != nil {
		s.answer(w, nil, err)
		return
	}
	defer done()
	defer unhurried(w)()
	all, err := s.Signer.MakeLists(q.Session, q.ListWish)
	if err != nil {
		s.answer(w, nil, err)
		return
	}
	heads, octets, err := headsOf(all)
	if err != nil {
		s.answer(w, nil, errors.Join(err, all.Close()))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(octets, 10))
	for i, c := range all {
		if _, err = w.Write(heads[i]); err == nil {
			_, err = c.WriteTo(w)
		}
		if err != nil {
			s.Log.Warn("lists were not read to their end", "authority", q.Authority, "error", err)
			break
		}
	}
	if err := all.Close(); err != nil {
		s.Fatal(err)
	}
}

// Ceremony serves ceremony.sock until ctx ends.
func (s *Server) Ceremony(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	handle(mux, s, "found", maxBatchBody, func(ctx context.Context, f signer.Founding) (signer.Founded, error) {
		return s.Signer.Found(f, socket.Peer(ctx))
	})
	handle(mux, s, "unlock", maxBody, tried(s, s.Signer.Unlock))
	handle(mux, s, "lock", maxBody, func(context.Context, empty) (signer.KeyStates, error) { return s.Signer.Lock() })
	handle(mux, s, "root-list", maxBody, tried(s, s.Signer.ListRoot))
	handle(mux, s, "create", maxBody, tried(s, s.Signer.Create))
	handle(mux, s, "recertify", maxBody, tried(s, s.Signer.Recertify))
	handle(mux, s, "request", maxBody, tried(s, s.Signer.ExportCSR))
	handle(mux, s, "import", maxBatchBody, tried(s, func(q signer.Import) (signer.Created, error) {
		defer clear(q.Key)
		return s.Signer.Import(q)
	}))
	handle(mux, s, "resign", maxBatchBody, tried(s, func(q signer.Resigning) (signer.Created, error) {
		defer clear(q.Key)
		return s.Signer.Resign(q)
	}))
	mux.HandleFunc("POST /v1/inherit", s.inherit)
	handle(mux, s, "turn", maxBody, func(_ context.Context, t signer.Turn) (signer.Turned, error) { return s.Signer.Turn(t) })
	handle(mux, s, "revoke-authority", maxBody, func(ctx context.Context, q signer.AuthorityRevoking) (signer.AuthorityRevoked, error) {
		return tried(s, func(q signer.AuthorityRevoking) (signer.AuthorityRevoked, error) {
			return s.Signer.RevokeAuthority(q, socket.Peer(ctx))
		})(ctx, q)
	})
	handle(mux, s, "time-reset", maxBody, func(ctx context.Context, _ empty) (signer.TimeBody, error) {
		return s.Signer.ResetTime(socket.Peer(ctx))
	})
	handle(mux, s, "keys", maxBody, func(context.Context, empty) (signer.KeyStates, error) { return s.Signer.Keys() })
	handle(mux, s, "policy", maxBatchBody, func(_ context.Context, p signer.PolicyChange) (signer.PolicyState, error) {
		return s.Signer.SetPolicy(p)
	})
	return s.serve(ctx, l, mux)
}

// tried is a call that brings a secret: a wrong one is told, with who brought it
// (security rule KY-06).
func tried[A, Q any](s *Server, do func(Q) (A, error)) func(context.Context, Q) (A, error) {
	return func(ctx context.Context, q Q) (A, error) {
		a, err := do(q)
		if signer.WrongSecret(err) {
			s.Log.Warn("a try to unlock the keys was refused", "uid", socket.Peer(ctx), "error", err)
		}
		return a, err
	}
}

func (s *Server) serve(ctx context.Context, l net.Listener, mux *http.ServeMux) error {
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.Signer.Refuse(socket.Peer(r.Context()), signer.UnknownMethod)
		s.answer(w, nil, ca.NotFound(ca.E1401, "this socket has no such method", "use the methods of docs/sockets.md"))
	})
	h := &http.Server{
		Handler: s.guard(mux), ConnContext: socket.WithPeer, MaxHeaderBytes: maxHeader,
		ReadTimeout: readWait, WriteTimeout: writeWait, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
		defer cancel()
		done <- h.Shutdown(grace)
	})
	if err := h.Serve(socket.Limit(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the signer's socket: %w", err)
	}
	return <-done
}

// guard lets one account pass (security rule PR-03). Every call is looked at,
// though the credentials are those of the connection's start.
//
// A panic ends the process (security rule PR-07): net/http would log it and go on
// with a state that nobody has thought of. There is no answer, since its caller
// must not take the outcome for known.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				s.Fatal(fmt.Errorf("panic at %s: %v\n%s", r.URL.Path, v, debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		if uid := socket.Peer(r.Context()); uid != s.UID {
			s.Signer.Refuse(uid, signer.WrongAccount)
			s.answer(w, nil, ca.Forbidden(ca.E1303, "this socket is not for this account", "use the account the service runs the other side under").
				Because(fmt.Sprintf("account %d called, the socket takes %d", uid, s.UID)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handle enters one method: POST /v1/NAME with a JSON body of type Q, answered
// by one of type A.
func handle[Q, A any](mux *http.ServeMux, s *Server, name string, limit int64, do func(context.Context, Q) (A, error)) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		q, err := read[Q](r, limit)
		if err != nil {
			// What cannot be parsed is counted, not logged each: a hostile front must
			// not fill the log.
			s.Signer.Refuse(socket.Peer(r.Context()), signer.BadBody)
			s.answer(w, nil, err)
			return
		}
		a, err := do(r.Context(), q)
		s.answer(w, a, err)
	})
}

// read takes a call's body. It is wiped when it was read: at ceremony.sock it holds
// recovery words and keys (security rule KY-06).
func read[Q any](r *http.Request, limit int64) (Q, error) {
	var none Q
	// One octet more than there can be, so that the buffer never grows and leaves a copy.
	size := limit + 1
	if n := r.ContentLength; n >= 0 && n <= limit {
		size = n + 1
	}
	buffer := make([]byte, size)
	defer clear(buffer)
	n, err := io.ReadFull(r.Body, buffer)
	if err == nil { // there is more
		return none, ca.Invalid(ca.E1401, fmt.Sprintf("the body is larger than %d octets", limit), "send less at a time")
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || r.ContentLength >= 0 && int64(n) < r.ContentLength {
		return none, ca.Invalid(ca.E1401, "the body did not arrive whole", "send it again").Because(err.Error())
	}
	q, err := strict.Decode[Q](buffer[:n])
	if err != nil {
		return none, ca.Invalid(ca.E1401, "the body is not what this method takes", "see docs/sockets.md").Because(err.Error())
	}
	return q, nil
}

// answer writes a reply: the value, or the problem with status 422. Any other
// error is the signer's own: it ends the process, and says so first.
func (s *Server) answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	var p *ca.Problem
	switch {
	case err == nil:
	case errors.As(err, &p):
		status, v = http.StatusUnprocessableEntity, p
	default:
		status, v = http.StatusInternalServerError, ca.Unavailable(ca.E3101, "the signer failed and is restarting", "try again in a moment")
	}
	body, failed := json.Marshal(v)
	if failed != nil {
		status, err = http.StatusInternalServerError, errors.Join(err, failed)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away asks for the outcome
	if status == http.StatusInternalServerError {
		s.Fatal(err)
	}
}
