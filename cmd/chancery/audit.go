// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	"time"

	"github.com/spf13/cobra"

	"chancery/audit"
	"chancery/ca"
)

// maxCheckpoint bounds what is read of a checkpoint's file.
const maxCheckpoint = 64 << 10

func (a *app) auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Verify the log", Example: "  chancery audit verify\n  chancery audit verify --checkpoint kept.txt"}
	var kept []string
	var key string
	v := &cobra.Command{
		Use: "verify", Short: "Read the whole log, offline, and hold it against its checkpoints", Args: cobra.NoArgs,
		Example: "  chancery audit verify\n  chancery audit verify --checkpoint kept.txt --key audit.pub",
		RunE:    func(*cobra.Command, []string) error { return a.verify(kept, key) },
	}
	v.Flags().StringArrayVar(&kept, "checkpoint", nil, "file with a checkpoint that was kept elsewhere; may be repeated")
	v.Flags().StringVar(&key, "key", "", "the log's public key in PEM (default: audit.pub of the installation)")
	c.AddCommand(v)
	return c
}

// verify needs no service and no secret: files, checkpoints and a public key.
func (a *app) verify(kept []string, keyFile string) error {
	l, err := a.founded()
	if err != nil {
		return err
	}
	if keyFile == "" {
		keyFile = l.auditKey()
	}
	var v audit.Verification
	if v.Key, err = readAuditKey(keyFile); err != nil {
		return err
	}
	for _, path := range kept {
		checkpoint, err := readSmall(path)
		if err != nil {
			return err
		}
		v.Kept = append(v.Kept, checkpoint)
	}
	// The checkpoint is read before the segments are listed, so that a log that
	// grows meanwhile is longer than promised, never shorter.
	if v.Newest, err = readSmall(filepath.Join(l.signer(), "state", "checkpoint")); err != nil {
		return err
	}
	if v.Segments, err = segments(filepath.Join(l.signer(), "journal")); err != nil {
		return err
	}
	report, err := audit.Verify(v)
	var f *audit.Fault
	if errors.As(err, &f) {
		return ca.Refused(ca.E3101, "the log is not what was promised: "+f.Error(), "stop the service, keep the directory as it is, and restore from a backup")
	}
	if err != nil {
		return fmt.Errorf("verify the log: %w", err)
	}
	return a.print(report, reportText(report))
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

func reportText(r audit.Report) string {
	day := func(ms int64) string { return time.UnixMilli(ms).Local().Format("2006-01-02") }
	text := fmt.Sprintf("checked %d entries  %s … %s   tree ✓   %d signed checkpoints ✓   open intents %d\n", r.Leaves, day(r.First), day(r.Last), r.Checkpoints, r.Open)
	if r.Tail != nil {
		text += "! after the last whole group lies what no promise covers: " + r.Tail.Error() + "\n"
	}
	return text + fmt.Sprintf("last checkpoint: %d entries, root %s - keep the file state/checkpoint elsewhere to detect a rollback\n", r.Newest.Size, r.Root)
}
