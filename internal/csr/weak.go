// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the lists of others are made with it, and nothing rests on its strength
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Octets of an entry of the lists that are read. The first are the last half of a SHA-1
// (openssl-vulnkey), the second begin a SHA-256 and are followed by the number of a list
// (badkeys), the third are a whole SHA-256.
const (
	vulnkeySize = 10
	badkeysSize = 15
	spkiSize    = sha256.Size
)

// maxWeakLine is the longest line of a list, a comment's.
const maxWeakLine = 1 << 10

// Weak are lists of keys that are known to everybody, such as those that Debian's OpenSSL of
// 2006 to 2008 made (CVE-2008-0166). They are made once, and then read by many. The nil Weak
// has none.
type Weak struct {
	all   []weakList
	total int
}

// A weakList is a list in the order of its entries, which lie one after another.
type weakList struct {
	name    string
	size    int // octets of an entry
	entries []byte
}

// Add reads a list, whose form is told by its content; name is for messages. A list has one
// of three forms:
//
//   - that of openssl-vulnkey: lines of 20 hex digits, the last half of the SHA-1 of
//     "Modulus=", the modulus in upper-case hex, and a newline;
//   - lines of 64 hex digits, the SHA-256 of a SubjectPublicKeyInfo;
//   - that of badkeys: records of 16 octets in order, the first 15 of the SHA-256 of the
//     modulus, and one that names a collection.
//
// Lines that are empty or begin with # are passed over.
func (w *Weak) Add(name string, list []byte) error {
	l := weakList{name: name}
	var err error
	if bytes.IndexByte(list, 0) >= 0 || bytes.IndexByte(list, '\n') < 0 {
		l.size = badkeysSize
		l.entries, err = records(list)
	} else {
		l.size, l.entries, err = digestLines(list)
	}
	if err != nil {
		return fmt.Errorf("read the list of weak keys %s: %w", name, err)
	}
	if len(l.entries) > 0 {
		w.all, w.total = append(w.all, l), w.total+len(l.entries)/l.size
	}
	return nil
}

// Len is how many entries the lists have.
func (w *Weak) Len() int {
	if w == nil {
		return 0
	}
	return w.total
}

// List names the list that has a key, a SubjectPublicKeyInfo in DER, or gives "".
func (w *Weak) List(spki []byte) string {
	if w.Len() == 0 {
		return ""
	}
	whole := sha256.Sum256(spki)
	n := modulus(spki)
	var half [sha1.Size]byte
	var begin [sha256.Size]byte
	if len(n) > 0 {
		half = sha1.Sum(fmt.Appendf(nil, "Modulus=%X\n", n)) //nolint:gosec // see above
		begin = sha256.Sum256(n)
	}
	for _, l := range w.all {
		switch {
		case l.size == spkiSize && l.has(whole[:]),
			len(n) > 0 && l.size == vulnkeySize && l.has(half[vulnkeySize:]),
			len(n) > 0 && l.size == badkeysSize && l.has(begin[:badkeysSize]):
			return l.name
		}
	}
	return ""
}

func (l weakList) has(entry []byte) bool {
	_, found := sort.Find(len(l.entries)/l.size, func(i int) int { return bytes.Compare(entry, l.entries[i*l.size:(i+1)*l.size]) })
	return found
}

// modulus is the modulus of an RSA key without leading zeros, nil for other keys.
func modulus(spki []byte) []byte {
	all := cryptobyte.String(spki)
	body, ok1 := child(&all, asn1.SEQUENCE)
	algorithm, ok2 := child(&body, asn1.SEQUENCE)
	var key cryptobyte.String
	ok3 := body.ReadASN1(&key, asn1.BIT_STRING)
	id, ok4 := oid(&algorithm)
	if !ok1 || !ok2 || !ok3 || !ok4 || id != oidRSA || len(key) < 2 {
		return nil
	}
	key = key[1:]
	numbers, ok := child(&key, asn1.SEQUENCE)
	n, ok5 := child(&numbers, asn1.INTEGER)
	if !ok || !ok5 {
		return nil
	}
	return bytes.TrimLeft(n, "\x00")
}

// records takes the 15 octets of each record, which are in order.
func records(list []byte) ([]byte, error) {
	const record = badkeysSize + 1
	if len(list)%record != 0 {
		return nil, errors.New("it is neither lines of 20 or 64 hex digits nor records of 16 octets")
	}
	out := make([]byte, 0, len(list)/record*badkeysSize)
	for at := 0; at < len(list); at += record {
		if n := len(out); n > 0 && bytes.Compare(out[n-badkeysSize:], list[at:at+badkeysSize]) > 0 {
			return nil, errors.New("its records are not in order")
		}
		out = append(out, list[at:at+badkeysSize]...)
	}
	return out, nil
}

// digestLines reads lines of hex, all of one length, and brings them into order.
func digestLines(list []byte) (size int, entries []byte, err error) {
	var all [][]byte
	number := 0
	for line := range bytes.Lines(list) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(line) > maxWeakLine {
			return 0, nil, fmt.Errorf("line %d is longer than any should be", number)
		}
		entry := make([]byte, hex.DecodedLen(len(line)))
		_, err := hex.Decode(entry, line)
		if err != nil || len(entry) != vulnkeySize && len(entry) != spkiSize || size != 0 && len(entry) != size {
			return 0, nil, fmt.Errorf("line %d is not the 20 or 64 hex digits that a list has in all of its lines", number)
		}
		size, all = len(entry), append(all, entry)
	}
	slices.SortFunc(all, bytes.Compare)
	return size, bytes.Join(all, nil), nil
}
