// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/config"
	"chancery/internal/csr"
	"chancery/internal/lab"
	"chancery/internal/pgtest"
	"chancery/internal/sim"
	"chancery/internal/verifyall"
	"chancery/lifecycle"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/store"
)

// A world is an installation in one process: a signer with its log on disk, a
// front, and a book on PostgreSQL behind a proxy that loses what it is told to.
type world struct {
	t    *testing.T
	dir  string
	disk *sim.Disk
	dsn  string
	lab.Front
	log       string
	key       ed25519.PublicKey
	book      *store.Store
	audit     *store.Audit // past the proxy
	registrar *lifecycle.Registrar
	proxy     *pgtest.Proxy
	// stopFront and stopSigner end them before the test does.
	stopFront, stopSigner func() error
	leaves                int64 // of the log, that were read

	mu sync.Mutex
	// signed are the certificates that left the signer, told those that clients got.
	signed, told [][]byte
	requests     int
	said         []error
}

// Sign implements lifecycle.Issuer, and notes what was signed.
func (w *world) Sign(ctx context.Context, drafts []policy.Cleared) ([]ca.Answer, error) {
	answers, err := w.Front.Sign(ctx, drafts)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range answers {
		if a.Problem == nil {
			w.signed = append(w.signed, a.DER)
		}
	}
	return answers, err
}

// newWorld founds an installation and starts it. The server ends a transaction that
// is left alone for so long. The log lies on disk, or for nil in a directory.
func newWorld(t *testing.T, idle time.Duration, disk *sim.Disk) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), dsn: store.EmptyDatabase(t), disk: disk}
	fresh := w.open(w.dsn)
	database, err := fresh.DatabaseID(t.Context())
	if err := errors.Join(err, fresh.Close()); err != nil {
		t.Fatal(err)
	}
	w.startSigner()
	w.found(database)
	var through string
	w.proxy, through = store.Proxied(t, w.dsn)
	if w.audit, err = store.OpenAudit(t.Context(), store.Options{DSN: w.dsn, LogID: w.log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.audit.Close(); err != nil {
			t.Error(err)
		}
	})
	w.startFront(fmt.Sprintf("%s&idle_in_transaction_session_timeout=%d", through, idle.Milliseconds()))
	return w
}

func (w *world) open(dsn string) *store.Store {
	w.t.Helper()
	b, err := store.Open(w.t.Context(), store.Options{DSN: dsn, LogID: w.log, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// startFront opens the book and settles.
func (w *world) startFront(dsn string) {
	t := w.t
	t.Helper()
	book, err := store.Open(t.Context(), store.Options{DSN: dsn, LogID: w.log, Now: time.Now})
	// A starved machine lets the short limit end even the first transaction (idle in
	// transaction, 25P03, or the end of the connection where that was not read any more),
	// before anything is tried. Nothing else is tried again.
	starved := func(err error) bool {
		return err != nil && (strings.Contains(err.Error(), "25P03") || errors.Is(err, io.ErrUnexpectedEOF))
	}
	for tries := 0; starved(err) && tries < 9; tries++ {
		book, err = store.Open(t.Context(), store.Options{DSN: dsn, LogID: w.log, Now: time.Now})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	})
	book.SetWait(300 * time.Millisecond)
	database, err := book.DatabaseID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.book = book
	w.registrar, err = lifecycle.New(lifecycle.Options{
		Book: book, Shelf: book, Records: book, Issuer: w, Log: w, Leaf: w.Leaf, Condemned: book.Condemned, Now: time.Now, Account: os.Getuid(), Version: "test", Database: book.Engine(), DatabaseID: database,
		Vouched: lifecycle.NewVouched(book), Constraints: check.Constraints,
		CSR: lab.Request, Profile: config.Profile, Proof: func([]byte) error { return nil },
		Bundle: lab.Bundle,
		Report: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.said = append(w.said[max(0, len(w.said)-9):], err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.stopFront = running(t, w.registrar.Run)
}

// reports are the last ten things that the front said went wrong.
func (w *world) reports() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.said...)
}

// startSigner opens the log.
func (w *world) startSigner() {
	t := w.t
	t.Helper()
	s := &signer.Signer{Dir: w.dir, Parse: config.Profile, Now: time.Now, Random: rand.Reader, KDF: softkey.FloorParams()}
	// A short segment is read soon.
	s.Place.Ahead = 256 << 10
	if w.disk != nil {
		s.Place.Disk = w.disk
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	disk := w.disk
	t.Cleanup(func() {
		if err := s.Close(); err != nil && (disk == nil || !disk.Dead()) {
			t.Error(err)
		}
	})
	w.Signer, w.stopSigner = s, running(t, s.Run)
}

// running runs something until the test ends, or stop is called, which gives its
// error.
func running(t *testing.T, run func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	once := sync.OnceValue(func() error {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	stopped := false
	t.Cleanup(func() {
		if err := once(); err != nil && !stopped {
			t.Error(err)
		}
	})
	return func() error {
		stopped = true
		return once()
	}
}

// found makes keys and authorities.
func (w *world) found(database string) {
	t := w.t
	t.Helper()
	f, err := w.Signer.Found(lab.Founding(t, database), os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	w.log = f.Log
	key, err := x509.ParsePKIXPublicKey(f.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	w.key = key.(ed25519.PublicKey)
}

// newRequest makes a request for a name of its own, under a key of its own.
func (w *world) newRequest() (ca.Request, ca.CSR) {
	w.t.Helper()
	w.mu.Lock()
	w.requests++
	n := w.requests
	w.mu.Unlock()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{fmt.Sprintf("host%d.lab.example", n)}}, key)
	if err != nil {
		w.t.Fatal(err)
	}
	parsed, err := csr.Parse(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return ca.Request{
		Door: ca.DoorCLI, Key: fmt.Sprint("key ", n), Profile: "server", CSR: der, At: time.Now(),
		From: ca.Actor{ID: fmt.Sprint("uid:", os.Getuid()), Name: "hana", Method: "peer", UID: os.Getuid()},
	}, parsed.CSR
}

// certify asks for a certificate as blindly as a client may: again and again under
// the same key, until it has one.
func (w *world) certify(ctx context.Context) error {
	q, c := w.newRequest()
	for {
		q.ID = ca.RequestID(rand.Text())
		issued, err := w.registrar.Submit(ctx, q, c)
		if err == nil {
			w.mu.Lock()
			w.told = append(w.told, issued.Certificate.DER)
			w.mu.Unlock()
			return nil
		}
		var p *ca.Problem
		if errors.As(err, &p) && p.Kind != ca.UnavailableKind || ctx.Err() != nil {
			return err
		}
	}
}

// sync brings all of the log to the disk: the signer does so before it hands out
// leaves.
func (w *world) sync() error {
	for {
		page, err := w.Signer.Leaves(w.leaves)
		if err != nil || len(page) == 0 {
			return err
		}
		w.leaves += int64(len(page))
	}
}

// verify is verify-all: the log's files, the book past the proxy, and what clients
// and signer remember.
func (w *world) verify() (audit.Agreement, error) {
	if err := w.sync(); err != nil {
		return audit.Agreement{}, err
	}
	files, err := w.files()
	if err != nil {
		return audit.Agreement{}, err
	}
	v := audit.Verification{Key: w.key}
	if v.Newest, err = os.ReadFile(filepath.Join(files, "state", "checkpoint")); err != nil {
		return audit.Agreement{}, err
	}
	const logNo = 1
	book, err := w.audit.Book(w.t.Context(), logNo)
	if err != nil {
		return audit.Agreement{}, err
	}
	entries, err := os.ReadDir(filepath.Join(files, "journal"))
	if err != nil {
		return audit.Agreement{}, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	v.Segments = verifyall.Segments(names, func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(files, "journal", name)) })
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := verifyall.Check(verifyall.Evidence{Log: v, Book: book, Settled: true, Told: w.told, Signed: w.signed})
	return r.Agreement, err
}

// files gives the directory with the log's files; from a simulated disk they are
// copied.
func (w *world) files() (string, error) {
	if w.disk == nil {
		return w.dir, nil
	}
	to := w.t.TempDir()
	return to, w.disk.Save(to)
}
