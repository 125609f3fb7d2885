// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

// A Use is what a certificate is to be good for.
type Use string

// The uses, by the words of profiles.
const (
	AnyUse      Use = ""
	Server      Use = "server"
	Client      Use = "client"
	Email       Use = "email"
	CodeSigning Use = "codesign"
)

// Uses are all that can be asked for.
func Uses() []string {
	return []string{string(Server), string(Client), string(Email), string(CodeSigning)}
}

// A Question is a certificate with what is known about it.
type Question struct {
	// Sent are the certificates as they came, the one in question first.
	Sent []*x509.Certificate
	// Roots end a chain; Known are authorities that a chain may pass through though
	// they were not sent.
	Roots, Known []*x509.Certificate
	// Lists are revocation lists, of any issuer and age. With NeedLists a certificate
	// whose list is not among them is refused, otherwise it is told.
	Lists     []*x509.RevocationList
	NeedLists bool
	// Use and Name are what it must serve for; both may be empty. A name is a host, an
	// address of IP, or one of mail.
	Use  Use
	Name string
	// Complete wants all authorities below the root to be among Sent: whoever gets a
	// chain from a server has only the roots.
	Complete bool
	// Key is the public half of the key that belongs to the first certificate, or nil.
	Key crypto.PublicKey
	// At is the moment that counts, Soon how long before its end an end is announced.
	At   time.Time
	Soon time.Duration
	// OnceDue leaves that out while less than two thirds of a certificate's life are over: it
	// is not to be renewed yet, however short it is.
	OnceDue bool
}

// A Level is how bad a finding is.
type Level string

// The levels. Only a Failure means that the certificate is refused.
const (
	Fine    Level = "ok"
	Warning Level = "warn"
	Failure Level = "fail"
)

// A Finding is what came of one check.
type Finding struct {
	// ID names the check; Checks lists them.
	ID      string
	Level   Level
	Message string
	// Hint is what to do about it, and may be empty.
	Hint string
}

// The checks, in the order of an answer.
const (
	checkChain       = "chain"
	checkSent        = "sent"
	checkDates       = "dates"
	checkAuthority   = "authority"
	checkConstraints = "constraints"
	checkUse         = "use"
	checkName        = "name"
	checkKey         = "key"
	checkStrength    = "strength"
	checkRevocation  = "revocation"
	checkForm        = "form"
	checkSecond      = "second-opinion"
)

// Checks are the ids of all findings, in their order.
func Checks() []string {
	return []string{checkChain, checkSent, checkDates, checkAuthority, checkConstraints, checkUse, checkName, checkKey, checkStrength, checkRevocation, checkForm, checkSecond}
}

// A Verdict is the answer to a Question.
type Verdict struct {
	// Path leads from the certificate to a root, if Anchored, or as far as it goes.
	Path     []*x509.Certificate
	Anchored bool
	Findings []Finding
}

// Good tells whether nothing failed.
func (v Verdict) Good() bool {
	return !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Level == Failure })
}

// Check answers a question. Of several paths to roots it takes the one with the
// fewest failures, as a verifier that tries them all would. Without a certificate in
// Sent it answers nothing.
func Check(q Question) Verdict {
	if len(q.Sent) == 0 {
		return Verdict{}
	}
	moved := q.leadFirst()
	var best Verdict
	least := -1
	paths, dead := q.paths()
	for _, path := range paths {
		v := q.judge(path)
		if n := v.failures(); least < 0 || n < least {
			best, least = v, n
		}
	}
	if least < 0 {
		best = q.judgeDead(dead)
	}
	best.add(moved...)
	slices.SortStableFunc(best.Findings, func(a, b Finding) int {
		return slices.Index(Checks(), a.ID) - slices.Index(Checks(), b.ID)
	})
	return best
}

func (v Verdict) failures() int {
	n := 0
	for _, f := range v.Findings {
		if f.Level == Failure {
			n++
		}
	}
	return n
}

// judge makes all checks of a path that ends at a root.
func (q Question) judge(path []*x509.Certificate) Verdict {
	v := Verdict{Path: path, Anchored: true}
	v.add(finding(checkChain, "the chain leads to a trusted root: "+route(path)))
	v.add(q.sent(path)...)
	q.common(&v)
	v.add(q.revocation(path)...)
	if v.Good() {
		v.add(q.second(path)...)
	}
	return v
}

// judgeDead makes the checks that are possible where no path ends at a root.
func (q Question) judgeDead(path []*x509.Certificate) Verdict {
	v := Verdict{Path: path}
	v.add(q.whyDead(path))
	q.common(&v)
	return v
}

// common are the checks that need no root.
func (q Question) common(v *Verdict) {
	v.add(q.dates(v.Path)...)
	v.add(q.authorities(v.Path)...)
	v.add(q.constraints(v.Path)...)
	v.add(q.use(v.Path)...)
	v.add(q.name()...)
	v.add(q.key()...)
	v.add(q.strength(v)...)
	v.add(q.form(v.Path)...)
}

func (v *Verdict) add(all ...Finding) { v.Findings = append(v.Findings, all...) }

func finding(id, message string) Finding { return Finding{ID: id, Level: Fine, Message: message} }

func warning(id, hint, format string, values ...any) Finding {
	return Finding{ID: id, Level: Warning, Message: fmt.Sprintf(format, values...), Hint: hint}
}

func failure(id, hint, format string, values ...any) Finding {
	return Finding{ID: id, Level: Failure, Message: fmt.Sprintf(format, values...), Hint: hint}
}

// Title is what people call a certificate: its common name, else its first name, else
// its whole subject. What could deceive a terminal is escaped.
func Title(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return safe(c.Subject.CommonName)
	case len(c.DNSNames) > 0:
		return safe(c.DNSNames[0])
	case len(c.EmailAddresses) > 0:
		return safe(c.EmailAddresses[0])
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	case ca.EncodedName(c.RawSubject) != "":
		return safe(ca.EncodedName(c.RawSubject))
	}
	return fmt.Sprintf("the certificate %x", c.SerialNumber)
}

// safe quotes what is not plain text.
func safe(text string) string {
	if ca.PlainText(text) {
		return text
	}
	return ca.Show(text)
}

// route writes a path as people draw it.
func route(path []*x509.Certificate) string {
	titles := make([]string, len(path))
	for i, c := range path {
		titles[i] = Title(c)
	}
	return strings.Join(titles, " < ")
}
