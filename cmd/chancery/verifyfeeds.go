// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"chancery/audit"
	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
	"chancery/status"
)

// openFeeds reads all published feeds, to hold them against a log that is listed later.
func openFeeds(dir string, late *underway) (out []audit.PublishedFeed, err error) {
	complete, deltas, err := status.Feeds(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range deltas {
		p, _ := openFeed(dir, name, true)
		out = append(out, p)
	}
	for _, name := range complete {
		p, _ := openFeed(dir, name, false)
		out = append(out, p)
	}
	for i, p := range out {
		out[i].Replaced = late.by(func() int64 {
			now, err := status.FeedHead(dir, p.Authority, p.Delta)
			if err != nil {
				return 0
			}
			return now.Number
		}, p.Number)
	}
	return out, nil
}

// openFeed reads one feed, a delta with its base if that lies there: after a complete feed a
// new delta follows, and until then the one there stands on a feed that is gone.
func openFeed(dir, authority string, delta bool) (p audit.PublishedFeed, file []byte) {
	p = audit.PublishedFeed{Authority: authority, Delta: delta}
	file, err := readPublic(filepath.Join(dir, ca.FeedName(authority, delta)))
	if err != nil {
		p.Damage = err
		return p, nil
	}
	if p.Signed, p.Damage = feed.Signed(file); p.Damage != nil {
		return p, nil
	}
	about, _, err := feed.Describe(file)
	if (about.Base != 0) != delta {
		err = errors.Join(err, errors.New("it is the other of the two feeds"))
	}
	if p.Damage = err; err != nil {
		return p, nil
	}
	p.Number = about.Number
	p.Genuine = func(a ca.Authority) error { return verify.Genuine(file, a.SPKI, about.ThisUpdate) }
	var base []byte
	if delta {
		_, base = openFeed(dir, authority, false)
	}
	if f, err := feed.Parse(file, base); err == nil {
		p.Revokes = func(s ca.Serial) bool { return f.Status(s) == feed.Revoked }
	}
	return p, file
}

func readPublic(path string) (file []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	file, err = io.ReadAll(io.LimitReader(f, feed.MaxSize+1)) // a longer one is refused
	return file, errors.Join(err, f.Close())
}

// publishedFeeds reads the feeds for a verification, where the lists are compared.
func (v *verified) publishedFeeds(l layout) (*audit.Feeds, error) {
	if v.ListsNotCompared != "" {
		return audit.NewFeeds(nil), nil
	}
	all, err := openFeeds(l.lists(), &v.underway)
	return audit.NewFeeds(all), err
}

// feeds says what came of the comparison with the published feeds; nothing where none were
// ever made.
func (v verified) feeds(b *strings.Builder) {
	a := v.Feeds
	switch {
	case a.Made == 0 && a.Compared == 0 && a.Count == 0:
		return
	case v.ListsNotCompared != "":
		fmt.Fprintf(b, "feeds: %d made; NOT compared with what is published (%s)\n", a.Made, v.ListsNotCompared)
	default:
		fmt.Fprintf(b, "feeds: %d made, compared %s with the log %s\n", a.Made, counted(a.Compared, "published feed"), sign(a.Count))
	}
	differences(b, a.Count, a.First)
}
