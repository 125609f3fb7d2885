// SPDX-License-Identifier: Apache-2.0

// Package vfs puts SQLite on a simulated disk: a VFS of SQLite's whose files lie on
// disks of package sim, and whose locks and shared memory are those of one process.
// So log and database lie on one disk, whose every call a test can end at.
//
// It does not count reads as calls, and does not model a second process. Start
// reading at Mount.
package vfs
