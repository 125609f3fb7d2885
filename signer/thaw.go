// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"chancery/audit"
	"chancery/ca"
)

// errSnapshot says that a snapshot is not in the one form that freeze writes.
var errSnapshot = errors.New("it is damaged, or of another version")

// A decoder reads parts of a snapshot. After its first error everything is zero. It
// takes no memory that the octets which are left do not fill.
type decoder struct {
	r    *bufio.Reader
	left int64
	err  error
	b    [64]byte
}

func newDecoder(r io.Reader, size int64) *decoder {
	return &decoder{r: bufio.NewReaderSize(r, 64<<10), left: size}
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errSnapshot
	}
}

// octets gives the next n, at most 64, until the next call.
func (d *decoder) octets(n int) []byte {
	b := d.b[:n]
	clear(b)
	d.fill(b)
	return b
}

func (d *decoder) fill(b []byte) {
	if d.left -= int64(len(b)); d.left < 0 {
		d.fail()
	}
	if d.err != nil {
		return
	}
	if _, err := io.ReadFull(d.r, b); err != nil {
		clear(b)
		d.err = fmt.Errorf("read it: %w", err)
	}
}

// number gives the next number, which is not negative.
func (d *decoder) number() int64 {
	n := int64(binary.BigEndian.Uint64(d.octets(8))) //nolint:gosec // checked next
	if n < 0 {
		d.fail()
		return 0
	}
	return n
}

// count gives the number of parts that follow, each of so many octets at least.
func (d *decoder) count(each int64) int64 {
	n := d.number()
	if d.err == nil && n > d.left/each {
		d.fail()
	}
	if d.err != nil {
		return 0
	}
	return n
}

// indices gives leaves below size, in ascending order.
func (d *decoder) indices(size int64) []int64 {
	out := make([]int64, d.count(8))
	for i := range out {
		out[i] = d.number()
		if out[i] >= size || i > 0 && out[i] <= out[i-1] {
			d.fail()
			return nil
		}
	}
	return out
}

// digest gives the next key, above the one before unless it is the first.
func (d *decoder) digest(before ca.Digest, first bool) ca.Digest {
	out := ca.Digest(d.octets(len(ca.Digest{})))
	if !first && bytes.Compare(out[:], before[:]) <= 0 {
		d.fail()
	}
	return out
}

// stamp reads the beginning.
func (d *decoder) stamp() (stamp, error) {
	if string(d.octets(len(snapshotMagic))) != snapshotMagic {
		d.fail()
	}
	b := d.octets(8)
	of := stamp{logNo: binary.BigEndian.Uint16(b[2:])}
	if binary.BigEndian.Uint16(b) != snapshotVersion || binary.BigEndian.Uint32(b[4:]) != 0 {
		d.fail()
	}
	of.log = audit.LogID(d.octets(len(of.log)))
	of.leaves = d.number()
	of.root = audit.Hash(d.octets(len(of.root)))
	if of.leaves == 0 {
		d.fail()
	}
	return of, d.err
}

// decode fills an empty memory with what follows the stamp, and gives the leaves that
// are still to be taken. What is not exactly what encode would write is refused.
func (m *memory) decode(d *decoder, of stamp) (said []int64, err error) {
	said = d.indices(of.leaves)
	for _, index := range d.indices(of.leaves) {
		m.abandoned[index] = true
	}
	m.policies = append(m.policies, d.indices(of.leaves)...)
	var key ca.Digest
	for i := range d.count(int64(len(key))) {
		key = d.digest(key, i == 0)
		m.compromised[key] = true
	}
	for i := range d.count(int64(len(key)) + 8) {
		key = d.digest(key, i == 0)
		m.revoked[key] = &revoked{main: d.steps(of.leaves)}
	}
	before := int64(-1)
	for range d.count(intentSize) {
		i := d.intent(m.recent, of.leaves)
		if i.index <= before || i.final >= 0 || i.void {
			d.fail()
		}
		if d.err != nil {
			return nil, d.err
		}
		before = i.index
		m.recent.open[i.index] = i
	}
	settled := d.count(intentSize)
	if settled > int64(m.recent.most) {
		d.fail()
	}
	for range settled {
		m.recent.order = append(m.recent.order, d.intent(m.recent, of.leaves))
		if d.err != nil {
			return nil, d.err
		}
	}
	if d.left != 0 {
		d.fail()
	}
	return said, d.err
}

func (d *decoder) steps(size int64) []step {
	out := make([]step, d.count(stepSize))
	for i := range out {
		b := d.octets(stepSize)
		n := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) } //nolint:gosec // the same bits
		out[i] = step{serial: [20]byte(b), at: n(20), ends: n(28), leaf: n(36), number: b[44], reason: b[45], since: binary.BigEndian.Uint32(b[46:])}
		if out[i].leaf < 0 || out[i].leaf >= size || i > 0 && out[i].compare(out[i-1].serial) <= 0 {
			d.fail()
			return nil
		}
	}
	return out
}

// intent gives the next intent, entered under the names that find it.
func (d *decoder) intent(in *recent, size int64) *intent {
	i := &intent{index: d.number(), final: d.number() - 1}
	flags := d.octets(1)[0]
	i.request, i.key = ca.RequestID(d.text()), d.text()
	i.void = flags&flagVoid != 0
	if flags >= flagsEnd || i.index >= size || i.final >= size || in.byIndex[i.index] != nil ||
		flags&flagRequest != 0 && in.byRequest[i.request] != nil ||
		flags&flagKey != 0 && (i.key == "" || in.byKey[i.key] != nil) {
		d.fail()
	}
	if d.err != nil {
		return i
	}
	in.byIndex[i.index] = i
	if flags&flagRequest != 0 {
		in.byRequest[i.request] = i
	}
	if flags&flagKey != 0 {
		in.byKey[i.key] = i
	}
	return i
}

// text gives the next text. None is longer than the body it came from.
func (d *decoder) text() string {
	n := binary.BigEndian.Uint32(d.octets(4))
	if n > audit.MaxFrame || int64(n) > d.left {
		d.fail()
		return ""
	}
	b := make([]byte, n)
	d.fill(b)
	return string(b)
}
