// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// An Unknown is an intent of which nobody here can say whether its certificate was
// handed out: the database went back (a restore, an older standby), and the log has
// no certificate either (docs/recovery.md, "The mark went back").
type Unknown struct {
	// Index is the INTENT's leaf.
	Index     int64     `json:"index"`
	Authority string    `json:"authority"`
	Serial    Serial    `json:"serial"`
	Names     []Name    `json:"names,omitempty"`
	Common    string    `json:"common_name,omitempty"`
	Profile   string    `json:"profile"`
	Owner     string    `json:"owner"`
	At        time.Time `json:"at"`
	NotAfter  time.Time `json:"not_after"`
}

// A Decision is what an officer says of an Unknown: that it is void, which revokes
// its serial number for good, or that this certificate was handed out.
type Decision struct {
	Void bool
	DER  []byte
}
