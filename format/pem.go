// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"
)

// A Head gives the text to put before a certificate's block, such as what
// `openssl x509 -text` prints. It gets the certificate's DER.
type Head func(der []byte) (string, error)

// PEM writes keys, then certificates, lists and requests, each kind in its order:
// `key-cert.pem` is one key and its chain, a bundle is certificates alone. Head, where
// it is not nil, puts text before each certificate; writing again without one strips
// it. Keys are PKCS#8, or what EncryptedKey gave.
func PEM(c Contents, head Head) ([]byte, error) {
	var out bytes.Buffer
	for _, kind := range []struct {
		items  []Item
		shapes []shape
	}{
		{c.Keys, []shape{pkcs8Key, encryptedKey}}, {c.Certificates, []shape{certificate}},
		{c.Lists, []shape{list}}, {c.Requests, []shape{request}},
	} {
		for _, it := range kind.items {
			label, ok := labelFor(it.DER, kind.shapes)
			if !ok {
				return nil, unfit("this is not what it is given out as", "give keys in PKCS#8, and certificates, lists and requests in DER")
			}
			if head != nil && label == labelCertificate {
				if err := addHead(&out, it.DER, head); err != nil {
					return nil, err
				}
			}
			if err := pem.Encode(&out, &pem.Block{Type: label, Bytes: it.DER}); err != nil {
				return nil, fmt.Errorf("write PEM: %w", err)
			}
		}
	}
	if out.Len() == 0 {
		return nil, unfit("there is nothing to write", "name at least one certificate, key, list or request")
	}
	return out.Bytes(), nil
}

// labelCertificate is the label of a certificate (RFC 7468 §5).
const labelCertificate = "CERTIFICATE"

// labelFor is the label of RFC 7468 for a document, if it is of one of these shapes.
func labelFor(der []byte, shapes []shape) (string, bool) {
	s := shapeOf(der)
	for _, want := range shapes {
		if s != want {
			continue
		}
		switch s {
		case certificate:
			return labelCertificate, true
		case list:
			return "X509 CRL", true
		case request:
			return "CERTIFICATE REQUEST", true
		case pkcs8Key:
			return "PRIVATE KEY", true
		case encryptedKey:
			return "ENCRYPTED PRIVATE KEY", true
		}
	}
	return "", false
}

// addHead writes the text before a certificate. A name in the certificate is a
// stranger's text: none may pass for a block of its own.
func addHead(out *bytes.Buffer, der []byte, head Head) error {
	text, err := head(der)
	if err != nil {
		return fmt.Errorf("write the text of a certificate: %w", err)
	}
	if strings.Contains(text, pemBegin) || strings.Contains(text, "-----END ") {
		return unfit("the certificate's text holds what could be taken for a PEM block", "write it without the text")
	}
	out.WriteString(text)
	if text != "" && text[len(text)-1] != '\n' {
		out.WriteByte('\n')
	}
	return nil
}
