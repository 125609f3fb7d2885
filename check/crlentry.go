// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"

	"chancery/ca"
)

// maxEntry bounds an entry in octets: it has 55 at most. maxSerial bounds a serial
// number, its sign included.
const (
	maxEntry  = 64
	maxSerial = 20
)

// entries reads revokedCertificates, which is not there when it would be empty
// (RFC 5280 §5.1.2.6).
func (w *listWalk) entries(want *List) error {
	present, err := w.at(tagSequence)
	if err != nil {
		return err
	}
	behind := w.left
	w.left = 0
	if present {
		w.left = behind
		length, err := w.header(tagSequence)
		if err != nil {
			return err
		}
		if length == 0 {
			return errors.New("there are none in a list that should be left out")
		}
		behind, w.left = w.left-length, length
	}
	if want.Revoked != nil {
		err = w.these(want.Revoked)
	}
	for err == nil && w.left > 0 {
		if _, err = w.entry(); err == nil {
			w.count++
		}
	}
	if err != nil {
		return fmt.Errorf("number %d: %w", w.count+1, err)
	}
	if w.count != want.Entries {
		return fmt.Errorf("there are %d, not %d", w.count, want.Entries)
	}
	w.left = behind
	return nil
}

// these reads the entries, and holds each against the one it should be.
func (w *listWalk) these(revoked iter.Seq2[ca.Entry, error]) error {
	var text [2 * maxSerial]byte
	for want, err := range revoked {
		if err != nil {
			return fmt.Errorf("what should stand there: %w", err)
		}
		got, err := w.entry()
		if err != nil {
			return err
		}
		n := hex.Encode(text[:], got.serial)
		if string(text[:n]) != string(want.Serial) || !got.at.Equal(want.At) || got.reason != want.Reason {
			return fmt.Errorf("it is not that of %q but %x", string(want.Serial), got.serial)
		}
		w.count++
	}
	if w.left > 0 {
		return errors.New("nothing should stand there")
	}
	return nil
}

// A listEntry is one certificate that is revoked.
type listEntry struct {
	serial []byte // octets of the number
	at     time.Time
	reason ca.Reason
}

// entry reads one entry, whose serial number must be above the last.
func (w *listWalk) entry() (e listEntry, err error) {
	_, body, err := w.element(tagSequence, maxEntry)
	if err != nil {
		return e, err
	}
	r := reader{body}
	if e.serial, err = r.natural(); err != nil {
		return e, err
	}
	n := len(e.serial)
	switch {
	case e.serial[0] == 0:
		return e, errors.New("the serial number is zero")
	case n > maxSerial || n == maxSerial && e.serial[0] >= 0x80: // with its sign: RFC 5280 §4.1.2.2
		return e, errors.New("the serial number has more than 20 octets")
	case n < len(w.last) || n == len(w.last) && bytes.Compare(e.serial, w.last) <= 0:
		return e, fmt.Errorf("serial number %x does not come after %x", e.serial, w.last)
	}
	if e.at, err = readTime(&r); err != nil {
		return e, err
	}
	if len(r.rest) > 0 {
		if e.reason, err = reason(&r); err != nil {
			return e, fmt.Errorf("reason: %w", err)
		}
	}
	w.last = append(w.last[:0], e.serial...)
	return e, r.end()
}

// reason reads the extensions of an entry: one, not critical, with a reason that
// can stand on a list and says something (RFC 5280 §5.3.1).
func reason(r *reader) (ca.Reason, error) {
	list, err := r.content(tagSequence)
	if err != nil {
		return 0, err
	}
	in := reader{list}
	e, err := readExtension(&in)
	if err != nil {
		return 0, err
	}
	if string(e.oid) != oidReasonCode || e.critical {
		return 0, fmt.Errorf("extension %x is another, or critical", e.oid)
	}
	c, err := peel(e.value, tagEnumerated)
	if err != nil {
		return 0, err
	}
	if len(c) != 1 || ca.Reason(c[0]) == ca.Unspecified || !ca.Reason(c[0]).Listed() {
		return 0, fmt.Errorf("%x is none that can stand on a list", c)
	}
	return ca.Reason(c[0]), in.end()
}
