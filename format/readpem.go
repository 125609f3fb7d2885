// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// pemBegin starts a PEM block (RFC 7468 §3).
const pemBegin = "-----BEGIN "

// firstBlock is where the first line begins that starts a PEM block, or -1.
func firstBlock(data []byte) int {
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(pemBegin))
		if i < 0 {
			return -1
		}
		if i += from; i == 0 || data[i-1] == '\n' || data[i-1] == '\r' {
			return i
		}
		from = i + len(pemBegin)
	}
}

// pem takes each block, whatever text stands before, between and after: openssl's
// text form, bag attributes, comments. encoding/pem passes over a damaged block in
// silence, which would lose a certificate of a bundle; here it is refused.
func (r *reader) pem(data []byte) error {
	if !bytes.ContainsRune(data, '\n') { // as old Macintoshes end lines
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	}
	line := 1
	for start := firstBlock(data); start >= 0; start = firstBlock(data) {
		line += bytes.Count(data[:start], []byte("\n"))
		data = data[start:]
		where := fmt.Sprintf("the block %q at line %d", labelOf(data), line)
		block, rest := pem.Decode(data)
		if block == nil || firstBlock(data[1:len(data)-len(rest)]) >= 0 {
			return damaged(where).Because("between its BEGIN and its END line is no base64 text, or the END line is missing or another's")
		}
		if err := r.block(block, where); err != nil {
			return err
		}
		line += bytes.Count(data[:len(data)-len(rest)], []byte("\n"))
		data = rest
	}
	return nil
}

// labelOf is the type in a BEGIN line, as far as it can be shown.
func labelOf(data []byte) string {
	const longest = 64
	label, _, ok := bytes.Cut(data[len(pemBegin):min(len(data), len(pemBegin)+longest)], []byte("-----"))
	if !ok || !ca.PlainText(string(label)) {
		return "?"
	}
	return string(label)
}

// block takes one block by its label and its content, which must agree.
func (r *reader) block(b *pem.Block, where string) error {
	der := b.Bytes
	var want []shape
	switch b.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", "X.509 CERTIFICATE":
		want = []shape{certificate, pkcs7File} // Windows writes a P7B like that
	case "TRUSTED CERTIFICATE": // openssl's: a certificate, then what to trust it for
		all, one := cryptobyte.String(der), cryptobyte.String(nil)
		if !all.ReadASN1Element(&one, asn1.SEQUENCE) {
			return damaged(where)
		}
		der, want = one, []shape{certificate}
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		want = []shape{request}
	case "X509 CRL", "CRL":
		want = []shape{list}
	case "PKCS7", "CMS", "PKCS #7 SIGNED DATA":
		want = []shape{pkcs7File}
	case "PKCS12":
		want = []shape{pkcs12File}
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		want = []shape{pkcs8Key, rsaKey, ecKey, encryptedKey}
	case "EC PARAMETERS", "DH PARAMETERS", "X9.42 DH PARAMETERS":
		return nil // stand beside keys, and say nothing that the key does not
	case "OPENSSH PRIVATE KEY":
		return unsupported(where+" is a key in the form of OpenSSH", "convert it: ssh-keygen -p -m PKCS8 -f FILE")
	default:
		return unsupported(where+" is neither certificate, key, list nor request", "remove it from the file")
	}
	if strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
		return r.oldEncrypted(b, where)
	}
	s := shapeOf(der)
	if s == noShape { // a P7B or PKCS#12 may be in BER
		if out, err := toDER(der); err == nil {
			der, s = out, shapeOf(out)
		}
	}
	for _, w := range want {
		if s == w && s != noShape {
			return at(r.take(s, der), where)
		}
	}
	return damaged(where).Because("its content is not what its label says")
}

// at says in which block a problem was met.
func at(err error, where string) error {
	if p, ok := errors.AsType[*ca.Problem](err); ok {
		q := *p
		q.Detail = where + ": " + q.Detail
		return &q
	}
	return err
}

// oldEncrypted takes a key as openssl encrypted them before PKCS#8 (RFC 1421 §4.6.1.1):
// one round of MD5, and no checksum. We only read it.
func (r *reader) oldEncrypted(b *pem.Block, where string) error {
	secret, err := r.ask(where)
	if err != nil {
		return err
	}
	//lint:ignore SA1019 the form is deprecated for writing; people have such keys, and must get them in
	der, err := x509.DecryptPEMBlock(b, secret)
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return wrongPassword(where)
	case err != nil:
		return unsupported(where+" is encrypted in a way that is not read", "convert it: openssl pkcs8 -topk8 -in FILE -out FILE.p8")
	}
	if s := shapeOf(der); s != rsaKey && s != ecKey && s != pkcs8Key {
		return wrongPassword(where) // one wrong password in 256 passes the padding
	}
	return at(r.addKey(der, ""), where)
}
