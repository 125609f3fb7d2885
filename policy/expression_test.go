// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// ruled puts rules in force as Sound does.
func ruled(t testing.TB, w *wish, require ...string) {
	t.Helper()
	for _, text := range require {
		w.profile.Rules = append(w.profile.Rules, ca.Rule{Require: text, Message: "not like that"})
	}
	sound, err := Sound(w.profile)
	if err != nil {
		t.Fatal(err)
	}
	w.profile = sound
}

// Each fact, by a rule that holds for the good wish and its contrary that does not.
func TestRulesKnowTheFacts(t *testing.T) {
	for _, text := range []string{
		"request.door == 'api'", "request.line == ''", "requester.id == 'uid:1000'", "requester.name == 'hana'", "requester.method == 'peer'", "requester.uid == 1000",
		"names.dns == ['nas.lab.example']", "names.ip.exists(i, i == '10.0.0.1')", "size(names.email) == 0", "names.uri.all(u, u.startsWith('https://'))",
		"key.type == 'ecdsa-p256'", "key.bits >= 256", "profile == 'server'", "days == 90", "now == timestamp('2026-11-21T12:00:00Z')", "now.getDayOfWeek() == 6",
		"authority.name == 'issuing-g1'", "authority.line == 'issuing'", "subject.common_name.endsWith('.lab.example')", "subject.organization == ''",
		"subject.unit == ['A', 'B']", "subject.domain == []", "subject.common_name in names.dns", "names.dns.all(d, d.matches('^[a-z]+[.]lab[.]example$'))",
		"requester.uid < 2000 || days <= 30", "has_not_this == false ? true : true",
	} {
		t.Run(text, func(t *testing.T) {
			w := good()
			w.request.From.Name = "hana"
			w.csr.Names = append(w.csr.Names, ca.Name{Type: ca.IP, Value: "10.0.0.1"})
			w.csr.Subject = append(w.csr.Subject, ca.Attribute{OID: ca.OIDUnit, Value: "A"}, ca.Attribute{OID: ca.OIDUnit, Value: "B"})
			w.profile.Subject.Unit = "optional"
			if strings.HasPrefix(text, "has_not") {
				if _, fault := compiled(text); !strings.Contains(fault, "line 1, column 1: ") {
					t.Errorf("says %q, without the place", fault)
				}
				return
			}
			other := w
			ruled(t, &w, text)
			if _, err := w.vet(); err != nil {
				t.Errorf("refused: %v, %s", err, problem(t, err).Why)
			}
			ruled(t, &other, "true", "!("+text+")")
			_, err := other.vet()
			if p := problem(t, err); p.Code != ca.E2123 || p.Detail != "not like that" || !strings.Contains(p.Why, "rule[1] of profile server") {
				t.Errorf("refused with %+v", p)
			}
		})
	}
}

// What cannot be evaluated refuses, and so does a rule that nobody compiled.
func TestARuleThatCannotBeEvaluatedRefuses(t *testing.T) {
	for _, text := range []string{
		"1 / (key.bits - 256) == 0", "names.ip[0] == ''", "timestamp(subject.common_name) < now", "duration(subject.common_name) < duration('1h')", "int(subject.common_name) == 1",
		"9223372036854775807 + key.bits > 0", "subject.common_name.matches(names.dns[0] + '(')",
	} {
		w := good()
		ruled(t, &w, text)
		_, err := w.vet()
		if p := problem(t, err); p.Code != ca.E2123 || !strings.Contains(p.Why, "could not be evaluated") || !ca.PlainText(p.Why) {
			t.Errorf("%s: %+v", text, p)
		}
	}
	w := good()
	w.profile.Rules = []ca.Rule{{Require: "true", Message: "x"}}
	if _, err := w.vet(); problem(t, err).Code != ca.E2123 {
		t.Error("a rule that was not compiled passes")
	}
}

// Bombs: what would run for long, or grow, ends at the bound, in a moment, as a refusal.
func TestRulesEndAtTheirBound(t *testing.T) {
	loop := "[1,2,3,4,5,6,7,8,9,10]"
	nested := func(depth int, inner string) string {
		out := inner
		for i := range depth {
			out = fmt.Sprintf("%s.all(a%d, %s)", loop, i, out)
		}
		return out
	}
	doubling := "names.dns"
	for range 12 {
		doubling = "[" + doubling + "].map(x, x + x)[0]"
	}
	for name, text := range map[string]string{
		"loops in loops":          nested(7, "key.bits > 0"),
		"a list that doubles":     "size(" + doubling + ") > 0",
		"texts that double":       loop + ".all(a, " + loop + ".all(b, " + loop + ".all(c, " + loop + ".all(d, size(names.dns[0] + names.dns[0] + names.dns[0]) > 0))))",
		"a pattern on long texts": nested(4, "names.uri.all(u, u.matches('(a|aa)+$') || true)"),
		"comparing all with all":  "names.dns.all(a, names.dns.all(b, names.dns.all(c, a != b + c)))",
	} {
		t.Run(name, func(t *testing.T) {
			w := good()
			w.profile.Names.Max, w.profile.Subject.CommonName = maxNames, "drop"
			w.csr.Names = nil
			for i := range maxNames - 1 {
				w.csr.Names = append(w.csr.Names, ca.Name{Type: ca.DNS, Value: fmt.Sprintf("%s%d.lab.example", strings.Repeat("a", 50), i)})
			}
			w.csr.Names = append(w.csr.Names, ca.Name{Type: ca.URI, Value: "https://lab.example/a/" + strings.Repeat("a", 400)})
			ruled(t, &w, text)
			begin := time.Now()
			_, err := w.vet()
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			if p := problem(t, err); p.Code != ca.E2123 || !strings.Contains(p.Why, "could not be evaluated") {
				t.Errorf("refused with %+v", p)
			}
		})
	}
}

// The same rule decides alike each time, also where it comes close to its bound.
func TestRulesDecideAlike(t *testing.T) {
	w := good()
	ruled(t, &w, "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, a + b + c < 100)))")
	_, first := w.vet()
	for range 20 {
		if _, err := w.vet(); fmt.Sprint(err) != fmt.Sprint(first) {
			t.Fatalf("gave %v and %v", first, err)
		}
	}
}

func BenchmarkVet(b *testing.B) {
	for _, c := range []struct {
		name  string
		rules []string
	}{
		{"without rules", nil},
		{"one rule", []string{"requester.uid < 2000 || days <= 30"}},
		{"a loop over the names", []string{"names.dns.all(d, d.endsWith('.lab.example'))"}},
		{"four rules", []string{"requester.uid < 2000", "days <= 90", "names.dns.all(d, d.endsWith('.lab.example'))", "subject.common_name in names.dns"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := good()
			ruled(b, &w, c.rules...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.vet(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// No clock stops a pattern on its way through a text, so a long one is a fault of the
// document.
func TestALongPatternIsAFault(t *testing.T) {
	w := good()
	w.profile.Rules = []ca.Rule{{Require: "!names.dns.exists(n, n.matches('(a?){240}b'))", Message: "m"}}
	if _, err := Sound(w.profile); err == nil {
		t.Error("a pattern of 240 tries at each place is taken")
	}
}
