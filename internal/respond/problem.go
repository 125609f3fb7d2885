// SPDX-License-Identifier: Apache-2.0

package respond

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"chancery/ca"
)

// ProblemType is the media type of an error (RFC 9457 §3).
const ProblemType = "application/problem+json"

// A Document is a problem as it travels: the members of RFC 9457 §3.1, and those
// of ca.Problem as its extensions.
type Document struct {
	// Type is a URN made of the code: nothing to fetch, so nothing that can break.
	Type string `json:"type"`
	// Title is the code's, the same for each occurrence.
	Title string `json:"title"`
	// Status repeats the HTTP status.
	Status int `json:"status"`
	// Instance is the request's id, as in X-Request-Id and in our log.
	Instance string `json:"instance,omitempty"`
	ca.Problem
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

// Fail answers with an error. A ca.Problem is shown; all else is ours, logged
// here and nowhere before, and shown as "internal error" (E9000), because the
// text of an error of ours may hold what strangers should not read.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	id := w.Header().Get(RequestIDHeader)
	var p *ca.Problem
	status, known := 0, false
	if errors.As(err, &p) {
		status, known = statusOf(p.Kind)
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		status = refusal.Status
	}
	if !known {
		// Whoever hung up reads no answer, and is no fault of ours.
		if r.Context().Err() == nil || !errors.Is(err, context.Canceled) {
			log.Error("internal error", "request", id, "method", r.Method, "path", r.URL.Path, "error", err)
		}
		status = http.StatusInternalServerError
		p = ca.Unavailable(ca.E9000, "internal error", "look for request "+id+" in the service's log")
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && p.Kind == ca.UnavailableKind {
		w.Header().Set("Retry-After", retryAfter)
	}
	e, _ := ca.Explain(p.Code)
	d := Document{Type: "urn:chancery:error:" + string(p.Code), Title: e.Title, Status: status, Instance: id, Problem: *p}
	write(w, log, ProblemType, status, d)
}
