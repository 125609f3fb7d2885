// SPDX-License-Identifier: Apache-2.0

package verifyall

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/big"
	"slices"
	"strings"

	"chancery/audit"
	"chancery/ca"
)

// Evidence is what is held against each other.
type Evidence struct {
	// Log is the log with all checkpoints that anybody has seen as its Kept.
	Log  audit.Verification
	Book audit.Book
	// Settled says that front and signer have settled and nothing is under way: then
	// nothing may be open either.
	Settled bool
	// Told are the certificates in DER that clients were given, by their own lists.
	// Signed are all that the signer gave out, also to a front that died with them;
	// nil if nobody could see them.
	Told, Signed [][]byte
}

// A Result counts what was found to be in order.
type Result struct {
	Report    audit.Report
	Agreement audit.Agreement
}

// Check gives an error that names the first promises that do not hold.
func Check(e Evidence) (Result, error) {
	rows := map[string][][]byte{}
	e.Book.Certificates = noted(e.Book.Certificates, rows)
	var out Result
	var err error
	if out.Report, out.Agreement, err = audit.Compare(e.Log, e.Book); err != nil {
		return out, fmt.Errorf("verify the log: %w", err)
	}
	var faults []error
	if a := out.Agreement; a.Count > 0 {
		faults = append(faults, fmt.Errorf("log and book differ in %d places: %v", a.Count, a.First))
	} else if e.Settled && (a.Unsettled > 0 || a.Unclosed > 0 || out.Report.Open > 0) {
		faults = append(faults, fmt.Errorf("settled, and %d leaves have no row, %d rows no end, %d intents are open", a.Unsettled, a.Unclosed, out.Report.Open))
	}
	for id, ders := range rows {
		if len(ders) > 1 {
			faults = append(faults, fmt.Errorf("%d rows have the serial %s", len(ders), id))
		}
	}
	return out, errors.Join(append(faults, held(e, rows)...)...)
}

// noted passes rows on, and notes them by issuer and serial; a void row has no DER.
func noted(all iter.Seq2[audit.Row, error], rows map[string][][]byte) iter.Seq2[audit.Row, error] {
	return func(yield func(audit.Row, error) bool) {
		for r, err := range all {
			if err == nil {
				rows[string(r.Serial)] = append(rows[string(r.Serial)], bytes.Clone(r.DER))
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// held holds what people have against the book.
func held(e Evidence, rows map[string][][]byte) (faults []error) {
	for _, der := range e.Told {
		serial, err := serialOf(der)
		if err != nil {
			return append(faults, err)
		}
		if has := rows[serial]; len(has) == 0 {
			faults = append(faults, fmt.Errorf("a client has the certificate %s, and the book has none", serial))
		} else if !bytes.Equal(has[0], der) {
			faults = append(faults, fmt.Errorf("a client has the certificate %s, and the book has another or has it void", serial))
		}
	}
	signed := map[string][]byte{}
	for _, der := range e.Signed {
		serial, err := serialOf(der)
		if err != nil {
			return append(faults, err)
		}
		if before, ok := signed[serial]; ok && !bytes.Equal(before, der) {
			faults = append(faults, fmt.Errorf("the serial %s was signed twice", serial))
		}
		signed[serial] = der
		has := rows[serial]
		switch {
		case !e.Settled:
		case len(has) == 0:
			faults = append(faults, fmt.Errorf("%s was signed, and the book knows nothing of it", serial))
		case len(has[0]) > 0 && !bytes.Equal(has[0], der):
			faults = append(faults, fmt.Errorf("%s was signed, and the book has another certificate of it", serial))
		}
	}
	return faults
}

// serialOf reads the serial out of a certificate as the book writes it.
func serialOf(der []byte) (string, error) {
	var version int
	var serialNumber *big.Int
	var whole, tbs asn1.RawValue
	if _, err := asn1.Unmarshal(der, &whole); err != nil {
		return "", fmt.Errorf("read a certificate: %w", err)
	}
	if _, err := asn1.Unmarshal(whole.Bytes, &tbs); err != nil {
		return "", fmt.Errorf("read a certificate: %w", err)
	}
	rest, err := asn1.UnmarshalWithParams(tbs.Bytes, &version, "explicit,tag:0")
	if err == nil {
		_, err = asn1.Unmarshal(rest, &serialNumber)
	}
	if err != nil {
		return "", fmt.Errorf("read a certificate: %w", err)
	}
	serial, err := ca.SerialFromBytes(serialNumber.Bytes())
	return string(serial), err
}

// Segments gives the log's files out of the names of its directory.
func Segments(names []string, open func(name string) (io.ReadCloser, error)) []audit.SegmentFile {
	var out []audit.SegmentFile
	for _, name := range names {
		stem, ok := strings.CutSuffix(name, ".seg")
		if !ok {
			continue
		}
		s := audit.SegmentFile{Name: name, Open: func() (io.ReadCloser, error) { return open(name) }}
		if slices.Contains(names, stem+".hash") {
			s.Hashes = func() (io.ReadCloser, error) { return open(stem + ".hash") }
		}
		out = append(out, s)
	}
	return out
}
