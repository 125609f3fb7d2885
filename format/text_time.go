// SPDX-License-Identifier: Apache-2.0

package format

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// badTime stands where a time cannot be read.
const badTime = "Bad time value"

// moment is a time as validity shows it: Jan  2 15:04:05 2026 GMT.
func moment(v element) string {
	text := string(v.content)
	fraction := ""
	var year, digits int
	switch v.tag {
	case asn1.UTCTime:
		digits = 2
	case asn1.GeneralizedTime:
		digits = 4
	default:
		return badTime
	}
	zone := strings.IndexAny(text, "Z+-")
	if zone < 0 || zone < digits+8 {
		return badTime
	}
	clock, rest := text[:zone], text[zone:]
	if i := strings.IndexByte(clock, '.'); i >= 0 && digits == 4 {
		clock, fraction = clock[:i], clock[i:]
		if len(fraction) < 2 || !allDigits(fraction[1:]) {
			return badTime
		}
	}
	if !allDigits(clock) || (len(clock) != digits+10 && (len(clock) != digits+8 || fraction != "")) {
		return badTime
	}
	year, _ = strconv.Atoi(clock[:digits])
	if digits == 2 {
		if year += 1900; year < 1950 {
			year += 100 // RFC 5280 §4.1.2.5.1
		}
	}
	at, ok := calendar(year, clock[digits:])
	if !ok {
		return badTime
	}
	offset, ok := zoneOffset(rest)
	if !ok {
		return badTime
	}
	at = at.Add(-offset)
	return at.Format("Jan _2 15:04:05") + fraction + " " + strconv.Itoa(at.Year()) + " GMT"
}

// calendar is the time of MMDDhhmm or MMDDhhmmss in a year; ok is false if there is no
// such time.
func calendar(year int, clock string) (at time.Time, ok bool) {
	var n [5]int
	for i := range len(clock) / 2 {
		n[i] = int(clock[2*i]-'0')*10 + int(clock[2*i+1]-'0')
	}
	at = time.Date(year, time.Month(n[0]), n[1], n[2], n[3], n[4], 0, time.UTC)
	return at, int(at.Month()) == n[0] && at.Day() == n[1] && n[2] < 24 && n[3] < 60 && n[4] < 60
}

// zoneOffset reads Z or +hhmm.
func zoneOffset(s string) (time.Duration, bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != 5 || !allDigits(s[1:]) {
		return 0, false
	}
	hours, _ := strconv.Atoi(s[1:3])
	minutes, _ := strconv.Atoi(s[3:])
	if hours > 12 || minutes > 59 {
		return 0, false
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func allDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// takeTime reads a time of either type.
func takeTime(in *cryptobyte.String) (element, bool) {
	v, ok := takeAny(in)
	return v, ok && (v.tag == asn1.UTCTime || v.tag == asn1.GeneralizedTime)
}
