// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"testing"

	"chancery/ca"
)

// intentLeaf is an intent; its place, log and time are set when it is laid.
func intentLeaf(serial ca.Serial) Leaf {
	return Leaf{Kind: Intent, Issuer: digestOf(1), Digest: digestOf(2), Serial: serial}
}

func closing(k Kind, cites int64) Leaf { return Leaf{Kind: k, Cites: cites, Digest: digestOf(3)} }

// logOf lays leaves behind a genesis, honestly signed.
func logOf(t testing.TB, leaves ...Leaf) memoryLog {
	t.Helper()
	var frames []Frame
	for i, l := range append([]Leaf{{Kind: Genesis}}, leaves...) {
		l.Index, l.Log, l.Time = int64(i), testLog, int64(1000+i)
		frames = append(frames, frameOf(t, l, "{}"))
	}
	m := lay(t, frames)
	m.newest = checkpointOf(t, frames, len(frames))
	return m
}

// A ruleCase is a log whose last leaf breaks a rule, or none does.
type ruleCase struct {
	leaves []Leaf
	what   string // is said of the last leaf; empty if the log holds
}

func ruleCases() map[string]ruleCase {
	return map[string]ruleCase{
		"final":                    {[]Leaf{intentLeaf("01"), closing(Final, 1)}, ""},
		"void":                     {[]Leaf{intentLeaf("01"), closing(Void, 1)}, ""},
		"adopted intent":           {[]Leaf{intentLeaf("01"), closing(Adopted, 1)}, ""},
		"adopted without intent":   {[]Leaf{{Kind: Adopted, Issuer: digestOf(1), Serial: "01", Digest: digestOf(3)}}, ""},
		"authority":                {[]Leaf{intentLeaf("01"), closing(Final, 1), closing(Authority, 1)}, ""},
		"abandoned revocation":     {[]Leaf{{Kind: Revoked}, closing(Abandoned, 1)}, ""},
		"abandoned event":          {[]Leaf{{Kind: FrontEvent}, closing(Abandoned, 1)}, ""},
		"session at its own mark":  {[]Leaf{{Kind: Session, Cites: 1}}, ""},
		"one serial, two issuers":  {[]Leaf{intentLeaf("01"), {Kind: Intent, Issuer: digestOf(9), Digest: digestOf(2), Serial: "01"}}, ""},
		"two finals":               {[]Leaf{intentLeaf("01"), closing(Final, 1), closing(Final, 1)}, "closed before"},
		"final and void":           {[]Leaf{intentLeaf("01"), closing(Final, 1), closing(Void, 1)}, "closed before"},
		"void and final":           {[]Leaf{intentLeaf("01"), closing(Void, 1), closing(Final, 1)}, "closed before"},
		"void and adopted":         {[]Leaf{intentLeaf("01"), closing(Void, 1), closing(Adopted, 1)}, "closed before"},
		"final of the genesis":     {[]Leaf{closing(Final, 0)}, "not an intent"},
		"final of a final":         {[]Leaf{intentLeaf("01"), closing(Final, 1), closing(Final, 2)}, "not an intent"},
		"void of a revocation":     {[]Leaf{{Kind: Revoked}, closing(Void, 1)}, "not an intent"},
		"final of itself":          {[]Leaf{closing(Final, 1)}, "does not come before"},
		"final of what comes":      {[]Leaf{closing(Final, 2)}, "does not come before"},
		"session of what comes":    {[]Leaf{{Kind: Session, Cites: 2}}, "does not come before"},
		"far ahead":                {[]Leaf{closing(Final, maxInteger)}, "does not come before"},
		"abandoned twice":          {[]Leaf{{Kind: Revoked}, closing(Abandoned, 1), closing(Abandoned, 1)}, "abandons leaf 1"},
		"abandoned intent":         {[]Leaf{intentLeaf("01"), closing(Abandoned, 1)}, "abandons leaf 1"},
		"serial used twice":        {[]Leaf{intentLeaf("01"), intentLeaf("01")}, "serial 01 was used before"},
		"adopted serial used":      {[]Leaf{{Kind: Adopted, Issuer: digestOf(1), Serial: "01", Digest: digestOf(3)}, intentLeaf("01")}, "was used before"},
		"intent without serial":    {[]Leaf{intentLeaf("")}, "without issuer or serial"},
		"intent without issuer":    {[]Leaf{{Kind: Intent, Digest: digestOf(2), Serial: "01"}}, "without issuer or serial"},
		"intent without digest":    {[]Leaf{{Kind: Intent, Issuer: digestOf(2), Serial: "01"}}, "without a digest"},
		"final without digest":     {[]Leaf{intentLeaf("01"), {Kind: Final, Cites: 1}}, "without a digest"},
		"a second genesis":         {[]Leaf{{Kind: Genesis}}, "the genesis is leaf 0"},
		"a kind from the future":   {[]Leaf{{Kind: 20}}, "kind 20"},
		"adopted names no serial":  {[]Leaf{closing(Adopted, 0)}, "without issuer or serial"},
		"citing is not obligatory": {[]Leaf{{Kind: CRL}, {Kind: Refusal}, {Kind: Bundle}, {Kind: Key}, {Kind: Time}, {Kind: Reconciled}, {Kind: Earlier}, {Kind: Responder}, {Kind: Feed}}, ""},
	}
}

func TestAU06_LeavesThatContradictEachOtherAreFoundThoughSigned(t *testing.T) {
	for name, c := range ruleCases() {
		m := logOf(t, c.leaves...)
		if c.what == "" {
			mustHold(t, m)
			continue
		}
		if fault := mustFault(t, m, name); !strings.Contains(fault.What, c.what) || fault.Index != int64(len(c.leaves)) {
			t.Errorf("%s: %v", name, fault)
		}
	}
}

func TestALogThatDoesNotBeginWithItsGenesisIsRefused(t *testing.T) {
	for name, l := range map[string]Leaf{
		"no genesis":      {Kind: Session, Log: testLog},
		"another log":     {Kind: Genesis, Log: LogID{1}},
		"another place":   {Kind: Genesis, Log: testLog, Index: 1},
		"final at zero":   {Kind: Final, Log: testLog, Digest: digestOf(1)},
		"abandoned first": {Kind: Abandoned, Log: testLog},
	} {
		frames := []Frame{frameOf(t, l, "{}")}
		m := lay(t, frames)
		m.newest = checkpointOf(t, frames, 1)
		mustFault(t, m, name)
	}
}

func TestAU06_OpenIntentsAreCountedAndTheFirstAreListed(t *testing.T) {
	var leaves []Leaf
	for i := range int64(100) {
		leaves = append(leaves, intentLeaf(intentSerial(i)))
	}
	leaves = append(leaves, closing(Final, 2), closing(Void, 4))
	rep := mustHold(t, logOf(t, leaves...))
	if rep.Open != 98 || len(rep.OpenFirst) != maxOpenListed || rep.OpenFirst[0] != 1 || rep.OpenFirst[1] != 3 || rep.OpenFirst[2] != 5 {
		t.Errorf("%d open, %v", rep.Open, rep.OpenFirst)
	}
}

func TestCitationsReachOverPieces(t *testing.T) {
	var c citations
	const n = 3*4*citePiece + 5
	for i := range int64(n) {
		if what := c.add(Leaf{Kind: Intent, Index: i}); what != "" {
			t.Fatal(what)
		}
	}
	for _, i := range []int64{1, 4*citePiece - 1, 4 * citePiece, n - 1} {
		if what := c.add(closing(Final, i)); what != "" {
			t.Errorf("intent %d: %s", i, what)
		}
		if what := c.add(closing(Void, i)); what == "" {
			t.Errorf("intent %d is closed twice", i)
		}
	}
	if open, _ := c.open(1); open != n-4 {
		t.Errorf("%d open", open)
	}
}

func TestSerialsAreComparedWithinTheWindowThatTheReportNames(t *testing.T) {
	var s serials
	if !s.add(digestOf(1), "01") || s.window() != 0 {
		t.Error("the first serial is new, and all are compared")
	}
	for i := range int64(2 * serialGeneration) {
		if !s.add(digestOf(2), intentSerial(i)) {
			t.Fatalf("serial %d is taken for a second use", i)
		}
		if i == serialGeneration-2 && s.add(digestOf(1), "01") {
			t.Error("a second use at the window's edge is not found")
		}
	}
	if s.window() != serialGeneration {
		t.Errorf("the window is %d", s.window())
	}
}
