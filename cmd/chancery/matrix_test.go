// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chancery/access"
	"chancery/ca"
)

// A right says whether somebody may do something, whatever it is about.
type right func(access.Action) bool

// A ruling is what was decided of an operation: who may call it, about what, and what it
// gives then. What is forbidden follows from the table of roles (package access) and from
// whose the object is, and is written down nowhere.
type ruling struct {
	// needs is what it needs whatever it is about; nothing for everybody with a role.
	needs access.Action
	// account says that neither a token nor a certificate will do.
	account bool
	// objects is what it is about: a list of matrix.objects, or nothing.
	objects string
	// owned says that only its owner, and who may read all, sees the object; does is what
	// else it takes to act on it.
	owned bool
	does  func(may right, own bool) bool
	// evident says that no sign-in is needed, but evidence.
	evident bool
	// fits says that a narrowed token must be for what is asked.
	fits bool
	// body makes the body of somebody's call about an object.
	body func(a actor, name string) string
	// status and code are what whoever may is given; 200 and none without them.
	status int
	code   ca.Code
	// unknown is the code for what is not there.
	unknown ca.Code
}

// rulings has the decision about each operation, by its id. An operation that is not here
// fails the test.
func (m *matrix) rulings() map[string]ruling {
	quote := func(format string) func(actor, string) string {
		return func(_ actor, name string) string { return fmt.Sprintf(format, name) }
	}
	constant := func(body string) func(actor, string) string {
		return func(actor, string) string { return body }
	}
	order := func(format string) func(actor, string) string {
		return func(a actor, _ string) string { return fmt.Sprintf(format, m.order(a, "nas.lab.example", "server")) }
	}
	either := func(own access.Action, other ...access.Action) func(right, bool) bool {
		return func(may right, owns bool) bool {
			return owns && may(own) || !slices.ContainsFunc(other, func(a access.Action) bool { return !may(a) })
		}
	}
	return map[string]ruling{
		"whoami":     {},
		"getOpenAPI": {},
		"getStatus":  {needs: access.Status},

		"submitRequest":  {needs: access.Submit, fits: true, body: order(`%s`), status: http.StatusCreated},
		"submitRequests": {needs: access.Submit, fits: true, body: order(`{"items":[%s]}`), status: http.StatusCreated},
		"getRequest":     {owned: true, objects: "requests"},
		"renewCertificate": {
			owned: true, objects: "certificates", does: either(access.Renew, access.Renew, access.RevokeAny), body: quote(`{"certificate":%q}`), status: http.StatusCreated,
		},

		"listCertificates":   {needs: access.ReadOwn},
		"getCertificate":     {owned: true, objects: "certificates"},
		"explainCertificate": {owned: true, objects: "certificates"},
		"annotateCertificate": { // it is asked last which state is meant
			owned: true, objects: "certificates", does: either(access.AnnotateOwn, access.AnnotateAny), body: constant(`{"contact":"hana@lab.example"}`), status: http.StatusPreconditionRequired, code: ca.E1411,
		},
		"revokeCertificate": {owned: true, objects: "spent", does: either(access.RevokeOwn, access.RevokeAny), body: quote(`{"certificate":%q,"reason":"superseded"}`)},
		"revokeByChallenge": {
			evident: true, body: constant(`{"certificate":"","password":"","reason":"superseded"}`), status: http.StatusBadRequest, code: ca.E1401,
		},
		"revokeByKey": {
			evident: true, body: constant(`{"statement":"","algorithm":"ed25519","signature":""}`), status: http.StatusBadRequest, code: ca.E1401,
		},

		"listAuthorities": {needs: access.ReadPolicy},
		"getAuthority":    {needs: access.ReadPolicy, objects: "authorities"},
		"listLines":       {needs: access.ReadPolicy},
		"getLine":         {needs: access.ReadPolicy, objects: "lines"},
		"getBundle":       {needs: access.ReadPolicy},
		"getLineBundle":   {needs: access.ReadPolicy, objects: "lines"},
		"listProfiles":    {needs: access.ReadPolicy},
		"getProfile":      {needs: access.ReadPolicy, objects: "profiles", unknown: ca.E2118},
		"planPolicy":      {needs: access.DraftPolicy, body: constant(`{"document":"schema = 1"}`), status: http.StatusBadRequest, code: ca.E1003},
		"listCRLs":        {needs: access.ReadPolicy},
		"getCRL":          {needs: access.ReadPolicy, objects: "authorities"},
		"publishCRL":      {needs: access.PublishList, objects: "signing", body: constant(`{}`)},
		"publishFeed":     {needs: access.PublishList, objects: "signing", body: constant(`{}`)},

		"listEvents":      {needs: access.ReadLog},
		"listLeaves":      {needs: access.ReadLog},
		"listPolicies":    {needs: access.ReadLog},
		"getCheckpoint":   {needs: access.ReadLog},
		"listUnsettled":   {needs: access.Decide},
		"decideUnsettled": {needs: access.Decide, objects: "unsettled", body: constant(`{"void":true}`)},

		"makeToken":           {needs: access.MakeToken, account: true, body: constant(`{"name":"made","roles":["auditor"]}`), status: http.StatusCreated},
		"listTokens":          {needs: access.MakeToken},
		"listTokens?all=true": {needs: access.ReadTokens},
		"revokeToken":         {needs: access.MakeToken, objects: "tokens"},
	}
}

// expected is what an actor must get who calls an operation about an object.
func (r ruling) expected(a actor, o thing) (int, ca.Code) {
	forbidden := func() (int, ca.Code) { return http.StatusForbidden, ca.E1305 }
	missing := func() (int, ca.Code) {
		if r.unknown != "" {
			return http.StatusNotFound, r.unknown
		}
		return http.StatusNotFound, ca.E2101
	}
	may := func(x access.Action) bool {
		return access.Allow(a.roles, x) == nil && (!a.narrow || access.AllowNarrowed(x) == nil)
	}
	own := o.owner == a.owner
	all := may(access.ReadAll)
	switch {
	case r.evident && a.token == "":
	case a.refused != "":
		return http.StatusUnauthorized, a.refused
	case a.renews && (r.needs != "" || r.owned):
		return forbidden()
	case r.needs == access.ReadOwn && a.names: // a list is not chosen by patterns
		return forbidden()
	case r.needs != "" && !may(r.needs), r.account && !a.account, r.fits && !a.fits:
		return forbidden()
	case r.owned && !all && !may(access.ReadOwn):
		return forbidden()
	case r.owned && (!all && !own || !a.fits), r.objects != "" && !o.there:
		return missing()
	case r.objects == "tokens" && !own && !may(access.RevokeAnyToken):
		return missing()
	case r.does != nil && !r.does(may, own):
		return forbidden()
	}
	return max(r.status, http.StatusOK), r.code
}

// HX-02, RO-05, RO-06: each operation of the API, by each kind of caller, about what is his
// own, another's, not there, or called by the id of another issuer, is answered as its
// ruling, the table of roles and the object's owner say. An operation that nobody decided
// about fails.
func TestHX02_EachOperationByEachCallerAboutEachObject(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	rulings := m.rulings()
	for _, op := range m.operations() {
		for id, r := range rulings { // one with a parameter of its own is another thing to ask
			if of, query, more := strings.Cut(id, "?"); more && of == op.id {
				m.everybody(operationOf{id: id, method: op.method, path: op.path + "?" + query}, r)
				delete(rulings, id)
			}
		}
		r, decided := rulings[op.id]
		if !decided {
			t.Errorf("nobody decided who may call %s (%s %s): give it a ruling", op.id, op.method, op.path)
			continue
		}
		if delete(rulings, op.id); (r.body != nil) != op.takesBody {
			t.Errorf("the ruling of %s has the wrong idea of its body", op.id)
		}
		m.everybody(op, r)
		if r.owned && r.objects != "requests" {
			m.spelled(op, r)
		}
	}
	for id := range rulings {
		t.Errorf("there is a ruling of %s, which is no operation", id)
	}
}

// everybody has each actor call an operation about each object.
func (m *matrix) everybody(op operationOf, r ruling) {
	m.t.Helper()
	objects := m.objects[r.objects]
	switch {
	case r.objects == "":
		objects = []thing{{there: true}}
	case len(objects) == 0:
		m.t.Fatalf("%s: there is nothing of %s", op.id, r.objects)
	}
	for _, a := range m.actors {
		for _, o := range objects {
			m.holds(op, r, a, o)
		}
	}
}

// spelled calls an operation about a certificate by whatever its number can be written as:
// hex in any spelling means it, and decimal; nothing else means another.
func (m *matrix) spelled(op operationOf, r ruling) {
	m.t.Helper()
	of := m.objects[r.objects][0]
	serial := strings.TrimPrefix(of.name, "issuing-g1-")
	number, _ := new(big.Int).SetString(serial, 16)
	pairs := regexp.MustCompile("..").FindAllString(serial, -1)
	for spelling, there := range map[string]bool{
		serial: true, strings.ToUpper(serial): true, "0x" + serial: true, strings.Join(pairs, ":"): true, strings.Join(pairs, " "): true, "0000" + serial: true,
		serial[len(serial)-8:]: true, "…" + serial[len(serial)-8:]: true, "issuing-g1-" + strings.ToUpper(serial): true,
		number.String(): true, "-" + serial: false, "+" + serial: false, serial + "00": false, serial[:len(serial)-2]: false, serial + strings.Repeat("0", 80): false,
		strings.Repeat("0", 2000) + serial: false, "issuing-g2-" + serial: false, "ISSUING-G1-" + serial: false, "issuing-g1-" + serial + "\x00": false,
		"../certificates/" + serial: false, "..": false, "%2e%2e": false, "%2e%2e%2f" + serial: false, "..%2f" + serial: false, `..\` + serial: false, serial + "\u202e": false,
		serial[len(serial)-7:]: false, "issuing-g1-": false, "*": false, "%": false, "' OR 1=1 --": false,
	} {
		body := ""
		if r.body != nil {
			text, err := json.Marshal(spelling)
			if err != nil {
				m.t.Fatal(err)
			}
			body = strings.Replace(r.body(m.actors[0], "X"), `"X"`, string(text), 1)
		}
		status, answer := m.call(m.actors[0], op.method, inBraces.ReplaceAllString(op.path, url.PathEscape(spelling)), body)
		if there != (status/100 == 2 || status == r.status) || !there && status != http.StatusNotFound {
			m.t.Errorf("%s about %q: %d %s", op.id, spelling, status, answer)
		}
	}
}

// holds makes one call, and before it the dry run, if there is one: that is refused alike.
func (m *matrix) holds(op operationOf, r ruling, a actor, o thing) {
	m.t.Helper()
	body := ""
	if r.body != nil {
		body = r.body(a, o.name)
	}
	path := inBraces.ReplaceAllString(op.path, url.PathEscape(o.name))
	status, code := r.expected(a, o)
	if op.dry {
		got, said, answer := m.verdict(op, a, path+"?dry_run=true", body)
		want := status
		if want == http.StatusCreated { // nothing is
			want = http.StatusOK
		}
		if got != want || said != code {
			m.t.Errorf("a dry run of %s by %s about %s: %d %s, wanted %d %s\n%s", op.id, a.name, o.what, got, said, want, code, answer)
		}
	}
	got, said, answer := m.verdict(op, a, path, body)
	if got == http.StatusOK && op.id == "renewCertificate" && status == http.StatusCreated {
		got = status // the same again is given again
	}
	if got != status || said != code {
		m.t.Errorf("%s by %s about %s: %d %s, wanted %d %s\n%s", op.id, a.name, o.what, got, said, status, code, answer)
	}
}

// verdict makes a call, and reads what became of it. In a batch what is forbidden costs
// its line.
func (m *matrix) verdict(op operationOf, a actor, path, body string) (status int, code ca.Code, answer string) {
	m.t.Helper()
	status, answer = m.call(a, op.method, path, body)
	if op.id == "submitRequests" && status == http.StatusOK {
		var lines struct {
			Items []struct {
				Status  int
				Problem ca.Problem
			}
		}
		if err := json.Unmarshal([]byte(answer), &lines); err != nil || len(lines.Items) != 1 {
			m.t.Fatalf("%v: %s", err, answer)
		}
		return lines.Items[0].Status, lines.Items[0].Problem.Code, answer
	}
	var said struct{ Code ca.Code }
	if err := json.Unmarshal([]byte(answer), &said); err != nil {
		m.t.Errorf("%s by %s: %v: %s", op.id, a.name, err, answer)
	}
	return status, said.Code, answer
}
