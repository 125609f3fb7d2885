// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"time"
)

// A Level is how bad a Check is. Only failed ones keep the service from being ready.
type Level string

// The levels.
const (
	Fine   Level = "ok"
	Warned Level = "warn"
	Failed Level = "fail"
)

// A Check is one thing that was looked at while the service runs. Its ID is that of
// `chancery doctor`, which looks deeper, and without the service.
type Check struct {
	ID    string `json:"id"`
	Level Level  `json:"level"`
	// Code is that of the problem, if it has one; Message says it in plain words.
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// A LineState says whether a line of authorities can sign.
type LineState struct {
	Line string `json:"line"`
	// Signs is the generation that signs; empty if none can.
	Signs string `json:"signs,omitempty"`
	// Problem is why nothing is signed for this line; nil if it is.
	Problem *Problem `json:"problem,omitempty"`
}

// LinesOf says of each line whether it can sign as far as its authorities go, in the order
// of their first generations; those that are bound know what has fallen above them. Lines
// whose generations are all retired are left out, unless they are named: then somebody
// counts on them.
func LinesOf(all []Authority, named []string, now time.Time) []LineState {
	var lines []string
	for _, a := range all {
		if a.Kind == Issuing && !a.External && a.State != Retired {
			lines = append(lines, a.Line)
		}
	}
	seen := map[string]bool{}
	var out []LineState
	for _, line := range slices.Concat(lines, named) {
		if seen[line] || line == "" {
			continue
		}
		seen[line] = true
		newest := Signing(all, line)
		switch {
		case newest == nil:
			out = append(out, LineState{Line: line, Problem: NobodySigns(line, all)})
		case now.After(newest.NotAfter):
			out = append(out, LineState{Line: line, Problem: Unavailable(E3004, newest.Name+" ended on "+newest.NotAfter.Format(time.DateOnly), "chancery ca rollover "+newest.Name)})
		default:
			out = append(out, LineState{Line: line, Signs: newest.Name})
		}
	}
	return out
}

// Signing is the generation that signs for a line, nil if none can.
func Signing(all []Authority, line string) *Authority {
	var newest *Authority
	for i, a := range all {
		if a.Line == line && a.Kind == Issuing && a.State == Active && a.Fallen == "" && (newest == nil || a.NewerThan(*newest)) {
			newest = &all[i]
		}
	}
	return newest
}
