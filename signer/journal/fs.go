// SPDX-License-Identifier: Apache-2.0

package journal

import "errors"

// A Mode says what an opened file is for.
type Mode int

// The modes.
const (
	Read   Mode = iota + 1 // an existing file, to read
	Write                  // an existing file, to read and write
	Create                 // a new file, to read and write; refused if the name is taken
)

// FS is the directory of a signer. Names are relative, with slashes. Absent names
// give an error that is fs.ErrNotExist, taken ones fs.ErrExist, a full disk one
// that is syscall.ENOSPC.
//
// What a call did is on stable storage only after Sync of the file, for content,
// and SyncDir of the folder, for names.
type FS interface {
	OpenFile(name string, mode Mode) (File, error)
	// Rename puts a file under another name of the same folder, replacing what is there.
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(dir string) error
	// Names lists the files of a folder, sorted.
	Names(dir string) ([]string, error)
}

// A File is an open file. It has seven methods, more than our interfaces have
// elsewhere: each is one call to the kernel, and the simulator must see each.
type File interface {
	// ReadAt and WriteAt are as in package io; a short write is an error.
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	// Allocate makes the file at least size octets long, filled with zeros, with its
	// blocks taken: a later write within them neither meets a full disk nor changes
	// the file's length, so that fdatasync has no more to do than the data.
	Allocate(size int64) error
	Sync() error
	Size() (int64, error)
	Close() error
}

// The errors that callers tell apart.
var (
	// ErrInUse: another process works on this directory.
	ErrInUse = errors.New("the directory is in use by another process")
	// ErrFailed: a write or fsync failed, and the process must end.
	ErrFailed = errors.New("the log failed; the process must end")
	// ErrClosed: the journal no longer takes leaves.
	ErrClosed = errors.New("the log is closed")
	// ErrStop ends a Scan early: its callback returns it, and Scan returns nil.
	ErrStop = errors.New("stop reading")
)
