// SPDX-License-Identifier: Apache-2.0

package ca

// A Kind is what sort of problem it is; each door has one table from kind to its
// own language.
type Kind string

// The kinds. Invalid is malformed input, Refused a rule's no, Forbidden a lack
// of rights, Unauthenticated that nobody is known to have them, Locked a sealed key, Busy a limit reached, Unavailable something
// out of reach or unknown.
const (
	NotFoundKind        Kind = "not-found"
	InvalidKind         Kind = "invalid"
	ForbiddenKind       Kind = "forbidden"
	UnauthenticatedKind Kind = "unauthenticated"
	RefusedKind         Kind = "refused"
	ConflictKind        Kind = "conflict"
	BusyKind            Kind = "busy"
	LockedKind          Kind = "locked"
	UnavailableKind     Kind = "unavailable"
)

// A Problem is an error we are willing to show to whoever caused it. All other
// errors are ours: logged once, shown as "internal error".
type Problem struct {
	// Code is stable, such as E2107; see Codes.
	Code Code `json:"code"`
	Kind Kind `json:"kind"`
	// Detail is what is wrong, in the reader's words.
	Detail string `json:"detail"`
	// Why is the rule or fact behind it.
	Why string `json:"why,omitempty"`
	// Fix is what to type or do next; the command line prints it after "hint:".
	Fix string `json:"hint,omitempty"`
	// Field is where, for forms and JSON: "dns[2]".
	Field string `json:"field,omitempty"`
}

// Error gives the detail, so that a Problem can travel as an error.
func (p *Problem) Error() string { return p.Detail }

// Problems are those that an error is made of, in order: each of a join of several, and the
// first within anything else.
func Problems(err error) []*Problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Problem
		for _, one := range joined.Unwrap() {
			all = append(all, Problems(one)...)
		}
		return all
	}
	if p, ok := err.(*Problem); ok {
		return []*Problem{p}
	}
	if inner, ok := err.(interface{ Unwrap() error }); ok {
		return Problems(inner.Unwrap())
	}
	return nil
}

// Because returns a copy with the reason set.
func (p *Problem) Because(why string) *Problem {
	q := *p
	q.Why = why
	return &q
}

// At returns a copy that names the field at fault.
func (p *Problem) At(field string) *Problem {
	q := *p
	q.Field = field
	return &q
}

// NotFound is a problem about something that does not exist.
func NotFound(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: NotFoundKind, Detail: detail, Fix: fix}
}

// Invalid is a problem about input that cannot be read.
func Invalid(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: InvalidKind, Detail: detail, Fix: fix}
}

// Forbidden is a problem about rights.
func Forbidden(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: ForbiddenKind, Detail: detail, Fix: fix}
}

// Refused is a rule's no.
func Refused(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: RefusedKind, Detail: detail, Fix: fix}
}

// Conflict is a problem about something that exists already or changed meanwhile.
func Conflict(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: ConflictKind, Detail: detail, Fix: fix}
}

// Busy is a limit reached; trying again later may help.
func Busy(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: BusyKind, Detail: detail, Fix: fix}
}

// Locked is a key that is sealed.
func Locked(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: LockedKind, Detail: detail, Fix: fix}
}

// Unavailable is something out of reach, or an outcome that is not known yet.
func Unavailable(c Code, detail, fix string) *Problem {
	return &Problem{Code: c, Kind: UnavailableKind, Detail: detail, Fix: fix}
}
