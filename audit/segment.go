// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	// SegmentLeaves is the number of leaves of every segment but the last: 2^16,
	// so that a segment is a complete subtree of the tree.
	SegmentLeaves = 1 << 16
	// SegmentHeaderSize and GroupHeaderSize are in octets.
	SegmentHeaderSize = 64
	GroupHeaderSize   = 40
	// MaxGroupFrames is how many leaves may share one group.
	MaxGroupFrames = 256
	// MaxGroup is the largest group in octets, its header apart: what a reader
	// allots, and 16 frames of the largest size.
	MaxGroup = 4 << 20

	segmentMagic   = "\xc7CHSEG\r\n"
	groupMagic     = "\xc7CHGRP\r\n"
	segmentVersion = 1
)

// The reasons for which octets are not a header.
var (
	errSegment = errors.New("not a segment header")
	errGroup   = errors.New("not a group header")
)

// A SegmentKey is drawn at random for each segment and keys the checksums of its
// group headers: nothing that a requester sends, and that lies in a body, can be
// taken for a header, since he cannot know the key.
type SegmentKey [16]byte

// A SegmentHeader is the first 64 octets of a segment:
//
//	key 16 · magic 8 · u16 version · u16 log number · u32 0 · u64 first leaf · log id 16 · u32 0 · u32 CRC-32C
type SegmentHeader struct {
	Key   SegmentKey
	LogNo uint16
	First int64 // index of the segment's first leaf
	Log   LogID
}

// Append appends the header's octets to dst.
func (h SegmentHeader) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, h.Key[:]...)
	dst = append(dst, segmentMagic...)
	dst = binary.BigEndian.AppendUint16(dst, segmentVersion)
	dst = binary.BigEndian.AppendUint16(dst, h.LogNo)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.First))
	dst = append(dst, h.Log[:]...)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// ParseSegmentHeader reads the first SegmentHeaderSize octets of b.
func ParseSegmentHeader(b []byte) (SegmentHeader, error) {
	var h SegmentHeader
	if len(b) < SegmentHeaderSize {
		return h, fmt.Errorf("%w: %d octets", errSegment, len(b))
	}
	copy(h.Key[:], b)
	h.LogNo = binary.BigEndian.Uint16(b[26:])
	h.First = int64(binary.BigEndian.Uint64(b[32:]))
	copy(h.Log[:], b[40:])
	// Comparing with what we would write checks magic, version, zeros and checksum at once.
	if h.First < 0 || h.First > maxInteger || string(h.Append(nil)) != string(b[:SegmentHeaderSize]) {
		return SegmentHeader{}, fmt.Errorf("%w: its magic, version or checksum is wrong", errSegment)
	}
	return h, nil
}

// A GroupHeader begins each group: what was written together, between two
// fsyncs:
//
//	magic 8 · u64 number in segment · u64 durable offset · u32 octets · u32 frames · u32 0 · u32 CRC-32C(key ‖ the 36 octets)
type GroupHeader struct {
	Number int64 // of the group in its segment, from 0
	// Durable is the offset in the segment that the last successful fsync before
	// this group had reached. What lies below it was promised to somebody.
	Durable int64
	Octets  int64 // of all frames of the group
	Frames  int   // 1 to MaxGroupFrames
}

// Append appends the header's octets to dst.
func (h GroupHeader) Append(dst []byte, key SegmentKey) []byte {
	start := len(dst)
	dst = append(dst, groupMagic...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Number))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Durable))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Octets))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Frames))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	return binary.BigEndian.AppendUint32(dst, groupSum(key, dst[start:]))
}

func groupSum(key SegmentKey, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key[:], castagnoli), castagnoli, b)
}

// parseGroupHeader reads the first GroupHeaderSize octets of b.
func parseGroupHeader(b []byte, key SegmentKey) (GroupHeader, error) {
	if len(b) < GroupHeaderSize || string(b[:8]) != groupMagic {
		return GroupHeader{}, errGroup
	}
	if groupSum(key, b[:36]) != binary.BigEndian.Uint32(b[36:]) {
		return GroupHeader{}, fmt.Errorf("%w: its checksum is wrong", errGroup)
	}
	h := GroupHeader{
		Number:  int64(binary.BigEndian.Uint64(b[8:])),
		Durable: int64(binary.BigEndian.Uint64(b[16:])),
		Octets:  int64(binary.BigEndian.Uint32(b[24:])),
		Frames:  int(binary.BigEndian.Uint32(b[28:])),
	}
	if h.Number < 0 || h.Durable < SegmentHeaderSize || h.Frames < 1 || h.Frames > MaxGroupFrames ||
		h.Octets < int64(h.Frames)*FrameOverhead || h.Octets > MaxGroup || binary.BigEndian.Uint32(b[32:]) != 0 {
		return GroupHeader{}, fmt.Errorf("%w: impossible numbers", errGroup)
	}
	return h, nil
}

// SegmentName is the file name of the segment that starts with leaf first.
func SegmentName(first int64) string { return fmt.Sprintf("%016x.seg", first) }

// ParseSegmentName gives the first leaf of a segment by its file name.
func ParseSegmentName(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, ".seg")
	if !ok {
		return 0, false
	}
	first, err := strconv.ParseInt(digits, 16, 64)
	return first, err == nil && first >= 0 && SegmentName(first) == name // one spelling: no sign, no upper case
}
