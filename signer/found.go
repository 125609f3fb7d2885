// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
	"chancery/signer/journal"
	"chancery/signer/softkey"
)

// A Founding is everything an installation is founded with. It arrives once,
// on the ceremony socket, from the account that runs init.
type Founding struct {
	Assurance ca.Assurance `json:"assurance"`
	// Database is the id made with the database's schema; the log is bound to it.
	Database string `json:"database_id"`
	// PKI is the base of the addresses in certificates, such as
	// http://ca.lab.example:8080, without a final slash.
	PKI  string     `json:"pki_url"`
	Root Generation `json:"root"`
	// Single founds the issuing authority alone, which signs itself: no Root (R21).
	Single bool `json:"single_tier,omitempty"`
	// Elsewhere founds no authority at all: the root is elsewhere, and what it signs is
	// imported later (R26). Root and Issuing stay empty.
	Elsewhere bool              `json:"root_elsewhere,omitempty"`
	Issuing   Generation        `json:"issuing"`
	Profiles  []policy.Document `json:"profiles"`
	// Words are the recovery words, which the command has written down or had
	// confirmed before it sends them: no key is sealed under words nobody holds.
	Words string `json:"words"`
	// Passphrase unlocks the online keys at each start; empty means unlock "auto".
	Passphrase string `json:"passphrase,omitempty"`
}

// A Generation describes an authority to be made.
type Generation struct {
	Name    string     `json:"name"`
	Line    string     `json:"line"`
	Subject ca.Subject `json:"subject"`
	KeyType string     `json:"key_type"`
	// Days is the lifetime.
	Days int      `json:"days"`
	Use  []string `json:"use,omitempty"`
	// PathLen is the path length constraint; nil is 0 for an issuing authority, and none
	// for others, or one less than the parent's.
	PathLen     *int               `json:"path_len,omitempty"`
	Constraints ca.NameConstraints `json:"constraints,omitzero"`
	// Shards is how many lists stand beside the complete one, each of a part of its
	// certificates; 0 and 1 are none, ca.MaxShards the most.
	Shards   int             `json:"shards,omitempty"`
	Policies []ca.CertPolicy `json:"policies,omitempty"`
	// Hash is what it signs with, AKI how it is named in what it signs.
	Hash ca.Hash    `json:"hash,omitempty"`
	AKI  ca.AKIForm `json:"aki,omitempty"`
}

// Founded is what a founding made.
type Founded struct {
	Log string `json:"log_id"`
	// LogKey is the SubjectPublicKeyInfo of the log's key, which verifies checkpoints.
	LogKey      []byte         `json:"log_key"`
	Authorities []ca.Authority `json:"authorities"`
	// Lists are the first revocation lists in DER, by name (RFC 5280 §5): the root's are
	// valid for a year, as its key is sealed from here on.
	Lists map[string][]byte `json:"lists"`
}

// The log's number of a first installation; a restored or second one takes the next.
const firstLogNo = 1

// Found makes log, keys, policy bundle, root and issuing authority (security
// rule SG-03: by a direct command of a present person, on ceremony.sock only).
// uid is the caller's account, which becomes the one that the ceremony socket
// obeys. It fails with E1002 if there is an installation already, and leaves a
// directory that refuses to start (E1408) if it dies half-way.
func (s *Signer) Found(f Founding, uid int) (Founded, error) {
	s.ceremonies.Lock()
	defer s.ceremonies.Unlock()
	s.flights.Lock()
	defer s.flights.Unlock()
	if s.founded() {
		return Founded{}, ca.Conflict(ca.E1002, "an authority was founded here already", "use another --dir")
	}
	if err := f.sound(); err != nil {
		return Founded{}, err
	}
	now, err := s.clock.read()
	if err != nil {
		return Founded{}, err
	}
	now = now.UTC().Truncate(time.Second)
	if err := s.begin(f, uid, now); err != nil {
		return Founded{}, err
	}
	all, lists, err := s.foundAll(f, now)
	if err != nil {
		return Founded{}, err
	}
	// From here on the root's key is on disk only, under its words.
	s.words.Wipe()
	s.words = nil
	if err := s.journal.Sync(); err != nil {
		return Founded{}, fmt.Errorf("make the founding durable: %w", err)
	}
	s.mu.Lock()
	s.unlocked = true
	s.mu.Unlock()
	return Founded{Log: s.journal.LogIDText(), LogKey: s.logKey, Authorities: all, Lists: lists}, nil
}

// foundAll makes the first authorities and their lists.
func (s *Signer) foundAll(f Founding, now time.Time) (all []ca.Authority, lists map[string][]byte, err error) {
	lists = map[string][]byte{}
	if f.Elsewhere {
		return nil, lists, nil
	}
	list := func(of *authority, days int) error {
		_, made, err := s.wholeLists(of, days)
		if err != nil {
			return fmt.Errorf("make the first list of %s: %w", of.Name, err)
		}
		all = append(all, of.Authority)
		maps.Copy(lists, made)
		return nil
	}
	var root *authority
	if !f.Single {
		if root, err = s.establish(f.making(f.Root, ca.Root, s.words, nil), now); err != nil {
			return nil, nil, fmt.Errorf("found the root: %w", err)
		}
		if err := list(root, rootListDays); err != nil {
			return nil, nil, err
		}
	}
	issuing, err := s.establish(f.making(f.Issuing, ca.Issuing, nil, root), now)
	if err != nil {
		return nil, nil, fmt.Errorf("found the issuing authority: %w", err)
	}
	err = list(issuing, listDays)
	return all, lists, err
}

// making is one of the first authorities, below the other or alone.
func (f Founding) making(g Generation, kind ca.AuthorityKind, words *softkey.Stretched, parent *authority) making {
	return making{Generation: g, kind: kind, state: ca.Active, pki: f.PKI, words: words, parent: parent,
		pathLen: policy.Hierarchy{}.PathLen(g.newcomer(kind, "", f.PKI))}
}

// sound refuses what could not become these authorities.
func (f Founding) sound() error {
	switch {
	case f.Assurance != ca.Solo:
		return ca.Refused(ca.E1101, "only the assurance solo can be founded by init", "two security administrators enrol for separated; use --assurance solo")
	case f.Database == "":
		return ca.Invalid(ca.E1401, "the founding names no database", "chancery init")
	case len(f.Profiles) == 0:
		return ca.Invalid(ca.E1401, "the founding brings no profile", "chancery init")
	case f.Elsewhere:
		return nil
	case len(f.Issuing.Use) == 0:
		return ca.Invalid(ca.E1401, "the issuing authority needs extended key usages", "chancery init")
	case f.Single:
	case f.Root.Name == f.Issuing.Name || f.Root.Line == f.Issuing.Line:
		return ca.Invalid(ca.E1401, "root and issuing authority need names and lines of their own", "chancery init")
	case f.Issuing.Days >= f.Root.Days:
		return ca.Invalid(ca.E1401, "the issuing authority must end before its root", "give the root a longer life")
	default:
		return f.twoNames()
	}
	return nil
}

// twoNames refuses names that a verifier may take for one.
func (f Founding) twoNames() error {
	root, err := subjectDER(f.Root.Subject)
	if err != nil {
		return err
	}
	issuing, err := subjectDER(f.Issuing.Subject)
	if err == nil && policy.SameName(calledBy(root), calledBy(issuing)) {
		err = ca.Invalid(ca.E1401, "root and issuing authority need names of their own in their certificates", "chancery init --root-subject O=Lab,CN=… --subject O=Lab,CN=…").
			Because("letters in the other case, or more spaces, make no other name (RFC 5280 §7.1)")
	}
	return err
}

// begin makes the log with its genesis, the service's own keys, and the first
// policy bundle, signed by the init key.
func (s *Signer) begin(f Founding, uid int, now time.Time) error {
	genesis := GenesisBody{Database: f.Database, LogNo: firstLogNo, Assurance: f.Assurance, Account: uid, Elsewhere: f.Elsewhere}
	if err := s.create(f); err != nil {
		return err
	}
	body, err := json.Marshal(genesis)
	if err != nil {
		return fmt.Errorf("write the genesis: %w", err)
	}
	if _, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Genesis}, Body: body}}); err != nil {
		return fmt.Errorf("write the genesis: %w", err)
	}
	s.genesis = genesis
	if err := s.keyStep(KeyBody{Step: keyMade, KeyID: logKeyID, Purpose: softkey.LogKey, SPKI: s.logKey}); err != nil {
		return err
	}
	if err := s.seal(); err != nil {
		return err
	}
	document, err := policy.Bundle{
		V: 1, Version: 1, Log: s.journal.LogIDText(), Issued: now, Expires: now.AddDate(bundleYears, 0, 0),
		Assurance: f.Assurance, UID: uid, Profiles: f.Profiles,
		Accounts: map[int][]ca.Role{uid: {ca.SystemAdmin, ca.CAAdmin, ca.SecurityAdmin, ca.Requester, ca.Auditor}},
	}.Marshal()
	if err != nil {
		return fmt.Errorf("write the policy bundle: %w", err)
	}
	none := &rules{authorities: map[string]*authority{}}
	s.rules.Store(none)
	first, err := s.successor(none, document)
	if err != nil {
		return err
	}
	return s.enact(first)
}
