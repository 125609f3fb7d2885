// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// sample is a value that a schema of a body's member takes.
func sample(schema node) any {
	if words, is := schema["enum"].([]string); is {
		return words[0]
	}
	switch schema["type"] {
	case "string":
		return "YQ==" // text, and octets too
	case "integer":
		return 1
	case "boolean":
		return true
	case "array":
		return []any{}
	}
	return node{}
}

// What the document says a body must have the door demands, of every operation: a member
// that a program dropped is no choice of the value that stands for nothing.
func TestWhatTheSchemaRequiresTheDoorDemands(t *testing.T) {
	t.Parallel()
	b, d, tried := open(t), newDescriber(t), 0
	for _, o := range operations() {
		if o.body == nil {
			continue
		}
		for _, f := range reflect.VisibleFields(o.body) { // the door looks at the outermost object alone
			if s := d.of(f.Type); !f.Anonymous && s["$ref"] != nil {
				t.Errorf("%s: what %s must have is demanded by nobody", o.id, f.Name)
			}
		}
		d.of(o.body)
		schema := d.schemas[title(o.body)].(node)
		required, _ := schema["required"].([]string)
		for _, name := range required {
			for _, gone := range []bool{true, false} {
				body := node{}
				for _, other := range required {
					body[other] = sample(schema["properties"].(node)[other].(node))
				}
				body[name] = nil
				if gone {
					delete(body, name)
				}
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				p := b.problem(b.send(o.method, root+inPath.ReplaceAllString(o.path, "1"), string(text)))
				if p.Status != http.StatusBadRequest || len(p.Errors) != 1 || p.Errors[0].Pointer != "#/"+name {
					t.Errorf("%s %s: %+v", o.id, text, p)
				}
				tried++
			}
		}
	}
	if tried < 20 {
		t.Errorf("%d bodies were tried", tried)
	}
	a := b.send("POST", root+"requests:batch", `{"items":[{"csr":"x"}]}`)
	if !strings.Contains(string(a.body), `"pointer":"#/items/0/profile"`) {
		t.Errorf("a line of a batch: %s", a.body)
	}
	if len(b.asked)+b.planned > 0 {
		t.Error("something went on")
	}
}
