// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// crewVar tells a process of a crew which share is its own.
const crewVar = "CHANCERY_CRASH_SHARE"

// A share is the moments n with n mod of = part; the zero value is all of them.
type share struct{ part, of int }

// pick gives the share's i-th moment.
func (s share) pick(i int) int { return i*max(1, s.of) + s.part }

// shareOf gives the share that this process was started for.
func shareOf(t *testing.T) (share, bool) {
	t.Helper()
	var s share
	v := os.Getenv(crewVar)
	if v == "" {
		return s, false
	}
	if _, err := fmt.Sscanf(v, "%d/%d", &s.part, &s.of); err != nil {
		t.Fatalf("%s=%q: %v", crewVar, v, err)
	}
	return s, true
}

// points is how a process of a crew tells what it tried.
const points = "seed %d: %d points\n"

// explore tries the share's moments of all loads.
func (s share) explore(t *testing.T) {
	for round := range rounds() {
		seed := uint64(round + 1)
		site := found(t, seed)
		e := exploration{site: site, seed: seed, ends: 5, again: again(), share: s}
		e.run(site.load(t, nil))
		fmt.Printf(points, seed, e.points.Load())
		if e.failed != nil {
			e.failed.report(t, seed)
		}
	}
}

// crew runs the test that calls it once more in n processes, a share for each, and
// gives the points they tried by seed. Processes, because all SQLites of a process
// share one allocator and wait for each other there.
func crew(t *testing.T, n int) map[uint64]int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	args := []string{"-test.run=^" + t.Name() + "$", "-test.count=1", "-test.timeout=0"}
	if end, ok := t.Deadline(); ok {
		args[2] = "-test.timeout=" + time.Until(end).String()
	}
	tried := map[uint64]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for part := range n {
		all.Go(func() {
			cmd := exec.CommandContext(ctx, os.Args[0], args...)
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d/%d", crewVar, part, n), "GOMAXPROCS=1")
			out, err := cmd.CombinedOutput()
			mu.Lock()
			defer mu.Unlock()
			if err != nil && ctx.Err() == nil {
				t.Errorf("share %d of %d: %v\n%s", part, n, err, out)
				cancel()
			}
			for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
				var seed uint64
				var count int
				if _, err := fmt.Sscanf(lines.Text()+"\n", points, &seed, &count); err == nil {
					tried[seed] += count
				}
			}
		})
	}
	all.Wait()
	return tried
}
