// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"chancery/audit"
)

// A verified is what `audit verify` found.
type verified struct {
	Log    audit.Report
	Book   audit.Agreement
	Engine string // of the database, if it was compared
	// NotCompared is why it was not.
	NotCompared string
	Lists       audit.ListAgreement
	Feeds       audit.FeedAgreement
	// ListsNotCompared is why the published lists and feeds were not compared.
	ListsNotCompared string
	File             string // of the newest checkpoint
	underway         underway
}

// verification is a verified in JSON.
type verification struct {
	Log           string           `json:"log_id"`
	Leaves        int64            `json:"leaves"`
	First         time.Time        `json:"first"`
	Last          time.Time        `json:"last"`
	Open          int64            `json:"open_intents"`
	Erased        int64            `json:"erased_bodies"`
	SerialWindow  int64            `json:"serial_window,omitempty"`
	Tail          string           `json:"tail,omitempty"`
	Checkpoints   int              `json:"checkpoints"`
	NewestFile    string           `json:"newest_checkpoint"`
	NewestSize    int64            `json:"newest_size"`
	NewestRoot    string           `json:"newest_root"`
	BookCompared  bool             `json:"database_compared"`
	NotComparedAs string           `json:"not_compared,omitempty"`
	Book          *audit.Agreement `json:"database,omitempty"`

	ListsCompared      bool                `json:"lists_compared"`
	ListsNotComparedAs string              `json:"lists_not_compared,omitempty"`
	Lists              audit.ListAgreement `json:"lists"`
	Feeds              audit.FeedAgreement `json:"feeds"`
}

func (v verified) document() verification {
	r := v.Log
	d := verification{
		Log: r.Log.String(), Leaves: r.Leaves, First: time.UnixMilli(r.First).UTC(), Last: time.UnixMilli(r.Last).UTC(),
		Open: r.Open, Erased: r.Erased, SerialWindow: r.SerialWindow, Checkpoints: r.Checkpoints,
		NewestFile: v.File, NewestSize: r.Newest.Size, NewestRoot: r.Newest.Root.String(),
		BookCompared: v.NotCompared == "", NotComparedAs: v.NotCompared,
		ListsCompared: v.ListsNotCompared == "", ListsNotComparedAs: v.ListsNotCompared, Lists: v.Lists, Feeds: v.Feeds,
	}
	if r.Tail != nil {
		d.Tail = r.Tail.Error()
	}
	if d.BookCompared {
		d.Book = &v.Book
	}
	return d
}

func (v verified) text() string {
	r, b := v.Log, &strings.Builder{}
	day := func(ms int64) string { return onDay(time.UnixMilli(ms)) }
	fmt.Fprintf(b, "log: checked %s  %s … %s   tree ✓   %s ✓\n", counted(int(r.Leaves), "entry"), day(r.First), day(r.Last), counted(r.Checkpoints, "signed checkpoint"))
	if r.Tail != nil {
		fmt.Fprintf(b, "  after the last whole group lies what no promise covers: %v\n", r.Tail)
	}
	if v.NotCompared == "" {
		v.rows(b)
	} else {
		fmt.Fprintf(b, "database: NOT compared (%s): only the log was checked\n", v.NotCompared)
		if r.Open > 0 {
			fmt.Fprintf(b, "  of %d certificates only the intent is on the log yet: usual in the second after signing;\n  what a crash left so is settled at the next start\n", r.Open)
		}
	}
	v.lists(b)
	v.feeds(b)
	fmt.Fprintf(b, "newest checkpoint: %d entries, root %s, in\n  %s\n  keep a copy on another machine, and pass it with --checkpoint: only that shows if the end of the log was cut off\n",
		r.Newest.Size, r.Newest.Root, v.File)
	return b.String()
}

// rows says what came of the comparison with the book.
func (v verified) rows(b *strings.Builder) {
	a := v.Book
	fmt.Fprintf(b, "database (%s): compared %s, %s, %s, %s, %s with the log %s\n",
		v.Engine, counted(int(a.Certificates), "certificate"), counted(int(a.Voids), "void row"), counted(int(a.Revocations), "revocation"),
		counted(int(a.Events), "event"), counted(int(a.Authorities), "authority"), sign(a.Count))
	if a.Unclosed > 0 {
		fmt.Fprintf(b, "  of %d certificates the last entry is not on the log yet: usual in the second after signing;\n  what a crash left so is settled at the next start\n", a.Unclosed)
	}
	if a.Unsettled > 0 {
		fmt.Fprintf(b, "  %d entries from %d on have no row yet: under way, or left by a crash or by init; settled at the next start\n", a.Unsettled, a.UnsettledFrom)
	}
	for _, o := range a.Others {
		if o.Log != "" {
			fmt.Fprintf(b, "  rows of log %s (number %d) were not compared: that is done where the log is\n", o.Log, o.LogNo)
		}
	}
	differences(b, a.Count, a.First)
}
