// SPDX-License-Identifier: Apache-2.0

package status

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// PF-09: nothing enrols over plain HTTP: the public listener reads files, and has no
// other word.
func TestPF09_NothingEnrolsOverPlainHTTP(t *testing.T) {
	h := New(Options{Shelf: &shelf{all: generations(t)}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	for _, path := range []string{"/", "/api/v1/certificates", "/api/v1/requests", "/certsrv/certfnsh.asp", "/.well-known/est/simpleenroll", "/scep", "/acme/new-order", "/pki/issuing-g1.crt"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			r := httptest.NewRequest(method, path, strings.NewReader("{}"))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s gives %d", method, path, w.Code)
			}
		}
	}
}
