// SPDX-License-Identifier: Apache-2.0

package access

import (
	"slices"

	"chancery/ca"
)

// An Action is something a door can be asked to do.
type Action string

// The actions that exist. A new one is refused to everybody until the table in
// rolesOf names who may do it.
const (
	// Submit asks for a certificate in one's own name.
	Submit Action = "submit"
	// Renew has one's own certificate issued once more.
	Renew Action = "renew"
	// RevokeOwn revokes one's own certificate, RevokeAny that of anybody; PublishList
	// has a revocation list made and published.
	RevokeOwn   Action = "revoke-own"
	RevokeAny   Action = "revoke-any"
	PublishList Action = "publish-list"
	// AnnotateOwn says whom to ask about one's own certificate, and tags it, AnnotateAny does
	// so with that of anybody.
	AnnotateOwn Action = "annotate-own"
	AnnotateAny Action = "annotate-any"
	// ReadOwn sees one's own requests and certificates, ReadAll those of
	// everybody; ReadLog reads and exports the log.
	ReadOwn Action = "read-own"
	ReadAll Action = "read-all"
	ReadLog Action = "read-log"
	// SignPolicy puts a bundle in force; Found makes authorities; Unlock and Lock
	// handle the signing keys.
	SignPolicy Action = "sign-policy"
	Found      Action = "found"
	Unlock     Action = "unlock"
	Lock       Action = "lock"
	// DraftPolicy tries what a change of policy would make of what stands.
	DraftPolicy Action = "draft-policy"
	// ReadPolicy sees what is in force: authorities and profiles.
	ReadPolicy Action = "read-policy"
	// Decide says what became of an intent that only a person can know of.
	Decide Action = "decide"
	// MakeToken makes, lists and revokes tokens of one's own; ReadTokens lists those of
	// everybody, RevokeAnyToken revokes them.
	MakeToken      Action = "make-token"
	ReadTokens     Action = "read-tokens"
	RevokeAnyToken Action = "revoke-any-token"
	// Status sees whether the service is well, Operate stops and checks it.
	Status  Action = "status"
	Operate Action = "operate"
)

// rolesOf is the table of who may do what, a row per
// action. Every action is here once; those that need a second person name who may
// begin. A switch, because a table in a variable could be changed.
func rolesOf(a Action) []ca.Role {
	switch a {
	case Submit, Renew:
		return []ca.Role{ca.Requester, ca.CAAdmin}
	case RevokeOwn, AnnotateOwn:
		return []ca.Role{ca.Requester, ca.CAAdmin}
	case RevokeAny, AnnotateAny:
		return []ca.Role{ca.CAAdmin}
	case PublishList:
		// A list gives nothing away, and one too many does no harm.
		return []ca.Role{ca.CAAdmin, ca.SystemAdmin, ca.SecurityAdmin}
	case ReadOwn:
		return []ca.Role{ca.Requester, ca.CAAdmin, ca.Auditor}
	case ReadAll:
		// Who decides on requests and revokes must see what is there.
		return []ca.Role{ca.CAAdmin, ca.Auditor}
	case DraftPolicy:
		return []ca.Role{ca.CAAdmin, ca.SecurityAdmin}
	case ReadLog:
		return []ca.Role{ca.Auditor}
	case SignPolicy, Found, Unlock, Decide:
		return []ca.Role{ca.SecurityAdmin}
	case Lock:
		// Stopping to sign is a safe state: whoever sees an attack may bring it about.
		return []ca.Role{ca.SecurityAdmin, ca.CAAdmin, ca.SystemAdmin, ca.Auditor}
	case ReadTokens:
		return []ca.Role{ca.SecurityAdmin, ca.SystemAdmin, ca.Auditor}
	case RevokeAnyToken:
		return []ca.Role{ca.SecurityAdmin, ca.SystemAdmin}
	case ReadPolicy, Status, MakeToken: // a token never does more than its maker may
		return []ca.Role{ca.SystemAdmin, ca.CAAdmin, ca.SecurityAdmin, ca.Auditor, ca.Requester}
	case Operate:
		return []ca.Role{ca.SystemAdmin}
	}
	return nil
}

// AllowNarrowed says whether somebody whose rights are narrowed to some profiles or names
// may do it at all: only what is about certificates can be held against those. The error
// is a ca.Problem (E1305).
func AllowNarrowed(a Action) error {
	switch a {
	case Submit, Renew, RevokeOwn, RevokeAny, AnnotateOwn, AnnotateAny, ReadOwn, ReadAll, ReadPolicy, Status:
		return nil
	}
	return ca.Forbidden(ca.E1305, "a token for some profiles or names cannot be used to "+a.words(), "use the account itself, or a token without them")
}

// Allow says whether somebody with these roles may do it. The error is a
// ca.Problem (E1305) that names the roles that may. Without roles, and for an
// action that does not exist, nothing is allowed.
func Allow(roles []ca.Role, a Action) error {
	may := rolesOf(a)
	for _, r := range roles {
		if slices.Contains(may, r) {
			return nil
		}
	}
	if len(may) == 0 {
		return ca.Forbidden(ca.E1305, "nobody may do "+ca.Show(string(a)), "use an action that exists")
	}
	who := ""
	for i, r := range may {
		if i > 0 {
			who += " or "
		}
		who += string(r)
	}
	return ca.Forbidden(ca.E1305, "to "+a.words()+" needs the role "+who, "ask somebody who has it")
}
