// SPDX-License-Identifier: Apache-2.0

// Package faults is what a test build (tag faults) can be told to do otherwise than
// a release: another clock, slow commits, sudden death at a named point, a light
// key derivation. In a release every function here does nothing, and a test scans
// the binary for it.
//
// A test build reads, each time a process starts:
//
//	CHANCERY_FAULT_CLOCK=-90m        the wall clock is that much off
//	CHANCERY_FAULT_DELAY=5ms         each commit takes that much longer
//	CHANCERY_FAULT_POINT=signed:3    the process kills itself as it passes the point for
//	                                 the third time
//	CHANCERY_FAULT_LIGHT=1           key derivation takes the least that is accepted
package faults
