// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// manual retells the OpenAPI document for readers without a network.
func manual(t *testing.T, document []byte) []byte {
	t.Helper()
	var d struct {
		Info  struct{ Description string }
		Tags  []struct{ Name string }
		Paths map[string]map[string]told
		Parts struct {
			Schemas map[string]shape
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# The REST API\n\n<!-- Made of the code: go test ./api -run Document -update -->\n\n" + d.Info.Description + "\n\n")
	b.WriteString("`/api/v1/openapi.json` describes the same for programs (OpenAPI 3.1). Who may do what, idempotency, and what is told of a refusal: [sockets](sockets.md). Over TLS every call needs a token or a client certificate, these documents too; only the revocations that bring a statement or a password as their proof need none. Lists and certificates of authorities lie below `/pki/` on the plain listener, for everybody.\n\n")
	b.WriteString("Every answer has `X-Request-Id`. Errors are `application/problem+json` (RFC 9457): `type` is `urn:chancery:error:` and the words of the `code`, which `chancery explain` " +
		"knows; `hint` is what to do, `errors` point at the parts at fault. Any call may meet 400, 401, 403, 406, 429, 500 or 503; a path that exists answers other methods with 405. " +
		"Bodies are read strictly: no unknown member, none twice, at most 16 levels and 1000 members of an object, nothing after the value. A query has at most 32 parameters, each once, and none unknown.\n")
	for _, group := range d.Tags {
		b.WriteString("\n## " + strings.ToUpper(group.Name[:1]) + group.Name[1:] + "\n")
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
				if o := d.Paths[path][method]; slices.Contains(o.Tags, group.Name) {
					o.write(&b, strings.ToUpper(method), path)
				}
			}
		}
	}
	b.WriteString("\n## Objects\n")
	for _, name := range slices.Sorted(maps.Keys(d.Parts.Schemas)) {
		s := d.Parts.Schemas[name]
		fmt.Fprintf(&b, "\n### %s\n\n", name)
		if s.Description != "" {
			b.WriteString(s.Description + "\n\n")
		}
		b.WriteString("| member | is | |\n|---|---|---|\n")
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			m := s.Properties[member]
			always := ""
			if !slices.Contains(s.Required, member) {
				always = " (may be absent)"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s | %s |\n", member, m.words(), always, cell(m.Description))
		}
	}
	return []byte(b.String())
}

// A told is an operation of the document.
type told struct {
	Summary, Description string
	Tags                 []string
	Parameters           []struct {
		Name, In, Description string
		Schema                shape
	}
	Body struct {
		Description string
		Content     map[string]struct{ Schema shape }
	} `json:"requestBody"`
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]struct{ Schema shape }
	}
}

// A shape is a schema of the document.
type shape struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []string
	Items       *shape
	Encoding    string  `json:"contentEncoding"`
	One         []shape `json:"oneOf"`
	Properties  map[string]shape
	Required    []string
}

// cell makes a text fit into a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// words say what a value is.
func (s shape) words() string {
	switch {
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return "[" + name + "](#" + strings.ToLower(name) + ")"
	case len(s.One) > 0:
		return s.One[0].words() + " or " + s.One[1].words()
	case len(s.Enum) > 12:
		return "a word, such as `" + s.Enum[0] + "`"
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	case s.Items != nil:
		return "array of " + s.Items.words()
	case s.Encoding != "":
		return s.Encoding
	case s.Format == "date-time":
		return "time"
	}
	if all, is := s.Type.([]any); is {
		return fmt.Sprint(all[0], " or null")
	}
	return fmt.Sprint(s.Type)
}

func (o told) write(b *strings.Builder, method, path string) {
	fmt.Fprintf(b, "\n### `%s %s`\n\n%s\n\n", method, path, strings.TrimSpace(o.Summary+". "+o.Description))
	if len(o.Parameters) > 0 {
		b.WriteString("| parameter | in | is | |\n|---|---|---|---|\n")
		for _, p := range o.Parameters {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Name, p.In, p.Schema.words(), cell(p.Description))
		}
		b.WriteString("\n")
	}
	for _, c := range o.Body.Content {
		fmt.Fprintf(b, "Body: %s. %s\n\n", c.Schema.words(), o.Body.Description)
	}
	var fails []string
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[status]
		switch {
		case r.Ref != "":
			fails = append(fails, status)
		case len(r.Content) > 0:
			var forms []string
			for _, form := range slices.Sorted(maps.Keys(r.Content)) {
				if form != "application/json" {
					forms = append(forms, "`"+form+"`")
				}
			}
			also := ""
			if len(forms) > 0 {
				also = "; by `Accept` also " + strings.Join(forms, ", ")
			}
			fmt.Fprintf(b, "Answers %s: %s%s.\n", status, r.Content["application/json"].Schema.words(), also)
		}
	}
	fmt.Fprintf(b, "Problems: %s.\n", strings.Join(fails, ", "))
}
