// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"chancery/ca"
)

// A when is a time as every flag takes it: a moment, the begin of a day here, or a span
// from now, which counts forward or back as the flag means.
type when struct {
	text  string
	at    time.Time // of a moment
	span  time.Duration
	given bool
}

// timeForms are shown wherever a time is not understood.
const timeForms = "write it as 90d, 12h, 2027-06-30 or 2027-06-30T12:00:00Z"

// pastForms are the same for times that are over.
const pastForms = "write it as 2027-06-30 or 2027-06-30T12:00:00Z, or as 90d or 12h for so long ago"

// maxSpan is more than anything here lives, and less than what a duration holds.
const maxSpan = 36525 * 24 * time.Hour

var errNoTime = errors.New("it is no time")

// Set reads what was typed (pflag.Value).
func (w *when) Set(text string) error {
	got := when{text: text, given: true}
	if text == "now" {
		*w = got
		return nil
	}
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > uint64(maxSpan/(24*time.Hour)) {
			return errNoTime
		}
		got.span = time.Duration(n) * 24 * time.Hour
		*w = got
		return nil
	}
	if span, err := time.ParseDuration(text); err == nil {
		if got.span = span; span < 0 || span > maxSpan {
			return errNoTime
		}
		*w = got
		return nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return errNoTime
	}
	got.at = at.UTC().Truncate(time.Second) // as certificates and lists have them
	*w = got
	return nil
}

// String writes it as it was typed.
func (w *when) String() string { return w.text }

// Type is what help calls it.
func (w *when) Type() string { return "time" }

// ahead is the moment that a span ends at which begins now; the zero time if nothing was
// given.
func (w *when) ahead(now time.Time) time.Time { return w.moment(now, w.span) }

// ago is the moment at which a span began that ends now.
func (w *when) ago(now time.Time) time.Time { return w.moment(now, -w.span) }

func (w *when) moment(now time.Time, span time.Duration) time.Time {
	switch {
	case !w.given:
		return time.Time{}
	case !w.at.IsZero():
		return w.at
	}
	return now.Add(span).UTC().Truncate(time.Second)
}

// noTime is the one refusal of what is no time.
func noTime(flag, text string) error {
	forms := timeForms
	switch flag {
	case "revoke-old":
		forms = "write it as now, 7d or 2027-06-30"
	case "invalid-since", "issued-since":
		forms = pastForms
	}
	return usage("--"+flag+" takes a time, and got "+ca.Show(text), forms)
}

// onDay and atTime are how people read times: those of where they are. JSON has UTC.
func onDay(t time.Time) string  { return t.Local().Format(time.DateOnly) }
func atTime(t time.Time) string { return t.Local().Format(time.DateTime + " MST") }

// dayLength is how long a day is as onDay writes it.
const dayLength = len(time.DateOnly)

// isDay tells whether a text is a day as onDay writes it.
func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}
