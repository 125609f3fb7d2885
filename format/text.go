// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxShown bounds a certificate or request that is shown: its text is six times as
// large. Real ones have a hundredth of it.
const maxShown = 1 << 20

// CertificateText is a certificate in DER (RFC 5280 §4.1) as people read it, line for
// line as `openssl x509 -noout -text` of OpenSSL 3.0 shows it. It shows also what
// nothing here would sign or accept, such as MD5, negative serial numbers and unknown
// or malformed extensions; the latter as octets. Whatever is inside, the text is UTF-8
// without control characters other than line breaks. What is no certificate at all is
// E2501, one above 1 MiB E2504.
func CertificateText(der []byte) (string, error) {
	return textOf(der, "the certificate", certificateText)
}

// RequestText is a certificate signing request in DER (RFC 2986 §4) as
// `openssl req -noout -text` shows it; in all else it is like CertificateText.
func RequestText(der []byte) (string, error) {
	return textOf(der, "the request", requestText)
}

func textOf(der []byte, what string, text func(signed) (string, bool)) (string, error) {
	if len(der) > maxShown {
		return "", tooLargeToShow(what)
	}
	if whole, ok := readSigned(der); ok {
		if shown, ok := text(whole); ok {
			return shown, nil
		}
	}
	return "", damaged(what)
}

func tooLargeToShow(what string) error {
	return tooMuch(what+" is too large to be shown", "more than 1 MiB is no use to a reader")
}

// signed is what certificates, requests and lists have in common.
type signed struct {
	content   cryptobyte.String
	algorithm algorithmID
	signature []byte
}

func readSigned(der []byte) (s signed, ok bool) {
	whole := cryptobyte.String(der)
	in, ok0 := take(&whole, asn1.SEQUENCE)
	var ok1, ok2, ok3 bool
	s.content, ok1 = take(&in, asn1.SEQUENCE)
	s.algorithm, ok2 = takeAlgorithm(&in)
	s.signature, ok3 = takeBits(&in, asn1.BIT_STRING)
	return s, ok0 && ok1 && ok2 && ok3 && in.Empty() && whole.Empty()
}

// version is a version's line, for the numbers up to last.
func version(n *big.Int, last int64) string {
	if n.Sign() >= 0 && n.Cmp(big.NewInt(last)) <= 0 {
		return fmt.Sprintf("        Version: %d (0x%x)\n", n.Int64()+1, n.Int64())
	}
	return fmt.Sprintf("        Version: Unknown (%s)\n", number(n))
}

// serialText is a certificate's number: decimal if it fits in 63 bits, else octets.
// -1 counts as large, as it does at OpenSSL.
func serialText(n *big.Int) string {
	negative := n.Sign() < 0
	if n.IsInt64() && n.Int64() != -1 {
		sign := ""
		if negative {
			sign = "-"
		}
		m := new(big.Int).Abs(n)
		return fmt.Sprintf("        Serial Number: %s%d (%s0x%x)\n", sign, m, sign, m)
	}
	sign := ""
	if negative {
		sign = " (Negative)"
	}
	octets := magnitude(n)
	return "        Serial Number:\n            " + sign + lines(octets, len(octets), "") + "\n"
}

func certificateText(s signed) (string, bool) {
	in := s.content
	number := big.NewInt(0)
	outer, there, ok := takeOptional(&in, explicit(0))
	if there {
		number, ok = takeInteger(&outer, asn1.INTEGER)
	}
	if !ok || !outer.Empty() {
		return "", false
	}
	serial, ok1 := takeInteger(&in, asn1.INTEGER)
	algorithm, ok2 := takeAlgorithm(&in)
	issuer, ok3 := takeName(&in)
	validity, ok4 := take(&in, asn1.SEQUENCE)
	from, ok5 := takeTime(&validity)
	until, ok6 := takeTime(&validity)
	subject, ok7 := takeName(&in)
	key, ok8 := takePublicKey(&in)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || !ok8 || !validity.Empty() {
		return "", false
	}
	var b strings.Builder
	b.WriteString("Certificate:\n    Data:\n" + version(number, 2) + serialText(serial) + algorithmText(8, algorithm))
	b.WriteString("        Issuer: " + distinguished(issuer) + "\n")
	b.WriteString("        Validity\n            Not Before: " + moment(from) + "\n            Not After : " + moment(until) + "\n")
	b.WriteString("        Subject: " + distinguished(subject) + "\n" + key.text())
	for n, title := range []string{"Issuer", "Subject"} {
		if tag := implicit(uint8(n + 1)); in.PeekASN1Tag(tag) {
			id, ok := takeBits(&in, tag)
			if !ok {
				return "", false
			}
			b.WriteString("        " + title + " Unique ID: " + lines(id, 18, spaces(12)) + "\n")
		}
	}
	extensions, ok := takeExtensions(&in, 3)
	if !ok || !in.Empty() {
		return "", false
	}
	b.WriteString(extensionsText(8, "X509v3 extensions", extensions))
	b.WriteString(signatureText(s.algorithm, s.signature))
	return b.String(), true
}

// takeExtensions reads the extensions that a tag wraps; there may be none.
func takeExtensions(in *cryptobyte.String, tag uint8) ([]extension, bool) {
	outer, there, ok := takeOptional(in, explicit(tag))
	if !ok || !there {
		return nil, ok
	}
	list, ok1 := take(&outer, asn1.SEQUENCE)
	all, ok2 := readExtensions(list)
	return all, ok1 && ok2 && outer.Empty()
}
