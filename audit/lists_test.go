// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// day is a time in the story of lists.
func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }

// A listing is a log of revocations and lists, and what is published.
type listing struct {
	*story
	published []PublishedList
}

func newListing(t testing.TB) *listing { return &listing{story: newStory(t)} }

func (s *listing) json(l Leaf, body any) int64 {
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.leaf(l, string(b))
}

// revokes is a REVOKED leaf of a certificate that ends on a day.
func (s *listing) revokes(serial ca.Serial, end int) { s.steps(serial, ca.Superseded, end) }

// steps is a REVOKED leaf with a reason.
func (s *listing) steps(serial ca.Serial, why ca.Reason, end int) {
	s.json(Leaf{Kind: Revoked, Issuer: digestOf(1), Serial: serial, Step: 1}, ca.RevokedBody{Intent: 1, Reason: why, NotAfter: day(end)})
}

// crowds are many revocations of certificates that end on a day.
func (s *listing) crowds(end int) {
	for i := range 10 * MaxDifferences {
		s.revokes(intentSerial(int64(1000+i)), end)
	}
}

// inherits is an EARLIER leaf: certificates that were revoked before their issuer was here.
func (s *listing) inherits(serials ...ca.Serial) {
	var body ca.EarlierBody
	for _, one := range serials {
		body.Entries = append(body.Entries, ca.EarlierEntry{Serial: one, At: 1, Reason: int(ca.CertificateHold)})
	}
	s.json(Leaf{Kind: Earlier, Issuer: digestOf(1), Digest: digestOf(7)}, body)
}

// makes is a CRL leaf.
func (s *listing) makes(number int64, made int) {
	s.json(Leaf{Kind: CRL, Issuer: digestOf(1), Digest: digestOf(byte(number))}, ca.List{Authority: "issuing-g1", Number: number, ThisUpdate: day(made)})
}

// makesOther is a list of another scope, that was made of so many leaves.
func (s *listing) makesOther(scope ca.ListScope, number, leaves int64) {
	s.json(Leaf{Kind: CRL, Issuer: digestOf(1), Digest: digestOf(byte(number))}, ca.ListBody{List: ca.List{Authority: "issuing-g1", Scope: scope, Number: number}, Leaves: leaves})
}

// publishes is what lies at the address.
func (s *listing) publishes(number int64, serials ...ca.Serial) {
	s.published = append(s.published, PublishedList{
		Name: "issuing-g1", Number: number, TBS: digestOf(byte(number)),
		Has: func(one ca.Serial) (bool, error) { return slices.Contains(serials, one), nil },
	})
}

func (s *listing) hold() (ListAgreement, error) {
	s.t.Helper()
	m := lay(s.t, s.frames)
	m.newest = checkpointOf(s.t, s.frames, len(s.frames))
	v := m.verification()
	v.Lists = NewLists(s.published)
	_, err := Verify(v)
	return v.Lists.Agreement(), err
}

func TestRV04_RV05_PublishedListsAreHeldAgainstTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(s *listing)
		says []string
	}{
		"nothing was made":                                {tell: func(*listing) {}},
		"an empty list":                                   {tell: func(s *listing) { s.makes(5, 1); s.publishes(5) }},
		"a list with what was revoked":                    {tell: func(s *listing) { s.makes(4, 1); s.revokes("41", 20); s.makes(5, 2); s.publishes(5, "41") }},
		"revoked after the list":                          {tell: func(s *listing) { s.makes(5, 1); s.publishes(5); s.revokes("41", 20) }},
		"nothing is published":                            {tell: func(s *listing) { s.revokes("41", 20); s.makes(5, 1) }},
		"an older list that lacks nothing, after a crash": {tell: func(s *listing) { s.revokes("41", 20); s.makes(5, 1); s.makes(6, 2); s.publishes(5, "41") }},
		"an older list that lacks one": {says: []string{"serial 41: it is revoked, and not so by list 5 of issuing-g1, which is published and is older than 6"}, tell: func(s *listing) {
			s.makes(5, 1)
			s.revokes("41", 20)
			s.makes(6, 2)
			s.publishes(5)
		}},
		"an older list that lacks one held, two lists ago": {says: []string{"serial 41"}, tell: func(s *listing) {
			s.makes(5, 1)
			s.steps("41", ca.CertificateHold, 20)
			s.makes(6, 2)
			s.makes(7, 3)
			s.publishes(5)
		}},
		"an older list, since which one was held, and is good again": {tell: func(s *listing) {
			s.makes(5, 1)
			s.steps("41", ca.CertificateHold, 20)
			s.makes(6, 2)
			s.steps("41", ca.RemoveFromCRL, 20)
			s.makes(7, 3)
			s.publishes(5)
		}},
		"an older list, and what was revoked since the newer": {tell: func(s *listing) { s.makes(5, 1); s.makes(6, 2); s.revokes("41", 20); s.publishes(5) }},
		"an older list, and one that ended before the newer":  {tell: func(s *listing) { s.makes(5, 1); s.revokes("41", 3); s.makes(6, 5); s.publishes(5) }},
		"an older list whose place a newer one took": {tell: func(s *listing) {
			s.makes(5, 1)
			s.revokes("41", 20)
			s.makes(6, 2)
			s.publishes(5)
			s.published[0].Replaced = func() bool { return true }
		}},
		"an older shard, delta and list of authorities that lack one": {tell: func(s *listing) {
			s.json(Leaf{Kind: Authority, Issuer: digestOf(1), Digest: digestOf(2)}, ca.Authority{Name: "issuing-g1", Kind: ca.Issuing, Key: digestOf(1), Shards: 2, CRL: "http://x/pki/issuing-g1.crl"})
			all := []ca.ListScope{ca.DeltaList, ca.AuthorityList, "s0", "s1"}
			for number := range int64(2) {
				for _, scope := range all {
					s.makesOther(scope, 5+number, 0)
				}
				if number == 0 {
					s.json(Leaf{Kind: Intent, Issuer: digestOf(1), Serial: "42", Digest: digestOf(3)}, ca.IntentBody{Kind: ca.EndEntity})
					s.revokes("42", 20) // of the shard s0, and no authority
					s.revokes("43", 20)
				}
			}
			for _, scope := range all {
				s.published = append(s.published, PublishedList{Name: ca.ListName("issuing-g1", scope), Number: 5, TBS: digestOf(5)})
			}
		}, says: []string{"serial 42: it is revoked, and not so by list 5 of issuing-g1.delta", "serial 43: it is revoked, and not so by list 5 of issuing-g1.delta", "serial 43: it is revoked, and not so by list 5 of issuing-g1.arl",
			"serial 42: it is revoked, and not so by list 5 of issuing-g1.s0", "serial 43: it is revoked, and not so by list 5 of issuing-g1.s1"}},
		"ended before the list before": {tell: func(s *listing) { s.revokes("41", 3); s.makes(4, 2); s.makes(5, 4); s.makes(6, 5); s.publishes(6) }},
		"an older list lacks it, rightly": {tell: func(s *listing) {
			s.revokes("41", 3)
			s.makes(4, 2)
			s.makes(5, 4)
			s.makes(6, 5)
			s.publishes(5, "41")
		}},
		"revoked while the list was made": {tell: func(s *listing) {
			s.revokes("41", 20)
			leaves := int64(len(s.frames))
			s.revokes("42", 20)
			s.makesOther(ca.CompleteList, 5, leaves)
			s.publishes(5, "41")
		}},
		"revoked while the list before was made, and missing (RV-05)": {says: []string{"serial 41: it is revoked, and not on list 5"}, tell: func(s *listing) {
			leaves := int64(len(s.frames))
			s.revokes("41", 20)
			s.makesOther(ca.CompleteList, 4, leaves)
			s.makesOther(ca.CompleteList, 5, int64(len(s.frames)))
			s.publishes(5)
		}},
		"many were revoked while a list was made that lacks one (RV-05)": {says: []string{"serial 41: it is revoked, and not on list 5"}, tell: func(s *listing) {
			s.revokes("41", 20)
			leaves := int64(len(s.frames))
			s.crowds(25)
			s.makesOther(ca.CompleteList, 5, leaves)
			s.publishes(5)
		}},
		"held, and good again": {tell: func(s *listing) {
			s.steps("41", ca.CertificateHold, 20)
			s.steps("41", ca.RemoveFromCRL, 20)
			s.makes(5, 1)
			s.publishes(5)
		}},
		"held, missing, and good again while the list was made (RV-05)": {says: []string{"serial 41: it is revoked, and not on list 5"}, tell: func(s *listing) {
			s.steps("41", ca.CertificateHold, 20)
			leaves := int64(len(s.frames))
			s.steps("41", ca.RemoveFromCRL, 20)
			s.makesOther(ca.CompleteList, 5, leaves)
			s.publishes(5)
		}},
		"held, missing, and revoked while the list was made (RV-05)": {says: []string{"serial 41: it is revoked, and not on list 5"}, tell: func(s *listing) {
			s.steps("41", ca.CertificateHold, 20)
			leaves := int64(len(s.frames))
			s.revokes("41", 20)
			s.makesOther(ca.CompleteList, 5, leaves)
			s.publishes(5)
		}},
		"a delta and shards of the same moment": {tell: func(s *listing) {
			s.revokes("41", 20)
			s.makes(5, 1)
			s.makesOther(ca.DeltaList, 5, 1)
			s.makesOther("s0", 5, 1)
			s.publishes(5, "41")
			s.published = append(s.published, PublishedList{Name: "issuing-g1.delta", Number: 5, TBS: digestOf(5)})
		}},
		"a delta that nobody made": {says: []string{"is not the one that was made"}, tell: func(s *listing) {
			s.makesOther(ca.DeltaList, 5, 1)
			s.published = []PublishedList{{Name: "issuing-g1.delta", Number: 5, TBS: digestOf(6)}}
		}},
		"a shard that is not on the log": {says: []string{"issuing-g1.s0 is published, and is not on the log"}, tell: func(s *listing) {
			s.makesOther(ca.DeltaList, 5, 1)
			s.published = []PublishedList{{Name: "issuing-g1.s0", Number: 5, TBS: digestOf(5)}}
		}},
		"a delta whose number falls": {says: []string{"numbers must rise"}, tell: func(s *listing) { s.makesOther(ca.DeltaList, 5, 1); s.makesOther(ca.DeltaList, 5, 1) }},
		"of a certificate of another authority": {tell: func(s *listing) {
			s.json(Leaf{Kind: Revoked, Issuer: digestOf(9), Serial: "41", Step: 1}, ca.RevokedBody{NotAfter: day(20)})
			s.makes(5, 1)
			s.publishes(5)
		}},
		"its revocation is erased": {tell: func(s *listing) {
			s.revokes("41", 20)
			s.frames[len(s.frames)-1].Body = nil
			s.makes(5, 21)
			s.publishes(5)
		}},
		"revoked elsewhere":                    {tell: func(s *listing) { s.makes(5, 1); s.inherits("41", "43"); s.makes(6, 2); s.publishes(6, "41", "43") }},
		"revoked elsewhere, and missing":       {tell: func(s *listing) { s.makes(5, 1); s.inherits("41", "43"); s.makes(6, 2); s.publishes(6, "43") }, says: []string{"serial 41: it is revoked, and not on list 6"}},
		"a number twice (RV-04)":               {tell: func(s *listing) { s.makes(5, 1); s.makes(5, 2) }, says: []string{"list 5 of issuing-g1 follows list 5: numbers must rise"}},
		"a lower number (RV-04)":               {tell: func(s *listing) { s.makes(5, 1); s.makes(4, 2); s.makes(6, 3) }, says: []string{"list 4 of issuing-g1 follows list 5"}},
		"lower than any (RV-04)":               {tell: func(s *listing) { s.makes(6, 1); s.makes(4, 2); s.makes(5, 3) }, says: []string{"list 4", "list 5 of issuing-g1 follows list 6"}},
		"a leaf that says nothing":             {tell: func(s *listing) { s.json(Leaf{Kind: CRL, Issuer: digestOf(1), Digest: digestOf(5)}, 1) }, says: []string{"does not say which list"}},
		"a list that nobody made":              {tell: func(s *listing) { s.makes(5, 1); s.publishes(7) }, says: []string{"list 7 of issuing-g1 is published, and is not on the log, whose newest is 5"}},
		"other bytes under its number":         {tell: func(s *listing) { s.makes(5, 1); s.publishes(5); s.published[0].TBS = digestOf(9) }, says: []string{"is not the one that was made"}},
		"no list at all":                       {tell: func(s *listing) { s.makes(5, 1); s.publishes(0); s.published[0].Damage = errors.New("garbage") }, says: []string{"cannot be read: garbage"}},
		"it lacks one (RV-05)":                 {tell: func(s *listing) { s.revokes("41", 20); s.revokes("43", 20); s.makes(5, 1); s.publishes(5, "43") }, says: []string{"serial 41: it is revoked, and not on list 5"}},
		"it lacks one whose reason was raised": {tell: func(s *listing) { s.revokes("41", 20); s.revokes("41", 20); s.makes(5, 1); s.publishes(5) }, says: []string{"serial 41"}},
		"ended, and on no list since":          {tell: func(s *listing) { s.revokes("41", 3); s.makes(4, 2); s.makes(5, 4); s.publishes(5) }, says: []string{"serial 41"}},
		"ended as the list before was made":    {tell: func(s *listing) { s.revokes("41", 3); s.makes(4, 3); s.makes(5, 4); s.publishes(5) }, says: []string{"serial 41"}},
		"ended before the first list":          {tell: func(s *listing) { s.revokes("41", 3); s.makes(5, 4); s.publishes(5) }, says: []string{"serial 41"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newListing(t)
			c.tell(s)
			a, err := s.hold()
			if err != nil || a.Count != int64(len(c.says)) {
				t.Fatalf("%v; differences %v, want %q", err, a.First, c.says)
			}
			if n := outdated(a.First); n != a.Outdated {
				t.Errorf("%d differences are said to be of an older list: %v", a.Outdated, a.First)
			}
			for i, want := range c.says {
				if !strings.Contains(a.First[i].String(), want) {
					t.Errorf("difference %v, want %q", a.First[i], want)
				}
			}
		})
	}
}

// outdated counts the differences that say that what is published is older than the newest.
func outdated(all []Difference) (n int64) {
	for _, d := range all {
		if strings.Contains(d.What, "which is published and is older than") {
			n++
		}
	}
	return n
}

// Of very many that a list lacks, those are kept that end last: only these may have
// to be on it.
func TestRV05_OneThatIsMissingIsFoundAmongManyThatHaveEnded(t *testing.T) {
	s := newListing(t)
	for i := range 200 {
		s.revokes(intentSerial(int64(1000+i)), 1+i%3)
	}
	s.revokes("41", 5)
	for i := range 200 {
		s.revokes(intentSerial(int64(2000+i)), 1+i%3)
	}
	s.makes(4, 4)
	s.makes(5, 5)
	s.publishes(5)
	a, err := s.hold()
	if err != nil || a.Count != 1 || a.First[0].Serial != "41" {
		t.Errorf("%v, %v", a.First, err)
	}
	if want := (NewestList{"issuing-g1", 5, 5}); a.Made != 2 || len(a.Newest) != 1 || a.Newest[0] != want {
		t.Errorf("%+v", a)
	}
}

// However many are revoked, the memory of those that a list lacks is bounded, and one that it
// had to have is found.
func TestRV05_OneThatIsMissingIsFoundBeforeMoreThanAreKept(t *testing.T) {
	a := &listed{published: &PublishedList{Has: func(ca.Serial) (bool, error) { return false, nil }}}
	for n := range int64(maxLate + 1000) {
		ends := day(5)
		if n == 500 {
			ends = day(20)
		}
		if err := a.revoked(missed{index: n, serial: intentSerial(n), ends: ends, why: ca.Superseded}); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.late) != maxLate || len(a.missing) != MaxDifferences {
		t.Errorf("%d steps and %d serials are kept", len(a.late), len(a.missing))
	}
	a.settle(1000)
	if all := a.judged(1000); len(all) == 0 || all[0].index != 500 || len(a.late) != maxLate {
		t.Errorf("it lacks %v", all)
	}
}

func TestAnErrorOfAListIsNoDifference(t *testing.T) {
	s := newListing(t)
	s.revokes("41", 5)
	s.makes(5, 5)
	broken := errors.New("broken")
	s.published = []PublishedList{{Name: "issuing-g1", Number: 5, Has: func(ca.Serial) (bool, error) { return false, broken }}}
	if a, err := s.hold(); !errors.Is(err, broken) {
		t.Errorf("%v, %+v", err, a)
	}
}
