// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"chancery/ca"
)

// Key usage bits (RFC 5280 §4.2.1.3): bit n of the standard is 1<<n here.
const (
	digitalSignature = 1 << 0
	keyEncipherment  = 1 << 2
	keyCertSign      = 1 << 5
	cRLSign          = 1 << 6
)

// A due is an extension that must stand at its place, and the test of its value.
type due struct {
	name     string
	oid      string
	critical bool
	is       func(value []byte) error
}

// extensionsAre demands exactly these extensions, in this order.
func (c *certificate) extensionsAre(list []due) error {
	for i, want := range list {
		if i >= len(c.extensions) {
			return fmt.Errorf("extension %s is missing", want.name)
		}
		got := c.extensions[i]
		if string(got.oid) != want.oid {
			return fmt.Errorf("extension %x stands where %s should", got.oid, want.name)
		}
		if got.critical != want.critical {
			return fmt.Errorf("extension %s has the wrong criticality", want.name)
		}
		if err := want.is(got.value); err != nil {
			return fmt.Errorf("extension %s: %w", want.name, err)
		}
	}
	if len(c.extensions) > len(list) {
		return fmt.Errorf("extension %x is not on the list", c.extensions[len(list)].oid)
	}
	return nil
}

// keyUsage reads a named-bit list: no trailing zero bits (X.690 §11.2.2).
func keyUsage(value []byte) (int, error) {
	c, err := peel(value, tagBitString)
	if err != nil {
		return 0, err
	}
	if len(c) < 2 || len(c) > 3 || c[0] > 7 || c[len(c)-1] == 0 || bits.TrailingZeros8(c[len(c)-1]) != int(c[0]) {
		return 0, errors.New("it is not in its shortest form")
	}
	usage := 0
	for i, b := range c[1:] {
		usage |= int(bits.Reverse8(b)) << (8 * i)
	}
	return usage, nil
}

func keyUsageIs(want int) func([]byte) error {
	return func(value []byte) error {
		got, err := keyUsage(value)
		if err == nil && got != want {
			err = fmt.Errorf("the bits are 0x%03x, not 0x%03x", got, want)
		}
		return err
	}
}

// uses calls each for every purpose of an extended key usage; there must be one.
func uses(value []byte, each func(oid []byte) error) error {
	list, err := peel(value, tagSequence)
	if err != nil {
		return err
	}
	r := reader{list}
	if len(r.rest) == 0 {
		return errors.New("it is empty")
	}
	for len(r.rest) > 0 {
		oid, err := r.content(tagOID)
		if err != nil {
			return err
		}
		if string(oid) == oidAnyUse {
			return errors.New("it allows any use")
		}
		if err := each(oid); err != nil {
			return err
		}
	}
	return nil
}

// usesAre demands the named purposes in their order, none twice.
func usesAre(want []string) func([]byte) error {
	return func(value []byte) error {
		i := 0
		err := uses(value, func(oid []byte) error {
			if i == len(want) {
				return errors.New("it has more purposes than the draft")
			}
			name := want[i]
			if slices.Contains(want[:i], name) {
				return fmt.Errorf("the draft names %q twice", name)
			}
			if text, known := ca.UseOID(name); !known || !oidIs(oid, text) {
				return fmt.Errorf("purpose %d is not %q", i+1, name)
			}
			i++
			return nil
		})
		if err == nil && i < len(want) {
			err = errors.New("it has fewer purposes than the draft")
		}
		return err
	}
}

// constraints reads basic constraints: whether it says CA:TRUE, and the path
// length, -1 if there is none.
func constraints(value []byte) (isCA bool, pathLen int, err error) {
	body, err := peel(value, tagSequence)
	if err != nil {
		return false, -1, err
	}
	r := reader{body}
	if len(r.rest) == 0 {
		return false, -1, nil
	}
	if err := r.truth(); err != nil {
		return false, -1, err
	}
	if len(r.rest) == 0 {
		return true, -1, nil
	}
	n, err := r.natural()
	if err != nil {
		return true, -1, err
	}
	if len(n) > 1 {
		return true, -1, errors.New("the path length is too large")
	}
	return true, int(n[0]), r.end()
}

func constraintsAre(wantCA bool, wantLen int) func([]byte) error {
	return func(value []byte) error {
		isCA, pathLen, err := constraints(value)
		if err == nil && (isCA != wantCA || pathLen != wantLen) {
			err = fmt.Errorf("it says CA %t and path length %d", isCA, pathLen)
		}
		return err
	}
}

// nested demands elements one in the other, the innermost with this content.
func nested(want []byte, tags ...byte) func([]byte) error {
	return func(value []byte) error {
		got, err := peel(value, tags...)
		if err == nil && (len(want) == 0 || !bytes.Equal(got, want)) {
			err = errors.New("it has another value")
		}
		return err
	}
}

func subjectKeyIDIs(id []byte) func([]byte) error   { return nested(id, tagOctetString) }
func authorityKeyIDIs(id []byte) func([]byte) error { return nested(id, tagSequence, tagContext0) }

// crlPointsAre demands one point with one full name (RFC 5280 §4.2.1.13).
func crlPointsAre(address string) func([]byte) error {
	return nested([]byte(address), tagSequence, tagSequence, tagWrapped0, tagWrapped0, tagURI)
}

// authorityInfoIs demands the addresses of the issuer's responder and of its certificate,
// those that there are, in this order and nothing else (RFC 5280 §4.2.2.1).
func authorityInfoIs(a *ca.Authority) func([]byte) error {
	return func(value []byte) error {
		body, err := peel(value, tagSequence)
		if err != nil {
			return err
		}
		r := reader{body}
		for _, want := range []struct{ method, address string }{{oidOCSP, a.OCSP}, {oidCAIssuers, a.Issuer}} {
			if want.address == "" {
				continue
			}
			one, err := r.content(tagSequence)
			if err != nil {
				return err
			}
			way := reader{one}
			method, err := way.content(tagOID)
			if err != nil {
				return err
			}
			if string(method) != want.method {
				return errors.New("it says where something else is")
			}
			if err := nested([]byte(want.address), tagURI)(way.rest); err != nil {
				return err
			}
		}
		return r.end()
	}
}
