// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"chancery/ca"
	"chancery/signer"
)

// The bodies of the calls that are more than one of the signer's own types.

type batch struct {
	Session int64        `json:"session"`
	Wishes  []ca.Request `json:"wishes"`
}

type answers struct {
	Answers []ca.Answer `json:"answers"`
}

type outcome struct {
	Session  int64          `json:"session"`
	Requests []ca.RequestID `json:"requests"`
}

type leaves struct {
	From int64 `json:"from"`
}

type leaf struct {
	Index int64 `json:"index"`
}

type policies struct {
	Below int64 `json:"below"`
}

type page struct {
	Records []signer.Record `json:"records"`
}

type settlements struct {
	Session     int64           `json:"session"`
	Settlements []ca.Settlement `json:"settlements"`
}

type revocations struct {
	Session     int64         `json:"session"`
	Revocations []ca.Revoking `json:"revocations"`
}

type revoked struct {
	Answers []ca.RevokeAnswer `json:"answers"`
}

type asking struct {
	Wishes []ca.OCSPWish `json:"wishes"`
}

type said struct {
	Answers []ca.OCSPAnswer `json:"answers"`
}

type listing struct {
	Session int64 `json:"session"`
	ca.ListWish
	// DryRun says what the complete list would be, and makes none: the reply is that.
	DryRun bool `json:"dry_run,omitempty"`
}

// inheritHeader is the header of a call that says what the list in its body is about, as
// JSON of signer.Inheritance.
const inheritHeader = "Chancery-Inheritance"

type empty struct{}
