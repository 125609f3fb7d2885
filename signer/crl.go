// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/signer/journal"
)

const (
	// ListDays is how long a list is valid, maxListDays what may be asked for
	// (security rule RV-04). A root's, made while its key is open, is valid for
	// rootListDays.
	ListDays     = 7
	maxListDays  = 10
	rootListDays = 365
	// maxListMessage is the largest list that an Ed25519 key signs, which takes the
	// whole of it in memory: three million entries.
	maxListMessage = 128 << 20
)

// A CRL is a signed list that waits to be read. It must be closed.
type CRL struct {
	ca.List
	algorithm string
	file      journal.File
	size      int64 // of the to-be-signed part
	signature []byte
	closed    func() error
}

// WriteTo writes the list in DER.
func (c *CRL) WriteTo(w io.Writer) (int64, error) {
	n := &counted{w: w}
	err := encode.SignedCRL(n, io.NewSectionReader(c.file, 0, c.size), c.size, c.algorithm, c.signature)
	return n.octets, err
}

// Close lets go of the list's file.
func (c *CRL) Close() error { return c.closed() }

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

// MakeCRL makes the complete list of a generation, valid for so many days, zero for
// ListDays. Every step answered before the call is on it; what ended before the
// list before this one is left out (RFC 5280 §3.3). The key must be open. One list
// is made at a time.
func (s *Signer) MakeCRL(session int64, authority string, days int) (*CRL, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, days, err := s.listed(session, authority, days)
	if err != nil {
		return nil, err
	}
	return s.list(a, days)
}

// PlanCRL says what MakeCRL would make now, and makes nothing.
func (s *Signer) PlanCRL(session int64, authority string, days int) (ca.List, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	a, days, err := s.listed(session, authority, days)
	if err != nil {
		return ca.List{}, err
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	l, _, err := s.foreseeList(a, days)
	return l, err
}

// listed is the generation whose list is wanted, and for how many days.
func (s *Signer) listed(session int64, authority string, days int) (*authority, int, error) {
	if err := s.current(session); err != nil {
		return nil, 0, err
	}
	if err := s.failure(); err != nil {
		return nil, 0, err
	}
	a := s.rules.Load().authorities[authority]
	switch {
	case a == nil:
		return nil, 0, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(authority), "chancery ca list")
	case a.External:
		return nil, 0, a.elsewhere()
	case days == 0:
		days = ListDays
	case days < 1 || days > maxListDays:
		return nil, 0, ca.Refused(ca.E2112, fmt.Sprintf("a list is valid for 1 to %d days", maxListDays), "ask for fewer")
	}
	return a, days, nil
}

// list makes a list: to-be-signed bytes in a file, checked and durable; the leaf;
// then the signature (security rule IS-01).
func (s *Signer) list(a *authority, days int) (*CRL, error) {
	s.revoking.Lock()
	defer s.revoking.Unlock()
	l, lines, err := s.foreseeList(a, days)
	if err != nil {
		return nil, err
	}
	s.spend()
	return s.signList(a, l, lines)
}

// foreseeList says what a list will be, with its entries. The caller holds revoking.
func (s *Signer) foreseeList(a *authority, days int) (l ca.List, lines func() iter.Seq2[ca.Entry, error], err error) {
	if a.key == nil {
		return l, nil, a.locked()
	}
	if err := a.listable(); err != nil {
		return l, nil, err
	}
	before := s.lists[a.Name]
	now, err := s.clock.read()
	if err != nil {
		return l, nil, err
	}
	now = now.UTC().Truncate(time.Second)
	l = ca.List{
		Authority: a.Name, Number: max(before.Number+1, now.UnixMilli(), a.aboveEarlier()),
		ThisUpdate: now, NextUpdate: now.AddDate(0, 0, days),
	}
	if l.NextUpdate.After(a.NotAfter) {
		l.NextUpdate = a.NotAfter
	}
	if !l.NextUpdate.After(now) {
		return l, nil, ca.Refused(ca.E3004, fmt.Sprintf("%s ended on %s, and needs no list any more", a.Name, a.NotAfter.Format(time.DateOnly)), "chancery ca list")
	}
	// What has ended stays until it was on a list that was made after its end. If the
	// clock was ahead then, and has been set back, its end may be yet to come.
	lapsed := min(now.Unix(), before.ThisUpdate.Unix())
	steps := s.revokedOf(a.Key).steps()
	lines = func() iter.Seq2[ca.Entry, error] {
		return func(yield func(ca.Entry, error) bool) {
			for one := range steps {
				if one.ends < lapsed || one.lifted() {
					continue
				}
				if e, err := one.entry(); !yield(e, err) {
					return
				}
			}
		}
	}
	for range lines() {
		l.Entries++
	}
	if err := check.Lists(a.Authority); err != nil {
		return l, nil, unlistable(a.Name, err)
	}
	return l, lines, nil
}

// signList writes, checks, journals and signs a list. The caller holds revoking.
func (s *Signer) signList(a *authority, l ca.List, lines func() iter.Seq2[ca.Entry, error]) (*CRL, error) {
	c, tbs, err := s.spool(a, l, lines)
	if err == nil {
		err = s.signSpooled(a, c, tbs)
	}
	if err != nil && c != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, err
}

// unlistable refuses a list that cannot be made, before its leaf: nothing was promised,
// and whoever ended the process for it would do so at every try.
func unlistable(name string, why error) error {
	return ca.Refused(ca.E3004, "no list of "+name+" can be made", "chancery ca show "+name+": replace it, or bring a certificate with cRLSign by chancery ca import-cert").Because(why.Error())
}

// signSpooled puts the leaf of a list on the log, and then signs the list.
func (s *Signer) signSpooled(a *authority, c *CRL, tbs ca.Digest) error {
	body, err := json.Marshal(c.List)
	if err != nil {
		return fmt.Errorf("write the list's leaf: %w", err)
	}
	if _, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.CRL, Issuer: a.Key, Digest: tbs}, Body: body}}); err != nil {
		return fmt.Errorf("journal the list: %w", err)
	}
	s.lists[a.Name] = c.List
	hash, message, err := c.message(tbs)
	if err == nil {
		c.signature, err = a.signHashed(hash, message)
	}
	return err
}

// spoolName is the file of a list in the making. One that a crash left behind is
// written over.
func spoolName(authority string) string { return "state/list-" + authority + ".tbs" }

// spool writes the to-be-signed bytes to a file that no crash need survive, holds what is really in the file
// against the checker, and gives their SHA-256. A list that comes with an error is
// to be closed.
func (s *Signer) spool(a *authority, l ca.List, lines func() iter.Seq2[ca.Entry, error]) (c *CRL, tbs ca.Digest, err error) {
	name := spoolName(a.Name)
	if err := s.files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, tbs, fmt.Errorf("remove an old list: %w", err)
	}
	f, err := s.files.OpenFile(name, journal.Create)
	if err != nil {
		return nil, tbs, fmt.Errorf("make the list's file: %w", err)
	}
	c = &CRL{List: l, algorithm: a.Algorithm(), file: f, closed: func() error {
		err := s.files.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // the next list has taken the name
		}
		return errors.Join(f.Close(), err)
	}}
	list := encode.List{Issuer: a.Authority, Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	if c.size, err = list.TBS(&appending{file: f}, lines); err != nil {
		return c, tbs, unlistable(a.Name, err)
	}
	want := check.List{Issuer: a.Authority, Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, Entries: int64(l.Entries), Revoked: lines()}
	h := sha256.New()
	if err := check.CRL(io.TeeReader(io.NewSectionReader(f, 0, c.size), h), c.size, want); err != nil {
		return c, tbs, unlistable(a.Name, err)
	}
	return c, ca.Digest(h.Sum(nil)), nil
}

// message gives what the key takes: the digest of what is in the file, which must
// be what was journaled (security rule SG-10), or for Ed25519 all of it.
func (c *CRL) message(tbs ca.Digest) (hash crypto.Hash, message []byte, err error) {
	_, hash, err = encode.SignatureAlgorithm(c.algorithm)
	if err != nil {
		return 0, nil, err
	}
	own := sha256.New()
	all := io.NewSectionReader(c.file, 0, c.size)
	switch {
	case hash == 0 && c.size > maxListMessage:
		return 0, nil, ca.Refused(ca.E2112, "the list is too long for an Ed25519 key", "use another key type for authorities of this size")
	case hash == 0:
		message = make([]byte, c.size)
		if _, err = io.ReadFull(io.TeeReader(all, own), message); err != nil {
			return 0, nil, fmt.Errorf("read the list: %w", err)
		}
	default:
		h := hash.New()
		if _, err = io.Copy(io.MultiWriter(own, h), all); err != nil {
			return 0, nil, fmt.Errorf("read the list: %w", err)
		}
		message = h.Sum(nil)
	}
	if ca.Digest(own.Sum(nil)) != tbs {
		return 0, nil, errOtherBytes
	}
	return hash, message, nil
}

// listLeaf enters a CRL leaf, and says what it is about.
func (m *memory) listLeaf(rec journal.Record) (about string, err error) {
	var l ca.List
	if err := json.Unmarshal(rec.Body, &l); err != nil {
		return "", err
	}
	m.lists[l.Authority] = l
	return "list " + l.Authority, nil
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

// wholeList makes a list and gives all of it: those of a founding are empty, and a
// root's is short.
func (s *Signer) wholeList(a *authority, days int) (out WholeList, err error) {
	c, err := s.list(a, days)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return out, err
	}
	return WholeList{List: c.List, DER: b.Bytes()}, s.respondUntil(a, c.NextUpdate)
}
