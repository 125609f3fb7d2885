// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
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
		return errors.New("the draft has no names")
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
		// The text of the octets, not the octets of the text: each has one form, and
		// IPv4 has none in sixteen octets.
		ip, ok := netip.AddrFromSlice(value)
		if !ok || ip.Is4In6() || ip.String() != want.Value {
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
		return found && box != "" && host != "" && !strings.Contains(host, "@")
	case ca.URI:
		u, err := url.Parse(n.Value)
		if err != nil || u.Scheme == "" {
			return false
		}
		// Common readers refuse hosts with empty labels or, behind percent signs,
		// octets outside ASCII: the whole certificate would be lost to them.
		return u.Host != "" && !strings.Contains("."+u.Host+".", "..") && !strings.ContainsFunc(u.Host, hidden)
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

// rulesAllow reads the patterns as ca.NameRules describes them. Names are in
// canonical form, so octets are compared.
func rulesAllow(n ca.Name, rules ca.NameRules) bool {
	switch n.Type {
	case ca.DNS:
		if strings.HasPrefix(n.Value, "*.") && !rules.Wildcards {
			return false
		}
		return slices.ContainsFunc(rules.DNS, func(pattern string) bool {
			below, isBelow := strings.CutPrefix(pattern, "*")
			return pattern == "*" || n.Value == pattern && !isBelow ||
				strings.HasPrefix(below, ".") && isBelow && len(n.Value) > len(below) && strings.HasSuffix(n.Value, below)
		})
	case ca.IP:
		ip, err := netip.ParseAddr(n.Value)
		return err == nil && slices.ContainsFunc(rules.IP, func(pattern string) bool {
			if p, err := netip.ParsePrefix(pattern); err == nil {
				return p.Contains(ip)
			}
			one, err := netip.ParseAddr(pattern)
			return err == nil && one == ip
		})
	case ca.Email:
		return slices.ContainsFunc(rules.Email, func(pattern string) bool {
			return n.Value == pattern || strings.HasPrefix(pattern, "@") && strings.HasSuffix(n.Value, pattern)
		})
	case ca.URI:
		return slices.ContainsFunc(rules.URI, func(pattern string) bool {
			return strings.HasSuffix(pattern, "/") && strings.HasPrefix(n.Value, pattern)
		})
	}
	return false
}
