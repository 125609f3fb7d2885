// SPDX-License-Identifier: Apache-2.0

// Package whole writes files that appear whole under their name, or not at all, and
// leaves nothing of them behind when the process is killed: until then the file has no
// name. Half a key must be read by nobody, and a whole one lie nowhere by accident.
//
// It decides nothing about what may be overwritten, and makes no directories. Start
// reading with [Beside].
package whole

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// prefix begins the name of a file that is about to take the place of another.
const prefix = ".new-"

// A File is written, and then named: with New, Replace, or not at all. Close is due in
// each case, and may come twice.
type File struct {
	*os.File
	path string
	mode os.FileMode
	// temp is its name where the disk has no files without one: a killed process leaves it.
	temp string
}

// Beside begins a file that is to be path one day, in its directory. Nobody but the
// owner can read it before it is named.
func Beside(path string, mode os.FileMode) (*File, error) {
	dir := filepath.Dir(path)
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		f := &File{File: os.NewFile(uintptr(fd), path), path: path, mode: mode}
		if _, err := os.Lstat(f.nameless()); err == nil {
			return f, nil
		}
		// Without /proc it could not be given a name.
		_ = f.Close()
	}
	return named(path, mode)
}

// named begins a file on a disk that has none without a name.
func named(path string, mode os.FileMode) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), prefix+"*") // with mode 0600
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path, mode: mode, temp: f.Name()}, nil
}

// nameless is where the kernel shows the open file.
func (f *File) nameless() string {
	return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) //nolint:gosec // a descriptor is small
}

// New gives the file its name. What has it already stays as it is, and the error is
// fs.ErrExist.
func (f *File) New() error {
	if err := f.durable(); err != nil {
		return err
	}
	err := f.link(f.path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = f.copied() // a disk without hard links, such as a stick
	}
	if err != nil {
		return err
	}
	return f.named()
}

// Replace gives the file its name in place of whatever has it, in one step: who opens
// it finds the one or the other.
func (f *File) Replace() error {
	if err := f.durable(); err != nil {
		return err
	}
	if f.temp != "" {
		if err := os.Rename(f.temp, f.path); err != nil {
			return err
		}
		return f.named()
	}
	return f.swapped()
}

// swapped puts a file that has no name in place of another. No call does that, so it has a
// name for a moment, the same one for all who want this place. They take turns by a lock
// that ends with its holder: what stands there is a killed one's.
func (f *File) swapped() (err error) {
	d, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil { //nolint:gosec // a descriptor is small
		return fmt.Errorf("lock the directory of %s: %w", f.path, err)
	}
	next := filepath.Join(filepath.Dir(f.path), prefix+filepath.Base(f.path))
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.link(next); err != nil {
		return err
	}
	if err := os.Rename(next, f.path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return d.Sync()
}

// durable gives what was written its mode, and keeps it through a power cut.
func (f *File) durable() error { return errors.Join(f.Chmod(f.mode), f.Sync()) }

func (f *File) link(to string) error {
	from, flags := f.temp, 0
	if from == "" {
		from, flags = f.nameless(), unix.AT_SYMLINK_FOLLOW
	}
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, to, flags); err != nil {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	return nil
}

// copied takes the name first, and fills it then.
func (f *File) copied() error {
	g, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.mode)
	if err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(g, f)
	}
	return errors.Join(err, g.Sync(), g.Close())
}

// named keeps the name through a power cut.
func (f *File) named() error {
	d, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close ends the work on the file. Without New or Replace nothing stays of it.
func (f *File) Close() error {
	if f.temp != "" {
		// Renamed, it is gone from here.
		if err := os.Remove(f.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, f.close())
		}
	}
	return f.close()
}

func (f *File) close() error {
	if err := f.File.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Write makes the file path of content, which must not exist: else the error is
// fs.ErrExist.
func Write(path string, mode os.FileMode, content []byte) error {
	return write(path, mode, content, (*File).New)
}

// Put makes the file path of content, in place of whatever it is.
func Put(path string, mode os.FileMode, content []byte) error {
	return write(path, mode, content, (*File).Replace)
}

func write(path string, mode os.FileMode, content []byte, place func(*File) error) (err error) {
	f, err := Beside(path, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return place(f)
}
