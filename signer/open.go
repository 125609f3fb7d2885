// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// logKeyID names the key that signs checkpoints, initKeyID the one that signs
// the first policy bundles.
const (
	logKeyID  = "log"
	initKeyID = "init"
)

// Open locks the directory, recovers the journal and unlocks the online keys if
// they open by themselves. A directory without an installation is no error: the
// signer then answers nothing but Found. Loose modes, a directory in use (E1403),
// damage, or a journal older than its keys are refused with their codes.
func (s *Signer) Open() error {
	if s.Place.Disk != nil {
		return s.openOn(s.Place.Disk)
	}
	disk, err := journal.OS(s.Dir)
	switch {
	case errors.Is(err, journal.ErrInUse):
		return ca.Conflict(ca.E1403, "another signer holds this directory", "stop it first").Because(s.Dir + " is locked")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ca.Unavailable(ca.E1102, "the signer's directory cannot be written", "make it writable for the signer's account").Because(err.Error())
	case err != nil:
		return err
	}
	return s.openOn(disk)
}

// openOn is Open on a directory that is locked. Nothing in it is touched before
// the lock is held: the keyring clears away what looks half-written, and that
// may be a key which another signer is just sealing.
func (s *Signer) openOn(disk journal.FS) error {
	s.disk, s.files, s.opened = disk, disk, make(chan struct{})
	s.spend() // a start writes too, and so does the front's that follows
	s.recent, s.claimed, s.refusals = newRecent(s.remembers()), map[string]ca.RequestID{}, map[refusal]int{}
	s.revoked, s.lists, s.abandoned = map[ca.Digest]*revoked{}, map[string]ca.ListBody{}, map[int64]bool{}
	s.made, s.feeds, s.airborne = map[string]bool{}, map[ca.Digest]fed{}, map[*flight]struct{}{}
	s.listPaces, s.feedPaces, s.feedLeaves = map[ca.Digest]*pace{}, map[ca.Digest]*pace{}, map[fedKind]int64{}
	s.compromised, s.onHold = map[ca.Digest]bool{}, map[ca.Digest]holding{}
	s.tokens, s.responders = tokens{}, map[string]*responder{}
	s.boot, s.clock = newBoot(), newClock(s.Now, s.Since)
	if err := s.begun(filepath.Join(s.Dir, "keys")); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// begun takes up the installation whose keys are at path, if there is one.
func (s *Signer) begun(path string) error {
	if _, err := os.Stat(filepath.Join(path, logKeyID+".key")); errors.Is(err, fs.ErrNotExist) {
		return s.unfounded(path)
	}
	keys, err := softkey.Open(path, s.Now)
	if err != nil {
		return err
	}
	s.keys = keys
	if err := s.openJournal(); err != nil {
		return err
	}
	if err := s.replay(); err != nil {
		return err
	}
	if err := s.reserve(); err != nil {
		return fmt.Errorf("keep room for revocations: %w", err)
	}
	close(s.opened)
	return s.unlockByItself()
}

// unfounded refuses a directory with a log and no key for it.
func (s *Signer) unfounded(keys string) error {
	names, err := os.ReadDir(keys)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the key directory: %w", err)
	}
	if len(names) > 0 {
		return halfFounded()
	}
	return nil
}

func halfFounded() error {
	return ca.Conflict(ca.E1408, "founding stopped half-way in this directory",
		"nothing was handed out from it: remove it, or use another --dir")
}

// newBoot is a random name for this start of the process.
func newBoot() string { return rand.Text() }

// openJournal opens the log that the keys name, at or above the size the newest
// of them saw.
func (s *Signer) openJournal() error {
	infos, err := s.keys.List()
	if err != nil {
		return err
	}
	var id string
	var size int64
	for _, i := range infos {
		if i.Header.KeyID == logKeyID {
			id = i.Header.Log
		}
		size = max(size, i.Header.LogSize)
	}
	log, err := audit.ParseLogID(id)
	if err != nil {
		return fmt.Errorf("read the log's name from its key: %w", err)
	}
	key, err := s.keys.Key(logKeyID, softkey.Log{ID: id, Size: size})
	if err != nil {
		return err
	}
	s.journal, err = s.openLog(log, key, journal.Options{MinSize: size})
	return err
}

// openLog opens the journal with what is the same for a new and an old one. The
// directory and its lock are the journal's from then on.
func (s *Signer) openLog(id audit.LogID, key crypto.Signer, o journal.Options) (*journal.Journal, error) {
	disk := s.disk
	s.disk, s.logSigner = nil, key
	o.Log, o.LogNo, o.Now, o.Signer, o.Unseparated = id, firstLogNo, s.clock.stamp, key, s.Unseparated
	o.SegmentLeaves, o.Ahead = s.Place.SegmentLeaves, s.Place.Ahead
	j, err := journal.Open(disk, o)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return j, nil
}

// create makes what a founding begins with: keyring, log key and empty log.
func (s *Signer) create(f Founding) error {
	var id audit.LogID
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("name the log: %w", err)
	}
	keys, err := softkey.Create(filepath.Join(s.Dir, "keys"), s.Now)
	if err != nil {
		return err
	}
	words, err := softkey.ParseWords(f.Words)
	if err != nil {
		return err
	}
	log := softkey.Log{ID: hex.EncodeToString(id[:])}
	s.keys = keys
	opening := softkey.Opening{Words: words, Passphrase: softkey.NewSecret([]byte(f.Passphrase)), KDF: s.KDF}
	if s.words, err = keys.Establish(opening, log); err != nil {
		return err
	}
	key, err := keys.Generate("ed25519")
	if err != nil {
		return err
	}
	if err := keys.Seal(key, softkey.Sealing{ID: logKeyID, Purpose: softkey.LogKey, Log: log}); err != nil {
		return err
	}
	if s.logKey, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return fmt.Errorf("encode the log's key: %w", err)
	}
	if s.journal, err = s.openLog(id, key, journal.Options{Create: true}); err != nil {
		return err
	}
	close(s.opened) // Run begins to write
	return nil
}

// log is the log as the keyring wants it named.
func (s *Signer) log() softkey.Log {
	return softkey.Log{ID: s.journal.LogIDText(), Size: s.journal.Size()}
}

// Close writes the last checkpoint, forgets the keys and gives the directory
// back. Run must have returned.
func (s *Signer) Close() error {
	if s.keys != nil {
		s.keys.Lock()
	}
	if s.journal != nil {
		s.spend() // for the last checkpoint
		return s.journal.Close()
	}
	if lock, ok := s.disk.(io.Closer); ok {
		s.disk = nil
		return lock.Close()
	}
	return nil
}
