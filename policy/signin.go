// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"chancery/ca"
)

// maxSignIns is how many client certificates may sign in: some of each account's.
const maxSignIns = 2 * maxAccounts

// A SignIn lets a client certificate act for an account: by the certificate itself,
// issuer's key and serial, or by its key alone, which then may be renewed. Nothing else
// in a certificate says who somebody is (security rule AN-02).
type SignIn struct {
	// Issuer is the SHA-256 of the issuer's SubjectPublicKeyInfo; zero with Key.
	Issuer ca.Digest `json:"issuer,omitzero"`
	Serial ca.Serial `json:"serial,omitempty"`
	// Key is the SHA-256 of the certificate's own SubjectPublicKeyInfo.
	Key ca.Digest `json:"key,omitzero"`
	// UID is the account, which has roles in the bundle.
	UID int `json:"uid"`
}

// AccountRoles are the roles of an account however it proved itself, beside the kernel's
// word; root is held for the founder as in PeerRoles.
func (b Bundle) AccountRoles(uid int) []ca.Role {
	roles, mapped := b.Accounts[uid]
	if uid == 0 && !mapped {
		roles = b.Accounts[b.UID]
	}
	return slices.Clone(roles)
}

// SignedIn gives the account that a certificate acts for, false if it is none.
func (b Bundle) SignedIn(issuer ca.Digest, serial ca.Serial, key ca.Digest) (uid int, ok bool) {
	i := slices.IndexFunc(b.SignIns, func(s SignIn) bool {
		if s.Key.IsZero() {
			return s.Issuer == issuer && s.Serial == serial
		}
		return s.Key == key
	})
	if i < 0 {
		return -1, false
	}
	return b.SignIns[i].UID, true
}

// checkSignIns wants each to name one thing, once, and an account with roles.
func (b Bundle) checkSignIns() error {
	if len(b.SignIns) > maxSignIns {
		return badBundle("more certificates sign in than accounts can have")
	}
	for i, s := range b.SignIns {
		byKey, bySerial := !s.Key.IsZero(), !s.Issuer.IsZero() && s.Serial != ""
		serial, err := ca.ParseSerial(string(s.Serial))
		switch again := func(o SignIn) bool { return o.Issuer == s.Issuer && o.Serial == s.Serial && o.Key == s.Key }; {
		case byKey == bySerial || byKey && (!s.Issuer.IsZero() || s.Serial != ""):
			return badBundle("a sign-in names neither a certificate nor a key, or both")
		case bySerial && (err != nil || serial != s.Serial):
			return badBundle("a sign-in has no serial number in its one form")
		case len(b.Accounts[s.UID]) == 0:
			return badBundle("a sign-in is for an account without a role")
		case slices.ContainsFunc(b.SignIns[:i], again):
			return badBundle("a certificate signs in twice")
		}
	}
	return nil
}
