// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"sync"
	"time"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

const (
	// maxQueue is how many wishes wait for the signer: some seconds of work. More
	// would only wait until their requesters give up.
	maxQueue = 1024
	// maxStall is how long requesters wait while log and book are being settled.
	maxStall = 5 * time.Second
	// callTime bounds one call to the signer or the book on behalf of many. It is
	// longer than the signer's own limits, so that those speak first.
	callTime = 30 * time.Second
)

// Options are what a Registrar works with. What may be left out says so; all else must be set.
type Options struct {
	Book    Book
	Shelf   Shelf
	Records Records
	Issuer  Issuer
	Log     Log
	// Leaf reads one leaf that is durable; a Log's Leaves would have all durable first.
	Leaf func(ctx context.Context, index int64) (Record, error)
	// Condemned gives the first REVOKED leaf of a log for keyCompromise of each key of which
	// end-entity certificates still stand or are held, first ones first.
	Condemned func(ctx context.Context, logNo uint16, now time.Time) ([]ca.ID, error)
	// Promiser says what the log promises. It may be nil where nobody asks.
	Promiser Promiser
	Now      func() time.Time
	// Vouched are the authorities, which the Registrar keeps as the log has them.
	Vouched *Vouched
	// Constraints reads the name constraints of certificates; see check.Constraints.
	Constraints func(certificates ...[]byte) ([]ca.NameConstraints, error)
	// Subject reads the fields of a distinguished name in DER; see check.Subject. It may
	// be nil where no profile says match.
	Subject func(name []byte) (ca.Subject, error)
	// CSR reads a certification request in DER, Profile the document of a profile.
	CSR     func(der []byte) (ca.CSR, error)
	Profile func(document []byte) (ca.Profile, error)
	// Proof verifies the signature of a request in DER by the request's own key.
	Proof func(der []byte) error
	// Tokens has the API tokens. It may be nil where nobody signs in with one.
	Tokens Tokens
	// Bundle reads the profiles of a policy bundle, by name.
	Bundle func(document []byte) (map[string]ca.Profile, error)
	// Account is the operating-system account of the front, which owns the book's
	// files; zero is root.
	Account int
	// Version is the program's, Database the engine's name, DatabaseID the id made
	// with the schema.
	Version, Database, DatabaseID string
	// Weak names the list of known keys that has a SubjectPublicKeyInfo, or gives ""; it may
	// be nil.
	Weak func(spki []byte) string
	// Foresee has the signer judge a request as it would if it came to be signed, by what is in
	// force or with the document of a profile that is not. The error is its Problem. It may
	// be nil where nothing is planned.
	Foresee func(ctx context.Context, q ca.Request, document string) error
	// Past has what happened to certificates, Archive the policies of then. They may be nil
	// where nothing is explained.
	Past    Past
	Archive Archive
	// Space says how many octets the disk has free, and in all, that book or signer will fill
	// first. It may be nil.
	Space func() (free, total int64, err error)
	// Lists are the published lists, Feeds the compact feeds. Both are nil where nothing is
	// published.
	Lists Lists
	Feeds Feeds
	// Spoilt says why a published list that only a ceremony can make again is not the one that
	// was made last, nil if it is. It may be nil.
	Spoilt func(ca.Authority) error
	// FeedsKept says that the service keeps feeds by itself, so that a late one is a fault.
	FeedsKept bool
	// Watched are further checks of Ready, which others look at. It may be nil.
	Watched func() []ca.Check
	// Report takes what went wrong between front, signer and book, for the log. It
	// may be nil.
	Report func(error)
}

// A Registrar is what every door talks to. It is safe for concurrent use. Until
// Run is running nothing is issued, but what can be read is read, by whom the
// policy lets (security rule RO-05).
type Registrar struct {
	o     Options
	queue chan *wish
	// refusals wait for the log.
	refusals refusals
	// revokings wait to be taken; steps are being taken, Run's alone.
	revokings chan *revoking
	steps     []*revoking
	// decide says that an officer has decided something.
	decide chan struct{}
	// errands wait for the log.
	errands chan *errand
	// rehearsing is held by the one rehearsal that goes on.
	rehearsing chan struct{}
	// annotating is held while an annotation is changed.
	annotating chan struct{}
	// guesses are at challenge passwords.
	guesses *guesses
	// tokens are those in force.
	tokens issuedTokens
	// again are wishes the signer sent back untouched; Run's alone.
	again []*wish

	mu sync.Mutex
	// rules are the policy the signer last said is in force; nil before it said any.
	rules *policy.Bundle
	// view is what the last settling left; nil before the first.
	view *view
	// seen is how many leaves the log had when its length was last asked for.
	seen int64
	// underway are the wishes not yet answered, by claim.
	underway map[string]*wish
	// held are the wishes under way by what they must have for themselves; see alone.
	held map[string][]*wish
	// problem is why nothing is issued now; closed says that requesters are not
	// even kept waiting; frozen that this lasts until a restart.
	problem        *ca.Problem
	closed, frozen bool
	// unwilling is why the signer signed nothing when last heard of: its keys are locked,
	// its clock is wrong, too much is unsettled; nil if it signs.
	unwilling *ca.Problem
	// decided are what officers have said, by intent.
	decided map[int64]ca.Decision
	// changed is closed, and replaced, whenever one of the above changes.
	changed chan struct{}
}

// New makes a Registrar. Run makes it issue.
func New(o Options) (*Registrar, error) {
	if o.Book == nil || o.Shelf == nil || o.Records == nil || o.Issuer == nil || o.Log == nil || o.Condemned == nil || o.Now == nil || o.Bundle == nil || o.Vouched == nil || o.Constraints == nil || o.CSR == nil || o.Profile == nil || o.Proof == nil {
		return nil, errors.New("a registrar needs book, shelf, issuer, log, clock, authorities, and readers of bundles, profiles, requests, their signatures and constraints")
	}
	if (o.Lists == nil) != (o.Feeds == nil) || o.FeedsKept && o.Feeds == nil {
		return nil, errors.New("a registrar publishes lists and feeds, or neither")
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.Subject == nil {
		o.Subject = func([]byte) (ca.Subject, error) { return nil, nil }
	}
	return &Registrar{
		o: o, queue: make(chan *wish, maxQueue), revokings: make(chan *revoking, maxQueue), underway: map[string]*wish{}, held: map[string][]*wish{}, changed: make(chan struct{}),
		errands: make(chan *errand, maxErrands), rehearsing: make(chan struct{}, 1), annotating: make(chan struct{}, 1), decide: make(chan struct{}, 1), decided: map[int64]ca.Decision{}, guesses: newGuesses(),
		problem: ca.Unavailable(ca.E2301, "the service is starting", "try again in a moment"),
	}, nil
}

// Submit asks for a certificate and waits until it is in the book. c must be
// q.CSR as internal/csr parsed it. The door makes a new q.ID for each call, also
// when the same request is sent again: what makes two calls one is q.Key. A zero
// q.Digest takes the profile's version in force.
//
// The same (door, actor, key) gives the same certificate for 24 hours; with
// another content it is refused (E2302), and so it is once that certificate was revoked or
// held (E2111). The error is a ca.Problem for whatever
// the requester can do something about: E1305 for want of a role, policy.Vet's and the signer's, E2118 for
// an unknown profile, E1406 while nothing is issued until an officer acts, and
// E2301 if the outcome is not known, or too many wait. When ctx ends, a request
// that is already at the signer goes on, and asking again finds its certificate.
func (r *Registrar) Submit(ctx context.Context, q ca.Request, c ca.CSR) (ca.Issued, error) {
	if _, err := r.ready(ctx); err != nil {
		return ca.Issued{}, err
	}
	if err := r.allow(ctx, q.From, access.Submit); err != nil {
		return ca.Issued{}, err
	}
	return r.submit(ctx, q, c, nil)
}

// submit is Submit for whom that, or a renewal, was allowed. The certificate that is
// replaced, if there is one, is revoked with the new one.
func (r *Registrar) submit(ctx context.Context, q ca.Request, c ca.CSR, old *replaced) (ca.Issued, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return ca.Issued{}, err
	}
	if r.full() {
		return ca.Issued{}, diskFull()
	}
	rules, err := v.rules(&q)
	if err != nil {
		r.Refuse(q.From, err)
		return ca.Issued{}, err
	}
	w, mine, err := r.join(q)
	if err != nil {
		r.Refuse(q.From, err)
		return ca.Issued{}, err
	}
	if mine {
		w.replaces = old
		r.start(ctx, v, rules, w, c)
	}
	issued, err := r.wait(ctx, w)
	if err == nil { // it may be what another token of the same owner asked for
		err = inScope(q.From, issued.Certificate.Profile, issued.Certificate.Names, issued.Certificate.Common)
	}
	if err == nil {
		if err = gone(issued.Certificate); err != nil {
			r.Refuse(q.From, err)
		}
	}
	if err != nil {
		return ca.Issued{}, err
	}
	return issued, nil
}

// diskFull is why nothing is issued while full says so.
func diskFull() *ca.Problem {
	return ca.Unavailable(ca.E1407, "the service's disk is nearly full, so nothing is issued", "free space on it (chancery doctor --only disk); revoking goes on")
}

// full tells whether the disk is too full to issue (security rule IS-09). A
// disk that cannot be asked is not: the commit itself will say.
func (r *Registrar) full() bool {
	if r.o.Space == nil {
		return false
	}
	free, total, err := r.o.Space()
	return err == nil && ca.NearlyFull(free, total)
}

// ready waits for the first settling, and gives the view in force.
func (r *Registrar) ready(ctx context.Context) (*view, error) {
	for {
		r.mu.Lock()
		v, closed, problem, changed := r.view, r.closed, r.problem, r.changed
		r.mu.Unlock()
		switch {
		case closed:
			return nil, problem
		case v != nil:
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, gaveUp()
		}
	}
}
