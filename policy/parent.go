// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"

	"chancery/ca"
)

// ParentOf chooses who signs the next generation of a line when nobody is named: the
// newest active generation of the line whose generation signed the line's last, or, for
// the first of its line, that of the only line of roots. One that is revoked, or
// stands below what is revoked or retired, signs nothing new. All are the generations of
// an installation, oldest first. The Problem is E1101, and names those that could sign.
func ParentOf(all []ca.Authority, line string) (ca.Authority, error) {
	var last *ca.Authority
	for i, a := range all {
		if a.Line == line && !a.External {
			last = &all[i]
		}
	}
	if last == nil {
		return firstParent(all)
	}
	if last.Parent == last.Name {
		if last.Kind != ca.Issuing {
			return firstParent(all)
		}
		return ca.Authority{}, ca.Invalid(ca.E1101, "the authorities of line "+line+" sign themselves", "chancery ca rollover "+last.Name+", or --parent NAME")
	}
	return SuccessorOf(all, last.Parent)
}

// SuccessorOf is who signs in the place of a generation: the newest active one of its line
// that can. One from elsewhere stands for itself, since nothing is known of its line. The
// Problem is E1101, and names those of other lines that could sign.
func SuccessorOf(all []ca.Authority, name string) (ca.Authority, error) {
	at := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == name })
	if at < 0 {
		return ca.Authority{}, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list")
	}
	before := all[at]
	if before.External {
		return before, nil
	}
	able := signers(all)
	if i := slices.IndexFunc(able, func(a ca.Authority) bool { return a.Line == before.Line }); i >= 0 {
		return able[i], nil
	}
	return ca.Authority{}, unchosen(before.Name+", which signed the one before, signs nothing new, and no other of its line is active", able).Because(whyNot(all, before))
}

// firstParent is the root of the only line of roots.
func firstParent(all []ca.Authority) (ca.Authority, error) {
	able := signers(all)
	roots := slices.DeleteFunc(slices.Clone(able), func(a ca.Authority) bool { return a.Kind != ca.Root })
	if len(roots) == 1 {
		return roots[0], nil
	}
	return ca.Authority{}, unchosen("it is not clear which authority shall sign it", able)
}

// unchosen wants to be told who signs.
func unchosen(detail string, able []ca.Authority) *ca.Problem {
	if len(able) == 0 {
		return ca.Invalid(ca.E1101, detail, "make a root first: chancery ca create root-g2 --root, and name it with --parent")
	}
	var names []string
	for _, a := range able {
		names = append(names, a.Name)
	}
	return ca.Invalid(ca.E1101, detail, "name it, --parent NAME: "+strings.Join(names, ", "))
}

// signers are who can sign authorities, the newest active one of each line, oldest line
// first.
func signers(all []ca.Authority) (out []ca.Authority) {
	for _, a := range all {
		if a.Kind == ca.Issuing || a.External || a.State != ca.Active || worthless(ca.Ancestry(all, a)) != "" {
			continue
		}
		i := slices.IndexFunc(out, func(b ca.Authority) bool { return b.Line == a.Line })
		switch {
		case i < 0:
			out = append(out, a)
		case a.NewerThan(out[i]):
			out[i] = a
		}
	}
	return out
}

// whyNot says what keeps a generation from signing.
func whyNot(all []ca.Authority, a ca.Authority) string {
	if why := worthless(ca.Ancestry(all, a)); why != "" {
		return why
	}
	return a.Name + " is " + string(a.State)
}

// worthless says what makes the lowest of a chain worthless to whoever verifies: one of it
// is revoked, or is retired, so that it is in no bundle. It is empty if nothing does.
func worthless(up []ca.Authority) string {
	for _, a := range up {
		switch {
		case a.RevokedByParent():
			return a.Name + " is revoked"
		case a.State == ca.Retired:
			return a.Name + " is retired"
		}
	}
	return ""
}
