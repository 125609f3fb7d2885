// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

// reseal puts the right checksum over a frame's octets.
func reseal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
	return b
}

func TestAFrameReadsBackAsItWasWritten(t *testing.T) {
	big := bytes.Repeat([]byte{7}, MaxFrame-FrameOverhead-MaxLeaf)
	for _, f := range []Frame{
		{Kind: Intent, Leaf: []byte("leaf"), Body: bytes.Repeat([]byte{1}, SaltSize)},
		{Kind: Final, Leaf: []byte("l")},
		{Kind: 255, Leaf: bytes.Repeat([]byte{2}, MaxLeaf), Body: big},
	} {
		b, err := AppendFrame([]byte("before"), f)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, "behind"...)[len("before"):]
		got, n, err := ParseFrame(b)
		if err != nil || n != f.Size() || string(b[n:]) != "behind" ||
			got.Kind != f.Kind || !bytes.Equal(got.Leaf, f.Leaf) || !bytes.Equal(got.Body, f.Body) {
			t.Errorf("a frame of %d octets reads back wrong: %d, %v", f.Size(), n, err)
		}
		if size, err := FrameSize(b); err != nil || size != n {
			t.Errorf("its size is read as %d, %v", size, err)
		}
		for cut := range min(n, 64) {
			if _, _, err := ParseFrame(b[:cut]); !errors.Is(err, ErrFrame) {
				t.Errorf("cut after %d octets: %v", cut, err)
			}
		}
	}
}

func TestAFrameThatCannotBeReadIsNotWritten(t *testing.T) {
	for name, f := range map[string]Frame{
		"no kind":       {Leaf: []byte("l")},
		"no leaf":       {Kind: 1},
		"long leaf":     {Kind: 1, Leaf: make([]byte, MaxLeaf+1)},
		"half a salt":   {Kind: 1, Leaf: []byte("l"), Body: make([]byte, SaltSize-1)},
		"one too large": {Kind: 1, Leaf: []byte("l"), Body: make([]byte, MaxFrame-FrameOverhead)},
	} {
		if b, err := AppendFrame([]byte("kept"), f); !errors.Is(err, ErrFrame) || string(b) != "kept" {
			t.Errorf("%s: %d octets, %v", name, len(b), err)
		}
	}
}

func TestAFrameWithRightChecksumAndImpossibleFieldsIsRefused(t *testing.T) {
	make1 := func(change func(b []byte)) []byte {
		b, err := AppendFrame(nil, Frame{Kind: 2, Leaf: []byte("leaf"), Body: make([]byte, SaltSize)})
		if err != nil {
			t.Fatal(err)
		}
		change(b)
		return reseal(b)
	}
	for name, b := range map[string][]byte{
		"version 2":       make1(func(b []byte) { b[4] = 2 }),
		"kind 0":          make1(func(b []byte) { b[5] = 0 }),
		"no leaf":         make1(func(b []byte) { b[7] = 0 }),
		"short salt":      make1(func(b []byte) { b[7] = 5 }),
		"leaf beyond end": make1(func(b []byte) { b[7] = 37 }),
		"leaf of 64 KiB":  make1(func(b []byte) { b[6], b[7] = 0xff, 0xff }),
	} {
		if f, _, err := ParseFrame(b); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: read as %+v, %v", name, f, err)
		}
	}
	for _, n := range []uint32{0, FrameOverhead - 4, MaxFrame - 3, 1<<32 - 1} {
		if size, err := FrameSize(binary.BigEndian.AppendUint32(nil, n)); !errors.Is(err, ErrFrame) {
			t.Errorf("a length of %d is taken for a frame of %d", n, size)
		}
	}
}

func TestHeadersReadBackAndEachFlippedBitIsFound(t *testing.T) {
	key := SegmentKey{1, 2, 3}
	segment := SegmentHeader{Key: key, LogNo: 3, First: SegmentLeaves, Log: LogID{9}}
	group := GroupHeader{Number: 4, Durable: 1000, Octets: 4 * FrameOverhead, Frames: 4}
	s, g := segment.Append(nil), group.Append(nil, key)
	if len(s) != SegmentHeaderSize || len(g) != GroupHeaderSize {
		t.Fatalf("headers of %d and %d octets", len(s), len(g))
	}
	if got, err := ParseSegmentHeader(s); err != nil || got != segment {
		t.Errorf("segment header %+v, %v", got, err)
	}
	if got, err := parseGroupHeader(g, key); err != nil || got != group {
		t.Errorf("group header %+v, %v", got, err)
	}
	for bit := range 8 * SegmentHeaderSize {
		s[bit/8] ^= 1 << (bit % 8)
		if _, err := ParseSegmentHeader(s); !errors.Is(err, errSegment) {
			t.Errorf("segment header with bit %d flipped: %v", bit, err)
		}
		s[bit/8] ^= 1 << (bit % 8)
	}
	for bit := range 8 * GroupHeaderSize {
		g[bit/8] ^= 1 << (bit % 8)
		if _, err := parseGroupHeader(g, key); !errors.Is(err, errGroup) {
			t.Errorf("group header with bit %d flipped: %v", bit, err)
		}
		g[bit/8] ^= 1 << (bit % 8)
	}
	// A body may hold what looks like a group: without the key it is none.
	if _, err := parseGroupHeader(g, SegmentKey{}); !errors.Is(err, errGroup) {
		t.Errorf("a group header under another key: %v", err)
	}
	if _, err := ParseSegmentHeader(s[:63]); !errors.Is(err, errSegment) {
		t.Error("a cut segment header is read")
	}
	if _, err := parseGroupHeader(g[:39], key); !errors.Is(err, errGroup) {
		t.Error("a cut group header is read")
	}
}

func TestAGroupHeaderOfImpossibleNumbersIsRefused(t *testing.T) {
	for name, h := range map[string]GroupHeader{
		"no frames":           {Durable: 64, Octets: 100},
		"too many frames":     {Durable: 64, Octets: MaxGroup, Frames: MaxGroupFrames + 1},
		"too few octets":      {Durable: 64, Octets: 2*FrameOverhead - 1, Frames: 2},
		"too many octets":     {Durable: 64, Octets: MaxGroup + 1, Frames: 200},
		"durable in header":   {Durable: 63, Octets: 100, Frames: 1},
		"number with a sign":  {Number: -1, Durable: 64, Octets: 100, Frames: 1},
		"durable with a sign": {Durable: -1, Octets: 100, Frames: 1},
	} {
		if _, err := parseGroupHeader(h.Append(nil, SegmentKey{}), SegmentKey{}); !errors.Is(err, errGroup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseSegmentHeader(SegmentHeader{First: maxInteger + 1}.Append(nil)); !errors.Is(err, errSegment) {
		t.Error("a segment may start above 2^53")
	}
}

func TestASegmentNameHasOneSpelling(t *testing.T) {
	for _, first := range []int64{0, SegmentLeaves, maxInteger} {
		if got, ok := ParseSegmentName(SegmentName(first)); !ok || got != first {
			t.Errorf("%s names %d, %t", SegmentName(first), got, ok)
		}
	}
	for _, name := range []string{"", "0.seg", "0000000000010000", "000000000001000A.seg", "+000000000010000.seg", "-000000000010000.seg",
		"ffffffffffffffff.seg", "0000000000010000.seg.tmp", "0x00000000010000.seg"} {
		if _, ok := ParseSegmentName(name); ok {
			t.Errorf("%q is taken for a segment", name)
		}
	}
}

// Law: what parses is written as the same octets, and never reaches beyond its size.
func FuzzFrame(f *testing.F) {
	b, err := AppendFrame(nil, Frame{Kind: Intent, Leaf: mustMarshal(f, fullLeaf()), Body: make([]byte, SaltSize+9)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, false)
	f.Add(append(bytes.Clone(b), b...), true)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) > FrameOverhead { // else the fuzzer would have to guess checksums
			binary.BigEndian.PutUint32(b, uint32(len(b)-4))
			b = reseal(b)
		}
		frame, n, err := ParseFrame(b)
		if err != nil {
			if !errors.Is(err, ErrFrame) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := AppendFrame(nil, frame)
		if err != nil || !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x was read, and is written as %x, %v", b[:n], again, err)
		}
	})
}

// Law: two readings of one octet string never differ (both headers).
func FuzzHeaders(f *testing.F) {
	f.Add(SegmentHeader{LogNo: 1}.Append(nil))
	f.Add(GroupHeader{Durable: 64, Octets: 100, Frames: 1}.Append(nil, SegmentKey{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseSegmentHeader(b); err == nil && !bytes.Equal(h.Append(nil), b[:SegmentHeaderSize]) {
			t.Fatalf("segment header %x is written otherwise", b)
		}
		if len(b) >= GroupHeaderSize {
			binary.BigEndian.PutUint32(b[36:], groupSum(SegmentKey{}, b[:36]))
		}
		if h, err := parseGroupHeader(b, SegmentKey{}); err == nil && !bytes.Equal(h.Append(nil, SegmentKey{}), b[:GroupHeaderSize]) {
			t.Fatalf("group header %x is written otherwise", b)
		}
	})
}
