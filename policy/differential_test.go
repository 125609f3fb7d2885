// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

// generated is how many requests are judged.
const generated = 2000

// A world makes requests, profiles and authorities out of a few words each, so that they
// meet often, and miss each other by little.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

func (d dice) some(from ...string) []string {
	var out []string
	for _, s := range from {
		if d.IntN(2) == 0 {
			out = append(out, s)
		}
	}
	return out
}

func (d dice) often() bool { return d.IntN(10) > 0 }

// mostly is usual, and sometimes one of the others.
func mostly[T any](d dice, usual T, others ...T) T {
	if d.often() {
		return usual
	}
	return pick(d, others...)
}

var generatedNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// written are rules of profiles, and the same in Go.
var written = []struct {
	text  string
	holds func(ca.Draft, reference) bool
}{
	{"size(names.dns) <= 2", func(d ca.Draft, _ reference) bool { return counted(d, ca.DNS) <= 2 }},
	{"requester.uid != 1001 || days <= 30", func(d ca.Draft, r reference) bool {
		return r.request.From.UID != 1001 || d.NotAfter.Unix()-d.NotBefore.Unix()+1 <= 30*86400
	}},
	{"key.type.startsWith('ecdsa') || key.bits >= 3072", func(d ca.Draft, r reference) bool { return strings.HasPrefix(d.KeyType, "ecdsa") || r.csr.Bits >= 3072 }},
	{"names.dns.all(n, !n.startsWith('www')) && subject.unit.all(u, u != 'B')", func(d ca.Draft, _ reference) bool {
		for _, n := range d.Names {
			if n.Type == ca.DNS && n.Value[:min(3, len(n.Value))] == "www" {
				return false
			}
		}
		return !slices.Contains(d.Subject, ca.Attribute{OID: ca.OIDUnit, Value: "B"})
	}},
}

func counted(d ca.Draft, t ca.NameType) (n int) {
	for _, name := range d.Names {
		if name.Type == t {
			n++
		}
	}
	return n
}

func (d dice) verb(value string) string {
	return mostly(d, pick(d, "", "drop", "optional", "fixed:"+value), "supplied", "match")
}

// profile makes a profile and its rules in Go.
func (d dice) profile() (p ca.Profile, holds []func(ca.Draft, reference) bool) {
	p = ca.Profile{
		Schema: 1, Name: "made", Line: "issuing", Lines: d.some("users"), Doors: mostly(d, []ca.Door{"cli", "api"}, []ca.Door{"cli"}, []ca.Door{"api"}),
		Use: pick(d, []string{"server"}, []string{"email"}, []string{"server", "client"}, []string{"client"}), Days: pick(d, 1, 30, 90), Strict: d.IntN(4) == 0,
		Keys:     mostly(d, []string{"ecdsa-p256", "ed25519", "rsa-2048"}, []string{"ecdsa-p256", "rsa-3072"}, []string{"ed25519"}),
		KeyUsage: pick(d, nil, nil, []string{"digital_signature"}, []string{"digital_signature", "key_encipherment", "key_agreement", "decipher_only"}),
		Names: ca.NameRules{
			Max: mostly(d, 8, 1, 2), DNS: append(d.some("lab.example", "*.lab.example", "nas.lab.example"), mostly(d, "*.lab.example", "*.example")),
			IP: d.some("10.0.0.0/8", "10.0.0.1", "fd00::/16", "192.168.0.0/17"), Email: append(d.some("hana@lab.example"), "@a.example"), URI: d.some("https://lab.example/a/"),
			Wildcards: d.often(), FromCN: d.often(), Granted: d.IntN(6) == 0,
		},
		Subject: ca.SubjectRules{
			CommonName: pick(d, "optional", "supplied", "drop", "optional"), CommonNameInNames: d.IntN(3) == 0, Email: pick(d, "drop", "copy", "move"), Preserve: d.IntN(3) == 0,
			Organization: d.verb("Fixed"), Unit: d.verb("Fixed"), Country: d.verb("FR"), Domain: d.verb("fixed"), Title: d.verb("Fixed"),
		},
		Extensions: ca.ExtensionRules{Take: d.some("tls-feature", "1.3.6.1.4.1.32473.1")},
	}
	p.MaxDays = p.Days + pick(d, 0, 30)
	switch d.IntN(4) {
	case 0:
		p.Extensions.Add = []ca.AddedExtension{{OID: "1.3.6.1.4.1.32473.2", Critical: true, Hex: "0c026f6b"}}
	case 1:
		p.Extensions.Add = []ca.AddedExtension{{Policies: []ca.CertPolicy{{OID: "1.2.3"}}}}
	}
	for _, w := range written {
		if d.IntN(5) == 0 {
			p.Rules, holds = append(p.Rules, ca.Rule{Require: w.text, Message: "no"}), append(holds, w.holds)
		}
	}
	return p, holds
}

func (d dice) names() (out []ca.Name) {
	for range mostly(d, pick(d, 1, 2), 0, 3) {
		n := mostly(d, ca.Name{Type: ca.DNS, Value: pick(d, "nas.lab.example", "db.lab.example", "mail.lab.example")},
			ca.Name{Type: ca.DNS, Value: pick(d, "nas.lab.example", "lab.example", "x.a.lab.example", "www.lab.example", "*.lab.example", "xlab.example", "other.example")},
			ca.Name{Type: ca.IP, Value: pick(d, "10.0.0.1", "10.255.0.7", "192.168.127.1", "192.168.128.1", "fd00::1", "fd01::1")},
			ca.Name{Type: ca.Email, Value: pick(d, "hana@lab.example", "root@a.example", "root@lab.example")},
			ca.Name{Type: ca.URI, Value: pick(d, "https://lab.example/a/b", "https://lab.example/b")})
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (d dice) subject(names []ca.Name) (s ca.Subject) {
	add := func(oid string, values ...string) {
		if d.IntN(3) > 0 {
			s = append(s, ca.Attribute{OID: oid, Value: pick(d, values...)})
		}
	}
	cn := "Hana Horn"
	if len(names) > 0 {
		cn = names[0].Value
	}
	add(ca.OIDCommonName, cn, cn, cn, cn, cn, cn, mostly(d, "NAS.lab.example", "Hana Horn", "10.0.0.1", strings.Repeat("x", 65)))
	add(ca.OIDOrganization, "Lab", "Lab", "Other")
	add(ca.OIDUnit, "A", "B")
	add(ca.OIDUnit, "B", "C")
	add(ca.OIDCountry, mostly(d, "DE", "de"))
	add(ca.OIDDomain, "lab", "example")
	add(ca.OIDTitle, "Dr")
	add(ca.OIDEmail, "hana@lab.example", "Root@A.example")
	add("2.5.4.65", "ignored")
	d.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// reference makes a whole case.
func (d dice) reference(p ca.Profile, holds []func(ca.Draft, reference) bool) reference {
	names, spki := d.names(), fmt.Appendf(nil, "key %d", d.Uint64())
	keyType := pick(d, "ecdsa-p256", "ecdsa-p256", "ecdsa-p256", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096")
	r := reference{profile: p, holds: holds, now: generatedNow.Add(time.Duration(d.IntN(1000)) * time.Millisecond)}
	fmt.Sscanf(keyType, "rsa-%d", &r.csr.Bits)
	r.csr = ca.CSR{
		Raw: []byte("request"), SPKI: spki, Key: sha256.Sum256(spki), KeyType: keyType, Bits: max(r.csr.Bits, 256), Subject: d.subject(names), Names: names,
		Use: d.some("server", "client"), KeyUsage: d.some("digital_signature", "key_encipherment"),
	}
	for _, oid := range d.some("1.3.6.1.5.5.7.1.24", "1.3.6.1.4.1.32473.1", "1.3.6.1.4.1.32473.2", "1.3.6.1.4.1.32473.3") {
		value := mostly(d, "\x30\x03\x02\x01\x05", "\x30\x03\x02\x01\x11", "\x30\x03\x02")
		r.csr.Extensions = append(r.csr.Extensions, ca.Extension{OID: oid, Critical: d.IntN(2) == 0, Value: []byte(value)})
	}
	uid := pick(d, 1000, 1001)
	r.request = ca.Request{
		ID: "r", Door: pick[ca.Door](d, "cli", "api"), From: ca.Actor{ID: fmt.Sprint("uid:", uid), UID: uid, Method: "peer"}, Profile: "made", Digest: p.Digest,
		Line: mostly(d, "", "issuing", "users"), CSR: r.csr.Raw, At: r.now,
	}
	if d.IntN(2) == 0 {
		r.request.NotAfter = generatedNow.Add(time.Duration(mostly(d, 1, -1, 20, 30, 60, 91, 150)) * 24 * time.Hour)
	}
	if d.IntN(100) == 0 {
		r.request.Digest[0] ^= 1
	}
	r.authority = ca.Authority{
		Name: "issuing-g1", Line: pick(d, "issuing", "issuing", "issuing", "users"), Kind: ca.Issuing, State: mostly(d, ca.Active, ca.Retiring),
		Key: sha256.Sum256([]byte("authority")), Use: mostly(d, []string{"server", "client", "email"}, []string{"server"}),
		NotBefore: generatedNow.Add(-time.Duration(pick(d, 1, 1000, 100000)) * time.Minute), NotAfter: generatedNow.Add(time.Duration(mostly(d, 24*3000, 12, 24*20, 24*60)) * time.Hour),
		Fields: ca.Subject{{OID: ca.OIDCountry, Value: "DE"}, {OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDUnit, Value: "A"}, {OID: ca.OIDUnit, Value: "B"}},
	}
	if r.request.Line == "" || d.often() {
		r.authority.Line = "issuing"
		if r.request.Line != "" {
			r.authority.Line = r.request.Line
		}
	}
	for range d.IntN(3) {
		r.grants = append(r.grants, policy.Grant{
			To: pick(d, "uid:1000", "uid:1001"), Profiles: mostly(d, []string{"made", "other"}, []string{"made"}, []string{"other"}),
			DNS: append(d.some("*.lab.example", "lab.example"), "nas.lab.example"), IP: d.some("10.0.0.0/8"), Email: d.some("@lab.example", "root@a.example"), URI: d.some("https://lab.example/a/"),
		})
	}
	return r
}

// Policy differential (issue 5, 3): on 2 000 generated requests the rules, as the front
// runs them and as the signer runs them on the bundle it was sent, and a second writing
// of them come to the same verdict, for a reason that both see, and to the same draft.
func TestTheRulesAreThoseOfTheReference(t *testing.T) {
	seed := uint64(20261121)
	d := dice{rand.New(rand.NewPCG(seed, 7))}
	cleared, codes := 0, map[ca.Code]int{}
	for n := 0; n < generated; {
		made, holds := d.profile()
		document, err := toml.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		front, err := policy.Load(document, config.Profile)
		if err != nil {
			continue // unsound, as some are
		}
		for range 4 {
			n++
			r := d.reference(front, holds)
			want, reasons := r.judge()
			got, err := policy.Vet(policy.Rules{Profile: front, Authority: r.authority, Grants: r.grants}, r.request, r.csr, r.now)
			again, errAgain := asSigner(t, document, r)
			if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(got.Draft(), again.Draft()) || !slices.Equal(got.Notices(), again.Notices()) {
				t.Fatalf("case %d: the front says %v, the signer %v", n, err, errAgain)
			}
			var p *ca.Problem
			switch {
			case err == nil && len(reasons) > 0:
				t.Fatalf("case %d is cleared, the reference refuses it with %v\n%s\n%+v\n%+v", n, reasons, document, r.request, r.csr)
			case err == nil:
				cleared++
				if draft := got.Draft(); !reflect.DeepEqual(plainDraft(draft), plainDraft(want)) {
					t.Fatalf("case %d becomes\n%+v, the reference makes\n%+v\n%s\n%+v", n, draft, want, document, r.csr)
				}
			case !errors.As(err, &p):
				t.Fatalf("case %d: %v", n, err)
			default:
				codes[p.Code]++
				if !slices.Contains(reasons, p.Code) {
					t.Fatalf("case %d is refused with %s (%s), the reference sees %v\n%s\n%+v\n%+v", n, p.Code, p.Detail, reasons, document, r.request, r.csr)
				}
			}
		}
	}
	if cleared < generated/4 || len(codes) < 12 {
		t.Errorf("only %d of %d were cleared, refused were %v", cleared, generated, codes)
	}
	t.Logf("%d cleared, refused %v", cleared, codes)
}

// asSigner judges as the signer does: by a bundle that came as bytes, an authority that
// was on the log.
func asSigner(t *testing.T, document []byte, r reference) (policy.Cleared, error) {
	t.Helper()
	bundle, err := policy.Bundle{
		V: 1, Version: 1, Log: strings.Repeat("0", 32), Issued: generatedNow, Expires: generatedNow.AddDate(1, 0, 0), Assurance: ca.Solo, UID: 1000, Grants: r.grants,
		Profiles: []policy.Document{{Name: "made", Document: string(document)}, {Name: "other", Document: "x"}},
	}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.ParseBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := policy.Load([]byte(parsed.Profiles[0].Document), config.Profile)
	if err != nil {
		t.Fatal(err)
	}
	var authority ca.Authority
	leaf, err := json.Marshal(r.authority)
	if err == nil {
		err = json.Unmarshal(leaf, &authority)
	}
	if err != nil {
		t.Fatal(err)
	}
	authority.Fields = r.authority.Fields // which is read from its name
	return policy.Vet(policy.Rules{Profile: profile, Authority: authority, Grants: parsed.Grants}, r.request, r.csr, r.now)
}

// plainDraft makes no difference between no list and an empty one.
func plainDraft(d ca.Draft) string {
	b, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(b), `"subject":null`, `"subject":[]`)
}
