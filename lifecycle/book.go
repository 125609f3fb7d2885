// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"time"

	"chancery/ca"
	"chancery/policy"
)

// A Book is what the registrar writes to, and what it asks before it writes.
type Book interface {
	// Commit writes all changes and the mark in one durable transaction, or
	// nothing. With no changes it writes the mark alone. lost names requests whose
	// idempotency key somebody else took first: their certificates stand in the
	// book nevertheless. A void row takes no key.
	//
	// ca.ErrTaken says that a row stands in the place of one of the changes, and
	// nothing was written; every other error leaves the outcome unknown.
	Commit(ctx context.Context, changes []ca.Change, next int64) (lost []ca.RequestID, err error)
	// Mark is the leaf index below which every leaf that needs a row has one.
	Mark(ctx context.Context) (int64, error)
	// ByRequest gives the row a request led to, void rows included; a Problem of
	// kind NotFound if there is none.
	ByRequest(ctx context.Context, id ca.RequestID) (ca.Certificate, error)
	// Serial gives the row of a serial number, void rows included.
	Serial(ctx context.Context, issuerKey ca.Digest, serial ca.Serial) (ca.Certificate, bool, error)
	// Repeated gives what an idempotency key stood for in the last 24 hours, the
	// request and the certificate it led to; the request is nil if there is none.
	Repeated(ctx context.Context, door ca.Door, actor, key string) (*ca.Request, ca.Certificate, error)
}

// A Shelf is what the registrar reads for others.
type Shelf interface {
	// Find resolves a public name, a serial, a serial's tail or a name, among all
	// certificates, or those of an owner and of authorities.
	Find(ctx context.Context, ref, owner string) ([]ca.Certificate, error)
	// Certificates gives a page, newest first.
	Certificates(ctx context.Context, f ca.Filter) ([]ca.Certificate, error)
	// Asked gives a page of a profile's standing certificates with their requests, newest
	// first, those below an id, zero for the first page.
	Asked(ctx context.Context, profile string, below ca.ID, now time.Time, limit int) ([]ca.Asked, error)
	// CSR gives the request in DER that a row names; nil if it is not here.
	CSR(ctx context.Context, id ca.RequestID) ([]byte, error)
	// Counts says how many certificates stand where at a moment, and, as far as is quickly
	// told, how many of the valid are of some authorities.
	Counts(ctx context.Context, now time.Time, fallen []string) (ca.Counts, error)
}

// An Issuer turns cleared drafts into certificates. Sign is called by at most two
// goroutines at once, and never while the log is being settled.
type Issuer interface {
	// Sign gives an answer for each draft, in order. A *ca.Problem says that
	// nothing was done with any of them; any other error leaves the outcome of all
	// unknown, and the caller settles before it signs again. With no drafts it does
	// nothing, and says whether it would sign.
	Sign(ctx context.Context, drafts []policy.Cleared) ([]ca.Answer, error)
}

// A Log is the signer's log as the front settles by it.
type Log interface {
	// Hello opens a session and closes older ones, after the batches they have in
	// flight are done.
	Hello(ctx context.Context, databaseID string, next int64) (ca.Session, error)
	// Leaves gives a page of durable leaves from an index on, in order and without
	// gaps; an empty page is the end.
	Leaves(ctx context.Context, from int64) ([]Record, error)
	// Append puts an event on the log, and gives its leaf when it is durable. It
	// needs a row. After an error the outcome is unknown.
	Append(ctx context.Context, e ca.EventBody) (ca.Placed, error)
	// Revoke takes steps, and gives an answer for each, in order, when its leaf is
	// durable. Repeating it changes nothing. A *ca.Problem says that nothing was done.
	Revoke(ctx context.Context, steps []ca.Revoking) ([]ca.RevokeAnswer, error)
	// Settle closes intents and revocations; all leaves it makes are durable on return. Repeating
	// it changes nothing.
	Settle(ctx context.Context, settlements []ca.Settlement) error
}

// A Record is a leaf as the signer hands it out.
type Record struct {
	Index int64
	// Leaf is the exact bytes, Body the content without its salt; an erased body
	// is empty.
	Leaf []byte
	Body []byte
}
