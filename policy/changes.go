// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"chancery/ca"
)

// Changes says in words what a bundle changed of the one before it, in the order of the
// bundle's fields; empty if it only rose in version or time.
func Changes(before, after Bundle) []string {
	var out []string
	add := func(form string, words ...any) { out = append(out, fmt.Sprintf(form, words...)) }
	for _, uid := range bothKeys(before.Accounts, after.Accounts) {
		switch was, is := before.Accounts[uid], after.Accounts[uid]; {
		case slices.Equal(was, is):
		case len(is) == 0:
			add("account %d has no role any more", uid)
		default:
			add("account %d has %s", uid, roleWords(is))
		}
	}
	was, is := documents(before), documents(after)
	for _, name := range bothKeys(was, is) {
		switch {
		case was[name] == is[name]:
		case was[name] == "":
			add("profile %s added", name)
		case is[name] == "":
			add("profile %s removed", name)
		default:
			add("profile %s changed", name)
		}
	}
	out = append(out, differing(before.Grants, after.Grants, func(g Grant) string {
		return fmt.Sprintf("grant to %s of %s for %s", g.To, strings.Join(slices.Concat(g.DNS, g.IP, g.Email, g.URI), ", "), strings.Join(g.Profiles, ", "))
	})...)
	out = append(out, differing(before.SignIns, after.SignIns, func(s SignIn) string {
		if s.Serial == "" {
			return fmt.Sprintf("sign-in by the key %s for account %d", s.Key, s.UID)
		}
		return fmt.Sprintf("sign-in by the certificate %s of %s for account %d", s.Serial, s.Issuer, s.UID)
	})...)
	out = append(out, differing(before.RefusedKeys, after.RefusedKeys, func(key ca.Digest) string { return "refused key " + key.String() })...)
	out = append(out, differing(before.OCSPByAuthority, after.OCSPByAuthority, func(name string) string { return "OCSP of " + name + " by its own key" })...)
	return append(out, differing(before.Exceptions, after.Exceptions, func(name string) string { return "exception " + name })...)
}

// differing says which are only before or only after, by their words, which are whole.
func differing[T any](before, after []T, words func(T) string) (out []string) {
	was, is := map[string]bool{}, map[string]bool{}
	for _, one := range before {
		was[words(one)] = true
	}
	for _, one := range after {
		is[words(one)] = true
	}
	for _, one := range bothKeys(was, is) {
		switch {
		case !is[one]:
			out = append(out, one+" removed")
		case !was[one]:
			out = append(out, one+" added")
		}
	}
	return out
}

func documents(b Bundle) map[string]string {
	out := map[string]string{}
	for _, d := range b.Profiles {
		out[d.Name] = d.Document
	}
	return out
}

func bothKeys[K cmp.Ordered, V any](a, b map[K]V) []K {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

func roleWords(all []ca.Role) string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return strings.Join(out, ", ")
}
