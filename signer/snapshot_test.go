// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// small has few leaves fill a segment, and few settled intents the ring.
var small = signer.Place{SegmentLeaves: 64, Ahead: 8 << 10, Remembered: 24, SnapshotLeaves: 1 << 40}

// A scribe fills a log with leaves of all kinds, as a signer could have left them.
type scribe struct {
	*site
	coins   *mathrand.Rand
	n       uint64
	open    []journal.Placed
	bodies  map[int64]ca.IntentBody
	void    []ca.Request // given up, to be asked for again
	revoked []journal.Placed
	made    []ca.Authority
}

// scribbled founds a log and gives it about so many more leaves.
func scribbled(t testing.TB, seed uint64, leaves int) *scribe {
	t.Helper()
	s := unopened(t.TempDir())
	s.Place = small
	ticks := time.Now()
	var mu sync.Mutex
	s.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		ticks = ticks.Add(1300 * time.Millisecond)
		return ticks
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	w := &scribe{site: running(t, s), coins: mathrand.New(mathrand.NewPCG(seed, 1)), bodies: map[int64]ca.IntentBody{}} //nolint:gosec // repeatable
	f, err := w.Found(founding(t), os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	w.made = f.Authorities
	for range leaves / 4 {
		var group []journal.Entry
		for range 4 {
			group = append(group, w.leaf())
		}
		w.put(group)
		if w.coins.IntN(leaves/8) == 0 {
			_, next := w.risen()
			if _, err := w.SetPolicy(signer.PolicyChange{Document: next}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

func (w *scribe) put(group []journal.Entry) {
	w.t.Helper()
	placed, err := w.Put(group...)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, p := range placed {
		switch p.Leaf.Kind {
		case audit.Intent:
			var body ca.IntentBody
			if err := json.Unmarshal(group[i].Body, &body); err != nil {
				w.t.Fatal(err)
			}
			w.open, w.bodies[p.Index] = append(w.open, p), body
		case audit.Revoked:
			w.revoked = append(w.revoked, p)
		}
	}
}

// leaf draws the next one.
func (w *scribe) leaf() journal.Entry {
	w.n++
	kinds := []audit.Kind{
		audit.Intent, audit.Intent, audit.Intent, audit.Intent, audit.Final, audit.Final, audit.Adopted, audit.Void, audit.Revoked, audit.Revoked,
		audit.Abandoned, audit.CRL, audit.Authority, audit.Key, audit.Session, audit.Time, audit.Refusal, audit.FrontEvent, audit.Feed,
	}
	e := journal.Entry{Leaf: audit.Leaf{Kind: kinds[w.coins.IntN(len(kinds))]}}
	var body any = struct{}{}
	switch e.Leaf.Kind {
	case audit.Intent:
		e.Leaf.Issuer, e.Leaf.Serial = w.digest(2), w.serial()
		body = ca.IntentBody{Wish: w.wish(), Kind: ca.EndEntity, NotAfter: time.Unix(w.coins.Int64N(4e9), 0).UTC()}
	case audit.Final, audit.Adopted, audit.Void:
		e.Leaf.Cites = w.settle(e.Leaf.Kind)
		if e.Leaf.Cites < 0 {
			e.Leaf = audit.Leaf{Kind: audit.FrontEvent}
		}
	case audit.Revoked:
		e.Leaf.Issuer, e.Leaf.Serial, e.Leaf.Step = w.digest(3), w.serial(), int64(1+w.coins.IntN(2))
		body = ca.RevokedBody{Reason: []ca.Reason{ca.Superseded, ca.KeyCompromise}[w.coins.IntN(2)], NotAfter: time.Unix(w.coins.Int64N(4e9), 0).UTC(), Key: w.digest(40)}
	case audit.Abandoned:
		if len(w.revoked) == 0 {
			e.Leaf = audit.Leaf{Kind: audit.FrontEvent}
			break
		}
		e.Leaf.Cites = w.revoked[w.coins.IntN(len(w.revoked))].Index
	case audit.CRL:
		scope := []ca.ListScope{ca.CompleteList, ca.DeltaList, ca.AuthorityList, "s0", "s7"}[w.coins.IntN(5)]
		body = ca.ListBody{List: ca.List{Authority: w.made[w.coins.IntN(2)].Name, Scope: scope, Number: w.coins.Int64(), ThisUpdate: time.Unix(int64(w.n), 0).UTC(), Entries: 3}, //nolint:gosec // few
			Leaves: int64(w.n), Bases: []ca.ListBase{{Number: w.coins.Int64()}, {Leaves: 3}}}
	case audit.Feed:
		e.Leaf.Issuer, e.Leaf.Digest = w.digest(2), w.digest(40)
		body = ca.Feed{Authority: "issuing-g1", Number: int64(w.n), Base: int64(w.coins.IntN(2))} //nolint:gosec // few
	case audit.Authority:
		a := w.made[w.coins.IntN(2)]
		a.State = []ca.AuthorityState{ca.Active, ca.Retiring}[w.coins.IntN(2)]
		body = a
	case audit.Key:
		body = signer.KeyBody{Step: "unlocked"}
	}
	var err error
	if e.Body, err = json.Marshal(body); err != nil {
		w.t.Fatal(err)
	}
	return e
}

// settle picks an open intent, mostly an old one, and takes it off; -1 if there is none.
func (w *scribe) settle(as audit.Kind) int64 {
	if len(w.open) == 0 {
		return -1
	}
	i := min(w.coins.IntN(len(w.open)), w.coins.IntN(len(w.open)))
	index := w.open[i].Index
	w.open = slices.Delete(w.open, i, i+1)
	if as == audit.Void {
		w.void = append(w.void, w.bodies[index].Wish)
	}
	return index
}

// wish is a new request, or one again that was given up.
func (w *scribe) wish() ca.Request {
	if n := len(w.void); n > 0 && w.coins.IntN(3) == 0 {
		again := w.void[n-1]
		w.void = w.void[:n-1]
		return again
	}
	r := wish(int(w.n), nil, ca.Profile{Name: "server"}) //nolint:gosec // few
	if w.coins.IntN(2) == 0 {
		r.Key = fmt.Sprintf("order-%d", w.n)
	}
	return r
}

// digest is one of n.
func (w *scribe) digest(n int) (out ca.Digest) {
	out[31] = byte(w.coins.IntN(n)) //nolint:gosec // small
	return out
}

func (w *scribe) serial() ca.Serial {
	b := binary.BigEndian.AppendUint64([]byte{0x41}, uint64(w.coins.IntN(200))) //nolint:gosec // positive
	s, err := ca.SerialFromBytes(b)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// A snapshot at any leaf and the leaves above it give what all leaves give.
func TestASnapshotAndTheRestAreTheWholeLog(t *testing.T) {
	for seed := range uint64(3) {
		w := scribbled(t, seed, 240)
		size := int64(len(w.leaves()))
		whole, err := w.Replayed(size)
		if err != nil {
			t.Fatal(err)
		}
		for what, n := range whole.Counts() {
			if n == 0 {
				t.Errorf("the log of seed %d has none of: %s", seed, what)
			}
		}
		for at := int64(1); at <= size; at += 1 + 6*int64(seed) {
			part, err := w.Replayed(at)
			if err != nil {
				t.Fatal(err)
			}
			b, err := part.Freeze()
			if err != nil {
				t.Fatal(err)
			}
			again, err := w.Thaw(b)
			if err != nil {
				t.Fatalf("seed %d, at %d: %v", seed, at, err)
			}
			if d := again.Differs(part); d != "" {
				t.Fatalf("seed %d, at %d: %s", seed, at, d)
			}
			if twice, err := again.Freeze(); err != nil || !bytes.Equal(b, twice) {
				t.Fatalf("seed %d, at %d: written again it is another snapshot: %v", seed, at, err)
			}
			if err := again.Read(size); err != nil {
				t.Fatal(err)
			}
			if d := again.Differs(whole); d != "" {
				t.Fatalf("seed %d, at %d and the rest: %s", seed, at, d)
			}
		}
	}
}

// No octet of a snapshot can be another, and none can be missing or too many.
func TestASnapshotWithAnyOtherOctetIsRefused(t *testing.T) {
	w := scribbled(t, 1, 120)
	m, err := w.Replayed(int64(len(w.leaves())))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := m.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(b []byte, what string, at int) {
		t.Helper()
		if _, err := w.Thaw(b); err == nil {
			t.Fatalf("%s %d of %d was not noticed", what, at, len(whole))
		}
	}
	b := bytes.Clone(whole)
	for at := range b {
		b[at] ^= 1 << (at % 8)
		refused(b, "a flip in octet", at)
		b[at] = whole[at]
		refused(b[:at], "the end after octet", at)
	}
	refused(append(b, 0), "one octet more than", len(b))
}

// startsAs opens the directory once more, and holds what the signer knows against a
// replay of the whole log. It gives what was reported.
func startsAs(t *testing.T, dir string, place signer.Place) (reports []error, kept int64) {
	t.Helper()
	s := unopened(dir)
	s.Place, s.Report = place, func(err error) { reports = append(reports, err) }
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	live := s.Live()
	whole, err := s.Replayed(1 << 40)
	if err != nil {
		t.Fatal(err)
	}
	if d := live.Differs(whole); d != "" {
		t.Errorf("after the start: %s", d)
	}
	kept = s.Kept()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return reports, kept
}

// Whatever lies in the place of a snapshot costs time and nothing else: an emptied
// list of what is revoked would put everything back in force.
func TestASnapshotThatCannotBeBelievedIsNotUsed(t *testing.T) {
	w := scribbled(t, 2, 200)
	full := func(m signer.Memory) []byte {
		t.Helper()
		b, err := m.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	at := func(leaves int64) signer.Memory {
		t.Helper()
		m, err := w.Replayed(leaves)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	size := int64(len(w.leaves()))
	good := full(at(size - 10))
	emptied := at(size - 10)
	emptied.Unrevoked()
	_, thief, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := scribbled(t, 2, 200) // the same leaves in another log
	foreign, err := other.Replayed(size - 10)
	if err != nil {
		t.Fatal(err)
	}
	early := filepath.Join(t.TempDir(), "early")
	w.stop()
	duplicate(t, w.Dir, early)
	longer := resumed(t, w.Dir)
	longer.put([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.FrontEvent}}})
	ahead, err := longer.Replayed(size + 1)
	if err != nil {
		t.Fatal(err)
	}
	tooMany := full(ahead)
	longer.stop()
	// A log that went on otherwise from the same beginning.
	forked := resumed(t, early)
	forked.put([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Refusal}}})
	forked.stop()
	for _, tt := range []struct {
		name, dir string
		newest    []byte
		before    []byte
		kept      int64
		reports   int
	}{
		{"there is none", w.Dir, nil, nil, 0, 0},
		{"a good one is used", w.Dir, good, nil, size - 10, 0},
		{"the one before is used, if there is no newer", w.Dir, nil, good, size - 10, 0},
		{"the one before is used, if the newer is torn", w.Dir, good[:len(good)/2], good, size - 10, 1},
		{"empty", w.Dir, []byte{}, nil, 0, 1},
		{"zeros", w.Dir, make([]byte, len(good)), nil, 0, 1},
		{"torn in the signature", w.Dir, good[:len(good)-1], nil, 0, 1},
		{"another log's", w.Dir, full(foreign), nil, 0, 1},
		{"of more leaves than there are", early, tooMany, nil, 0, 1},
		{"of other leaves", early, tooMany, nil, 0, 1},
		{"revocations taken back, and signed by another key", w.Dir, full(emptied.SignedBy(thief)), nil, 0, 1},
		{"revocations taken back under the old signature", w.Dir, slices.Concat(full(emptied)[:len(full(emptied))-64], good[len(good)-64:]), nil, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, b := range map[string][]byte{"snapshot": tt.newest, "snapshot.old": tt.before} {
				name = filepath.Join(tt.dir, "state", name)
				if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				if b != nil {
					if err := os.WriteFile(name, b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			reports, kept := startsAs(t, tt.dir, small)
			if kept != tt.kept || len(reports) != tt.reports {
				t.Errorf("the start did not read %d leaves, want %d; it reported %q, want %d reports", kept, tt.kept, reports, tt.reports)
			}
		})
	}
}

// resumed starts a small log again.
func resumed(t *testing.T, dir string) *scribe {
	t.Helper()
	s := unopened(dir)
	s.Place = small
	s.Now = func() time.Time { return time.Now().Add(time.Hour) } // past the leaves of the scribe
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	return &scribe{site: running(t, s)}
}

// A start that had to read many leaves, and a stop after many, leave a snapshot. The
// next start reads no segment below it.
func TestASnapshotIsMadeAtAStartAndAStop(t *testing.T) {
	w := scribbled(t, 3, 800)
	w.stop()
	often := small
	often.SnapshotLeaves = 100
	if reports, kept := startsAs(t, w.Dir, often); kept == 0 || len(reports) > 0 {
		t.Fatalf("the start left no snapshot: %q", reports)
	}
	name := filepath.Join(w.Dir, "state", "snapshot")
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := resumed(t, w.Dir) // few leaves are not worth one
	s.put([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.FrontEvent}}})
	s.stop()
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(before, now) {
		t.Errorf("a leaf made a snapshot: %v", err)
	}
	s.Place = often
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	s = &scribe{site: running(t, s.Signer)}
	s.put(slices.Repeat([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.FrontEvent}}}, 120))
	s.stop()
	if old, err := os.ReadFile(name + ".old"); err != nil || !bytes.Equal(before, old) {
		t.Errorf("the stop left no snapshot, or did not keep the one before: %v", err)
	}
	with := octetsOfAStart(t, w.Dir)
	for _, name := range []string{name, name + ".old"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if without := octetsOfAStart(t, w.Dir); with > without/3 {
		t.Errorf("a start reads %d octets of the log with a snapshot, %d without", with, without)
	}
}

// octetsOfAStart is how much a start reads of the log's segments.
func octetsOfAStart(t *testing.T, dir string) int {
	t.Helper()
	disk, err := journal.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{FS: disk}
	s := unopened(dir)
	s.Place = small
	s.Place.Disk = m
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	read := m.octets
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return read
}

// A snapshot is made while certificates are issued, and holds what the log says.
func TestASnapshotIsMadeWhileCertificatesAreIssued(t *testing.T) {
	s, _, h := founded(t)
	csr, p := csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]
	var all sync.WaitGroup
	var done atomic.Bool
	all.Go(func() {
		for n := range 40 {
			s.issued(h, wish(n+1, csr, p))
		}
		done.Store(true)
	})
	made := 0
	for !done.Load() {
		s.Snapshot()
		made++
	}
	all.Wait()
	s.Snapshot()
	if made < 2 {
		t.Errorf("%d snapshots were made meanwhile", made)
	}
	s.stop()
	if reports, kept := startsAs(t, s.Dir, signer.Place{}); kept < 80 || len(reports) > 0 {
		t.Errorf("%d leaves are in the snapshot; %q", kept, reports)
	}
}

// A meter counts what one goroutine reads of segments.
type meter struct {
	journal.FS
	octets int
}

func (m *meter) OpenFile(name string, mode journal.Mode) (journal.File, error) {
	f, err := m.FS.OpenFile(name, mode)
	if err != nil || !strings.HasSuffix(name, ".seg") {
		return f, err
	}
	return metered{f, m}, nil
}

func (m *meter) Close() error { return m.FS.(io.Closer).Close() }

type metered struct {
	journal.File
	by *meter
}

func (f metered) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.by.octets += n
	return n, err
}

// FuzzSnapshot: what is read as a snapshot is written as the same octets.
func FuzzSnapshot(f *testing.F) {
	w := scribbled(f, 4, 60)
	size := int64(len(w.leaves()))
	for at := int64(1); at <= size; at += 9 {
		m, err := w.Replayed(at)
		if err != nil {
			f.Fatal(err)
		}
		b, err := m.Freeze()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)-ed25519.SignatureSize])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		again, err := w.Reframed(body)
		if err == nil && !bytes.Equal(body, again) {
			t.Fatalf("read %x, wrote %x", body, again)
		}
		if _, err := w.Thaw(append(bytes.Clone(body), make([]byte, ed25519.SignatureSize)...)); err == nil {
			t.Fatal("a snapshot without a signature is believed")
		}
	})
}
