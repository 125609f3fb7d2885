// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"chancery/audit"
	"chancery/ca"
	"chancery/internal/verifyall"
	"chancery/store"
)

// An opened is the log and the book of an installation, read beside it.
type opened struct {
	log  audit.Verification
	book audit.Book
	done func() error
}

// open reads in the order in which audit.Compare wants it: the checkpoint, the book,
// the log.
func (l layout) open(ctx context.Context) (o opened, err error) {
	if o.log.Key, err = readAuditKey(l.auditKey()); err != nil {
		return o, err
	}
	if o.log.Newest, err = readSmall(l.checkpoint()); err != nil {
		return o, err
	}
	header, err := firstHeader(l.journal())
	if err != nil {
		return o, err
	}
	settings, err := l.settings()
	if err != nil {
		return o, err
	}
	dsn := settings.Database
	if dsn == "" {
		dsn = l.database()
	}
	book, err := store.OpenAudit(ctx, store.Options{DSN: dsn, LogID: header.Log.String()})
	if err != nil {
		return o, err
	}
	o.done = book.Close
	if o.book, err = book.Book(ctx, header.LogNo); err == nil {
		o.log.Segments, err = segments(l.journal())
	}
	if err != nil {
		return o, errors.Join(err, book.Close())
	}
	return o, nil
}

// verified is the check that all tests of faults end in, of an installation that is
// settled or was just killed. kept are checkpoints that were seen before.
func (l layout) verified(ctx context.Context, settled bool, told, kept [][]byte) (r verifyall.Result, err error) {
	o, err := l.open(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, o.done()) }()
	o.log.Kept = kept
	return verifyall.Check(verifyall.Evidence{Log: o.log, Book: o.book, Settled: settled, Told: told})
}

// met counts what the last life of an installation has left behind, by its row in
// docs/recovery.md. Nothing works at it, and told are the certificates that anybody was
// given: "S08 unanswered" is one whose commit was done and whose answer was lost.
func (l layout) met(ctx context.Context, told [][]byte) (rows map[string]int, err error) {
	o, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.done()) }()
	var log intents
	for _, s := range o.log.Segments {
		if err := leaves(s, log.add); err != nil {
			return nil, err
		}
	}
	answered := map[string]bool{}
	for _, der := range told {
		answered[string(der)] = true
	}
	have := map[int64]string{} // the letter of the row's state
	for r, err := range o.book.Certificates {
		switch {
		case err != nil:
			return nil, err
		case r.Kind == ca.Void:
			have[r.ID.Index()] = "void"
		case answered[string(r.DER)]:
			have[r.ID.Index()] = "answered"
		default:
			have[r.ID.Index()] = "unanswered"
		}
	}
	steps := map[int64]bool{}
	for r, err := range o.book.Revocations {
		if err != nil {
			return nil, err
		}
		steps[r.ID.Index()] = true
	}
	return log.rows(have, steps), nil
}

// intents are what a log says of its certificates.
type intents struct {
	all, revoked []int64
	closed       map[int64]audit.Leaf
	hello        int64 // the last of a front
}

func (n *intents) add(leaf audit.Leaf) {
	if n.closed == nil {
		n.closed = map[int64]audit.Leaf{}
	}
	switch leaf.Kind {
	case audit.Intent:
		n.all = append(n.all, leaf.Index)
	case audit.Final, audit.Void:
		n.closed[leaf.Cites] = leaf
	case audit.Revoked:
		n.revoked = append(n.revoked, leaf.Index)
	case audit.Session:
		if leaf.Cites > 0 {
			n.hello = leaf.Index
		}
	}
}

// rows names what is not settled, and what was done since the last hello.
func (n *intents) rows(have map[int64]string, steps map[int64]bool) map[string]int {
	rows := map[string]int{}
	for _, i := range n.all {
		end, closed := n.closed[i]
		switch row := have[i]; {
		case !closed:
			rows[map[string]string{"": "S04", "void": "S06", "answered": "S05", "unanswered": "S05"}[row]]++
		case row == "":
			rows[map[audit.Kind]string{audit.Final: "S07", audit.Void: "S10"}[end.Kind]]++
		case max(i, end.Index) < n.hello:
		case row == "void": // S12, which is counted where all is settled
		case row == "unanswered":
			rows["S08 unanswered"]++
		default:
			rows["S08"]++
		}
	}
	for _, i := range n.revoked {
		if !steps[i] {
			rows["L06"]++
		}
	}
	return rows
}

// leaves reads a segment up to what a crash has cut off.
func leaves(s audit.SegmentFile, do func(audit.Leaf)) (err error) {
	in, err := s.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r, err := audit.NewSegmentReader(s.Name, bufio.NewReader(in))
	if err != nil {
		return err
	}
	for {
		g, err := r.Next()
		if err != nil {
			return nil //nolint:nilerr // the end, and verifyall judges what lies there
		}
		for _, f := range g.Frames {
			leaf, err := audit.ParseLeaf(f.Leaf)
			if err != nil {
				return fmt.Errorf("read a leaf of %s: %w", s.Name, err)
			}
			do(leaf)
		}
	}
}

// shelved are the revocation lists as they lie on the disk, in PEM.
func (l layout) shelved(names ...string) (string, error) {
	var all [][]byte
	for _, n := range names {
		der, err := os.ReadFile(l.lists() + "/" + n + ".crl")
		if err != nil {
			return "", err
		}
		all = append(all, der)
	}
	return pemText(crlLabel, all), nil
}
