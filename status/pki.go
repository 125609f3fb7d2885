// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
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
	// maxListAge is how long a list may be kept: a revocation must be seen within a
	// minute (security rule RV-02).
	maxListAge = 30 * time.Second
)

// A Shelf has the authorities.
type Shelf interface {
	Authorities(ctx context.Context) ([]ca.Authority, error)
}

// Options are what the door needs. All must be set.
type Options struct {
	Shelf Shelf
	// Lists is the front's directory of lists, which a Publisher keeps.
	Lists string
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

// certificate answers with a CA certificate, or a list, as RFC 2585 §4 names their
// types.
func (d *door) certificate(w http.ResponseWriter, r *http.Request) {
	name, isCertificate := strings.CutSuffix(r.PathValue("file"), ".crt")
	if !isCertificate {
		d.list(w, r)
		return
	}
	one, found := d.find(r.Context(), name)
	if !found {
		notPublished(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/pkix-cert")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(maxAge.Seconds())))
	h.Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(one.Certificate))))
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", one.NotBefore, bytes.NewReader(one.Certificate))
}

// list answers with a revocation list. It asks the book nothing: a list is good
// without it.
func (d *door) list(w http.ResponseWriter, r *http.Request) {
	name, isList := strings.CutSuffix(r.PathValue("file"), ".crl")
	if !isList || !listName(name) {
		notPublished(w) // other files are nobody's business
		return
	}
	f, about, err := open(d.o.Lists, name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.o.Log.Error("a published list cannot be read", "authority", name, "error", err)
		}
		notPublished(w)
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/pkix-crl")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(maxListAge.Seconds())))
	h.Set("ETag", fmt.Sprintf("\"%d\"", about.number))
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", about.this, f)
}

func notPublished(w http.ResponseWriter) {
	http.Error(w, "nothing is published under this address", http.StatusNotFound)
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
