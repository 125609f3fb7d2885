// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"strconv"
	"strings"
)

// An Order is what a list of certificates is sorted by, among equals by id.
type Order string

// The orders of a list of certificates.
const (
	ByID     Order = "id" // the newest first
	ByIssued Order = "issued"
	ByEnd    Order = "expiry"
	ByEnded  Order = "ended" // the last to end first
	ByCommon Order = "name"
)

// Order is the order of a list. What ends comes by its end, and what was issued since a
// moment by that, unless another order is asked for: each has an index of it, and the
// newest of all may be none of them.
func (f Filter) Order() Order {
	switch {
	case f.Sort == string(ByEnd) || f.Sort == string(ByCommon):
		return Order(f.Sort)
	case f.Part() != "":
		return ByID
	case !f.IssuedSince.IsZero():
		return ByIssued
	case f.Sort == "" && (f.Status == "expiring" || !f.ExpiringBefore.IsZero()):
		return ByEnd
	case f.Sort == "" && f.Status == "expired":
		return ByEnded
	}
	return ByID
}

// Part is what names must contain, in lower case, or empty; a star for a pattern that no
// index answers.
func (f Filter) Part() string {
	begun, ended := strings.CutPrefix(f.Name, "*")
	inner, both := strings.CutSuffix(begun, "*")
	switch {
	case f.Search != "":
		return strings.ToLower(f.Search)
	case ended && both && inner != "":
		return strings.ToLower(inner)
	case f.Name == "*":
		return "*"
	case ended && strings.HasPrefix(begun, ".") && !strings.Contains(begun, "*"), !strings.Contains(strings.TrimSuffix(f.Name, "*"), "*"):
		return ""
	}
	return "*"
}

// A Cursor says where a page of a list ended. The row alone would be taken in any order, and
// the page after it be an arbitrary one.
type Cursor struct {
	Order Order
	ID    ID
}

// MarshalText writes a cursor: the row's number, after the order's word and a dot where that
// is not ByID.
func (c Cursor) MarshalText() ([]byte, error) {
	text := strconv.FormatInt(int64(c.ID), 10)
	if c.Order != ByID && c.Order != "" {
		text = string(c.Order) + "." + text
	}
	return []byte(text), nil
}

// UnmarshalText reads what MarshalText wrote; the Problem is E1401.
func (c *Cursor) UnmarshalText(text []byte) error {
	word, number, found := strings.Cut(string(text), ".")
	if !found {
		word, number = string(ByID), word
	}
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || id < 1 || found && word == string(ByID) {
		return Invalid(E1401, "this is not a cursor of ours", "take next_cursor of the page before").At("cursor")
	}
	*c = Cursor{Order(word), ID(id)}
	return nil
}
