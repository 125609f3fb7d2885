// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/audit"
	"chancery/ca"
	"chancery/store"
)

// maxCheckpoint bounds what is read of a checkpoint's file.
const maxCheckpoint = 64 << 10

func (a *app) auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "What happened, and whether the log says so", Example: "  chancery audit list --since 7d\n  chancery audit verify\n  chancery audit verify --checkpoint kept.txt"}
	var w verifying
	v := &cobra.Command{
		Use: "verify", Short: "Read the whole log, and hold it against its checkpoints, the database and the published lists",
		Long:    "Reads the whole log, with or without a running service, and holds it against its\ncheckpoints, row by row against the database, and against the published\nrevocation lists. Of a directory that has the\nlog's files alone (signer/journal, signer/state/checkpoint, audit.pub) it checks\nthe log. Exit 9: faults were found.",
		Example: "  chancery audit verify\n  chancery audit verify --checkpoint kept.txt\n  chancery audit verify --log-only --dir copied --key audit.pub",
		RunE:    func(c *cobra.Command, _ []string) error { return a.verify(c.Context(), w) },
	}
	v.Flags().StringArrayVar(&w.kept, "checkpoint", nil, "file with a checkpoint that was kept elsewhere; may be repeated")
	v.Flags().StringVar(&w.key, "key", "", "the log's public key in PEM (default: audit.pub of the installation)")
	v.Flags().BoolVar(&w.logOnly, "log-only", false, "leave the database alone")
	c.AddCommand(a.auditList(), v)
	return c
}

func (l layout) journal() string    { return filepath.Join(l.signer(), "journal") }
func (l layout) checkpoint() string { return filepath.Join(l.signer(), "state", "checkpoint") }

// A verifying is what the command line says about a verification.
type verifying struct {
	kept    []string
	key     string
	logOnly bool
}

// verify needs no service and no secret: the log's files, checkpoints, a public
// key, and the database, unless only the files are there.
func (a *app) verify(ctx context.Context, w verifying) (err error) {
	l, why, err := a.audited(w.logOnly)
	if err != nil {
		return err
	}
	given := w.key != "" || len(w.kept) > 0
	if w.key == "" {
		w.key = l.auditKey()
	}
	var v audit.Verification
	if v.Key, err = readAuditKey(w.key); err != nil {
		return err
	}
	for _, path := range w.kept {
		checkpoint, err := readSmall(path)
		if err != nil {
			return err
		}
		v.Kept = append(v.Kept, checkpoint)
	}
	// The order matters beside a running service. The checkpoint is read before
	// anything else, so that what it promises was there when the rest was read. Lists
	// and book come before the segments are listed: then each list has its leaf in
	// them, and each row its intent, as leaves are durable before both (audit.Compare).
	if v.Newest, err = readSmall(l.checkpoint()); err != nil {
		return err
	}
	out := verified{NotCompared: why, File: l.checkpoint()}
	lists, closeLists, err := out.published(l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLists()) }()
	v.Lists = lists
	if v.Feeds, err = out.publishedFeeds(l); err != nil {
		return err
	}
	if why == "" {
		err = a.compare(ctx, l, v, &out)
	} else {
		var end func()
		if v.Segments, end, err = a.watched(ctx, l.journal()); err == nil {
			out.Log, err = audit.Verify(v)
		}
		end()
	}
	var f *audit.Fault
	if errors.As(err, &f) {
		hint := "stop the service, keep the directory as it is, and restore from a backup"
		if given && strings.HasSuffix(f.File, "checkpoint") || strings.HasPrefix(f.File, "kept checkpoint") {
			hint = "see first whether --key and --checkpoint name files of this very log; if they do, " + hint
		}
		return ca.Refused(ca.E3102, "the log is not what was promised: "+f.Error(), hint)
	}
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E1405 { // a fault that was found, and no conflict
		return ca.Refused(ca.E3102, "database and log cannot be compared: "+p.Detail, p.Fix).Because(p.Why)
	}
	if err != nil {
		return fmt.Errorf("verify the log: %w", err)
	}
	out.Lists, out.Feeds = lists.Agreement(), v.Feeds.Agreement()
	if err := a.print(out.document(), out.text()); err != nil {
		return err
	}
	return out.disagreement()
}

// audited is the directory whose log is verified, and why its book is not
// compared, if it is not. Files that were copied from an installation have no
// settings and no front; an installation that lost its settings is told from that,
// because nobody must get rid of the comparison by removing a file.
func (a *app) audited(logOnly bool) (l layout, why string, err error) {
	if l, err = a.layout(); err != nil {
		return l, "", err
	}
	if a.context != "" {
		return l, "", onItsMachine()
	}
	absent := func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist)
	}
	switch {
	case absent(l.journal()) || !logOnly && absent(l.config()) && !absent(l.front()):
		l, err = a.founded()
		return l, "", err
	case logOnly:
		return l, "--log-only", nil
	case absent(l.config()):
		return l, "there are only the log's files in " + l.dir, nil
	}
	return l, "", nil
}

// compare verifies the log and holds it against the book.
func (a *app) compare(ctx context.Context, l layout, v audit.Verification, out *verified) (err error) {
	h, err := firstHeader(l.journal())
	if err != nil {
		return err
	}
	settings, err := l.settings()
	if err != nil {
		return err
	}
	dsn := settings.Database
	if dsn == "" {
		dsn = l.database()
	}
	book, err := store.OpenAudit(ctx, store.Options{DSN: dsn, LogID: h.Log.String()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	rows, err := book.Book(ctx, h.LogNo)
	if err != nil {
		return err
	}
	all, end, err := a.watched(ctx, l.journal())
	defer end()
	if v.Segments = all; err != nil {
		return err
	}
	out.Engine = book.Engine()
	out.Log, out.Book, err = audit.Compare(v, rows)
	return err
}

// firstHeader reads which log it is.
func firstHeader(dir string) (h audit.SegmentHeader, err error) {
	name := audit.SegmentName(0)
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return h, &audit.Fault{File: name, What: "the first segment is not there"}
	}
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := audit.NewSegmentReader(name, bufio.NewReader(f))
	if err != nil {
		return h, err
	}
	return s.Header, nil
}

// segments lists the log's files in their order; the names are the first leaf's
// index in sixteen digits.
func segments(dir string) ([]audit.SegmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the log: %w", err)
	}
	var out []audit.SegmentFile
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".seg")
		if !ok {
			continue
		}
		path := filepath.Join(dir, e.Name())
		s := audit.SegmentFile{Name: e.Name(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}
		hashes := filepath.Join(dir, name+".hash")
		if _, err := os.Stat(hashes); !errors.Is(err, fs.ErrNotExist) {
			s.Hashes = func() (io.ReadCloser, error) { return os.Open(hashes) }
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b audit.SegmentFile) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func readSmall(path string) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ca.Invalid(ca.E1102, "a file for verification cannot be read", "name a readable file").Because(err.Error())
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxCheckpoint))
}

func readAuditKey(path string) (ed25519.PublicKey, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, ca.Invalid(ca.E1102, path+" is not a public key in PEM", "use audit.pub as init wrote it")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := public.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, ca.Invalid(ca.E1102, path+" is not an Ed25519 public key", "use audit.pub as init wrote it")
	}
	return key, nil
}

// writeAuditKey writes the log's public key where anybody may read it.
func writeAuditKey(path string, spki []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o644); err != nil {
		return unwritable(path, err)
	}
	return nil
}
