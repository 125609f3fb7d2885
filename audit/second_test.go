// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Two verifiers, one written from docs/journal.md alone and in another
// language, must give the same verdict on every log.
func TestAU08_TheSecondVerifierAgreesOnEveryLog(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("no python3 on this machine: make test installs it")
	}
	names, logs := logsForTwo(t)
	var in bytes.Buffer
	for _, m := range logs {
		// A dash keeps an empty field a field.
		fmt.Fprintf(&in, "%d %x %x-", testSegmentLeaves, publicOf(logKey(1)), m.newest)
		for _, b := range m.segments {
			in.WriteString(" " + hex.EncodeToString(b) + "-")
		}
		in.WriteByte('\n')
	}
	command := exec.CommandContext(t.Context(), python, "testdata/verify.py")
	command.Stdin = &in
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("the second verifier: %v\n%s", err, stderr.String())
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(answers) != len(logs) {
		t.Fatalf("%d answers to %d logs", len(answers), len(logs))
	}
	held := 0
	for i, m := range logs {
		rep, err := Verify(m.verification())
		want := fmt.Sprintf("ok %d", rep.Leaves)
		if err == nil {
			held++
		}
		if err == nil && answers[i] != want || err != nil && !strings.HasPrefix(answers[i], "bad: ") {
			t.Errorf("%s: ours says %v (%s), the second %s", names[i], err, want, answers[i])
		}
	}
	if held < 10 || held > len(logs)/2 {
		t.Errorf("%d of %d logs hold: the comparison is lopsided", held, len(logs))
	}
}

// logsForTwo are honest logs, torn ones, and logs with every kind of damage.
func logsForTwo(t *testing.T) (names []string, logs []memoryLog) {
	add := func(name string, m memoryLog) { names, logs = append(names, name), append(logs, m) }
	for name, c := range ruleCases() {
		add(name, logOf(t, c.leaves...))
	}
	m := sampleLog(t)
	n, last := len(m.frames), len(m.segments)-1
	add("honest", m)
	m.newest = checkpointOf(t, m.frames, 70)
	add("grown", m)
	whole := m.segments[last]
	for i := range 12 { // what no promise covers may be torn, unless something behind says it was durable
		at := len(whole) * (i + 1) / 13
		add(fmt.Sprintf("cut after octet %d of the open segment", at), m.replaced(last, whole[:at]))
		b := bytes.Clone(whole)
		b[at] ^= 1
		add(fmt.Sprintf("octet %d of the open segment flipped", at), m.replaced(last, b))
	}
	m.newest = checkpointOf(t, m.frames, n)
	for i := range 40 {
		s := i % len(m.segments)
		b := bytes.Clone(m.segments[s])
		b[(i*i*37+i)%len(b)] ^= 1 << (i % 8)
		add(fmt.Sprintf("flip %d", i), m.replaced(s, b))
		frames := slices.Clone(m.frames)
		k := (i*29 + 3) % n
		switch i % 4 {
		case 0:
			frames = slices.Delete(frames, k, k+1)
		case 1:
			frames = slices.Insert(frames, k, frames[k])
		case 2:
			frames[k], frames[(k+5)%n] = frames[(k+5)%n], frames[k]
		case 3:
			frames[k].Leaf = bytes.Clone(frames[k].Leaf)
			frames[k].Leaf[len(frames[k].Leaf)-9] ^= 1
		}
		add(fmt.Sprintf("forgery %d at frame %d", i, k), m.relaid(t, frames))
	}
	frames := slices.Clone(m.frames)
	frames[9].Body = nil
	add("erased", m.relaid(t, frames))
	for name, signed := range map[string][]byte{
		"no checkpoint": nil,
		"another key":   mustSign(t, Checkpoint{Log: testLog, Root: naiveRoot(nil)}, logKey(2)),
		"wrong root":    mustSign(t, Checkpoint{Log: testLog}, logKey(1)),
		"unseparated":   mustSign(t, Checkpoint{Log: testLog, Root: naiveRoot(nil), Unseparated: true}, logKey(1)),
	} {
		m.newest = signed
		add(name, m)
	}
	return names, logs
}
