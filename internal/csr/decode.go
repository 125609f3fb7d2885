// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MaxFile is the largest file Decode looks at, in octets: ca.MaxCSR in base64
// with the text `openssl req -text` puts before it.
const MaxFile = 4 * ca.MaxCSR

// pemBegin starts a PEM block (RFC 7468 §3).
const pemBegin = "-----BEGIN "

// howTo is the hint for whoever brought something else.
const howTo = "make a request with `openssl req -new -key KEY -out FILE.csr`, or let `chancery issue` make key and request"

// Decode takes a request as PEM or DER and gives the DER. PEM is one block of
// type CERTIFICATE REQUEST or NEW CERTIFICATE REQUEST; a byte order mark and text
// before it are skipped, lines may end in CRLF. The Problem (E2203) names what
// was found instead. DER is not parsed here.
func Decode(data []byte) ([]byte, error) {
	if len(data) > MaxFile {
		return nil, unreadable(fmt.Sprintf("the file has %d octets, a request has at most %d", len(data), MaxFile), howTo)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) == 0:
		return nil, unreadable("the file is empty", howTo)
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, unreadable("the file is in UTF-16, as Windows shells write it", "save it as plain ASCII text and try again")
	case data[0] == 0x30: // a SEQUENCE; text before PEM would have to begin with the digit 0
		if !bytes.Contains(data, []byte(pemBegin)) {
			return data, nil
		}
	}
	return decodePEM(data)
}

// Count is how many requests in PEM stand in data: more than one is for a command that takes many.
func Count(data []byte) (n int) {
	for _, l := range pemLabels(data) {
		if l == "CERTIFICATE REQUEST" || l == "NEW CERTIFICATE REQUEST" {
			n++
		}
	}
	return n
}

// decodePEM reads the one block.
func decodePEM(data []byte) ([]byte, error) {
	labels := pemLabels(data)
	for _, l := range labels {
		if strings.Contains(l, "PRIVATE KEY") {
			return nil, unreadable("this file holds a private key ("+l+"), which must not leave its owner",
				"send only the request; if the key was sent to anybody, make a new one")
		}
	}
	switch {
	case len(labels) == 0:
		return nil, unreadable("the file is neither PEM nor DER", howTo)
	case len(labels) > 1 && !slices.ContainsFunc(labels, func(l string) bool { return l != "CERTIFICATE" }):
		return nil, unreadable("this is a chain of certificates, not a request", howTo)
	case len(labels) > 1:
		return nil, unreadable("the file has several PEM blocks: "+strings.Join(labels, ", "), "put the request in a file of its own")
	case labels[0] != "CERTIFICATE REQUEST" && labels[0] != "NEW CERTIFICATE REQUEST":
		return nil, unreadable("this is a "+labels[0]+", not a request", howTo)
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, unreadable("the PEM block is damaged", "copy the file again, from the BEGIN line to the END line")
	case len(block.Headers) > 0:
		return nil, unreadable("the PEM block has headers, which a request has not", howTo)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, unreadable("there is text after the PEM block", "remove what follows the END line")
	}
	return block.Bytes, nil
}

// pemLabels lists the types of the blocks a file begins, at most nine: what a
// message can show.
func pemLabels(data []byte) []string {
	const most, longest = 9, 64
	var out []string
	for len(out) < most {
		_, after, ok := bytes.Cut(data, []byte(pemBegin))
		if !ok {
			break
		}
		label, _, ok := bytes.Cut(after[:min(len(after), longest)], []byte("-----"))
		if !ok || !ca.PlainText(string(label)) {
			label = []byte("damaged block")
		}
		out = append(out, string(label))
		data = after
	}
	return out
}

// unreadable is E2203 with a hint.
func unreadable(detail, fix string) *ca.Problem { return ca.Invalid(ca.E2203, detail, fix) }

// notARequest says what a DER document is that is not a request.
func notARequest(der []byte, fault string) *ca.Problem {
	switch {
	case isCertificate(der):
		return unreadable("this is a certificate, not a request", howTo)
	case isPrivateKey(der):
		return unreadable("this is a private key, which must not leave its owner",
			"send only the request; if the key was sent to anybody, make a new one")
	}
	return unreadable("the request is damaged or not a request: "+fault, "make the request again, or copy the file again")
}

// isCertificate is asked about refused bytes only.
func isCertificate(der []byte) bool {
	_, err := x509.ParseCertificate(der)
	return err == nil
}

// isPrivateKey looks at the outer form of PKCS#8 (RFC 5958 §2), of an RSA key
// (RFC 8017 §A.1.2) and of an EC key (RFC 5915 §3). It does not parse them: their
// arithmetic would be a stranger's to choose.
func isPrivateKey(der []byte) bool {
	all := cryptobyte.String(der)
	body, ok1 := child(&all, asn1.SEQUENCE)
	version, ok2 := child(&body, asn1.INTEGER)
	if !ok1 || !ok2 || !all.Empty() || len(version) != 1 || version[0] > 1 {
		return false
	}
	if body.PeekASN1Tag(asn1.SEQUENCE) {
		_, _ = child(&body, asn1.SEQUENCE)
		return body.PeekASN1Tag(asn1.OCTET_STRING)
	}
	return body.PeekASN1Tag(asn1.OCTET_STRING) || body.PeekASN1Tag(asn1.INTEGER)
}
