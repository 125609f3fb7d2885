// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"slices"
	"testing"

	"chancery/ca"
)

// revoked is a REVOKED leaf of a certificate, which takes a step.
func (s *story) revoked(intent, step int64, why ca.Reason) int64 {
	body, err := json.Marshal(ca.RevokedBody{Intent: intent, Reason: why, By: "uid:1"})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.leaf(Leaf{Kind: Revoked, Issuer: digestOf(1), Serial: intentSerial(intent), Step: step}, string(body))
}

// stepRow is the row of a step alone.
func (s *story) stepRow(leaf, intent, step int64, why ca.Reason) {
	s.steps = append(s.steps, Row{
		ID: ca.NewID(1, leaf), Issuer: digestOf(1), Serial: intentSerial(intent),
		Step: Step{Certificate: ca.NewID(1, intent), Number: step, Reason: why, By: "uid:1", At: 1000 + leaf},
	})
}

// revoke takes a first step, with all its rows, and gives the leaf.
func (s *story) revoke(intent int64) int64 {
	leaf := s.revoked(intent, 1, ca.Superseded)
	s.stepRow(leaf, intent, 1, ca.Superseded)
	s.eventRow(leaf)
	s.settled()
	return leaf
}

// otherwise is a revocation whose row was changed afterwards.
func otherwise(change func(r *Row)) func(s *story) {
	return func(s *story) { s.revoke(s.issue()); change(&s.steps[0]) }
}

// What a crash leaves of a revocation is no fault (docs/recovery.md, L06 and L07).
func TestAU06_WhatACrashLeavesOfARevocationIsNoFault(t *testing.T) {
	abandoned := func(s *story) int64 {
		leaf := s.revoked(s.issue(), 1, ca.Superseded)
		s.leaf(Leaf{Kind: Abandoned, Cites: leaf}, "{}")
		return leaf
	}
	for name, c := range map[string]told{
		"a revocation": {tell: func(s *story) { s.revoke(s.issue()) }},
		"its reason raised": {tell: func(s *story) {
			i := s.issue()
			s.revoke(i)
			leaf := s.revoked(i, 2, ca.KeyCompromise)
			s.stepRow(leaf, i, 2, ca.KeyCompromise)
			s.eventRow(leaf)
			s.settled()
		}},
		"a leaf whose row did not come":            {tell: func(s *story) { s.revoked(s.issue(), 1, ca.Superseded) }, unsettled: 1},
		"the same, found by a session":             {tell: func(s *story) { s.revoked(s.issue(), 1, ca.Superseded); s.session() }, unsettled: 1},
		"the same, settled":                        {tell: func(s *story) { i := s.issue(); s.session(); s.revoke(i); s.session(); s.issue() }},
		"the event's page was read later":          {tell: func(s *story) { s.eventRow(s.revoked(s.issue(), 1, ca.Superseded)) }, unsettled: 1},
		"abandoned":                                {tell: func(s *story) { abandoned(s) }},
		"abandoned, settled":                       {tell: func(s *story) { abandoned(s); s.settled(); s.session(); s.issue() }},
		"to be abandoned: its place is another's":  {tell: func(s *story) { s.revoked(s.issue(), 1, ca.Superseded); s.leaf(Leaf{Kind: Revoked}, "{}") }, unsettled: 2},
		"a revocation whose body retention erased": {tell: func(s *story) { leaf := s.revoke(s.issue()); s.frames[leaf].Body = nil }},
	} {
		t.Run(name, c.check)
	}
}

// Whatever is done to a row of revocation is found.
func TestAU06_ARevocationThatIsNotTheLogsIsFound(t *testing.T) {
	for name, c := range map[string]told{
		"its row taken away": {tell: func(s *story) { s.revoke(s.issue()); s.steps = nil }, says: []string{"this revoked needs a row of revocation"}},
		"all taken away":     {tell: func(s *story) { i := s.revoke(s.issue()); s.steps = nil; s.without(i) }, says: []string{"this revoked needs a row of revocation"}},
		"its event taken away": {tell: func(s *story) {
			i := s.revoke(s.issue())
			s.events = slices.DeleteFunc(s.events, func(r Row) bool { return r.ID.Index() == i })
		}, says: []string{"this revoked needs a row of event"}},
		"all taken away, and the mark set back": {tell: func(s *story) {
			i := s.revoke(s.issue())
			s.session()
			s.issue()
			s.steps, s.book.Mark = nil, i
			s.without(i)
		}, says: []string{"a session found it at", "the row was taken away"}},
		"another reason":      {tell: otherwise(func(r *Row) { r.Step.Reason = ca.KeyCompromise }), says: []string{"the reason is keyCompromise in the row, and superseded"}},
		"another date":        {tell: otherwise(func(r *Row) { r.Step.At += 3600_000 }), says: []string{"the date of the revocation"}},
		"another step":        {tell: otherwise(func(r *Row) { r.Step.Number = 2 }), says: []string{"step 2 of its certificate, and the leaf step 1"}},
		"another certificate": {tell: otherwise(func(r *Row) { r.Step.Certificate++ }), says: []string{"names the certificate of row"}},
		"another serial":      {tell: otherwise(func(r *Row) { r.Serial = intentSerial(77) }), says: []string{"revokes another certificate than its leaf"}},
		"another issuer":      {tell: otherwise(func(r *Row) { r.Issuer = digestOf(9) }), says: []string{"revokes another certificate than its leaf"}},
		"somebody else's":     {tell: otherwise(func(r *Row) { r.Step.By = "uid:2" }), says: []string{`that "uid:2" revoked it, and its leaf that "uid:1" did`}},
		"two rows swapped": {tell: func(s *story) {
			s.revoke(s.issue())
			s.revoke(s.issue())
			a, b := &s.steps[0], &s.steps[1]
			a.ID, b.ID = b.ID, a.ID
		}, says: []string{"revokes another certificate", "revokes another certificate"}},
		"a row at another leaf": {tell: func(s *story) { i := s.issue(); s.stepRow(i, i, 1, ca.Superseded) }, says: []string{"the book has a revocation here, the log a leaf of intent"}},
		"a row behind the log's end": {tell: func(s *story) { i := s.issue(); s.stepRow(i+50, i, 1, ca.Superseded) }, says: []string{
			"a row of revocation, and the log ends before its leaf (S02)",
		}},
		"a row of what was abandoned": {tell: func(s *story) {
			s.leaf(Leaf{Kind: Abandoned, Cites: s.revoke(s.issue())}, "{}")
			s.settled()
		}, says: []string{"abandons it, and the book has a row"}},
		"an event of what was abandoned": {tell: func(s *story) {
			leaf := s.revoked(s.issue(), 1, ca.Superseded)
			s.eventRow(leaf)
			s.leaf(Leaf{Kind: Abandoned, Cites: leaf}, "{}")
			s.settled()
		}, says: []string{"abandons it, and the book has a row"}},
		"a leaf that does not say what was revoked": {tell: func(s *story) {
			leaf := s.leaf(Leaf{Kind: Revoked, Issuer: digestOf(1), Serial: intentSerial(5), Step: 1}, "[]")
			s.stepRow(leaf, 5, 1, ca.Superseded)
			s.eventRow(leaf)
			s.settled()
		}, says: []string{"does not say what was revoked"}},
	} {
		t.Run(name, c.check)
	}
}
