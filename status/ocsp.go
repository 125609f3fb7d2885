// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/ocsp"
)

const (
	// defaultOCSPAge is how long caches on the way may keep an answer: a revocation is
	// seen after that at the latest (security rule RV-02).
	defaultOCSPAge = 5 * time.Second
	// defaultOCSPRoom bounds the kept answers in octets: some 400 000 that a P-256 key
	// signed. What has no place is signed again when it is asked for.
	defaultOCSPRoom = 64 << 20
	// askWait is how long one waits for the signer. Those who ask wait a few seconds and
	// then ask another responder, or none.
	askWait = 4 * time.Second
	// trueFor is how long it is believed that nobody else has revoked, while the book is out
	// of reach.
	trueFor = 5 * time.Second
)

// A Responder says how certificates stand, and signs it.
type Responder interface {
	// OCSP gives an answer for each wish, in order. An error leaves all unanswered.
	OCSP(ctx context.Context, wishes []ca.OCSPWish) ([]ca.OCSPAnswer, error)
}

// An Index is what the book knows of serial numbers. It is never believed about how a
// certificate stands.
type Index interface {
	// Located gives the id of a serial number's row, void rows included; zero if there is
	// none.
	Located(ctx context.Context, issuerKey ca.Digest, serial ca.Serial) (ca.ID, error)
	// Steps gives revocations that entered the book behind those of since, which has the
	// newest known of each log; more says that there are more. Of a log that since does not
	// name it gives the newest alone. logs is how many nodes ever wrote.
	Steps(ctx context.Context, since map[uint16]ca.ID) (steps []ca.Revocation, logs int, more bool, err error)
}

// OCSPOptions are what the OCSP door needs. All but the sizes must be set.
type OCSPOptions struct {
	Shelf     Shelf
	Index     Index
	Responder Responder
	Log       *slog.Logger
	Now       func() time.Time
	// Apart says that another process takes the revocations: each look at the book, and no
	// call of Changed, tells of them.
	Apart bool
	// Age is how long caches on the way may keep an answer, Room what answers may take here
	// in octets; zero is the default.
	Age  time.Duration
	Room int
}

// An OCSP is the door for those who ask how a certificate stands (RFC 6960, RFC 5019).
// It keeps what was signed, and has it signed again when half of its life is over; what
// it keeps never outlives a step that was taken (security rule RV-07). Run must be
// running.
type OCSP struct {
	o      OCSPOptions
	named  atomic.Pointer[issuers] // nil until somebody has vouched for the authorities
	kept   *answers
	places places
	queue  chan *question
	due    chan *question // to be signed again
	counts counts

	mu sync.Mutex // held for a look and a change
	// renewing are the sums of those in due, and of the one that is being signed again.
	renewing map[uint64]struct{}
	// seen has the newest revocation known of each log.
	seen   map[uint16]ca.ID
	toldAt time.Time

	// trueAt is when the book was last read, in seconds since 1970; alone says that no
	// other node writes there. Each answer looks at them, hence without the lock.
	trueAt atomic.Int64
	alone  atomic.Bool
	// expires is the last value of that header, which holds for a second.
	expires atomic.Pointer[stamp]
}

// counts are those of OCSPStats.
type counts struct{ good, revoked, unknown, failed, hits, signed atomic.Int64 }

// NewOCSP makes the door.
func NewOCSP(o OCSPOptions) *OCSP {
	if o.Age <= 0 {
		o.Age = defaultOCSPAge
	}
	if o.Room <= 0 {
		o.Room = defaultOCSPRoom
	}
	return &OCSP{o: o, kept: newAnswers(o.Room), queue: make(chan *question, maxQuestions), due: make(chan *question, maxDue),
		renewing: map[uint64]struct{}{}, seen: map[uint16]ca.ID{}}
}

// Beside answers what is asked below /ocsp, and leaves the rest to another. It takes the
// path as it came: a ServeMux would send who asks for base64 with two slashes in it to
// another address.
func (o *OCSP) Beside(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; path == "/ocsp" || strings.HasPrefix(path, "/ocsp/") {
			o.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// ServeHTTP answers GET /ocsp/{generation}/{base64} and POST /ocsp/{generation}, and both
// without a generation. Which authority is asked the CertID says alone: clients are told
// one address for whole chains.
func (o *OCSP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var der []byte
	var err error
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		der, err = ocsp.FromPath(o.carried(rawPath(r)))
	case http.MethodPost:
		der, err = posted(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "OCSP is asked by GET or POST", http.StatusMethodNotAllowed)
		return
	}
	var q ocsp.Request
	if err == nil {
		q, err = ocsp.Parse(der)
	}
	var said spoken
	if err == nil {
		said, err = o.answer(r.Context(), q)
	}
	if err != nil {
		o.fail(w, err)
		return
	}
	o.write(w, r, said, len(q.Nonce) > 0)
}

// rawPath is the path of a request as it came, which nobody has cleaned or unescaped.
func rawPath(r *http.Request) string {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return r.URL.EscapedPath() // a proxy was asked, with a whole address
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// carried is what a path holds behind the name of a generation, if one is there: no
// base64 has a dash, or is as short as a name without one.
func (o *OCSP) carried(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/ocsp"), "/")
	if name, rest, ok := strings.Cut(path, "/"); ok && listName(name) {
		return rest
	}
	return path
}

// posted reads the body of a POST (RFC 6960 appendix A.1).
func posted(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media), "application/ocsp-request") {
		return nil, ocsp.ErrMalformed
	}
	if r.ContentLength > ocsp.MaxRequest {
		return nil, ocsp.ErrMalformed
	}
	body := http.MaxBytesReader(w, r.Body, ocsp.MaxRequest)
	der := make([]byte, 0, max(512, r.ContentLength+1))
	for {
		n, err := body.Read(der[len(der):cap(der)])
		der = der[:len(der)+n]
		var large *http.MaxBytesError
		switch {
		case err == nil && len(der) == cap(der):
			der = append(der, 0)[:len(der)]
		case errors.As(err, &large):
			return nil, ocsp.ErrMalformed
		case err != nil:
			return der, nil // whatever is missing, Parse finds
		}
	}
}

// A spoken is an answer, and what it says of itself.
type spoken struct {
	der []byte
	// this is when it was said, next when the first of it ends.
	this, next time.Time
}

// tryLater and unauthorized are refusals of OCSP (RFC 6960 §2.3).
var (
	errTryLater     = errors.New("the truth is out of reach")
	errUnauthorized = errors.New("no certificate of an authority here")
)

// answer says how certificates stand.
func (o *OCSP) answer(ctx context.Context, q ocsp.Request) (spoken, error) {
	n := o.named.Load()
	if n == nil {
		return spoken{}, errTryLater // nobody has vouched for the authorities yet
	}
	by := -1
	for i := range q.IDs {
		if by = n.find(&q.IDs[i]); by >= 0 {
			break
		}
	}
	if by < 0 {
		return spoken{}, errUnauthorized
	}
	asked := &question{names: n, by: by, ids: q.IDs, nonce: q.Nonce}
	if len(q.IDs) > 1 || len(q.Nonce) > 0 {
		return o.ask(ctx, asked)
	}
	asked.keep, asked.key = true, keyOf(by, &q.IDs[0])
	now := o.o.Now()
	a, ok := o.kept.get(n, asked.key)
	if !ok || !a.fits(now) || a.single.Status == ca.OCSPGood && !o.current(now) {
		asked.before = o.kept.before(asked.key)
		return o.ask(ctx, asked)
	}
	o.counts.hits.Add(1)
	o.count(a.single.Status)
	if a.half(now) {
		asked.before = o.kept.before(asked.key)
		o.again(asked)
	}
	der, err := a.whole(q.IDs[0])
	return spoken{der, a.single.ThisUpdate, a.single.NextUpdate}, err
}

// count counts what was said.
func (o *OCSP) count(s ca.OCSPStatus) {
	switch s {
	case ca.OCSPGood:
		o.counts.good.Add(1)
	case ca.OCSPRevoked:
		o.counts.revoked.Add(1)
	default:
		o.counts.unknown.Add(1)
	}
}

// fail answers with one of the RFC's refusals, which nobody signs and nobody may keep
// (RFC 5019 §6.2).
func (o *OCSP) fail(w http.ResponseWriter, err error) {
	status := encode.OCSPInternal
	switch {
	case errors.Is(err, ocsp.ErrMalformed):
		status = encode.OCSPMalformed
	case errors.Is(err, ocsp.ErrForeign), errors.Is(err, errUnauthorized):
		status = encode.OCSPUnauthorized
	case errors.Is(err, errTryLater):
		status = encode.OCSPTryLater
	default:
		o.o.Log.Error("an OCSP response cannot be made", "error", err)
	}
	o.counts.failed.Add(1)
	der, err := encode.FailedOCSP(status)
	if err != nil { // there is no other status above
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/ocsp-response")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(der) // whoever is gone is gone
}
