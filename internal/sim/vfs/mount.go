// SPDX-License-Identifier: Apache-2.0

package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"chancery/internal/sim"
	"chancery/signer/journal"
	"chancery/store"
)

// Name is what SQLite calls this VFS.
const Name = "chancery-sim"

// A Mounted is a disk that SQLite can reach, until Unmount. It is a store.Disk.
type Mounted struct {
	disk   *sim.Disk
	prefix string // of paths, with a final slash

	mu    sync.Mutex
	files map[string]*shared // by name on the disk
}

// state is what SQLite's callbacks find their way by: they are plain functions of
// the process, and SQLite's registry and its random generator are the process's.
var state = struct {
	mu     sync.Mutex
	once   sync.Once
	err    error
	last   uintptr
	mounts map[string]*Mounted
	open   map[uintptr]*file
	seed   uint64
}{mounts: map[string]*Mounted{}, open: map[uintptr]*file{}}

// Mount makes a disk reachable. The VFS is made SQLite's default, because that is
// where its random generator gets its seed from.
func Mount(d *sim.Disk) (*Mounted, error) {
	state.once.Do(func() { state.err = register() })
	if state.err != nil {
		return nil, state.err
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	state.last++
	m := &Mounted{disk: d, prefix: "/" + strconv.FormatUint(uint64(state.last), 10) + "/", files: map[string]*shared{}}
	state.mounts[m.prefix] = m
	return m, nil
}

// Path is the path of a name on the disk, such as db/book.db, for SQLite and the
// store.
func (m *Mounted) Path(name string) string { return m.prefix + name }

// Unmount makes the disk unreachable. Its databases are closed before.
func (m *Mounted) Unmount() {
	state.mu.Lock()
	defer state.mu.Unlock()
	delete(state.mounts, m.prefix)
}

// Seed makes what SQLite draws at random from now on depend on the seed alone, as
// long as one goroutine works with it.
func Seed(seed uint64) {
	state.mu.Lock()
	state.seed = seed
	state.mu.Unlock()
	tls := libc.NewTLS()
	defer tls.Close()
	sqlite3.Xsqlite3_randomness(tls, 0, 0)
}

// Claim implements store.Disk; a disk has one process.
func (m *Mounted) Claim(path string) (io.Closer, error) {
	f, err := m.disk.OpenFile(m.name(path), journal.Create)
	if err != nil && !isExist(err) {
		return nil, err
	}
	if err == nil {
		err = f.Close()
	} else {
		err = nil
	}
	return nothing{}, err
}

// Open implements store.Disk.
func (m *Mounted) Open(path string) (io.ReadCloser, error) {
	f, err := m.disk.OpenFile(m.name(path), journal.Read)
	if err != nil {
		return nil, err
	}
	return &reader{f, 0}, nil
}

// Create implements store.Disk.
func (m *Mounted) Create(path string) (store.DiskFile, error) {
	name := m.name(path)
	f, err := m.disk.OpenFile(name, journal.Create)
	if isExist(err) {
		if f, err = m.disk.OpenFile(name, journal.Write); err == nil {
			err = f.Truncate(0)
		}
	}
	if err != nil {
		return nil, err
	}
	return &writer{f, 0}, nil
}

// Rename implements store.Disk.
func (m *Mounted) Rename(from, to string) error { return m.disk.Rename(m.name(from), m.name(to)) }

// SyncDir implements store.Disk.
func (m *Mounted) SyncDir(path string) error { return m.disk.SyncDir(m.name(path) + "/") }

func (m *Mounted) name(path string) string { return strings.TrimPrefix(path, m.prefix) }

// A reader reads a file from its beginning to its end.
type reader struct {
	journal.File
	at int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// A writer writes a file from its beginning on.
type writer struct {
	journal.File
	at int64
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.WriteAt(p, w.at)
	w.at += int64(n)
	return n, err
}

// nothing is a lock that nobody else could ask for.
type nothing struct{}

func (nothing) Close() error { return nil }

// at finds the mount of a path, and the name on its disk.
func at(path string) (*Mounted, string, error) {
	state.mu.Lock()
	defer state.mu.Unlock()
	if i := strings.Index(strings.TrimPrefix(path, "/"), "/"); i > 0 {
		if m := state.mounts[path[:i+2]]; m != nil {
			return m, path[i+2:], nil
		}
	}
	return nil, "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}
