// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"chancery/ca"
)

// A Document is a profile as it stands in the bundle: its name and the exact text.
type Document struct {
	Name     string `json:"name"`
	Document string `json:"document"`
}

// homeAddresses are the ranges nobody can own (RFC 1918, RFC 4193) and this
// machine itself: what a server in a private network is reached by.
var homeAddresses = [...]string{"10.0.0.0/8", "127.0.0.1", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"}

// DefaultSet is the set of profiles of an installation that names none.
const DefaultSet = "homelab"

// Sets are the names of the sets of profiles that an installation can begin with.
func Sets() []string { return []string{DefaultSet, "iot", "office", "kubernetes"} }

// Shipped renders the profiles of the default set; see ShippedSet.
func Shipped(names []string) ([]Document, error) { return ShippedSet(DefaultSet, names) }

// ShippedSet renders the profiles that a new installation starts with. names are what
// `init --names` was given: DNS patterns such as lab.example and *.lab.example, addresses
// or prefixes, e-mail addresses or @domain. Each is a ca.Problem (E2110) if it is none of
// these; a set that is not there is E1101. A profile for whose names there is no pattern
// is left out.
func ShippedSet(set string, names []string) ([]Document, error) {
	dns, ip, email, err := sortNames(names)
	if err != nil {
		return nil, err
	}
	templates, ok := sets[set]
	if !ok {
		return nil, ca.Invalid(ca.E1101, "there is no set of profiles "+ca.Show(set), "use one of "+list(Sets()))
	}
	near := slices.Clone(ip)
	for _, home := range homeAddresses {
		if !slices.Contains(near, home) {
			near = append(near, home)
		}
	}
	lists := map[string][]string{"dns": dns, "ip": ip, "near": near, "email": email, "cluster": append(slices.Clone(dns), clusterNames[:]...), "local": append(slices.Clone(dns), "localhost")}
	var out []Document
	for _, t := range templates {
		if len(t.needs) > 0 && !slices.ContainsFunc(t.needs, func(key string) bool { return len(lists[key]) > 0 }) {
			continue
		}
		text, err := profiles.ReadFile("profiles/" + t.file + ".toml")
		if err != nil {
			return nil, fmt.Errorf("read a shipped profile: %w", err)
		}
		out = append(out, Document{path.Base(t.file), render(string(text), lists)})
	}
	return out, nil
}

// ShippedUse are the extended key usages that the profiles of a set need, in the order
// in which an authority that issues under them has them; nil for a set that is not there.
func ShippedUse(set string) []string {
	templates, ok := sets[set]
	if !ok {
		return nil
	}
	return slices.DeleteFunc([]string{"server", "client", "email", "codesign"}, func(use string) bool {
		return !slices.ContainsFunc(templates, func(t template) bool { return slices.Contains(t.use, use) })
	})
}

// render fills the lists in. The licence of the text's file is no part of it.
func render(text string, lists map[string][]string) string {
	_, text, _ = strings.Cut(text, "\n")
	var b strings.Builder
	for line := range strings.Lines(text) {
		before, key, marked := strings.Cut(line, "{")
		key, after, _ := strings.Cut(key, "}")
		switch {
		case !marked:
			b.WriteString(line)
		case key == "from_cn":
			b.WriteString(before + fmt.Sprint(len(lists["dns"]) > 0) + after)
		case key == "keys":
			b.WriteString(before + keyTypes + after)
		case len(lists[key]) > 0:
			// The patterns are sound, so they hold nothing that TOML would escape.
			b.WriteString(before + `["` + strings.Join(lists[key], `", "`) + `"]` + after)
		}
	}
	return b.String()
}

// sortNames tells the types of patterns apart, each once. Mail is taken for the
// DNS names that are whole names too, since who owns lab.example owns its mail.
func sortNames(names []string) (dns, ip, email []string, err error) {
	add := func(to *[]string, s string) {
		if !slices.Contains(*to, s) {
			*to = append(*to, s)
		}
	}
	for _, given := range names {
		s := strings.TrimSpace(given)
		_, errPrefix := netip.ParsePrefix(s)
		_, errAddr := netip.ParseAddr(s)
		lower := strings.ToLower(s)
		switch {
		case (errPrefix == nil || errAddr == nil) && isIPPattern(s):
			add(&ip, s)
		case strings.Contains(s, "@") && isEmailPattern(s):
			add(&email, s)
		case lower != "*" && isDNSPattern(lower):
			add(&dns, lower)
			if !strings.HasPrefix(lower, "*") {
				add(&email, "@"+lower)
			}
		default:
			return nil, nil, nil, ca.Invalid(ca.E2110, ca.Show(given)+" is not a name to certify", "write names such as lab.example, *.lab.example, 10.0.0.0/8 or @lab.example")
		}
	}
	return dns, ip, email, nil
}
