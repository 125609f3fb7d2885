// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"chancery/ca"
	"chancery/config"
	"chancery/status"
)

// feeds tells whether the settings have compact feeds kept.
func (l layout) feeds() (bool, error) {
	s, err := l.settings()
	return s.Publish.Feed == config.Yes, err
}

// feedLate is how old the newest feed may get: the service makes one every hour.
const feedLate = 3 * time.Hour

// lookAtFeeds looks at the published feeds, where the service is to keep them. A device that
// has nothing else goes on with an old one until its end, and knows no revocation since.
func lookAtFeeds(ctx context.Context, p *patient) (found []finding) {
	on, err := p.layout.feeds()
	if err != nil {
		return nil // lookAtSettings says it
	}
	if !on {
		return []finding{ok("compact feeds are switched off")}
	}
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the compact feeds")
	}
	for _, a := range c.authorities {
		if !a.Lists(p.now) {
			continue
		}
		// Of a sealed key there may be none: its responder may have ended.
		if _, err := status.FeedHead(p.layout.lists(), a.Name, true); a.Kind == ca.Issuing || !errors.Is(err, fs.ErrNotExist) {
			found = append(found, p.feed(a))
		}
	}
	return found
}

// feed judges the newest feed of an authority.
func (p *patient) feed(a ca.Authority) finding {
	hint := "chancery serve makes one by itself; now: chancery feed publish --ca " + a.Name
	f, err := status.FeedHead(p.layout.lists(), a.Name, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warning(hint, "no compact feed of %s is published", a.Name)
	case err != nil:
		return failure(hint, "the published feed of %s cannot be read: %v", a.Name, err)
	}
	if err := p.forged(a); err != nil {
		return failure(hint, "what is published as feed of %s is not what devices take: %v", a.Name, err)
	}
	switch {
	case !p.now.Before(f.NextUpdate):
		return failure(hint, "feed %d of %s ended on %s: devices that have nothing else cannot check its certificates", f.Number, a.Name, atTime(f.NextUpdate))
	case f.Number < p.record.lists[ca.FeedName(a.Name, true)]:
		return warning(hint, "feed %d of %s is published, and feed %d was made: what was revoked last may not be in it", f.Number, a.Name, p.record.lists[ca.FeedName(a.Name, true)])
	case p.now.Sub(f.ThisUpdate) > feedLate:
		return warning(hint, "feed %d of %s is of %s, and one is due every hour", f.Number, a.Name, atTime(f.ThisUpdate))
	}
	return ok("feed %d of %s is published, and good until %s", f.Number, a.Name, atTime(f.NextUpdate))
}

// forged says which published feed of an authority that has a delta is not signed for it, and
// why, or that the complete one is missing, without which the delta says nothing.
func (p *patient) forged(a ca.Authority) error {
	for _, delta := range []bool{true, false} {
		if _, err := status.GenuineFeed(p.layout.lists(), a, delta); err != nil {
			return fmt.Errorf("%s: %w", ca.FeedName(a.Name, delta), err)
		}
	}
	return nil
}
