// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFT11_AU03_ALogCutAnywhereBelowItsCheckpointIsFound(t *testing.T) {
	t.Parallel()
	m := sampleLog(t)
	for n := range m.frames {
		mustFault(t, m.relaid(t, m.frames[:n]), fmt.Sprintf("cut after leaf %d", n))
	}
	last := len(m.segments) - 1
	for at := range m.segments[last] {
		fault := mustFault(t, m.replaced(last, m.segments[last][:at]), fmt.Sprintf("cut after octet %d", at))
		if fault.File != SegmentName(int64(last)*testSegmentLeaves) || fault.From > int64(at) {
			t.Errorf("cut after octet %d of the last segment: %v", at, fault)
		}
	}
}

// R4 of the threat model, and AU-07: whoever has the log's key and rewrites
// everything is found out only against a checkpoint held elsewhere.
func TestAU03_ALogRewrittenWithItsCheckpointIsFoundAgainstAKeptOne(t *testing.T) {
	m := sampleLog(t)
	n := len(m.frames)
	cut := m.relaid(t, m.frames[:n-1])
	cut.newest = checkpointOf(t, m.frames, n-1)
	mustHold(t, cut)
	cut.kept = [][]byte{checkpointOf(t, m.frames, 5), m.newest}
	if fault := mustFault(t, cut, "a cut log with its own checkpoint"); !strings.Contains(fault.What, "cut") {
		t.Error(fault)
	}
	frames := slices.Clone(m.frames)
	frames[40] = frameOf(t, leafOf(40), "another story")
	forked := m.relaid(t, frames)
	forked.newest = checkpointOf(t, frames, n)
	mustHold(t, forked)
	forked.kept = [][]byte{checkpointOf(t, m.frames, 60), checkpointOf(t, m.frames, 40)}
	fault := mustFault(t, forked, "a forked log with its own checkpoint")
	if !strings.Contains(fault.What, "kept checkpoint 1") || !strings.Contains(fault.What, "of 40") || fault.Index != 59 {
		t.Errorf("a fork at leaf 40, between promises of 40 and 60: %v", fault)
	}
}

func TestAU03_ALogMayGrowBeyondItsCheckpointButNotShrink(t *testing.T) {
	m := sampleLog(t)
	for n := range len(m.frames) + 1 {
		m.newest = checkpointOf(t, m.frames, n)
		if rep := mustHold(t, m); rep.Newest.Size != int64(n) || rep.Leaves != int64(len(m.frames)) {
			t.Errorf("checkpoint of %d: %+v", n, rep)
		}
	}
}

func TestAU03_ACheckpointThatIsNotTheLogsIsAFault(t *testing.T) {
	m := sampleLog(t)
	good := m.newest
	other := Checkpoint{Log: testLog, Size: 3}
	for what, signed := range map[string][]byte{
		"no checkpoint":          nil,
		"one under another key":  mustSign(t, Checkpoint{Log: testLog, Size: 0, Root: naiveRoot(nil)}, logKey(2)),
		"one of another log":     mustSign(t, Checkpoint{Log: LogID{9}}, logKey(1)),
		"one of another tree":    mustSign(t, other, logKey(1)),
		"one of a wrong nothing": mustSign(t, Checkpoint{Log: testLog}, logKey(1)),
	} {
		m.newest, m.kept = signed, nil
		mustFault(t, m, what)
		m.newest, m.kept = good, [][]byte{signed}
		mustFault(t, m, what+", kept")
	}
	m.kept = make([][]byte, MaxKept+1)
	if _, err := Verify(m.verification()); err == nil {
		t.Error("any number of kept checkpoints is taken")
	}
}

func TestAU03_ATailThatWasNotDurableIsReportedAndADurableOneIsAFault(t *testing.T) {
	m := sampleLog(t)
	last := len(m.segments) - 1
	whole := m.segments[last]
	end, key := int64(len(whole)), SegmentKey(whole[:16])
	n := int64(len(m.frames))
	l := leafOf(0)
	l.Kind, l.Index = Refusal, n
	one := frameOf(t, l, "{}")
	number := int64(len(m.groups[last]))
	group := appendGroup(t, nil, GroupHeader{Number: number, Durable: end}, key, []Frame{one})

	if rep := mustHold(t, m.replaced(last, append(bytes.Clone(whole), group...))); rep.Leaves != n+1 || rep.Tail != nil {
		t.Errorf("one more group: %+v", rep)
	}
	for cut := 1; cut < len(group); cut++ {
		torn := append(append(bytes.Clone(whole), group[:cut]...), make([]byte, 100)...)
		rep := mustHold(t, m.replaced(last, torn))
		if rep.Leaves != n || rep.Tail == nil || rep.Tail.From != end {
			t.Fatalf("a group torn after %d octets: %+v, tail %v", cut, rep, rep.Tail)
		}
	}
	// A whole group behind the torn one says that the torn one had been durable.
	torn := append(bytes.Clone(whole), group...)
	torn[len(torn)-1] ^= 1
	second := appendGroup(t, nil, GroupHeader{Number: number + 1, Durable: int64(len(torn))}, key, []Frame{one})
	for gap := range []int{0, 1, 500} {
		b := append(append(bytes.Clone(torn), make([]byte, gap)...), second...)
		if fault := mustFault(t, m.replaced(last, b), "damage below a durable offset"); fault.From > int64(len(torn)) || fault.To <= end {
			t.Errorf("damage below a durable offset is found elsewhere: %v", fault)
		}
	}
	mustHold(t, m.replaced(last, append(bytes.Clone(whole), make([]byte, 1<<20)...)))
	// A header that lies across two reads of the tail is seen.
	for shift := range GroupHeaderSize + 1 {
		b := append(bytes.Clone(torn), make([]byte, 16<<10-len(torn)+int(end)-shift)...)
		mustFault(t, m.replaced(last, append(b, second...)), fmt.Sprintf("a header %d octets before a read's end", shift))
	}
}

func TestTheHashFileIsToldFromTheLogWhenItIsTheOneThatIsWrong(t *testing.T) {
	m := sampleLog(t)
	for what, change := range map[string]func(b []byte) []byte{
		"flipped": func(b []byte) []byte { b[33] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:40] },
		"empty":   func([]byte) []byte { return nil },
	} {
		v := m.verification()
		v.Segments[1].Hashes = opener(change(m.hashFile(1)))
		_, err := Verify(v)
		var fault *Fault
		if !errors.As(err, &fault) || !strings.Contains(fault.What, "the hash file") {
			t.Errorf("a hash file that is %s: %v", what, err)
		}
	}
}

func TestAnErrorOfReadingIsNoFault(t *testing.T) {
	broken := errors.New("broken")
	m := sampleLog(t)
	for what, change := range map[string]func(v *Verification){
		"open":   func(v *Verification) { v.Segments[1].Open = func() (io.ReadCloser, error) { return nil, broken } },
		"hashes": func(v *Verification) { v.Segments[1].Hashes = func() (io.ReadCloser, error) { return nil, broken } },
		"each":   func(v *Verification) { v.each = func(Record) error { return broken } },
		"read": func(v *Verification) {
			v.Segments[1].Open = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(m.segments[1][:5000]), iotest.ErrReader(broken))), nil
			}
		},
		"header": func(v *Verification) {
			v.Segments[1].Open = func() (io.ReadCloser, error) { return io.NopCloser(iotest.ErrReader(broken)), nil }
		},
	} {
		v := m.verification()
		change(&v)
		_, err := Verify(v)
		var fault *Fault
		if !errors.Is(err, broken) || errors.As(err, &fault) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A reader that gives one octet at a time sees the same log.
func TestTheSegmentReaderDoesNotDependOnHowOctetsArrive(t *testing.T) {
	m := sampleLog(t)
	s, err := NewSegmentReader("a segment", iotest.OneByteReader(bytes.NewReader(m.segments[0])))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		g, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := m.groups[0][i]
		if g.Offset != int64(want.from) || g.End() != int64(want.to) || s.End() != g.End() || s.Groups() != int64(i+1) {
			t.Errorf("group %d lies at %d to %d, want %+v", i, g.Offset, g.End(), want)
		}
	}
	if tail, err := s.Tail(); err != nil || tail.From != tail.To || tail.Durable != 0 || s.Groups() != int64(len(m.groups[0])) {
		t.Errorf("tail %+v, %v", tail, err)
	}
}

// Law: whatever the octets, the reader ends, groups lie end to end, and each
// frame it gives is written as the octets it was read from.
func FuzzSegment(f *testing.F) {
	m := sampleLog(f)
	f.Add(m.segments[0][:6000], uint16(70), byte(1))
	f.Add(m.segments[3], uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, x byte) {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[int(at)%len(b)] ^= x
		}
		s, err := NewSegmentReader("fuzz", bytes.NewReader(b))
		if err != nil {
			return
		}
		end := int64(SegmentHeaderSize)
		for {
			g, err := s.Next()
			if err != nil {
				break
			}
			if g.Offset != end || g.End() <= end || g.End() > int64(len(b)) {
				t.Fatalf("a group at %d to %d behind one that ended at %d of %d", g.Offset, g.End(), end, len(b))
			}
			end = g.End()
			for i, frame := range g.Frames {
				from, to := g.Span(i)
				if again, err := AppendFrame(nil, frame); err != nil || !bytes.Equal(again, b[from:to]) {
					t.Fatalf("frame %d of the group at %d: %v", i, g.Offset, err)
				}
			}
		}
		tail, err := s.Tail()
		if err != nil || tail.From != end || tail.To < tail.From || tail.To > int64(len(b)) || len(bytes.Trim(b[tail.To:], "\x00")) != 0 {
			t.Fatalf("tail %+v of %d octets, whole until %d: %v", tail, len(b), end, err)
		}
	})
}

// A verifier beside a service reads a place before a group is whole there, and a later
// group that calls it durable afterwards. Only what stays damaged is a fault.
func TestAU06_AGroupThatWasHalfThereIsReadOnceMore(t *testing.T) {
	m := sampleLog(t)
	last := len(m.segments) - 1
	s, err := NewSegmentReader("last", bytes.NewReader(m.segments[last]))
	if err != nil {
		t.Fatal(err)
	}
	var groups []Group
	for {
		g, err := s.Next()
		if err != nil {
			break
		}
		groups = append(groups, g)
	}
	if len(groups) < 3 || groups[len(groups)-1].Durable <= groups[0].Offset {
		t.Fatalf("the last segment has %d groups", len(groups))
	}
	half := bytes.Clone(m.segments[last])
	clear(half[groups[0].Offset+GroupHeaderSize : groups[0].End()])
	v := m.verification()
	v.Newest = checkpointOf(t, m.frames, int(s.Header.First))
	for _, tt := range []struct {
		name   string
		second []byte
		whole  bool
	}{{"whole at the second look", m.segments[last], true}, {"damaged for good", half, false}} {
		t.Run(tt.name, func(t *testing.T) {
			looks := [][]byte{half, tt.second, tt.second}
			v.Segments[last].Open = func() (io.ReadCloser, error) {
				b := looks[0]
				looks = looks[1:]
				return io.NopCloser(bytes.NewReader(b)), nil
			}
			rep, err := Verify(v)
			if tt.whole && (err != nil || rep.Leaves != int64(len(m.frames)) || rep.Tail != nil) {
				t.Errorf("%d leaves of %d, %v", rep.Leaves, len(m.frames), err)
			}
			if !tt.whole && err == nil {
				t.Error("the damage was not found")
			}
		})
	}
}
