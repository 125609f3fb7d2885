// SPDX-License-Identifier: Apache-2.0

package respond

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"chancery/ca"
)

// ProblemType is the media type of an error (RFC 9457 §3).
const ProblemType = "application/problem+json"

// A Document is a problem as it travels: the members of RFC 9457 §3.1, and those
// of ca.Problem as its extensions.
type Document struct {
	// Type is urn:chancery:error: and the words of the code: nothing to fetch, so nothing
	// that can break.
	Type string `json:"type"`
	// Title is the code's, the same for each occurrence.
	Title string `json:"title"`
	// Status repeats the HTTP status.
	Status int `json:"status"`
	// Instance is the request's id, as in X-Request-Id and in our log.
	Instance string `json:"instance,omitempty"`
	ca.Problem
	// Errors say which parts of the call are at fault, where that is known.
	Errors []Fault `json:"errors,omitempty"`
}

// A Fault is one part of a call that is at fault. One of Pointer, Parameter and Header
// says which.
type Fault struct {
	Detail string `json:"detail"`
	// Pointer is a JSON pointer into the body, as a fragment of a URI (RFC 6901 §6).
	Pointer string `json:"pointer,omitempty"`
	// Parameter is a parameter of the path or the query.
	Parameter string `json:"parameter,omitempty"`
	Header    string `json:"header,omitempty"`
}

// TypePrefix begins the type of each problem document.
const TypePrefix = "urn:chancery:error:"

// describe makes the document of a problem that the request of this id met.
func describe(r *http.Request, id string, status int, p *ca.Problem) Document {
	e, _ := ca.Explain(p.Code)
	d := Document{Type: TypePrefix + e.Words, Title: e.Title, Status: status, Instance: id, Problem: *p}
	if p.Field != "" {
		d.Errors = []Fault{faultOf(r, p)}
	}
	return d
}

// faultOf is the part of a call that a problem is about.
func faultOf(r *http.Request, p *ca.Problem) Fault {
	f := Fault{Detail: p.Detail}
	switch {
	case p.Field == "":
	case r.PathValue(p.Field) != "" || r.URL.Query().Has(p.Field):
		f.Parameter = p.Field
	case p.Field[0] >= 'A' && p.Field[0] <= 'Z': // members of bodies are in lower case
		f.Header = p.Field
	case r.Method == http.MethodGet: // which has no body: a parameter that is missing
		f.Parameter = p.Field
	default:
		f.Pointer = pointer(p.Field)
	}
	return f
}

// pointer writes a field such as names.dns[2] as #/names/dns/2.
func pointer(field string) string {
	steps := strings.NewReplacer("~", "~0", "/", "~1", "[", "/", "]", "", ".", "/").Replace(field)
	return "#/" + (&url.URL{Path: steps}).EscapedPath()
}

// statusOf is the one table from kinds of problems to HTTP. A locked key is 503
// and not WebDAV's 423: the request is sound, the service cannot serve it now.
func statusOf(k ca.Kind) (status int, known bool) {
	switch k {
	case ca.NotFoundKind:
		return http.StatusNotFound, true
	case ca.InvalidKind:
		return http.StatusBadRequest, true
	case ca.ForbiddenKind:
		return http.StatusForbidden, true
	case ca.UnauthenticatedKind:
		return http.StatusUnauthorized, true
	case ca.RefusedKind:
		return http.StatusUnprocessableEntity, true
	case ca.ConflictKind:
		return http.StatusConflict, true
	case ca.BusyKind:
		return http.StatusTooManyRequests, true
	case ca.LockedKind, ca.UnavailableKind:
		return http.StatusServiceUnavailable, true
	}
	return http.StatusInternalServerError, false
}

// A Refusal is a Problem with a status of its own, for what only HTTP knows: a
// body too large, a method or a media type nobody serves.
type Refusal struct {
	Status  int
	Problem *ca.Problem
}

// Error gives the problem's detail.
func (r *Refusal) Error() string { return r.Problem.Detail }

// Unwrap gives the problem.
func (r *Refusal) Unwrap() error { return r.Problem }

// A Within is an error about what is inside a member of the body: a problem's field that is
// none of the body's Members, such as a field of the request that csr holds, is in Member.
type Within struct {
	Member  string
	Members []string
	Err     error
}

// Error gives the error's text.
func (w *Within) Error() string { return w.Err.Error() }

// Unwrap gives the error.
func (w *Within) Unwrap() error { return w.Err }

// point has a pointer lead to what is in the body.
func (w *Within) point(to string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(to, "#/"), "/")
	if to == "" || slices.Contains(w.Members, first) {
		return to
	}
	return pointer(w.Member)
}

// Judge gives the problem that an error is, with its status; nil for all that is ours.
func Judge(err error) (*ca.Problem, int) {
	var p *ca.Problem
	if !errors.As(err, &p) {
		return nil, http.StatusInternalServerError
	}
	status, known := statusOf(p.Kind)
	if !known {
		return nil, status
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		status = refusal.Status
	}
	return p, status
}

// Explain makes the document of an error that the request of this id met. A ca.Problem is
// shown; all else is ours, logged here and nowhere before, and shown as "internal error"
// (E9000), because the text of an error of ours may hold what strangers should not read.
func Explain(r *http.Request, id string, log *slog.Logger, err error) Document {
	p, status := Judge(err)
	if p == nil {
		// Whoever hung up reads no answer, and is no fault of ours.
		if r.Context().Err() == nil || !errors.Is(err, context.Canceled) {
			log.Error("internal error", "request", id, "method", r.Method, "path", r.URL.Path, "error", err)
		}
		p = ca.Unavailable(ca.E9000, "internal error", "look for request "+id+" in the service's log")
	}
	d := describe(r, id, status, p)
	if all := ca.Problems(err); len(all) > 1 { // such as the faults of a document
		d.Errors = nil
		for _, one := range all {
			d.Errors = append(d.Errors, faultOf(r, one))
		}
	}
	var within *Within
	if errors.As(err, &within) {
		for i := range d.Errors {
			d.Errors[i].Pointer = within.point(d.Errors[i].Pointer)
		}
	}
	return d
}

// Fail answers with an error, as Explain has it.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	d := Explain(r, w.Header().Get(RequestIDHeader), log, err)
	if d.Status == http.StatusTooManyRequests || d.Status == http.StatusServiceUnavailable && d.Kind == ca.UnavailableKind {
		w.Header().Set("Retry-After", retryAfter)
	}
	write(w, log, ProblemType, d.Status, d)
}
