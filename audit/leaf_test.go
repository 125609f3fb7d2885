// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"chancery/ca"
)

func digestOf(b byte) ca.Digest { return BodyDigest([]byte{b}, nil) }

// fullLeaf has every field set.
func fullLeaf() Leaf {
	return Leaf{
		Body: digestOf(1), Cites: 7, Digest: digestOf(2), Index: 9, Issuer: digestOf(3), Kind: Final,
		Log: LogID{0: 0xab, 15: 1}, Serial: "7f00ff", Step: 2, Time: 1_790_000_000_123,
	}
}

func mustMarshal(t testing.TB, l Leaf) []byte {
	t.Helper()
	b, err := l.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAU01_ALeafMarshalsToSortedJSONAndParsesBack(t *testing.T) {
	full := fullLeaf()
	want := `{"body":"` + full.Body.String() + `","cites":7,"digest":"` + full.Digest.String() + `","index":9,"issuer":"` +
		full.Issuer.String() + `","kind":3,"log":"ab000000000000000000000000000001","serial":"7f00ff","step":2,"time":1790000000123,"v":1}`
	if got := string(mustMarshal(t, full)); got != want {
		t.Fatalf("leaf\n%s\nwant\n%s", got, want)
	}
	edges := []Leaf{
		full,
		{Kind: Genesis},
		{Kind: 255, Index: maxInteger, Time: maxInteger, Cites: maxInteger, Step: maxInteger},
		{Kind: Intent, Serial: ca.Serial(strings.Repeat("ff", 20))},
		{Kind: Intent, Serial: "01"},
	}
	for _, l := range edges {
		b := mustMarshal(t, l)
		got, err := ParseLeaf(b)
		if err != nil || got != l {
			t.Errorf("%s parses to %+v, %v", b, got, err)
		}
		// A second opinion: encoding/json sorts the keys of a map, and writes no spaces.
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%s is not JSON: %v", b, err)
		}
		if again, err := json.Marshal(m); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s is not sorted: %s", b, again)
		}
		if len(b) > 600 {
			t.Errorf("a leaf of %d octets", len(b))
		}
	}
}

func TestAU01_ALeafWithoutCanonicalFormIsNotWritten(t *testing.T) {
	for name, l := range map[string]Leaf{
		"no kind":             {},
		"negative index":      {Kind: Void, Index: -1},
		"index above 2^53":    {Kind: Void, Index: maxInteger + 1},
		"negative time":       {Kind: Void, Time: -1},
		"negative cites":      {Kind: Void, Cites: -1},
		"step above 2^53":     {Kind: Void, Step: maxInteger + 1},
		"serial of zero":      {Kind: Void, Serial: "00"},
		"serial with zeros":   {Kind: Void, Serial: "0001"},
		"odd serial":          {Kind: Void, Serial: "123"},
		"upper-case serial":   {Kind: Void, Serial: "AB"},
		"serial with quote":   {Kind: Void, Serial: `1"`},
		"serial of 21 octets": {Kind: Void, Serial: ca.Serial(strings.Repeat("11", 21))},
	} {
		prefix := []byte("kept")
		if b, err := l.Append(prefix); err == nil || string(b) != "kept" {
			t.Errorf("%s: wrote %q, %v", name, b, err)
		}
	}
}

func TestAU01_ASecondSpellingOfALeafIsRefused(t *testing.T) {
	whole := string(mustMarshal(t, fullLeaf()))
	zero := strings.Repeat("0", 64)
	swap := func(from, to string) string {
		if !strings.Contains(whole, from) {
			t.Fatalf("nothing to replace: %s", from)
		}
		return strings.Replace(whole, from, to, 1)
	}
	for name, s := range map[string]string{
		"empty":             "",
		"space":             swap(`,"cites"`, `, "cites"`),
		"newline behind":    whole + "\n",
		"twice":             whole + whole,
		"upper-case digest": swap(digestOf(2).String(), strings.ToUpper(digestOf(2).String())),
		"upper-case serial": swap("7f00ff", "7F00ff"),
		"escaped":           swap("7f00ff", `\u0037f00ff`),
		"empty serial":      swap("7f00ff", ""),
		"serial, zero":      swap("7f00ff", "007f00ff"),
		"leading zero":      swap(`"index":9`, `"index":09`),
		"plus":              swap(`"index":9`, `"index":+9`),
		"minus":             swap(`"index":9`, `"index":-9`),
		"fraction":          swap(`"index":9`, `"index":9.0`),
		"exponent":          swap(`"index":9`, `"index":9e0`),
		"2^53":              swap(`"index":9`, `"index":9007199254740992`),
		"17 digits":         swap(`"index":9`, `"index":10000000000000000`),
		"cites none":        swap(`"cites":7`, `"cites":0`),
		"step none":         swap(`"step":2`, `"step":0`),
		"digest none":       swap(digestOf(2).String(), zero),
		"issuer none":       swap(digestOf(3).String(), zero),
		"kind none":         swap(`"kind":3`, `"kind":0`),
		"kind 256":          swap(`"kind":3`, `"kind":256`),
		"unsorted":          swap(`,"step":2,"time":1790000000123`, `,"time":1790000000123,"step":2`),
		"unknown key":       swap(`,"v":1`, `,"u":1,"v":1`),
		"double key":        swap(`"step":2`, `"step":2,"step":2`),
		"version 2":         swap(`"v":1`, `"v":2`),
		"no time":           swap(`,"time":1790000000123`, ``),
		"too long":          whole + strings.Repeat(" ", MaxLeaf),
	} {
		if l, err := ParseLeaf([]byte(s)); err == nil {
			t.Errorf("%s: read as %+v", name, l)
		}
	}
	for n := range whole {
		if _, err := ParseLeaf([]byte(whole[:n])); err == nil {
			t.Errorf("read when cut after %d octets", n)
		}
	}
}

func TestALogIDHasOneSpelling(t *testing.T) {
	id := LogID{1, 2, 0xfe}
	if got, err := ParseLogID(id.String()); err != nil || got != id {
		t.Errorf("%s parses to %v, %v", id, got, err)
	}
	for _, s := range []string{"", id.String()[:31], id.String() + "0", strings.ToUpper(id.String()), strings.Repeat("g", 32)} {
		if _, err := ParseLogID(s); err == nil {
			t.Errorf("%q is taken for a log id", s)
		}
	}
}

func TestKindsHaveNamesAndSayWhetherTheyNeedARow(t *testing.T) {
	if Genesis.String() != "genesis" || Feed.String() != "feed" || Kind(20).String() != "kind 20" {
		t.Error("a kind has a wrong name")
	}
	if Kind(0).Known() || Kind(20).Known() || !Genesis.Known() || !Feed.Known() {
		t.Error("the known kinds are 1 to 19")
	}
	for k := range Kind(20) {
		if want := strings.Contains(" intent revoked front-event authority ", " "+k.String()+" "); k.needsRow() != want {
			t.Errorf("%v needs a row: %t", k, k.needsRow())
		}
	}
}

func TestARecordIsRefusedWhenFrameAndLeafDisagree(t *testing.T) {
	leaf := mustMarshal(t, fullLeaf())
	body := bytes.Repeat([]byte{5}, SaltSize+3)
	rec, err := ReadRecord(Frame{Kind: Final, Leaf: leaf, Body: body})
	if err != nil || rec.Erased || len(rec.Salt) != SaltSize || string(rec.Body) != "\x05\x05\x05" || rec.Leaf != fullLeaf() {
		t.Errorf("record %+v, %v", rec, err)
	}
	if rec, err := ReadRecord(Frame{Kind: Final, Leaf: leaf}); err != nil || !rec.Erased {
		t.Errorf("an erased body: %+v, %v", rec, err)
	}
	if _, err := ReadRecord(Frame{Kind: Void, Leaf: leaf, Body: body}); err == nil {
		t.Error("a frame of another kind than its leaf is read")
	}
	if _, err := ReadRecord(Frame{Kind: Final, Leaf: leaf[1:], Body: body}); err == nil {
		t.Error("a frame without a leaf is read")
	}
}

// Law: what parses marshals to the same octets, so a leaf has one spelling.
func FuzzLeaf(f *testing.F) {
	f.Add(mustMarshal(f, fullLeaf()))
	f.Add(mustMarshal(f, Leaf{Kind: Genesis}))
	f.Add(mustMarshal(f, Leaf{Kind: 200, Index: maxInteger, Serial: "01"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLeaf(b)
		if err != nil {
			return
		}
		again, err := l.Marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q was read, and is written as %q, %v", b, again, err)
		}
	})
}
