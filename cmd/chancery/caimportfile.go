// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/format"
	"chancery/signer"
)

// read takes the files apart: the authority's certificate first, those above it in
// their order, what is known here added.
func (c *ceremony) read(ctx context.Context, q bringing) (w signer.Import, err error) {
	files := q.files
	if q.chain != "" {
		files = append(files[:len(files):len(files)], q.chain)
	}
	var all, keys [][]byte
	for _, path := range files {
		found, err := c.opens(ctx, path, q, all)
		if err != nil {
			return w, err
		}
		all, keys = append(all, format.DERs(found.Certificates)...), append(keys, format.DERs(found.Keys)...)
	}
	if q.keyFile != "" {
		found, err := c.opens(ctx, q.keyFile, q, all)
		if err != nil {
			return w, err
		}
		if keys = format.DERs(found.Keys); len(keys) == 0 {
			return w, usage(q.keyFile+" holds no private key", "name the file with the key: --key FILE")
		}
	}
	if len(all) == 0 {
		return w, usage(files[0]+" holds no certificate", "chancery show "+files[0])
	}
	if len(keys) > 0 {
		w.Key = keys[0]
	}
	if w.Certificates, err = format.Chain(all); err != nil {
		return w, err
	}
	return w, c.completed(&w)
}

// opens reads one of the files. Where it needs a password that is not there, the refusal
// names what else will be missing: known are the certificates of the files before it.
func (c *ceremony) opens(ctx context.Context, path string, q bringing, known [][]byte) (format.Contents, error) {
	data, err := c.wholeFile(path)
	if err != nil {
		return format.Contents{}, err
	}
	return format.Read(data, func() ([]byte, error) {
		kind := ca.Issuing
		if chain, err := parsed(known); err == nil && len(chain) > 0 {
			kind = kindOf(chain, q)
		}
		flags := []string{c.unlessFile(byPasswordFile, q.password)}
		if !q.dry {
			flags = append(flags, byYes.unless(q.yes, ""))
			flags = append(flags, c.missing(kind, true, q)...)
		}
		if _, err := c.named(q.name); err != nil && !q.told() {
			flags = append(flags, "--crl OLD.crl (or --none-revoked)")
		}
		if flags[0] != "" {
			if err := c.unanswered("the key in "+path+" is encrypted", flags...); err != nil {
				return nil, err
			}
		}
		text, err := c.secret(ctx, byPasswordFile, q.password, false)
		return []byte(text), err
	})
}

// completed adds the certificates above that are known here.
func (c *ceremony) completed(w *signer.Import) error {
	for range c.all { // no chain is longer
		top, err := x509.ParseCertificate(w.Certificates[len(w.Certificates)-1])
		if err != nil {
			return ca.Invalid(ca.E2501, "a certificate cannot be read", "have it issued again").Because(err.Error())
		}
		if bytes.Equal(top.RawSubject, top.RawIssuer) {
			return nil
		}
		before := len(w.Certificates)
		for _, one := range c.all {
			up, err := subjectOf(one)
			if err != nil {
				return err
			}
			if bytes.Equal(up.RawSubject, top.RawIssuer) && up.CheckSignature(top.SignatureAlgorithm, top.RawTBSCertificate, top.Signature) == nil {
				w.Certificates = append(w.Certificates, one.Certificate)
				break
			}
		}
		if len(w.Certificates) == before {
			return nil // which the signer refuses, and says what is missing
		}
	}
	return nil
}

// namesAbove are names for the authorities above one, of their common names: Corp Root G1
// is corp-root-g1. What cannot be one the signer refuses, and asks for --above.
func namesAbove(chain []*x509.Certificate) (names []string) {
	for _, up := range chain[1:] {
		words := strings.FieldsFunc(strings.ToLower(up.Subject.CommonName), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
		names = append(names, strings.Join(words, "-"))
	}
	return names
}

// calledHere says which name one above gets here, if it is not known yet.
func (c *ceremony) calledHere(up *x509.Certificate, names []string, i int) string {
	known := slices.ContainsFunc(c.all, func(one ca.Authority) bool { return bytes.Equal(one.SPKI, up.RawSubjectPublicKeyInfo) })
	if known || i >= len(names) {
		return ""
	}
	return ", here " + ca.Show(names[i])
}

// kindOf tells from a chain what kind of authority it makes.
func kindOf(chain []*x509.Certificate, q bringing) ca.AuthorityKind {
	x := chain[0]
	switch {
	case q.intermediate:
		return ca.Intermediate
	case len(q.use) > 0 || x.MaxPathLenZero || q.resign != "":
		return ca.Issuing
	case len(chain) == 1 && bytes.Equal(x.RawSubject, x.RawIssuer):
		return ca.Root
	case len(x.ExtKeyUsage) > 0 || !x.IsCA:
		return ca.Issuing
	}
	return ca.Intermediate
}
