// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bufio"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ListText writes a revocation list in DER (RFC 5280 §5.1) as
// `openssl crl -noout -text` of OpenSSL 3.0 shows it; in all else it is like
// CertificateText. Each entry is read, written and forgotten, so that a list of a
// million costs no more memory than its own bytes. A damaged entry ends the text with
// E2501: what came before it is written by then. Errors of w come back as they are.
func ListText(w io.Writer, der []byte) error {
	s, ok := readSigned(der)
	if !ok {
		return damaged("the revocation list")
	}
	l, ok := readList(s)
	if !ok {
		return damaged("the revocation list")
	}
	out := bufio.NewWriter(w)
	out.WriteString(l.head())
	ok = l.writeEntries(out)
	if ok {
		out.WriteString(signatureText(s.algorithm, s.signature))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the text of a list: %w", err)
	}
	if !ok {
		return damaged("an entry of the revocation list")
	}
	return nil
}

// A revocationList is a revocation list whose entries are still encoded.
type revocationList struct {
	version    *big.Int
	algorithm  algorithmID
	issuer     []attribute
	this       element
	next       element // without tag if the list names none
	entries    cryptobyte.String
	extensions []extension
}

func readList(s signed) (l revocationList, ok bool) {
	in := s.content
	l.version = big.NewInt(0)
	if in.PeekASN1Tag(asn1.INTEGER) {
		if l.version, ok = takeInteger(&in, asn1.INTEGER); !ok {
			return l, false
		}
	}
	var ok1, ok2, ok3, ok4, ok5 bool
	l.algorithm, ok1 = takeAlgorithm(&in)
	l.issuer, ok2 = takeName(&in)
	l.this, ok3 = takeTime(&in)
	if in.PeekASN1Tag(asn1.UTCTime) || in.PeekASN1Tag(asn1.GeneralizedTime) {
		l.next, _ = takeTime(&in)
	}
	l.entries, _, ok4 = takeOptional(&in, asn1.SEQUENCE)
	l.extensions, ok5 = takeExtensions(&in, 0)
	return l, ok1 && ok2 && ok3 && ok4 && ok5 && in.Empty()
}

// head is all that stands before the entries.
func (l revocationList) head() string {
	version := fmt.Sprintf("unknown (%s)", number(l.version))
	if l.version.Sign() >= 0 && l.version.Cmp(big.NewInt(1)) <= 0 {
		version = fmt.Sprintf("%d (0x%x)", l.version.Int64()+1, l.version.Int64())
	}
	next := "NONE"
	if l.next.tag != 0 {
		next = moment(l.next)
	}
	text := "Certificate Revocation List (CRL):\n        Version " + version + "\n" + algorithmText(8, l.algorithm) +
		"        Issuer: " + distinguished(l.issuer) + "\n        Last Update: " + moment(l.this) + "\n        Next Update: " + next + "\n" +
		extensionsText(8, "CRL extensions", l.extensions)
	if l.entries.Empty() {
		return text + "No Revoked Certificates.\n"
	}
	return text + "Revoked Certificates:\n"
}

// writeEntries writes all entries, up to the first that cannot be read.
func (l revocationList) writeEntries(out *bufio.Writer) bool {
	for in := l.entries; !in.Empty(); {
		one, ok1 := take(&in, asn1.SEQUENCE)
		serial, ok2 := takeInteger(&one, asn1.INTEGER)
		at, ok3 := takeTime(&one)
		if !ok1 || !ok2 || !ok3 {
			return false
		}
		var extensions []extension
		if !one.Empty() {
			list, ok1 := take(&one, asn1.SEQUENCE)
			all, ok2 := readExtensions(list)
			if !ok1 || !ok2 || !one.Empty() {
				return false
			}
			extensions = all
		}
		out.WriteString("    Serial Number: " + signedHex(serial) + "\n        Revocation Date: " + moment(at) + "\n")
		out.WriteString(extensionsText(8, "CRL entry extensions", extensions))
	}
	return true
}
