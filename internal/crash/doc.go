// SPDX-License-Identifier: Apache-2.0

// Package crash has no program: its tests run signer, lifecycle and store in one
// process on one simulated disk, end it at every call (FT-01), let every call fail
// (FT-03), and check with package verifyall what is left. The real processes are
// killed by the tests of cmd/chancery. Start reading at explore_test.go.
package crash
