// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
)

// The ends of a feed's file, and of its address.
const (
	feedEnd  = ".feed"
	deltaEnd = ".delta.feed"
)

func feedPath(dir, authority string, delta bool) string {
	end := feedEnd
	if delta {
		end = deltaEnd
	}
	return filepath.Join(dir, authority+end)
}

// feedName takes the name of a feed's file apart: others are no part of a path.
func feedName(file string) (authority string, delta, ok bool) {
	if authority, delta = strings.CutSuffix(file, deltaEnd); !delta {
		authority, ok = strings.CutSuffix(file, feedEnd)
	}
	return authority, delta, (delta || ok) && authorityName(authority)
}

// FeedHead gives what the published feed of an authority, or its delta, says of itself;
// fs.ErrNotExist if there is none.
func FeedHead(dir, authority string, delta bool) (ca.Feed, error) {
	f, about, err := openFeed(dir, authority, delta)
	if err != nil {
		return about, err
	}
	return about, f.Close()
}

// openFeed opens a published feed.
func openFeed(dir, authority string, delta bool) (*os.File, ca.Feed, error) {
	f, err := openFile(feedPath(dir, authority, delta))
	if err != nil {
		return nil, ca.Feed{}, err
	}
	begin := make([]byte, feed.HeadSize)
	if _, err = io.ReadFull(f, begin); err == nil {
		var about ca.Feed
		if about, _, err = feed.Describe(begin); err == nil && (about.Base != 0) == delta {
			about.Authority = authority
			_, err = f.Seek(0, io.SeekStart)
			return f, about, err
		}
	}
	return nil, ca.Feed{}, errors.Join(fmt.Errorf("%s is not the feed that belongs there", f.Name()), err, f.Close())
}

// Feeds gives the authorities of which a complete feed, or a delta, lies in a directory; at
// most maxPublished.
func Feeds(dir string) (complete, deltas []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("look for the published feeds: %w", err)
	}
	for _, e := range entries {
		authority, delta, ok := feedName(e.Name())
		switch {
		case !ok:
		case delta:
			deltas = append(deltas, authority)
		default:
			complete = append(complete, authority)
		}
	}
	if len(complete)+len(deltas) > maxPublished {
		return nil, nil, fmt.Errorf("more than %d feeds lie in %s", maxPublished, dir)
	}
	return complete, deltas, nil
}

// readFeed reads the published feed of an authority.
func readFeed(dir, authority string, delta bool) (file []byte, about ca.Feed, err error) {
	f, about, err := openFeed(dir, authority, delta)
	if err != nil {
		return nil, about, err
	}
	file, err = io.ReadAll(io.LimitReader(f, feed.MaxSize+1))
	return file, about, errors.Join(err, f.Close())
}

// GenuineFeed gives what the published feed of an authority, or its delta, says of itself, and
// why it is not signed for the authority, as a device has it; fs.ErrNotExist if there is none.
// A delta is read without its base.
func GenuineFeed(dir string, a ca.Authority, delta bool) (ca.Feed, error) {
	file, about, err := readFeed(dir, a.Name, delta)
	if err == nil {
		err = verify.Genuine(file, a.SPKI, about.ThisUpdate)
	}
	return about, err
}

// placeFeed puts a feed into a directory, in one step. A newer one stays.
func placeFeed(dir, authority string, delta bool, file io.Reader) error {
	err := put(feedPath(dir, authority, delta), file, func(f io.ReaderAt, _ int64) error {
		begin := make([]byte, feed.HeadSize)
		if _, err := f.ReadAt(begin, 0); err != nil {
			return err
		}
		about, _, err := feed.Describe(begin)
		if err != nil {
			return err
		}
		if before, err := FeedHead(dir, authority, delta); err == nil && before.Number >= about.Number {
			return fmt.Errorf("the signer gave number %d, and number %d is published", about.Number, before.Number)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish a feed of %s: %w", authority, err)
	}
	return nil
}

// feed answers with a compact feed, as list does with a list.
func (d *door) feed(w http.ResponseWriter, r *http.Request, file string) {
	authority, delta, ok := feedName(file)
	if !ok {
		notPublished(w)
		return
	}
	f, about, err := openFeed(d.o.Lists, authority, delta)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.o.Log.Error("a published feed cannot be read", "authority", authority, "error", err)
		}
		notPublished(w)
		return
	}
	defer f.Close()
	cacheable(w.Header(), "application/octet-stream", maxListAge, strconv.FormatInt(about.Number, 10))
	http.ServeContent(w, r, "", about.ThisUpdate, f)
}

// feeds are those that the feeder keeps, for the outlet.
func (t *Outlet) feeds() (all []offer, fault error) {
	entries, err := os.ReadDir(t.o.Lists)
	if err != nil {
		return nil, fmt.Errorf("look for the published feeds: %w", err)
	}
	for _, e := range entries {
		authority, delta, ok := feedName(e.Name())
		if !ok {
			continue
		}
		h, err := FeedHead(t.o.Lists, authority, delta)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was just taken away
		}
		if err != nil {
			fault = errors.Join(fault, err)
			continue
		}
		if t.over(authority, h.NextUpdate) {
			continue
		}
		path := feedPath(t.o.Lists, authority, delta)
		all = append(all, offer{name: e.Name(), stamp: fmt.Sprint(h.Number), number: h.Number, open: func() (io.ReadCloser, error) { return openFile(path) }})
	}
	return all, fault
}
