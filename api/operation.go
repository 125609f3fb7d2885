// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
)

// root is where the paths of this version begin.
const root = "/api/v1/"

// An operation is one method of one path. The mux, the reading of parameters and bodies
// and the OpenAPI document are all made of it, so that none of them says anything else
// than the others.
type operation struct {
	method, path string // below root
	// id is its name in generated clients, group the heading it stands under.
	id, group     string
	summary, tell string
	parameters    []parameter
	// keyed says that it takes an Idempotency-Key.
	keyed bool
	// matched says that it changes something only in the state that If-Match names.
	matched bool
	// evident says that it needs no sign-in, but evidence; see TakesEvidence.
	evident bool
	// most is how many octets its body may have; zero is respond.MaxBody.
	most int64
	// status is that of its answer, zero is 200; also are others that it may have.
	status int
	also   []int
	// forms are media types of its answer beside JSON.
	forms []string
	// fails are the statuses of problems beside those that every call may meet.
	fails []int

	body, answer reflect.Type // nil for none
	serve        func(*call) error
}

// A parameter is one of the query; those of the path are in its pattern.
type parameter struct {
	name, tell string
	// form is the JSON type, or date-time.
	form string
	// words are the values that it takes, none for any.
	words []string
}

// dryRun is the parameter of operations that change something.
var dryRun = parameter{name: "dry_run", form: "boolean", tell: "Say what would be done, and do nothing."}

// A call is one exchange under way.
type call struct {
	*door
	w     http.ResponseWriter
	r     *http.Request
	op    *operation
	query url.Values
	// form is the media type of the answer, status its status; zero is the operation's.
	form   string
	status int
}

// who is the one who asks.
func (c *call) who() ca.Actor { return asker(c.r) }

// id is the request's.
func (c *call) id() ca.RequestID { return ca.RequestID(c.w.Header().Get(respond.RequestIDHeader)) }

// planned tells whether nothing is to be done.
func (c *call) planned() bool { return c.query.Get(dryRun.name) == "true" }

// gives makes an operation of what answers without a body.
func gives[T any](o operation, do func(*call) (T, error)) operation {
	o.answer = reflect.TypeFor[T]()
	o.serve = func(c *call) error {
		v, err := do(c)
		switch {
		case errors.Is(err, errAnswered):
			return nil
		case err != nil:
			return err
		}
		return c.reply(v)
	}
	return o
}

// errAnswered says that an operation has answered by itself.
var errAnswered = errors.New("answered")

// takes makes an operation of what reads a body. What cannot be read is told to the
// registrar: it is a refusal like any other.
func takes[B, T any](o operation, do func(*call, B) (T, error)) operation {
	o.body, o.answer = reflect.TypeFor[B](), reflect.TypeFor[T]()
	if o.most == 0 {
		o.most = respond.MaxBody
	}
	o.serve = func(c *call) error {
		body, err := respond.Body[B](c.w, c.r, c.op.most)
		if err != nil {
			c.o.Submitter.Refuse(c.who(), err)
			return err
		}
		v, err := do(c, body)
		if err != nil {
			return err
		}
		return c.reply(v)
	}
	return o
}

// A filed is an answer that may leave in other forms than JSON.
type filed interface {
	// file gives its bytes in one of its operation's forms.
	file(form string) ([]byte, error)
}

// reply answers with a value, in the form that was asked for.
func (c *call) reply(v any) error {
	if s, is := v.(submitted); is {
		v = s.one() // as itself: package json reads through what a MarshalJSON gives once more
	}
	if f, is := v.(filed); is && c.form != respond.JSONType {
		body, err := f.file(c.form)
		if err != nil {
			return err
		}
		respond.Object(c.w, c.r, c.form, body)
		return nil
	}
	if c.op.method == http.MethodGet || c.op.matched { // whoever changed it has seen it
		respond.JSONObject(c.w, c.r, c.o.Log, v)
		return nil
	}
	status := c.status
	if status == 0 {
		status = max(c.op.status, http.StatusOK)
	}
	respond.JSON(c.w, c.o.Log, status, v)
	return nil
}

// begin reads what each call has, and runs the operation.
func (d *door) begin(o *operation) verb {
	return func(w http.ResponseWriter, r *http.Request) error {
		c := &call{door: d, w: w, r: r, op: o}
		var err error
		if c.query, err = query(r, o.parameters); err == nil {
			err = booleans(c.query, o.parameters)
		}
		if err != nil {
			if o.body != nil {
				d.o.Submitter.Refuse(c.who(), err)
			}
			return err
		}
		if c.form, err = respond.Accept(r, append([]string{respond.JSONType}, o.forms...)...); err != nil {
			return err
		}
		if len(o.forms) > 0 {
			w.Header().Set("Vary", "Accept")
		}
		return o.serve(c)
	}
}

// route serves all operations. Methods that a path does not have get 405 with what there
// is (RFC 9110 §15.5.6), as a problem document and not as the mux's line of text.
func (d *door) route(all []operation) {
	methods := map[string][]string{}
	for i := range all {
		o := &all[i]
		d.mux.HandleFunc(o.method+" "+root+o.path, d.answer(d.begin(o)))
		methods[o.path] = append(methods[o.path], o.method)
	}
	for path, have := range methods {
		if slices.Contains(have, http.MethodGet) {
			have = append(have, http.MethodHead) // which the mux takes for GET
		}
		slices.Sort(have)
		allow := strings.Join(have, ", ")
		d.mux.HandleFunc(root+path, d.answer(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Allow", allow)
			return &respond.Refusal{Status: http.StatusMethodNotAllowed, Problem: ca.Invalid(ca.E1401, "this path does not take that method", "use "+allow)}
		}))
	}
}

// called gives a part of the path that names something. What no name can be is not there,
// and reaches neither a log nor a query.
func (c *call) called(field string) (string, error) {
	name := c.r.PathValue(field)
	if len(name) > maxValue || !ca.PlainText(name) {
		return "", ca.NotFound(ca.E2101, "nothing here is called "+ca.Show(name), "use a name, such as lists show").At(field)
	}
	return name, nil
}

// at gives an instant of a parameter, zero if it is absent.
func (c *call) at(name string) (time.Time, error) {
	if !c.query.Has(name) {
		return time.Time{}, nil
	}
	return instant(name, c.query.Get(name))
}
