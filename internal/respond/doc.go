// SPDX-License-Identifier: Apache-2.0

// Package respond is what HTTP doors share: reading a bounded strict body,
// writing JSON, turning errors into problem documents (RFC 9457), choosing a form
// by the Accept header.
//
// It knows no verb and no route, and it decides nothing about rights. Start at
// Fail, then Body.
package respond
