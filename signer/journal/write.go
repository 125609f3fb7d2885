// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"chancery/audit"
)

const (
	// laterWait is how long leaves without a waiter wait for somebody whose fsync
	// they can share. With one fsync of a slow disk it stays well under the second
	// that Later promises.
	laterWait = 200 * time.Millisecond
	// checkpointEvery is the least time between two checkpoints (AU-03).
	checkpointEvery = time.Second
)

// Run is the one writer. It returns nil once ctx has ended and all that was
// queued is durable, and an error that is ErrFailed after a failed write or fsync.
// It is to be called once.
func (j *Journal) Run(ctx context.Context) error {
	err := j.run(ctx)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrFailed, err)
		j.failed = err
		j.end(err)
	}
	return err
}

func (j *Journal) run(ctx context.Context) error {
	later, paper := newAlarm(), newAlarm()
	defer later.stop()
	defer paper.stop()
	stopping, due := false, false
	for {
		g := j.next(due || stopping)
		due = false
		switch {
		case g != nil:
			later.stop()
			if err := j.group(g); err != nil {
				return err
			}
			if since := j.o.Now().Sub(j.signedAt); since >= checkpointEvery || since < 0 {
				if err := j.sign(); err != nil {
					return err
				}
			}
			continue
		case stopping:
			return nil
		}
		if j.waiting() {
			later.start(laterWait)
		}
		if j.signed < j.size {
			paper.start(checkpointEvery)
		}
		select {
		case <-ctx.Done():
			j.end(ErrClosed)
			stopping = true
		case <-j.wake:
		case <-later.C:
			later.on, due = false, true
		case <-paper.C:
			paper.on = false
			if err := j.sign(); err != nil {
				return err
			}
		}
	}
}

// An alarm is a timer that is started at most once until it rings.
type alarm struct {
	*time.Timer
	on bool
}

func newAlarm() *alarm {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &alarm{Timer: t}
}

func (a *alarm) start(d time.Duration) {
	if !a.on {
		a.Reset(d)
		a.on = true
	}
}

func (a *alarm) stop() {
	a.Stop()
	a.on = false
}

// end takes no more requests. After a failure those that wait are told; after a
// stop they are still written.
func (j *Journal) end(why error) {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	if why == ErrClosed {
		if j.ended == nil {
			j.ended = why
		}
		return
	}
	j.ended = why
	for _, r := range j.waits {
		r.done <- why
	}
	j.waits, j.later, j.queued = nil, nil, 0
}

// waiting says whether leaves wait that nobody waits for.
func (j *Journal) waiting() bool {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	return len(j.later) > 0
}

// A group is what is written and fsynced together.
type group struct {
	items []item
	of    []*request // the request of each item
	done  []*request // those that end with this group
}

// next takes the next group off the queue, and gives nil if there is none. Leaves
// of Later come first, and make a group of their own only if alone is set.
func (j *Journal) next(alone bool) *group {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	if len(j.waits) == 0 && (!alone || len(j.later) == 0) {
		return nil
	}
	g := &group{}
	room := j.o.SegmentLeaves - int64(len(j.seg.starts))
	if room == 0 {
		room = j.o.SegmentLeaves // the group opens the next segment
	}
	most := int(min(room, audit.MaxGroupFrames))
	octets := 0
	for _, queue := range []*[]*request{&j.later, &j.waits} {
		for len(*queue) > 0 {
			r := (*queue)[0]
			for r.next < len(r.items) {
				it := r.items[r.next]
				octets += audit.FrameOverhead + leafRoom + len(it.body)
				if len(g.items) == most || octets > audit.MaxGroup {
					return g
				}
				g.items, g.of = append(g.items, it), append(g.of, r)
				r.next++
				if r.done == nil {
					j.queued--
				}
			}
			g.done = append(g.done, r)
			*queue = (*queue)[1:]
		}
	}
	return g
}

// group writes one group and makes it durable, then answers those who wait. A
// group is written only after the fsync of the one before has returned: at most
// one can be torn, and what its header calls durable is.
func (j *Journal) group(g *group) (err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, r := range g.done {
			if r.done != nil {
				r.done <- fmt.Errorf("%w: %w", ErrFailed, err)
			}
		}
	}()
	if len(g.items) > 0 {
		if err := j.ready(); err != nil {
			return err
		}
		starts, hashes, err := j.frames(g)
		if err != nil {
			return err
		}
		if err := j.write(); err != nil {
			return err
		}
		j.publish(starts, hashes)
	}
	for _, r := range g.done {
		if r.then != nil {
			r.then(r.placed)
		}
		if r.done != nil {
			r.done <- nil
		}
	}
	return nil
}

// ready does what comes before the first group of a run and of a segment.
func (j *Journal) ready() error {
	if !j.unmarked {
		// Lasting before the first write: a mark that outlived it would call a torn
		// log clean. A mark that is not there may be one whose removal was not yet on
		// the disk when the process before this one was killed.
		if err := j.fs.Remove(cleanName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", cleanName, err)
		}
		if err := j.syncNames(stateDir); err != nil {
			return err
		}
		j.unmarked = true
	}
	if !j.full() {
		return nil
	}
	if err := j.writeHashes(j.seg); err != nil {
		return err
	}
	s, err := j.newSegment(j.size)
	if err != nil {
		return err
	}
	old := j.seg.file
	j.mu.Lock()
	j.seg = s
	j.mu.Unlock()
	if err := old.Close(); err != nil {
		return fmt.Errorf("close the full segment: %w", err)
	}
	return nil
}

// frames puts the group's octets into groupBytes, its header in front.
func (j *Journal) frames(g *group) (starts []int64, hashes []audit.Hash, err error) {
	now := j.o.Now().UnixMilli()
	b := append(j.groupBytes[:0], make([]byte, audit.GroupHeaderSize)...)
	for i, it := range g.items {
		l := it.leaf
		l.Index, l.Time = j.size+int64(i), now
		octets, err := l.Marshal()
		if err != nil {
			return nil, nil, fmt.Errorf("write leaf %d: %w", l.Index, err)
		}
		starts = append(starts, j.seg.end+int64(len(b)))
		if b, err = audit.AppendFrame(b, audit.Frame{Kind: l.Kind, Leaf: octets, Body: it.body}); err != nil {
			return nil, nil, fmt.Errorf("write leaf %d: %w", l.Index, err)
		}
		hashes = append(hashes, audit.LeafHash(octets))
		g.of[i].placed = append(g.of[i].placed, Placed{Index: l.Index, Leaf: l, Bytes: octets})
	}
	h := audit.GroupHeader{
		Number: j.seg.groups, Durable: j.seg.end,
		Octets: int64(len(b) - audit.GroupHeaderSize), Frames: len(g.items),
	}
	h.Append(b[:0], j.seg.header.Key)
	j.groupBytes = b
	return starts, hashes, nil
}

// write puts groupBytes behind the last group and waits until they are on stable
// storage.
func (j *Journal) write() error {
	s, b := j.seg, j.groupBytes
	if err := s.take(s.end+int64(len(b)), j.o.Ahead); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(b, s.end); err != nil {
		return fmt.Errorf("write %s: %w", s.name(), err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name(), err)
	}
	s.end += int64(len(b))
	s.groups++
	return nil
}

// publish shows leaves to readers, now that they are durable.
func (j *Journal) publish(starts []int64, hashes []audit.Hash) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seg.starts = append(j.seg.starts, starts...)
	for _, h := range hashes {
		j.seg.tree.add(h)
	}
	j.size += int64(len(starts))
	if j.full() {
		root, _ := j.seg.tree.at(j.segmentLevel(), 0)
		j.tops.add(root)
	}
}
