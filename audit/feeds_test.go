// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// feeds is a FEED leaf: base is 0 of a complete one.
func (s *listing) feeds(number, base, leaves int64, made int) {
	s.json(Leaf{Kind: Feed, Issuer: digestOf(1), Digest: digestOf(byte(number))},
		ca.FeedBody{Feed: ca.Feed{Authority: "issuing-g1", Number: number, Base: base, ThisUpdate: day(made)}, Leaves: leaves})
}

func fedWith(number int64, delta bool, serials ...ca.Serial) PublishedFeed {
	return PublishedFeed{Authority: "issuing-g1", Delta: delta, Number: number, Signed: digestOf(byte(number)),
		Revokes: func(one ca.Serial) bool { return slices.Contains(serials, one) }}
}

// R95: a published feed is the one that was made, and revokes what its leaf says that it was
// made of, whatever was revoked later or had ended.
func TestR95_PublishedFeedsAreHeldAgainstTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(s *listing) []PublishedFeed
		says []string
	}{
		"nothing was made": {tell: func(*listing) []PublishedFeed { return nil }},
		"both feeds": {tell: func(s *listing) []PublishedFeed {
			s.revokes("41", 20)
			s.feeds(5, 0, 3, 2)
			s.revokes("43", 20)
			s.feeds(6, 5, 5, 2)
			return []PublishedFeed{fedWith(5, false, "41"), fedWith(6, true, "41", "43")}
		}},
		"older ones that lack nothing, after a crash": {tell: func(s *listing) []PublishedFeed {
			s.feeds(5, 0, 1, 2)
			s.revokes("41", 20)
			s.feeds(6, 0, 3, 2)
			return []PublishedFeed{fedWith(5, false)}
		}},
		"older ones that lack one": {tell: func(s *listing) []PublishedFeed {
			s.feeds(5, 0, 1, 2)
			s.feeds(6, 5, 1, 2)
			s.revokes("41", 20)
			s.feeds(7, 5, 9, 2)
			s.feeds(8, 0, 9, 2)
			delta := fedWith(6, true)
			delta.Revokes = nil // its base is not there
			return []PublishedFeed{delta, fedWith(5, false)}
		}, says: []string{"serial 41: it is revoked, and not so by feed 6 of issuing-g1.delta.feed, which is published and is older than 7", "feed 5 of issuing-g1.feed, which is published and is older than 8"}},
		"revoked while it was made": {tell: func(s *listing) []PublishedFeed {
			leaves := int64(len(s.frames))
			s.revokes("41", 20)
			s.feeds(5, 0, leaves, 2)
			return []PublishedFeed{fedWith(5, false)}
		}},
		"it had ended": {tell: func(s *listing) []PublishedFeed {
			s.revokes("41", 3)
			s.feeds(5, 0, 9, 4)
			return []PublishedFeed{fedWith(5, false)}
		}},
		"a delta whose base is not there": {tell: func(s *listing) []PublishedFeed {
			s.revokes("41", 20)
			s.feeds(6, 5, 9, 4)
			p := fedWith(6, true)
			p.Revokes = nil
			return []PublishedFeed{p}
		}},
		"it lacks one": {says: []string{"serial 41: it is revoked, and not so by feed 6"}, tell: func(s *listing) []PublishedFeed {
			s.revokes("41", 20)
			s.inherits("43")
			s.feeds(5, 0, 9, 2)
			s.feeds(6, 5, 9, 2)
			return []PublishedFeed{fedWith(5, false, "41", "43"), fedWith(6, true, "43")}
		}},
		"many were revoked while it was made that lacks one": {says: []string{"serial 41: it is revoked, and not so by feed 5"}, tell: func(s *listing) []PublishedFeed {
			s.revokes("41", 20)
			leaves := int64(len(s.frames))
			s.crowds(25)
			s.feeds(5, 0, leaves, 2)
			return []PublishedFeed{fedWith(5, false)}
		}},
		"it lacks one that was held, and good again while it was made": {says: []string{"serial 41: it is revoked, and not so by feed 6"}, tell: func(s *listing) []PublishedFeed {
			s.steps("41", ca.CertificateHold, 20)
			s.feeds(5, 0, 1, 2)
			leaves := int64(len(s.frames))
			s.steps("41", ca.RemoveFromCRL, 20)
			s.feeds(6, 5, leaves, 2)
			return []PublishedFeed{fedWith(6, true)}
		}},
		"nobody made it":           {says: []string{"feed 7, is published, and is not on the log, whose newest is 5"}, tell: func(s *listing) []PublishedFeed { s.feeds(5, 0, 1, 2); return []PublishedFeed{fedWith(7, false)} }},
		"a delta in its place":     {says: []string{"is not on the log"}, tell: func(s *listing) []PublishedFeed { s.feeds(5, 0, 1, 2); return []PublishedFeed{fedWith(5, true)} }},
		"a number twice":           {says: []string{"feed 5 of issuing-g1 follows feed 5: numbers must rise"}, tell: func(s *listing) []PublishedFeed { s.feeds(5, 0, 1, 2); s.feeds(5, 5, 1, 2); return nil }},
		"a leaf that says nothing": {says: []string{"does not say which feed"}, tell: func(s *listing) []PublishedFeed { s.json(Leaf{Kind: Feed, Issuer: digestOf(1)}, 1); return nil }},
		"other bytes under its number": {says: []string{"is not the one that was made"}, tell: func(s *listing) []PublishedFeed {
			s.feeds(5, 0, 1, 2)
			p := fedWith(5, false)
			p.Signed = digestOf(9)
			return []PublishedFeed{p}
		}},
		"no feed at all": {says: []string{"issuing-g1.feed cannot be read: garbage"}, tell: func(*listing) []PublishedFeed {
			return []PublishedFeed{{Authority: "issuing-g1", Damage: errors.New("garbage")}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newListing(t)
			s.json(Leaf{Kind: Authority, Digest: digestOf(2)}, ca.Authority{Name: "issuing-g1", Key: digestOf(1)})
			published := c.tell(s)
			m := lay(t, s.frames)
			m.newest = checkpointOf(t, s.frames, len(s.frames))
			v := m.verification()
			v.Feeds = NewFeeds(published)
			if _, err := Verify(v); err != nil {
				t.Fatal(err)
			}
			a := v.Feeds.Agreement()
			if int(a.Count) != len(c.says) || len(a.First) != len(c.says) {
				t.Fatalf("%d differences: %+v", a.Count, a.First)
			}
			if n := outdated(a.First); n != a.Outdated {
				t.Errorf("%d differences are said to be of an older feed: %v", a.Outdated, a.First)
			}
			for i, want := range c.says {
				if got := a.First[i].String(); !strings.Contains(got, want) {
					t.Errorf("%q, not %q", got, want)
				}
			}
		})
	}
}
