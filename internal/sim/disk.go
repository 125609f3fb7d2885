// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"

	"chancery/signer/journal"
)

// An Op is a call that changes the disk.
type Op int

// The calls.
const (
	Create Op = iota + 1
	Rename
	Remove
	SyncDir
	WriteAt
	Truncate
	Allocate
	Sync
)

// A Call is one call that changes the disk: its number from 1, and the file or
// folder it is about (of a Rename, the new name).
type Call struct {
	N    int
	Op   Op
	Name string
}

// An Outcome is what becomes of a call.
type Outcome int

// The outcomes.
const (
	// Done: as it should be.
	Done Outcome = iota
	// Die: the process ends within the call. What it changes is in the page cache
	// and may reach the disk; a sync has promised nothing.
	Die
	// Torn: as Die, but of a write only the first half is in the page cache.
	Torn
	// Fail: an input/output error. Of a write, half is in the page cache; after a
	// Sync the pages count as clean, though they never reached the disk.
	Fail
	// Full: as Fail, because the disk is full.
	Full
	// Lie: a Sync or SyncDir that reports success and does nothing.
	Lie

	// refused: a call of a dead process, or on a closed file; it changes nothing.
	refused
)

// A Plan decides the outcome of each call. It must not call the disk.
type Plan func(Call) Outcome

// ErrDead is what every call gives once the process has died.
var ErrDead = errors.New("the process is dead")

// A Disk is the disk as one process sees it, until it dies. It is a journal.FS.
type Disk struct {
	mu      sync.Mutex
	plan    Plan
	calls   int
	dead    bool
	folders map[string]*folder
}

// A folder has names as the kernel sees them and as the disk does.
type folder struct {
	now, stable map[string]*inode
	debt        []naming // what leads from stable to now
}

// A naming gives names to files, or takes them (nil), in one step.
type naming map[string]*inode

// An inode has content as the page cache has it and as the disk does.
type inode struct {
	now, stable []byte
	debt        []change // what may lead from stable to now
}

// A change is a write, or, without data, a new length.
type change struct {
	at   int64
	data []byte
}

// New gives an empty disk with the folders of a journal. A nil plan lets every
// call be done.
func New(plan Plan) *Disk {
	d := &Disk{plan: plan, folders: map[string]*folder{}}
	for _, name := range []string{"journal", "state"} {
		d.folders[name] = &folder{now: map[string]*inode{}, stable: map[string]*inode{}}
	}
	return d
}

// Calls is the number of calls so far that changed something.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// Dead says whether the plan has let the process die.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// begin counts a call and asks for its outcome. An error is the call's; the caller
// changes the page cache only as the outcome says.
func (d *Disk) begin(op Op, name string) (Outcome, error) {
	if d.dead {
		return refused, ErrDead
	}
	d.calls++
	if d.plan == nil {
		return Done, nil
	}
	switch o := d.plan(Call{N: d.calls, Op: op, Name: name}); o {
	case Die, Torn:
		d.dead = true
		return o, ErrDead
	case Fail:
		return o, syscall.EIO
	case Full:
		return o, syscall.ENOSPC
	default:
		return o, nil
	}
}

// changes tells whether a call other than a write changes the page cache.
func changes(o Outcome) bool { return o == Done || o == Die || o == Torn }

// at finds the folder of a name, and the name within it.
func (d *Disk) at(name string) (*folder, string, error) {
	dir, base, _ := strings.Cut(name, "/")
	f := d.folders[dir]
	if f == nil {
		return nil, "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return f, base, nil
}

func (f *folder) change(n naming) {
	for name, node := range n {
		if node == nil {
			delete(f.now, name)
		} else {
			f.now[name] = node
		}
	}
	f.debt = append(f.debt, n)
}

// OpenFile is as in journal.FS.
func (d *Disk) OpenFile(name string, mode journal.Mode) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, ErrDead
	}
	f, base, err := d.at(name)
	if err != nil {
		return nil, err
	}
	node := f.now[base]
	switch {
	case mode == journal.Create && node != nil:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrExist)
	case mode == journal.Create:
		outcome, err := d.begin(Create, name)
		node = &inode{}
		if changes(outcome) {
			f.change(naming{base: node})
		}
		if err != nil {
			return nil, err
		}
	case node == nil:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return &handle{disk: d, node: node, name: name, readOnly: mode == journal.Read}, nil
}

// Rename is as in journal.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, base, err := d.at(from)
	if err != nil {
		return err
	}
	other, target, err := d.at(to)
	if err != nil {
		return err
	}
	node := f.now[base]
	if node == nil || other != f || base == target {
		return fmt.Errorf("rename %s to %s: %w", from, to, fs.ErrNotExist)
	}
	outcome, err := d.begin(Rename, to)
	if changes(outcome) {
		f.change(naming{base: nil, target: node})
	}
	return err
}

// Remove is as in journal.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, base, err := d.at(name)
	if err != nil {
		return err
	}
	if f.now[base] == nil && !d.dead {
		return fmt.Errorf("remove %s: %w", name, fs.ErrNotExist)
	}
	outcome, err := d.begin(Remove, name)
	if changes(outcome) {
		f.change(naming{base: nil})
	}
	return err
}

// SyncDir is as in journal.FS.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, _, err := d.at(dir)
	if err != nil {
		return err
	}
	outcome, err := d.begin(SyncDir, dir)
	if outcome == Done {
		f.stable, f.debt = map[string]*inode{}, nil
		for name, node := range f.now {
			f.stable[name] = node
		}
	}
	return err
}

// Names is as in journal.FS.
func (d *Disk) Names(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, ErrDead
	}
	f, _, err := d.at(dir)
	if err != nil {
		return nil, err
	}
	return sorted(f.now), nil
}

// A handle is an open file.
type handle struct {
	disk     *Disk
	node     *inode
	name     string
	readOnly bool
	closed   bool
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	switch {
	case h.disk.dead:
		return 0, ErrDead
	case h.closed:
		return 0, fs.ErrClosed
	case off >= int64(len(h.node.now)):
		return 0, io.EOF
	}
	n := copy(p, h.node.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// begin is Disk.begin for a file that is open to be written.
func (h *handle) begin(op Op) (Outcome, error) {
	if h.closed || h.readOnly {
		return refused, fmt.Errorf("%s: %w", h.name, fs.ErrClosed)
	}
	return h.disk.begin(op, h.name)
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	outcome, err := h.begin(WriteAt)
	n := len(p)
	switch outcome {
	case refused:
		return 0, err
	case Torn, Fail, Full:
		n /= 2
	}
	h.node.apply(change{at: off, data: append([]byte{}, p[:n]...)})
	return n, err
}

func (h *handle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	outcome, err := h.begin(Truncate)
	if changes(outcome) {
		h.node.apply(change{at: size})
	}
	return err
}

func (h *handle) Allocate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	outcome, err := h.begin(Allocate)
	if (changes(outcome)) && size > int64(len(h.node.now)) {
		h.node.apply(change{at: size})
	}
	return err
}

func (h *handle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	outcome, err := h.begin(Sync)
	switch outcome {
	case Done:
		h.node.stable, h.node.debt = bytes.Clone(h.node.now), nil
	case Fail, Full:
		h.node.debt = nil // clean in the kernel's eyes, and lost
	}
	return err
}

func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.dead {
		return 0, ErrDead
	}
	return int64(len(h.node.now)), nil
}

func (h *handle) Close() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.closed = true
	return nil
}

// apply changes the page cache, and remembers that the disk does not know.
func (n *inode) apply(c change) {
	n.now = c.on(n.now)
	n.debt = append(n.debt, c)
}

// on gives the content after a change.
func (c change) on(b []byte) []byte {
	end := c.at + int64(len(c.data))
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b[:len(b):len(b)], make([]byte, grow)...)
	}
	if c.data == nil {
		return b[:end]
	}
	copy(b[c.at:], c.data)
	return b
}

func sorted(names map[string]*inode) []string {
	out := make([]string, 0, len(names))
	for name := range names {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
