// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ours marks a verb whose answer is no resource of the API: it is about this machine, its
// signer, or the command line itself.
const ours = ""

// shapes say which schema of the API a verb's --json answers in ([] is a list of it), and
// what is typed behind it. A verb that is not listed fails the test.
var shapes = map[string]struct{ schema, line string }{
	"list": {"CertificatePage", "--limit 2"}, "show": {"Issued", "nas.lab.example"}, "status": {"Status", ""}, "whoami": {"Identity", ""},
	"ca list": {"[]Authority", ""}, "ca show": {"Authority", "root-g1"}, "ca bundle": {"Bundle", ""}, "crl show": {"[]ListHead", ""}, "crl fetch": {"[]ListHead", ""}, "crl publish": {"[]List", "--ca issuing-g1"}, "feed show": {"Feed", "data/front/pki/issuing-g1.delta.feed"}, "feed publish": {"[]Feed", "--ca issuing-g1"},
	"profile list": {"[]Profile", ""}, "profile show": {"Profile", "server"}, "profile test": {"Plan", "server x.lab.example"}, "profile set": {"Profile", "server --days 60 --yes"},
	"policy plan": {"Rehearsal", "server.toml"}, "token list": {"[]TokenView", "--all"}, "token create": {"TokenView", "--name third --role requester"},
	"token revoke": {"TokenView", "ci"}, "annotate": {"Certificate", "nas.lab.example --contact hana@lab.example --tag web"}, "revoke": {"Certificate", "nas.lab.example --confirm nas.lab.example"}, "unhold": {"Certificate", "held.lab.example"},
	"sign": {"Issued", "web.lab.example.csr"}, "issue": {"Issued", "new.lab.example"}, "renew": {"Issued", "web.lab.example --resign --out web.pem"},
	"ca activate": {"Authority", "issuing-g2 --yes"}, "ca create": {"Authority", "users-g1 --parent root-g1 --for client --recovery-file words --yes"},
	"ca cross": {"Authority", "issuing-g1 --by lab2-g1 --recovery-file words2 --yes"}, "ca import-cert": {"Authority", "far-g1 far.pem --chain lab-root.pem --above lab-root --yes"},
	"ca renew": {"Authority", "issuing-g1 --recovery-file words --yes"}, "ca retire": {"Authority", "issuing-g1 --confirm issuing-g1"},
	"ca revoke": {"Authority", "issuing-g2 --reason superseded --recovery-file words --confirm issuing-g2"}, "ca rollover": {"Authority", "users-g1 --recovery-file words --yes"},
	"recover": {"[]Unknown", ""}, "audit list": {"[]Event", ""}, "policy history": {"[]PolicyVersion", ""},

	"audit verify": {ours, ""}, "ca chain": {ours, ""}, "ca export-csr": {ours, ""}, "completion bash": {ours, ""}, "completion fish": {ours, ""}, "completion powershell": {ours, ""},
	"completion zsh": {ours, ""}, "config check": {ours, ""}, "config path": {ours, ""}, "config show": {ours, ""}, "doctor": {ours, ""}, "explain": {ours, ""}, "feed check": {ours, ""}, "init": {ours, ""},
	"key list": {ours, ""}, "key lock": {ours, ""}, "key unlock": {ours, ""}, "login": {ours, ""}, "logout": {ours, ""}, "man": {ours, ""}, "ocsp check": {ours, ""}, "ocsp serve": {ours, ""}, "ocsp staple": {ours, ""}, "policy grant": {ours, ""},
	"policy ocsp": {ours, ""}, "policy refuse-key": {ours, ""}, "policy show": {ours, ""}, "policy sign-in": {ours, ""}, "policy withdraw": {ours, ""}, "run front": {ours, ""}, "run signer": {ours, ""},
	"serve": {ours, ""}, "trust install": {ours, ""}, "trust remove": {ours, ""}, "trust show": {ours, ""}, "verify": {ours, ""}, "version": {ours, ""},
}

// others are further answers of the verbs: those of a dry run.
var others = []struct{ line, schema string }{
	{"sign web.lab.example.csr --dry-run", "Plan"}, {"issue dry.lab.example --dry-run", "Plan"}, {"renew nas.lab.example --dry-run", "Certificate"}, {"revoke nas.lab.example --dry-run", "Certificate"},
	{"token create --name dry --role requester --dry-run", "TokenView"}, {"profile set server --days 59 --dry-run", "Profile"}, {"ca activate issuing-g2 --dry-run", "Authority"},
	{"unhold held.lab.example --dry-run", "Certificate"}, {"crl publish --ca issuing-g1 --dry-run", "[]List"}, {"feed publish --ca issuing-g1 --dry-run", "[]Feed"},
}

// beside are what verbs say of their own beyond a resource: what they read out of its
// certificate or list, and what they know of it from another one.
var beside = map[string][]string{
	"ca list": {"list"}, "crl show": {"address", "kind", "entries", "reasons", "size"}, "feed show": {"authority", "kind", "issuer", "size"},
	"ca show": {"fingerprint_sha256", "key_state", "private_part", "public_part", "serial", "set_in", "subject_name"},
}

// The names in --json are those of the API, in every verb that shows what the API has: its
// document judges them.
func TestJSONFieldsAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()
	d, variables := stage(t)
	doc := newSchemas(t)
	d.write("server.toml", d.done("profile", "show", "server").out)
	answers := func(line, schema string, more ...string) {
		s := d.within(nil, variables, append(strings.Fields(line), "--json")...)
		var value any
		if err := json.Unmarshal([]byte(s.out), &value); err != nil || s.code != 0 {
			t.Errorf("%s: exit %d, %v\n%s%s", line, s.code, err, s.out, s.err)
			return
		}
		of := map[string]any{"$ref": "#/components/schemas/" + strings.TrimPrefix(schema, "[]")}
		if strings.HasPrefix(schema, "[]") {
			of = map[string]any{"type": "array", "items": of}
		}
		for _, fault := range doc.judge(of, value, "") {
			if name, _, _ := strings.Cut(fault[strings.LastIndex(fault, ".")+1:], " "); !slices.Contains(more, name) {
				t.Errorf("%s is no %s: %s", line, schema, fault)
			}
		}
	}
	for _, o := range others {
		answers(o.line, o.schema)
	}
	all := verbs(t)
	for name := range shapes {
		if all[name] == nil {
			t.Errorf("the table has %s, which is no verb", name)
		}
	}
	// What shows comes before what changes, and what ends an authority last.
	order := []string{"sign", "issue", "renew", "revoke", "unhold", "token create", "token revoke", "profile set", "crl publish", "ca create", "ca rollover", "ca renew", "ca cross", "ca import-cert", "ca activate", "ca revoke", "ca retire"}
	var first []string
	for name := range all {
		if shape, listed := shapes[name]; !listed {
			t.Errorf("%s is not in the table of what verbs answer in", name)
		} else if shape.schema != ours && !slices.Contains(order, name) {
			first = append(first, name)
		}
	}
	for _, name := range append(first, order...) {
		answers(name+" "+shapes[name].line, shapes[name].schema, beside[name]...)
	}
}

// schemas are those of the API's document.
type schemas map[string]any

func newSchemas(t *testing.T) schemas {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "api", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct{ Schemas schemas }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

// judge holds a value against a schema as far as shapes go: names, kinds, what must be there.
func (s schemas) judge(of map[string]any, value any, at string) (faults []string) {
	if ref, is := of["$ref"].(string); is {
		next, known := s[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		if !known {
			return []string{at + ": there is no " + ref}
		}
		return s.judge(next, value, at)
	}
	kinds, _ := of["type"].([]any)
	if one, is := of["type"].(string); is {
		kinds = []any{one}
	}
	kind := map[string]string{"<nil>": "null", "string": "string", "bool": "boolean", "float64": "number", "[]interface {}": "array", "map[string]interface {}": "object"}[fmt.Sprintf("%T", value)]
	if len(kinds) > 0 && !slices.Contains(kinds, any(kind)) && !(kind == "number" && slices.Contains(kinds, any("integer"))) {
		return []string{fmt.Sprintf("%s is a %s, wanted %v", at, kind, kinds)}
	}
	switch value := value.(type) {
	case []any:
		items, _ := of["items"].(map[string]any)
		for i, one := range value {
			faults = append(faults, s.judge(items, one, fmt.Sprint(at, "[", i, "]"))...)
		}
	case map[string]any:
		properties, _ := of["properties"].(map[string]any)
		rest, open := of["additionalProperties"].(map[string]any)
		for name, one := range value {
			next, known := properties[name].(map[string]any)
			switch {
			case known:
				faults = append(faults, s.judge(next, one, at+"."+name)...)
			case open:
				faults = append(faults, s.judge(rest, one, at+"."+name)...)
			default:
				faults = append(faults, at+"."+name+" is no name of the API")
			}
		}
		required, _ := of["required"].([]any)
		for _, name := range required {
			if _, there := value[name.(string)]; !there {
				faults = append(faults, at+"."+name.(string)+" is not there")
			}
		}
	}
	return faults
}
