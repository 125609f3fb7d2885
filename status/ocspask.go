// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"chancery/ca"
)

const (
	// maxQuestions is how many wait for the signer: a second of its work. More would only
	// wait until whoever asked has given up.
	maxQuestions = 4096
	// maxWishes is the most of one call, and flights how many calls are under way: while one
	// is signed the answers of the other go out.
	maxWishes, flights = 64, 2
	// maxDue is how many answers wait to be signed again; others are noted the next time
	// they are asked for.
	maxDue = 1024
	// watchEvery is how often it is looked whether authorities or other nodes' revocations
	// are new.
	watchEvery = time.Second
	// bookTime bounds a look into the book.
	bookTime = 2 * time.Second
)

// A question is on its way to the signer.
type question struct {
	names *issuers
	by    int // the authority that answers
	ids   []ca.CertID
	nonce []byte
	// keep says that the answer may be said again, key under which name, and before how
	// many steps there were when it was asked.
	keep   bool
	key    key
	before uint32

	wish ca.OCSPWish
	done chan ca.OCSPAnswer // takes the one answer; never waited for by who sends it
}

// ask has a question answered by the signer.
func (o *OCSP) ask(ctx context.Context, q *question) (spoken, error) {
	if !o.current(o.o.Now()) {
		return spoken{}, errTryLater
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	q.wish = ca.OCSPWish{Authority: q.names.all[q.by].Name, Nonce: q.nonce, Queries: make([]ca.OCSPQuery, len(q.ids))}
	for i := range q.ids {
		q.wish.Queries[i].CertID = q.ids[i]
		if q.names.find(&q.ids[i]) != q.by {
			continue // the signer does not know it, whatever the number
		}
		var err error
		if q.wish.Queries[i].ID, err = o.located(ctx, certificate{q.names.all[q.by].Key, q.ids[i].Serial}); err != nil {
			return spoken{}, fmt.Errorf("%w: %w", errTryLater, err)
		}
	}
	q.done = make(chan ca.OCSPAnswer, 1)
	select {
	case o.queue <- q:
	default:
		return spoken{}, fmt.Errorf("%w: too many ask", errTryLater)
	}
	select {
	case a := <-q.done:
		return o.hear(q, a)
	case <-ctx.Done():
		return spoken{}, fmt.Errorf("%w: %w", errTryLater, ctx.Err())
	}
}

// located gives the id of a certificate's row, zero if there is none.
func (o *OCSP) located(ctx context.Context, c certificate) (ca.ID, error) {
	if id, known := o.places.find(c); known {
		return id, nil
	}
	id, err := o.o.Index.Located(ctx, c.issuerKey, c.serial)
	if err == nil && id != 0 { // one that is not there may come
		o.places.note(c, id)
	}
	return id, err
}

// hear takes in what the signer said.
func (o *OCSP) hear(q *question, a ca.OCSPAnswer) (s spoken, err error) {
	if p := a.Problem; p != nil && p.Code == ca.E3004 { // it has ended, and so has whatever it signed
		return s, errUnauthorized
	} else if p != nil {
		return s, fmt.Errorf("%w: %w", errTryLater, a.Problem)
	}
	if len(a.Singles) != len(q.ids) || len(a.DER) == 0 {
		return s, fmt.Errorf("the signer gave %d answers for %d certificates", len(a.Singles), len(q.ids))
	}
	s = spoken{a.DER, a.Singles[0].ThisUpdate, a.Singles[0].NextUpdate}
	for _, one := range a.Singles {
		o.count(one.Status)
		if one.NextUpdate.Before(s.next) {
			s.next = one.NextUpdate
		}
	}
	o.counts.signed.Add(1)
	// What was made elsewhere has no row in the book, and its steps have none either: nobody
	// would tell of them.
	if q.keep && q.wish.Queries[0].ID != 0 {
		o.kept.put(q.names, q.key, q.before, a.DER)
	}
	return s, nil
}

// again has an answer signed again without anybody waiting for it.
func (o *OCSP) again(q *question) {
	o.mu.Lock()
	_, waits := o.renewing[q.key.sum]
	if !waits && len(o.renewing) < maxDue {
		o.renewing[q.key.sum] = struct{}{}
		o.due <- q // it has room for as many
	}
	o.mu.Unlock()
}

// Run signs, and keeps what is known of the book, until ctx ends.
func (o *OCSP) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range flights {
		group.Go(func() error { return o.fly(ctx) })
	}
	group.Go(func() error { return o.renew(ctx) })
	group.Go(func() error { return o.watch(ctx) })
	return group.Wait()
}

// fly brings questions to the signer, all that wait at once.
func (o *OCSP) fly(ctx context.Context) error {
	for {
		var batch []*question
		select {
		case <-ctx.Done():
			return ctx.Err()
		case q := <-o.queue:
			batch = append(batch, q)
		}
		for more := true; more && len(batch) < maxWishes; {
			select {
			case q := <-o.queue:
				batch = append(batch, q)
			default:
				more = false
			}
		}
		o.bring(ctx, batch)
	}
}

// bring asks the signer once.
func (o *OCSP) bring(ctx context.Context, batch []*question) {
	wishes := make([]ca.OCSPWish, len(batch))
	for i, q := range batch {
		wishes[i] = q.wish
	}
	call, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	said, err := o.o.Responder.OCSP(call, wishes)
	if err == nil && len(said) != len(batch) {
		err = fmt.Errorf("%d answers for %d wishes", len(said), len(batch))
	}
	if err != nil {
		o.told(ctx, err)
		said = make([]ca.OCSPAnswer, len(batch))
		for i := range said {
			said[i].Problem = ca.Unavailable(ca.E2301, "the signer does not answer", "try again in a moment")
		}
	}
	for i, q := range batch {
		q.done <- said[i]
	}
}

// renew signs answers again.
func (o *OCSP) renew(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case q := <-o.due:
			if _, err := o.ask(ctx, q); err != nil {
				o.told(ctx, err)
			}
			o.mu.Lock()
			delete(o.renewing, q.key.sum)
			o.mu.Unlock()
		}
	}
}

// told writes down why nothing is signed, at most once in a while: strangers ask as
// often as they like.
func (o *OCSP) told(ctx context.Context, err error) {
	const quiet = time.Minute
	if ctx.Err() != nil {
		return // it ends
	}
	now := o.o.Now()
	o.mu.Lock()
	silent := now.Sub(o.toldAt).Abs() < quiet
	if !silent {
		o.toldAt = now
	}
	o.mu.Unlock()
	if !silent {
		o.o.Log.Warn("OCSP responses are not signed", "error", err)
	}
}

// watch keeps what is known of authorities and of what others revoked.
func (o *OCSP) watch(ctx context.Context) error {
	for {
		o.look(ctx)
		if err := pause(ctx, watchEvery); err != nil {
			return err
		}
	}
}

// look reads what is new in the book, once.
func (o *OCSP) look(ctx context.Context) {
	reading, cancel := context.WithTimeout(ctx, bookTime)
	defer cancel()
	all, err := o.o.Shelf.Authorities(reading)
	if err == nil && len(all) > 0 { // generations are never taken out of the book
		if n := o.named.Load(); n == nil || !(&known{all: n.all}).same(all) {
			n = newIssuers(all)
			o.kept.clear(n) // the certificate of an authority may have been revoked, or another key signs its answers
			o.named.Store(n)
		}
	}
	at := o.o.Now()
	for err == nil {
		o.mu.Lock()
		since := o.seen
		o.mu.Unlock()
		var steps []ca.Revocation
		var logs int
		var more bool
		if steps, logs, more, err = o.o.Index.Steps(reading, since); err != nil {
			break
		}
		o.take(since, steps)
		if !more {
			o.trueAt.Store(at.Unix())
			o.alone.Store(logs <= 1 && !o.o.Apart)
			return
		}
	}
	if err != nil {
		o.told(ctx, fmt.Errorf("read what was revoked: %w", err))
	}
}

// take drops what steps have overtaken. Only watch calls it, which owns seen but for
// readers.
func (o *OCSP) take(since map[uint16]ca.ID, steps []ca.Revocation) {
	seen := make(map[uint16]ca.ID, len(since))
	for log, id := range since {
		seen[log] = id
	}
	for _, s := range steps {
		if _, known := since[s.ID.LogNo()]; !known {
			if n := o.named.Load(); n != nil {
				o.kept.clear(n) // who knows since when it has been there
			}
		}
		o.Changed(s.IssuerKey, s.Serial)
		seen[s.ID.LogNo()] = max(seen[s.ID.LogNo()], s.ID)
	}
	o.mu.Lock()
	o.seen = seen
	o.mu.Unlock()
}

// Changed drops what is kept about a certificate that was revoked, held, or given back.
// It is called before anybody is told that the step was taken (security rule RV-07).
func (o *OCSP) Changed(issuerKey ca.Digest, serial ca.Serial) {
	if n := o.named.Load(); n != nil {
		o.kept.drop(n, issuerKey, serial)
	}
}

// current tells whether what is kept is what the book says: nobody else writes revocations
// there, or it was read a moment ago.
func (o *OCSP) current(now time.Time) bool {
	return o.alone.Load() || now.Sub(time.Unix(o.trueAt.Load(), 0)).Abs() <= trueFor
}

// OCSPStats are numbers of an OCSP door, since it was made.
type OCSPStats struct {
	// Good, Revoked and Unknown count answers, Failed refusals of all kinds.
	Good, Revoked, Unknown, Failed int64
	// Hits are answers that were kept, Signed those that the signer made.
	Hits, Signed int64
	// Kept is how many are kept, in Octets; Oldest is when the oldest was signed.
	Kept, Octets int
	Oldest       time.Time
}

// Stats gives the numbers.
func (o *OCSP) Stats() OCSPStats {
	c := &o.counts
	s := OCSPStats{Good: c.good.Load(), Revoked: c.revoked.Load(), Unknown: c.unknown.Load(), Failed: c.failed.Load(), Hits: c.hits.Load(), Signed: c.signed.Load()}
	s.Kept, s.Octets, s.Oldest = o.kept.size()
	return s
}
