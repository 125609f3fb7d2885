// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
)

// readyAge is how old the answer of /readyz may be, readyWait how long it may take.
const readyAge, readyWait = time.Second, 2 * time.Second

// A Health answers /healthz, whether the process lives, and /readyz, whether it is of use, on
// any listener. Both are for everybody, so they say no more than ids of checks, and codes.
type Health struct {
	ready func(context.Context) []ca.Check
	log   *slog.Logger
	now   func() time.Time

	mu    sync.Mutex // held while it is asked
	last  []ca.Check // of ready
	asked time.Time
}

// NewHealth makes one; ready says what keeps the service from being of use.
func NewHealth(ready func(context.Context) []ca.Check, log *slog.Logger, now func() time.Time) *Health {
	return &Health{ready: ready, log: log, now: now}
}

// Beside answers these two, and leaves the rest to another.
func (h *Health) Beside(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz":
			h.ServeHTTP(w, r)
		default:
			rest.ServeHTTP(w, r)
		}
	})
}

// ServeHTTP answers /readyz, and anything else as /healthz.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		respond.Fail(w, r, h.log, &respond.Refusal{Status: http.StatusMethodNotAllowed, Problem: ca.Invalid(ca.E1401, "this path does not take that method", "use GET")})
		return
	}
	answer := struct {
		Status string `json:"status"`
		// Code is that of the first check that failed.
		Code   ca.Code    `json:"code,omitempty"`
		Checks []ca.Check `json:"checks,omitempty"`
	}{Status: "ok"}
	status := http.StatusOK
	if r.URL.Path == "/readyz" {
		for _, c := range h.checks(r.Context()) {
			c.Message = ""
			answer.Checks = append(answer.Checks, c)
			if c.Level == ca.Failed && status == http.StatusOK {
				status, answer.Status, answer.Code = http.StatusServiceUnavailable, "not ready", c.Code
			}
		}
	}
	respond.JSON(w, h.log, status, answer)
}

// checks asks at most once in readyAge, however many strangers ask, since the answer is
// looked for in the database. The answer outlives who asked first: whoever goes away at once
// must not have everybody told that the service is of no use.
func (h *Health) checks(ctx context.Context) []ca.Check {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now().Sub(h.asked).Abs() >= readyAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait)
		defer cancel()
		h.last = h.ready(ctx)
		h.asked = h.now() // after it: those who waited for a slow one have its answer
	}
	return h.last
}
