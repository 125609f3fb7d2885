// SPDX-License-Identifier: Apache-2.0

//go:build !faults

package faults

import "time"

// Clock gives the clock to go by.
func Clock(now func() time.Time) func() time.Time { return now }

// Commit is called as a commit is about to be reported as durable.
func Commit() {}

// Point is called at a place where a death is worth trying.
func Point(string) {}

// Light tells whether keys are to be derived with the least cost.
func Light() bool { return false }
