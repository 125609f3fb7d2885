// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// MaxTBS is the largest TBSCertificate in octets (security rule LN-01): a
// hundred names and an 8192-bit key stay below.
const MaxTBS = 16 << 10

// maxCertificate adds the signature of an 8192-bit RSA key and the frame.
const maxCertificate = MaxTBS + 2<<10

// maxExtensions bounds what an imported certificate may carry; ours have 8 at most.
const maxExtensions = 32

// A certificate is a TBSCertificate taken apart. Slices are parts of the bytes.
type certificate struct {
	serial     []byte // octets of the number
	algorithm  []byte // whole AlgorithmIdentifier
	issuer     []byte // whole Name
	notBefore  time.Time
	notAfter   time.Time
	subject    []byte // whole Name
	spki       []byte // whole SubjectPublicKeyInfo
	extensions []extension
}

type extension struct {
	oid      []byte // content
	critical bool
	value    []byte // content of the OCTET STRING
}

// parse takes a TBSCertificate apart (RFC 5280 §4.1): version 3, no unique
// identifiers, extensions, nothing behind.
func parse(tbs []byte) (*certificate, error) {
	if len(tbs) > MaxTBS {
		return nil, fmt.Errorf("%d octets are more than %d", len(tbs), MaxTBS)
	}
	body, err := peel(tbs, tagSequence)
	if err != nil {
		return nil, err
	}
	r := reader{body}
	c := new(certificate)
	// The error of the first step that fails is the one that is told.
	for _, step := range []struct {
		name string
		read func() error
	}{
		{"version", func() error { return version(&r) }},
		{"serial number", func() (err error) { c.serial, err = r.natural(); return err }},
		{"signature algorithm", func() (err error) { c.algorithm, err = r.whole(tagSequence); return err }},
		{"issuer", func() (err error) { c.issuer, err = r.whole(tagSequence); return err }},
		{"validity", func() (err error) { c.notBefore, c.notAfter, err = validity(&r); return err }},
		{"subject", func() (err error) { c.subject, err = r.whole(tagSequence); return err }},
		{"public key", func() (err error) { c.spki, err = r.whole(tagSequence); return err }},
		{"extensions", func() (err error) { c.extensions, err = extensions(&r); return err }},
		{"end", r.end},
	} {
		if err := step.read(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return c, nil
}

func version(r *reader) error {
	v, err := r.content(tagWrapped0)
	if err != nil {
		return err
	}
	if string(v) != "\x02\x01\x02" {
		return errors.New("it is not 3")
	}
	return nil
}

func extensions(r *reader) ([]extension, error) {
	wrapped, err := r.content(tagWrapped0 + 3)
	if err != nil {
		return nil, err
	}
	list, err := peel(wrapped, tagSequence)
	if err != nil {
		return nil, err
	}
	found := make([]extension, 0, 8)
	for in := (reader{list}); len(in.rest) > 0; {
		if len(found) == maxExtensions {
			return nil, fmt.Errorf("there are more than %d", maxExtensions)
		}
		e, err := readExtension(&in)
		if err != nil {
			return nil, fmt.Errorf("number %d: %w", len(found)+1, err)
		}
		for _, earlier := range found {
			if bytes.Equal(earlier.oid, e.oid) {
				return nil, fmt.Errorf("extension %x stands twice", e.oid)
			}
		}
		found = append(found, e)
	}
	if len(found) == 0 {
		return nil, errors.New("there are none")
	}
	return found, nil
}

func readExtension(in *reader) (e extension, err error) {
	body, err := in.content(tagSequence)
	if err != nil {
		return e, err
	}
	r := reader{body}
	if e.oid, err = r.content(tagOID); err != nil {
		return e, err
	}
	if r.at(tagBoolean) {
		if err := r.truth(); err != nil {
			return e, err
		}
		e.critical = true
	}
	if e.value, err = r.content(tagOctetString); err != nil {
		return e, err
	}
	return e, r.end()
}

// find gives the extension, or nil.
func (c *certificate) find(oid string) *extension {
	for i := range c.extensions {
		if string(c.extensions[i].oid) == oid {
			return &c.extensions[i]
		}
	}
	return nil
}

// open gives the TBSCertificate of a certificate, whole, and taken apart; both
// algorithms must agree (RFC 5280 §4.1.1.2).
func open(der []byte) (*certificate, error) {
	if len(der) > maxCertificate {
		return nil, fmt.Errorf("%d octets are more than %d", len(der), maxCertificate)
	}
	body, err := peel(der, tagSequence)
	if err != nil {
		return nil, err
	}
	r := reader{body}
	tbs, err := r.whole(tagSequence)
	if err != nil {
		return nil, err
	}
	algorithm, err := r.whole(tagSequence)
	if err != nil {
		return nil, err
	}
	if _, err := bitString(&r); err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	c, err := parse(tbs)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(c.algorithm, algorithm) {
		return nil, errors.New("the two signature algorithms differ")
	}
	return c, nil
}

// bitString reads a BIT STRING of whole octets.
func bitString(r *reader) ([]byte, error) {
	c, err := r.content(tagBitString)
	if err != nil {
		return nil, err
	}
	if len(c) < 2 || c[0] != 0 {
		return nil, errors.New("a BIT STRING is empty or not of whole octets")
	}
	return c[1:], nil
}
