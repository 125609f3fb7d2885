// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
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

// A Moment is a disk just before a call.
type Moment struct {
	Call Call
	// Disk is an image of it; Kill and Cut give the disks to go on with.
	Disk *Disk
	// node is the file of a write or sync; half is what of a write is in the page
	// cache if the process dies within the call.
	node *inode
	half change
}

// Torn gives the image in which half of the write is in the page cache; false if
// the call is no write.
func (m Moment) Torn() (*Disk, bool) {
	if m.node == nil || m.Call.Op != WriteAt {
		return nil, false
	}
	out, copies := m.Disk.copied(nil)
	copies[m.node].apply(m.half)
	return out, true
}

// Lost gives the image after the sync has failed: what was to be written can still
// be read, counts as clean, and will never be on the disk; false if the call is no
// sync of a file.
func (m Moment) Lost() (*Disk, bool) {
	if m.node == nil || m.Call.Op != Sync {
		return nil, false
	}
	out, copies := m.Disk.copied(nil)
	copies[m.node].debt = nil
	return out, true
}

// A Disk is the disk as one process sees it, until it dies. It is a journal.FS.
type Disk struct {
	mu      sync.Mutex
	plan    Plan
	watch   func(Moment)
	calls   int
	dead    bool
	folders map[string]*folder
	// waste are the contents of files that lost their names: what stands in space
	// that is taken anew, until it is written.
	waste []wasted
}

// folders are those of a signer's log, and that of a database.
var folders = []string{"db", "journal", "state"}

// A wasted is what is left of a file, and its name within its folder.
type wasted struct {
	name string
	content
}

// discard remembers a file without a name, in place of the one that had it before.
// The images of a disk share the list.
func (d *Disk) discard(w wasted) {
	d.waste = append(slices.DeleteFunc(slices.Clone(d.waste), func(old wasted) bool { return old.name == w.name }), w)
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
	now, stable content
	debt        []change // what may lead from stable to now; images share its beginning
}

// A change is a write, or, without data, a new length.
type change struct {
	at   int64
	data []byte
}

// New gives an empty disk with the folders of a journal, and one named db. A nil
// plan lets every call be done.
func New(plan Plan) *Disk {
	d := &Disk{plan: plan, folders: map[string]*folder{}}
	for _, name := range folders {
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

// Watch has f called before each call that changes the disk, so that one run gives
// the images of all its moments; nil ends it. f must not call the disk itself.
func (d *Disk) Watch(f func(Moment)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch = f
}

// Plan puts another plan in force.
func (d *Disk) Plan(p Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan = p
}

// Die ends the process: all calls from now on give ErrDead.
func (d *Disk) Die() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

// begin counts a call and asks for its outcome. An error is the call's; the caller
// changes the page cache only as the outcome says.
func (d *Disk) begin(op Op, name string) (Outcome, error) {
	return d.beginOn(op, name, nil, change{})
}

// beginOn is begin, of a write or sync with its file, and of a write its first half.
func (d *Disk) beginOn(op Op, name string, node *inode, half change) (Outcome, error) {
	if d.dead {
		return refused, ErrDead
	}
	d.calls++
	call := Call{N: d.calls, Op: op, Name: name}
	if d.watch != nil {
		image, copies := d.copied(nil)
		d.watch(Moment{Call: call, Disk: image, node: copies[node], half: half})
	}
	if d.plan == nil {
		return Done, nil
	}
	switch o := d.plan(call); o {
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

// change gives and takes names. A file that loses its last is waste from now on.
func (d *Disk) change(f *folder, n naming) {
	for name, node := range n {
		if old := f.now[name]; old != nil && !slices.Contains(slices.Collect(maps.Values(n)), old) && old.now.size > 0 {
			d.discard(wasted{name, old.now.clone()})
		}
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
			d.change(f, naming{base: node})
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
		d.change(f, naming{base: nil, target: node})
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
		d.change(f, naming{base: nil})
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

func sorted(names map[string]*inode) []string {
	out := make([]string, 0, len(names))
	for name := range names {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
