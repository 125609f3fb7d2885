// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// A view is what a settling found to be in force. It is immutable.
type view struct {
	session  ca.Session
	bundle   policy.Bundle
	profiles map[string]ca.Profile
	// authorities are bound: they know what their chains let them sign.
	authorities []ca.Authority
	settled     settled
	weak        func(spki []byte) string
}

// A wish is a request on its way to a certificate. Several requesters may wait
// for one. The Registrar's mu guards issued, err, waiting and sent.
type wish struct {
	request ca.Request
	claim   string
	cleared policy.Cleared
	tries   int // how often it was at the signer; Run's alone
	// replaces is what is revoked with it; nil for nothing.
	replaces *replaced
	// proven tells whether its request's signature verifies; it may take a millisecond.
	proven func() bool
	// holds are its keys of Registrar.held; mu guards it.
	holds []string

	done    chan struct{} // closed when issued and err are final
	issued  ca.Issued
	err     error
	waiting int
	sent    bool
}

// New makes a Registrar. Run makes it issue.
func New(o Options) (*Registrar, error) {
	if o.Book == nil || o.Shelf == nil || o.Records == nil || o.Issuer == nil || o.Log == nil || o.Now == nil || o.Bundle == nil || o.Vouched == nil || o.Constraints == nil || o.CSR == nil || o.Profile == nil || o.Proof == nil {
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

// rules gives what a request is judged by, and fills in the profile's version.
func (v *view) rules(q *ca.Request) (policy.Rules, error) {
	if p := v.knows(q.Profile); p != nil {
		return policy.Rules{}, p
	}
	p := v.profiles[q.Profile]
	if q.Digest.IsZero() {
		q.Digest = p.Digest
	}
	var err error
	if q.Line, err = v.lineOf(q.Line); err != nil {
		return policy.Rules{}, err
	}
	line, err := policy.Line(p, q.Line)
	if err != nil {
		return policy.Rules{}, err
	}
	newest := ca.Signing(v.authorities, line) // the one that the signer takes
	switch {
	case newest != nil:
		rules := v.bundle.Rules(p, *newest)
		rules.Weak = v.weak
		return rules, nil
	case len(v.authorities) == 0:
		return policy.Rules{}, noAuthority()
	}
	return policy.Rules{}, ca.NobodySigns(line, v.authorities)
}

// knows refuses a profile that is not in force, nil for one that is.
func (v *view) knows(profile string) *ca.Problem {
	if _, ok := v.profiles[profile]; ok {
		return nil
	}
	known := slices.Sorted(maps.Keys(v.profiles))
	return ca.NotFound(ca.E2118, "there is no profile "+ca.Show(profile), "use one of "+strings.Join(known[:min(len(known), maxCandidates)], ", "))
}

// lineOf is the line that a requester's word means, which may be the name of the generation
// that signs for it: who names another one shall not get a certificate of a key that he
// did not mean.
func (v *view) lineOf(named string) (string, error) {
	at := slices.IndexFunc(v.authorities, func(a ca.Authority) bool { return a.Name == named })
	line := slices.ContainsFunc(v.authorities, func(a ca.Authority) bool { return a.Line == named })
	switch {
	case named == "" || line || at < 0:
		return named, nil
	case v.authorities[at].Kind != ca.Issuing:
		return "", ca.Refused(ca.E2122, named+" signs authorities, and no requests", "name an issuing authority: chancery ca list").At("authority")
	case v.authorities[at].State != ca.Active:
		return "", ca.Refused(ca.E2122, named+" is "+string(v.authorities[at].State)+" and signs no new certificates", "name its line, whose active generation signs: "+v.authorities[at].Line).At("authority")
	}
	return v.authorities[at].Line, nil
}

// chain gives the certificates from a generation up to its root.
func (v *view) chain(name string) [][]byte {
	var out [][]byte
	for range v.authorities { // no chain is longer, whatever the parents say
		parent := ""
		for _, a := range v.authorities {
			if a.Name == name {
				out, parent = append(out, a.Certificate), a.Parent
			}
		}
		if parent == "" || parent == name {
			break
		}
		name = parent
	}
	return out
}

// claimOf is what two requests share that must lead to one certificate. Quotes
// keep texts from a requester from running into each other.
func claimOf(q ca.Request) string {
	if q.Key == "" {
		return "id " + string(q.ID)
	}
	return "key " + strconv.Quote(string(q.Door)) + strconv.Quote(q.From.ID) + strconv.Quote(q.Key)
}

// join finds the wish of the same claim that is under way, or begins one.
func (r *Registrar) join(q ca.Request) (w *wish, mine bool, err error) {
	claim := claimOf(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed { // since it was ready; nobody would answer a wish that comes now
		return nil, false, r.problem
	}
	if w, ok := r.underway[claim]; ok {
		if !w.request.Same(q) || w.request.From.ID != q.From.ID {
			return nil, false, otherContent()
		}
		w.waiting++
		return w, false, nil
	}
	w = &wish{request: q, claim: claim, proven: r.proven(q), done: make(chan struct{}), waiting: 1}
	r.underway[claim] = w
	return w, true, nil
}

// proven verifies a request's signature when it is first asked.
func (r *Registrar) proven(q ca.Request) func() bool {
	return sync.OnceValue(func() bool {
		switch {
		case len(q.Whole) > 0:
			return r.o.Proof(q.Whole) == nil
		case q.Renews != 0: // it was verified when the first certificate was made
			return true
		}
		return r.o.Proof(q.CSR) == nil
	})
}

// start takes a new wish to the queue, or answers it at once. What it asks of
// the book it asks for all who join, so it does not end with the first of them.
func (r *Registrar) start(ctx context.Context, v *view, rules policy.Rules, w *wish, c ca.CSR) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxStall)
	defer cancel()
	before, ok, err := r.repeated(ctx, w.request)
	switch {
	case err != nil:
		r.Refuse(w.request.From, err)
		r.finish(w, ca.Issued{}, err)
		return
	case ok:
		r.finish(w, ca.Issued{Certificate: before, Chain: v.chain(before.Authority), Repeated: true}, nil)
		return
	}
	if w.cleared, err = policy.Vet(rules, w.request, c, r.o.Now()); err == nil {
		draft := w.cleared.Draft()
		err = inScope(w.request.From, w.request.Profile, draft.Names, draft.Subject.Get(ca.OIDCommonName))
	}
	if err == nil {
		err = r.alone(ctx, w, rules.Profile)
	}
	if err != nil {
		r.Refuse(w.request.From, err)
		r.finish(w, ca.Issued{}, err)
		return
	}
	select {
	case r.queue <- w:
	default:
		r.finish(w, ca.Issued{}, ca.Busy(ca.E2301, "too many requests are waiting", "try again in a minute"))
	}
}

// wait waits for a wish's answer. One that nobody waits for any more is given up
// if it is not yet at the signer.
func (r *Registrar) wait(ctx context.Context, w *wish) (ca.Issued, error) {
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w.waiting--
	select {
	case <-w.done:
		return w.issued, w.err
	default:
	}
	if w.waiting == 0 && !w.sent {
		r.finishLocked(w, ca.Issued{}, gaveUp())
	}
	return ca.Issued{}, gaveUp()
}

// finish answers a wish, once: later answers are dropped.
func (r *Registrar) finish(w *wish, issued ca.Issued, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finishLocked(w, issued, err)
}

func (r *Registrar) finishLocked(w *wish, issued ca.Issued, err error) {
	select {
	case <-w.done:
		return
	default:
	}
	w.issued, w.err = issued, err
	if r.underway[w.claim] == w {
		delete(r.underway, w.claim)
	}
	r.release(w)
	close(w.done)
}

// waits tells whether somebody waits for a request.
func (r *Registrar) waits(id ca.RequestID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.underway {
		if w.request.ID == id && w.waiting > 0 {
			return true
		}
	}
	return false
}

// gaveUp is the answer to a requester whose time ran out.
func gaveUp() *ca.Problem {
	return ca.Unavailable(ca.E2301, "the time for this request ran out", "ask again for the same request")
}

// sendAgain is the answer to a requester whose request left no certificate, or may
// have left one that nobody could look up.
func sendAgain() *ca.Problem {
	return ca.Unavailable(ca.E2301, "the service was interrupted while it worked on this", "send the request again; it is never signed twice")
}
