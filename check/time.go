// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"time"
)

// validity reads two times, the first before the second.
func validity(r *reader) (notBefore, notAfter time.Time, err error) {
	body, err := r.content(tagSequence)
	if err != nil {
		return notBefore, notAfter, err
	}
	in := reader{body}
	if notBefore, err = readTime(&in); err != nil {
		return notBefore, notAfter, err
	}
	if notAfter, err = readTime(&in); err != nil {
		return notBefore, notAfter, err
	}
	if !notBefore.Before(notAfter) {
		return notBefore, notAfter, errors.New("it ends before it begins")
	}
	return notBefore, notAfter, in.end()
}

// readTime reads UTCTime for 1950 to 2049 and GeneralizedTime from 2050, both
// with seconds and in UTC (RFC 5280 §4.1.2.5, security rule TI-01).
func readTime(r *reader) (time.Time, error) {
	if r.at(tagUTCTime) {
		c, err := r.content(tagUTCTime)
		if err != nil {
			return time.Time{}, err
		}
		year, ok := digits(c, 2)
		if !ok {
			return time.Time{}, errors.New("malformed UTCTime")
		}
		if year += 1900; year < 1950 {
			year += 100
		}
		return calendar(year, c[2:])
	}
	c, err := r.content(tagGeneralizedTime)
	if err != nil {
		return time.Time{}, err
	}
	year, ok := digits(c, 4)
	if !ok || year < 2050 {
		return time.Time{}, errors.New("malformed GeneralizedTime, or one before 2050")
	}
	return calendar(year, c[4:])
}

// calendar reads MMDDHHMMSSZ. What time.Date would have to normalise, such as
// the 31st of April or second 60, does not exist.
func calendar(year int, c []byte) (time.Time, error) {
	var part [5]int
	if len(c) != 11 || c[10] != 'Z' {
		return time.Time{}, errors.New("a time is not in seconds of UTC")
	}
	for i := range part {
		n, ok := digits(c[2*i:], 2)
		if !ok {
			return time.Time{}, errors.New("a time has something else than digits")
		}
		part[i] = n
	}
	t := time.Date(year, time.Month(part[0]), part[1], part[2], part[3], part[4], 0, time.UTC)
	if int(t.Month()) != part[0] || t.Day() != part[1] || t.Hour() != part[2] || t.Minute() != part[3] || t.Second() != part[4] {
		return time.Time{}, errors.New("a time does not exist")
	}
	return t, nil
}

// digits reads the first n octets as a decimal number.
func digits(c []byte, n int) (int, bool) {
	if len(c) < n {
		return 0, false
	}
	v := 0
	for _, d := range c[:n] {
		if d < '0' || d > '9' {
			return 0, false
		}
		v = 10*v + int(d-'0')
	}
	return v, true
}
