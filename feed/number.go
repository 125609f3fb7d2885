// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"

	"chancery/ca"
)

// width is the most octets a serial number has (RFC 5280 §4.1.2.2).
const width = 20

// A number is a serial number with zeros ahead, so that octets sort as integers do.
type number [width]byte

// numberOf decodes without allocating: it is called for each live certificate.
func numberOf(s ca.Serial) (n number, err error) {
	var text [2 * width]byte
	octets := hex.DecodedLen(len(s))
	if octets == 0 || octets > width || len(s) != hex.EncodedLen(octets) {
		return n, fmt.Errorf("serial number %q does not have 1 to 20 octets", string(s))
	}
	if _, err := hex.Decode(n[width-octets:], text[:copy(text[:], s)]); err != nil {
		return n, fmt.Errorf("serial number %q is not in hex", string(s))
	}
	if n[width-octets] == 0 {
		return n, fmt.Errorf("serial number %q is zero or begins with a zero", string(s))
	}
	return n, nil
}

// newer tells whether the number was made after the horizon. Numbers made here have
// 19 octets, 0x41, the log's number, and the second in four octets; others come from
// elsewhere, and came in before.
func (n *number) newer(horizon int64) bool {
	return n[0] == 0 && n[1] == 0x41 && int64(binary.BigEndian.Uint32(n[4:8])) > horizon
}

// An ascent reads serial numbers one by one and refuses those out of order.
type ascent struct {
	next func() (ca.Serial, error, bool)
	at   number
	done bool
}

// advance goes to the next number.
func (a *ascent) advance() error {
	s, err, ok := a.next()
	if !ok {
		a.done = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the serial number after %x: %w", a.at, err)
	}
	n, err := numberOf(s)
	if err != nil {
		return err
	}
	if bytes.Compare(n[:], a.at[:]) <= 0 {
		return fmt.Errorf("serial number %s does not come after %x", s, a.at)
	}
	a.at = n
	return nil
}

// merged visits the numbers of both sequences in ascending order, each once.
func merged(live, revoked iter.Seq2[ca.Serial, error], visit func(n *number, revoked bool) error) error {
	var l, r ascent
	var stopLive, stopRevoked func()
	l.next, stopLive = iter.Pull2(live)
	defer stopLive()
	r.next, stopRevoked = iter.Pull2(revoked)
	defer stopRevoked()
	if err := errors.Join(l.advance(), r.advance()); err != nil {
		return err
	}
	for !l.done || !r.done {
		order := bytes.Compare(l.at[:], r.at[:])
		if l.done {
			order = 1
		} else if r.done {
			order = -1
		}
		at := &l.at
		if order > 0 {
			at = &r.at
		}
		if err := visit(at, order >= 0); err != nil {
			return err
		}
		if order <= 0 {
			if err := l.advance(); err != nil {
				return fmt.Errorf("live: %w", err)
			}
		}
		if order >= 0 {
			if err := r.advance(); err != nil {
				return fmt.Errorf("revoked: %w", err)
			}
		}
	}
	return nil
}
