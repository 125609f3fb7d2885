// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
	"chancery/internal/socket"
)

// maxQuery is how many parameters a call may have (security rule WB-03).
const maxQuery = 32

// maxFailures is how many calls of one source may fail to sign in within a minute. A program
// with a wrong token notices after the first. maxStrange is how many calls a minute a source
// makes without an account: enough for a rack that is emptied, too few for guessing.
const maxFailures, maxStrange = 10, 30

// A Gate finds out who asks; see lifecycle.Registrar. It is asked anew with each call,
// so that nothing outlives what was withdrawn (security rule RO-03).
type Gate interface {
	// SignIn gives the actor of a token.
	SignIn(ctx context.Context, token string) (ca.Actor, error)
	// SignInBy gives the actor of a client certificate whose key the connection proved.
	SignInBy(ctx context.Context, der []byte) (ca.Actor, error)
	// Ready says what keeps the service from being of use.
	Ready(ctx context.Context) []ca.Check
}

// Guarded are what a Guard needs. All must be set.
type Guarded struct {
	Gate Gate
	// Door is the API; Public answers what everybody may fetch; see public.
	Door, Public http.Handler
	// TakesEvidence tells which calls to Door need no sign-in: they bring what proves that
	// their caller may.
	TakesEvidence func(method, path string) bool
	// Hosts are the names of this service: hosts without a port.
	Hosts []string
	Log   *slog.Logger
	Now   func() time.Time
	// NewID makes the id of a call.
	NewID func() ca.RequestID
}

// A guard stands before the door of a listener over TLS.
type guard struct {
	Guarded
	// failures are calls that did not sign in, strangers those that need not (security rule
	// WB-04).
	failures, strangers socket.Rate
	health              *Health
}

// Guard makes the handler of a listener over TLS.
func Guard(o Guarded) http.Handler {
	return &guard{Guarded: o, failures: socket.Rate{Most: maxFailures}, strangers: socket.Rate{Most: maxStrange}, health: NewHealth(o.Gate.Ready, o.Log, o.Now)}
}

// ServeHTTP answers what needs no sign-in, and lets in who has signed in.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers(w.Header())
	w.Header().Set(respond.RequestIDHeader, string(g.NewID()))
	switch r.URL.Path {
	case "/healthz", "/readyz": // for probes, which know an address and no name
		g.health.ServeHTTP(w, r)
		return
	}
	if !slices.Contains(g.Hosts, hostOf(r.Host)) {
		// An answer made for one name and fetched by another is how rebinding works
		// (security rule WB-08).
		g.fail(w, r, &respond.Refusal{Status: http.StatusMisdirectedRequest, Problem: ca.Refused(ca.E1308, "this service does not answer for the host that the call names", "call it by the name in base_url")})
		return
	}
	if strings.Count(r.URL.RawQuery, "&") >= maxQuery {
		g.fail(w, r, ca.Invalid(ca.E1401, "the query has too many parameters", "send 32 at most"))
		return
	}
	if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "none" && from != "same-origin" && r.Method != http.MethodGet {
		// A browser shows its certificate for a page of somebody else too (WB-01).
		g.fail(w, r, ca.Forbidden(ca.E1305, "a page of another site made this call", "call from a program, or type the address"))
		return
	}
	if public(r.URL.Path) {
		w.Header().Del("Cache-Control")
		g.Public.ServeHTTP(w, r)
		return
	}
	// Whoever waits longer has been given up, and must not hold a connection to the book.
	ctx, cancel := context.WithTimeout(r.Context(), requestWait)
	defer cancel()
	r = r.WithContext(ctx)
	if g.TakesEvidence(r.Method, r.URL.Path) && len(r.Header.Values("Authorization")) == 0 {
		g.stranger(w, r)
		return
	}
	who, err := g.who(r)
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	g.Door.ServeHTTP(w, r.WithContext(respond.AsActor(ctx, who)))
}

// public tells whether everybody may have what a path is of, as on the plain listener.
func public(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return path == "/" || slices.Contains([]string{"pki", "trust", "lookup", "c", "web"}, first)
}

// headers are those of every answer. There is no Strict-Transport-Security: it would
// cover the host's every port, and lists are served without TLS (RFC 6797 §8.3).
func headers(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// who finds out who asks: by the token, if the call brings one, else by the certificate
// that the connection proved. A header of any other kind grants nothing.
func (g *guard) who(r *http.Request) (ca.Actor, error) {
	if lines := r.Header.Values("Authorization"); len(lines) > 0 {
		scheme, token, ok := strings.Cut(lines[0], " ")
		if len(lines) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") { // RFC 6750 §2.1
			return ca.Actor{}, notSignedIn()
		}
		return g.Gate.SignIn(r.Context(), token)
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return g.Gate.SignInBy(r.Context(), r.TLS.PeerCertificates[0].Raw)
	}
	return ca.Actor{}, notSignedIn()
}

func notSignedIn() *ca.Problem {
	return ca.Forbidden(ca.E1306, "nobody has signed in", "chancery login ADDRESS --token-file FILE, with a token of chancery token create; a program sends it as Authorization: Bearer chy_…")
}

// sourceName is a source as the log names it.
func sourceName(remote string) string {
	if p := socket.Source(remote); p.IsValid() {
		return p.String()
	}
	return "unknown"
}

// stranger lets a call in that brings evidence and no sign-in, if its source has not made
// too many. All are counted, those too that were good: each costs as much as a guess.
func (g *guard) stranger(w http.ResponseWriter, r *http.Request) {
	if g.strangers.Exceeds(r.RemoteAddr, g.Now()) {
		w.Header().Set("Connection", "close")
		g.fail(w, r, &respond.Refusal{Status: http.StatusTooManyRequests, Problem: ca.Busy(ca.E1307, "too many calls without an account came from this address", "wait a minute, or use an account")})
		return
	}
	who := ca.Actor{ID: ca.SourcePrefix + sourceName(r.RemoteAddr), Method: ca.MethodEvidence, UID: -1}
	g.Door.ServeHTTP(w, r.WithContext(respond.AsActor(r.Context(), who)))
}

// refuse answers a call that did not sign in, and counts it. Whose token is good is never
// refused for what others at the same address do.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p *ca.Problem
	if errors.As(err, &p) && p.Kind == ca.ForbiddenKind {
		nobody := *p
		nobody.Kind = ca.UnauthenticatedKind // who it was is not settled, whatever the evidence lacked
		p = &nobody
		status := http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="chancery"`)
		if g.failures.Exceeds(r.RemoteAddr, g.Now()) {
			w.Header().Del("WWW-Authenticate")
			w.Header().Set("Connection", "close")
			status, p = http.StatusTooManyRequests, ca.Busy(ca.E1307, "too many calls from this address failed to sign in", "wait a minute, and correct the token")
		}
		err = &respond.Refusal{Status: status, Problem: p}
	}
	g.fail(w, r, err)
}

func (g *guard) fail(w http.ResponseWriter, r *http.Request, err error) {
	respond.Fail(w, r, g.Log, err)
}

// hostOf is the host of a Host header, without its port, as names are compared.
func hostOf(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.Trim(header, "[]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// HostOf is the host of an address such as base_url, in the form of Guarded.Hosts.
func HostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return hostOf(u.Host)
}

// clientCAs are the authorities whose certificates may be presented: each generation
// that is standby, active or retiring and whose chain has none that is revoked, so that
// what an older one signed renews itself (R76).
func clientCAs(all []ca.Authority) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, a := range all {
		if a.Kind != ca.Issuing || a.State == ca.Retired || ca.FallenOf(ca.Ancestry(all, a)) != "" {
			continue
		}
		for _, der := range append([][]byte{a.Certificate}, a.Earlier...) {
			if c, err := x509.ParseCertificate(der); err == nil {
				pool.AddCert(c)
			}
		}
	}
	return pool
}
