// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// slowly gives a signer with an installation whose clock goes only when it is told, its
// session, and the recovery words.
func slowly(t *testing.T) (s *site, h ca.Session, words string, pass func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	at := time.Now()
	o := unopened(t.TempDir())
	o.Now = func() time.Time { return at.Add(time.Duration(ahead.Load())) }
	if err := o.Open(); err != nil {
		t.Fatal(err)
	}
	s = running(t, o)
	how := founding(t)
	if _, err := s.Found(how, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	return s, s.hello(0), how.Words, func(d time.Duration) { ahead.Add(int64(d)) }
}

// listed has lists made until they are refused, and says how often they were not.
func (s *site) listed(h ca.Session, q ca.ListWish, most int) (made int) {
	s.t.Helper()
	for ; made < most; made++ {
		all, err := s.MakeLists(h.Number, q)
		if isCode(err, ca.E3006) {
			return made
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if err := all.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	return made
}

// SG-11: a front that asks for lists without end makes the log grow by a bounded number of
// leaves, whichever lists it asks for; what is revoked is on a list all the same, and
// ceremonies make theirs.
func TestSG11_ListsThatNothingAsksForAreFew(t *testing.T) {
	s, h, words, pass := slowly(t)
	p := profiles(t, h)["server"]
	csr := csrBy(t, "a.lab.example", p256...)
	var issued []ca.Answer
	for n := range 40 {
		issued = append(issued, s.issued(h, wish(n+1, csr, p)))
	}
	leaves := s.count(audit.CRL)
	made := 0
	for n := range 30 {
		for _, part := range []ca.ListPart{ca.AllLists, ca.ChangedLists, ca.NewsLists} {
			made += s.listed(h, ca.ListWish{Authority: "issuing-g1", Part: part, Days: 1 + n%7}, 3)
		}
	}
	if got := s.count(audit.CRL) - leaves; made != 60 || got > 2*60 {
		t.Fatalf("%d sets were made at once, with %d leaves", made, got)
	}
	if _, err := s.PlanList(h.Number, ca.ListWish{Authority: "issuing-g1"}); err != nil {
		t.Errorf("a plan, which makes nothing: %v", err)
	}
	for n, a := range issued {
		if got := s.revoke(h, a, 1, ca.Superseded); got.Problem != nil {
			t.Fatal(got.Problem)
		}
		all := s.set(h, ca.ListWish{Authority: "issuing-g1", Part: ca.ChangedLists})
		if all[0].Entries != n+1 {
			t.Fatalf("after %d revocations the list has %d", n+1, all[0].Entries)
		}
	}
	if n := s.listed(h, ca.ListWish{Authority: "issuing-g1"}, 5); n != 0 {
		t.Errorf("%d more were made with nothing revoked since", n)
	}
	for range 3 {
		if _, err := s.ListRoot(signer.RootListing{Authority: "root-g1", Words: words}); err != nil {
			t.Errorf("a ceremony: %v", err)
		}
	}
	pass(time.Minute)
	if n := s.listed(h, ca.ListWish{Authority: "issuing-g1"}, 5); n != 1 {
		t.Errorf("after a minute %d sets were made, want 1", n)
	}
	pass(2 * time.Hour)
	if n := s.listed(h, ca.ListWish{Authority: "issuing-g1"}, 100); n != 60 {
		t.Errorf("after two hours %d sets were made, want 60", n)
	}
}

// SG-11: who revokes between one set and the next, as a captured front may, makes no more than
// some thousand leaves a minute of it.
func TestSG11_ListsOfRevocationsAreBounded(t *testing.T) {
	all, a, now := map[ca.Digest]*signer.Pace{}, ca.Digest{1}, time.Unix(1_800_000_000, 0)
	made := 0
	for n := range 1000 { // a hundred shards, in ten minutes
		for signer.Paced(all, a, true, 102, now) == nil {
			made += 102
		}
		now = now.Add(600 * time.Millisecond)
		if n == 0 && made < 50*102 {
			t.Errorf("%d lists are made at once", made)
		}
	}
	if made > 11*6000+80*102 || made < 10*5000 {
		t.Errorf("%d lists in ten minutes", made)
	}
	if signer.Paced(all, ca.Digest{2}, false, 102, now) != nil {
		t.Error("another authority must wait")
	}
	if now = now.Add(-24 * time.Hour); signer.Paced(all, a, true, 102, now) != nil {
		t.Error("a clock that was set back keeps revocations from the lists")
	}
}

// SG-11: a set with many shards counts for as much more as it has leaves, and yet a front that
// starts some times in a row, and asks once a day, has every list each time.
func TestSG11_SetsWithShardsAreFewer(t *testing.T) {
	a, minutes := ca.Digest{1}, 24*60
	for shards, want := range map[int]struct{ atOnce, pause int }{0: {60, 1}, 9: {60, 1}, 10: {30, 2}, 100: {5, 11}, ca.MaxShards: {4, 13}} {
		all, now, lists := map[ca.Digest]*signer.Pace{}, time.Unix(1_800_000_000, 0), 2+shards
		sets := func() (made int) {
			for signer.Paced(all, a, false, lists, now) == nil {
				made++
			}
			return made
		}
		made := sets()
		if made != want.atOnce {
			t.Errorf("%d shards: %d sets at once, want %d", shards, made, want.atOnce)
		}
		for range minutes { // a front that asks without end
			now = now.Add(time.Minute)
			made += sets()
		}
		if most := 60/want.pause + minutes/want.pause + 1; made > most || made < most-2 || made*lists > 12*(60+minutes) {
			t.Errorf("%d shards: %d sets in a day, want %d; with %d leaves", shards, made, most, made*lists)
		}
		for day := range 10 {
			now = now.Add(24 * time.Hour)
			for start := range 4 {
				if err := signer.Paced(all, a, false, lists, now); err != nil {
					t.Errorf("%d shards, day %d, start %d: %v", shards, day, start, err)
				}
			}
		}
		sets()
		if err := signer.Paced(all, a, true, lists, now); err != nil {
			t.Errorf("%d shards: a revocation after all that: %v", shards, err)
		}
	}
}

// SG-11: the same of feeds.
func TestSG11_FeedsThatNothingAsksForAreFew(t *testing.T) {
	s, h, _, pass := slowly(t)
	a := s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	live := serialsOf(t, []ca.Answer{a})
	pass(time.Minute) // above the horizon
	made, base := 0, []byte(nil)
	try := func() error {
		_, file, err := s.SignFeed(h.Number, "issuing-g1", bodyOf(t, s.feedInput(h, "issuing-g1", live)), nil)
		if err == nil {
			base = file
		}
		return err
	}
	for range 100 {
		if err := try(); err == nil {
			made++
		} else if !isCode(err, ca.E3006) {
			t.Fatal(err)
		}
	}
	if made != 60 || s.count(audit.Feed) != 60 || base == nil {
		t.Fatalf("%d feeds were made at once, with %d leaves", made, s.count(audit.Feed))
	}
	if got := s.revoke(h, a, 1, ca.KeyCompromise); got.Problem != nil {
		t.Fatal(got.Problem)
	}
	if about, _ := s.fed(h, "issuing-g1", live, base); about.Revoked != 1 {
		t.Errorf("the delta after a revocation: %+v", about)
	}
	if err := try(); err != nil {
		t.Errorf("the complete feed after a revocation: %v", err)
	}
	if err := try(); !isCode(err, ca.E3006) {
		t.Errorf("one more: %v", err)
	}
}
