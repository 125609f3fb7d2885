// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"chancery/ca"
)

const (
	// MaxFrame is the largest frame in octets, its length field included. What is
	// larger, such as a CRL, is a file whose digest the leaf holds.
	MaxFrame = 256 << 10
	// SaltSize is the length of the salt at the head of every body.
	SaltSize = 32
	// FrameOverhead is what a frame has beside leaf and body.
	FrameOverhead = 4 + 1 + 1 + 2 + 4

	frameVersion = 1
)

// castagnoli is CRC-32C, which processors compute by themselves. It finds
// accidents; against intent there is the tree.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrFrame is what ParseFrame's errors are: the octets are not a frame.
var ErrFrame = errors.New("not a frame")

// A Frame is a leaf and its body as they lie in a segment:
//
//	u32 length of the rest · u8 version · u8 kind · u16 leaf length · leaf · body · u32 CRC-32C
//
// big-endian, the checksum over all before it.
type Frame struct {
	Kind Kind
	Leaf []byte // canonical bytes
	Body []byte // SaltSize octets of salt, then the content; or empty, if erased
}

// Size is the frame's length in octets.
func (f Frame) Size() int { return FrameOverhead + len(f.Leaf) + len(f.Body) }

// AppendFrame appends the frame's octets to dst. It refuses what ParseFrame
// would refuse.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	if err := f.valid(); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(f.Size()-4))
	dst = append(dst, frameVersion, byte(f.Kind))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(f.Leaf)))
	dst = append(dst, f.Leaf...)
	dst = append(dst, f.Body...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli)), nil
}

func (f Frame) valid() error {
	switch {
	case f.Kind == 0:
		return fmt.Errorf("%w: no kind", ErrFrame)
	case len(f.Leaf) == 0 || len(f.Leaf) > MaxLeaf:
		return fmt.Errorf("%w: a leaf of %d octets", ErrFrame, len(f.Leaf))
	case len(f.Body) != 0 && len(f.Body) < SaltSize:
		return fmt.Errorf("%w: a body of %d octets has no room for its salt", ErrFrame, len(f.Body))
	case f.Size() > MaxFrame:
		return fmt.Errorf("%w: %d octets, at most %d", ErrFrame, f.Size(), MaxFrame)
	}
	return nil
}

// FrameSize reads the length field of the frame at the head of b, and gives the
// whole frame's size. A length no frame can have is an error.
func FrameSize(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, fmt.Errorf("%w: cut within its length", ErrFrame)
	}
	n := int64(binary.BigEndian.Uint32(b)) + 4
	if n <= FrameOverhead || n > MaxFrame {
		return 0, fmt.Errorf("%w: a length of %d octets", ErrFrame, n)
	}
	return int(n), nil
}

// ParseFrame reads the frame at the head of b and gives its size. Leaf and Body
// are parts of b. The leaf itself is not parsed: a start reads millions.
func ParseFrame(b []byte) (Frame, int, error) {
	n, err := FrameSize(b)
	if err != nil {
		return Frame{}, 0, err
	}
	if n > len(b) {
		return Frame{}, 0, fmt.Errorf("%w: %d octets, cut after %d", ErrFrame, n, len(b))
	}
	b = b[:n:n]
	if crc32.Checksum(b[:n-4], castagnoli) != binary.BigEndian.Uint32(b[n-4:]) {
		return Frame{}, 0, fmt.Errorf("%w: its checksum is wrong", ErrFrame)
	}
	if b[4] != frameVersion {
		return Frame{}, 0, fmt.Errorf("%w: version %d, this program knows %d", ErrFrame, b[4], frameVersion)
	}
	end := 8 + int(binary.BigEndian.Uint16(b[6:]))
	if end > n-4 {
		return Frame{}, 0, fmt.Errorf("%w: its leaf is longer than itself", ErrFrame)
	}
	f := Frame{Kind: Kind(b[5]), Leaf: b[8:end:end], Body: b[end : n-4 : n-4]}
	return f, n, f.valid()
}

// BodyDigest is the value of a leaf's Body: SHA-256 over salt and content.
func BodyDigest(salt, content []byte) ca.Digest {
	h := sha256.New()
	h.Write(salt)
	h.Write(content)
	var d ca.Digest
	h.Sum(d[:0])
	return d
}
