// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/policy"
)

// A reference is a second writing of the rules, slow and plain, from docs/profiles.md and
// not from the code: it looks at everything, collects each reason to refuse, and makes
// the draft of what is left. It shares no code with the rules but the nouns.
type reference struct {
	profile   ca.Profile
	authority ca.Authority
	request   ca.Request
	csr       ca.CSR
	grants    []policy.Grant
	now       time.Time
	// holds are the rules of the profile, written a second time in Go.
	holds []func(ca.Draft, reference) bool

	reasons []ca.Code
}

func (r *reference) refuse(c ca.Code) { r.reasons = append(r.reasons, c) }

// judge gives the draft, and why there is none.
func (r *reference) judge() (ca.Draft, []ca.Code) {
	p, d := r.profile, ca.Draft{}
	if r.request.Profile != p.Name {
		r.refuse(ca.E2118)
	}
	if r.request.Digest != p.Digest {
		r.refuse(ca.E2119)
	}
	if !slices.Contains(p.Doors, r.request.Door) {
		r.refuse(ca.E2108)
	}
	r.signer()
	r.key()
	d.Names = r.names()
	d.Subject = r.subject(d.Names)
	d.NotBefore, d.NotAfter = r.life()
	d.KeyUsage = r.usage()
	d.Policies, d.Extensions = r.extensions()
	d.SPKI, d.Key, d.KeyType = bytes.Clone(r.csr.SPKI), r.csr.Key, r.csr.KeyType
	d.Use, d.Authority = slices.Clone(p.Use), r.authority.Name
	d.Profile, d.ProfileDigest = p.Name, p.Digest
	for _, holds := range r.holds {
		if len(r.reasons) == 0 && !holds(d, *r) {
			r.refuse(ca.E2123)
		}
	}
	return d, r.reasons
}

func (r *reference) signer() {
	line := r.request.Line
	if line == "" {
		line = r.profile.Line
	}
	if line != r.profile.Line && !slices.Contains(r.profile.Lines, line) {
		r.refuse(ca.E2122)
	}
	allowed := strings.Join(r.authority.Use, " ")
	for _, use := range r.profile.Use {
		if !strings.Contains(" "+allowed+" ", " "+use+" ") {
			r.refuse(ca.E3004)
		}
	}
	if r.authority.Line != line || r.authority.State != ca.Active {
		r.refuse(ca.E3004)
	}
}

func (r *reference) key() {
	size := func(s string) (n int) {
		if _, err := fmt.Sscanf(s, "rsa-%d", &n); err != nil {
			return 0
		}
		return n
	}
	for _, k := range r.profile.Keys {
		if k == r.csr.KeyType || size(k) > 0 && size(r.csr.KeyType) >= size(k) {
			if r.csr.Key == r.authority.Key {
				break
			}
			return
		}
	}
	r.refuse(ca.E2204)
}

// names are those asked for, then addresses of the subject, then the common name.
func (r *reference) names() []ca.Name {
	out := slices.Clone(r.csr.Names)
	if r.profile.Subject.Email == "copy" || r.profile.Subject.Email == "move" {
		for _, a := range r.csr.Subject {
			if a.OID != "1.2.840.113549.1.9.1" {
				continue
			}
			box, host, _ := strings.Cut(a.Value, "@")
			n := ca.Name{Type: ca.Email, Value: box + "@" + strings.ToLower(host)}
			if box == "" || host == "" {
				r.refuse(ca.E2110)
			}
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	if len(out) == 0 {
		cn := r.asked("2.5.4.3")
		if !r.profile.Names.FromCN || len(cn) == 0 || strings.ContainsAny(cn[0], " @") || len(cn[0]) > 63 || net.ParseIP(cn[0]) != nil {
			r.refuse(ca.E2106)
			return nil
		}
		out = []ca.Name{{Type: ca.DNS, Value: strings.ToLower(cn[0])}}
	}
	if len(out) > r.profile.Names.Max {
		r.refuse(ca.E2109)
	}
	for _, n := range out {
		if !r.allowed(n, r.profile.Names) || strings.HasPrefix(n.Value, "*") && !r.profile.Names.Wildcards {
			r.refuse(ca.E2107)
		}
		covered := false
		for _, g := range r.grants {
			if g.To == r.request.From.ID && slices.Contains(g.Profiles, r.profile.Name) {
				covered = covered || r.allowed(n, ca.NameRules{DNS: g.DNS, IP: g.IP, Email: g.Email, URI: g.URI})
			}
		}
		if r.profile.Names.Granted && !covered {
			r.refuse(ca.E2124)
		}
	}
	return out
}

// allowed reads patterns from the right, label by label, and addresses as numbers.
func (r *reference) allowed(n ca.Name, rules ca.NameRules) bool {
	switch n.Type {
	case ca.DNS:
		for _, p := range rules.DNS {
			want, have := strings.Split(p, "."), strings.Split(n.Value, ".")
			for len(want) > 0 && len(have) > 0 && want[len(want)-1] == have[len(have)-1] && want[len(want)-1] != "*" {
				want, have = want[:len(want)-1], have[:len(have)-1]
			}
			if len(want) == 0 && len(have) == 0 || len(want) == 1 && want[0] == "*" && len(have) > 0 {
				return true
			}
		}
	case ca.IP:
		number := func(s string) (*big.Int, int) {
			if ip := net.ParseIP(s); strings.Contains(s, ":") {
				return new(big.Int).SetBytes(ip.To16()), 128
			} else {
				return new(big.Int).SetBytes(ip.To4()), 32
			}
		}
		address, bits := number(n.Value)
		for _, p := range rules.IP {
			host, length, isPrefix := strings.Cut(p, "/")
			base, size := number(host)
			keep := size
			if isPrefix {
				fmt.Sscan(length, &keep)
			}
			drop := uint(size - keep)
			if size == bits && new(big.Int).Rsh(address, drop).Cmp(new(big.Int).Rsh(base, drop)) == 0 {
				return true
			}
		}
	case ca.Email:
		_, host, _ := strings.Cut(n.Value, "@")
		return slices.Contains(rules.Email, n.Value) || slices.Contains(rules.Email, "@"+host)
	case ca.URI:
		for _, p := range rules.URI {
			if len(n.Value) >= len(p) && n.Value[:len(p)] == p {
				return true
			}
		}
	}
	return false
}

func (r *reference) asked(oid string) (values []string) {
	for _, a := range r.csr.Subject {
		if a.OID == oid {
			values = append(values, a.Value)
		}
	}
	return values
}

// subject goes through the fields in the order of docs/profiles.md.
func (r *reference) subject(names []ca.Name) ca.Subject {
	s := r.profile.Subject
	out := ca.Subject{}
	for _, f := range [][2]string{
		{"0.9.2342.19200300.100.1.25", s.Domain}, {"2.5.4.6", s.Country}, {"2.5.4.8", s.State}, {"2.5.4.7", s.Locality}, {"2.5.4.10", s.Organization},
		{"2.5.4.11", s.Unit}, {"2.5.4.12", s.Title}, {"2.5.4.4", s.Surname}, {"2.5.4.42", s.GivenName}, {"2.5.4.5", s.SerialNumber},
		{"0.9.2342.19200300.100.1.1", s.UserID}, {"2.5.4.3", s.CommonName}, {"1.2.840.113549.1.9.1", s.Email},
	} {
		oid, word := f[0], f[1]
		asked := r.asked(oid)
		switch {
		case strings.HasPrefix(word, "fixed:"):
			asked = []string{strings.TrimPrefix(word, "fixed:")}
		case oid == "1.2.840.113549.1.9.1":
			asked = r.addresses(asked, word)
		case word == "drop":
			asked = nil
		default:
			r.field(oid, word, asked)
		}
		for _, value := range asked {
			if oid == "2.5.4.3" && s.CommonNameInNames && word != "match" {
				value = r.named(value, names)
			}
			out = append(out, ca.Attribute{OID: oid, Value: value})
		}
	}
	if !s.Preserve {
		return out
	}
	// First what was not asked for, then each field where the request has it.
	var ordered ca.Subject
	rest := slices.Clone(out)
	take := func(oid string) {
		if i := slices.IndexFunc(rest, func(a ca.Attribute) bool { return a.OID == oid }); i >= 0 {
			ordered = append(ordered, rest[i])
			rest = slices.Delete(rest, i, i+1)
		}
	}
	for _, a := range r.csr.Subject {
		take(a.OID)
	}
	return append(rest, ordered...)
}

// addresses are what stays of e-mail addresses in a subject.
func (r *reference) addresses(asked []string, word string) (kept []string) {
	for _, a := range asked {
		box, host, _ := strings.Cut(a, "@")
		if a = box + "@" + strings.ToLower(host); word == "copy" && !slices.Contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// field judges one field by its verb.
func (r *reference) field(oid, word string, asked []string) {
	several := oid == "2.5.4.11" || oid == "0.9.2342.19200300.100.1.25"
	if len(asked) > 1 && !several || len(asked) > 8 || len(asked) == 0 && word != "optional" {
		r.refuse(ca.E2120)
	}
	seen := map[string]bool{}
	for _, value := range asked {
		if len(value) > 64 || value == "" || oid == "2.5.4.6" && (len(value) != 2 || strings.ToUpper(value) != value) || seen[value] && oid == "2.5.4.11" {
			r.refuse(ca.E2120)
		}
		seen[value] = true
	}
	if word != "match" {
		return
	}
	own := ""
	for _, a := range r.authority.Fields {
		if a.OID == oid {
			own += a.Value + "\x00"
		}
	}
	if strings.Join(append(slices.Clone(asked), ""), "\x00") != own {
		r.refuse(ca.E2120)
	}
}

// named is the name that a common name is.
func (r *reference) named(cn string, names []ca.Name) string {
	for _, n := range names {
		if n.Value == cn || n.Type == ca.DNS && strings.ToLower(cn) == n.Value {
			return n.Value
		}
	}
	r.refuse(ca.E2120)
	return cn
}

// life counts in seconds since 1970.
func (r *reference) life() (begin, end time.Time) {
	const day = 24 * 60 * 60
	now, from, until := r.now.Unix(), r.authority.NotBefore.Unix(), r.authority.NotAfter.Unix()
	if now < from || until-now < day {
		r.refuse(ca.E3004)
	}
	first := max(now-300, from)
	last := first + int64(r.profile.Days)*day - 1
	if !r.request.NotAfter.IsZero() {
		last = r.request.NotAfter.Unix()
		if last > now+int64(r.profile.MaxDays)*day || last <= now {
			r.refuse(ca.E2112)
		}
		last = min(last, first+int64(r.profile.MaxDays)*day-1)
	}
	if last > until {
		if r.profile.Strict {
			r.refuse(ca.E2115)
		}
		last = until
	}
	return time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
}

func (r *reference) usage() (bits []string) {
	can := map[string]string{
		"rsa": "digital_signature non_repudiation key_encipherment data_encipherment", "ecdsa": "digital_signature non_repudiation key_agreement encipher_only decipher_only",
		"ed25519": "digital_signature non_repudiation",
	}
	family, _, _ := strings.Cut(r.csr.KeyType, "-")
	for _, bit := range r.profile.KeyUsage {
		if slices.Contains(strings.Fields(can[family]), bit) {
			bits = append(bits, bit)
		}
	}
	if len(bits) == 0 && len(r.profile.KeyUsage) > 0 {
		r.refuse(ca.E2204)
	}
	return bits
}

func (r *reference) extensions() (policies []ca.CertPolicy, out []ca.Extension) {
	for _, a := range r.profile.Extensions.Add {
		switch {
		case len(a.Policies) > 0:
			policies = append(policies, a.Policies...)
		case len(a.TLSFeature) > 0:
			out = append(out, ca.Extension{OID: "1.3.6.1.5.5.7.1.24", Value: []byte("\x30\x03\x02\x01\x05")})
		default:
			value, err := hex.DecodeString(a.Hex)
			if err != nil {
				r.refuse(ca.E2126)
			}
			out = append(out, ca.Extension{OID: a.OID, Critical: a.Critical, Value: value})
		}
	}
	for _, word := range r.profile.Extensions.Take {
		for _, e := range r.csr.Extensions {
			if e.OID != strings.Replace(word, "tls-feature", "1.3.6.1.5.5.7.1.24", 1) {
				continue
			}
			if len(e.Value) < 2 || len(e.Value) > 1024 || int(e.Value[1]) != len(e.Value)-2 || word == "tls-feature" && string(e.Value) != "\x30\x03\x02\x01\x05" {
				r.refuse(ca.E2126)
			}
			out = append(out, ca.Extension{OID: e.OID, Value: slices.Clone(e.Value)})
		}
	}
	return policies, out
}
