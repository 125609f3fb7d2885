// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/config"
	"chancery/internal/csr"
	"chancery/internal/lab"
	"chancery/internal/sim"
	"chancery/internal/sim/vfs"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/store"
)

const (
	// segmentLeaves and checkpoint are small enough that a short load fills segments
	// and has the write-ahead log taken into the database several times.
	segmentLeaves = 16
	ahead         = 8 << 10
	// snapshotLeaves is so few that nearly every start and stop writes a snapshot.
	snapshotLeaves = 8
	checkpoint     = 40
	bookName       = "db/book.db"
	// requests is how many different ones there are to choose from.
	requests = 24
)

// hana founded the site and may do everything.
var hana = ca.Actor{ID: "uid:1000", Name: "hana", Method: "peer", UID: 1000}

// A site is an installation as its founding left it: the keys in a directory,
// log and book on a disk of which every run gets its own copy.
type site struct {
	dir    string // where keys are placed
	keys   keys   // as the founding left them
	words  string // that open the root's key
	disk   *sim.Disk
	log    audit.LogID
	logKey ed25519.PublicKey
	wishes []csr.Parsed
	began  time.Time
}

// found makes a site. What it draws at random depends on the seed alone.
func found(t *testing.T, seed uint64) *site {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	vfs.Seed(seed)
	s := &site{dir: t.TempDir(), disk: sim.New(nil), began: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	mount, err := vfs.Mount(s.disk)
	if err != nil {
		t.Fatal(err)
	}
	defer mount.Unmount()
	database := s.newBook(t, mount, "")
	dir := t.TempDir()
	k := s.signer(s.disk, dir, func() time.Time { return s.began })
	if err := k.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	how := lab.Founding(t, database)
	// ECDSA of a short key, because two signatures over the same octets differ: what was
	// signed twice is seen.
	how.Root.KeyType, how.Issuing.KeyType = "ecdsa-p256", "ecdsa-p256"
	s.words = how.Words
	f, err := k.Found(how, hana.UID)
	cancel()
	if err := errors.Join(err, <-ended, k.Close()); err != nil {
		t.Fatal(err)
	}
	s.newBook(t, mount, f.Log)
	if s.log, err = audit.ParseLogID(f.Log); err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(f.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	s.logKey = public.(ed25519.PublicKey)
	if s.keys, err = keysOf(dir); err != nil {
		t.Fatal(err)
	}
	s.responders(t, 1)
	for n := range requests {
		s.wishes = append(s.wishes, wish(t, fmt.Sprintf("host%d.lab.example", n)))
	}
	s.wishes = append(s.wishes, wish(t, "somebody.else.example"))
	return s
}

// newBook makes the book, or enters the log into it, and gives its id.
func (s *site) newBook(t *testing.T, mount *vfs.Mounted, log string) string {
	t.Helper()
	book, err := store.Open(context.Background(), s.options(mount, log, func() time.Time { return s.began }))
	if err != nil {
		t.Fatal(err)
	}
	id, err := book.DatabaseID(context.Background())
	if err := errors.Join(err, book.Close()); err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *site) options(mount *vfs.Mounted, log string, now func() time.Time) store.Options {
	return store.Options{
		DSN: mount.Path(bookName), LogID: log, Now: now,
		Place: store.Place{Disk: mount, VFS: vfs.Name, Checkpoint: checkpoint},
	}
}

func (s *site) signer(disk *sim.Disk, dir string, now func() time.Time) *signer.Signer {
	return &signer.Signer{
		Dir: dir, Parse: config.Profile, Now: now, Random: rand.Reader, KDF: softkey.FloorParams(),
		Place: signer.Place{Disk: disk, SegmentLeaves: segmentLeaves, Ahead: ahead, SnapshotLeaves: snapshotLeaves},
	}
}

func wish(t *testing.T, name string) csr.Parsed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := csr.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// keep writes an image to where somebody will look for it.
func keep(t *testing.T, name string, image *sim.Disk) string {
	t.Helper()
	dir := os.Getenv("CHANCERY_ARTIFACTS")
	if dir == "" {
		dir = os.TempDir()
	}
	dir = filepath.Join(dir, name)
	if err := image.Save(dir); err != nil {
		t.Errorf("keep the image: %v", err)
	}
	return dir
}
