// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"chancery/ca"
)

const (
	// keySuffix ends the name of every file of ours.
	keySuffix = ".key"
	// randomSuffix follows the id of a key that has a random file of its own.
	randomSuffix = "." + string(ByFile) + keySuffix
	// tempPrefix begins the name of a file while it is written; ids begin with no
	// dot.
	tempPrefix = ".new-"
)

// envelopes lists the ids of the key files, in order of file names.
func (k *Keyring) envelopes() ([]string, error) {
	names, err := dirNames(k.dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, keySuffix); ok && validID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// readEnvelope reads the key file of id. A file under another's name is refused:
// the names are not sealed, the ids in them are.
func (k *Keyring) readEnvelope(id string) (*envelope, error) {
	if !validID(id) {
		return nil, errors.New("the key id is not a name of ours")
	}
	b, err := readFile(filepath.Join(k.dir, id+keySuffix), maxEnvelope)
	if err != nil {
		return nil, err
	}
	e, err := parseEnvelope(b)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", id, err)
	}
	if e.Header.KeyID != id {
		return nil, fmt.Errorf("the file of the key %s holds the key %s", id, e.Header.KeyID)
	}
	return e, nil
}

// writeEnvelope seals content and writes it under its id, durably.
func (k *Keyring) writeEnvelope(h Header, content []byte, openers []opener) error {
	e, err := seal(h, content, openers)
	if err != nil {
		return err
	}
	b, err := e.marshal()
	if err != nil {
		return err
	}
	return k.writeFile(h.KeyID+keySuffix, b)
}

// newRandomFile draws the 32 octets of a random key file and writes it.
func (k *Keyring) newRandomFile(name string) (Secret, error) {
	b := make([]byte, keySize)
	if _, err := rand.Read(b); err != nil {
		return Secret{}, fmt.Errorf("draw the key file: %w", err)
	}
	s := NewSecret(b)
	if err := k.writeFile(name, b); err != nil {
		s.Wipe()
		return Secret{}, err
	}
	return s, nil
}

// readRandomFile reads a random key file.
func (k *Keyring) readRandomFile(name string) (Secret, error) {
	path := filepath.Join(k.dir, name)
	b, err := readFile(path, keySize)
	if err != nil {
		return Secret{}, err
	}
	if len(b) != keySize {
		clear(b)
		return Secret{}, fmt.Errorf("the key file %s has %d octets, wanted %d", shown(path), len(b), keySize)
	}
	return NewSecret(b), nil
}

// readFile reads a file of at most limit octets, after judging it again: Open
// looked at what was there then.
func readFile(path string, limit int) ([]byte, error) {
	// O_NONBLOCK, because opening a planted pipe would wait for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, Place{path, fileMode}.fault("a symbolic link", "put the real file in its place").problem()
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	b, err := readJudged(f, path, limit)
	if cerr := f.Close(); err == nil && cerr != nil {
		return nil, fmt.Errorf("close a key file: %w", cerr)
	}
	return b, err
}

func readJudged(f *os.File, path string, limit int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, unreadable(path, err)
	}
	if fault, ok := (Place{path, fileMode}).judge(&st); !ok {
		return nil, fault.problem()
	}
	// One octet more than allowed, to see that there is more; and room for it, so
	// that no octets of a secret stay behind in a buffer outgrown.
	b := make([]byte, limit+1)
	n, err := io.ReadFull(f, b)
	switch {
	case err == nil:
		clear(b)
		return nil, fmt.Errorf("the key file %s has more than %d octets", shown(path), limit)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return b[:n], nil
	}
	clear(b)
	return nil, unreadable(path, err)
}

// writeFile makes the file name with content, and is durable on return. A crash
// leaves the whole file or none under name: content is synced under a temporary
// name, which Open removes, and then linked. Unlike a rename, a link never
// replaces a key that is there.
func (k *Keyring) writeFile(name string, content []byte) error {
	path, temp := filepath.Join(k.dir, name), filepath.Join(k.dir, tempPrefix+name)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return unwritable(temp, err)
	}
	if err := fill(f, content); err != nil {
		return errors.Join(unwritable(temp, err), os.Remove(temp))
	}
	if err := os.Link(temp, path); err != nil {
		return errors.Join(unwritable(path, err), os.Remove(temp))
	}
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(temp, err)
	}
	return syncDir(k.dir)
}

// fill writes and closes f, durably.
func fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		// The umask may have taken the owner's own bit.
		err = f.Chmod(fileMode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return unreadable(dir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync the directory %s: %w", shown(dir), err)
	}
	return nil
}

// unreadable puts a failed read into words.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ca.NotFound(ca.E1102, shown(path)+" does not exist", "restore it from a backup of the keys, or name another directory")
	case errors.Is(err, fs.ErrPermission):
		return ca.Unavailable(ca.E1102, shown(path)+" cannot be read by this account", "start the signer under the account that owns its keys")
	}
	return fmt.Errorf("read the key file %s: %w", shown(path), err)
}

// unwritable puts a failed write into words.
func unwritable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return ca.Conflict(ca.E1002, shown(path)+" exists already", "choose another name: keys are never overwritten")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return ca.Unavailable(ca.E1407, "there is no room to write "+shown(path), "free space and try again")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return ca.Unavailable(ca.E1102, shown(path)+" cannot be written: the directory is read-only to this account", "make the key directory writable for the signer's account")
	}
	return fmt.Errorf("write the key file %s: %w", shown(path), err)
}
