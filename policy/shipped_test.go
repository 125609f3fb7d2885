// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

func TestShippedProfilesAreSound(t *testing.T) {
	cases := []struct {
		names []string
		want  string
	}{
		{[]string{"lab.example", "*.lab.example"}, "server client email device"},
		{[]string{"*.lab.example"}, "server client device"},
		{[]string{" Lab.Example ", "lab.example", "10.0.0.0/8", "192.0.2.1", "fd00::/8", "@lab.example", "hana@other.example"}, "server client email device"},
		{[]string{"@lab.example"}, "server client email"},
		{[]string{"10.1.0.0/16"}, "server client"},
		{[]string{"xn--bcher-kva.example"}, "server client email device"},
		{nil, "server"},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.names, " "), func(t *testing.T) {
			documents, err := policy.Shipped(c.names)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, d := range documents {
				names = append(names, d.Name)
				p, err := policy.Load([]byte(d.Document), config.Profile)
				if err != nil {
					t.Fatalf("%s is not sound: %v\n%s", d.Name, err, d.Document)
				}
				if p.Name != d.Name || p.Digest != ca.ProfileDigest([]byte(d.Document)) || p.Line != "issuing" {
					t.Errorf("%s became %+v", d.Name, p)
				}
				if slices.Contains(p.Use, "client") && (slices.Contains(p.Names.DNS, "*") || !p.Subject.CommonNameInNames) {
					t.Errorf("PF-09: %s lets anybody be anybody", d.Name)
				}
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("shipped %s, want %s", got, c.want)
			}
		})
	}
}

// Each set has what fits it, each document is sound, teaches by its comments, and asks
// for no more of an authority than ShippedUse says.
func TestShippedSetsAreSound(t *testing.T) {
	for set, want := range map[string]string{
		"homelab": "server client email device", "iot": "server device peer codesign", "office": "server client device user email codesign",
		"kubernetes": "server client apiserver node kubelet-client controller-manager scheduler front-proxy etcd etcd-peer etcd-client etcd-healthcheck admin super-admin",
	} {
		t.Run(set, func(t *testing.T) {
			for _, names := range [][]string{{"lab.example", "*.lab.example"}, {"*.lab.example"}, {"@lab.example"}, {"10.0.0.0/8"}, nil} {
				documents, err := policy.ShippedSet(set, names)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, d := range documents {
					got = append(got, d.Name)
					p, err := policy.Load([]byte(d.Document), config.Profile)
					if err != nil {
						t.Fatalf("%s for %q is not sound: %v\n%s", d.Name, names, err, d.Document)
					}
					if p.Name != d.Name || !strings.HasPrefix(d.Document, "# ") || strings.ContainsAny(d.Document, "{}") {
						t.Errorf("%s became %+v\n%s", d.Name, p, d.Document)
					}
					for _, use := range p.Use {
						if !slices.Contains(policy.ShippedUse(set), use) {
							t.Errorf("%s is for %s, which an authority of the set is not", d.Name, use)
						}
					}
				}
				if len(names) == 2 && strings.Join(got, " ") != want {
					t.Errorf("shipped %q, want %s", got, want)
				}
			}
		})
	}
	if len(policy.Sets()) != 4 || policy.ShippedUse("homelab") == nil || policy.ShippedUse("nothing") != nil {
		t.Error("the sets are not those that are there")
	}
	_, err := policy.ShippedSet("nothing", nil)
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E1101 || !strings.Contains(p.Fix, "homelab, iot, office, kubernetes") {
		t.Errorf("a set that is not there gave %v", err)
	}
}

// R69: certificates of servers and of clients are of different profiles, and neither
// passes for the other.
func TestR69_ServersAndClientsAreApart(t *testing.T) {
	documents, err := policy.Shipped([]string{"lab.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		p, err := policy.Load([]byte(d.Document), config.Profile)
		if err != nil {
			t.Fatal(err)
		}
		if want, apart := map[string]string{"server": "server", "client": "client", "email": "email"}[p.Name]; apart && !slices.Equal(p.Use, []string{want}) {
			t.Errorf("%s is for %q", p.Name, p.Use)
		}
	}
}

func TestShippedRefusesWhatIsNoName(t *testing.T) {
	for _, name := range []string{"", "*", "lab_example", "*.*.example", "a b", "10.0.0.1/8", "@", "@*", "https://lab.example/", "a\"\nuse = [\"any\"]", "lab.example\x00"} {
		got, err := policy.Shipped([]string{"lab.example", name})
		var p *ca.Problem
		if !errors.As(err, &p) || p.Code != ca.E2110 || got != nil || !ca.PlainText(p.Detail) {
			t.Errorf("%q gave %v, %v", name, got, err)
		}
	}
}

// docs/profiles.md names every key, and each of its documents is sound: a block is one,
// or what makes one of the block before all others.
func TestThePageOfProfilesIsTrue(t *testing.T) {
	page, err := os.ReadFile("../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys func(of reflect.Type) []string
	keys = func(of reflect.Type) (out []string) {
		for f := range of.Fields() {
			key := f.Tag.Get("toml")
			if key == "-" {
				continue
			}
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if out = append(out, key); inner.Kind() == reflect.Struct {
				out = append(out, keys(inner)...)
			}
		}
		return out
	}
	for _, key := range keys(reflect.TypeFor[ca.Profile]()) {
		if !strings.Contains(string(page), "`"+key+"`") && !strings.Contains(string(page), "."+key+"]]") && !strings.Contains(string(page), "\n"+key+" = ") && !strings.Contains(string(page), "{ "+key+" = ") && !strings.Contains(string(page), ", "+key+" = ") {
			t.Errorf("the page does not name %s", key)
		}
	}
	const head = "schema = 1\nname = \"a\"\ndoors = [\"cli\"]\nuse = [\"server\"]\ndays = 30\nkeys = [\"ed25519\"]\n"
	const names = "\n[names]\ndns = [\"*\"]\nemail = [\"@lab.example\"]\n"
	blocks := strings.Split(string(page), "```toml\n")[1:]
	for _, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		switch {
		case strings.HasPrefix(text, "schema"):
		case strings.Contains(text, "[names]"):
			text = head + text
		case strings.HasPrefix(text, "["):
			text = head + names + text
		default:
			text = head + text + names
		}
		if _, err := policy.Load([]byte(text), config.Profile); err != nil {
			t.Errorf("a document of the page is refused: %v\n%s", err, text)
		}
	}
	if len(blocks) < 6 {
		t.Errorf("only %d documents were found", len(blocks))
	}
}

// No text lies about that nobody is given.
func TestEachShippedTextIsInASet(t *testing.T) {
	given := ""
	for _, set := range policy.Sets() {
		documents, err := policy.ShippedSet(set, []string{"lab.example"})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range documents {
			given += d.Document
		}
	}
	files, err := filepath.Glob("profiles/*/*.toml")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if about, _, _ := strings.Cut(string(text), "\nschema = "); !strings.Contains(given, strings.TrimPrefix(about, "# SPDX-License-Identifier: Apache-2.0\n")) {
			t.Errorf("%s is in no set", file)
		}
	}
}
