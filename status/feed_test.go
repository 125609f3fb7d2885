// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
)

// A stall is a book and a signer of feeds, of an authority without certificates of
// responders.
type stall struct {
	t   testing.TB
	key ed25519.PrivateKey
	of  ca.Authority
	dir string

	// mu guards what follows: a feeder calls while a test changes it.
	mu      sync.Mutex
	number  int64
	others  int // logs that write in the book beside ours
	base    int64
	leaves  int64
	mark    int64
	asked   int
	made    []ca.Feed
	fault   error
	revoked map[[20]byte]bool
	all     [][20]byte
	late    []func() // what happens while a feed is made
}

func newStall(t testing.TB) *stall {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &stall{
		t: t, key: key, dir: t.TempDir(), number: 1000, revoked: map[[20]byte]bool{},
		of: ca.Authority{Name: "issuing-g1", Kind: ca.Issuing, State: ca.Active, SPKI: spki, Key: sha256.Sum256(spki), NotAfter: time.Now().AddDate(1, 0, 0)},
	}
}

// issues gives out so many numbers, an hour old.
func (s *stall) issues(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		one := [20]byte{1: 0x41, 3: 1}
		binary.BigEndian.PutUint32(one[4:], uint32(time.Now().Add(-time.Hour).Unix()))
		if _, err := rand.Read(one[8:]); err != nil {
			s.t.Fatal(err)
		}
		s.all = append(s.all, one)
	}
}

func (s *stall) revokes(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if n > 0 && !s.revoked[one] {
			s.revoked[one] = true
			n--
		}
	}
}

func (s *stall) standing() (out [][20]byte) {
	for one := range s.revoked {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b [20]byte) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// FeedGround implements FeedSigner.
func (s *stall) FeedGround(context.Context, string) (ca.FeedGround, [][20]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	now := time.Now().UTC().Truncate(time.Second)
	out := s.standing()
	if len(s.late) > 0 {
		next := s.late[0]
		s.late = s.late[1:]
		next()
	}
	return ca.FeedGround{Now: now, Horizon: now.Add(-6 * time.Second), Leaves: s.leaves, Base: s.base, Revoked: len(out)}, out, s.fault
}

// SignFeed implements FeedSigner.
func (s *stall) SignFeed(_ context.Context, authority string, body, base []byte) (about ca.Feed, file []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Second)
	s.number++
	f, err := feed.New(feed.Head{Issuer: s.of.Key, Number: s.number, ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7), Algorithm: feed.Ed25519}, body, base)
	if err != nil {
		return about, nil, err
	}
	if err := f.Check(func(yield func(ca.Serial, error) bool) {
		for _, one := range s.standing() {
			if !yield(ca.SerialFromBytes(one[:])) {
				return
			}
		}
	}); err != nil {
		return about, nil, ca.Conflict(ca.E3005, "it misses a revocation", "make it again").Because(err.Error())
	}
	if f.BaseNumber == 0 {
		s.base = s.number
	}
	about = ca.Feed{Authority: authority, Number: f.Number, Base: f.BaseNumber, ThisUpdate: now, NextUpdate: f.NextUpdate, Live: f.Live, Revoked: f.Revoked}
	s.made = append(s.made, about)
	file, err = f.Signed(ed25519.Sign(s.key, f.Message()))
	return about, file, err
}

// Logs implements FeedBook.
func (s *stall) Logs(context.Context) (int, error) { return 1 + s.others, nil }

// Mark and Live implement FeedBook. The mark comes nearer each time it is asked for.
func (s *stall) Mark(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark++
	return s.mark - 1, nil
}

func (s *stall) Live(_ context.Context, key ca.Digest, _ time.Time, each func(ca.Serial) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key != s.of.Key {
		return errors.New("another key")
	}
	for _, one := range s.all {
		serial, err := ca.SerialFromBytes(one[:])
		if err == nil {
			err = each(serial)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stall) options() Options {
	return Options{Shelf: &shelf{all: []ca.Authority{s.of}}, Lists: s.dir, Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

func (s *stall) feeder() *Feeder {
	return NewFeeder(FeedOptions{Options: s.options(), Signer: s, Book: s, Random: rand.Reader})
}

func (s *stall) publishes(f *Feeder) ca.Feed {
	s.t.Helper()
	about, err := f.Publish(s.t.Context(), s.of.Name)
	if err != nil {
		s.t.Fatal(err)
	}
	return about
}

// fetches gets a file as a device would.
func (s *stall) fetches(file string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	New(s.options()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/pki/"+file, http.NoBody))
	return w
}

// reads verifies what is served, and holds it against the truth.
func (s *stall) reads() *verify.Feed {
	s.t.Helper()
	base, delta := s.fetches("issuing-g1.feed").Body.Bytes(), s.fetches("issuing-g1.delta.feed").Body.Bytes()
	f, err := verify.OpenDelta(delta, base, s.of.SPKI, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, one := range s.all {
		want := verify.Good
		if s.revoked[one] {
			want = verify.Revoked
		}
		if got := f.Status(one[:]); got != want {
			s.t.Errorf("%x is %v, not %v", one, got, want)
		}
	}
	return f
}

func (s *stall) kinds() (out string) {
	for _, f := range s.made {
		if f.Base == 0 {
			out += "c"
		} else {
			out += "d"
		}
	}
	return out
}

func TestAFeedAndItsDeltaAreServedBesideTheLists(t *testing.T) {
	s := newStall(t)
	s.issues(400)
	s.revokes(20)
	f := s.feeder()
	if w := s.fetches("issuing-g1.feed"); w.Code != http.StatusNotFound {
		t.Errorf("before there is one: %d", w.Code)
	}
	if plan, err := f.Plan(t.Context(), "issuing-g1"); err != nil || plan.Base != 0 || plan.Live != 400 || plan.Revoked != 20 || s.kinds() != "" {
		t.Errorf("it would be %+v: %v", plan, err)
	}
	one := s.publishes(f)
	first := s.reads()
	s.revokes(3)
	if plan, err := f.Plan(t.Context(), "issuing-g1"); err != nil || plan.Base == 0 || plan.Revoked != 23 || s.kinds() != "cd" {
		t.Errorf("it would be %+v: %v", plan, err)
	}
	two := s.publishes(f)
	if second := s.reads(); second.Number <= first.Number || two.Base != one.Base || s.kinds() != "cdd" {
		t.Errorf("%+v after %+v: %s were made", two, one, s.kinds())
	}
	for _, file := range []string{"issuing-g1.feed", "issuing-g1.delta.feed"} {
		w := s.fetches(file)
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != "application/octet-stream" || h.Get("Cache-Control") != "public, max-age=30" || h.Get("ETag") == "" {
			t.Errorf("%s: %d, %v", file, w.Code, h)
		}
		r := httptest.NewRequest(http.MethodGet, "/pki/"+file, http.NoBody)
		r.Header.Set("If-None-Match", h.Get("ETag"))
		again := httptest.NewRecorder()
		if New(s.options()).ServeHTTP(again, r); again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", file, again.Code)
		}
	}
	for _, file := range []string{"root-g1.feed", ".feed", "..feed", ".delta.feed", "%2e%2e%2fissuing-g1.feed", "issuing-g1.other.feed"} {
		if w := s.fetches(file); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", file, w.Code)
		}
	}
	// What is no feed is not handed out as one.
	if err := os.WriteFile(feedPath(s.dir, "issuing-g1", false), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w := s.fetches("issuing-g1.feed"); w.Code != http.StatusNotFound {
		t.Errorf("a damaged one: %d", w.Code)
	}
	s.publishes(f)
	s.reads()
}

// A delta stands on the complete feed that lies here and that the signer signed last, is a
// day old at most, and it is a tenth as large.
func TestANewBaseIsMadeWhenTheOldOneIsOfNoUse(t *testing.T) {
	for what, spoil := range map[string]func(*stall){
		"it is gone":               func(s *stall) { os.Remove(feedPath(s.dir, "issuing-g1", false)) },
		"the signer made another":  func(s *stall) { s.base++ },
		"much has changed":         func(s *stall) { s.issues(40_000); s.revokes(8_000) },
		"it is of another key":     func(s *stall) { s.of.SPKI, s.of.Key = append(s.of.SPKI, 0), sha256.Sum256(append(s.of.SPKI, 0)) },
		"nothing (and none is)":    func(*stall) {},
		"a little (and none is)":   func(s *stall) { s.revokes(2) },
		"the delta (and none is) ": func(s *stall) { os.Remove(feedPath(s.dir, "issuing-g1", true)) },
	} {
		t.Run(what, func(t *testing.T) {
			s := newStall(t)
			s.issues(1000)
			s.revokes(10)
			s.publishes(s.feeder())
			spoil(s)
			want := "cdcd"
			if bytes.HasSuffix(bytes.TrimSpace([]byte(what)), []byte("is)")) {
				want = "cdd"
			}
			if _, err := s.feeder().Publish(t.Context(), s.of.Name); err != nil || s.kinds() != want {
				t.Errorf("%s were made, not %s: %v", s.kinds(), want, err)
			}
		})
	}
}

// What is revoked while a feed is made has it made again, a few times.
func TestAFeedThatIsOutrunIsMadeAgain(t *testing.T) {
	s := newStall(t)
	s.issues(50)
	revoke := func() {
		for _, one := range s.all {
			if !s.revoked[one] {
				s.revoked[one] = true
				return
			}
		}
	}
	s.late = []func(){revoke, revoke}
	s.publishes(s.feeder())
	if s.reads(); s.asked != 3 {
		t.Errorf("it took %d tries", s.asked)
	}
	s.late = slices.Repeat([]func(){revoke}, 30)
	f := s.feeder()
	if _, err := f.Publish(t.Context(), s.of.Name); !missed(err) || s.asked != 3+feedTries {
		t.Errorf("%v after %d tries", err, s.asked-3)
	}
	if s.late = nil; !f.wanted(s.of.Name) {
		t.Error("it is not tried again")
	}
	s.publishes(f)
	if s.reads(); f.wanted(s.of.Name) {
		t.Error("it is made without a reason")
	}
}

// The book is waited for: what it lacks below the horizon would be answered by chance.
func TestAFeedWaitsForTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t)
		s.of.NotAfter = time.Now().AddDate(1, 0, 0)
		s.issues(10)
		s.leaves = 5
		s.publishes(s.feeder())
		s.leaves = 1000
		var why *ca.Problem
		if _, err := s.feeder().Publish(t.Context(), s.of.Name); !errors.As(err, &why) || why.Code != ca.E2301 || s.kinds() != "cd" {
			t.Errorf("a book that is behind: %v", err)
		}
	})
}

// R90 for feeds: they are made at the start, every hour, after a revocation as soon as a
// list is, and tried again when it fails.
func TestFeedsAreMadeOnChangeAndEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t)
		s.of.NotAfter = time.Now().AddDate(1, 0, 0)
		s.issues(10)
		s.fault = ca.Locked(ca.E3001, "locked", "")
		f := s.feeder()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		after := func(d time.Duration, want string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if got := s.kinds(); got != want {
				t.Errorf("%s were made, not %s", got, want)
			}
		}
		after(time.Minute, "")
		s.mu.Lock()
		s.fault = nil
		s.mu.Unlock()
		after(20*time.Second, "cd")
		after(50*time.Minute, "cd")
		f.Revoked(s.of.Name)
		after(6*time.Second, "cdd")
		after(59*time.Minute, "cdd")
		after(2*time.Minute, "cddd")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		s.mu.Lock()
		if c, d := strings.Count(s.kinds(), "c"), strings.Count(s.kinds(), "d"); c != 2 || d < 26 || d > 29 {
			t.Errorf("%s were made in a day", s.kinds())
		}
		s.mu.Unlock()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// RV-04 for feeds: an older one never takes the place of a newer one.
func TestAnOlderFeedNeverTakesThePlaceOfANewerOne(t *testing.T) {
	s := newStall(t)
	s.publishes(s.feeder())
	before, err := os.ReadFile(feedPath(s.dir, "issuing-g1", true))
	if err != nil {
		t.Fatal(err)
	}
	s.number = 500
	if _, err := s.feeder().Publish(t.Context(), s.of.Name); err == nil {
		t.Error("nobody is told")
	}
	if after, err := os.ReadFile(feedPath(s.dir, "issuing-g1", true)); err != nil || !bytes.Equal(after, before) {
		t.Errorf("another one lies there: %v", err)
	}
	if _, err := FeedHead(s.dir, "nobody", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nobody: %v", err)
	}
}

// A full disk: the feeds before stay. The limit on a file's size holds for a whole process,
// so another one plays this.
func TestOnAFullDiskTheFeedBeforeStays(t *testing.T) {
	if os.Getenv("CHANCERY_TEST_FULL") == "" {
		t.Parallel()
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOnAFullDiskTheFeedBeforeStays$")
		c.Env = append(os.Environ(), "CHANCERY_TEST_FULL=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	s := newStall(t)
	s.issues(20_000)
	s.publishes(s.feeder())
	before := s.reads().Number
	signal.Ignore(syscall.SIGXFSZ)
	limit := func(to uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: to, Max: unix.RLIM_INFINITY}); err != nil {
			t.Fatal(err)
		}
	}
	limit(1 << 10)
	kept := maps.Clone(s.revoked)
	s.revokes(5000)
	if _, err := s.feeder().Publish(t.Context(), s.of.Name); err == nil {
		t.Error("nobody is told")
	}
	limit(unix.RLIM_INFINITY)
	now := s.revoked
	s.revoked = kept
	if got := s.reads().Number; got != before {
		t.Errorf("feed %d lies there, not %d", got, before)
	}
	s.revoked = now
	s.publishes(s.feeder())
	s.reads()
	if left, err := filepath.Glob(filepath.Join(s.dir, ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("%q is left: %v", left, err)
	}
}

// Another log in the book has certificates and revocations that this one's signer knows
// nothing of: no feed is made then, none planned, and the one before stays.
func TestAFeedIsMadeOfTheOnlyLogAlone(t *testing.T) {
	s := newStall(t)
	s.publishes(s.feeder())
	before := s.number
	s.others = 1
	f := s.feeder()
	_, made := f.Publish(t.Context(), "issuing-g1")
	_, planned := f.Plan(t.Context(), "issuing-g1")
	for _, err := range []error{made, planned} {
		var p *ca.Problem
		if !errors.As(err, &p) || p.Code != ca.E3005 || p.Kind == ca.ConflictKind || !strings.Contains(p.Detail, "2 logs") {
			t.Errorf("%v", err)
		}
	}
	if h, ok := f.Newest("issuing-g1"); !ok || h.Number != before || s.number != before {
		t.Errorf("feed %d is published, and feed %d was made; %d is the last one before", h.Number, s.number, before)
	}
}

// R87 for feeds: they are copied with the lists, and no older one over a newer one.
func TestR87_FeedsAreCopiedToo(t *testing.T) {
	s := newStall(t)
	s.publishes(s.feeder())
	to := t.TempDir()
	o := NewOutlet(OutletOptions{Options: s.options(), Directory: to, State: filepath.Join(t.TempDir(), "copied.json")})
	same := func() bool {
		for _, delta := range []bool{false, true} {
			ours, err := os.ReadFile(feedPath(s.dir, "issuing-g1", delta))
			theirs, missing := os.ReadFile(feedPath(to, "issuing-g1", delta))
			if err != nil || missing != nil || !bytes.Equal(ours, theirs) {
				return false
			}
		}
		return true
	}
	_ = o.round(t.Context()) // the authority of the test has no certificate to copy
	if !same() {
		t.Error("they were not copied")
	}
	s.publishes(s.feeder())
	_ = o.round(t.Context())
	if !same() {
		t.Error("the next was not copied")
	}
	s.number += 100
	if err := os.Remove(feedPath(s.dir, "issuing-g1", true)); err != nil {
		t.Fatal(err)
	}
	s.publishes(s.feeder())
	kept, err := os.ReadFile(feedPath(s.dir, "issuing-g1", true))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(feedPath(to, "issuing-g1", true), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	s.number -= 50
	if err := os.Remove(feedPath(s.dir, "issuing-g1", true)); err != nil {
		t.Fatal(err)
	}
	s.publishes(s.feeder())
	_ = o.round(t.Context())
	if there, err := os.ReadFile(feedPath(to, "issuing-g1", true)); err != nil || !bytes.Equal(there, kept) {
		t.Errorf("an older one took its place: %v", err)
	}
	kept[len(kept)-1] ^= 1 // RV-04: nobody signed this one
	if err := os.WriteFile(feedPath(to, "issuing-g1", true), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = o.round(t.Context())
	if !same() {
		t.Error("a feed that nobody signed keeps ours out")
	}
}
