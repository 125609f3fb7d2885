// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
	"chancery/signer/softkey"

	"golang.org/x/sync/errgroup"
)

// ParseProfile reads a profile document. The wiring gives it, because only
// package config reads TOML; the signer reads the documents of its own bundle,
// never a profile that the front parsed.
type ParseProfile func(document []byte) (ca.Profile, error)

// A Signer holds the keys, the log and the policy in force. The exported fields
// are set before Open and never changed.
type Signer struct {
	// Dir is the signer's directory, the only one it writes.
	Dir    string
	Parse  ParseProfile
	Now    func() time.Time
	Random io.Reader
	// Since counts from the machine's start, suspended or not; the wall clock is held
	// against it (security rule TI-02). Without it, and without Space, nothing is.
	Since func() time.Duration
	// Space says how many octets the directory's disk has free, and in all.
	Space func() (free, total int64, err error)
	// KDF is what passphrases and recovery words are stretched with.
	KDF softkey.Params
	// Unseparated says that front and signer run under one account, so that
	// promise P3 does not hold; it stands on every checkpoint.
	Unseparated bool
	// Weak names the list of known keys that has a SubjectPublicKeyInfo, or gives ""; nil
	// where there are no lists.
	Weak func(spki []byte) string
	// Report, if set, is told what it goes on without: a snapshot that cannot be
	// used, or kept; and of a key that is not loaded. Several goroutines may call it at once.
	Report func(error)
	// Place is where the log lies; tests alone set it.
	Place Place

	boot    string
	clock   *clock
	disk    journal.FS // the locked directory, until the journal has it
	keys    *softkey.Keyring
	journal *journal.Journal
	genesis GenesisBody
	initKey ed25519.PublicKey
	logKey  []byte // the log's SubjectPublicKeyInfo, during a founding
	// words are held from the making of the keyring to the sealing of the root.
	words  *softkey.Stretched
	rules  atomic.Pointer[rules]
	opened chan struct{} // closed when there is a journal to run

	// files is the directory as the journal works on it, for the lists in the making
	// and the snapshots, which logSigner, the log's key, signs.
	files     journal.FS
	logSigner crypto.Signer
	// kept is the size of the log when a snapshot was made, or tried. It is Open's, then
	// Run's.
	kept int64

	// strays are Open's: no call that goes on leaves one.
	strays map[int64]stray

	// making is held while MakeLists makes a set, before flights; ceremonies never take it.
	making sync.Mutex
	// listing is held while what lists there are is looked at or changed, and by a ceremony
	// while it makes some. It is taken after flights and before revoking: it guards lists,
	// the newest of each name, and how often they were made.
	listing   sync.Mutex
	lists     map[string]ca.ListBody
	listPaces map[ca.Digest]*pace // by key

	// revoking is held while steps are taken, and for the look that a list begins with: it
	// guards what is revoked, so that no list is older than a step that was answered.
	revoking sync.Mutex
	keyed    sync.Mutex             // guards the map, not what is in it
	revoked  map[ca.Digest]*revoked // by issuing key
	stepped  window

	// ceremonies is held by whatever a person does at ceremony.sock, one after another:
	// whoever changes rules holds it, so that what a ceremony has judged stays so. It is
	// taken before flights, which a ceremony does not hold while it stretches words, which
	// takes the memory of one run at most, or makes a key: others issue meanwhile. It guards
	// made: the names of the keys that were made here, as the log has it.
	ceremonies sync.Mutex
	made       map[string]bool

	// feeding is held while a feed is signed: it guards feeds, the newest of each key, how often
	// they were made, and how long the log was then, the newest delta's apart.
	feeding    sync.Mutex
	feeds      map[ca.Digest]fed
	feedPaces  map[ca.Digest]*pace
	feedLeaves map[fedKind]int64

	// said are intents that OCSP was asked about.
	said intents
	// responding is held while a responder is made; after feeding.
	responding sync.Mutex
	// crowns are what OCSP knows of authorities' certificates.
	crowns crowns

	// flights is held for reading while a batch is under way, and for writing by
	// whatever must not overlap one: hello, settling, founding, a change of policy.
	flights sync.RWMutex

	// certified is held for reading from the look whether a key may be certified until that is on
	// the log, and for writing while a key is condemned or held: no certificate of it comes behind
	// that, whoever asks for both at once. It is taken after revoking.
	certified sync.RWMutex

	// mu guards what follows; it is never held across a disk call.
	mu       sync.Mutex
	session  int64
	unlocked bool
	recent   *recent
	claimed  map[string]ca.RequestID
	// airborne are the batches whose serial numbers may not be on the log yet, by the time
	// these have; numbered is a leaf above each INTENT of the session, and of those before.
	airborne map[*flight]struct{}
	numbered int64
	// compromised are the keys that were revoked for keyCompromise: for ever (RV-03).
	compromised map[ca.Digest]bool
	// onHold are the certificates that are held, by their keys.
	onHold map[ca.Digest]holding
	// abandoned are the revocations whose place in the book another one has.
	abandoned map[int64]bool
	// policies are the leaves of all policies that ever were in force, in order.
	policies []int64
	refusals map[refusal]int
	tokens   tokens
	fault    error
	reads    window // single leaves that were read
	// responders are the newest of each authority, without a key while that is locked.
	responders map[string]*responder
}

// GenesisBody is the body of leaf 0: what this log belongs to.
type GenesisBody struct {
	Database  string       `json:"database_id"`
	LogNo     uint16       `json:"log_no"`
	Assurance ca.Assurance `json:"assurance"`
	// Account is the operating-system account that founded, which the ceremony
	// socket obeys in an installation with assurance solo.
	Account int `json:"uid"`
	// Elsewhere says that the founding made no authority.
	Elsewhere bool `json:"root_elsewhere,omitempty"`
}

// Run writes the log until ctx ends, a leaf a minute for the calls that were
// refused unread, and now and then a snapshot, the last one when all is written. It
// returns early when the log fails: the process must end then, and recovers at its
// next start.
func (s *Signer) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.opened:
	}
	g, within := errgroup.WithContext(ctx)
	// The writer ends after whoever still has something to write.
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g.Go(func() error { return s.journal.Run(writing) })
	g.Go(func() error {
		defer stop()
		return s.refuseRegularly(within)
	})
	g.Go(func() error {
		s.snapshotRegularly(within)
		return nil
	})
	g.Go(func() error {
		s.respondRegularly(within)
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if s.due() {
		last, done := context.WithTimeout(context.WithoutCancel(ctx), lastSnapshot)
		defer done()
		s.snapshot(last)
	}
	return nil
}

// founded tells whether there is an installation.
func (s *Signer) founded() bool { return s.rules.Load() != nil }

// fail notes the first fault after which nothing may be signed any more.
func (s *Signer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		s.fault = err
	}
}

func (s *Signer) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// finalEntry is the FINAL of an intent: the certificate as it was signed.
func finalEntry(intent int64, der []byte) (journal.Entry, error) {
	body, err := json.Marshal(ca.FinalBody{DER: der})
	if err != nil {
		return journal.Entry{}, fmt.Errorf("write the final: %w", err)
	}
	return journal.Entry{Leaf: audit.Leaf{Kind: audit.Final, Cites: intent, Digest: digest(der)}, Body: body}, nil
}

// problemOf makes an error of a wish's preparation into its answer. What is not
// a problem of the requester's is a fault of ours: the wish is refused, and the
// reason goes on the log with it.
func problemOf(err error) *ca.Problem {
	if err == nil {
		return nil
	}
	var p *ca.Problem
	if errors.As(err, &p) {
		return p
	}
	return ca.Refused(ca.E9000, "the signer could not build this certificate", "report this with the request's number").Because(err.Error())
}
