// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"iter"
	"time"

	"chancery/ca"
)

// How often the front has lists and feeds of one key made (security rule SG-11). Each is a
// signature, and a leaf that the log keeps for good: a captured front must not make them
// without end. What ceremonies make is not counted.
const (
	// maxNews is how many are made in a minute because something was revoked: those of a
	// thousand revocations, each with a list of its own, or of 50 revocations with all shards.
	maxNews = 6000
	// maxCalm is how often some are made at once while nothing was: restarts, and commands
	// in a loop. One more is made every calmPause. The service itself asks once a day for
	// lists, at each start for every one, and once an hour for feeds.
	maxCalm   = 60
	calmPause = time.Minute
	// calmShards are as many shards as count as one more, or a front could have a hundred
	// leaves made where others have two. With 100 shards there are five sets at once, enough
	// for some starts in a row, and then one every eleven minutes.
	calmShards = 10
)

// A pace is what was made of one key's lists, or of its feeds. The caller holds the lock of
// these.
type pace struct {
	news window
	calm time.Time // when nothing of what may be made at once is spent any more
}

// paced counts n lists or feeds of an authority that are about to be made. The Problem is
// E3006.
func paced(all map[ca.Digest]*pace, a *authority, news bool, n int, now time.Time) error {
	p := all[a.Key]
	if p == nil {
		p = &pace{}
		all[a.Key] = p
	}
	if news && p.news.take(n, maxNews, now) {
		return nil
	}
	const whole = maxCalm * calmPause
	// A complete list and a delta are as much as a feed.
	spent := calmPause * time.Duration(1+max(0, n-2)/calmShards)
	if left := p.calm.Sub(now); left < 0 || left > whole { // the clock was set back
		p.calm = now
	}
	if wait := p.calm.Sub(now) - (whole - spent); wait > 0 {
		return ca.Busy(ca.E3006, "lists or feeds of "+a.Name+" are asked for too often", "wait "+(wait.Truncate(time.Second)+time.Second).String()+"; what was published goes on being good").
			Because(fmt.Sprintf("%d may be made at once, and then one a minute, while nothing is revoked; %d shards count as one more", maxCalm, calmShards))
	}
	p.calm = p.calm.Add(spent)
	return nil
}

// A window counts what happens within a minute.
type window struct {
	began time.Time
	count int
}

// take counts n more, unless that passes most.
func (w *window) take(n, most int, now time.Time) bool {
	if now.Sub(w.began).Abs() >= time.Minute {
		*w = window{began: now}
	}
	if w.count+n > most {
		return false
	}
	w.count += n
	return true
}

// since tells whether one of some steps was taken at a leaf or later.
func since(steps iter.Seq[step], leaf int64) bool {
	for one := range steps {
		if one.leaf >= leaf {
			return true
		}
	}
	return false
}
