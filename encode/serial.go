// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"chancery/ca"
)

// serialLength is the length of a serial number in octets, the same for all, so
// that a certificate's size and a serial's text never vary.
const serialLength = 19

// maxLogNo is the largest log number: it has 15 bits in a row's id.
const maxLogNo = 1<<15 - 1

// Serial makes the serial number of a certificate (security rule SN-01): 0x41,
// the log's number (2 octets, 1 to 32767), the second (4 octets), and 96 bits
// from random. The first octet keeps it positive and of fixed length (RFC 5280
// §4.1.2.2), the log's number keeps two signers apart, the second keeps the
// database's index ordered, and the random bits keep anybody from preparing a
// colliding to-be-signed prefix, as was done with MD5 in 2008. It is called in
// the signer only, with crypto/rand's Reader.
func Serial(logNo uint16, now time.Time, random io.Reader) (ca.Serial, error) {
	if logNo == 0 || logNo > maxLogNo {
		return "", fmt.Errorf("log number %d is not between 1 and %d", logNo, maxLogNo)
	}
	second := now.Unix()
	if second < 0 || second > math.MaxUint32 {
		return "", fmt.Errorf("the time %s does not fit into a serial number", now.UTC().Format(time.RFC3339))
	}
	var s [serialLength]byte
	s[0] = 0x41
	binary.BigEndian.PutUint16(s[1:], logNo)
	binary.BigEndian.PutUint32(s[3:], uint32(second))
	if _, err := io.ReadFull(random, s[7:]); err != nil {
		return "", fmt.Errorf("read randomness for a serial number: %w", err)
	}
	return ca.SerialFromBytes(s[:])
}

// SerialTime gives the second in a number that Serial made for a log; false for any
// other number.
func SerialTime(logNo uint16, serial ca.Serial) (time.Time, bool) {
	s := serial.Bytes()
	if len(s) != serialLength || s[0] != 0x41 || binary.BigEndian.Uint16(s[1:]) != logNo {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint32(s[3:])), 0).UTC(), true
}
