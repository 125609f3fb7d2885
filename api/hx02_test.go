// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// members are the fields of a body as JSON has them, by name.
func members(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			for n, m := range members(f.Type) {
				all[n] = m
			}
			continue
		}
		if name != "-" {
			all[name] = f.Type
		}
	}
	return all
}

// ours are the names of what the service alone sets of anything: every member of what
// operations answer, of requests, certificates, tokens and events as they are kept, and
// such as others call them.
func ours(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	for _, n := range strings.Fields("actor uid is_ca role roles admin method door kind state key issuer serial created_at updated_at approved approved_by version log_no leaf index der signature digest") {
		names[n] = true
	}
	kept := []reflect.Type{reflect.TypeFor[ca.Request](), reflect.TypeFor[ca.Certificate](), reflect.TypeFor[ca.TokenView](), reflect.TypeFor[ca.Event](), reflect.TypeFor[ca.Actor]()}
	for _, o := range operations() {
		kept = append(kept, o.answer)
	}
	for _, k := range kept {
		if k != nil && k.Kind() == reflect.Struct && k != reflect.TypeFor[submitted]() {
			for n := range members(k) {
				names[n] = true
			}
		}
	}
	var out []string
	for n := range names {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// wrong are values of each JSON type that one of a Go type does not take.
func wrong(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	all := map[string]string{"bool": "true", "number": "1.5", "large": "1e400", "string": `"\u0000"`, "object": `{"a":1}`, "list": `[[1]]`}
	switch t.Kind() {
	case reflect.Bool:
		delete(all, "bool")
	case reflect.String:
		delete(all, "string")
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[json.RawMessage]() { // whose parts are judged one by one
			delete(all, "list")
		}
	}
	out := []string{}
	for _, v := range all {
		out = append(out, v)
	}
	return out
}

// HX-02: nobody sets what is not his to say. For each operation that reads a body, each
// member of anything that the service keeps or answers is refused unless the body's own
// type has it; and each of its own members refuses every other JSON type.
func TestHX02_NobodySetsWhatIsNotHisToSay(t *testing.T) {
	b := open(t)
	tried := 0
	for _, o := range operations() {
		if o.body == nil {
			continue
		}
		own := members(o.body)
		refused := func(what, body string) {
			t.Helper()
			tried++
			a := b.send(o.method, address(o), body)
			if d := b.problem(a); a.status != http.StatusBadRequest || d.Code != ca.E1401 {
				t.Errorf("%s with %s: %d %s", o.id, what, a.status, a.body)
			}
		}
		for _, name := range ours(t) {
			if _, has := own[name]; !has {
				refused("the member "+name, fmt.Sprintf(`{%q:"x"}`, name))
			}
		}
		for name, form := range own {
			refused("a member in capitals", fmt.Sprintf(`{%q:null}`, strings.ToUpper(name)))
			refused("the member "+name+" twice", fmt.Sprintf(`{%q:null,%q:null}`, name, name))
			for _, value := range wrong(form) {
				refused(name+" as "+value, fmt.Sprintf(`{%q:%s}`, name, value))
			}
		}
	}
	if len(b.asked)+b.planned+len(b.refs) > 0 || tried < 100 {
		t.Errorf("%d bodies, and one reached the registrar", tried)
	}
	if len(b.refused) != tried {
		t.Errorf("of %d refusals %d are told", tried, len(b.refused))
	}
}

// The lines of a batch are bodies too.
func TestHX02_NorInALineOfABatch(t *testing.T) {
	b := open(t)
	own := members(reflect.TypeFor[order]())
	var lines []string
	for _, name := range ours(t) {
		if _, has := own[name]; !has && len(lines) < maxBatch {
			lines = append(lines, fmt.Sprintf(`{%q:"x"}`, name))
		}
	}
	var got batched
	a := b.send("POST", "/api/v1/requests:batch", `{"items":[`+strings.Join(lines, ",")+`]}`)
	if err := json.Unmarshal(a.body, &got); err != nil || len(got.Items) != len(lines) || len(lines) < 30 {
		t.Fatalf("%v %s", err, a.body)
	}
	for i, l := range got.Items {
		if l.Status != http.StatusBadRequest || l.Problem == nil || l.Problem.Code != ca.E1401 {
			t.Errorf("%s: %+v", lines[i], l)
		}
	}
}
