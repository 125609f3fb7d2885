// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
)

// The tags we know (X.680), with class and form as in the identifier octet.
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagNull            = 0x05
	tagOID             = 0x06
	tagUTF8String      = 0x0c
	tagPrintableString = 0x13
	tagIA5String       = 0x16
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagSet             = 0x31

	tagContext0 = 0x80 // primitive [0]; the others by adding
	tagWrapped0 = 0xa0 // constructed [0]
)

// A reader takes DER apart, element by element. Nothing but DER passes: low tags,
// definite lengths in the fewest octets, at most 65 535 (X.690 §8.1, §10.1).
type reader struct{ rest []byte }

// element reads one element of the tag and gives it whole, and its content.
func (r *reader) element(tag byte) (whole, content []byte, err error) {
	in := r.rest
	if len(in) < 2 {
		return nil, nil, fmt.Errorf("the bytes end where tag 0x%02x should stand", tag)
	}
	if in[0] != tag {
		return nil, nil, fmt.Errorf("tag 0x%02x stands where 0x%02x should", in[0], tag)
	}
	head, length := 2, int(in[1])
	switch {
	case length < 0x80:
	case length == 0x81 && len(in) > 2:
		if head, length = 3, int(in[2]); length < 0x80 {
			return nil, nil, errors.New("a length is not in its shortest form")
		}
	case length == 0x82 && len(in) > 3:
		if head, length = 4, int(in[2])<<8|int(in[3]); length < 0x100 {
			return nil, nil, errors.New("a length is not in its shortest form")
		}
	default:
		return nil, nil, errors.New("a length is indefinite, cut off or too large")
	}
	if length > len(in)-head {
		return nil, nil, fmt.Errorf("the element 0x%02x is longer than what holds it", tag)
	}
	r.rest = in[head+length:]
	return in[:head+length], in[head : head+length], nil
}

// content reads one element of the tag and gives its content.
func (r *reader) content(tag byte) ([]byte, error) {
	_, c, err := r.element(tag)
	return c, err
}

// whole reads one element of the tag and gives it whole.
func (r *reader) whole(tag byte) ([]byte, error) {
	w, _, err := r.element(tag)
	return w, err
}

// at tells whether an element of the tag comes next.
func (r *reader) at(tag byte) bool { return len(r.rest) > 0 && r.rest[0] == tag }

// end refuses what is left over.
func (r *reader) end() error {
	if len(r.rest) > 0 {
		return fmt.Errorf("%d octets are left over", len(r.rest))
	}
	return nil
}

// peel takes nested elements apart, each of which must fill the one around it,
// and gives the content of the innermost.
func peel(b []byte, tags ...byte) ([]byte, error) {
	for _, tag := range tags {
		r := reader{b}
		c, err := r.content(tag)
		if err != nil {
			return nil, err
		}
		if err := r.end(); err != nil {
			return nil, err
		}
		b = c
	}
	return b, nil
}

// natural reads an INTEGER that is not negative, and gives its octets without
// the sign octet. Zero is one octet.
func (r *reader) natural() ([]byte, error) {
	c, err := r.content(tagInteger)
	switch {
	case err != nil:
		return nil, err
	case len(c) == 0 || c[0] >= 0x80:
		return nil, errors.New("a number is empty or negative")
	case len(c) > 1 && c[0] == 0 && c[1] < 0x80:
		return nil, errors.New("a number is not in its shortest form")
	case len(c) > 1 && c[0] == 0:
		return c[1:], nil
	}
	return c, nil
}

// truth reads a BOOLEAN that is TRUE. FALSE is the default wherever we know a
// BOOLEAN, and DER leaves defaults out (X.690 §11.1, §11.5).
func (r *reader) truth() error {
	c, err := r.content(tagBoolean)
	if err != nil {
		return err
	}
	if len(c) != 1 || c[0] != 0xff {
		return errors.New("a BOOLEAN is not TRUE as DER writes it")
	}
	return nil
}
