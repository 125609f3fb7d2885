// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"chancery/ca"
)

// Identifiers and the tag that only lists have.
const (
	oidCRLNumber  = "\x55\x1d\x14"
	oidReasonCode = "\x55\x1d\x15"

	oidInvalidityDate = "\x55\x1d\x18"

	oidDelta        = "\x55\x1d\x1b"
	oidIssuingPoint = "\x55\x1d\x1c"
	oidFreshest     = "\x55\x1d\x2e"

	tagEnumerated = 0x0a
	tagOnlyCA     = 0x82
)

// maxTail bounds the extensions in octets: they are some 60, and an address.
const maxTail = 2048

// A List is what a revocation list must say.
type List struct {
	// Issuer signs; its certificate must allow it to.
	Issuer     ca.Authority
	Number     int64
	ThisUpdate time.Time
	NextUpdate time.Time
	// Entries is how many there must be.
	Entries int64
	// Revoked, unless nil, are the entries there must be, in their order. Without it
	// only their form, their order and their number are looked at.
	Revoked iter.Seq2[ca.Entry, error]
	// Base is, of a delta, the number of its base; zero is of any other list.
	Base int64
	// Point is the address of a shard, Authorities says that CA certificates alone are
	// covered, Freshest is the address of a complete list's delta.
	Point       string
	Authorities bool
	Freshest    string
}

// CRL walks the tbsCertList that r holds, size octets and no more, and refuses
// whatever differs from want (security rule SG-02): strict DER of version 2,
// entries in strictly ascending order with no extension but a reason and an invalidity
// date, the key identifier and the number behind them, and no word of a scope that is
// not wanted: a complete list has none (RFC 5280 §5.2.5). Memory is constant.
func CRL(r io.Reader, size int64, want List) error {
	w := &listWalk{in: bufio.NewReaderSize(r, MaxTBS), left: size, removes: want.Base > 0} // a name may be that long
	err := signsLists(&want.Issuer)
	if err == nil {
		err = w.all(&want)
	}
	if err != nil {
		return fmt.Errorf("check list %d of %q: %w", want.Number, want.Issuer.Name, err)
	}
	return nil
}

// Lists says whether an authority can sign lists: its certificate must be what is known
// of it, and allow that (RFC 5280 §4.2.1.3).
func Lists(a ca.Authority) error {
	if err := signsLists(&a); err != nil {
		return fmt.Errorf("check that %q may sign lists: %w", a.Name, err)
	}
	return nil
}

// signsLists holds what is known of an authority against its certificate, which
// must allow it to sign lists (RFC 5280 §4.2.1.3).
func signsLists(a *ca.Authority) error {
	c, err := open(a.Certificate)
	if err != nil {
		return fmt.Errorf("the authority's certificate: %w", err)
	}
	id, usage := c.find(oidSubjectKeyID), c.find(oidKeyUsage)
	if id == nil || usage == nil || !bytes.Equal(c.subject, a.Subject) || !bytes.Equal(c.spki, a.SPKI) ||
		subjectKeyIDIs(a.SKI)(id.value) != nil {
		return errors.New("the authority's certificate says something else")
	}
	bits, err := keyUsage(usage.value)
	if err == nil && bits&cRLSign == 0 {
		err = errors.New("it signs no lists")
	}
	if err != nil {
		return fmt.Errorf("the authority's key usage: %w", err)
	}
	return nil
}

func (w *listWalk) all(want *List) error {
	length, err := w.header(tagSequence)
	if err != nil {
		return err
	}
	if length != w.left {
		return errors.New("the list does not end where its length says")
	}
	// The error of the first step that fails is the one that is told.
	for _, step := range []struct {
		name string
		read func() error
	}{
		{"version", w.version},
		{"issuer", func() error { return w.signer(&want.Issuer) }},
		{"times", func() error { return w.times(want) }},
		{"entries", func() error { return w.entries(want) }},
		{"extensions", func() error { return w.extensions(want) }},
		{"end", w.end},
	} {
		if err := step.read(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// version demands 2, which is written as 1.
func (w *listWalk) version() error {
	_, v, err := w.element(tagInteger, 3)
	if err == nil && string(v) != "\x01" {
		err = errors.New("it is not 2")
	}
	return err
}

// signer reads algorithm and name, which must be the authority's.
func (w *listWalk) signer(a *ca.Authority) error {
	var c certificate
	whole, _, err := w.element(tagSequence, MaxTBS)
	if err != nil {
		return err
	}
	c.algorithm = bytes.Clone(whole)
	if c.issuer, _, err = w.element(tagSequence, MaxTBS); err != nil {
		return err
	}
	return signedBy(&c, a)
}

// times reads thisUpdate and nextUpdate.
func (w *listWalk) times(want *List) error {
	const both = 2 * int64(2+len("20060102150405Z"))
	b, err := w.window(both)
	if err != nil {
		return err
	}
	r := reader{b}
	this, err := readTime(&r)
	if err != nil {
		return err
	}
	next, err := readTime(&r)
	if err != nil {
		return err
	}
	w.take(len(b) - len(r.rest))
	if !this.Equal(want.ThisUpdate) || !next.Equal(want.NextUpdate) {
		return fmt.Errorf("they are %v and %v", this, next)
	}
	if !this.Before(next) {
		return errors.New("the next update is not after this one")
	}
	return nil
}

// extensions demands the key identifier, the number and what makes the list other than a
// complete one, in this order, and nothing else.
func (w *listWalk) extensions(want *List) error {
	_, wrapped, err := w.element(tagWrapped0, maxTail)
	if err != nil {
		return err
	}
	list, err := peel(wrapped, tagSequence)
	if err != nil {
		return err
	}
	var c certificate
	for in := (reader{list}); len(in.rest) > 0; { // maxTail bounds how many there are
		e, err := readExtension(&in)
		if err != nil {
			return err
		}
		c.extensions = append(c.extensions, e)
	}
	all := []due{
		{"authorityKeyIdentifier", oidAuthorityKeyID, false, authorityKeyIDIs(want.Issuer.SKI)},
		{"cRLNumber", oidCRLNumber, false, numberIs(want.Number)},
	}
	kind, err := want.kind()
	if err != nil {
		return err
	}
	return c.extensionsAre(append(all, kind...))
}

// kind is the extension that a list has for its kind: what narrows it is critical, where
// its delta is is not.
func (want *List) kind() (kinds []due, err error) {
	if want.Base != 0 {
		kinds = append(kinds, due{"deltaCRLIndicator", oidDelta, true, numberIs(want.Base)})
	}
	if want.Point != "" {
		kinds = append(kinds, due{"issuingDistributionPoint", oidIssuingPoint, true, nested([]byte(want.Point), tagSequence, tagWrapped0, tagWrapped0, tagURI)})
	}
	if want.Authorities {
		kinds = append(kinds, due{"issuingDistributionPoint", oidIssuingPoint, true, nested([]byte{0xff}, tagSequence, tagOnlyCA)})
	}
	if want.Freshest != "" {
		kinds = append(kinds, due{"freshestCRL", oidFreshest, false, crlPointsAre(want.Freshest)})
	}
	if len(kinds) > 1 || want.Base != 0 && want.Base > want.Number {
		return nil, errors.New("no list is of two kinds, or has a base above its number")
	}
	return kinds, nil
}

// numberIs demands a positive number of 8 octets at most.
func numberIs(want int64) func([]byte) error {
	return func(value []byte) error {
		r := reader{value}
		octets, err := r.natural()
		if err != nil {
			return err
		}
		var got uint64
		for _, o := range octets {
			got = got<<8 | uint64(o)
		}
		if want <= 0 || len(octets) > 8 || got != uint64(want) {
			return fmt.Errorf("it is %x, not %d", octets, want)
		}
		return r.end()
	}
}

// end refuses what is left over, in the list or behind it.
func (w *listWalk) end() error {
	if w.left > 0 {
		return fmt.Errorf("%d octets are left over", w.left)
	}
	if _, err := w.in.Discard(w.held); err != nil {
		return err
	}
	w.held = 0
	if _, err := w.in.ReadByte(); err != io.EOF {
		return fmt.Errorf("the octets do not end with the list (%v)", err)
	}
	return nil
}
