// SPDX-License-Identifier: Apache-2.0

package ca

import "strings"

// An Actor is who asks: an operating-system account, a token, a certificate, a
// passkey. A door makes it after proving who is speaking, and passes it as a
// parameter, never through a context, because it decides things.
type Actor struct {
	// ID identifies the actor for good, such as "uid:1000". Never empty.
	ID string `json:"id"`
	// Name is how people know the actor, such as "hana", or the credential with its public
	// name at the end, such as "certificate issuing-g1-03ab" or "token ci 0123456789abcdef".
	// For display, and for the log.
	Name string `json:"name"`
	// Method is how the identity was proven.
	Method string `json:"method"`
	// UID is the operating-system account whose roles the actor has, -1 for none.
	UID int `json:"uid"`
	// Token is what the actor signed in with for method MethodToken, and narrows what
	// it may do; else nil.
	Token *Token `json:"-"`
	// Shown is the live certificate that the actor's connection proved, else nil.
	Shown *Certificate `json:"-"`
	// Evidence is what an actor of MethodEvidence brought, else nil.
	Evidence *Evidence `json:"-"`
}

// maxBy is what the log takes of who did something, in octets.
const maxBy = 256

// By is how the log names the actor: its ID, and after it the credential that acted, if it
// was a token or a certificate, by its public name: "uid:1000 token 0123456789abcdef". An
// auditor must be able to tell which one to revoke. Whose something is, the ID alone says.
//
// It is made of ID and Name alone, which the log and the book keep of who asked: so what is
// read there later says the same. No account's name has a space (see api).
func (a Actor) By() string {
	by := a.ID
	switch {
	case strings.HasPrefix(a.Name, "certificate "): // and who asked in its name, if another did
		by += " " + a.Name
	case strings.HasPrefix(a.Name, "token "):
		by += " token " + a.Name[strings.LastIndexByte(a.Name, ' ')+1:]
	}
	return strings.ToValidUTF8(by[:min(len(by), maxBy)], "")
}

// Did tells whether what By gave names the actor's account, whatever credential acted.
func (a Actor) Did(by string) bool { return by == a.ID || strings.HasPrefix(by, a.ID+" ") }

// SourcePrefix stands before the network of an address in the ID of whoever called from it and
// has not signed in.
const SourcePrefix = "source "

// How actors prove who they are.
const (
	// MethodPeer is the kernel's word on a local socket.
	MethodPeer = "peer"
	// MethodToken is a secret that the actor made, MethodCertificate a client certificate.
	MethodToken       = "token"
	MethodCertificate = "certificate"
	// MethodRenewal is a certificate that is nobody's sign-in: it renews itself.
	MethodRenewal = "renewal"
	// MethodEvidence is nobody's sign-in: what the call brings says what it may do.
	MethodEvidence = "evidence"
	// MethodService is the service itself: no door gives it to anybody.
	MethodService = "service"
)

// A Door is a way in: "cli", "api", "acme". It is recorded with each request.
type Door string

// The doors that exist.
const (
	DoorCLI Door = "cli"
	DoorAPI Door = "api"
	// DoorService is the service asking for the certificate of its own listeners.
	DoorService Door = "service"
)

// A Role is a set of rights, named alike everywhere.
type Role string

// The roles. In an installation with assurance solo one person may hold all.
const (
	SystemAdmin   Role = "system-admin"
	CAAdmin       Role = "ca-admin"
	SecurityAdmin Role = "security-admin"
	Requester     Role = "requester"
	Auditor       Role = "auditor"
)

// Assurance is chosen at creation and says how strictly people are kept apart.
type Assurance string

// The two assurances. Solo can become separated; the way back does not exist.
const (
	Solo      Assurance = "solo"
	Separated Assurance = "separated"
)
