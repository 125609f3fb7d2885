// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/signer/journal"
)

// maxListMessage is the largest list that an Ed25519 key signs, which takes the whole of it
// in memory: three million entries.
const maxListMessage = 128 << 20

// A CRL is a signed list that waits to be read.
type CRL struct {
	ca.ListBody
	algorithm string
	file      journal.File
	size      int64 // of the to-be-signed part
	tbs       ca.Digest
	signature []byte
	closed    func() error
}

// Octets is how long the list is in DER.
func (c *CRL) Octets() (int64, error) { return encode.SignedSize(c.size, c.algorithm, c.signature) }

// WriteTo writes the list in DER.
func (c *CRL) WriteTo(w io.Writer) (int64, error) {
	n := &counted{w: w}
	err := encode.SignedCRL(n, io.NewSectionReader(c.file, 0, c.size), c.size, c.algorithm, c.signature)
	return n.octets, err
}

// counted counts what is written.
type counted struct {
	w      io.Writer
	octets int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.octets += int64(n)
	return n, err
}

// sign signs a list that is on the log.
func (c *CRL) sign(a *authority) error {
	hash, message, err := c.message()
	if err == nil {
		c.signature, err = a.signHashed(hash, message)
	}
	return err
}

// spoolName is the file of a list in the making. One that a crash left behind is
// written over.
func spoolName(list string) string { return "state/list-" + list + ".tbs" }

// spool writes the to-be-signed bytes to a file that no crash need survive, and holds what is
// really in the file against the checker. A list that comes with an error is to be closed.
func (s *Signer) spool(m *moment, scope ca.ListScope) (c *CRL, err error) {
	l, lines := m.list(scope)
	name := spoolName(l.Name())
	if err := s.files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove an old list: %w", err)
	}
	f, err := s.files.OpenFile(name, journal.Create)
	if err != nil {
		return nil, fmt.Errorf("make the list's file: %w", err)
	}
	c = &CRL{ListBody: l, algorithm: m.of.Algorithm(), file: f, closed: func() error {
		err := s.files.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // the next list has taken the name
		}
		return errors.Join(f.Close(), err)
	}}
	_, hash, err := encode.SignatureAlgorithm(c.algorithm)
	if err != nil {
		return c, err
	}
	list := encode.List{Issuer: m.of.Authority, Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate,
		Base: l.Base, Point: m.point(scope), Authorities: scope == ca.AuthorityList, Freshest: m.freshest(scope)}
	if c.size, err = list.TBS(&appending{file: f}, lines); err != nil {
		return c, unlistable(m.of.Name, err)
	}
	if hash == 0 && c.size > maxListMessage {
		return c, ca.Refused(ca.E2112, "the list is too long for an Ed25519 key", "use another key type for authorities of this size")
	}
	want := check.List{Issuer: m.of.Authority, Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, Entries: int64(l.Entries), Revoked: lines(),
		Base: l.Base, Point: m.point(scope), Authorities: scope == ca.AuthorityList, Freshest: m.freshest(scope)}
	h := sha256.New()
	if err := check.CRL(io.TeeReader(io.NewSectionReader(f, 0, c.size), h), c.size, want); err != nil {
		return c, unlistable(m.of.Name, err)
	}
	c.tbs = ca.Digest(h.Sum(nil))
	return c, nil
}

// message gives what the key takes: the digest of what is in the file, which must
// be what was journaled (security rule SG-10), or for Ed25519 all of it.
func (c *CRL) message() (hash crypto.Hash, message []byte, err error) {
	_, hash, err = encode.SignatureAlgorithm(c.algorithm)
	if err != nil {
		return 0, nil, err
	}
	own := sha256.New()
	all := io.NewSectionReader(c.file, 0, c.size)
	if hash == 0 {
		message = make([]byte, c.size)
		if _, err = io.ReadFull(io.TeeReader(all, own), message); err != nil {
			return 0, nil, fmt.Errorf("read the list: %w", err)
		}
	} else {
		h := hash.New()
		if _, err = io.Copy(io.MultiWriter(own, h), all); err != nil {
			return 0, nil, fmt.Errorf("read the list: %w", err)
		}
		message = h.Sum(nil)
	}
	if ca.Digest(own.Sum(nil)) != c.tbs {
		return 0, nil, errOtherBytes
	}
	return hash, message, nil
}

// appending writes a file from its beginning on.
type appending struct {
	file journal.File
	at   int64
}

func (a *appending) Write(p []byte) (int, error) {
	n, err := a.file.WriteAt(p, a.at)
	a.at += int64(n)
	return n, err
}
