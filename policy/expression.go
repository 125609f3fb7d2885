// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"

	"chancery/ca"
)

// Bounds of the rules of a profile. What passes them costs less than the check of the
// request's signature in the usual case, and some milliseconds for each rule at worst.
const (
	maxRules      = 16
	maxExpression = 2000 // characters
	maxMessage    = 200  // characters
	// maxNesting and maxNodes bound what the compiler walks.
	maxNesting, maxNodes = 32, 500
	// maxCost is in the language's own units, about one for each step; each value that
	// is made counts by its size. It decides alike on every machine.
	maxCost = 50_000
	// maxMemory bounds what values take, in units of the language, and maxPattern what a
	// regular expression is compiled to: no clock stops a pattern on its way through a text,
	// so that their product is what bounds its time.
	maxMemory, maxPattern = 16 << 10, 60
	// patience ends an expression that the others did not, and everyInterrupt is how many
	// turns of a loop pass before it is looked at. Whoever it ends is refused.
	patience       = 2 * time.Second
	everyInterrupt = 64
)

// language is what expressions are written in: schema 1 of the profiles. Each fact is a
// variable of its own type, so that a misspelt one is a fault of the document and not of
// the first request. There is no clock but that of the vetting, no chance, and nothing
// to look up: front and signer see the same facts and decide alike.
//
// It is made once, and never changes; profiles are compiled while it is used.
var language = sync.OnceValues(func() (*cel.Env, error) {
	texts := cel.ListType(cel.StringType)
	options := []cel.EnvOption{
		cel.DefaultUTCTimeZone(true), cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNestingDepthLimit(maxNesting), cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxPattern),
	}
	for name, of := range map[string]*cel.Type{
		"request.door": cel.StringType, "request.line": cel.StringType,
		"requester.id": cel.StringType, "requester.name": cel.StringType, "requester.method": cel.StringType, "requester.uid": cel.IntType,
		"names.dns": texts, "names.ip": texts, "names.email": texts, "names.uri": texts,
		"key.type": cel.StringType, "key.bits": cel.IntType,
		"profile": cel.StringType, "days": cel.IntType, "now": cel.TimestampType,
		"authority.name": cel.StringType, "authority.line": cel.StringType,
	} {
		options = append(options, cel.Variable(name, of))
	}
	for i := range subjectFields {
		f, of := &subjectFields[i], cel.StringType
		if f.several() {
			of = texts
		}
		options = append(options, cel.Variable("subject."+f.key, of))
	}
	return cel.NewEnv(options...)
})

// compiled makes an expression ready; fault says what is wrong with it, and where.
func compiled(expression string) (holds func(map[string]any) (bool, error), fault string) {
	env, err := language()
	if err != nil {
		return nil, "cannot be read here: " + plain(err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, "cannot be read: " + faultAt(issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, "gives no truth value, but " + ast.OutputType().String()
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.MemoryLimit(maxMemory),
		cel.InterruptCheckFrequency(everyInterrupt))
	if err != nil {
		return nil, "cannot be read: " + plain(err)
	}
	return func(facts map[string]any) (bool, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		value, _, err := program.ContextEval(ctx, facts)
		if err != nil {
			return false, err
		}
		yes, ok := value.Value().(bool)
		return ok && yes, nil
	}, ""
}

// faultAt is the first fault of a compilation with its place: line and column, both
// counted from 1.
func faultAt(issues *cel.Issues) string {
	all := issues.Errors()
	if len(all) == 0 {
		return plain(issues.Err())
	}
	message, _, _ := strings.Cut(all[0].Message, "\n")
	at := all[0].Location
	if at.Line() < 1 { // a bound of the whole
		return shown(message)
	}
	return fmt.Sprintf("line %d, column %d: %s", at.Line(), at.Column()+1, shown(message))
}

// shown escapes what a terminal would obey.
func shown(s string) string {
	if !ca.PlainText(s) {
		return ca.Show(s)
	}
	return s
}

// rules compiles the rules of a profile in their place.
func (f *faults) rules(rules []ca.Rule) {
	f.add(len(rules) <= maxRules, "rule", fmt.Sprintf("there are more than %d rules", maxRules))
	for i := range rules[:min(len(rules), maxRules)] {
		r, at := &rules[i], fmt.Sprintf("rule[%d]", i)
		var fault string
		r.Holds, fault = compiled(r.Require)
		f.add(fault == "", at+".require", fault)
		f.add(r.Message != "" && len(r.Message) <= maxMessage && ca.PlainText(r.Message), at+".message", fmt.Sprintf("must be 1 to %d characters without control characters: it is what a requester is told", maxMessage))
	}
}

// expressions holds the draft against the profile's own rules. One that cannot be
// evaluated refuses, as does one that nobody compiled.
func expressions(v *vetting) error {
	if len(v.profile.Rules) == 0 {
		return nil
	}
	facts := v.facts()
	for i, r := range v.profile.Rules {
		at := fmt.Sprintf("rule[%d]", i)
		refused := func(why string) error {
			return ca.Refused(ca.E2123, r.Message, "change the request so that the rule holds: chancery profile show "+v.profile.Name).
				Because(why + " (" + at + " of profile " + v.profile.Name + ")")
		}
		if r.Holds == nil {
			return refused("the expression was not read")
		}
		holds, err := r.Holds(facts)
		if err != nil {
			return refused("the expression could not be evaluated: " + shown(err.Error()))
		}
		if !holds {
			return refused("it does not hold that " + shown(r.Require))
		}
	}
	return nil
}

// facts are what an expression may ask, by the names of language.
func (v *vetting) facts() map[string]any {
	d, from := &v.draft, &v.request.From
	facts := map[string]any{
		"request.door": string(v.request.Door), "request.line": v.request.Line,
		"requester.id": from.ID, "requester.name": from.Name, "requester.method": from.Method, "requester.uid": from.UID,
		"key.type": d.KeyType, "key.bits": v.csr.Bits,
		"profile": v.profile.Name, "days": lifeInDays(d), "now": v.now,
		"authority.name": v.authority.Name, "authority.line": v.authority.Line,
	}
	for _, t := range nameTypes {
		list := []string{}
		for _, n := range d.Names {
			if n.Type == t {
				list = append(list, n.Value)
			}
		}
		facts["names."+string(t)] = list
	}
	for i := range subjectFields {
		f, list := &subjectFields[i], []string{}
		for _, a := range d.Subject {
			if a.OID == f.oid {
				list = append(list, a.Value)
			}
		}
		switch {
		case f.several():
			facts["subject."+f.key] = list
		case len(list) > 0:
			facts["subject."+f.key] = list[0]
		default:
			facts["subject."+f.key] = ""
		}
	}
	return facts
}

// lifeInDays is the length of a certificate's life, a begun day as a whole one.
func lifeInDays(d *ca.Draft) int {
	return int(math.Ceil(float64(d.NotAfter.Sub(d.NotBefore)+time.Second) / float64(day)))
}
