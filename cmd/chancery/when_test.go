// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestATimeIsTypedInFourForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string][2]time.Time{
		"90d":                       {now.AddDate(0, 0, 90), now.AddDate(0, 0, -90)},
		"12h":                       {now.Add(12 * time.Hour), now.Add(-12 * time.Hour)},
		"1h30m":                     {now.Add(90 * time.Minute), now.Add(-90 * time.Minute)},
		"now":                       {now, now},
		"2027-06-30T12:00:00+02:00": {time.Date(2027, 6, 30, 10, 0, 0, 0, time.UTC), time.Date(2027, 6, 30, 10, 0, 0, 0, time.UTC)},
	} {
		var w when
		if err := w.Set(text); err != nil || !w.ahead(now).Equal(want[0]) || !w.ago(now).Equal(want[1]) || w.String() != text {
			t.Errorf("%s: %v %v %v %v", text, err, w.ahead(now), w.ago(now), w.String())
		}
	}
	var day, none when
	if err := day.Set("2027-06-30"); err != nil || day.ahead(now).Local().Format(time.DateTime) != "2027-06-30 00:00:00" {
		t.Errorf("a day begins at midnight here: %v %v", err, day.ahead(now))
	}
	if !none.ahead(now).IsZero() || !none.ago(now).IsZero() {
		t.Error("nothing was given, and is a time")
	}
	for _, text := range []string{"", "d", "-3d", "-5h", "40000d", "9999999999h", "3w", "30", "2027-13-01", "2027-06-31", "27-06-30", "2027-06-30 12:00", "tomorrow", "1e9d", "٣d", "NaNh"} {
		w := when{text: "before"}
		if err := w.Set(text); err == nil || w.text != "before" {
			t.Errorf("%q is a time: %+v", text, w)
		}
	}
}

func FuzzWhen(f *testing.F) {
	for _, text := range []string{"90d", "12h", "2027-06-30", "2027-06-30T12:00:00Z", "now", "0d", "-1d"} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		var w when
		if w.Set(text) != nil {
			return
		}
		var again when
		if err := again.Set(w.String()); err != nil || !again.ahead(now).Equal(w.ahead(now)) {
			t.Errorf("%q is read back as %v (%v)", text, again, err)
		}
		if w.at.IsZero() && (w.ahead(now).Before(now) || w.ago(now).After(now)) {
			t.Errorf("%q runs backwards", text)
		}
	})
}

// aTime are names of flags whose value is a time.
var aTime = regexp.MustCompile(`(^|-)(since|until|before|after|at|expiring|warn|when|from|revoke-old)(-|$)`)

// Every flag that takes a time is of one kind: it takes the same forms, and refuses what is
// none in the same words.
func TestEveryFlagThatTakesATimeTakesTheSameForms(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	found := 0
	for name, c := range verbs(t) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			kind := f.Value.Type()
			if kind == "duration" || kind != "time" && kind != "bool" && (aTime.MatchString(f.Name) || strings.Contains(f.Usage, "2027-")) {
				t.Errorf("%s --%s takes a time, and is of kind %s", name, f.Name, kind)
			}
			if kind != "time" {
				return
			}
			found++
			for _, text := range []string{"90d", "12h", "2027-06-30", "2027-06-30T12:00:00Z"} {
				if err := f.Value.Set(text); err != nil {
					t.Errorf("%s --%s %s: %v", name, f.Name, text, err)
				}
			}
			s := h.refused("E1101", append(strings.Fields(name), "--"+f.Name, "teatime")...)
			if want := "--" + f.Name + ` takes a time, and got "teatime"`; !strings.Contains(s.err, want) || !strings.Contains(s.err, timeForms) && !strings.Contains(s.err, pastForms) && f.Name != "revoke-old" {
				t.Errorf("%s --%s: %s", name, f.Name, s.err)
			}
		})
	}
	if found < 5 {
		t.Errorf("only %d flags take a time", found)
	}
}

// People read the time of where they are, with its zone, and programs UTC; what writes
// and reads times stands in one file.
func TestTimesAreWrittenInOnePlace(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || path == "when.go" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, used := range timeForm.FindAllString(string(text), -1) {
			t.Errorf("%s has a form of time of its own: %s", path, used)
		}
	}
}

var timeForm = regexp.MustCompile(`time\.(?:RFC3339|DateTime|DateOnly|Parse|ParseDuration|ParseInLocation)\b|"2006-[^"]*"`)

// A user in India reads the times of India, and JSON has those of Greenwich.
func TestTimesAreLocalOnScreenAndUTCInJSON(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example")
	here := []string{"TZ=Asia/Kolkata"}
	for line, zone := range map[string]string{"show nas.lab.example": " IST", "ca show root-g1": " IST", "crl show": " IST", "sign --dry-run " + h.request("web.lab.example"): " IST"} {
		args := strings.Fields(line)
		if s := h.within(nil, here, args...); s.code != 0 || !strings.Contains(s.out, zone) {
			t.Errorf("%s: exit %d\n%s%s", line, s.code, s.out, s.err)
		}
		s := h.within(nil, here, append(args, "--json")...)
		all := jsonTime.FindAllStringSubmatch(s.out, -1)
		if len(all) == 0 {
			t.Errorf("%s --json has no times:\n%s", line, s.out)
		}
		for _, m := range all {
			if m[1] != "Z" {
				t.Errorf("%s --json: %s", line, m[0])
			}
		}
	}
}

var jsonTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[\d:.]+([^"]*)"`)
