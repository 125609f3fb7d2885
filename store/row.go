// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"chancery/ca"
)

// A scanner is a row of sql.Rows or sql.Row.
type scanner interface{ Scan(into ...any) error }

// scanCertificate reads the columns of a certificate.
func scanCertificate(row scanner) (ca.Certificate, error) {
	var c ca.Certificate
	var issuer, digest, key []byte
	var names, annotation string
	var begin, end, issued, revoked, since int64
	var last ca.Revoked
	err := row.Scan(&c.ID, &c.Kind, &issuer, &c.Serial, &c.Authority, &c.Request, &c.Profile, &digest, &c.Owner, &c.Door,
		&names, &c.Common, &key, &c.KeyType, &begin, &end, &issued, &c.DER, &c.Undelivered, &revoked, &since, &last.Last, &last.Step, &last.Reason, &annotation)
	if err != nil {
		return c, err
	}
	c.NotBefore, c.NotAfter, c.IssuedAt = instant(begin), instant(end), instant(issued)
	c.DER = filled(c.DER)
	c.Steps = last.Step
	if last.Step > 0 && last.Reason != ca.RemoveFromCRL {
		if last.At = instant(revoked); since != 0 {
			last.InvalidSince = instant(since)
		}
		c.Revoked = &last
	}
	if err := json.Unmarshal([]byte(names), &c.Names); err != nil {
		return c, fmt.Errorf("read the names of row %d: %w", c.ID, err)
	}
	if annotation != "" {
		if err := json.Unmarshal([]byte(annotation), &c.Annotation); err != nil {
			return c, fmt.Errorf("read the annotation of row %d: %w", c.ID, err)
		}
	}
	return c, errors.Join(intoDigest(&c.IssuerKey, issuer), intoDigest(&c.ProfileDigest, digest), intoDigest(&c.Key, key))
}

// scanRepeated reads the columns of a certificate, and what tells whether another
// request is the same as the one it came of.
func scanRepeated(row scanner) (ca.Request, ca.Certificate, error) {
	var q ca.Request
	var end, at int64
	c, err := scanCertificate(scanFunc(func(into ...any) error { return row.Scan(append(into, &q.ID, &q.CSR, &end, &at, &q.Line)...) }))
	q.Profile, q.NotAfter, q.At = c.Profile, instant(end), instant(at)
	return q, c, err
}

// A scanFunc is a row that is read in a way of its own.
type scanFunc func(into ...any) error

func (f scanFunc) Scan(into ...any) error { return f(into...) }

// intoDigest takes a column of 32 octets.
func intoDigest(d *ca.Digest, b []byte) error {
	if len(b) != len(d) {
		return fmt.Errorf("a digest in the book has %d octets", len(b))
	}
	copy(d[:], b)
	return nil
}

// millis is a time as the book keeps it.
func millis(t time.Time) int64 { return t.UnixMilli() }

// sinceColumn is an invalidity date, 0 for none.
func sinceColumn(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

// instant is the time of a column, in UTC.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// blob is b as a column that cannot be NULL: drivers take nil for NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// filled gives nil for an empty column.
func filled(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// reversed writes a DNS name from the last label to the first with a dot after
// each, so that all names below a suffix are one range: "example.lab." and on.
func reversed(dns string) []byte {
	labels := strings.Split(dns, ".")
	out := make([]byte, 0, len(dns)+1)
	for i := len(labels) - 1; i >= 0; i-- {
		out = append(append(out, labels[i]...), '.')
	}
	return out
}

// below gives the range of reversed names below a suffix, without the suffix
// itself: from is excluded, to is the first beyond ('/' follows '.').
func below(suffix string) (from, to []byte) {
	from = reversed(suffix)
	to = append([]byte(nil), from...)
	to[len(to)-1]++
	return from, to
}

// A searchName is a row of the table name.
type searchName struct {
	value    string
	reversed []byte
}

// searchNames are what a certificate is found by, each value once.
func searchNames(c ca.Certificate) []searchName {
	out := make([]searchName, 0, len(c.Names)+1)
	seen := make(map[string]bool, len(c.Names)+1)
	for _, n := range c.Names {
		v := strings.ToLower(n.Value)
		if v == "" || seen[v] {
			continue
		}
		seen[v] = true
		row := searchName{value: v}
		if n.Type == ca.DNS {
			row.reversed = reversed(v)
		}
		out = append(out, row)
	}
	if v := strings.ToLower(c.Common); v != "" && !seen[v] {
		out = append(out, searchName{value: v})
	}
	return out
}
