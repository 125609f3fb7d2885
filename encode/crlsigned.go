// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// SignedCRL writes a CertificateList in DER to w: the size octets of tbs, which
// stay exactly as they are and must be all there is, the algorithm of the
// name (ca.Authority.Algorithm), and the signature (RFC 5280 §5.1.1). It does not look whether the
// signature is right, and does not buffer: after a header, w is given tbs in large
// pieces. After an error what w holds is worthless.
func SignedCRL(w io.Writer, tbs io.Reader, size int64, algorithm string, sig []byte) error {
	head, end, err := around(size, algorithm, sig)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("write a list's header: %w", err)
	}
	if _, err := io.CopyN(w, tbs, size); err != nil {
		return fmt.Errorf("copy a list of %d octets: %w", size, err)
	}
	if n, err := io.ReadFull(tbs, make([]byte, 1)); n > 0 || err != io.EOF {
		return fmt.Errorf("a list does not end after %d octets (%v)", size, err)
	}
	if _, err := w.Write(end); err != nil {
		return fmt.Errorf("write a list's signature: %w", err)
	}
	return nil
}

// SignedSize is how many octets SignedCRL writes.
func SignedSize(size int64, algorithm string, sig []byte) (int64, error) {
	head, end, err := around(size, algorithm, sig)
	return int64(len(head)) + size + int64(len(end)), err
}

// around is what stands before and behind the to-be-signed part.
func around(size int64, algorithm string, sig []byte) (head, end []byte, err error) {
	if size <= 0 || size > maxList || len(sig) == 0 {
		return nil, nil, fmt.Errorf("put a list together: %d octets and a signature of %d", size, len(sig))
	}
	identifier, _, err := SignatureAlgorithm(algorithm)
	if err != nil {
		return nil, nil, err
	}
	tail := cryptobyte.NewBuilder(identifier)
	tail.AddASN1BitString(sig)
	if end, err = tail.Bytes(); err != nil {
		return nil, nil, err
	}
	return appendHeader(nil, asn1.SEQUENCE, size+int64(len(end))), end, nil
}
