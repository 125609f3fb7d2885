// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// DirectoryName is a type of constraint, not of a name that can be asked for: a
// certificate's subject is one (RFC 5280 §4.2.1.10).
const DirectoryName NameType = "dn"

// MaxSubtrees bounds the name constraints of one certificate, permitted and
// excluded together: each is compared with each name of each request.
const MaxSubtrees = 500

// A Subtree is a space of names that a name constraint permits or excludes (RFC
// 5280 §4.2.1.10). Make one with NewSubtree or ParseSubtree: they give the one
// canonical form, which Check demands.
type Subtree struct {
	// Type is DNS, Email, URI, IP or DirectoryName.
	Type NameType
	// Value is, in the characters of the certificate:
	// DNS: "lab.example", that name and all below; ".lab.example", those below only,
	// which no RFC defines and is read, and written below who has it; "", every name.
	// Email: "hana@lab.example", one mailbox; "lab.example", those of this host;
	// ".lab.example", those of hosts below.
	// URI: the host "lab.example", or ".lab.example", hosts below.
	// IP: a prefix such as 10.0.0.0/8 or fd00::/8.
	Value string
	// Name is a directory name's: every name that begins with these fields; empty is
	// every name. Its string types are 0, as comparing does not ask for them.
	Name Subject
}

// NameConstraints are those of one CA certificate: a name of a type that has
// permitted subtrees must be in one of them, and none may be in an excluded one.
type NameConstraints struct {
	Permitted []Subtree `json:"permitted,omitempty" toml:"permitted"`
	Excluded  []Subtree `json:"excluded,omitempty" toml:"excluded"`
}

// Empty tells whether nothing is constrained.
func (c NameConstraints) Empty() bool { return len(c.Permitted)+len(c.Excluded) == 0 }

// Strings writes the constraints as ParseConstraints reads them.
func (c NameConstraints) Strings() []string {
	out := make([]string, 0, len(c.Permitted)+len(c.Excluded))
	for _, s := range c.Permitted {
		out = append(out, s.String())
	}
	for _, s := range c.Excluded {
		out = append(out, "!"+s.String())
	}
	return out
}

// ParseConstraints reads the constraints of an authority to be made, as people
// write them: type:value, excluded ones with "!" before it, such as
// dns:lab.example, email:@lab.example, ip:10.0.0.0/8, uri:.lab.example, dn:O=Lab
// and !dns:secret.lab.example. The Problem is E2113 and names the field.
func ParseConstraints(texts []string) (NameConstraints, error) {
	var c NameConstraints
	for i, text := range texts {
		rest, excluded := strings.CutPrefix(text, "!")
		s, err := ParseSubtree(rest)
		if err != nil {
			return NameConstraints{}, err.At(fmt.Sprintf("constraints[%d]", i))
		}
		if excluded {
			c.Excluded = append(c.Excluded, s)
		} else {
			c.Permitted = append(c.Permitted, s)
		}
	}
	return c, c.CheckNew()
}

// Check demands that every subtree is in canonical form. What is not is obeyed by
// refusing everything: the Problem is E2113.
func (c NameConstraints) Check() error {
	if n := len(c.Permitted) + len(c.Excluded); n > MaxSubtrees {
		return badSubtree(fmt.Sprintf("%d subtrees", n), fmt.Sprintf("at most %d are obeyed", MaxSubtrees))
	}
	for _, list := range [][]Subtree{c.Permitted, c.Excluded} {
		for _, s := range list {
			if err := s.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckNew is Check for what goes into a new certificate: only forms that all
// readers take alike, none twice. The Problem is E2113.
func (c NameConstraints) CheckNew() error {
	if err := c.Check(); err != nil {
		return err
	}
	texts := c.Strings()
	for i, s := range slices.Concat(c.Permitted, c.Excluded) {
		switch {
		case s.Type == DNS && strings.HasPrefix(s.Value, "."):
			return badSubtree(texts[i], "a DNS constraint has no leading dot (RFC 5280 §4.2.1.10); without it, it covers the name and all below")
		case i < len(c.Permitted) && s.Value == "" && len(s.Name) == 0:
			return badSubtree(texts[i], "it permits every name, which constrains nothing; to exclude all of a type, put ! before it")
		case slices.Contains(texts[:i], texts[i]):
			return badSubtree(texts[i], "it stands twice")
		}
	}
	return nil
}

// badSubtree is E2113.
func badSubtree(text, fault string) *Problem {
	return Invalid(E2113, Show(text)+" is not a name constraint: "+fault,
		"write it as dns:lab.example, email:@lab.example, ip:10.0.0.0/8, uri:.lab.example or dn:O=Lab, with ! before it to exclude")
}

// ParseSubtree reads the type:value that String writes. The Problem is E2113.
func ParseSubtree(text string) (Subtree, *Problem) {
	t, value, ok := strings.Cut(text, ":")
	if !ok {
		return Subtree{}, badSubtree(text, "it has no type before a colon")
	}
	if t == string(Email) {
		if host, isHost := strings.CutPrefix(value, "@"); isHost {
			if host == "" || host[0] == '.' { // "@.lab.example" would be a third spelling
				return Subtree{}, badSubtree(text, "there is no host after the @")
			}
			value = host
		}
	}
	return NewSubtree(NameType(t), value)
}

// NewSubtree brings a subtree into canonical form from the characters a
// certificate has; of a directory name it takes the text of ParseDN. The Problem
// is E2113.
func NewSubtree(t NameType, text string) (Subtree, *Problem) {
	s, fault := Subtree{Type: t}, ""
	switch t {
	case DNS:
		s.Value, fault = hostSpace(text)
		if text == "" {
			fault = ""
		}
	case Email:
		if strings.Contains(text, "@") {
			s.Value, fault = canonicalEmail(text)
		} else {
			s.Value, fault = hostSpace(text)
		}
	case URI:
		s.Value, fault = hostSpace(text)
		if strings.ContainsAny(text, ":/") {
			fault = "a URI's constraint is its host alone, such as lab.example"
		}
	case IP:
		s.Value, fault = canonicalPrefix(text)
	case DirectoryName:
		var err error
		if s.Name, err = ParseDN(text); err != nil {
			fault = err.Error()
		}
	default:
		fault = "there are rules for the types dns, email, uri, ip and dn only"
	}
	if fault != "" {
		return Subtree{}, badSubtree(string(t)+":"+text, fault)
	}
	return s, nil
}

// check demands canonical form.
func (s Subtree) check() error {
	text := s.Value
	if s.Type == DirectoryName {
		text = s.Name.String()
		if s.Value != "" {
			return badSubtree(s.String(), "it is a directory name and another value at once")
		}
	}
	again, err := NewSubtree(s.Type, text)
	if err != nil {
		return err
	}
	if again.Value != s.Value || !slices.Equal(again.Name, s.Name) {
		return badSubtree(s.String(), "it is not in canonical form")
	}
	return nil
}

// hostSpace is a host name in lower case, or one with a leading dot.
func hostSpace(text string) (value, fault string) {
	host := strings.TrimPrefix(text, ".")
	if strings.HasPrefix(host, "*") {
		return "", "a constraint has no wildcards: a host covers what is below it by itself, or with a leading dot"
	}
	value, fault = canonicalDNS(host)
	if a := ASCIIName(host); fault != "" && a != "" && a != host {
		fault = "write it in ASCII: " + a
	}
	return text[:len(text)-len(host)] + value, fault
}

// canonicalPrefix takes a prefix whose other bits are zero.
func canonicalPrefix(text string) (value, fault string) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return "", "it is not a prefix such as 10.0.0.0/8 or 192.0.2.7/32"
	case p.Addr().Is4In6():
		return "", "it is an IPv4 prefix in IPv6 form; write it as IPv4"
	case p != p.Masked():
		return "", "its address has bits beyond the prefix; write " + p.Masked().String()
	}
	return p.String(), ""
}

// String writes type:value, such as dns:lab.example, dn:C=DE,O=Lab, and
// email:@lab.example for the mailboxes of a host.
func (s Subtree) String() string {
	switch {
	case s.Type == DirectoryName:
		return string(s.Type) + ":" + s.Name.String()
	case s.Type == Email && !strings.Contains(s.Value, "@") && !strings.HasPrefix(s.Value, "."):
		return string(s.Type) + ":@" + s.Value
	}
	return string(s.Type) + ":" + s.Value
}

// MarshalText is String of a sound subtree: its form in JSON and TOML.
func (s Subtree) MarshalText() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return []byte(s.String()), nil
}

// UnmarshalText is ParseSubtree; it takes the one form that String writes.
func (s *Subtree) UnmarshalText(text []byte) error {
	parsed, err := ParseSubtree(string(text))
	if err != nil {
		return err
	}
	if parsed.String() != string(text) {
		return badSubtree(string(text), "its canonical form is "+parsed.String())
	}
	*s = parsed
	return nil
}
