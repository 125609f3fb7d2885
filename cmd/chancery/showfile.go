// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/csr"
)

// maxShown is how many certificates of a file are shown: more than any chain has.
const maxShown = 16

// showFile shows what a file holds, without a service: a request, with its
// signature verified (R47), or certificates.
func (a *app) showFile(path string) error {
	content, err := a.readInput(path)
	if err != nil {
		return err
	}
	if found := certificatesIn(content); len(found) > 0 {
		return a.giveCertificates(found)
	}
	if l := listIn(content); l != nil {
		return a.giveList(l)
	}
	der, err := csr.Decode(content)
	if err != nil {
		return err
	}
	return a.showRequest(der)
}

// listIn gives the revocation list of a file, PEM or DER, or nil.
func listIn(content []byte) *x509.RevocationList {
	if block, _ := pem.Decode(content); block != nil && block.Type == crlLabel {
		content = block.Bytes
	}
	l, err := x509.ParseRevocationList(content)
	if err != nil {
		return nil
	}
	return l
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

func (a *app) giveList(l *x509.RevocationList) error {
	s := shownList{Issuer: l.Issuer.String(), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, Entries: len(l.RevokedCertificateEntries)}
	if l.Number != nil {
		s.Number = l.Number.String()
	}
	return a.give(answer{value: s, der: [][]byte{l.Raw}, label: crlLabel, names: []string{s.Number}, text: table([][2]string{
		{"list of", s.Issuer + "; its signature was not verified"}, {"number", s.Number}, {"valid", span(s.ThisUpdate, s.NextUpdate) + ended(s.NextUpdate)}, {"entries", fmt.Sprint(s.Entries)},
	})})
}

// A shownRequest is a request as it is shown: nothing in it was granted.
type shownRequest struct {
	Subject   string    `json:"subject"`
	Names     []ca.Name `json:"names"`
	KeyType   string    `json:"key_type"`
	Key       ca.Digest `json:"key"`
	Dropped   []string  `json:"dropped,omitempty"`
	Signature string    `json:"signature"` // "verifies" or "bad"
}

// showRequest shows a request, and ends with a problem if its signature is bad.
func (a *app) showRequest(der []byte) error {
	parsed, err := csr.Parse(der)
	if err != nil {
		return err
	}
	bad := csr.Check(parsed)
	s := shownRequest{Subject: parsed.Subject.String(), Names: parsed.Names, KeyType: parsed.KeyType, Key: parsed.Key, Dropped: parsed.Dropped, Signature: "verifies"}
	verdict := a.mark(fine) + " verifies with the request's own key: who made it holds the private key"
	if bad != nil {
		s.Signature, verdict = "bad", a.mark(failed)+" does not verify"
	}
	rows := [][2]string{
		{"request", "PKCS#10; a wish, of which the profile takes what it allows"}, {"subject", s.Subject}, {"names", joined(s.Names)},
		{"key", s.KeyType}, {"key SHA-256", hex.EncodeToString(s.Key[:])}, {"never taken", strings.Join(s.Dropped, ", ")}, {"signature", verdict},
	}
	err = a.give(answer{value: s, text: table(rows), names: []string{hex.EncodeToString(s.Key[:])}, der: [][]byte{der}, label: requestLabel})
	if err == nil {
		err = bad
	}
	return err
}

// certificatesIn gives the certificates of a file: PEM blocks, or one DER.
func certificatesIn(content []byte) []*x509.Certificate {
	if one, err := x509.ParseCertificate(content); err == nil {
		return []*x509.Certificate{one}
	}
	var found []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil && len(found) < maxShown; block, rest = pem.Decode(rest) {
		if block.Type != certificateLabel && block.Type != "X509 CERTIFICATE" {
			return nil // whatever it is, Decode says it better
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil
		}
		found = append(found, one)
	}
	return found
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
	Authority   bool      `json:"authority"`
	Fingerprint string    `json:"fingerprint_sha256"`
}

func (a *app) giveCertificates(found []*x509.Certificate) error {
	var all []shownCertificate
	var texts, names []string
	var ders [][]byte
	for _, c := range found {
		digest := sha256.Sum256(c.Raw)
		s := shownCertificate{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: hex.EncodeToString(c.SerialNumber.Bytes()), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			KeyType: keyName(c), Authority: c.IsCA, Fingerprint: hex.EncodeToString(digest[:]),
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
		what := "of an end entity"
		if c.IsCA {
			what = "of an authority"
		}
		texts = append(texts, table([][2]string{
			{"certificate", what + "; its signature was not verified"}, {"subject", s.Subject}, {"issuer", s.Issuer}, {"names", strings.Join(s.Names, ", ")},
			{"serial", s.Serial}, {"key", s.KeyType}, {"valid", span(s.NotBefore, s.NotAfter) + ended(c.NotAfter)}, {"fingerprint", fingerprint(c.Raw) + " (SHA-256)"},
		}))
		all, names, ders = append(all, s), append(names, s.Serial), append(ders, c.Raw)
	}
	return a.give(answer{value: all, rows: all, columns: []string{"subject", "issuer", "serial", "not_after"}, text: strings.Join(texts, "\n"), names: names, der: ders, label: certificateLabel})
}

// keyName is a key's type in the words of profiles.
func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa-%d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ecdsa-p%d", key.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return "ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

func ended(at time.Time) string {
	if time.Now().After(at) {
		return fmt.Sprintf("   expired %s", at.Local().Format(time.DateOnly))
	}
	return ""
}
