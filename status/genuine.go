// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
	"chancery/encode"
)

// maxSigned bounds what follows the to-be-signed bytes of a list, in octets: RSA of 8192
// bits has 1 kB.
const maxSigned = 4 << 10

// listAlgorithms are what lists are signed with, as ca.Authority's Algorithm names it.
var listAlgorithms = [...]struct {
	name string
	is   x509.SignatureAlgorithm
}{
	{"ecdsa+sha256", x509.ECDSAWithSHA256}, {"ecdsa+sha384", x509.ECDSAWithSHA384}, {"ecdsa+sha512", x509.ECDSAWithSHA512},
	{"rsa+sha256", x509.SHA256WithRSA}, {"rsa+sha384", x509.SHA384WithRSA}, {"rsa+sha512", x509.SHA512WithRSA},
	{"ed25519", x509.PureEd25519},
}

// Genuine says why a list is not signed with an authority's key (RFC 5280 §5.1.1.3); nil if
// it is. It holds the list in memory meanwhile, and not its entries one by one: a million
// have 40 MB.
func (l *List) Genuine(a ca.Authority) error {
	size, err := l.Size()
	if err != nil {
		return err
	}
	end := l.head.tbs.from + l.head.tbs.size
	if size > maxList || size-end > maxSigned {
		return errNoList
	}
	whole := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(l.file, 0, size), whole); err != nil {
		return fmt.Errorf("read a revocation list: %w", err)
	}
	rest := cryptobyte.String(whole)
	var inner, identifier cryptobyte.String
	if !rest.ReadASN1(&inner, asn1.SEQUENCE) || !rest.Empty() {
		return errNoList // a header that readHead passes over
	}
	rest = whole[end:]
	var signature []byte
	if !rest.ReadASN1Element(&identifier, asn1.SEQUENCE) || !rest.ReadASN1BitStringAsBytes(&signature) || !rest.Empty() {
		return errNoList
	}
	key, err := x509.ParsePKIXPublicKey(a.SPKI)
	if err != nil {
		return fmt.Errorf("read the key of %s: %w", a.Name, err)
	}
	for _, one := range listAlgorithms {
		der, _, err := encode.SignatureAlgorithm(one.name)
		if err != nil {
			return err
		}
		if bytes.Equal(der, identifier) {
			if (&x509.Certificate{PublicKey: key}).CheckSignature(one.is, whole[l.head.tbs.from:end], signature) != nil {
				return errors.New("its signature is wrong")
			}
			return nil
		}
	}
	return errors.New("its signature is of an algorithm that we do not sign with")
}
