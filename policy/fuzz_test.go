// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// FuzzVet makes wishes of lines of names and of patterns. The law: a cleared
// draft has only names that a second, naive reading of the patterns allows, lives
// at most max_days counting both end seconds, and within its authority.
func FuzzVet(f *testing.F) {
	f.Add("dns:nas.lab.example\nip:10.0.0.1", "dns:*.lab.example\nip:10.0.0.0/8", "NAS.lab.example", int64(90), int64(86400*1000), byte(3))
	f.Add("dns:*.lab.example", "dns:*.lab.example", "", int64(1), int64(86400), byte(1))
	f.Add("email:a@lab.example\nuri:https://lab.example/a/b", "email:@lab.example\nuri:https://lab.example/a/", "Hana", int64(0), int64(1<<40), byte(4))
	f.Add("", "dns:*\nip:::/0", "lab.example", int64(3650), int64(90000), byte(2))
	f.Add("ip:fd00::1\nip:192.0.2.1", "ip:fd00::/8\nip:192.0.2.1", "", int64(-5), int64(86400*30), byte(8))
	f.Fuzz(func(t *testing.T, names, patterns, cn string, days, left int64, flags byte) {
		if len(names)+len(patterns)+len(cn) > 4000 {
			return
		}
		w := good()
		w.profile.Names = ca.NameRules{Max: 5, Wildcards: flags&1 != 0, FromCN: flags&2 != 0}
		for _, n := range lines(patterns) {
			r := &w.profile.Names
			to := map[ca.NameType]*[]string{ca.DNS: &r.DNS, ca.IP: &r.IP, ca.Email: &r.Email, ca.URI: &r.URI}[n.Type]
			if to != nil {
				*to = append(*to, n.Value)
			}
		}
		w.profile.Strict, w.profile.Subject.CommonNameInNames = flags&4 != 0, flags&8 != 0
		sound, err := Sound(w.profile)
		if err != nil {
			return
		}
		w.profile = sound
		w.csr.Names = lines(names)
		w.csr.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: cn}}
		w.authority.NotAfter = noon.Add(time.Duration(left%(1<<32)) * time.Second)
		if days != 0 {
			w.request.NotAfter = noon.Add(time.Duration(days%10000) * day)
		}
		c, err := w.vet()
		if err != nil {
			if p := problem(t, err); c.c != nil || !ca.PlainText(p.Detail+p.Why+p.Fix+p.Field) {
				t.Fatalf("refused with %+v", p)
			}
			return
		}
		lawOfDraft(t, w, c)
	})
}

func lawOfDraft(t *testing.T, w wish, c Cleared) {
	t.Helper()
	d := c.Draft()
	if len(d.Names) == 0 || len(d.Names) > w.profile.Names.Max {
		t.Fatalf("the draft has %d names", len(d.Names))
	}
	for _, n := range d.Names {
		if !naive(w.profile.Names, n) {
			t.Fatalf("%v is cleared, patterns are %+v", n, w.profile.Names)
		}
	}
	if cn := d.Subject.Get(ca.OIDCommonName); cn != "" && w.profile.Subject.CommonNameInNames {
		found := false
		for _, n := range d.Names {
			found = found || n.Value == cn
		}
		if !found {
			t.Fatalf("the common name %q is none of %v", cn, d.Names)
		}
	}
	span := d.NotAfter.Unix() - d.NotBefore.Unix() + 1
	switch {
	case span < 1 || span > int64(w.profile.MaxDays)*86400:
		t.Fatalf("lives %d seconds, at most %d days", span, w.profile.MaxDays)
	case d.NotBefore.Before(w.authority.NotBefore) || d.NotAfter.After(w.authority.NotAfter):
		t.Fatalf("lives %v to %v, its authority %v to %v", d.NotBefore, d.NotAfter, w.authority.NotBefore, w.authority.NotAfter)
	case d.NotBefore.After(noon) || d.NotBefore.Before(noon.Add(-5*time.Minute)):
		t.Fatalf("begins %v", d.NotBefore)
	case d.NotBefore.Nanosecond()+d.NotAfter.Nanosecond() != 0:
		t.Fatal("has fractions of seconds")
	}
	for _, n := range c.Notices() {
		if !ca.PlainText(n) {
			t.Fatalf("a terminal would obey the notice %q", n)
		}
	}
}

// naive reads patterns the slow way: label by label from the right, addresses as
// numbers. It shares no code with the rule.
func naive(r ca.NameRules, n ca.Name) bool {
	switch n.Type {
	case ca.DNS:
		if strings.Contains(n.Value, "*") && !r.Wildcards {
			return false
		}
		for _, p := range r.DNS {
			if p == "*" || naiveLabels(strings.Split(p, "."), strings.Split(n.Value, ".")) {
				return true
			}
		}
	case ca.IP:
		for _, p := range r.IP {
			if naiveAddress(p, n.Value) {
				return true
			}
		}
	case ca.Email:
		parts := strings.Split(n.Value, "@")
		for _, p := range r.Email {
			if p == n.Value || len(parts) == 2 && p == "@"+parts[1] {
				return true
			}
		}
	case ca.URI:
		for _, p := range r.URI {
			if len(n.Value) >= len(p) && n.Value[:len(p)] == p && p[len(p)-1] == '/' && !strings.Contains(n.Value, "/../") {
				return true
			}
		}
	}
	return false
}

func naiveLabels(pattern, name []string) bool {
	for len(pattern) > 0 && len(name) > 0 {
		p := pattern[len(pattern)-1]
		if len(pattern) == 1 && p == "*" {
			return true
		}
		if p != name[len(name)-1] {
			return false
		}
		pattern, name = pattern[:len(pattern)-1], name[:len(name)-1]
	}
	return len(pattern) == 0 && len(name) == 0
}

func naiveAddress(pattern, address string) bool {
	number := func(s string) (*big.Int, int) {
		ip := net.ParseIP(s)
		if v4 := ip.To4(); v4 != nil && !strings.Contains(s, ":") {
			return new(big.Int).SetBytes(v4), 32
		}
		return new(big.Int).SetBytes(ip.To16()), 128
	}
	host, length, isPrefix := strings.Cut(pattern, "/")
	a, bits := number(address)
	b, patternBits := number(host)
	if bits != patternBits {
		return false
	}
	keep := int64(bits)
	if isPrefix {
		n, ok := new(big.Int).SetString(length, 10)
		if !ok {
			return false
		}
		keep = n.Int64()
	}
	size := new(big.Int).Exp(big.NewInt(2), big.NewInt(int64(bits)-keep), nil)
	return a.Div(a, size).Cmp(b.Div(b, size)) == 0
}

// lines reads type:value lines.
func lines(s string) []ca.Name {
	var out []ca.Name
	for line := range strings.SplitSeq(s, "\n") {
		if t, v, ok := strings.Cut(line, ":"); ok {
			out = append(out, ca.Name{Type: ca.NameType(t), Value: v})
		}
	}
	return out
}
