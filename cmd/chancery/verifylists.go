// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/status"
)

// placing is how long a list or a feed may take from its leaf to its place, where what is
// there is older: beside a service the log may be read in between.
const placing = 3 * time.Second

// An underway waits for what a running service may be about to put in its place, all of it
// for as long as placing.
type underway struct{ until time.Time }

// by gives whether what has a number has a higher one by the time that is waited for.
func (u *underway) by(number func() int64, was int64) func() bool {
	return func() bool {
		if u.until.IsZero() {
			u.until = time.Now().Add(placing)
		}
		for number() <= was {
			if !time.Now().Before(u.until) {
				return false
			}
			time.Sleep(100 * time.Millisecond)
		}
		return true
	}
}

// openLists opens all published lists to hold them against a log that is listed
// later. close is for when that is over. Without the directory, as where only the
// log's files are, it gives fs.ErrNotExist.
func openLists(dir string, late *underway) (lists []audit.PublishedList, close func() error, err error) {
	var open []*status.List
	close = func() error {
		var errs []error
		for _, l := range open {
			errs = append(errs, l.Close())
		}
		return errors.Join(errs...)
	}
	names, err := status.Published(dir)
	if err != nil {
		return nil, close, err
	}
	for _, name := range names {
		l, err := status.Open(dir, name)
		if err != nil {
			lists = append(lists, audit.PublishedList{Name: name, Damage: err})
			continue
		}
		open = append(open, l)
		tbs, err := l.TBS()
		if err != nil {
			return nil, close, errors.Join(err, close())
		}
		lists = append(lists, audit.PublishedList{Name: name, Number: l.Number, TBS: tbs, Has: l.Has, Genuine: l.Genuine, Replaced: late.by(func() int64 {
			now, err := status.Open(dir, name)
			if err != nil || now.Close() != nil {
				return 0
			}
			return now.Number
		}, l.Number)})
	}
	return lists, close, nil
}

// published opens the lists for a verification, and notes why they are not compared,
// if they are not.
func (v *verified) published(l layout) (lists *audit.Lists, close func() error, err error) {
	nothing := func() error { return nil }
	if v.ListsNotCompared = v.NotCompared; v.ListsNotCompared != "" {
		return audit.NewLists(nil), nothing, nil
	}
	all, close, err := openLists(l.lists(), &v.underway)
	if errors.Is(err, fs.ErrNotExist) {
		v.ListsNotCompared = "there is no " + l.lists()
		return audit.NewLists(nil), nothing, nil
	}
	return audit.NewLists(all), close, err
}

// lists says what came of the comparison with the published lists.
func (v verified) lists(b *strings.Builder) {
	a := v.Lists
	if v.ListsNotCompared != "" {
		fmt.Fprintf(b, "lists: %d made; NOT compared with what is published (%s)\n", a.Made, v.ListsNotCompared)
	} else {
		fmt.Fprintf(b, "lists: %d made, compared %s with the log %s\n", a.Made, counted(a.Compared, "published list"), sign(a.Count))
		for _, n := range a.Newest {
			switch {
			case n.Published == 0:
				fmt.Fprintf(b, "  no list of %s is published\n", n.Authority)
			case n.Published < n.Number:
				fmt.Fprintf(b, "  list %d of %s is published, and list %d was made: meanwhile, or before a crash\n", n.Published, n.Authority, n.Number)
			}
		}
	}
	differences(b, a.Count, a.First)
}

// sign is for what has so many differences.
func sign(differences int64) string {
	if differences > 0 {
		return "✗"
	}
	return "✓"
}

// differences lists the first, and says how many more there are.
func differences(b *strings.Builder, count int64, first []audit.Difference) {
	for _, d := range first {
		fmt.Fprintf(b, "  ✗ %v\n", d)
	}
	if more := count - int64(len(first)); more > 0 {
		fmt.Fprintf(b, "  ✗ and %d more\n", more)
	}
}

// disagreement is the error of a verification that has found differences.
func (v verified) disagreement() error {
	switch {
	case v.Book.Count > 0:
		return ca.Refused(ca.E3102, fmt.Sprintf("log and database do not agree: differences found: %d", v.Book.Count),
			"if an older copy of the database was just brought back, start the service, which puts back what is missing from the log, and verify again; if not, stop the service, keep both as they are, and compare them with a backup").Because(v.Book.First[0].String())
	case v.Feeds.Count > v.Feeds.Outdated:
		return ca.Refused(ca.E3102, fmt.Sprintf("log and compact feeds do not agree: differences found: %d", v.Feeds.Count),
			"keep log and feeds as they are until it is known who wrote there, then publish new ones: chancery feed publish, or restart the service").Because(v.Feeds.First[0].String())
	case v.Lists.Count > v.Lists.Outdated:
		return ca.Refused(ca.E3102, fmt.Sprintf("log and revocation lists do not agree: differences found: %d", v.Lists.Count),
			"keep log and lists as they are until it is known who wrote there, then publish new lists: chancery crl publish, or restart the service").Because(v.Lists.First[0].String())
	case v.Lists.Count > 0:
		return older("a revocation list", "chancery crl publish, of a root with --ca NAME", v.Lists.Count, v.Lists.First[0])
	case v.Feeds.Count > 0:
		return older("a compact feed", "chancery feed publish", v.Feeds.Count, v.Feeds.First[0])
	}
	return nil
}

// older is the error of a published list or feed that is what was made, and no longer the newest.
// A crash between log and address leaves that, and so does whoever puts an older file there: the
// log cannot tell which.
func older(what, publish string, count int64, first audit.Difference) error {
	return ca.Refused(ca.E3102, fmt.Sprintf("%s that is published is older than the newest that was made, and lacks a revocation: differences found: %d", what, count),
		"after a crash, or while keys are locked: the service settles this at its start, or as they are unlocked; now: "+publish+". If there was no crash, find out first who put it there").Because(first.String())
}
