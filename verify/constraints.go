// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

var (
	oidConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidAltNames    = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidEmail       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// maxComparisons bounds what hostile certificates can make of names times constraints.
const maxComparisons = 250_000

// constraints judges all names below each authority that limits them (RFC 5280
// §4.2.1.10). Types that crypto/x509 parses are taken from it, names of directories
// are read here.
func (q Question) constraints(path []*x509.Certificate) (found []Finding) {
	limited, left := false, maxComparisons
	for i, issuer := range path[1:] {
		limits, err := limitsOf(issuer)
		if err != nil {
			found = append(found, failure(checkConstraints, "", "the name constraints of %s cannot be read", Title(issuer)))
			continue
		}
		if limits == nil {
			continue
		}
		limited = true
		for j, c := range path[:i+1] {
			if j > 0 && bytes.Equal(c.RawSubject, c.RawIssuer) {
				continue // self-issued: a new certificate of the same authority
			}
			names, err := constrained(c)
			if left -= len(names) * (len(limits.permitted) + len(limits.excluded)); left < 0 {
				return append(found, failure(checkConstraints, "", "there are too many names and constraints to compare"))
			}
			if err == nil {
				err = limits.judge(names)
			}
			if err != nil {
				found = append(found, failure(checkConstraints, "ask for other names, or another authority", "%s may not certify %s: %v", Title(issuer), Title(c), err))
			}
		}
	}
	if limited && len(found) == 0 {
		found = append(found, finding(checkConstraints, "all names are within the name constraints of the authorities"))
	}
	return found
}

// A name is one that constraints are about; its type is the tag of its choice in
// GeneralName (RFC 5280 §4.2.1.6).
type name struct {
	kind      int
	text      string
	ip        net.IP
	directory pkix.RDNSequence
}

// A limit is one subtree; the text of a URI's or mailbox's is a host, a domain after a
// dot, or a mailbox.
type limit struct {
	kind      int
	text      string
	network   *net.IPNet
	directory pkix.RDNSequence
}

const (
	kindEmail     = 1
	kindDNS       = 2
	kindDirectory = 4
	kindURI       = 6
	kindIP        = 7
)

// kinds are the names of types, for messages.
var kinds = map[int]string{kindEmail: "mail", kindDNS: "DNS", kindDirectory: "directory", kindURI: "URI", kindIP: "IP"}

type limits struct{ permitted, excluded []limit }

// limitsOf gives the name constraints of an authority, or nil.
func limitsOf(c *x509.Certificate) (*limits, error) {
	at := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidConstraints) })
	if at < 0 {
		return nil, nil
	}
	l := limits{
		permitted: plainLimits(c.PermittedDNSDomains, c.PermittedEmailAddresses, c.PermittedURIDomains, c.PermittedIPRanges),
		excluded:  plainLimits(c.ExcludedDNSDomains, c.ExcludedEmailAddresses, c.ExcludedURIDomains, c.ExcludedIPRanges),
	}
	var parsed struct {
		Permitted []subtree `asn1:"optional,tag:0"`
		Excluded  []subtree `asn1:"optional,tag:1"`
	}
	if rest, err := asn1.Unmarshal(c.Extensions[at].Value, &parsed); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("read name constraints: %w", err)
	}
	for _, side := range []struct {
		from []subtree
		to   *[]limit
	}{{parsed.Permitted, &l.permitted}, {parsed.Excluded, &l.excluded}} {
		for _, s := range side.from {
			one, err := s.limit()
			if err != nil {
				return nil, err
			}
			if one != nil {
				*side.to = append(*side.to, *one)
			}
		}
	}
	return &l, nil
}

// A subtree is a GeneralSubtree; minimum and maximum are never used (RFC 5280
// §4.2.1.10), and a value of either is refused by crypto/x509.
type subtree struct {
	Base asn1.RawValue
	Rest asn1.RawValue `asn1:"optional"`
}

// limit gives what plainLimits has not: directories, and types that nobody here
// understands, which fit no name of theirs.
func (s subtree) limit() (*limit, error) {
	switch s.Base.Tag {
	case kindEmail, kindDNS, kindURI, kindIP:
		return nil, nil
	case kindDirectory:
		rdns, err := directory(s.Base.Bytes)
		return &limit{kind: kindDirectory, directory: rdns}, err
	}
	return &limit{kind: s.Base.Tag}, nil
}

func directory(der []byte) (rdns pkix.RDNSequence, err error) {
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("read a directory name: %w", err)
	}
	return rdns, nil
}

func plainLimits(dns, email, uri []string, ip []*net.IPNet) (all []limit) {
	for _, d := range dns {
		all = append(all, limit{kind: kindDNS, text: d})
	}
	for _, e := range email {
		all = append(all, limit{kind: kindEmail, text: e})
	}
	for _, u := range uri {
		all = append(all, limit{kind: kindURI, text: u})
	}
	for _, n := range ip {
		all = append(all, limit{kind: kindIP, network: n})
	}
	return all
}

// constrained gives the names of a certificate, its subject's among them.
func constrained(c *x509.Certificate) (names []name, err error) {
	subject, err := directory(c.RawSubject)
	if err != nil {
		return nil, err
	}
	if len(subject) > 0 {
		names = append(names, name{kind: kindDirectory, directory: subject})
	}
	for _, a := range c.Subject.Names {
		if text, is := a.Value.(string); is && a.Type.Equal(oidEmail) {
			names = append(names, name{kind: kindEmail, text: text})
		}
	}
	at := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidAltNames) })
	if at < 0 {
		return names, nil
	}
	var general []asn1.RawValue
	if rest, err := asn1.Unmarshal(c.Extensions[at].Value, &general); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("its names cannot be read")
	}
	for _, g := range general {
		n := name{kind: g.Tag, text: string(g.Bytes), ip: g.Bytes}
		if g.Tag == kindDirectory {
			if n.directory, err = directory(g.Bytes); err != nil {
				return nil, err
			}
		}
		names = append(names, n)
	}
	return names, nil
}

// judge says which name is excluded, or not permitted though its type is limited.
func (l limits) judge(names []name) error {
	for _, n := range names {
		if i := slices.IndexFunc(l.excluded, func(x limit) bool { return x.kind == n.kind && x.covers(n, true) }); i >= 0 {
			return fmt.Errorf("%s is excluded", n)
		}
		limited, fits := false, false
		for _, x := range l.permitted {
			limited = limited || x.kind == n.kind
			fits = fits || x.kind == n.kind && x.covers(n, false)
		}
		if limited && !fits {
			return fmt.Errorf("%s is not permitted", n)
		}
	}
	return nil
}

func (n name) String() string {
	switch n.kind {
	case kindIP:
		return "the IP name " + n.ip.String()
	case kindDirectory:
		return "the directory name " + safe(n.directory.String())
	}
	if kinds[n.kind] == "" {
		return fmt.Sprintf("a name of type %d, which is not understood here,", n.kind)
	}
	return "the " + kinds[n.kind] + " name " + safe(n.text)
}

// covers tells whether a name lies in a subtree. Judged widely, as what is
// excluded is, a wildcard counts with each name it stands for, and a type that is not
// understood covers everything of it; where it permits, neither does.
func (x limit) covers(n name, widely bool) bool {
	switch x.kind {
	case kindDNS:
		return coversHost(x.text, n.text, widely)
	case kindEmail:
		return coversMailbox(x.text, n.text)
	case kindURI:
		u, err := url.Parse(n.text)
		if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
			return widely // a URI without a host can be in no subtree, and is refused (RFC 5280 §4.2.1.10)
		}
		return coversDomain(x.text, u.Hostname())
	case kindIP:
		return x.network != nil && x.network.Contains(n.ip)
	case kindDirectory:
		return coversDirectory(x.directory, n.directory)
	}
	return widely
}

// coversHost is for DNS names: a domain covers itself and all below.
func coversHost(domain, host string, widely bool) bool {
	domain, host = strings.ToLower(domain), strings.ToLower(host)
	below, inner := strings.CutPrefix(domain, ".")
	if domain == "" || strings.HasSuffix(host, "."+below) || host == below && !inner {
		return true
	}
	// *.lab.example stands for nas.lab.example, if that is excluded.
	wild, is := strings.CutPrefix(host, "*")
	return widely && is && strings.HasSuffix("."+below, wild) && strings.Count(below, ".") == strings.Count(wild, ".")
}

// coversDomain is for hosts of URIs and mailboxes: a host covers itself alone, a domain
// after a dot all below.
func coversDomain(domain, host string) bool {
	domain, host = strings.ToLower(domain), strings.ToLower(host)
	if strings.HasPrefix(domain, ".") {
		return strings.HasSuffix(host, domain)
	}
	return domain == host
}

func coversMailbox(subtree, mailbox string) bool {
	if strings.Contains(subtree, "@") {
		return sameMailbox(subtree, mailbox)
	}
	at := strings.LastIndexByte(mailbox, '@')
	return subtree == "" || at >= 0 && coversDomain(subtree, mailbox[at+1:])
}

// coversDirectory tells whether a name begins with the subtree's.
func coversDirectory(base, n pkix.RDNSequence) bool {
	if len(n) < len(base) {
		return false
	}
	for i, set := range base {
		if len(set) != len(n[i]) {
			return false
		}
		for _, want := range set {
			if !slices.ContainsFunc(n[i], func(have pkix.AttributeTypeAndValue) bool {
				return have.Type.Equal(want.Type) && folded(have.Value) == folded(want.Value)
			}) {
				return false
			}
		}
	}
	return true
}

// folded is a value without what comparison ignores: case, and blanks around and
// doubled (RFC 5280 §7.1).
func folded(v any) string { return strings.ToLower(strings.Join(strings.Fields(fmt.Sprint(v)), " ")) }
