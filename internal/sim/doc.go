// SPDX-License-Identifier: Apache-2.0

// Package sim is a disk in memory that is as forgetful as real ones may be: what
// was not synced may be lost at a power cut, whole or in parts and in any order,
// contents and names alike. It implements journal.FS, counts the calls that change
// something, and lets a test decide the outcome of each: done, failed, a lie, or
// the death of the process.
//
// It is for tests only, and does not model a disk that loses what was synced, nor
// folders being made. Start reading at New, then Disk.Kill and Disk.Cut.
package sim
