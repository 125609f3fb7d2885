// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// maxEventText bounds each text of an event; the log keeps them for good.
const maxEventText = 256

// refusalsEvery is how often calls refused unread are summed up on the log.
const refusalsEvery = time.Minute

// A FrontEvent is what the front says happened on its side.
type FrontEvent struct {
	Session int64        `json:"session"`
	Event   ca.EventBody `json:"event"`
}

// Append puts an event of the front on the log and returns when it is durable.
func (s *Signer) Append(e FrontEvent) (ca.Placed, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	if err := s.current(e.Session); err != nil {
		return ca.Placed{}, err
	}
	for _, text := range []string{e.Event.Kind, e.Event.By, e.Event.About} {
		if len(text) > maxEventText || !ca.PlainText(text) {
			return ca.Placed{}, ca.Invalid(ca.E1401, fmt.Sprintf("a text of an event has control characters or more than %d octets", maxEventText), "shorten it")
		}
	}
	body, err := json.Marshal(e.Event)
	if err != nil {
		return ca.Placed{}, fmt.Errorf("write the event: %w", err)
	}
	if err := s.admits(e.Event); err != nil {
		return ca.Placed{}, err
	}
	placed, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.FrontEvent}, Body: body}})
	if err != nil {
		return ca.Placed{}, fmt.Errorf("journal the event: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.take(e.Event)
	return ca.Placed{Index: placed[0].Index, Leaf: placed[0].Bytes}, nil
}

// A Reason is why a call was refused before it was read.
type Reason string

// The reasons.
const (
	UnknownMethod Reason = "unknown method"
	WrongAccount  Reason = "wrong account"
	BadBody       Reason = "bad body"
)

// A refusal is what refused calls are counted by. Accounts are few: the kernel
// vouches for them.
type refusal struct {
	uid    int
	reason Reason
}

// RefusedCalls is the body of a REFUSAL leaf about calls that were refused
// unread. They are counted and not logged each: a hostile front must not fill
// the disk.
type RefusedCalls struct {
	UID    int    `json:"uid"`
	Reason Reason `json:"reason"`
	Calls  int    `json:"calls"`
}

// Refuse counts a call that was refused before it was read.
func (s *Signer) Refuse(uid int, why Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[refusal{uid, why}]++
}

// refuseRegularly puts the counted refusals on the log once a minute until ctx
// ends, and once more then.
func (s *Signer) refuseRegularly(ctx context.Context) error {
	t := time.NewTicker(refusalsEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.logRefusals()
		case <-t.C:
			if err := s.logRefusals(); err != nil {
				return err
			}
		}
	}
}

func (s *Signer) logRefusals() error {
	s.mu.Lock()
	counted := s.refusals
	s.refusals = map[refusal]int{}
	s.mu.Unlock()
	var entries []journal.Entry
	for r, n := range counted {
		body, err := json.Marshal(RefusedCalls{UID: r.uid, Reason: r.reason, Calls: n})
		if err != nil {
			return fmt.Errorf("write the refusals: %w", err)
		}
		entries = append(entries, journal.Entry{Leaf: audit.Leaf{Kind: audit.Refusal}, Body: body})
	}
	if len(entries) == 0 {
		return nil
	}
	if err := s.journal.Later(entries, nil); err != nil {
		return fmt.Errorf("journal the refusals: %w", err)
	}
	return nil
}
