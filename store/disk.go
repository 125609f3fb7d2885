// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"chancery/ca"
)

// A Place is where an SQLite file lies if not with the operating system. Tests
// alone have one: a simulated disk must see every call that SQLite and we make.
type Place struct {
	Disk Disk
	// VFS is SQLite's name for the same disk.
	VFS string
	// Checkpoint is after how many pages the write-ahead log is taken into the
	// database; 0 is checkpointPages.
	Checkpoint int
}

// A Disk is what is done with an SQLite file beside SQLite. Paths are absolute.
// Content is on stable storage after Sync, a name after SyncDir.
type Disk interface {
	// Claim takes a database for this process, and makes its file if there is none.
	// The claim ends with Close or with the process.
	Claim(path string) (io.Closer, error)
	Open(path string) (io.ReadCloser, error)
	// Create makes an empty file, in the place of one that may be there.
	Create(path string) (DiskFile, error)
	Rename(from, to string) error
	SyncDir(path string) error
}

// A DiskFile is a file being written.
type DiskFile interface {
	io.WriteCloser
	Sync() error
}

// system is the operating system's Disk.
type system struct{}

// Claim locks the database, E1403 if another process has it, and sees to its file.
// The lock lies in a file of its own: SQLite's locks on the database end when
// anybody in the process closes it.
func (system) Claim(path string) (io.Closer, error) {
	f, err := os.OpenFile(path+"-lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ca.Refused(ca.E1409, "the directory of the database "+path+" is missing", "stop the service and restore the database from a backup")
	}
	if err != nil {
		return nil, fmt.Errorf("open the database's lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ca.Conflict(ca.E1403, "the database "+path+" is in use", "stop the other process first")
	} else if err != nil {
		err = fmt.Errorf("lock the database: %w", err)
	}
	if err == nil {
		err = ownFile(path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ownFile makes the database's file, or checks that it is one that nobody else
// can read (security rule KY-04). SQLite gives its other files the same mode.
func ownFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the database: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return ca.Refused(ca.E1404, fmt.Sprintf("the database %s has mode %v; it must be a file with mode 0600", path, info.Mode()), "chancery doctor --fix")
	}
	return nil
}

func (system) Open(path string) (io.ReadCloser, error) { return os.Open(path) }

func (system) Create(path string) (DiskFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (system) Rename(from, to string) error { return os.Rename(from, to) }

func (system) SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// settleWAL brings the write-ahead log that an unclean stop left to stable
// storage before SQLite reads it. A process that was killed between write and
// fsync leaves a commit that is seen in the page cache and gone after a power
// cut: settling would build on it. fsync of the old file proves nothing if an
// earlier one failed, so the bytes are written anew.
func settleWAL(disk Disk, path string) (err error) {
	wal := path + "-wal"
	from, err := disk.Open(wal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := disk.Create(wal + "-new")
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	return disk.Rename(wal+"-new", wal) // prepare syncs the folder before anybody is answered
}
