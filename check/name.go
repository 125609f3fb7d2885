// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"chancery/ca"
)

// The tags of GeneralName (RFC 5280 §4.2.1.6).
const (
	tagEmail = tagContext0 + 1
	tagDNS   = tagContext0 + 2
	tagURI   = tagContext0 + 6
	tagIP    = tagContext0 + 7
)

// namesAre reads GeneralNames back and compares them with the draft's, in order.
func namesAre(value []byte, want []ca.Name) error {
	list, err := peel(value, tagSequence)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		return fmt.Errorf("the draft has no names")
	}
	r := reader{list}
	for i, n := range want {
		if err := nameIs(&r, n); err != nil {
			return fmt.Errorf("name %d: %w", i+1, err)
		}
	}
	return r.end()
}

func nameIs(r *reader, want ca.Name) error {
	var tag byte
	switch want.Type {
	case ca.DNS:
		tag = tagDNS
	case ca.Email:
		tag = tagEmail
	case ca.URI:
		tag = tagURI
	case ca.IP:
		tag = tagIP
	default:
		return fmt.Errorf("there is no type %q", want.Type)
	}
	value, err := r.content(tag)
	if err != nil {
		return err
	}
	if want.Type == ca.IP {
		// Text and octets are compared both ways: each must be the other's only form.
		ip, ok := netip.AddrFromSlice(value)
		if !ok || ip.String() != want.Value {
			return fmt.Errorf("it is not %s", want)
		}
		return nil
	}
	if string(value) != want.Value || !wellFormed(want) {
		return fmt.Errorf("it is not %s, or that is malformed", want)
	}
	return nil
}

// wellFormed refuses what another reader may take for something else: no control
// characters, no spaces, nothing outside ASCII, and the form of the type.
func wellFormed(n ca.Name) bool {
	hidden := func(r rune) bool { return r < 0x21 || r > 0x7e }
	if len(n.Value) == 0 || strings.ContainsFunc(n.Value, hidden) {
		return false
	}
	switch n.Type {
	case ca.DNS:
		return len(n.Value) <= 253
	case ca.Email:
		box, host, found := strings.Cut(n.Value, "@")
		return found && box != "" && host != "" && !strings.HasSuffix(host, "@")
	case ca.URI:
		u, err := url.Parse(n.Value)
		if err != nil || u.Scheme == "" {
			return false
		}
		// Common readers refuse hosts with empty labels or, behind percent signs,
		// octets outside ASCII: the whole certificate would be lost to them.
		return u.Host == "" || !strings.Contains("."+u.Host+".", "..") && !strings.ContainsFunc(u.Host, hidden)
	}
	return false
}

// namesWithin holds names against the profile's patterns.
func namesWithin(names []ca.Name, rules ca.NameRules) error {
	if len(names) > rules.Max {
		return fmt.Errorf("%d names are more than the profile's %d", len(names), rules.Max)
	}
	for i, n := range names {
		if !rulesAllow(n, rules) {
			return fmt.Errorf("name %d, %s, is in no pattern of the profile", i+1, n)
		}
	}
	return nil
}

func rulesAllow(n ca.Name, rules ca.NameRules) bool {
	switch n.Type {
	case ca.DNS:
		if strings.HasPrefix(n.Value, "*.") && !rules.Wildcards {
			return false
		}
		return anyMatch(rules.DNS, n.Value, func(pattern, name string) bool {
			below, isBelow := strings.CutPrefix(pattern, "*")
			return pattern == "*" || name == pattern || isBelow && len(name) > len(below) && strings.HasSuffix(name, below)
		})
	case ca.IP:
		ip, err := netip.ParseAddr(n.Value)
		return err == nil && anyMatch(rules.IP, "", func(pattern, _ string) bool {
			if p, err := netip.ParsePrefix(pattern); err == nil {
				return p.Contains(ip)
			}
			one, err := netip.ParseAddr(pattern)
			return err == nil && one == ip
		})
	case ca.Email:
		return anyMatch(rules.Email, n.Value, func(pattern, name string) bool {
			return name == pattern || strings.HasPrefix(pattern, "@") && strings.HasSuffix(name, pattern)
		})
	case ca.URI:
		for _, p := range rules.URI {
			if n.Value == p || strings.HasSuffix(p, "/") && strings.HasPrefix(n.Value, p) {
				return true
			}
		}
	}
	return false
}

// anyMatch compares without regard to case: hosts have none.
func anyMatch(patterns []string, name string, match func(pattern, name string) bool) bool {
	name = strings.ToLower(name)
	for _, p := range patterns {
		if match(strings.ToLower(p), name) {
			return true
		}
	}
	return false
}
