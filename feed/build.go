// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"chancery/ca"
)

const (
	// maxListed bounds the numbers that stand in a feed by themselves: what was issued
	// and revoked within the seconds that the horizon lies behind.
	maxListed = 1 << 20
	// maxAttempts bounds the salts that are tried for a table. One in ten fails, and
	// each later attempt has more room.
	maxAttempts = 64
)

// An Input is what a feed is made of. Both sequences are asked for several times,
// must give the same each time, and ascend strictly as integers; a number may be in
// both, and is revoked then.
type Input struct {
	// Live are all certificates of the issuer that have not ended.
	Live func() iter.Seq2[ca.Serial, error]
	// Revoked are those that are revoked or held, and numbers that were given up.
	Revoked func() iter.Seq2[ca.Serial, error]
	// Horizon is up to when, by the second in serial numbers made here, every
	// certificate that was signed is in Live: later ones are answered NotCovered unless
	// they are in Revoked. Whole seconds.
	Horizon time.Time
	// Seed is fresh from crypto/rand for each feed: who knows it beforehand could ask
	// for certificates until some fit badly. The same input makes the same octets.
	Seed [32]byte
	// Base makes a delta: the complete feed that its holders have. nil makes a
	// complete one.
	Base *Feed
}

// errContradiction tells that a table has no solution with this salt.
var errContradiction = errors.New("the equations contradict each other")

// A builder is an Input on its way to a body.
type builder struct {
	in      Input
	horizon int64
	digest  []byte // of the first pass

	live, revoked   int64 // certificates altogether
	covered, inside int64 // numbers of the filter, and those it contains
	listed          []byte
	filter          filter
}

// Build makes the body of a feed, that part which New puts a head on. A complete
// feed's filter contains the revoked numbers, a delta's those that the base answers
// wrongly now. Memory is some 50 octets for each number it contains, and nothing for
// the others. After an error of a sequence, that error is given.
func Build(in Input) ([]byte, error) {
	b := &builder{in: in, horizon: in.Horizon.Unix()}
	if b.horizon <= 0 || in.Horizon.Nanosecond() != 0 {
		return nil, errors.New("build a feed: the horizon is not in whole seconds after 1970")
	}
	if in.Base != nil && in.Base.BaseNumber != 0 {
		return nil, errors.New("build a feed: its base is a delta")
	}
	if err := b.count(); err != nil {
		return nil, fmt.Errorf("build a feed: %w", err)
	}
	if err := b.solve(); err != nil {
		return nil, fmt.Errorf("build a feed of %d certificates: %w", b.live, err)
	}
	return b.body(), nil
}

// count is the first pass.
func (b *builder) count() error {
	err := b.each(func(n *number, revoked bool) error {
		b.live++
		if revoked {
			b.revoked++
		}
		if !n.newer(b.horizon) {
			b.covered++
			if b.member(n, revoked) {
				b.inside++
			}
			return nil
		}
		if revoked {
			b.listed = append(b.listed, n[:]...)
		}
		if len(b.listed) > maxListed*width {
			return fmt.Errorf("more than %d numbers are revoked and newer than the horizon", maxListed)
		}
		return nil
	})
	if err == nil && b.live > math.MaxUint32 {
		err = errors.New("too many certificates")
	}
	return err
}

// member tells whether the filter is to contain the number.
func (b *builder) member(n *number, revoked bool) bool {
	return revoked != (b.in.Base != nil && b.in.Base.filter.contains(n))
}

// each goes over everything once. What is not the same as in the first pass would
// make wrong answers, so it is hashed: a count would not notice one number in the
// place of another.
func (b *builder) each(visit func(n *number, revoked bool) error) error {
	sum := sha256.New()
	var line [width + 1]byte
	err := merged(b.in.Live(), b.in.Revoked(), func(n *number, revoked bool) error {
		copy(line[:], n[:])
		line[width] = 0
		if revoked {
			line[width] = 1
		}
		sum.Write(line[:]) // a hash never fails
		return visit(n, revoked)
	})
	if err != nil {
		return err
	}
	if b.digest == nil {
		b.digest = sum.Sum(nil)
	} else if string(b.digest) != string(sum.Sum(nil)) {
		return errors.New("a later pass gave other serial numbers than the first")
	}
	return nil
}

// eachCovered goes over the numbers of the filter.
func (b *builder) eachCovered(visit func(n *number, member bool) error) error {
	return b.each(func(n *number, revoked bool) error {
		if n.newer(b.horizon) {
			return nil
		}
		return visit(n, b.member(n, revoked))
	})
}

// solve makes both tables.
func (b *builder) solve() error {
	if b.inside == 0 {
		return nil
	}
	columns := columnsFor(b.inside, b.covered-b.inside)
	through := b.covered
	if columns > 0 {
		first, err := b.table(1, b.inside, columns, func(s *system, n *number, member bool) bool {
			if !member {
				return true
			}
			e := s.equation(n)
			return s.add(e, e.print)
		})
		if err != nil {
			return err
		}
		b.filter.first, through = first, 0
		err = b.eachCovered(func(n *number, member bool) error {
			if member || first.matches(n) {
				through++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	second, err := b.table(2, through, 1, func(s *system, n *number, member bool) bool {
		if !member && !b.filter.first.matches(n) {
			return true
		}
		value := uint32(0)
		if member {
			value = 1
		}
		return s.add(s.equation(n), value)
	})
	b.filter.second = second
	return err
}

// columnsFor is how many columns of the first table make both tables smallest: each
// halves what reaches the second.
func columnsFor(members, others int64) (best int) {
	size := int64(math.MaxInt64)
	for c := range int64(maxColumns + 1) {
		if s := c*rowsFor(members, 0) + rowsFor(members+others>>c, 0); s < size {
			best, size = int(c), s
		}
	}
	return best
}

// table tries salts, in an order that the seed decides, until the equations that add
// enters for each number have a solution.
func (b *builder) table(level byte, equations int64, columns int, add func(s *system, n *number, member bool) bool) (table, error) {
	for attempt := range maxAttempts {
		rows := rowsFor(equations, attempt)
		if rows > maxRows {
			return table{}, fmt.Errorf("%d equations are too many", equations)
		}
		s := newSystem(b.salt(level, attempt), int(rows), columns)
		err := b.eachCovered(func(n *number, member bool) error {
			if !add(s, n, member) {
				return errContradiction
			}
			return nil
		})
		if err == nil {
			return s.solve(), nil
		}
		if !errors.Is(err, errContradiction) {
			return table{}, err
		}
	}
	return table{}, fmt.Errorf("after %d salts: %w", maxAttempts, errContradiction)
}

// salt is that of an attempt.
func (b *builder) salt(level byte, attempt int) (salt [saltSize]byte) {
	in := append([]byte("chancery revocation feed salt\n"), b.in.Seed[:]...)
	sum := sha256.Sum256(append(in, level, byte(attempt)))
	copy(salt[:], sum[:])
	return salt
}

// body writes what was made.
func (b *builder) body() []byte {
	first, second := &b.filter.first, &b.filter.second
	out := make([]byte, 0, bodyHead+len(first.bits)+len(second.bits)+len(b.listed))
	out = binary.BigEndian.AppendUint64(out, uint64(b.horizon))
	for _, n := range []int64{b.live, b.revoked, int64(len(b.listed) / width), int64(first.columns), int64(first.rows), int64(second.rows)} {
		out = binary.BigEndian.AppendUint32(out, uint32(n)) //nolint:gosec // bounded in count and table
	}
	out = append(append(out, first.salt[:]...), second.salt[:]...)
	out = append(append(out, first.bits...), second.bits...)
	return append(out, b.listed...)
}
