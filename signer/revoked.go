// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	"chancery/ca"
)

// maxYoung is how many steps are kept apart before they are merged into the rest:
// a step moves at most so many, not all that were ever revoked.
const maxYoung = 4096

// A step is the last step of a serial number: 56 octets in this order of fields, a million of them fit in
// the memory of a small machine. Step 0 is a void intent.
type step struct {
	serial [20]byte // big-endian, with zeros ahead
	since  uint32   // invalidity date, seconds since 1970; 0 is none
	at     int64    // revocation date, seconds since 1970
	ends   int64    // the certificate's end, likewise
	leaf   int64    // the REVOKED leaf
	number uint8
	reason uint8
}

// revoked is what one key's certificates were revoked for, in two parts sorted by
// serial. What stands in young counts, the same in main is older. main is never
// changed, only replaced, so that a list can be made of it at leisure.
type revoked struct {
	// mu lets answers look while a list is made, which holds the signer's revoking.
	mu          sync.RWMutex
	main, young []step
}

func (s step) compare(serial [20]byte) int { return bytes.Compare(s.serial[:], serial[:]) }

// find gives the last step of a serial.
func (r *revoked) find(serial [20]byte) (step, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last(serial)
}

// last is find for one who holds mu.
func (r *revoked) last(serial [20]byte) (step, bool) {
	for _, part := range [][]step{r.young, r.main} {
		if i, ok := slices.BinarySearchFunc(part, serial, step.compare); ok {
			return part[i], true
		}
	}
	return step{}, false
}

// shard is ca.ShardOf without a slice: it is asked of all steps for each list.
func (s step) shard(n int) int { return int(binary.BigEndian.Uint64(s.serial[12:]) % uint64(n)) } //nolint:gosec // n is positive and small

// lifted tells whether the step took a hold back: then nothing is revoked.
func (s step) lifted() bool { return ca.Reason(s.reason) == ca.RemoveFromCRL }

// put enters a step. A later one keeps the date of the first since the certificate was
// good: a date never moves to later (security rule RV-03).
func (r *revoked) put(s step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.last(s.serial); ok && !before.lifted() {
		s.at = min(s.at, before.at)
	}
	i, ok := slices.BinarySearchFunc(r.young, s.serial, step.compare)
	if ok {
		r.young[i] = s
		return
	}
	r.young = slices.Insert(r.young, i, s)
	if len(r.young) >= maxYoung {
		r.main, r.young = slices.Collect(merged(r.main, r.young)), nil
	}
}

// news gives those of some steps from elsewhere that say more than what stands: of serials
// that are not revoked, and those with an earlier date (security rule RV-03).
func (r *revoked) news(all []step) (out []step) {
	for _, one := range all {
		if before, ok := r.find(one.serial); !ok || before.lifted() || one.at < before.at {
			out = append(out, one)
		}
	}
	return out
}

// putAll enters steps from elsewhere, in ascending order: so many at once that each by
// itself would move all the others. What stands stays, with the earlier date: a serial
// number twice, and no list could be made any more. The slice is not kept.
func (r *revoked) putAll(sorted []step) {
	next := make([]step, 0, len(r.main)+len(r.young)+len(sorted)) // once: a list from elsewhere may have a million
	for one := range r.steps() {
		for len(sorted) > 0 && sorted[0].compare(one.serial) < 0 {
			next, sorted = append(next, sorted[0]), sorted[1:]
		}
		for len(sorted) > 0 && sorted[0].serial == one.serial {
			if !one.lifted() {
				one.at = min(one.at, sorted[0].at)
			}
			sorted = sorted[1:]
		}
		next = append(next, one)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.main, r.young = append(next, sorted...), nil
}

// steps gives what stands now, in ascending order of serial. It stays what it was
// while more is put.
func (r *revoked) steps() iter.Seq[step] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return merged(r.main, slices.Clone(r.young))
}

// merged gives two sorted parts as one, the second before the first.
func merged(main, young []step) iter.Seq[step] {
	return func(yield func(step) bool) {
		i, j := 0, 0
		for i < len(main) || j < len(young) {
			next := 0
			switch {
			case j == len(young):
				next = -1
			case i < len(main):
				next = main[i].compare(young[j].serial)
			default:
				next = 1
			}
			one := step{}
			if next < 0 {
				one = main[i]
				i++
			} else {
				one = young[j]
				j++
				if next == 0 {
					i++
				}
			}
			if !yield(one) {
				return
			}
		}
	}
}

// wide writes a serial with zeros ahead, so that octets sort as numbers do.
func wide(s ca.Serial) (out [20]byte) {
	b := s.Bytes()
	copy(out[max(0, len(out)-len(b)):], b)
	return out
}

// entry is the line of a list.
func (s step) entry() (ca.Entry, error) {
	serial, err := ca.SerialFromBytes(s.serial[:])
	return ca.Entry{Serial: serial, At: time.Unix(s.at, 0).UTC(), Reason: ca.Reason(s.reason), InvalidSince: s.invalidSince()}, err
}

// invalidSince is the invalidity date, or zero.
func (s step) invalidSince() time.Time {
	if s.since == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s.since), 0).UTC()
}

// sinceOf writes an invalidity date into a step's four octets, which end in 2106.
func sinceOf(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(min(max(t.Unix(), 1), math.MaxUint32)) //nolint:gosec // bounded
}
