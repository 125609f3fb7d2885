// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"iter"

	"chancery/ca"
)

// A Book is what a comparison reads of the database: the rows of one log. How it
// is read beside a running service is part of it, see Compare: the mark first,
// then the newest row, then all others.
type Book struct {
	// LogNo is the log's number as its segments have it; rows are those whose id
	// has this number.
	LogNo uint16
	// Entered is the number that the book itself has for the log, 0 before the
	// first row.
	Entered uint16
	// Database is the database's id, which the log's genesis names.
	Database string
	// Mark is book_mark: below it each leaf that needs a row has one.
	Mark int64
	// Certificates, Revocations and Events are the rows of these tables with ascending
	// ids, each read once. Rows that came after the newest at the beginning are left out.
	Certificates, Revocations, Events iter.Seq2[Row, error]
	// Tokens and TokenEnds are those of these tables in the same way.
	Tokens, TokenEnds iter.Seq2[Row, error]
	// Authorities are all generations.
	Authorities []ca.AuthorityRow
	// Others are logs of other numbers that rows name, bounded by who reads them.
	Others []OtherLog
}

// A Row is a row of one of the tables that are named after leaves.
type Row struct {
	ID ca.ID
	// Leaf is, in a row of event, the leaf's exact bytes.
	Leaf []byte
	// Issuer and Serial are those of a row of certificate or revocation.
	Issuer ca.Digest
	Serial ca.Serial
	// Kind and DER are a row of certificate. DER is empty in a void row.
	Kind ca.CertificateKind
	DER  []byte
	// Step is the rest of a row of revocation.
	Step Step
	// Token is the digest of the token that a row of token or token_end is about: of a
	// token what its row comes to, zero if its columns contradict each other.
	Token ca.Digest
}

// A Step is what a row of revocation has beside its certificate's serial.
type Step struct {
	// Certificate names the certificate's row.
	Certificate ca.ID
	Number      int64
	Reason      ca.Reason
	By          string
	// At is the revocation date in milliseconds, InvalidSince the invalidity date, 0 for none.
	At, InvalidSince int64
}

// An OtherLog is a log number that rows of the book name and that is not ours.
type OtherLog struct {
	LogNo uint16 `json:"log_no"`
	// Log is its id, empty if the book knows no log of this number.
	Log string `json:"log_id,omitempty"`
	// First is the lowest id of a row that names it.
	First ca.ID `json:"first,string"`
}

// An Agreement is what a comparison of log and book found.
type Agreement struct {
	// Certificates, Voids, Revocations, Events and Authorities count the rows that
	// were held against the log.
	Certificates int64 `json:"certificates"`
	Voids        int64 `json:"voids"`
	Revocations  int64 `json:"revocations"`
	Events       int64 `json:"events"`
	Authorities  int64 `json:"authorities"`
	// Mark is the book's.
	Mark int64 `json:"mark"`
	// Unsettled counts leaves at or above the mark that need a row and have none
	// yet, UnsettledFrom is the lowest of them: what was under way, or what a crash
	// left for the next start to settle. It is no fault.
	Unsettled     int64 `json:"unsettled"`
	UnsettledFrom int64 `json:"unsettled_from,omitempty"`
	// Unclosed counts rows whose FINAL or VOID is not on the log yet, because it was
	// not waited for, or was lost in a crash after which nothing was issued. It is
	// no fault either.
	Unclosed int64 `json:"unclosed"`
	// Others are logs of other nodes, or older ones of this; their rows were not
	// compared.
	Others []OtherLog `json:"others,omitempty"`
	// Count is the number of differences, First the first MaxDifferences of them.
	Count int64        `json:"differences"`
	First []Difference `json:"first,omitempty"`
}

// MaxDifferences is how many differences are listed; all are counted. Who has
// more than a screen of them restores, and does not read on.
const MaxDifferences = 20

// A Difference is a place where log and book do not say the same.
type Difference struct {
	// Leaf is the index in the log, or where it would be.
	Leaf int64 `json:"leaf"`
	// Row is the id of the row, 0 if there is none.
	Row ca.ID `json:"row,omitzero,string"`
	// Serial is what leaf or row have, empty if it is not about a certificate.
	Serial ca.Serial `json:"serial,omitempty"`
	What   string    `json:"what"`
}

// String names leaf, row and serial, then what is wrong.
func (d Difference) String() string {
	text := fmt.Sprintf("leaf %d", d.Leaf)
	if d.Row != 0 {
		text += fmt.Sprintf(", row %d", d.Row)
	}
	if d.Serial != "" {
		text += ", serial " + string(d.Serial)
	}
	return text + ": " + d.What
}

// A stream is a table's rows with the next one in view.
type stream struct {
	table string
	count func(*Row) // in the Agreement
	pull  func() (Row, error, bool)
	stop  func()
	row   Row
	more  bool
}

func newStream(table string, rows iter.Seq2[Row, error], count func(*Row)) *stream {
	s := &stream{table: table, count: count}
	s.pull, s.stop = iter.Pull2(rows)
	return s
}

func (s *stream) advance() error {
	var err error
	if s.row, err, s.more = s.pull(); err != nil {
		return fmt.Errorf("read the rows of %s: %w", s.table, err)
	}
	return nil
}

// at gives the row that names a leaf, if it is the next one, counts it and goes on
// to the one behind it.
func (s *stream) at(index int64) (*Row, error) {
	if !s.more || s.row.ID.Index() != index {
		return nil, nil
	}
	row := s.row
	s.count(&row)
	return &row, s.advance()
}
