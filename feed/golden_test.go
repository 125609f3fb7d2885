// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"bytes"
	"flag"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"chancery/ca"
	"chancery/feed"
)

var update = flag.Bool("update", false, "write the files of feed/verify/testdata anew")

// The files with which others try their own readers are made of a fixed seed, and are
// what docs/feed.md describes: what changes them changes the format.
func TestTheFormatIsThatOfTheExampleFiles(t *testing.T) {
	t.Parallel()
	i := quick(t)
	r := mrand.New(mrand.NewPCG(2027, 3))
	before := make(book)
	before.issue(r, 400, 0.03)
	var answers bytes.Buffer
	body, err := feed.Build(before.input(r, nil))
	if err != nil {
		t.Fatal(err)
	}
	complete := i.file(t, noon.UnixMilli(), body, nil)
	f, err := feed.Parse(complete, nil)
	if err != nil {
		t.Fatal(err)
	}
	line := func(name string, f *feed.Feed) func(s ca.Serial, err error) bool {
		return func(s ca.Serial, _ error) bool {
			fmt.Fprintln(&answers, name, s, f.Status(s))
			return true
		}
	}
	before.seq(false)()(line("complete", f))
	after := before.later(r)
	after[ours(r, noon)] = true
	if body, err = feed.Build(after.input(r, f)); err != nil {
		t.Fatal(err)
	}
	delta := i.file(t, noon.UnixMilli()+300_000, body, complete)
	if f, err = feed.Parse(delta, complete); err != nil {
		t.Fatal(err)
	}
	after.seq(false)()(line("delta", f))
	for name, made := range map[string][]byte{"issuer.spki": i.spki, "complete.feed": complete, "delta.feed": delta, "answers.txt": answers.Bytes()} {
		path := filepath.Join("verify", "testdata", name)
		if *update {
			if err := os.WriteFile(path, made, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, made) {
			t.Errorf("%s is not what is made (%v); if the format has changed, so must its tag", path, err)
		}
	}
}
