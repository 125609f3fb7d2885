// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// long are the verbs that can take longer than a second, however the machine is.
var long = []string{
	"audit verify", "ca import-cert", "crl publish", "doctor", "list", "policy plan", "profile set", "revoke", "sign", "trust install", "trust remove", "verify",
}

func TestWhatCanTakeLongSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	s, all := newSource(t), verbs(t)
	for _, name := range long {
		told := false
		for o := range s.reached(s.literals[all[name].Short]) {
			told = told || o.Name() == "progress" && s.decls[o] != nil
		}
		if !told {
			t.Errorf("%s says nothing while it works", name)
		}
	}
}

// What is counted has its rate, and the time that is left if anybody knows it.
func TestAProgressCountsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		what task
		done int64
		want string
	}{
		{task{what: "revoke", of: "certificates were revoked", total: 5000}, 240, "revoke: 240 of 5 000, 24/s, 3m18s left\n"},
		{task{what: "list", of: "rows were read"}, 12_000, "list: 12 000, 1 200/s\n"},
		{task{what: "hosts", of: "hosts were asked", total: 40}, 4, "hosts: 4 of 40, 0.4/s, 1m30s left\n"},
		{task{what: "hosts", of: "hosts were asked", total: 40}, 0, "hosts: 0 of 40\n"},
		{task{what: "policy plan"}, 0, "policy plan: 10s\n"},
		{task{what: "sign", of: "requests were answered", hidden: true}, 7, ""},
	} {
		at, said := time.Unix(1_800_000_000, 0), bytes.Buffer{}
		p := (&app{err: &said}).untold(tt.what, func() time.Time { return at })
		p.add(tt.done)
		p.tell() // too early
		at = at.Add(progressLine)
		p.tell()
		p.tell() // too soon again
		if said.String() != tt.want {
			t.Errorf("%+v: %q, want %q", tt.what, said.String(), tt.want)
		}
	}
}

// One call that lasts is told on a terminal by a clock of its own.
func TestACallThatLastsIsTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	err := (&app{err: d.far}).during(t.Context(), "policy plan", func() error {
		d.awaits("policy plan: 1s")
		return io.ErrUnexpectedEOF
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	d.awaits("\r" + strings.Repeat(" ", len("policy plan: 1s")) + "\r")
}

// What was begun when somebody stops it comes out; nothing is begun afterwards, and a source
// that stays silent is not waited for.
func TestWhatWasBegunComesOutWhenItIsStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	silent := make(chan struct{})
	defer close(silent)
	source := func(yield func(asking) bool) {
		for i := 0; ; i++ {
			if i == 3*groupOctets/(64<<10) {
				<-silent
				return
			}
			if !yield(asking{line: fmt.Sprint(i), der: make([]byte, 64<<10)}) {
				return
			}
		}
	}
	began := make(chan int, 100)
	goOn := make(chan struct{})
	groups := begun(ctx, source, func(all []asking) []outcome {
		began <- len(all)
		<-goOn
		return make([]outcome, len(all))
	})
	asked := <-began
	stop()
	close(goOn)
	got := 0
	for g := range groups {
		got += len(<-g.done)
	}
	close(began)
	for n := range began {
		asked += n
	}
	if got != asked || got == 0 {
		t.Errorf("%d were asked for, %d came out", asked, got)
	}
}

// batch is a file of requests under one key.
func (h hand) batch(n int) string {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	var all bytes.Buffer
	for i := range n {
		der, err := requestFor(key, fmt.Sprintf("n%d.lab.example", i), []string{fmt.Sprintf("n%d.lab.example", i)})
		if err != nil {
			h.t.Fatal(err)
		}
		_ = pem.Encode(&all, &pem.Block{Type: requestLabel, Bytes: der})
	}
	return h.write("all.pem", all.String())
}

// Ctrl-C stops a revocation of many cleanly: it says which were revoked, their list is
// published, and the others stand. Wherever it comes, the answer is true.
func TestARevocationOfManySaysWhatWasDoneWhenItIsStopped(t *testing.T) {
	t.Parallel()
	const many = 120
	h := newHand(t)
	h.serve()
	h.done("sign", "--batch", h.batch(many), "-o", "jsonl")
	c := h.command(t.Context(), "revoke", "--profile", "server", "--confirm", fmt.Sprint(many), "-o", "jsonl")
	var out bytes.Buffer
	c.Stdout = &out
	errs, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for b := make([]byte, 1); !bytes.Contains(said, []byte("more\n")); {
		if _, err := errs.Read(b); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		said = append(said, b...)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(errs)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var told []string
	for line := range strings.Lines(out.String()) {
		var o outcome
		if err := json.Unmarshal([]byte(line), &o); err != nil || !o.OK {
			t.Errorf("%s (%v)", line, err)
		}
		told = append(told, o.Certificate)
	}
	revoked := strings.Fields(h.done("list", "--status", "revoked", "--profile", "server", "--all", "-q").out)
	slices.Sort(told)
	slices.Sort(revoked)
	if !slices.Equal(told, revoked) {
		t.Errorf("it told of %d, and %d are revoked", len(told), len(revoked))
	}
	code := c.ProcessState.ExitCode()
	if stopped := len(told) < many; stopped && (code != exitInterrupted || !strings.Contains(string(rest), fmt.Sprintf("stopped: %d of %d certificates were revoked", len(told), many))) {
		t.Errorf("exit %d after %d\n%s", code, len(told), rest)
	}
	var lists []struct {
		Authority string
		Entries   int
	}
	if err := json.Unmarshal([]byte(h.done("crl", "show", "--ca", "issuing-g1", "--json").out), &lists); err != nil || len(lists) != 1 || lists[0].Entries != len(told) {
		t.Errorf("the list has %v, %d are revoked (%v)", lists, len(told), err)
	}
}
