// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestAU03_TheHonestLogHoldsAndIsCounted(t *testing.T) {
	m := sampleLog(t)
	n := int64(len(m.frames))
	if len(m.segments) < 3 {
		t.Fatalf("the sample has %d segments only", len(m.segments))
	}
	for size := range m.frames {
		m.kept = append(m.kept, checkpointOf(t, m.frames, size))
	}
	for _, m.hashes = range []bool{false, true} {
		var seen int64
		v := m.verification()
		v.each = func(r Record) error {
			if r.Leaf.Index != seen {
				t.Errorf("leaf %d is handed out as %d", seen, r.Leaf.Index)
			}
			seen++
			return nil
		}
		rep, err := Verify(v)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Leaves != n || seen != n || rep.Log != testLog || rep.LogNo != 1 || rep.Checkpoints != len(m.kept)+1 || rep.Tail != nil ||
			rep.Root != rep.Newest.Root || rep.Kinds[Genesis] != 1 || rep.First != leafOf(0).Time || rep.Last != leafOf(n-1).Time {
			t.Errorf("report %+v", rep)
		}
		if open := rep.Kinds[Intent] - rep.Kinds[Final] - rep.Kinds[Void]; rep.Open != open || int64(len(rep.OpenFirst)) != min(open, maxOpenListed) {
			t.Errorf("%d open intents, %d counted", open, rep.Open)
		}
	}
}

// Every octet of a log of 64 KiB is flipped once, one of its eight bits; by night
// (make soak) every octet of 64 such logs, 4 MiB. The fault must name the very place.
func TestFT11_AU01_EachFlippedByteBelowTheCheckpointIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	logs := 1
	if os.Getenv("CHANCERY_SOAK") == "1" {
		logs = 64
	}
	for number := range logs {
		m := sampleLogOf(t, number)
		var workers sync.WaitGroup
		for w := range runtime.GOMAXPROCS(0) {
			workers.Go(func() { flipEach(t, m, w, runtime.GOMAXPROCS(0)) })
		}
		workers.Wait()
	}
}

// flipEach flips one octet at a time, from first on, each step-th of a segment.
func flipEach(t *testing.T, m memoryLog, first, step int) {
	for s, whole := range m.segments {
		b := bytes.Clone(whole)
		changed := m.replaced(s, b)
		for at := first; at < len(b); at += step {
			b[at] ^= 1 << (at % 8)
			fault, err := faultOf(changed)
			if err != nil || fault.File != SegmentName(int64(s)*testSegmentLeaves) || fault.From > int64(at) || int64(at) >= fault.To {
				t.Errorf("octet %d of segment %d flipped: %v, %v", at, s, fault, err)
				return
			}
			b[at] ^= 1 << (at % 8)
		}
	}
}

// faultOf is mustFault for goroutines.
func faultOf(m memoryLog) (*Fault, error) {
	rep, err := Verify(m.verification())
	if fault, ok := err.(*Fault); ok {
		return fault, nil
	}
	return nil, fmt.Errorf("not found: %d leaves, %w", rep.Leaves, err)
}

// The same by somebody who mends every checksum: the tree finds it, and the
// hash file says where.
func TestAU01_AChangedLeafWithMendedChecksumsIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	m := sampleLog(t)
	for i, f := range m.frames {
		for _, at := range []int{9, len(f.Leaf) / 2, len(f.Leaf) - 8, len(f.Leaf) - 1} {
			frames := slices.Clone(m.frames)
			frames[i].Leaf = bytes.Clone(f.Leaf)
			frames[i].Leaf[at] ^= 1
			mustFault(t, m.relaid(t, frames), fmt.Sprintf("octet %d of leaf %d", at, i))
		}
		l, err := ParseLeaf(f.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		l.Time++ // well formed in every way: only hashes can tell
		frames := slices.Clone(m.frames)
		frames[i].Leaf = mustMarshal(t, l)
		forged := m.relaid(t, frames)
		mustFault(t, forged, fmt.Sprintf("the time of leaf %d", i))
		if i/testSegmentLeaves == len(m.segments)-1 {
			continue // the open segment has no hash file
		}
		v := forged.verification()
		for s := range v.Segments {
			v.Segments[s].Hashes = opener(m.hashFile(s))
		}
		_, err = Verify(v)
		if fault, ok := err.(*Fault); !ok || fault.Index != int64(i) {
			t.Errorf("the time of leaf %d: the hash file says %v", i, err)
		}
	}
}

func TestAU01_AChangedBodyWithMendedChecksumsIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	m := sampleLog(t)
	for i, f := range m.frames {
		for _, at := range []int{0, SaltSize - 1, SaltSize, len(f.Body) - 1} {
			frames := slices.Clone(m.frames)
			frames[i].Body = bytes.Clone(f.Body)
			frames[i].Body[at] ^= 0x80
			if fault := mustFault(t, m.relaid(t, frames), "a changed body"); fault.Index != int64(i) {
				t.Errorf("the body of leaf %d: %v", i, fault)
			}
		}
		frames := slices.Clone(m.frames)
		frames[i].Body = f.Body[:len(f.Body)-1]
		mustFault(t, m.relaid(t, frames), "a shortened body")
	}
}

// An erased body is no fault, and is counted; the proofs still hold.
func TestAU01_AnErasedBodyLeavesTheTreeWhole(t *testing.T) {
	m := sampleLog(t)
	frames := slices.Clone(m.frames)
	frames[5].Body, frames[6].Body = nil, nil
	if rep := mustHold(t, m.relaid(t, frames)); rep.Erased != 2 {
		t.Errorf("%d bodies are counted as erased", rep.Erased)
	}
}

func TestFT11_AU02_EachDroppedDoubledOrSwappedFrameIsFound(t *testing.T) {
	t.Parallel()
	m := sampleLog(t)
	n := len(m.frames)
	renumbered := func(frames []Frame) []Frame {
		out := slices.Clone(frames)
		for i, f := range out {
			l, err := ParseLeaf(f.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			if l.Index != int64(i) {
				l.Index = int64(i)
				out[i].Leaf = mustMarshal(t, l)
			}
		}
		return out
	}
	try := func(what string, i int, frames []Frame) {
		t.Helper()
		fault := mustFault(t, m.relaid(t, frames), fmt.Sprintf("frame %d %s", i, what))
		if fault.Index != int64(i) {
			t.Errorf("frame %d %s is found at leaf %d: %v", i, what, fault.Index, fault)
		}
		mustFault(t, m.relaid(t, renumbered(frames)), fmt.Sprintf("frame %d %s, all renumbered,", i, what))
	}
	for i := range n {
		try("dropped", i, slices.Delete(slices.Clone(m.frames), i, i+1))
		if i+1 < n { // doubling the last one leaves the promised tree as it was
			twice := slices.Insert(slices.Clone(m.frames), i, m.frames[i])
			mustFault(t, m.relaid(t, twice), fmt.Sprintf("frame %d doubled", i))
			mustFault(t, m.relaid(t, renumbered(twice)), fmt.Sprintf("frame %d doubled, all renumbered,", i))
		}
		for _, j := range []int{i + 1, i + 7, n - 1} {
			if j < n && j != i {
				swapped := slices.Clone(m.frames)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				try(fmt.Sprintf("swapped with %d", j), i, swapped)
			}
		}
	}
	// A leaf above the checkpoint must still be the leaf of its place.
	mustFault(t, m.relaid(t, append(slices.Clone(m.frames), m.frames[n-1])), "the last frame doubled")
}

// edits are what can be done to a stretch of octets without mending anything.
var edits = map[string]func(b []byte, s, next span) []byte{
	"dropped": func(b []byte, s, _ span) []byte { return slices.Delete(bytes.Clone(b), s.from, s.to) },
	"doubled": func(b []byte, s, _ span) []byte { return slices.Insert(bytes.Clone(b), s.to, b[s.from:s.to]...) },
	"swapped": func(b []byte, s, next span) []byte {
		return slices.Concat(b[:s.from], b[next.from:next.to], b[s.from:s.to], b[next.to:])
	},
	"cut off":      func(b []byte, s, _ span) []byte { return b[:s.from] },
	"cut within":   func(b []byte, s, _ span) []byte { return b[:(s.from+s.to)/2] },
	"short by one": func(b []byte, s, _ span) []byte { return slices.Delete(bytes.Clone(b), s.to-1, s.to) },
	"long by one":  func(b []byte, s, _ span) []byte { return slices.Insert(bytes.Clone(b), s.to, 0) },
	"zeroed": func(b []byte, s, _ span) []byte {
		b = bytes.Clone(b)
		clear(b[s.from:s.to])
		return b
	},
}

func TestFT11_AU02_EachDroppedDoubledSwappedOrCutStretchOfOctetsIsFound(t *testing.T) {
	t.Parallel()
	m := sampleLog(t)
	for i, groups := range m.groups {
		stretches := map[string][]span{"group": groups, "frame": frameSpans(t, m.segments[i], groups)}
		for what, spans := range stretches {
			for k, s := range spans {
				next := s
				if k+1 < len(spans) && spans[k+1].from == s.to {
					next = spans[k+1]
				}
				for how, edit := range edits {
					end := s.to == len(m.segments[i])
					if how == "swapped" && next == s || end && (how == "long by one" || how == "doubled" && i == len(m.segments)-1) {
						continue // a zero behind the end is padding; what lies behind the checkpoint is not promised
					}
					fault := mustFault(t, m.replaced(i, edit(m.segments[i], s, next)), fmt.Sprintf("%s %d of segment %d %s", what, k, i, how))
					// A frame that is missing shows at the end of its group.
					g := groups[slices.IndexFunc(groups, func(g span) bool { return s.to <= g.to })]
					if fault.File != SegmentName(int64(i)*testSegmentLeaves) || fault.From > int64(g.to) || fault.To < int64(g.from) {
						t.Errorf("%s %d of segment %d %s (%d to %d) is found elsewhere: %v", what, k, i, how, s.from, s.to, fault)
					}
				}
			}
		}
	}
}

// frameSpans gives the octets of each frame of a segment.
func frameSpans(t *testing.T, b []byte, groups []span) (spans []span) {
	t.Helper()
	for _, g := range groups {
		for at := g.from + GroupHeaderSize; at < g.to; {
			n, err := FrameSize(b[at:])
			if err != nil {
				t.Fatal(err)
			}
			spans = append(spans, span{at, at + n})
			at += n
		}
	}
	return spans
}

func TestFT11_AU02_EachDroppedDoubledOrSwappedSegmentIsFound(t *testing.T) {
	m := sampleLog(t)
	for i := range m.segments {
		changed := m
		changed.segments = slices.Delete(slices.Clone(m.segments), i, i+1)
		mustFault(t, changed, fmt.Sprintf("segment %d dropped", i))
		changed.segments = slices.Insert(slices.Clone(m.segments), i, m.segments[i])
		mustFault(t, changed, fmt.Sprintf("segment %d doubled", i))
		if i > 0 {
			changed.segments = slices.Clone(m.segments)
			changed.segments[i], changed.segments[i-1] = m.segments[i-1], m.segments[i]
			mustFault(t, changed, fmt.Sprintf("segment %d swapped", i))
		}
		mustFault(t, m.replaced(i, append(bytes.Clone(m.segments[i]), 1)[:len(m.segments[i])/2]), "half a segment")
		if i < len(m.segments)-1 {
			mustHold(t, m.replaced(i, append(bytes.Clone(m.segments[i]), 0, 0)))
			mustFault(t, m.replaced(i, append(bytes.Clone(m.segments[i]), 0, 1)), "an octet behind a sealed segment")
		}
	}
	if fault := mustFault(t, memoryLog{newest: m.newest}, "a log without segments"); !strings.Contains(fault.Error(), "no segment") {
		t.Error(fault)
	}
}
