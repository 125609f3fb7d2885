// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A Fault is damage found in a log: where it lies, and what is wrong.
type Fault struct {
	File     string // name of the file
	From, To int64  // octets [From, To) of it
	Index    int64  // the leaf at fault, or the first that cannot be read
	What     string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("%s, octets %d to %d, leaf %d: %s", f.File, f.From, f.To, f.Index, f.What)
}

// A Group is a group as it lies in a segment, all of its frames whole.
type Group struct {
	GroupHeader
	Offset int64 // of its header
	Frames []Frame
	starts []int64
}

// Span gives the octets [from, to) of frame i.
func (g Group) Span(i int) (from, to int64) {
	return g.starts[i], g.starts[i] + int64(g.Frames[i].Size())
}

// End is the offset after the group's last frame.
func (g Group) End() int64 { return g.Offset + GroupHeaderSize + g.Octets }

// A SegmentReader reads a segment from its start, group by group, holding one
// group at a time. It is what recovery and verification share: both see the same
// log in the same octets.
type SegmentReader struct {
	Header SegmentHeader
	name   string
	in     io.Reader
	buf    []byte // of the group being read, from its header on
	got    int    // how much of buf is filled
	end    int64  // offset where the next group begins
	number int64
	index  int64 // of the next leaf
}

// NewSegmentReader reads the header. The name is what faults will say.
func NewSegmentReader(name string, in io.Reader) (*SegmentReader, error) {
	s := &SegmentReader{name: name, in: in, end: SegmentHeaderSize, buf: make([]byte, SegmentHeaderSize, 8<<10)}
	n, err := io.ReadFull(in, s.buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	s.Header, err = ParseSegmentHeader(s.buf[:n])
	if err != nil {
		return nil, &Fault{File: name, From: 0, To: SegmentHeaderSize, What: err.Error()}
	}
	s.index = s.Header.First
	return s, nil
}

// Next gives the next group, valid until the next call. The end of the file, or
// zeros where a group would begin, are io.EOF; anything else that is not a whole
// group is a *Fault. After either, Tail says what lies behind.
func (s *SegmentReader) Next() (Group, error) {
	s.got = 0
	if err := s.fill(GroupHeaderSize); err != nil {
		return Group{}, err
	}
	if len(bytes.Trim(s.buf[:s.got], "\x00")) == 0 {
		return Group{}, io.EOF
	}
	h, err := parseGroupHeader(s.buf[:s.got], s.Header.Key)
	switch {
	case err != nil:
		return Group{}, s.fault(s.end, s.end+GroupHeaderSize, err.Error())
	case h.Number != s.number:
		return Group{}, s.fault(s.end, s.end+GroupHeaderSize, fmt.Sprintf("group %d where group %d belongs", h.Number, s.number))
	case h.Durable > s.end:
		return Group{}, s.fault(s.end, s.end+GroupHeaderSize, "a group that calls later octets durable")
	}
	if err := s.fill(GroupHeaderSize + int(h.Octets)); err != nil {
		return Group{}, err
	}
	g := Group{GroupHeader: h, Offset: s.end, Frames: make([]Frame, 0, h.Frames), starts: make([]int64, 0, h.Frames)}
	if err := s.frames(&g); err != nil {
		return Group{}, err
	}
	s.end, s.number, s.index = g.End(), s.number+1, s.index+int64(h.Frames)
	return g, nil
}

// frames cuts the group's octets into frames; they must fill it exactly.
func (s *SegmentReader) frames(g *Group) error {
	rest := s.buf[GroupHeaderSize:s.got]
	at := g.Offset + GroupHeaderSize
	for i := range g.GroupHeader.Frames {
		f, n, err := ParseFrame(rest)
		if err != nil {
			to := g.End()
			if size, bad := FrameSize(rest); bad == nil && at+int64(size) < to {
				to = at + int64(size)
			}
			fault := s.fault(at, to, err.Error())
			fault.Index += int64(i)
			return fault
		}
		g.Frames, g.starts = append(g.Frames, f), append(g.starts, at)
		rest, at = rest[n:], at+int64(n)
	}
	if at != g.End() {
		return s.fault(at, g.End(), "octets behind the last frame of a group")
	}
	return nil
}

func (s *SegmentReader) fault(from, to int64, what string) *Fault {
	return &Fault{File: s.name, From: from, To: to, Index: s.index, What: what}
}

// fill reads until buf holds n octets or the file ends.
func (s *SegmentReader) fill(n int) error {
	if cap(s.buf) < n {
		s.buf = append(make([]byte, 0, n), s.buf[:s.got]...)
	}
	s.buf = s.buf[:n]
	m, err := io.ReadFull(s.in, s.buf[s.got:])
	s.got += m
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read %s: %w", s.name, err)
	}
	return nil
}

// resume goes on behind the last whole group in another reader of the same segment,
// which begins at its start: somebody may have written on since.
func (s *SegmentReader) resume(in io.Reader) error {
	if _, err := io.CopyN(io.Discard, in, s.end); err != nil {
		return fmt.Errorf("read %s once more: %w", s.name, err)
	}
	s.in, s.got = in, 0
	return nil
}

// End is the offset after the last whole group.
func (s *SegmentReader) End() int64 { return s.end }

// Groups is the number of whole groups read.
func (s *SegmentReader) Groups() int64 { return s.number }

// A Tail is what lies behind the last whole group of a segment.
type Tail struct {
	// From and To bound what is not zero; they are equal if there is nothing.
	From, To int64
	// Durable is the largest durable offset that a valid group header in the tail
	// names; 0 if there is none. If it is above From, something that was durable is
	// damaged.
	Durable int64
}

// Tail reads the rest of the segment, once Next has given an error. A valid
// header is looked for at every octet, since damage may have any length.
func (s *SegmentReader) Tail() (Tail, error) {
	t := Tail{From: s.end, To: s.end}
	in := io.MultiReader(bytes.NewReader(s.buf[:s.got]), s.in)
	window := make([]byte, 0, 16<<10) // the unread part begins at offset `at`
	at := s.end
	for {
		keep := len(window)
		n, err := io.ReadFull(in, window[keep:cap(window)])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return t, fmt.Errorf("read %s: %w", s.name, err)
		}
		window = window[:keep+n]
		if used := bytes.TrimRight(window, "\x00"); len(used) > 0 {
			t.To = max(t.To, at+int64(len(used)))
		}
		t.Durable = max(t.Durable, s.durable(window))
		if err != nil {
			return t, nil
		}
		// A header may lie across two windows.
		move := len(window) - (GroupHeaderSize - 1)
		at += int64(move)
		window = window[:copy(window, window[move:])]
	}
}

// durable gives the largest durable offset of the valid headers in b.
func (s *SegmentReader) durable(b []byte) int64 {
	most := int64(0)
	for {
		i := bytes.Index(b, []byte(groupMagic))
		if i < 0 {
			return most
		}
		b = b[i:]
		if h, err := parseGroupHeader(b, s.Header.Key); err == nil {
			most = max(most, h.Durable)
		}
		b = b[1:]
	}
}
