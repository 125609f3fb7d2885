// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bufio"
	"errors"
	"fmt"
)

// A listWalk reads a list element by element. A list may be larger than memory,
// so only what surrounds the entries, and each entry, is ever held.
type listWalk struct {
	in *bufio.Reader
	// left is how much of the element around is not read yet.
	left int64
	// held is the length of the last element, which stays in the buffer until the next.
	held  int
	count int64
	// removes says that the list is a delta, whose entries may take others back.
	removes bool
	// last is the serial number of the entry before, empty at the first.
	last []byte
}

// window gives the next octets, most at most and none beyond the element around.
func (w *listWalk) window(most int64) ([]byte, error) {
	if _, err := w.in.Discard(w.held); err != nil {
		return nil, err
	}
	w.held = 0
	b, err := w.in.Peek(int(min(most, w.left)))
	if err != nil {
		return nil, fmt.Errorf("the octets end %d before the element around: %w", w.left-int64(len(b)), err)
	}
	return b, nil
}

func (w *listWalk) take(n int) {
	w.held = n
	w.left -= int64(n)
}

// element reads one element of the tag, most octets at most, and gives it whole,
// and its content; both are valid until the next read.
func (w *listWalk) element(tag byte, most int64) (whole, content []byte, err error) {
	b, err := w.window(most)
	if err != nil {
		return nil, nil, err
	}
	r := reader{b}
	if whole, content, err = r.element(tag); err == nil {
		w.take(len(whole))
	}
	return whole, content, err
}

// header reads tag and length of an element that may be large, up to four octets
// of length, in the fewest octets (X.690 §10.1).
func (w *listWalk) header(tag byte) (length int64, err error) {
	b, err := w.window(6)
	if err != nil {
		return 0, err
	}
	if len(b) < 2 || b[0] != tag {
		return 0, fmt.Errorf("no tag 0x%02x stands where it should", tag)
	}
	head := 2
	if length = int64(b[1]); length >= 0x80 {
		octets := int(length - 0x80)
		if head += octets; octets < 1 || octets > 4 || len(b) < head {
			return 0, errors.New("a length is indefinite, cut off or too large")
		}
		length = 0
		for _, o := range b[2:head] {
			length = length<<8 | int64(o)
		}
		if length < 0x80 || length>>(8*(octets-1)) == 0 {
			return 0, errors.New("a length is not in its shortest form")
		}
	}
	if w.take(head); length > w.left {
		return 0, fmt.Errorf("the element 0x%02x is longer than what holds it", tag)
	}
	return length, nil
}

// at tells whether an element of the tag comes next.
func (w *listWalk) at(tag byte) (bool, error) {
	b, err := w.window(1)
	return len(b) == 1 && b[0] == tag, err
}
