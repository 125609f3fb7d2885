// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"encoding/base64"
	"strings"
)

// FromPath gives the request that the path of a GET carries (RFC 6960 appendix A.1), as
// it came over the wire: base64 with its slashes and plus signs escaped or not, padded or
// not, behind any number of slashes, since some clients put the address and the request
// together with one too many. The error is ErrMalformed.
func FromPath(raw string) ([]byte, error) {
	const most = 3 * (MaxRequest + 2) / 3 * 4 // each character escaped
	if len(raw) > most {
		return nil, ErrMalformed
	}
	text, ok := unescaped(strings.TrimLeft(raw, "/"))
	text = strings.TrimRight(text, "=") // some leave them out, and they say nothing
	if !ok || len(text) > base64.RawStdEncoding.EncodedLen(MaxRequest) {
		return nil, ErrMalformed
	}
	der, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrMalformed
	}
	return der, nil
}

// unescaped resolves percent signs. Unlike url.PathUnescape it refuses line breaks, which
// base64 would pass over: one request would have many addresses.
func unescaped(raw string) (string, bool) {
	if !strings.ContainsAny(raw, "%\r\n") {
		return raw, true
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if i+2 >= len(raw) {
				return "", false
			}
			high, ok1 := nibble(raw[i+1])
			low, ok2 := nibble(raw[i+2])
			if !ok1 || !ok2 {
				return "", false
			}
			c = high<<4 | low
			i += 2
		}
		if c == '\r' || c == '\n' {
			return "", false
		}
		out = append(out, c)
	}
	return string(out), true
}

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// Path is what a GET for a request ends with, escaped so that no proxy makes another
// path of it.
func Path(der []byte) string {
	return strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString(der))
}
