// SPDX-License-Identifier: Apache-2.0

// Package access says who may do what: one table of roles and acts, and one
// function that reads it. What the table does not name is refused.
//
// It does not prove who is speaking, which is a door's work, nor judge what is
// asked for, which is package policy's. Start at Allow.
package access
