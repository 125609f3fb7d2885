// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"strings"

	"chancery/ca"
	"chancery/format"
	"chancery/internal/csr"
)

// A shownRequest is a request as it is shown: nothing in it was granted.
type shownRequest struct {
	Subject string    `json:"subject"`
	Names   []ca.Name `json:"names"`
	KeyType string    `json:"key_type"`
	Key     ca.Digest `json:"key"`
	// Use, KeyUsage and Extensions are asked for, which a profile sets or takes.
	Use        []string `json:"use,omitempty"`
	KeyUsage   []string `json:"key_usage,omitempty"`
	Extensions []string `json:"extensions,omitempty"`
	// Dropped is what no profile takes.
	Dropped   []string `json:"dropped,omitempty"`
	Signature string   `json:"signature"` // "verifies" or "bad"; empty if the rest is refused
	// Refused says why nothing would ever be signed for it.
	Refused *ca.Problem `json:"refused,omitempty"`
	parsed  csr.Parsed
}

// requestShown reads a request. One that is refused whatever the profile says, such as for a
// weak key, is read as far as anybody can.
func requestShown(der []byte) (shownRequest, error) {
	parsed, err := csr.Parse(der)
	var refused *ca.Problem
	if errors.As(err, &refused) {
		return refusedRequest(der, refused)
	}
	if err != nil {
		return shownRequest{}, err
	}
	s := shownRequest{Subject: parsed.Subject.String(), Names: parsed.Names, KeyType: parsed.KeyType, Key: parsed.Key, Use: parsed.Use, KeyUsage: parsed.KeyUsage, Dropped: parsed.Dropped, Signature: "verifies", parsed: parsed}
	for _, e := range parsed.Extensions {
		s.Extensions = append(s.Extensions, e.OID)
	}
	if csr.Check(parsed) != nil {
		s.Signature = "bad"
	}
	return s, nil
}

// refusedRequest reads a request with the library's reader, which asks for less. What that
// cannot read either is the problem it was.
func refusedRequest(der []byte, why *ca.Problem) (shownRequest, error) {
	x, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return shownRequest{}, why
	}
	s := shownRequest{Refused: why, KeyType: keyName(x.PublicKey), Key: sha256.Sum256(x.RawSubjectPublicKeyInfo)}
	s.Subject = ca.EncodedName(x.RawSubject)
	for _, n := range x.DNSNames {
		s.Names = append(s.Names, ca.Name{Type: ca.DNS, Value: n})
	}
	for _, n := range x.IPAddresses {
		s.Names = append(s.Names, ca.Name{Type: ca.IP, Value: n.String()})
	}
	for _, n := range x.EmailAddresses {
		s.Names = append(s.Names, ca.Name{Type: ca.Email, Value: n})
	}
	for _, n := range x.URIs {
		s.Names = append(s.Names, ca.Name{Type: ca.URI, Value: n.String()})
	}
	for _, e := range x.Extensions {
		s.Extensions = append(s.Extensions, e.Id.String())
	}
	return s, nil
}

// giveRequests shows requests, and ends with a problem if a signature is bad.
func (a *app) giveRequests(items []format.Item) error {
	var all []shownRequest
	var bad error
	x := answer{der: format.DERs(items), label: requestLabel, columns: []string{"subject", "key_type", "key", "signature"}}
	for i, it := range items {
		s, err := requestShown(it.DER)
		if err != nil {
			return err
		}
		verdict, refused := a.mark(fine)+" verifies with the request's own key: who made it holds the private key", ""
		switch {
		case s.Refused != nil:
			verdict, refused = "", a.mark(failed)+" "+s.Refused.Detail+" ("+string(s.Refused.Code)+")"
		case s.Signature == "bad":
			verdict, bad = a.mark(failed)+" does not verify", csr.Check(s.parsed)
		}
		if i > 0 {
			x.text += "\n"
		}
		x.text += a.table([][2]string{
			{"request", "PKCS#10; a wish, of which the profile takes what it allows"}, {"subject", s.Subject}, {"names", joined(s.Names)},
			{"key", s.KeyType}, {"key SHA-256", s.Key.String()}, {"use asked for", strings.Join(s.Use, ", ")}, {"key usage asked for", strings.Join(s.KeyUsage, ", ")},
			{"extensions asked for", strings.Join(s.Extensions, ", ")}, {"never taken", strings.Join(s.Dropped, ", ")}, {"signature", verdict}, {"never signed", refused},
		})
		all, x.names = append(all, s), append(x.names, s.Key.String())
	}
	x.value, x.rows = single(all)
	x.long = texts(x.der, format.RequestText)
	if err := a.give(x); err != nil {
		return err
	}
	return bad
}
