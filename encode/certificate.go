// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Certificate puts the to-be-signed bytes, which stay exactly as they are, and
// the signature over them by a key of the type together (RFC 5280 §4.1.1). It
// does not look whether the signature is right.
func Certificate(tbs []byte, keyType string, sig []byte) ([]byte, error) {
	if len(tbs) == 0 || len(sig) == 0 {
		return nil, errors.New("nothing to put together: the bytes or the signature are empty")
	}
	algorithm, _, err := SignatureAlgorithm(keyType)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(algorithm)+len(sig)+16))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(sig)
	})
	return b.Bytes()
}
