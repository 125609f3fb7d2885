// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
)

// examined is what doctor says of an installation, and its exit code.
func (h hand) examined(args ...string) ([]finding, int) {
	h.t.Helper()
	s := h.types(append([]string{"doctor", "--json"}, args...)...)
	var found []finding
	if err := json.Unmarshal([]byte(s.out), &found); err != nil {
		h.t.Fatalf("%v\n%s%s", err, s.out, s.err)
	}
	return found, s.code
}

// says demands a finding of a check, at a level, with a word in it and a hint.
func says(t *testing.T, found []finding, id string, l level, word string) {
	t.Helper()
	for _, f := range found {
		if f.ID == id && f.Level == l && strings.Contains(f.Message+f.Hint, word) {
			if l == failed && f.Hint == "" {
				t.Errorf("%q has no hint", f.Message)
			}
			return
		}
	}
	t.Errorf("%s does not say %q at level %s: %+v", id, word, l, found)
}

func TestDoctorFindsNothingWrongAndNamesWhatIsWeak(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for _, service := range []bool{false, true} {
		if service {
			h.serve()
			h.done("sign", h.request("nas.lab.example"))
		}
		found, code := h.examined()
		if code != 0 || count(found, failed) > 0 {
			t.Errorf("service %v: exit %d, %+v", service, code, found)
		}
		for _, c := range checks {
			if !strings.Contains(strings.Join(idsOf(found), " "), c.id) {
				t.Errorf("%s says nothing", c.id)
			}
		}
		// KY-07: what opens by itself is named as what it is.
		says(t, found, "unlock", warned, "auto.key can sign")
		says(t, found, "separation", warned, "unseparated")
		says(t, found, "recovery-words", warned, h.file("words"))
		says(t, found, "service", map[bool]level{false: warned, true: fine}[service], "service")
	}
	if err := os.Remove(h.file("words")); err != nil {
		t.Fatal(err)
	}
	found, _ := h.examined("--only", "recovery-words")
	says(t, found, "recovery-words", fine, "no longer")
	h.done("ca", "create", "cold-g1", "--root", "--own-recovery-file", h.file("words2"), "--yes")
	found, _ = h.examined("--only", "recovery-words")
	says(t, found, "recovery-words", warned, h.file("words2"))
}

func idsOf(found []finding) []string {
	var ids []string
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	return ids
}

// R31, KY-04: each loose mode is named; --fix repairs it with a warning, and the
// next command works.
func TestKY04_DoctorNamesAndRepairsLooseModes(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	in := func(parts ...string) string { return filepath.Join(append([]string{h.dir}, parts...)...) }
	loose := map[string]os.FileMode{
		in():                                 0o777,
		in("signer"):                         0o755,
		in("signer", "keys"):                 0o750,
		in("signer", "keys", "root-g1.key"):  0o644,
		in("signer", "keys", "auto.key"):     0o600,
		in("signer", "state", "checkpoint"):  0o666,
		in("front"):                          0o777,
		in("front", "db", "book.sqlite"):     0o644,
		in("chancery.toml"):                  0o644,
		in("signer", "journal"):              0o500,
		in("signer", "keys", "init.key.old"): 0o644,
	}
	if err := os.WriteFile(in("signer", "keys", "init.key.old"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, mode := range loose {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if s := h.types("list"); s.code != exitRefused || !strings.Contains(s.err, "E1404") {
		t.Errorf("a command on loose modes: exit %d\n%s", s.code, s.err)
	}
	found, code := h.examined()
	if code != exitFaults || count(found, failed) != len(loose) {
		t.Errorf("exit %d, %d faults named, want %d", code, count(found, failed), len(loose))
	}
	for path := range loose {
		says(t, found, "modes", failed, "chmod")
		says(t, found, "modes", failed, path+" has mode")
	}
	repaired, code := h.examined("--fix")
	if code != 0 {
		t.Errorf("--fix: exit %d, %+v", code, repaired)
	}
	for path := range loose {
		says(t, repaired, "modes", warned, path+" had mode")
	}
	h.done("list")
	if found, _ := h.examined("--only", "modes"); count(found, fine) != 1 || len(found) != 1 {
		t.Errorf("after the repair: %+v", found)
	}
}

// What a link leads to is another's, or nobody's: it is named and left alone.
func TestDoctorRepairsNothingThroughALink(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	target := h.write("elsewhere", "")
	if err := os.Chmod(target, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(h.dir, "signer", "keys", "extra.key")); err != nil {
		t.Fatal(err)
	}
	found, code := h.examined("--fix")
	if code != exitFaults {
		t.Errorf("exit %d", code)
	}
	says(t, found, "modes", failed, "extra.key is")
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the link's target has mode %v, %v", info.Mode(), err)
	}
}

// A directory above that others may write is not ours to repair, and while it is
// so nothing below can be repaired safely.
func TestDoctorRepairsNothingBelowAnOpenDirectory(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	above, key := filepath.Dir(h.dir), filepath.Join(h.dir, "signer", "keys", "log.key")
	for path, mode := range map[string]os.FileMode{above: 0o777, key: 0o444} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	found, code := h.examined("--fix")
	if code != exitFaults {
		t.Errorf("exit %d", code)
	}
	says(t, found, "modes", failed, "chmod go-w "+above)
	says(t, found, "modes", failed, key+" has mode 0444")
}

func TestDoctorNamesWhatIsBrokenAndWhatToDo(t *testing.T) {
	t.Parallel()
	sound := newHand(t)
	in := func(h hand, parts ...string) string {
		return filepath.Join(append([]string{h.dir}, parts...)...)
	}
	for _, tt := range []struct {
		name, id, word string
		breaks         func(t *testing.T, h hand)
	}{
		{"the front's word for the log is lost", "log-id", "doctor --fix", func(t *testing.T, h hand) { remove(t, in(h, "front", "log_id")) }},
		{"the front's word is another log's", "log-id", "names log", func(t *testing.T, h hand) {
			overwrite(t, in(h, "front", "log_id"), []byte(strings.Repeat("ab", 16)+"\n"))
		}},
		{"the last segment is damaged", "log", "audit verify", func(t *testing.T, h hand) {
			path := in(h, "signer", "journal", "0000000000000000.seg")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[3000] ^= 1
			overwrite(t, path, b)
		}},
		{"the checkpoint is gone", "log", "checkpoint", func(t *testing.T, h hand) { remove(t, in(h, "signer", "state", "checkpoint")) }},
		{"the database is another installation's", "database", "another installation", func(t *testing.T, h hand) {
			other := newHand(t)
			b, err := os.ReadFile(in(other, "front", "db", "book.sqlite"))
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, in(h, "front", "db", "book.sqlite"), b)
		}},
		{"the database is no database", "database", "not a book", func(t *testing.T, h hand) {
			overwrite(t, in(h, "front", "db", "book.sqlite"), []byte(strings.Repeat("x", 8192)))
		}},
		{"the database is missing", "database", "missing", func(t *testing.T, h hand) { remove(t, in(h, "front", "db", "book.sqlite")) }},
		{"a directory is missing", "modes", "is not there", func(t *testing.T, h hand) { remove(t, in(h, "front", "tls")) }},
		{"others can read the recovery words", "recovery-words", "others can read", func(t *testing.T, h hand) {
			if err := os.Chmod(sound.file("words"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{"a setting is wrong", "settings", "pki_url", func(t *testing.T, h hand) { overwrite(t, in(h, "chancery.toml"), []byte("pki_url = \"lab\"\n")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := sound.again(t)
			tt.breaks(t, h)
			found, code := h.examined()
			if code != exitFaults {
				t.Errorf("exit %d, %+v", code, found)
			}
			says(t, found, tt.id, failed, tt.word)
			if tt.id != "log-id" || tt.word != "doctor --fix" {
				return
			}
			if s := h.types("list"); s.code == 0 || !strings.Contains(s.err, "doctor --fix") {
				t.Errorf("list does not lead to the doctor: %s", s.err)
			}
			repaired, code := h.examined("--fix")
			if code != 0 {
				t.Errorf("--fix: exit %d, %+v", code, repaired)
			}
			h.done("list")
		})
	}
}

// again is the installation once more in another directory: founding anew takes
// a second of stretching words.
func (h hand) again(t *testing.T) hand {
	t.Helper()
	to := hand{t, filepath.Join(t.TempDir(), "data")}
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", h.dir, to.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return to
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheDoctorsSignsFollowTheLocale(t *testing.T) {
	h := newHand(t)
	for locale, sign := range map[string]string{"C": "ok   ", "C.UTF-8": "✓ "} {
		t.Setenv("LC_ALL", locale)
		if s := h.done("doctor", "--only", "disk"); !strings.HasPrefix(s.out, sign) {
			t.Errorf("%s: %q", locale, s.out)
		}
	}
	if s := h.types("doctor", "--skip", "everything"); s.code != exitUsage {
		t.Errorf("an unknown check: exit %d", s.code)
	}
}

func TestWhatEndsSoonIsWarnedOfAndWhatEndedFails(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		end  time.Time
		want level
	}{
		{"a year is fine", now.AddDate(1, 0, 0), fine},
		{"ninety days are fine", now.Add(endsSoon), fine},
		{"less is a warning", now.Add(endsSoon - time.Second), warned},
		{"the last second is a warning", now.Add(time.Second), warned},
		{"the end fails", now, failed},
	} {
		if f := lasting("it", tt.end, now, "renew it"); f.Level != tt.want || (f.Hint == "") != (tt.want == fine) {
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}

func TestDoctorJudgesClockAndPolicyByTheLog(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	document := []byte("no bundle")
	p := func(c chronicle) *patient {
		c.read = true
		return &patient{now: time.Now(), record: c}
	}
	signed := ca.BundleBody{Document: document, Signature: ed25519.Sign(private, policy.BundleMessage(document, audit.LogID{}.String()))}
	for _, tt := range []struct {
		name string
		look func(context.Context, *patient) []finding
		p    *patient
		want level
		word string
	}{
		{"a clock behind the log", lookAtClock, p(chronicle{report: audit.Report{Last: time.Now().Add(time.Hour).UnixMilli()}}), failed, "timedatectl"},
		{"a clock after the log", lookAtClock, p(chronicle{report: audit.Report{Last: time.Now().UnixMilli()}}), fine, "clock"},
		{"a bundle that nobody signed", lookAtPolicy, p(chronicle{initKey: public, bundle: ca.BundleBody{Document: document}}), failed, "not signed"},
		{"a log without an init key", lookAtPolicy, p(chronicle{bundle: signed}), failed, "not signed"},
		{"a bundle that is signed and is none", lookAtPolicy, p(chronicle{initKey: public, bundle: signed}), failed, "refused"},
		{"a log that cannot be read", lookAtPolicy, p(chronicle{err: errors.New("damaged")}), warned, "mend the log first"},
		{"a log without authorities", lookAtAuthorities, p(chronicle{}), failed, "no authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := tt.look(t.Context(), tt.p)
			for i := range found {
				found[i].ID = "x"
			}
			says(t, found, "x", tt.want, tt.word)
		})
	}
}

// What a running service is about to mend is looked at again before it is called a fault, a few
// times; what stays is one.
func TestDoctorLooksAgainAtWhatTheServiceIsAboutToMend(t *testing.T) {
	t.Parallel()
	late := failure("chancery serve", "a copy is older")
	late.soon = true
	later := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name          string
		first         finding
		mendedAt      int // by which look, 0 for never
		serves        bool
		looks, faults int
	}{
		{"mended by the third look", late, 3, true, 3, 0},
		{"never mended", late, 0, true, 1 + lookAgain, 1},
		{"without a service", late, 2, false, 1, 1},
		{"a fault that no time mends", failure("mend it", "broken"), 2, true, 1, 1},
		{"nothing wrong", ok("well"), 0, true, 1, 0},
	} {
		looks := 0
		p := &patient{again: func(context.Context) (time.Time, bool) { return later, tt.serves }}
		found := examine(t.Context(), p, []check{{id: "publication", look: func(_ context.Context, p *patient) []finding {
			if looks++; looks > 1 && !p.now.Equal(later) {
				t.Errorf("%s: judged by the time of the first look", tt.name)
			}
			if looks == tt.mendedAt {
				return []finding{ok("well")}
			}
			return []finding{tt.first}
		}}})
		if looks != tt.looks || count(found, failed) != tt.faults {
			t.Errorf("%s: %d looks, found %+v", tt.name, looks, found)
		}
	}
}
