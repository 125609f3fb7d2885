// SPDX-License-Identifier: Apache-2.0

//go:build faults

package main

import (
	"os"
	"strconv"
	"sync"
	"testing"
)

// fillers is how many issue at once until the database has the size that is asked
// for.
const fillers = 64

// BenchmarkIssueDelayed is BenchmarkIssue with commits of log and database as they
// come, and 5 ms slower, as on a disk of rotating iron: what is waited for then is
// the disk alone, and only group commit helps. CHANCERY_GROWN is how many certificates
// there are before the clock starts.
func BenchmarkIssueDelayed(b *testing.B) {
	for _, delay := range []string{"0ms", "5ms"} {
		b.Run("delay="+delay, func(b *testing.B) {
			onBoth(b, func(b *testing.B) {
				h := newHand(b)
				h.grows(b)
				h.serving("CHANCERY_FAULT_DELAY=" + delay)
				h.measures(b, 64, 256)
			})
		})
	}
}

// grows issues what CHANCERY_GROWN says.
func (h hand) grows(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("CHANCERY_GROWN"))
	if err != nil {
		return // not asked for
	}
	csr, err := os.ReadFile(h.request("grown.lab.example"))
	if err != nil {
		b.Fatal(err)
	}
	_, service := h.serving()
	var all sync.WaitGroup
	for range fillers {
		all.Go(func() {
			if err := h.issuesMany(b.Context(), csr, n/fillers); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	if err := service.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		b.Fatal(err)
	}
}
