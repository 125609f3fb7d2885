// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"chancery/audit"
	"chancery/internal/sim"
	"chancery/signer/journal"
)

// offline verifies a log's directory as a stranger would.
func offline(dir string) (audit.Report, error) {
	v := audit.Verification{Key: logKey().Public().(ed25519.PublicKey), SegmentLeaves: 8}
	var err error
	if v.Newest, err = os.ReadFile(filepath.Join(dir, "state", "checkpoint")); err != nil {
		return audit.Report{}, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*.seg"))
	if err != nil {
		return audit.Report{}, err
	}
	for _, name := range names {
		v.Segments = append(v.Segments, audit.SegmentFile{
			Name:   filepath.Base(name),
			Open:   func() (io.ReadCloser, error) { return os.Open(name) },
			Hashes: func() (io.ReadCloser, error) { return os.Open(name[:len(name)-len("seg")] + "hash") },
		})
	}
	return audit.Verify(v)
}

func TestAU08_TheOfflineVerifierAgreesWithTheJournal(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, options())
	stop := run(j)
	if _, err := j.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Genesis}, Body: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := j.Append(entries(7, "refused")); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	rep, err := offline(dir)
	if err != nil || rep.Leaves != 36 || rep.Newest.Size != 36 {
		t.Errorf("%d leaves, checkpoint of %d: %v", rep.Leaves, rep.Newest.Size, err)
	}
}

// Each octet of segments and hash files is flipped in turn after a clean stop. The start
// refuses the log, or reading refuses the leaf, or nothing that was answered has
// changed. (What is told apart from accidents is the offline verifier's.)
func TestFT11_AFlippedOctetNeverChangesALeaf(t *testing.T) {
	whole := sim.New(nil)
	l := newLedger()
	if err := session(whole, l, 0); err != nil {
		t.Fatal(err)
	}
	names, err := whole.Names("journal")
	if err != nil {
		t.Fatal(err)
	}
	refused, unread := 0, 0
	for _, name := range names {
		for at := int64(0); ; at++ {
			disk := whole.Kill(nil)
			inside, err := flip(disk, "journal/"+name, at)
			if err != nil {
				t.Fatal(err)
			}
			if !inside {
				break
			}
			j, err := journal.Open(disk, options())
			var d *journal.Damage
			if errors.As(err, &d) {
				refused++
				continue
			}
			if err != nil {
				t.Fatalf("%s, octet %d: %v", name, at, err)
			}
			for index, want := range l.leaves {
				r, err := j.Leaf(index)
				if errors.As(err, &d) {
					unread++
				} else if err != nil || !bytes.Equal(r.Bytes, want) {
					t.Errorf("%s, octet %d: leaf %d was %s and is %s, %v", name, at, index, want, r.Bytes, err)
				}
			}
		}
	}
	t.Logf("%d times the log was refused, %d times a leaf", refused, unread)
	if refused == 0 || unread == 0 {
		t.Error("the flips did not reach both")
	}
}

// flip changes one octet; inside is false behind the last that is not zero.
func flip(disk *sim.Disk, name string, at int64) (inside bool, err error) {
	f, err := disk.OpenFile(name, journal.Write)
	if err != nil {
		return false, err
	}
	size, err := f.Size()
	if err != nil || at >= size {
		return false, err
	}
	rest := make([]byte, size-at)
	if _, err := f.ReadAt(rest, at); err != nil {
		return false, err
	}
	if len(bytes.Trim(rest, "\x00")) == 0 {
		return false, nil
	}
	_, err = f.WriteAt([]byte{rest[0] ^ 0x10}, at)
	return true, err
}
