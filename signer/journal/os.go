// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"chancery/internal/faults"
)

// lockName is the file whose lock says that a process works on the directory.
const lockName = "lock"

// zeros is how much is written at once where the file system cannot allocate.
const zeros = 1 << 20

// OS is a real directory as an FS, with the folders that a journal needs. It holds
// a lock until the journal is closed, or the process ends in whatever way; if
// another process holds it, the error is ErrInUse.
func OS(dir string) (FS, error) {
	for _, sub := range []string{logDir, stateDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the folders of the log: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	// flock and not fcntl: two journals in one process exclude each other too.
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	d := &directory{root: dir, lock: lock}
	if err == nil {
		err = d.SyncDir(".")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), lock.Close())
	}
	return d, nil
}

// A directory is FS on the operating system.
type directory struct {
	root string
	lock *os.File
}

func (d *directory) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func (d *directory) OpenFile(name string, mode Mode) (File, error) {
	flags := map[Mode]int{Read: os.O_RDONLY, Write: os.O_RDWR, Create: os.O_RDWR | os.O_CREATE | os.O_EXCL}[mode]
	f, err := os.OpenFile(d.path(name), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{f}, nil
}

func (d *directory) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d *directory) Remove(name string) error { return os.Remove(d.path(name)) }

func (d *directory) SyncDir(dir string) error {
	f, err := os.Open(d.path(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *directory) Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(d.path(dir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Close gives the lock back.
func (d *directory) Close() error { return d.lock.Close() }

// A file is File on the operating system.
type file struct{ *os.File }

func (f *file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync is fdatasync: of the metadata it writes what is needed to read the data
// back, such as the length, and leaves out times.
func (f *file) Sync() error {
	defer faults.Commit()
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (f *file) Allocate(size int64) error {
	have, err := f.Size()
	if err != nil || have >= size {
		return err
	}
	for {
		err = syscall.Fallocate(int(f.Fd()), 0, have, size-have)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.ENOSYS) {
		return err
	}
	for b := make([]byte, zeros); have < size; have += int64(len(b)) {
		b = b[:min(int64(len(b)), size-have)]
		if _, err := f.WriteAt(b, have); err != nil {
			return err
		}
	}
	return nil
}
