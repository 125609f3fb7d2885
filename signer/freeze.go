// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"chancery/audit"
	"chancery/ca"
)

// A snapshot, big-endian throughout:
//
//	magic 8 · u16 version · u16 log_no · u32 0 · log id 16 · u64 leaves · root 32
//	u64 n, n × u64: leaves of which the newest of its kind counts, ascending
//	u64 n, n × u64: abandoned revocations, ascending
//	u64 n, n × u64: policies, ascending
//	u64 n, n × 32: compromised keys, ascending
//	u64 n, n × (issuing key 32, ascending · u64 n, n × step 50, by serial)
//	u64 n, n × intent: the open ones, ascending
//	u64 n, n × intent: the settled ones, oldest first
//	signature 64
//
// A step is serial 20 · i64 revoked · i64 ends · i64 leaf · number · reason · u32
// invalidity date or 0. An intent is u64 leaf · u64 FINAL + 1 or 0 · flags · u32 n, request · u32 n, key.
//
// The signature is the log key's, over snapshotTag and the SHA-256 of all before it:
// whoever can write the file and not use the key cannot take a revocation back with
// it. The policy in force, authorities, lists and the last time are not in it; they are read from
// the leaves, and held against the tree.
const (
	snapshotMagic   = "\xC7CHSNP\r\n"
	snapshotVersion = 4
	snapshotTag     = "chancery signer snapshot v1\x00"

	stepSize   = 20 + 3*8 + 2 + 4
	intentSize = 8 + 8 + 1 + 4 + 4 // at least
)

// The flags of an intent. The last two say that its request, or its key, finds it and
// no newer one.
const (
	flagVoid = 1 << iota
	flagRequest
	flagKey
	flagsEnd
)

// A stamp says which leaves a snapshot was made of.
type stamp struct {
	logNo  uint16
	log    audit.LogID
	leaves int64
	root   audit.Hash
}

// stamp is that of the first so many leaves of the log.
func (s *Signer) stamp(leaves int64) (stamp, error) {
	root, err := s.journal.Root(leaves)
	return stamp{s.journal.LogNo(), s.journal.LogID(), leaves, root}, err
}

// freeze writes a memory as a snapshot.
func (s *Signer) freeze(w io.Writer, m *memory) error {
	st, err := s.stamp(m.size)
	if err != nil {
		return err
	}
	h := sha256.New()
	if err := m.encode(io.MultiWriter(h, w), st, slices.Sorted(maps.Values(m.said))); err != nil {
		return err
	}
	signature, err := s.logSigner.Sign(rand.Reader, snapshotMessage(h), &ed25519.Options{})
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	_, err = w.Write(signature)
	return err
}

// snapshotMessage is what the log's key signs.
func snapshotMessage(h hash.Hash) []byte { return h.Sum([]byte(snapshotTag)) }

// thaw reads a snapshot of so many octets, and gives its memory if the log has the
// leaves it was made of, and the log's key signed it.
func (s *Signer) thaw(r io.Reader, size int64) (*memory, error) {
	h := sha256.New()
	body := size - ed25519.SignatureSize
	d := newDecoder(io.TeeReader(io.LimitReader(r, body), h), body)
	of, err := d.stamp()
	if err != nil {
		return nil, err
	}
	if of.leaves > s.journal.Size() {
		return nil, fmt.Errorf("it is of %d leaves, and the log has %d", of.leaves, s.journal.Size())
	}
	want, err := s.stamp(of.leaves)
	if err != nil {
		return nil, err
	}
	if of != want {
		return nil, errors.New("it is of another log, or of other leaves")
	}
	m := s.newMemory()
	said, err := m.decode(d, of)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, ed25519.SignatureSize)
	if _, err := io.ReadFull(r, signature); err != nil {
		return nil, err
	}
	key, ok := s.logSigner.Public().(ed25519.PublicKey)
	if !ok || !ed25519.Verify(key, snapshotMessage(h), signature) {
		return nil, errors.New("the log's key did not sign it")
	}
	return m, m.retell(said, of.leaves)
}

// retell takes the leaves that a snapshot names, and the time of the last one.
func (m *memory) retell(said []int64, leaves int64) error {
	for _, index := range said {
		rec, err := m.log.Leaf(index)
		if err == nil {
			err = m.take(rec)
		}
		if err != nil {
			return fmt.Errorf("leaf %d: %w", index, err)
		}
	}
	if len(m.said) != len(said) {
		return errors.New("it names a leaf that says nothing")
	}
	last, err := m.log.Leaf(leaves - 1)
	if err != nil {
		return err
	}
	m.size, m.time = leaves, last.Leaf.Time
	return nil
}

// encode writes all but the signature.
func (m *memory) encode(to io.Writer, of stamp, said []int64) error {
	w := &encoder{w: bufio.NewWriterSize(to, 64<<10)}
	w.octets([]byte(snapshotMagic))
	w.b = binary.BigEndian.AppendUint16(w.b[:0], snapshotVersion)
	w.b = binary.BigEndian.AppendUint16(w.b, of.logNo)
	w.b = append(w.b, 0, 0, 0, 0)
	w.octets(w.b)
	w.octets(of.log[:])
	w.number(of.leaves)
	w.octets(of.root[:])
	w.indices(said)
	w.indices(slices.Sorted(maps.Keys(m.abandoned)))
	w.indices(m.policies)
	compromised := sortedKeys(m.compromised)
	w.number(int64(len(compromised)))
	for _, key := range compromised {
		w.octets(key[:])
	}
	issuers := sortedKeys(m.revoked)
	w.number(int64(len(issuers)))
	for _, issuer := range issuers {
		w.octets(issuer[:])
		w.steps(m.revoked[issuer])
	}
	open := slices.SortedFunc(maps.Values(m.recent.open), func(a, b *intent) int { return cmp.Compare(a.index, b.index) })
	for _, all := range [][]*intent{open, m.recent.settled()} {
		w.number(int64(len(all)))
		for _, i := range all {
			w.intent(i, m.recent)
		}
	}
	return w.w.Flush()
}

func sortedKeys[V any](m map[ca.Digest]V) []ca.Digest {
	return slices.SortedFunc(maps.Keys(m), func(a, b ca.Digest) int { return bytes.Compare(a[:], b[:]) })
}

// An encoder writes parts of a snapshot. Its writer keeps the first error for Flush.
type encoder struct {
	w *bufio.Writer
	b []byte
}

func (e *encoder) octets(b []byte) { _, _ = e.w.Write(b) }

func (e *encoder) number(n int64) {
	e.b = binary.BigEndian.AppendUint64(e.b[:0], uint64(n)) //nolint:gosec // the same bits
	e.octets(e.b)
}

func (e *encoder) indices(all []int64) {
	e.number(int64(len(all)))
	for _, n := range all {
		e.number(n)
	}
}

func (e *encoder) steps(r *revoked) {
	n := int64(0)
	for range r.steps() {
		n++
	}
	e.number(n)
	for one := range r.steps() {
		b := append(e.b[:0], one.serial[:]...)
		for _, n := range []int64{one.at, one.ends, one.leaf} {
			b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // the same bits
		}
		e.b = binary.BigEndian.AppendUint32(append(b, one.number, one.reason), one.since)
		e.octets(e.b)
	}
}

func (e *encoder) intent(i *intent, in *recent) {
	e.number(i.index)
	e.number(i.final + 1)
	flags := byte(0)
	if i.void {
		flags |= flagVoid
	}
	if in.byRequest[i.request] == i {
		flags |= flagRequest
	}
	if in.byKey[i.key] == i {
		flags |= flagKey
	}
	e.octets([]byte{flags})
	for _, text := range []string{string(i.request), i.key} {
		e.b = binary.BigEndian.AppendUint32(e.b[:0], uint32(len(text))) //nolint:gosec // parts of a body, of 256 KiB at most
		e.b = append(e.b, text...)
		e.octets(e.b)
	}
}
