// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/encode"
	"chancery/signer"
	"chancery/signer/journal"
)

// grownLeaves is how many leaves the log of BenchmarkStart has, if CHANCERY_LEAVES
// does not say.
const grownLeaves = 20_000

// BenchmarkStart opens a log of certificates, of which one in a hundred is revoked:
// with all leaves read, and with a snapshot.
func BenchmarkStart(b *testing.B) {
	leaves := int64(grownLeaves)
	if n, err := strconv.ParseInt(os.Getenv("CHANCERY_LEAVES"), 10, 64); err == nil {
		leaves = n
	}
	dir := grown(b, leaves)
	for _, how := range []struct {
		name  string
		place signer.Place
	}{
		{"replay", signer.Place{SnapshotLeaves: 1 << 40}},
		{"snapshot", signer.Place{SnapshotLeaves: 1}},
	} {
		b.Run(how.name, func(b *testing.B) {
			forget(b, dir)
			opens(b, dir, how.place) // makes the snapshot, and fills the page cache
			for b.Loop() {
				opens(b, dir, how.place)
			}
			if info, err := os.Stat(filepath.Join(dir, "state/snapshot")); err == nil {
				b.ReportMetric(float64(info.Size()), "octets")
			}
		})
	}
}

func opens(b *testing.B, dir string, place signer.Place) {
	b.Helper()
	s := unopened(dir)
	s.Place = place
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func forget(b *testing.B, dir string) {
	b.Helper()
	for _, name := range []string{"state/snapshot", "state/snapshot.old"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.Fatal(err)
		}
	}
}

// grown is the directory of a log with so many leaves: one certificate is issued, and
// the others have leaves like it.
func grown(b *testing.B, leaves int64) string {
	b.Helper()
	s, _, h := founded(b)
	a := s.issued(h, wish(1, csrBy(b, "a.lab.example", p256...), profiles(b, h)["server"]))
	all := s.leaves()
	var final []byte
	for _, r := range all[a.Index+1:] {
		final = r.Body
	}
	var body ca.IntentBody
	if err := json.Unmarshal(all[a.Index].Body, &body); err != nil {
		b.Fatal(err)
	}
	intent, err := audit.ParseLeaf(a.Leaf)
	if err != nil {
		b.Fatal(err)
	}
	for n := int64(len(all)); n < leaves; {
		var group []journal.Entry
		for len(group) < audit.MaxGroupFrames-3 {
			if intent.Serial, err = encode.Serial(1, s.Now(), s.Random); err != nil {
				b.Fatal(err)
			}
			body.Wish.ID = ca.RequestID(fmt.Sprintf("01939a3e-0000-7000-8000-%012d", n))
			index := n + int64(len(group))
			group = append(group,
				journal.Entry{Leaf: audit.Leaf{Kind: audit.Intent, Issuer: intent.Issuer, Serial: intent.Serial, Digest: intent.Digest}, Body: encoded(b, body)},
				journal.Entry{Leaf: audit.Leaf{Kind: audit.Final, Cites: index, Digest: intent.Digest}, Body: final})
			if index%200 < 2 {
				group = append(group, journal.Entry{
					Leaf: audit.Leaf{Kind: audit.Revoked, Issuer: intent.Issuer, Serial: intent.Serial, Step: 1},
					Body: encoded(b, ca.RevokedBody{Intent: index, Reason: ca.Superseded, NotAfter: body.NotAfter, Key: body.Key}),
				})
			}
		}
		if _, err := s.Put(group...); err != nil {
			b.Fatal(err)
		}
		n += int64(len(group))
	}
	s.stop()
	return s.Dir
}

func encoded(b *testing.B, body any) []byte {
	b.Helper()
	octets, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	return octets
}
