// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
	"chancery/internal/socket"
)

// A trap is a desk that panics when it is asked for one certificate.
type trap struct{ *desk }

func (p trap) Find(ctx context.Context, who ca.Actor, ref string) (ca.Issued, error) {
	if ref == "trap" {
		var none map[string]int
		none[ref]++ // as a mistake of ours would
	}
	return p.desk.Find(ctx, who, ref)
}

// A panic in the front costs the call it happened in, and is counted.
func TestPR07_APanicCostsItsOwnCallOnly(t *testing.T) {
	var log bytes.Buffer
	d := &desk{}
	h := New(Options{Submitter: d, Reader: trap{d}, Revoker: d, Publisher: d, Officer: d, Lists: d, Public: http.NotFoundHandler(), Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return clock }})
	ask := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(socket.AsPeer(t.Context(), 1000), http.MethodGet, path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for n := 1; n <= 3; n++ {
		w := ask("/api/v1/certificates/trap")
		var p respond.Document
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusInternalServerError || p.Code != ca.E9000 || strings.Contains(w.Body.String(), "nil map") {
			t.Errorf("the call that panicked got %d %s: %v", w.Code, w.Body, err)
		}
		if text := log.String(); !strings.Contains(text, fmt.Sprintf("panic %d since the start", n)) || !strings.Contains(text, "trap.Find") {
			t.Errorf("the log does not count it or say where it was:\n%s", text)
		}
		if w := ask("/api/v1/status"); w.Code != http.StatusOK {
			t.Errorf("the next call got %d %s", w.Code, w.Body)
		}
	}
}
