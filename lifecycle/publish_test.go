// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"slices"
	"testing"

	"chancery/ca"
)

// published are the lists of a test: one is there, and told are the authorities whose lists
// lack something.
type published struct {
	list  ca.ListHead
	waits error // why what was revoked is on no list
	told  *[]string
}

func (p published) Publish(context.Context, ca.ListWish) (ca.List, error)  { return ca.List{}, nil }
func (p published) PlanList(context.Context, string, int) (ca.List, error) { return ca.List{}, nil }
func (p published) Published(name string) (ca.ListHead, bool) {
	return p.list, name == p.list.Authority
}
func (p published) Waits(string) error                    { return p.waits }
func (p published) Revoked(authority string, _ ca.Reason) { *p.told = append(*p.told, authority) }

// fed are the compact feeds of a test.
type fed struct {
	feed ca.Feed
	told *[]string
}

func (f fed) Publish(context.Context, string) (ca.Feed, error) { return f.feed, nil }
func (f fed) Plan(context.Context, string) (ca.Feed, error)    { return f.feed, nil }
func (f fed) Newest(authority string) (ca.Feed, bool)          { return f.feed, authority == f.feed.Authority }
func (f fed) Revoked(authority string)                         { *f.told = append(*f.told, authority) }

// Feeds that are made on demand alone hear of no revocation, since nobody is going to make
// them.
func TestWhoKeepsListsAndFeedsIsToldOfARevocation(t *testing.T) {
	for _, kept := range []bool{true, false} {
		var lists, feeds []string
		o := newWorld(t).registrar().o
		o.Lists, o.Feeds, o.FeedsKept = published{told: &lists}, fed{told: &feeds}, kept
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r.revoked("issuing-g1", ca.Superseded)
		if !slices.Equal(lists, []string{"issuing-g1"}) || (len(feeds) == 1) != kept {
			t.Errorf("feeds are kept: %v; told for lists %q, for feeds %q", kept, lists, feeds)
		}
		o.Feeds = nil
		if _, err := New(o); err == nil {
			t.Error("a registrar that publishes lists has no feeds")
		}
	}
	newWorld(t).registrar().revoked("issuing-g1", ca.Superseded) // where nothing is published, nobody is told
}
