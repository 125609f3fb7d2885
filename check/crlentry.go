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

// maxEntry bounds an entry in octets: it has 81 at most. maxSerial bounds a serial
// number, its sign included.
const (
	maxEntry  = 96
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
		if string(text[:n]) != string(want.Serial) || !got.at.Equal(want.At) || got.reason != want.Reason || !got.since.Equal(want.InvalidSince) {
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
	since  time.Time // invalidity date, or zero
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
		if err = e.extensions(&r, w.removes); err != nil {
			return e, fmt.Errorf("reason or invalidity date: %w", err)
		}
	}
	w.last = append(w.last[:0], e.serial...)
	return e, r.end()
}

// extensions reads those of an entry, none critical: a reason that can stand on this list
// and says something (RFC 5280 §5.3.1), an invalidity date (§5.3.2), or both in this order.
func (e *listEntry) extensions(r *reader, removes bool) error {
	list, err := r.content(tagSequence)
	if err != nil {
		return err
	}
	in := reader{list}
	for first := true; first || len(in.rest) > 0; first = false {
		x, err := readExtension(&in)
		switch {
		case err != nil:
			return err
		case x.critical:
			return fmt.Errorf("extension %x is critical", x.oid)
		case string(x.oid) == oidReasonCode && first:
			err = e.readReason(x.value, removes)
		case string(x.oid) == oidInvalidityDate && e.since.IsZero():
			err = e.readSince(x.value)
		default:
			return fmt.Errorf("extension %x is another, or stands in the wrong place", x.oid)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *listEntry) readReason(value []byte, removes bool) error {
	c, err := peel(value, tagEnumerated)
	if err != nil {
		return err
	}
	if len(c) != 1 || ca.Reason(c[0]) == ca.Unspecified || !ca.Reason(c[0]).Listed() && (ca.Reason(c[0]) != ca.RemoveFromCRL || !removes) {
		return fmt.Errorf("%x is none that can stand on a list", c)
	}
	e.reason = ca.Reason(c[0])
	return nil
}

// readSince reads an invalidity date, which is a GeneralizedTime in any year.
func (e *listEntry) readSince(value []byte) error {
	c, err := peel(value, tagGeneralizedTime)
	if err != nil {
		return err
	}
	year, ok := digits(c, 4)
	if !ok || year < 1950 {
		return errors.New("malformed GeneralizedTime, or one before 1950")
	}
	since, err := calendar(year, c[4:])
	if err != nil {
		return err
	}
	e.since = since
	return nil
}
