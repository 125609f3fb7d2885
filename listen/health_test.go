// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"chancery/ca"
)

// WB-04, P8: a stranger who asks for /readyz and goes away at once has nobody else told that the
// service is not ready, and those who wait for a slow answer do not each have another one made.
func TestWB04_WhoeverGoesAwayLeavesAReadyService(t *testing.T) {
	now, asked := time.Unix(1_800_000_000, 0), 0
	h := NewHealth(func(ctx context.Context) []ca.Check {
		asked++
		now = now.Add(readyWait) // it is slow
		if ctx.Err() != nil {
			return []ca.Check{{ID: "database", Level: ca.Failed, Code: ca.E9000}}
		}
		return []ca.Check{{ID: "database", Level: ca.Fine}}
	}, slog.New(slog.DiscardHandler), func() time.Time { return now })
	ask := func(ctx context.Context) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
		return w.Code
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ask(gone)
	if status := ask(t.Context()); status != http.StatusOK || asked != 1 {
		t.Errorf("behind somebody who went away: %d, and it was asked %d times", status, asked)
	}
}
