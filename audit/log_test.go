// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"chancery/ca"
)

// testSegmentLeaves is small, so that a log of 64 KiB has several segments.
const testSegmentLeaves = 32

// testLog is the name and key of every log of the tests.
var testLog = LogID{0xc4, 15: 1}

// A memoryLog is a log as it lies on the disk, and what it was made of.
type memoryLog struct {
	frames   []Frame
	segments [][]byte
	groups   [][]span // of each segment: octets of each group
	newest   []byte
	kept     [][]byte
	hashes   bool // hand the verifier hash files
}

type span struct{ from, to int }

// leafOf gives frame i of the sample log: every tenth leaf is of another kind,
// the others are intents and their finals.
func leafOf(i int64) Leaf {
	l := Leaf{Index: i, Log: testLog, Time: 1_790_000_000_000 + 10*i}
	switch {
	case i == 0:
		l.Kind = Genesis
	case i%10 == 0:
		l.Kind, l.Cites = Session, i
	case i%10 == 9:
		l.Kind, l.Issuer, l.Serial, l.Step = Revoked, digestOf(200), "77", i
	case i%2 == 1:
		l.Kind, l.Issuer, l.Digest = Intent, digestOf(200), digestOf(byte(i))
		l.Serial = intentSerial(i)
	case i%10 == 8:
		l.Kind, l.Cites = Void, i-1
	default:
		l.Kind, l.Cites, l.Digest = Final, i-1, digestOf(byte(i))
	}
	return l
}

// frameOf adds a body to a leaf and frames it.
func frameOf(t testing.TB, l Leaf, content string) Frame {
	t.Helper()
	salt := bytes.Repeat([]byte{byte(l.Index + 1)}, SaltSize)
	l.Body = BodyDigest(salt, []byte(content))
	return Frame{Kind: l.Kind, Leaf: mustMarshal(t, l), Body: append(salt, content...)}
}

// sampleFrames are the leaves of a log of 64 KiB; logs of different numbers differ
// in their bodies, and so in where each octet lies.
func sampleFrames(t testing.TB, number int) []Frame {
	var frames []Frame
	for size := 0; size < 64<<10; {
		i := int64(len(frames))
		f := frameOf(t, leafOf(i), fmt.Sprintf(`{"about":"%0*d"}`, 150+(len(frames)+number)%7*60+number, i))
		frames, size = append(frames, f), size+f.Size()
	}
	return frames
}

// lay writes frames into segments as the journal does: groups of 1 to 5 frames,
// all checksums right. Whoever can do this has every tool but the log's key.
func lay(t testing.TB, frames []Frame) memoryLog {
	t.Helper()
	m := memoryLog{frames: frames}
	for first := 0; first < len(frames) || first == 0; first += testSegmentLeaves {
		key := SegmentKey{byte(first), 0xee}
		b := SegmentHeader{Key: key, LogNo: 1, First: int64(first), Log: testLog}.Append(nil)
		var groups []span
		in := frames[first:min(first+testSegmentLeaves, len(frames))]
		for len(in) > 0 {
			n := min(1+len(groups)%5, len(in))
			from := len(b)
			b = appendGroup(t, b, GroupHeader{Number: int64(len(groups)), Durable: int64(from)}, key, in[:n])
			groups, in = append(groups, span{from, len(b)}), in[n:]
		}
		m.segments, m.groups = append(m.segments, b), append(m.groups, groups)
	}
	return m
}

func appendGroup(t testing.TB, b []byte, h GroupHeader, key SegmentKey, frames []Frame) []byte {
	t.Helper()
	var octets []byte
	var err error
	for _, f := range frames {
		if octets, err = AppendFrame(octets, f); err != nil {
			t.Fatal(err)
		}
	}
	h.Octets, h.Frames = int64(len(octets)), len(frames)
	return append(h.Append(b, key), octets...)
}

// checkpointOf signs the tree of the first n frames.
func checkpointOf(t testing.TB, frames []Frame, n int) []byte {
	t.Helper()
	var r Range
	for _, f := range frames[:n] {
		r.Add(LeafHash(f.Leaf))
	}
	return mustSign(t, Checkpoint{Log: testLog, Size: r.Size(), Root: r.Root()}, logKey(1))
}

// sampleLog is an honest log of 64 KiB with its checkpoint over everything.
func sampleLog(t testing.TB) memoryLog {
	t.Helper()
	return sampleLogOf(t, 0)
}

func sampleLogOf(t testing.TB, number int) memoryLog {
	t.Helper()
	frames := sampleFrames(t, number)
	m := lay(t, frames)
	m.newest = checkpointOf(t, frames, len(frames))
	return m
}

// replaced is the log with other octets in segment i.
func (m memoryLog) replaced(i int, b []byte) memoryLog {
	m.segments = slices.Clone(m.segments)
	m.segments[i] = b
	return m
}

// relaid is a forger's log: other frames, every checksum mended, the same checkpoint.
func (m memoryLog) relaid(t testing.TB, frames []Frame) memoryLog {
	t.Helper()
	forged := lay(t, frames)
	forged.newest, forged.kept = m.newest, m.kept
	return forged
}

func opener(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func (m memoryLog) verification() Verification {
	v := Verification{Key: publicOf(logKey(1)), Newest: m.newest, Kept: m.kept, SegmentLeaves: testSegmentLeaves}
	for i, b := range m.segments {
		f := SegmentFile{Name: SegmentName(int64(i) * testSegmentLeaves), Open: opener(b)}
		if m.hashes {
			f.Hashes = opener(m.hashFile(i))
		}
		v.Segments = append(v.Segments, f)
	}
	return v
}

func (m memoryLog) hashFile(i int) []byte {
	var hashes []byte
	for _, f := range m.frames[min(i*testSegmentLeaves, len(m.frames)):min((i+1)*testSegmentLeaves, len(m.frames))] {
		h := LeafHash(f.Leaf)
		hashes = append(hashes, h[:]...)
	}
	return hashes
}

// mustFault verifies a log that must be found bad, and gives the fault.
func mustFault(t testing.TB, m memoryLog, what string) *Fault {
	t.Helper()
	rep, err := Verify(m.verification())
	var fault *Fault
	if !errors.As(err, &fault) {
		t.Fatalf("%s is not found: %d leaves, %v", what, rep.Leaves, err)
	}
	return fault
}

func mustHold(t testing.TB, m memoryLog) Report {
	t.Helper()
	rep, err := Verify(m.verification())
	if err != nil {
		t.Fatalf("the honest log is refused: %v", err)
	}
	return rep
}

func intentSerial(i int64) ca.Serial { return ca.Serial(fmt.Sprintf("7f%06x", i)) }
