// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"chancery/internal/socket"
	"chancery/internal/whole"
)

// maxRefused bounds the sources that are kept of those who were refused lists: it is a hint
// for whoever set the limit, and no record.
const maxRefused = 64

// A Limit is who may fetch what tells all that is revoked: lists and feeds (R92). OCSP, which
// tells of one certificate at a time, stays open, and so do certificates and bundles.
type Limit struct {
	// Networks may, by the address that the connection comes from. What a header says of
	// another address counts for nothing.
	Networks []netip.Prefix
	// Client tells whether the client certificate of a call is one that may; nil for none.
	Client func(r *http.Request) bool
	// State is the file with the sources that were refused.
	State string
	Log   *slog.Logger
	Now   func() time.Time

	mu      sync.Mutex // held for a look, a change, and the writing of State
	refused []Refused
}

// A Refused is a source that asked for a list and did not get it.
type Refused struct {
	Source string    `json:"source"`
	Path   string    `json:"path"`
	First  time.Time `json:"first"`
}

// ReadRefused reads who was refused; no file is nobody.
func ReadRefused(path string) (all []Refused, err error) {
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read who was refused lists: %w", err)
	}
	return all, nil
}

// Guard refuses lists to whoever may not have them, and leaves the rest to h.
func (l *Limit) Guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if !strings.HasSuffix(path, ".crl") && !strings.HasSuffix(path, feedEnd) {
			h.ServeHTTP(w, r)
			return
		}
		if l.admits(r) {
			h.ServeHTTP(&privately{ResponseWriter: w}, r)
			return
		}
		l.note(r)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "lists of revoked certificates are not for this address here; OCSP is open to everybody: ask "+ocspOf(path), http.StatusForbidden)
	})
}

// ocspOf is where OCSP answers for the authority of a list.
func ocspOf(path string) string {
	name, _, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	if !authorityName(name) {
		return "/ocsp"
	}
	return "/ocsp/" + name
}

func (l *Limit) admits(r *http.Request) bool {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		address := at.Addr().Unmap().WithZone("")
		if slices.ContainsFunc(l.Networks, func(p netip.Prefix) bool { return p.Contains(address) }) {
			return true
		}
	}
	return l.Client != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && l.Client(r)
}

// note keeps a source that was refused: it is a relying party that needs the list, or has
// been told of it.
func (l *Limit) note(r *http.Request) {
	source := socket.Source(r.RemoteAddr).String()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refused) >= maxRefused || slices.ContainsFunc(l.refused, func(one Refused) bool { return one.Source == source }) {
		return
	}
	l.refused = append(l.refused, Refused{source, r.URL.Path, l.Now().UTC()})
	l.Log.Warn("a list was refused by lists.allow", "source", source, "path", r.URL.Path)
	body, err := json.Marshal(l.refused)
	if err == nil {
		err = whole.Put(l.State, 0o600, body)
	}
	if err != nil {
		l.Log.Error("who was refused lists cannot be noted", "error", err)
	}
}

// privately keeps shared caches from handing a list on to others.
type privately struct{ http.ResponseWriter }

func (w *privately) WriteHeader(status int) {
	if h := w.Header(); h.Get("Cache-Control") != "" {
		h.Set("Cache-Control", strings.Replace(h.Get("Cache-Control"), "public", "private", 1))
	}
	w.ResponseWriter.WriteHeader(status)
}
