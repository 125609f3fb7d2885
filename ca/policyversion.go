// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// A PolicyVersion is a policy that was put in force.
type PolicyVersion struct {
	// Version rises from policy to policy, from 1.
	Version int64 `json:"version"`
	// Leaf is the index of the log's leaf that holds the whole document.
	Leaf int64 `json:"leaf"`
	// At is when the signer put it in force, By the account whose policy key signed it.
	At time.Time `json:"at"`
	By string    `json:"by"`
	// SHA256 is that of its document.
	SHA256 Digest `json:"sha256"`
	// Changes says in words what it changed of the one before; empty for the first.
	Changes []string `json:"changes"`
}
