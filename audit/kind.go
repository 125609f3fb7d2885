// SPDX-License-Identifier: Apache-2.0

package audit

import "strconv"

// A Kind says what a leaf records. The numbers are part of the format and are
// never given a second meaning; a signer that meets one it does not know
// refuses to start, because it could not settle what the leaf means.
type Kind uint8

// The kinds.
const (
	// Genesis is leaf 0 and no other: log id and number, database, assurance.
	Genesis Kind = 1
	// Intent holds the exact bytes that are about to be signed.
	Intent Kind = 2
	// Final cites an Intent: the signature exists; Digest is the certificate's.
	Final Kind = 3
	// Void cites an Intent: it was never signed, or never will be delivered.
	Void Kind = 4
	// Adopted takes in a certificate of ours whose Intent is on no log.
	Adopted Kind = 5
	// Abandoned cites a Revoked or FrontEvent whose row could not be written.
	Abandoned Kind = 6
	// Revoked is a revocation, of one certificate or of many.
	Revoked Kind = 7
	// CRL is the issue of a revocation list: its number, length and digest.
	CRL Kind = 8
	// FrontEvent is an event of the front half: a login, an approval, a setting.
	FrontEvent Kind = 9
	// Refusal is a wish that was refused.
	Refusal Kind = 10
	// Bundle is a policy bundle that came into force.
	Bundle Kind = 11
	// Key is a step in the life of a key.
	Key Kind = 12
	// Authority is the founding of a generation, or a change of its state.
	Authority Kind = 13
	// Session is a start, a stop or a hello.
	Session Kind = 14
	// Time is a correction of the clock's floor.
	Time Kind = 15
	// Reconciled says that this node knows all revocations of a timeline.
	Reconciled Kind = 16
	// Earlier are revocations of an imported key from before it was here, of certificates
	// that are on no log.
	Earlier Kind = 17
	// Responder is the certificate of an OCSP responder of an authority: its bytes before
	// they are signed, and what was signed, which cites that.
	Responder Kind = 18
	// Feed is a compact revocation feed, before it is signed.
	Feed Kind = 19
)

// kinds are the names, in the order of the numbers.
var kinds = [...]string{"none", "genesis", "intent", "final", "void", "adopted", "abandoned", "revoked", "crl",
	"front-event", "refusal", "bundle", "key", "authority", "session", "time", "reconciled", "earlier", "responder", "feed"}

// String gives the kind's name, such as "intent", or "kind N" for an unknown one.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Known tells whether this version knows what the kind means.
func (k Kind) Known() bool { return k >= Genesis && k <= Feed }

// needsRow tells whether the database must hold a row for a leaf of this kind.
func (k Kind) needsRow() bool {
	return k == Intent || k == Revoked || k == FrontEvent || k == Authority
}
