// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/internal/respond"
)

var update = flag.Bool("update", false, "write openapi.json and docs/api.md anew")

// everyCall may meet these problems, whatever it asks.
var everyCall = []int{400, 401, 403, 406, 429, 500, 503}

// openAPI makes the document of operations: OpenAPI 3.1.
func openAPI(t *testing.T) []byte {
	t.Helper()
	d := newDescriber(t)
	paths, groups := node{}, []node{}
	for _, o := range operations() {
		at, _ := paths["/api/v1/"+o.path].(node)
		if at == nil {
			at = node{}
			paths["/api/v1/"+o.path] = at
		}
		at[strings.ToLower(o.method)] = describe(d, o)
		if !slices.ContainsFunc(groups, func(n node) bool { return n["name"] == o.group }) {
			groups = append(groups, node{"name": o.group})
		}
	}
	d.of(reflect.TypeFor[respond.Document]())
	out, err := json.MarshalIndent(node{
		"openapi": "3.1.0",
		"info": node{
			"title": "Chancery", "version": "1", "license": node{"name": "Apache License 2.0", "identifier": "Apache-2.0"},
			"description": "Requests, certificates, authorities, revocation and the records of a certificate authority. Within version 1 members and operations are added and none is taken " +
				"away: readers pass over what they do not know. Times are RFC 3339 in UTC, serial numbers lower-case hex, files base64.",
		},
		"servers": []node{{"url": "/"}},
		// On admin.sock the account at the other end is enough.
		"security": []node{{}, {"token": []string{}}, {"certificate": []string{}}},
		"tags":     groups,
		"paths":    paths,
		"components": node{
			"schemas": d.schemas,
			"securitySchemes": node{
				"token":       node{"type": "http", "scheme": "bearer", "description": "A token of `chancery token create`."},
				"certificate": node{"type": "mutualTLS", "description": "A certificate that the policy maps to an account."},
			},
			"responses": node{"Problem": node{
				"description": "A problem (RFC 9457).", "headers": node{"X-Request-Id": requestID()},
				"content": node{respond.ProblemType: node{"schema": node{"$ref": "#/components/schemas/Problem"}}},
			}},
		},
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func requestID() node {
	return node{"description": "The id of the call, as in the service's log.", "schema": node{"type": "string", "format": "uuid"}}
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

// pathParameters are what the names in patterns mean.
var pathParameters = map[string]string{
	"ref": "A public name, a serial number in hex, its last eight digits or more, or a name.", "name": "The name.", "line": "The name of the line.", "id": "The id, as the call that made it answered.", "index": "The index of the intent's leaf.",
}

// describe makes the object of an operation.
func describe(d *describer, o operation) node {
	out := node{"operationId": o.id, "summary": o.summary, "tags": []string{o.group}}
	if o.tell != "" {
		out["description"] = o.tell
	}
	var parameters []node
	for _, m := range inPath.FindAllStringSubmatch(o.path, -1) {
		if pathParameters[m[1]] == "" {
			d.t.Fatalf("nobody says what {%s} is", m[1])
		}
		parameters = append(parameters, node{"name": m[1], "in": "path", "required": true, "description": pathParameters[m[1]], "schema": node{"type": "string", "maxLength": maxValue}})
	}
	for _, p := range o.parameters {
		schema := node{"type": p.form}
		if p.form == "date-time" {
			schema = node{"type": "string", "format": p.form}
		}
		if len(p.words) > 0 {
			schema["enum"] = p.words
		}
		if p.form == "string" {
			schema["maxLength"] = maxValue
		}
		if p.name == "limit" {
			schema["minimum"], schema["maximum"], schema["default"] = 1, 500, usualPage
		}
		parameters = append(parameters, node{"name": p.name, "in": "query", "description": p.tell, "schema": schema})
	}
	if o.keyed {
		parameters = append(parameters, node{
			"name": "Idempotency-Key", "in": "header", "schema": node{"type": "string", "minLength": 1, "maxLength": maxKey},
			"description": "Within 24 hours the same key gives the same certificate; with another request it is refused (E2302, 422), and so it is once that certificate was revoked or held (E2111, 422).",
		})
	}
	if o.matched {
		parameters = append(parameters, node{
			"name": "If-Match", "in": "header", "required": true, "schema": node{"type": "string"},
			"description": "The ETag of the JSON that was fetched: 428 without one, 412 if it was changed since.",
		})
	}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if o.body != nil {
		body := d.of(o.body)
		d.schemas[title(o.body)].(node)["additionalProperties"] = false // strict.Decode
		out["requestBody"] = node{"required": true, "description": fmt.Sprintf("At most %d octets.", o.most), "content": node{respond.JSONType: node{"schema": body}}}
	}
	out["responses"] = answers(d, o)
	return out
}

// answers are what an operation may answer.
func answers(d *describer, o operation) node {
	content := node{respond.JSONType: node{"schema": d.of(o.answer)}}
	for _, form := range o.forms {
		content[form] = node{"schema": node{"type": "string"}}
	}
	headers := node{"X-Request-Id": requestID()}
	if o.method == http.MethodGet {
		headers["ETag"] = node{"description": "Names this state of it; send it as If-None-Match.", "schema": node{"type": "string"}}
	}
	if slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.name == "cursor" }) {
		headers["Link"] = node{"description": `The next page, as rel="next".`, "schema": node{"type": "string"}}
	}
	out := node{}
	for _, status := range append([]int{max(o.status, 200)}, o.also...) {
		h := headers
		if status == http.StatusCreated {
			h = node{"X-Request-Id": requestID(), "Location": node{"description": "Where it is.", "schema": node{"type": "string"}}}
		}
		content := content
		if status == http.StatusCreated && o.answer == reflect.TypeFor[submitted]() { // a plan makes nothing
			content = node{respond.JSONType: node{"schema": d.of(reflect.TypeFor[ca.Issued]())}}
		}
		out[strconv.Itoa(status)] = node{"description": http.StatusText(status), "headers": h, "content": content}
	}
	if o.method == http.MethodGet {
		out["304"] = node{"description": "It has not changed since the ETag sent as If-None-Match.", "headers": node{"X-Request-Id": requestID()}}
	}
	for _, status := range append(slices.Clone(everyCall), o.fails...) {
		out[strconv.Itoa(status)] = node{"$ref": "#/components/responses/Problem"}
	}
	return out
}

// The document and its retelling say what the table and the types say.
func TestTheDocumentIsWhatTheDoorDoes(t *testing.T) {
	made := openAPI(t)
	for path, want := range map[string][]byte{"openapi.json": made, "../docs/api.md": manual(t, made)} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what the code says (%v): go test ./api -run Document -update", path, err)
		}
	}
	if *update {
		t.Skip("written anew")
	}
	b := open(t)
	a := b.send("GET", "/api/v1/openapi.json", "")
	var served, asMade any
	if err := json.Unmarshal(a.body, &served); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %v", a.status, err)
	}
	if err := json.Unmarshal(made, &asMade); err != nil || !reflect.DeepEqual(served, asMade) {
		t.Error("another document is served")
	}
}

func TestEveryOperationIsToldInFull(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range operations() {
		if o.id == "" || o.summary == "" || o.group == "" || o.serve == nil || o.answer == nil || seen[o.id] {
			t.Errorf("%s %s: id %q, summary %q", o.method, o.path, o.id, o.summary)
		}
		seen[o.id] = true
		for _, p := range o.parameters {
			if p.name == "" || p.tell == "" || !slices.Contains([]string{"string", "boolean", "integer", "date-time"}, p.form) {
				t.Errorf("%s: parameter %+v", o.id, p)
			}
		}
	}
}
