// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"testing"
	"time"
)

// R126: a server's file holds certificate and authorities, in order, without the root,
// and what it lacks is named with where to get it.
func TestR126_WhatIsSentIsJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.build()
	stranger := issue(t, "other", authority("Stranger", -1), w.root).cert
	leaf, issuing, root := w.leaf.cert, w.issuing.cert, w.root.cert
	for _, tt := range []struct {
		name  string
		sent  []*x509.Certificate
		level Level
		says  string
		hint  string
	}{
		{"complete", []*x509.Certificate{leaf, issuing}, Fine, "complete", ""},
		{"the authority is missing", []*x509.Certificate{leaf}, Failure, "the authority Lab Issuing is not sent", "get it at http://ca.lab.example/issuing.crt and put it behind"},
		{"the root is sent", []*x509.Certificate{leaf, issuing, root}, Warning, "root Lab Root is sent along needlessly", "take it out"},
		{"a stranger is sent", []*x509.Certificate{leaf, issuing, stranger}, Warning, "Stranger is no part", "take it out"},
		{"one is there twice", []*x509.Certificate{leaf, issuing, issuing}, Warning, "Lab Issuing is there twice", "once"},
		{"out of order", []*x509.Certificate{leaf, root, issuing}, Warning, "not in order", "before the one that signed it"},
		{"the authority comes first", []*x509.Certificate{issuing, leaf}, Failure, "nas.lab.example does not come first", "put it first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := w.question
			q.Sent, q.Known = tt.sent, []*x509.Certificate{issuing}
			v := Check(q)
			for _, f := range v.Findings {
				if f.ID == checkSent && f.Level == tt.level && strings.Contains(f.Message, tt.says) && strings.Contains(f.Hint, tt.hint) {
					return
				}
			}
			t.Errorf("%s", written(v))
		})
	}
	q := w.question
	q.Sent, q.Known, q.Complete = []*x509.Certificate{leaf}, []*x509.Certificate{issuing}, false
	if v := Check(q); !v.Good() || !strings.Contains(written(v), "warn  sent") {
		t.Errorf("a certificate alone, where nothing more is wanted:\n%s", written(v))
	}
}

// What strict verifiers alone refuse is told, and no failure.
func TestStrictFormIsAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.build()
	w.issuing.cert.SubjectKeyId = nil // so that what it signs has no authority key identifier
	leaf := issue(t, "leaf", server("nas.lab.example"), w.issuing)
	w.question.Sent = []*x509.Certificate{leaf.cert, w.question.Sent[1]}
	v := Check(w.question)
	if !v.Good() || !strings.Contains(written(v), "nas.lab.example lacks an authority key identifier") {
		t.Errorf("%s", written(v))
	}
	if said, good := openssl(t, w.question); good {
		t.Errorf("openssl takes it in strict mode: %s", said)
	}
	if said, good := openssl(t, w.question, "-verify_depth", "5"); !good {
		t.Errorf("openssl refuses it out of strict mode: %s", said)
	}
}

func TestAKeyBelongsToItsCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.build()
	for name, want := range map[string]string{"leaf": "", "other": "does not belong", "issuing": "which is not the first certificate"} {
		q := w.question
		q.Key = keys()[name].Public()
		v := Check(q)
		if want == "" && !v.Good() || want != "" && !failed(v, checkKey, want) {
			t.Errorf("%s:\n%s", name, written(v))
		}
	}
}

// An end that is near is announced, whose ever it is.
func TestAnEndThatIsNearIsAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.midT.NotAfter = noon().AddDate(0, 0, 20)
	w.build()
	w.question.Soon = 30 * 24 * time.Hour
	if v := Check(w.question); !v.Good() || !strings.Contains(written(v), "Lab Issuing expires on 2026-12-11") || !strings.Contains(written(v), "in 20 days") {
		t.Errorf("%s", written(v))
	}
}

// While a root is rolled over there are several ways up, and one that is good is enough.
func TestOneGoodPathIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.build()
	second := issue(t, "other", authority("Lab Root G2", -1), nil)
	lapsed := authority("Lab Root", -1)
	lapsed.NotAfter = noon().AddDate(0, 0, -1)
	crossed := issue(t, "root", lapsed, second)
	w.question.Roots = []*x509.Certificate{second.cert, w.root.cert}
	w.question.Known = []*x509.Certificate{crossed.cert}
	v := Check(w.question)
	if !v.Good() || len(v.Path) != 3 || !v.Path[2].Equal(w.root.cert) {
		t.Errorf("%s", written(v))
	}
	w.question.Roots = w.question.Roots[:1]
	if v := Check(w.question); v.Good() || !failed(v, checkDates, "Lab Root expired") {
		t.Errorf("%s", written(v))
	}
}

// A hundred authorities of one name that may all have signed each other cost a bounded
// time, and end in an answer.
func TestALabyrinthIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.build()
	for i := range 100 {
		one := authority("Maze", -1)
		key := []string{"root", "policy", "issuing", "other", "rsa"}[i%5]
		by := &party{key: keys()[[]string{"policy", "issuing", "other", "root", "rsa"}[i/5%5]], cert: &x509.Certificate{RawSubject: nil, Subject: pkix.Name{Organization: []string{"Lab"}, CommonName: "Maze"}}}
		by.cert.PublicKey = by.key.Public()
		w.question.Known = append(w.question.Known, issue(t, key, one, by).cert)
	}
	w.question.Sent = []*x509.Certificate{issue(t, "leaf", server("nas.lab.example"), &party{key: keys()["root"], cert: w.question.Known[0]}).cert}
	begun := time.Now()
	v := Check(w.question)
	if v.Good() || v.Anchored {
		t.Errorf("%s", written(v))
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// What a stranger calls himself cannot write to the terminal.
func TestNamesCannotDeceiveATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.midT.Subject.CommonName = "good\x1b[2J\u202e"
	w.leafT.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	w.build()
	w.question.Sent = w.question.Sent[:1]
	if all := written(Check(w.question)); strings.ContainsAny(all, "\x1b\u202e") {
		t.Errorf("%q", all)
	}
}

// Without certificates there is nothing to say.
func TestNothingIsAnswered(t *testing.T) {
	t.Parallel()
	if v := Check(Question{}); len(v.Findings) != 0 || v.Anchored {
		t.Errorf("%v", v)
	}
}

// More constraints never permit more: who is refused by one side alone is refused by
// both.
func FuzzConstraints(f *testing.F) {
	f.Add(directoryConstraint("Lab").Value, directoryConstraint("Lab").Value)
	f.Add([]byte{0x30, 0x0a, 0xa1, 0x08, 0x30, 0x06, 0x82, 0x04, 'a', '.', 'b', 'c'}, []byte{0x30, 0x06, 0x82, 0x04, 'a', '.', 'b', 'c'})
	f.Fuzz(func(t *testing.T, constraint, names []byte) {
		l, err := limitsOf(&x509.Certificate{Extensions: []pkix.Extension{{Id: oidConstraints, Value: constraint}}})
		if err != nil || l == nil {
			return
		}
		all, err := constrained(&x509.Certificate{RawSubject: []byte{0x30, 0}, Extensions: []pkix.Extension{{Id: oidAltNames, Value: names}}})
		if err != nil {
			return
		}
		permitted, excluded := limits{permitted: l.permitted}.judge(all), limits{excluded: l.excluded}.judge(all)
		if both := l.judge(all); (both == nil) != (permitted == nil && excluded == nil) {
			t.Errorf("both %v, permitted %v, excluded %v", both, permitted, excluded)
		}
		_ = fmt.Sprint(all)
	})
}
