// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"chancery/feed/verify"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answers.txt has a line for each certificate: the feed, the serial number, and what
// is to be said of it.
func TestTheExampleFilesAreAnsweredAsTheySay(t *testing.T) {
	t.Parallel()
	complete, delta, issuer := read(t, "complete.feed"), read(t, "delta.feed"), read(t, "issuer.spki")
	now := time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC)
	feeds := make(map[string]*verify.Feed)
	var err error
	if feeds["complete"], err = verify.Open(complete, issuer, now); err != nil {
		t.Fatal(err)
	}
	if feeds["delta"], err = verify.OpenDelta(delta, complete, issuer, now); err != nil {
		t.Fatal(err)
	}
	if a, b := feeds["complete"].Number, feeds["delta"].Number; a >= b {
		t.Errorf("the delta's number %d is not above %d", b, a)
	}
	words := map[string]verify.Status{"good": verify.Good, "revoked": verify.Revoked, "not covered": verify.NotCovered}
	seen := make(map[string]int)
	for lines := bufio.NewScanner(bytes.NewReader(read(t, "answers.txt"))); lines.Scan(); {
		part := strings.SplitN(lines.Text(), " ", 3)
		serial, err := hex.DecodeString(part[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := feeds[part[0]].Status(serial); got != words[part[2]] {
			t.Errorf("%s: got %d", lines.Text(), got)
		}
		if got := feeds[part[0]].Status(append([]byte{0}, serial...)); got != words[part[2]] {
			t.Errorf("%s, with an octet for the sign: got %d", lines.Text(), got)
		}
		seen[part[0]+" "+part[2]]++
	}
	if len(seen) != 6 {
		t.Errorf("not each answer of each feed is tried: %v", seen)
	}
	for _, none := range [][]byte{nil, {0}, bytes.Repeat([]byte{1}, 21)} {
		if got := feeds["delta"].Status(none); got != verify.NotCovered {
			t.Errorf("%x is no serial number, and is answered %d", none, got)
		}
	}
}
