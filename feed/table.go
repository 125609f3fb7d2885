// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

const (
	// band is how many rows after its start an equation touches. 128 costs some 3 % of
	// space where 64 would cost 8, and two words are no trouble anywhere.
	band = 128
	// maxRows bounds a table: 32 MiB for a column, a hundred million revoked.
	maxRows = 1 << 28
	// maxColumns is the most columns the first table can have: the bits of a fingerprint.
	maxColumns = 32
	saltSize   = 16
)

// A table is a solution of linear equations over GF(2), a bit for each row in each
// column: the sum of the rows that a number's equation names is the number's value.
type table struct {
	salt    [saltSize]byte
	columns int
	rows    int // a multiple of 8, band at least, or 0
	bits    []byte
}

// An equation is what a number asks of a table: the rows from start on whose
// coefficient is 1, lo being those of the first 64, and a fingerprint, the value that
// numbers in the first table have.
type equation struct {
	start  int
	lo, hi uint64
	print  uint32
}

// equation hashes a number: SHA-256 with a salt that nobody knew while serial numbers
// were made, so that none can be made which fit badly.
func (t *table) equation(n *number) equation {
	var in [saltSize + width]byte
	copy(in[:], t.salt[:])
	copy(in[saltSize:], n[:])
	h := sha256.Sum256(in[:])
	return equation{
		start: int(uint64(binary.BigEndian.Uint32(h[0:])) * uint64(t.rows-band+1) >> 32), //nolint:gosec // below rows
		print: binary.LittleEndian.Uint32(h[4:]),
		lo:    binary.LittleEndian.Uint64(h[8:]) | 1, // the start itself always
		hi:    binary.LittleEndian.Uint64(h[16:]),
	}
}

// bit is the number's value in one column.
func (t *table) bit(e equation, column int) uint32 {
	from := t.bits[column*(t.rows/8)+e.start/8:]
	shift := e.start % 8
	lo, hi := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
	if shift > 0 { // then there is a seventeenth octet
		lo, hi = lo>>shift|hi<<(64-shift), hi>>shift|uint64(from[16])<<(64-shift)
	}
	return uint32(bits.OnesCount64(lo&e.lo^hi&e.hi)) & 1 //nolint:gosec // 0 or 1
}

// matches tells whether the number's value is its fingerprint. A table without
// columns lets everything through.
func (t *table) matches(n *number) bool {
	if t.columns == 0 {
		return true
	}
	e := t.equation(n)
	for c := range t.columns {
		if t.bit(e, c) != e.print>>c&1 {
			return false
		}
	}
	return true
}

// A filter answers exactly for the numbers it was made of.
type filter struct {
	first  table // lets all members through, and others seldom
	second table // one column: whether what came through is a member
}

func (f *filter) contains(n *number) bool {
	if f.second.rows == 0 || !f.first.matches(n) {
		return false
	}
	return f.second.bit(f.second.equation(n), 0) == 1
}

// rowsFor is how many rows n equations want at an attempt: a little more than there are
// equations, and the more the more of them there are. One attempt in ten fails where
// there are thousands, and none where there are few.
func rowsFor(n int64, attempt int) int64 {
	more := max(0, int64(bits.Len64(uint64(n)))-8) //nolint:gosec // not negative
	rows := n + n*more/320 + 24 + int64(attempt)*(n/256+8)
	return max(band, (rows+7)/8*8)
}

// A system is a table in the making: equations in echelon form, that of row i
// beginning at row i.
type system struct {
	table
	lo, hi []uint64 // lo is 0 where there is none, and odd elsewhere
	value  []uint32
}

func newSystem(salt [saltSize]byte, rows, columns int) *system {
	return &system{
		table: table{salt: salt, columns: columns, rows: rows},
		lo:    make([]uint64, rows), hi: make([]uint64, rows), value: make([]uint32, rows),
	}
}

// add enters the equation of a number; false if it contradicts those before.
func (s *system) add(e equation, value uint32) bool {
	for {
		if s.lo[e.start] == 0 {
			s.lo[e.start], s.hi[e.start], s.value[e.start] = e.lo, e.hi, value
			return true
		}
		e.lo ^= s.lo[e.start]
		e.hi ^= s.hi[e.start]
		value ^= s.value[e.start]
		if e.lo|e.hi == 0 {
			return value == 0
		}
		if e.lo == 0 {
			e.lo, e.hi = e.hi, 0
			e.start += 64
		}
		zeros := bits.TrailingZeros64(e.lo)
		e.lo, e.hi = e.lo>>zeros|e.hi<<(64-zeros), e.hi>>zeros
		e.start += zeros
	}
}

// solve finds the rows from the last to the first. Rows that no equation begins with
// are 0, so the same equations give the same bits in whatever order they came.
func (s *system) solve() table {
	t := s.table
	t.bits = make([]byte, t.columns*t.rows/8)
	for c := range t.columns {
		column := t.bits[c*(t.rows/8):]
		var lo, hi uint64 // the rows from this one on
		for row := t.rows - 1; row >= 0; row-- {
			hi, lo = hi<<1|lo>>63, lo<<1
			if s.lo[row] == 0 {
				continue
			}
			bit := uint64(bits.OnesCount64(lo&s.lo[row]^hi&s.hi[row])) ^ uint64(s.value[row]>>c) //nolint:gosec // bits
			lo |= bit & 1
			column[row/8] |= byte(bit&1) << (row % 8)
		}
	}
	return t
}
