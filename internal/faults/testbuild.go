// SPDX-License-Identifier: Apache-2.0

//go:build faults

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The variables; see the package comment.
const (
	clockVariable = "CHANCERY_FAULT_CLOCK"
	delayVariable = "CHANCERY_FAULT_DELAY"
	pointVariable = "CHANCERY_FAULT_POINT"
	lightVariable = "CHANCERY_FAULT_LIGHT"
)

// A faultPlan is what the variables ask for.
type faultPlan struct {
	off, delay time.Duration
	point      string
	left       atomic.Int64 // passes of the point until death
}

// plan reads the variables once. What cannot be read ends the process: a fault that
// is not injected is a test that cannot fail.
var plan = sync.OnceValue(func() *faultPlan {
	p := &faultPlan{off: duration(clockVariable), delay: duration(delayVariable)}
	if v := os.Getenv(pointVariable); v != "" {
		name, times, ok := strings.Cut(v, ":")
		n, err := strconv.Atoi(times)
		if !ok || err != nil || n < 1 {
			wrong(pointVariable)
		}
		p.point = name
		p.left.Store(int64(n))
	}
	return p
})

func duration(variable string) time.Duration {
	v := os.Getenv(variable)
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		wrong(variable)
	}
	return d
}

func wrong(variable string) {
	fmt.Fprintf(os.Stderr, "chancery: the variable %s of a test build cannot be read\n", variable)
	os.Exit(2)
}

// Clock gives the clock to go by.
func Clock(now func() time.Time) func() time.Time {
	off := plan().off
	return func() time.Time { return now().Add(off) }
}

// Commit is called as a commit is about to be reported as durable.
func Commit() { time.Sleep(plan().delay) }

// Point is called at a place where a death is worth trying.
func Point(name string) {
	p := plan()
	if name != p.point || p.left.Add(-1) != 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing comes after it
	select {}
}

// Light tells whether keys are to be derived with the least cost.
func Light() bool { return os.Getenv(lightVariable) == "1" }
