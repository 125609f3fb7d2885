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
	"strconv"
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
	// maxOfSource is how many of these one source may have: a quarter. A proxy in front of
	// all who ask is one, and so is a whole company behind one address.
	maxOfSource = 256
	// refresh is how often an unknown name may make the book be read again.
	refresh = time.Second
	// bookRefresh is how old the book's answer may get: it bounds how often strangers
	// have it read. bookWait is how long one of them waits for it, where the database
	// hangs.
	bookRefresh, bookWait = 5 * time.Second, 2 * time.Second
	// maxAge is how long a CA certificate may be kept by caches. Another one of the same
	// key may take its place, and the older is as good until it ends.
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

	mu    sync.Mutex // held for a look and a change, never for a reading
	known *known
	read  time.Time
}

// New makes the door.
func New(o Options) http.Handler {
	d := &door{o: o, known: &known{}}
	return d.handler()
}

func (d *door) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pki/{file}", d.file)
	mux.HandleFunc("GET /trust/{file}", d.trust)
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
	if err := server.Serve(socket.Limit(socket.BySource(l, maxOfSource), maxConns)); ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-done
}

// file answers with what an address is of: RFC 2585 §4 names the types of certificates
// and lists.
func (d *door) file(w http.ResponseWriter, r *http.Request) {
	file := r.PathValue("file")
	if name, is := strings.CutSuffix(file, ".crt"); is {
		d.certificate(w, r, name)
		return
	}
	if strings.HasSuffix(file, ".crl") {
		d.list(w, r)
		return
	}
	if strings.HasSuffix(file, feedEnd) {
		d.feed(w, r, file)
		return
	}
	d.made(w, r, file)
}

func (d *door) certificate(w http.ResponseWriter, r *http.Request, name string) {
	one, found := d.find(r.Context(), name)
	if !found {
		notPublished(w)
		return
	}
	served(w, r, file{media: "application/pkix-cert", body: one.Certificate}, maxAge, one.NotBefore)
}

// served answers with octets whose name is their hash; at is when they were made, if
// they tell.
func served(w http.ResponseWriter, r *http.Request, f file, age time.Duration, at time.Time) {
	cacheable(w.Header(), f.media, age, fmt.Sprintf("%x", sha256.Sum256(f.body)))
	http.ServeContent(w, r, "", at, bytes.NewReader(f.body))
}

// cacheable says what a file is, and how long it may be kept by caches. Another tag is another
// file.
func cacheable(h http.Header, media string, age time.Duration, tag string) {
	h.Set("Content-Type", media)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(age.Seconds())))
	h.Set("ETag", `"`+tag+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
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
	cacheable(w.Header(), "application/pkix-crl", maxListAge, strconv.FormatInt(about.number, 10))
	http.ServeContent(w, r, "", about.this, f)
}

func notPublished(w http.ResponseWriter) {
	http.Error(w, "nothing is published under this address", http.StatusNotFound)
}

// find looks a generation up. The book is asked at most once in refresh, however
// many strangers ask for what does not exist.
func (d *door) find(ctx context.Context, name string) (ca.Authority, bool) {
	one, found := d.fresh(ctx, bookRefresh).authority(name)
	if !found {
		one, found = d.fresh(ctx, refresh).authority(name)
	}
	return one, found
}

// fresh is what the book says, as it was read at most age ago. While one reads, and
// when the book is out of reach, that is what was read before.
func (d *door) fresh(ctx context.Context, age time.Duration) *known {
	now := d.o.Now()
	d.mu.Lock()
	last, stale := d.known, now.Sub(d.read).Abs() >= age
	if stale {
		d.read = now
	}
	d.mu.Unlock()
	if !stale {
		return last
	}
	// Nobody else asks before age is over: whoever goes away at once must not keep the book
	// from being read.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookWait)
	defer cancel()
	all, err := d.o.Shelf.Authorities(ctx)
	if err != nil {
		d.o.Log.Error("the authorities cannot be read", "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Generations are never taken out of the book: an empty answer is none.
	if err == nil && len(all) > 0 && !d.known.same(all) {
		d.known = &known{all: all}
	}
	return d.known
}
