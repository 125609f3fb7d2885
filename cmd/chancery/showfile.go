// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/format"
)

// A heap is all things of one kind in a file.
type heap struct {
	what  string
	items []format.Item
	give  func([]format.Item) error
}

// showFile shows what a file holds, of whatever form, without a service: certificates,
// requests, with their signatures verified (R47), lists, or the public part of keys.
func (a *app) showFile(ctx context.Context, path, password string) error {
	found, err := a.contents(ctx, path, password)
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E2501 {
		other := *p
		switch filepath.Ext(path) {
		case ".feed":
			other.Fix = "chancery feed show " + ca.Show(path)
		case ".ocsp":
			other.Fix = "openssl ocsp -noverify -text -respin " + ca.Show(path)
		}
		return &other
	}
	if err != nil {
		return err
	}
	all := []heap{
		{"certificate", found.Certificates, a.giveCertificates}, {"request", found.Requests, a.giveRequests},
		{"revocation list", found.Lists, a.giveLists}, {"private key", found.Keys, a.giveKeys},
	}
	first := slices.IndexFunc(all, func(h heap) bool { return len(h.items) > 0 })
	for _, other := range all[first+1:] {
		if n := len(other.items); n > 0 {
			a.note("not shown: %d × %s", n, other.what)
		}
	}
	return all[first].give(all[first].items)
}

// single gives one thing as an object, and more as a list with its rows.
func single[T any](all []T) (value, rows any) {
	if len(all) == 1 {
		return all[0], nil
	}
	return all, all
}

// texts writes what -o text shows of each.
func texts(all [][]byte, text func([]byte) (string, error)) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, der := range all {
			one, err := text(der)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(w, one); err != nil {
				return err
			}
		}
		return nil
	}
}

// A shownList is a revocation list of a file. Who signed it is what it says, and not
// verified.
type shownList struct {
	Issuer     string    `json:"issuer"`
	Number     string    `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
}

func (a *app) giveLists(items []format.Item) error {
	var all []shownList
	x := answer{columns: []string{"issuer", "number", "this_update", "next_update", "entries"}, label: crlLabel, der: format.DERs(items)}
	for i, it := range items {
		l, err := x509.ParseRevocationList(it.DER)
		if err != nil {
			return ca.Invalid(ca.E2501, "the revocation list cannot be read", "have it made again; -o text shows what can be").Because(err.Error())
		}
		s := shownList{Issuer: ca.EncodedName(l.RawIssuer), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, Entries: len(l.RevokedCertificateEntries)}
		if l.Number != nil {
			s.Number = l.Number.String()
		}
		if i > 0 {
			x.text += "\n"
		}
		x.text += a.table([][2]string{
			{"list of", s.Issuer + "; its signature was not verified"}, {"number", s.Number}, {"valid", span(s.ThisUpdate, s.NextUpdate) + ended(s.NextUpdate)}, {"entries", fmt.Sprint(s.Entries)},
		})
		all, x.names = append(all, s), append(x.names, s.Number)
	}
	x.value, x.rows = single(all)
	x.long = func(w io.Writer) error {
		for _, der := range x.der {
			if err := format.ListText(w, der); err != nil {
				return err
			}
		}
		return nil
	}
	return a.give(x)
}

// A shownKey is the public part of a private key.
type shownKey struct {
	KeyType string    `json:"key_type"`
	Key     ca.Digest `json:"key"`
}

// giveKeys shows which keys a file holds, and nothing that is secret.
func (a *app) giveKeys(items []format.Item) error {
	var all []shownKey
	var x answer
	for _, it := range items {
		public, err := publicPart(it.DER)
		if err != nil {
			return err
		}
		spki, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return fmt.Errorf("read the key: %w", err)
		}
		s := shownKey{keyName(public), sha256.Sum256(spki)}
		x.text += a.table([][2]string{{"private key", "whoever has this file can use it; only its public part is shown"}, {"key", s.KeyType}, {"key SHA-256", s.Key.String()}})
		all, x.names = append(all, s), append(x.names, s.Key.String())
	}
	x.value, x.rows = single(all)
	return a.give(x)
}

// A shownCertificate is a certificate of a file. Who signed it is what it says,
// and not verified.
type shownCertificate struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Names       []string  `json:"names"`
	Serial      string    `json:"serial"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	KeyType     string    `json:"key_type"`
	Key         ca.Digest `json:"key"`
	Authority   bool      `json:"authority"`
	Fingerprint string    `json:"fingerprint_sha256"`
}

// describe says what a certificate is.
func describe(c *x509.Certificate) shownCertificate {
	digest := sha256.Sum256(c.Raw)
	s := shownCertificate{
		Subject: ca.EncodedName(c.RawSubject), Issuer: ca.EncodedName(c.RawIssuer), Serial: hex.EncodeToString(c.SerialNumber.Bytes()), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		KeyType: keyName(c.PublicKey), Key: sha256.Sum256(c.RawSubjectPublicKeyInfo), Authority: c.IsCA, Fingerprint: hex.EncodeToString(digest[:]),
	}
	for _, n := range c.DNSNames {
		s.Names = append(s.Names, "dns:"+n)
	}
	for _, n := range c.IPAddresses {
		s.Names = append(s.Names, "ip:"+n.String())
	}
	for _, n := range c.EmailAddresses {
		s.Names = append(s.Names, "email:"+n)
	}
	for _, n := range c.URIs {
		s.Names = append(s.Names, "uri:"+n.String())
	}
	s.Names = append(s.Names, format.OtherNames(c)...)
	return s
}

func (a *app) giveCertificates(items []format.Item) error {
	x := answer{columns: []string{"subject", "issuer", "serial", "not_after"}, label: certificateLabel, der: format.DERs(items)}
	x.long = texts(x.der, format.CertificateText)
	var all []shownCertificate
	for i, it := range items {
		if i > 0 {
			x.text += "\n"
		}
		c, err := x509.ParseCertificate(it.DER)
		if err != nil && a.form() == asText {
			continue // it shows what nobody else reads
		}
		if err != nil {
			return ca.Invalid(ca.E2501, "the certificate cannot be read", "chancery show … -o text shows what can be").Because(err.Error())
		}
		s, what := describe(c), "of an end entity"
		if c.IsCA {
			what = "of an authority"
		}
		x.text += a.table([][2]string{
			{"certificate", what + "; its signature was not verified"}, {"subject", s.Subject}, {"issuer", s.Issuer}, {"names", strings.Join(s.Names, ", ")},
			{"serial", s.Serial}, {"key", s.KeyType}, {"key SHA-256", s.Key.String()}, {"valid", span(s.NotBefore, s.NotAfter) + ended(c.NotAfter)}, {"fingerprint", fingerprint(c.Raw) + " (SHA-256)"},
		})
		all, x.names = append(all, s), append(x.names, s.Serial)
	}
	x.value, x.rows = all, all
	return a.give(x)
}

// keyName is a key's type in the words of profiles.
func keyName(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa-%d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ecdsa-p%d", key.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return "ed25519"
	}
	return fmt.Sprintf("of another type (%T)", public)
}

func ended(at time.Time) string {
	if time.Now().After(at) {
		return fmt.Sprintf("   expired %s", onDay(at))
	}
	return ""
}
