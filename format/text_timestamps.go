// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// showTimestamps is a list of signed certificate timestamps (RFC 6962 §3.3).
func showTimestamps(value cryptobyte.String, pad string) (string, bool) {
	octets, ok1 := take(&value, asn1.OCTET_STRING)
	var list cryptobyte.String
	ok2 := octets.ReadUint16LengthPrefixed(&list)
	if !ok1 || !ok2 || !octets.Empty() {
		return "", false
	}
	var all []string
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&one) {
			return "", false
		}
		text, ok := timestamp(one, pad)
		if !ok {
			return "", false
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n"), true
}

// timestamp is one of them.
func timestamp(in cryptobyte.String, pad string) (string, bool) {
	whole := in
	head := pad + "Signed Certificate Timestamp:\n" + pad + "    Version   : "
	hang := pad + spaces(16)
	var version, hash, key uint8
	var id []byte
	var at uint64
	var extensions, signature cryptobyte.String
	if !in.ReadUint8(&version) {
		return "", false
	}
	if version != 0 {
		return head + "unknown\n" + hang + hanging(whole, hang), true
	}
	if !in.ReadBytes(&id, 32) || !in.ReadUint64(&at) || !in.ReadUint16LengthPrefixed(&extensions) ||
		!in.ReadUint8(&hash) || !in.ReadUint8(&key) || !in.ReadUint16LengthPrefixed(&signature) || !in.Empty() {
		return "", false
	}
	more := "none"
	if len(extensions) > 0 {
		more = hanging(extensions, hang)
	}
	return head + "v1 (0x0)\n" + pad + "    Log ID    : " + hanging(id, hang) + "\n" + pad + "    Timestamp : " + milliseconds(at) + "\n" +
		pad + "    Extensions: " + more + "\n" + pad + "    Signature : " + timestampAlgorithm(hash, key) + "\n" + hang + hanging(signature, hang), true
}

// hanging is octets, sixteen in a line; the first stands where it is put.
func hanging(b []byte, pad string) string {
	return strings.TrimPrefix(strings.ToUpper(lines(b, 16, pad)), pad)
}

// milliseconds is a time of RFC 6962 §3.2.
func milliseconds(at uint64) string {
	if at > math.MaxInt64 {
		return badTime
	}
	t := time.UnixMilli(int64(at)).UTC()
	if t.Year() > 9999 {
		return badTime
	}
	return t.Format("Jan _2 15:04:05") + fmt.Sprintf(".%03d %d GMT", at%1000, t.Year())
}

// timestampAlgorithm is the pair of RFC 5246 §7.4.1.4.1.
func timestampAlgorithm(hash, key uint8) string {
	switch {
	case hash == 4 && key == 3:
		return "ecdsa-with-SHA256"
	case hash == 4 && key == 1:
		return "sha256WithRSAEncryption"
	}
	return fmt.Sprintf("%02X%02X", hash, key)
}
