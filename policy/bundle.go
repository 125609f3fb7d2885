// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

// MaxBundle is the largest policy bundle in octets: ten times what a hundred
// profiles with long lists need, and within one body on the ceremony socket.
const MaxBundle = 1 << 20

// Bounds within a bundle.
const (
	maxProfiles   = 256
	maxAccounts   = 1000
	maxExceptions = 64
	maxException  = 200
	// logDigits is a log id of 16 octets in hex.
	logDigits = 32
	// bundleAhead is how far a bundle may be issued in the signer's future: clocks
	// of a security administrator's machine and the signer's differ.
	bundleAhead = 5 * time.Minute
)

// bundleTag separates signatures over bundles from all others our keys make.
const bundleTag = "chancery policy bundle v1\n"

// A Bundle is the policy the signer obeys: profiles, accounts, limits. It enters
// through ceremony.sock, signed over BundleMessage (security rule SG-05). It is
// immutable: a change is a new bundle with a higher version.
type Bundle struct {
	// V is the version of the format, 1.
	V int `json:"v"`
	// Version rises strictly from bundle to bundle, from 1.
	Version int64 `json:"version"`
	// Log is the id of the only log whose signer may obey it: 32 hex digits.
	Log string `json:"log"`
	// Issued and Expires are in UTC and whole seconds. After Expires nothing is issued.
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	// Assurance was chosen at creation.
	Assurance ca.Assurance `json:"assurance"`
	// UID is the operating-system account that ran init, for which alone the init
	// key may sign.
	UID int `json:"uid"`
	// Accounts maps operating-system accounts to what they may do.
	Accounts map[int][]ca.Role `json:"accounts"`
	// Profiles are the documents, exact bytes, names unique.
	Profiles []Document `json:"profiles"`
	// Grants are the names that requesters were granted.
	Grants []Grant `json:"grants,omitempty"`
	// SignIns are the client certificates that act for an account.
	SignIns []SignIn `json:"sign_ins,omitempty"`
	// RefusedKeys are compromised: the SHA-256 of each SubjectPublicKeyInfo, in order.
	RefusedKeys []ca.Digest `json:"refused_keys,omitempty"`
	// OCSPByAuthority are the generations whose own key signs their OCSP answers, in order;
	// a responder's does for all others.
	OCSPByAuthority []string `json:"ocsp_by_authority,omitempty"`
	// Exceptions are the weaknesses somebody answered for, by name.
	Exceptions []string `json:"exceptions,omitempty"`
}

// ParseBundle reads a bundle of at most MaxBundle octets. It takes one spelling
// only: what parses marshals to the same bytes, so an unknown or repeated key, a
// key in another case, and space between are refused. The Problem is E2121.
func ParseBundle(document []byte) (Bundle, error) {
	if len(document) > MaxBundle {
		return Bundle{}, badBundle(fmt.Sprintf("it has %d octets, at most %d are accepted", len(document), MaxBundle))
	}
	var b Bundle
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields() // for the message; the comparison below would find it too
	if err := d.Decode(&b); err != nil {
		return Bundle{}, badBundle("it is not its JSON: " + plain(err))
	}
	again, err := b.Marshal()
	if err != nil {
		return Bundle{}, err
	}
	if !bytes.Equal(again, document) {
		return Bundle{}, badBundle("it is not in the one form a bundle has")
	}
	return b, nil
}

// Marshal checks the bundle and gives its document. Times become UTC and whole
// seconds.
func (b Bundle) Marshal() ([]byte, error) {
	b.Issued, b.Expires = b.Issued.UTC().Truncate(time.Second), b.Expires.UTC().Truncate(time.Second)
	if err := b.check(); err != nil {
		return nil, err
	}
	out, err := json.Marshal(b)
	if err != nil {
		return nil, badBundle("it cannot be written: " + plain(err))
	}
	if len(out) > MaxBundle {
		return nil, badBundle(fmt.Sprintf("it has %d octets, at most %d are accepted", len(out), MaxBundle))
	}
	return out, nil
}

// check finds what no bundle may be, profiles' content apart; see Load.
func (b Bundle) check() error {
	switch {
	case b.V != 1:
		return badBundle("its format is not version 1")
	case b.Version < 1:
		return badBundle("its version is not at least 1")
	case len(b.Log) != logDigits || strings.Trim(b.Log, "0123456789abcdef") != "":
		return badBundle("its log id is not 32 hex digits")
	case b.Issued.Year() < 2000 || b.Expires.Year() > 9999 || !b.Expires.After(b.Issued):
		return badBundle("it does not expire after it was issued")
	case b.Assurance != ca.Solo && b.Assurance != ca.Separated:
		return badBundle("its assurance is not solo or separated")
	case b.UID < 0 || len(b.Accounts) > maxAccounts:
		return badBundle(fmt.Sprintf("an account is negative, or there are more than %d", maxAccounts))
	case len(b.Profiles) == 0 || len(b.Profiles) > maxProfiles:
		return badBundle(fmt.Sprintf("it has not 1 to %d profiles", maxProfiles))
	case len(b.Exceptions) > maxExceptions:
		return badBundle(fmt.Sprintf("it has more than %d exceptions", maxExceptions))
	case len(b.OCSPByAuthority) > MaxGenerations || !ascending(b.OCSPByAuthority) || slices.ContainsFunc(b.OCSPByAuthority, notGeneration):
		return badBundle("what signs its OCSP answers itself are not generations, each once and in order")
	}
	return errors.Join(b.checkAccounts(), b.checkTexts(), b.checkGrants(), b.checkRefused(), b.checkSignIns())
}

func notGeneration(name string) bool { return !NamesGeneration(name) }

// ascending tells whether texts are in order, each once.
func ascending(all []string) bool {
	for i := 1; i < len(all); i++ {
		if all[i-1] >= all[i] {
			return false
		}
	}
	return true
}

// checkAccounts wants known accounts with known roles, each once.
func (b Bundle) checkAccounts() error {
	for uid, roles := range b.Accounts {
		seen := map[ca.Role]bool{}
		for _, r := range roles {
			switch r {
			case ca.SystemAdmin, ca.CAAdmin, ca.SecurityAdmin, ca.Requester, ca.Auditor:
			default:
				return badBundle("account " + fmt.Sprint(uid) + " has a role that does not exist: " + ca.Show(string(r)))
			}
			if seen[r] {
				return badBundle("account " + fmt.Sprint(uid) + " has a role twice: " + string(r))
			}
			for other := range seen {
				if b.Assurance == ca.Separated && apart(r, other) {
					return badBundle("account " + fmt.Sprint(uid) + " has two roles that one person cannot hold (security rule RO-01)")
				}
			}
			seen[r] = true
		}
		if uid < 0 || len(roles) == 0 {
			return badBundle("account " + fmt.Sprint(uid) + " is negative or has no role")
		}
	}
	return nil
}

// apart tells whether two roles exclude each other in a separated installation
// (security rule RO-01): an auditor is nothing else, and administrators of
// authorities, security and machines are three people.
func apart(a, b ca.Role) bool {
	admin := func(r ca.Role) bool { return r == ca.CAAdmin || r == ca.SecurityAdmin || r == ca.SystemAdmin }
	return a == ca.Auditor || b == ca.Auditor || admin(a) && admin(b)
}

// PeerRoles are the roles of an operating-system account on admin.sock, where
// the kernel's word is all that is known of somebody; none if it has no role. In a
// separated installation that word is good for the system administrator's rights
// only (security rule RO-07). Root could become any account, so it is held for
// the one that founded, unless the bundle maps it itself.
func (b Bundle) PeerRoles(uid int) []ca.Role {
	roles, mapped := b.Accounts[uid]
	if uid == 0 && !mapped {
		roles = b.Accounts[b.UID]
	}
	if b.Assurance != ca.Solo {
		if uid == 0 || slices.Contains(roles, ca.SystemAdmin) {
			return []ca.Role{ca.SystemAdmin}
		}
		return nil
	}
	return slices.Clone(roles)
}

// checkTexts looks at the names of profiles and at the exceptions.
func (b Bundle) checkTexts() error {
	seen := map[string]bool{}
	for _, p := range b.Profiles {
		if !isWord(p.Name) || seen[p.Name] || p.Document == "" {
			return badBundle("the profile " + ca.Show(p.Name) + " has a wrong name, no document, or stands twice")
		}
		seen[p.Name] = true
	}
	for _, e := range b.Exceptions {
		if e == "" || len(e) > maxException || !ca.PlainText(e) {
			return badBundle("the exception " + ca.Show(e) + " is empty, long, or has control characters")
		}
	}
	return nil
}

// Load reads all profiles of the bundle: sound, with their digests, by name.
// decode turns a document into its structure; package config has it.
func (b Bundle) Load(decode func([]byte) (ca.Profile, error)) (map[string]ca.Profile, error) {
	out := make(map[string]ca.Profile, len(b.Profiles))
	var faults []error
	for _, d := range b.Profiles {
		p, err := Load([]byte(d.Document), decode)
		if err == nil && p.Name != d.Name {
			err = badBundle(fmt.Sprintf("the profile %s calls itself %s", d.Name, p.Name))
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("read profile %q: %w", d.Name, err))
			continue
		}
		out[d.Name] = p
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return out, nil
}

// BundleMessage is what a policy key signs: a tag, the id of the log that may
// obey the bundle, and the document's SHA-256. The expiry is in the document.
func BundleMessage(document []byte, log string) []byte {
	digest := sha256.Sum256(document)
	out := make([]byte, 0, len(bundleTag)+len(log)+1+len(digest))
	out = append(out, bundleTag...)
	out = append(out, log...)
	out = append(out, '\n')
	return append(out, digest[:]...)
}

// Accept says whether next may replace old, whose signature was verified by the
// caller. A zero old is the first bundle of a log. An older version is refused,
// so that a thief of an old bundle cannot bring back what was withdrawn; the way
// from separated back to solo does not exist (security rule RO-07). The Problem is
// E2121, or E3003 if the bundle comes from the signer's future.
func Accept(old, next Bundle, now time.Time) error {
	if err := next.check(); err != nil {
		return err
	}
	first := old.Version == 0
	switch {
	case !first && next.Log != old.Log:
		return badBundle("it is for another log")
	case next.Version <= old.Version:
		return badBundle(fmt.Sprintf("its version is %d and %d is in force", next.Version, old.Version))
	case !first && old.Assurance == ca.Separated && next.Assurance == ca.Solo:
		return badBundle("it would lower the assurance from separated to solo")
	case !first && next.UID != old.UID:
		return badBundle("it names another account for the init key")
	case !next.Expires.After(now):
		return badBundle("it expired " + date(next.Expires))
	case next.Issued.After(now.Add(bundleAhead)):
		return ca.Refused(ca.E3003, "the bundle was issued "+date(next.Issued)+", which is later than this clock says", "set the clocks of both machines right")
	}
	return nil
}

// badBundle is E2121.
func badBundle(detail string) *ca.Problem {
	return ca.Refused(ca.E2121, "the policy bundle is refused: "+detail, "make a new bundle from the one in force")
}

// plain drops the decoder's prefix and anything a terminal would obey.
func plain(err error) string {
	s := strings.TrimPrefix(err.Error(), "json: ")
	if !ca.PlainText(s) {
		return ca.Show(s)
	}
	return s
}
