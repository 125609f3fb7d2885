// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"encoding/json"
	"fmt"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// maxLeavesPage bounds a page of leaves in octets of leaf and body; the reply
// stays below the client's ceiling when it is written as base64.
const maxLeavesPage = 1 << 20

// A Record is a leaf on its way to the front.
type Record struct {
	Index int64 `json:"index"`
	// Leaf is the exact bytes, Body the content without its salt.
	Leaf []byte `json:"leaf"`
	Body []byte `json:"body,omitempty"`
}

// Outcome says what became of requests: the same answer as Issue gave, or
// E2101 for a request that left no intent, or was voided. It is asked after a
// call of the front ran out of time.
func (s *Signer) Outcome(session int64, ids []ca.RequestID) ([]ca.Answer, error) {
	if err := s.current(session); err != nil {
		return nil, err
	}
	if len(ids) > MaxBatch {
		return nil, ca.Invalid(ca.E1401, fmt.Sprintf("at most %d requests at a time", MaxBatch), "ask in parts")
	}
	answers := make([]ca.Answer, len(ids))
	for n, id := range ids {
		s.mu.Lock()
		i := s.recent.find(ca.Request{ID: id})
		s.mu.Unlock()
		if i == nil {
			answers[n] = ca.Answer{Problem: ca.NotFound(ca.E2101, "this request left no certificate", "send it again")}
		} else {
			answers[n] = s.again(i)
		}
		answers[n].Request = id
	}
	return answers, nil
}

// again gives the answer of an intent once more: from memory while it is open,
// else from the journal.
func (s *Signer) again(i *intent) ca.Answer {
	s.mu.Lock()
	answer, final := i.answer, i.final
	s.mu.Unlock()
	if answer.DER != nil {
		return answer
	}
	unknown := ca.Answer{Problem: ca.Unavailable(ca.E2301, "this request is not settled yet", "ask again in a moment")}
	if final < 0 {
		return unknown
	}
	first, err := s.journal.Leaf(i.index)
	if err != nil {
		return unknown
	}
	last, err := s.journal.Leaf(final)
	if err != nil {
		return unknown
	}
	var body ca.FinalBody
	if err := json.Unmarshal(last.Body, &body); err != nil {
		return unknown
	}
	return ca.Answer{Index: i.index, Leaf: first.Bytes, DER: body.DER}
}

// Checkpoint gives the newest checkpoint, and proofs that go with it. What the checkpoint does
// not speak of yet is E2101: one is signed each second while there is something new.
func (s *Signer) Checkpoint(q ca.ProofWish) (ca.Proof, error) {
	c, signed, err := s.journal.Promise()
	if err != nil {
		return ca.Proof{}, ca.Unavailable(ca.E2301, "there is no checkpoint yet", "try again in a moment").Because(err.Error())
	}
	out := ca.Proof{Checkpoint: string(signed), Key: s.journal.VerifierKey(), Size: c.Size, Root: ca.Digest(c.Root)}
	if q.Leaf < -1 || q.Since < 0 {
		return ca.Proof{}, ca.Invalid(ca.E1401, "neither a leaf nor a size is negative", "leave out what is not wanted")
	}
	if q.Leaf >= c.Size || q.Since > c.Size {
		return ca.Proof{}, ca.NotFound(ca.E2101, fmt.Sprintf("the newest checkpoint is about %d leaves", c.Size), "ask for less, or again in a second")
	}
	if q.Leaf >= 0 {
		proof, err := s.journal.Inclusion(q.Leaf, c.Size)
		if err != nil {
			return ca.Proof{}, fmt.Errorf("prove leaf %d: %w", q.Leaf, err)
		}
		out.Inclusion = digests(proof)
	}
	if q.Since > 0 {
		proof, err := s.journal.Consistency(q.Since, c.Size)
		if err != nil {
			return ca.Proof{}, fmt.Errorf("prove the tree of %d leaves: %w", q.Since, err)
		}
		out.Consistency = digests(proof)
	}
	return out, nil
}

func digests(all []audit.Hash) []ca.Digest {
	out := make([]ca.Digest, len(all))
	for i, h := range all {
		out[i] = ca.Digest(h)
	}
	return out
}

// maxReads is how many single leaves a minute the front is given. It wants them for a call of
// somebody who may read or revoke, or who guesses a password; a front that asks for more would
// keep the disk from those who issue.
const maxReads = 10_000

// Leaf reads one leaf that is durable. It makes none so: strangers can have the front ask, and
// must not set the pace at which the log is synced. What is not there is E2101, too many a
// minute E2301; neither touches the disk.
func (s *Signer) Leaf(index int64) (Record, error) {
	if !s.founded() {
		return Record{}, unfounded()
	}
	s.mu.Lock()
	may := s.reads.take(1, maxReads, s.Now())
	s.mu.Unlock()
	switch {
	case !may:
		return Record{}, ca.Busy(ca.E2301, fmt.Sprintf("more than %d leaves were read in a minute", maxReads), "go on in a minute")
	case index < 0 || index >= s.journal.Size():
		return Record{}, ca.NotFound(ca.E2101, fmt.Sprintf("the log has no leaf %d", index), "ask for one that is there")
	}
	r, err := s.journal.Leaf(index)
	if err != nil {
		return Record{}, fmt.Errorf("read leaf %d: %w", index, err)
	}
	return Record{Index: index, Leaf: r.Bytes, Body: r.Body}, nil
}

// Leaves reads a page of durable leaves from an index on; an empty page means
// that there are no more. Everything appended before the call is made durable
// first, so that the reader sees the FINAL of every intent that has one.
func (s *Signer) Leaves(from int64) ([]Record, error) {
	if from < 0 {
		return nil, ca.Invalid(ca.E1401, "a leaf's index is not negative", "start at 0")
	}
	if err := s.journal.Sync(); err != nil {
		return nil, fmt.Errorf("make the log durable: %w", err)
	}
	var page []Record
	size := 0
	err := s.journal.Scan(from, func(r journal.Record) error {
		if size += len(r.Bytes) + len(r.Body); size > maxLeavesPage && len(page) > 0 {
			return journal.ErrStop
		}
		// The journal's buffer is ours only until this returns.
		page = append(page, Record{Index: r.Index, Leaf: bytes.Clone(r.Bytes), Body: bytes.Clone(r.Body)})
		return nil
	})
	return page, err
}
