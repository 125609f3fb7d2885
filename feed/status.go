// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"fmt"
	"iter"
	"sort"

	"chancery/ca"
)

// A Status is what a feed says of a serial number.
type Status uint8

const (
	// NotCovered is for what was made after the horizon: the feed says nothing of it.
	NotCovered Status = iota
	// Good is for what is neither revoked nor held.
	Good
	// Revoked is for what is revoked or held.
	Revoked
)

// String is the status in a word or two.
func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	case NotCovered:
	}
	return "not covered"
}

// Status answers for one serial number: exactly for those the feed was made of, and
// anything for those that were never issued or have ended. What is no serial number
// is NotCovered.
func (f *Feed) Status(s ca.Serial) Status {
	n, err := numberOf(s)
	if err != nil {
		return NotCovered
	}
	if n.newer(f.Horizon.Unix()) {
		count := len(f.listed) / width
		at := sort.Search(count, func(i int) bool { return bytes.Compare(f.listed[i*width:(i+1)*width], n[:]) >= 0 })
		if at < count && number(f.listed[at*width:]) == n {
			return Revoked
		}
		return NotCovered
	}
	// A delta contains what its base answers wrongly now. Where the base's own horizon
	// and list were is nothing to it.
	if f.filter.contains(&n) != (f.base != nil && f.base.filter.contains(&n)) {
		return Revoked
	}
	return Good
}

// Check tells the first of some serial numbers, known to be revoked and not to have
// ended, that the feed does not answer Revoked. A signer that is handed a body asks
// this before it signs: so nobody hides a revocation from it, though it cannot know
// all that is live.
func (f *Feed) Check(revoked iter.Seq2[ca.Serial, error]) error {
	for s, err := range revoked {
		if err != nil {
			return fmt.Errorf("check a feed: %w", err)
		}
		if f.Status(s) != Revoked {
			return fmt.Errorf("feed %d says that %s is %s, which is revoked", f.Number, s, f.Status(s))
		}
	}
	return nil
}
