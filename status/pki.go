// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"chancery/ca"
	"chancery/internal/socket"
)

const (
	// readWait and idleWait keep strangers from holding places; answerWait is long
	// for a slow line, since an answer is a few kilobytes.
	readWait, answerWait, idleWait = 5 * time.Second, 30 * time.Second, 30 * time.Second
	// maxHeader is what browsers and checkers stay far below.
	maxHeader = 16 << 10
	// maxConns bounds memory; others wait in the kernel's queue.
	maxConns = 1024
	// refresh is how often an unknown name may make the book be read again.
	refresh = time.Second
	// maxAge is how long a CA certificate may be kept by caches. It never changes
	// under its name (architecture §3), so this bounds only how long a mistake lives.
	maxAge = 24 * time.Hour
)

// A Shelf has the authorities.
type Shelf interface {
	Authorities(ctx context.Context) ([]ca.Authority, error)
}

// Options are what the door needs. All must be set.
type Options struct {
	Shelf Shelf
	Log   *slog.Logger
	Now   func() time.Time
}

// A door holds what was read of the book.
type door struct {
	o Options

	mu    sync.Mutex
	known map[string]ca.Authority
	read  time.Time
}

// New makes the door.
func New(o Options) http.Handler {
	d := &door{o: o, known: map[string]ca.Authority{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pki/{file}", d.certificate)
	return mux
}

// Serve answers on a listener until ctx ends, and lets what is under way finish
// for as long as grace. It gives nil then.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger, grace time.Duration) error {
	server := &http.Server{
		Handler: h, ReadTimeout: readWait, WriteTimeout: answerWait, IdleTimeout: idleWait, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is their matter
	}
	done := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		done <- server.Shutdown(ctx)
	})
	if err := server.Serve(socket.Limit(l, maxConns)); ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-done
}

// certificate answers with a CA certificate, as RFC 2585 §4.1 names its type.
func (d *door) certificate(w http.ResponseWriter, r *http.Request) {
	name, isCertificate := strings.CutSuffix(r.PathValue("file"), ".crt")
	one, found := ca.Authority{}, false
	if isCertificate {
		one, found = d.find(r.Context(), name)
	}
	if !found {
		http.Error(w, "nothing is published under this address", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/pkix-cert")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(maxAge.Seconds())))
	h.Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(one.Certificate))))
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", one.NotBefore, bytes.NewReader(one.Certificate))
}

// find looks a generation up. The book is asked at most once in refresh, however
// many strangers ask for what does not exist; who asks for what is known does not
// wait for it.
func (d *door) find(ctx context.Context, name string) (ca.Authority, bool) {
	now := d.o.Now()
	d.mu.Lock()
	one, found := d.known[name]
	stale := !found && now.Sub(d.read).Abs() >= refresh
	if stale {
		d.read = now
	}
	d.mu.Unlock()
	if !stale {
		return one, found
	}
	all, err := d.o.Shelf.Authorities(ctx)
	if err != nil {
		d.o.Log.Error("the authorities cannot be read", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range all {
		d.known[a.Name] = a
	}
	one, found = d.known[name]
	return one, found
}
