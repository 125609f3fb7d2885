// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls do(0) … do(n-1) on all cores and returns when all are done.
// Checking and signing are pure computation, and a batch is at most 256.
func each(n int, do func(int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
