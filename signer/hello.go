// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// Protocol is the number of the socket's protocol; both sides must have the same.
const Protocol = 1

// A Hello is what the front says of itself when it opens a session.
type Hello struct {
	Protocol int `json:"protocol"`
	// Version is the program's version, for the log only.
	Version string `json:"version"`
	// Boot is the front's boot id: random, new at each start.
	Boot string `json:"boot_id"`
	// Database is the id made with the database's schema.
	Database string `json:"database_id"`
	// Log is the log id the database knows, empty if it knows none yet.
	Log string `json:"log_id"`
	// Next is the database's mark: below it every leaf that needs a row has one.
	Next int64 `json:"next"`
}

// Hello opens a session and closes the ones before it, after the batches they
// have in flight are done. The answer's Durable is what the front must settle
// up to before its first wish.
//
// A front of another protocol, database or log is refused (E1402, E1405), and
// so is a mark above the log's end: the journal is older than the database, and
// signing on would use serials and indices the book has seen (E1406).
func (s *Signer) Hello(h Hello) (ca.Session, error) {
	if h.Protocol != Protocol {
		return ca.Session{}, ca.Conflict(ca.E1402, "front and signer speak different protocols", "restart the older one: chancery serve").
			Because(fmt.Sprintf("the front speaks %d, the signer %d", h.Protocol, Protocol))
	}
	if !s.founded() {
		return ca.Session{}, unfounded()
	}
	id := s.journal.LogIDText()
	if h.Database != s.genesis.Database || h.Log != "" && h.Log != id {
		return ca.Session{}, ca.Conflict(ca.E1405, "the database belongs to another installation",
			"point front and signer at parts of the same installation").
			Because(fmt.Sprintf("the database %s knows log %q; this signer has log %s for database %s", h.Database, h.Log, id, s.genesis.Database))
	}
	s.flights.Lock() // waits out the batches of older sessions
	defer s.flights.Unlock()
	// What was appended without waiting becomes durable now, so that settling
	// cannot void an intent whose FINAL is still in the page cache.
	if err := s.journal.Sync(); err != nil {
		return ca.Session{}, fmt.Errorf("make the log durable: %w", err)
	}
	if size := s.journal.Size(); h.Next > size {
		return ca.Session{}, ca.Conflict(ca.E1406, "the journal is older than the database",
			"restore journal and database from the same moment, or see docs/recovery.md").
			Because(fmt.Sprintf("the database was settled up to leaf %d, the log has %d", h.Next, size))
	}
	if err := s.greeted(h); err != nil {
		return ca.Session{}, err
	}
	lists := s.sealedLists()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session++
	s.numbered = s.journal.Size()
	out := s.describe()
	out.SealedLists = lists
	return out, nil
}

// sealedLists are those of ca.Session. The caller holds flights.
func (s *Signer) sealedLists() map[string]int64 {
	out := map[string]int64{}
	s.listing.Lock()
	defer s.listing.Unlock()
	for name, l := range s.lists {
		if a := s.rules.Load().authorities[l.Authority]; a != nil && a.Kind != ca.Issuing {
			out[name] = l.Number
		}
	}
	return out
}

// describe fills a session's facts. The caller holds mu.
func (s *Signer) describe() ca.Session {
	r := s.rules.Load()
	all := make([]ca.Authority, 0, len(r.authorities))
	for _, name := range slices.Sorted(maps.Keys(r.authorities)) {
		all = append(all, r.authorities[name].Authority)
	}
	return ca.Session{
		Number: s.session, Boot: s.boot, Log: s.journal.LogIDText(), LogNo: s.journal.LogNo(),
		Durable: s.journal.Size(), Unsettled: len(s.recent.open), Sealed: !s.unlocked,
		Policy: r.document, Tokens: s.tokens.all(s.Now()), Authorities: all, Assurance: r.bundle.Assurance, Unseparated: s.Unseparated,
	}
}

// greeted leaves a SESSION leaf that cites the mark: a database that is found
// behind it later was taken back, by a restore or an older standby, and settling
// must not void what it has forgotten (docs/recovery.md).
func (s *Signer) greeted(h Hello) error {
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write the session: %w", err)
	}
	if _, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Session, Cites: h.Next}, Body: body}}); err != nil {
		return fmt.Errorf("journal the session: %w", err)
	}
	return nil
}
