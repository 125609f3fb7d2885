// SPDX-License-Identifier: Apache-2.0

//go:build faults

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// fillers is how many issue at once until the database has the size that is asked
// for.
const fillers = 64

// BenchmarkIssueDelayed is BenchmarkIssue with commits of log and database as they
// come, and 5 ms slower, as on a disk of rotating iron: what is waited for then is
// the disk alone, and only group commit helps. Both are measured with few
// certificates, and once more with as many as CHANCERY_GROWN says.
func BenchmarkIssueDelayed(b *testing.B) {
	onBoth(b, func(b *testing.B) {
		h := newHand(b)
		sizes := []int{0}
		if n, err := strconv.Atoi(os.Getenv("CHANCERY_GROWN")); err == nil && n > 0 {
			sizes = append(sizes, n)
		}
		for _, size := range sizes {
			b.Run(fmt.Sprintf("certs=%d", size), func(b *testing.B) {
				h := hand{b, h.dir}
				h.grows(b, size)
				for _, delay := range []string{"0ms", "5ms"} {
					b.Run("delay="+delay, func(b *testing.B) {
						h := hand{b, h.dir}
						_, service := h.serving("CHANCERY_FAULT_DELAY=" + delay)
						h.measures(b, 64, 256)
						stop(b, service)
					})
				}
			})
		}
	})
}

// grows issues n certificates.
func (h hand) grows(b *testing.B, n int) {
	if n == 0 {
		return
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
	stop(b, service)
}

// stop ends a service as Ctrl-C does.
func stop(b *testing.B, service *exec.Cmd) {
	b.Helper()
	if err := service.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		b.Fatal(err)
	}
}
