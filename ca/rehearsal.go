// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// A Trial asks what a profile's document would make of requests, before it is in force.
type Trial struct {
	// Document is the profile in TOML; its name says which profile it would replace.
	Document string `json:"document"`
	// Limit is how many standing certificates are judged at most, newest first, 1 to
	// MaxTried; zero is MaxTried.
	Limit int `json:"limit,omitempty"`
}

// MaxTried is how many certificates one rehearsal judges: some seconds of work.
const MaxTried = 100_000

// MaxCases is how many cases a rehearsal lists; it counts the others.
const MaxCases = 1000

// A Rehearsal says what would become of the standing certificates of a profile if each
// was asked for again under another document, beside what the one in force makes of it.
type Rehearsal struct {
	Profile string `json:"profile"`
	// Checked were judged, of which Same would become what they are today, Changed
	// something else, Refused nothing; Gained are refused today and would not be then.
	Checked int `json:"checked"`
	Same    int `json:"same"`
	Changed int `json:"changed"`
	Refused int `json:"refused"`
	Gained  int `json:"gained"`
	// More says that there are older ones which were not judged.
	More bool `json:"more,omitempty"`
	// Cases are those that are not the same, newest first, 1000 (MaxCases) at most; none for whoever
	// may not read what others asked for.
	Cases []RehearsedCase `json:"cases"`
}

// A RehearsedCase is one certificate whose renewal would go another way.
type RehearsedCase struct {
	// Certificate is its public name.
	Certificate string    `json:"certificate"`
	Title       string    `json:"title"`
	Owner       string    `json:"owner"`
	NotAfter    time.Time `json:"not_after"`
	// Problem is why it would be refused; nil if it would not.
	Problem *Problem `json:"problem,omitempty"`
	// Changes say in plain words what would be otherwise.
	Changes []string `json:"changes,omitempty"`
}

// An Asked is a certificate with the request that it came of.
type Asked struct {
	Certificate Certificate
	Request     Request
}
