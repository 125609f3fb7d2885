// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/ca"
	"chancery/signer"
)

// A gate holds whoever is about to stretch recovery words, once it is shut.
type gate struct {
	mu      sync.Mutex
	shut    bool
	reached chan struct{}
	open    chan struct{}
}

// now is the signer's clock: the keyring reads it before it stretches.
func (g *gate) now() time.Time {
	var calls [32]uintptr
	frames := runtime.CallersFrames(calls[:runtime.Callers(2, calls[:])])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if strings.Contains(f.Function, "softkey.(*Keyring).try") {
			g.wait()
		}
	}
	return time.Now()
}

func (g *gate) wait() {
	g.mu.Lock()
	shut := g.shut
	g.shut = false
	g.mu.Unlock()
	if shut {
		close(g.reached)
		<-g.open
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.reached, g.open = true, make(chan struct{}), make(chan struct{})
}

// Stretching recovery words takes half a second and more. Batches are signed meanwhile,
// whatever the ceremony.
func TestABatchIsSignedWhileACeremonyStretches(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	dir := c.Dir
	c.stop()
	g := &gate{}
	s := unopened(dir)
	s.Now = g.now
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	c.site = running(t, s)
	n := 0
	for what, do := range map[string]func() error{
		"create": func() error { _, err := c.Create(c.creation("users-g1", "root-g1", ca.Issuing)); return err },
		"renew": func() error {
			_, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: c.words})
			return err
		},
		"list": func() error {
			_, err := c.ListRoot(signer.RootListing{Authority: "root-g1", Words: c.words})
			return err
		},
		"unlock": func() error { _, err := c.Unlock(signer.Unlocking{Words: c.words}); return err },
		"request": func() error {
			_, err := c.ExportCSR(signer.KeyRequest{Name: "pol-g1", Kind: ca.Intermediate, Subject: named("pol"), KeyType: "ecdsa-p256", Words: c.words})
			return err
		},
		"import": func() error {
			q := c.importing("old-g1", ca.Root, root)
			q.Key = e.key("root")
			_, err := c.Import(q)
			return err
		},
	} {
		h := c.hello(0)
		n++
		w := wish(n, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])
		g.close()
		ended, signed := make(chan error, 1), make(chan ca.Answer, 1)
		go func() { ended <- do() }()
		<-g.reached
		go func() { signed <- c.one(h, w) }()
		select {
		case a := <-signed:
			if a.Problem != nil {
				t.Errorf("%s: %v", what, a.Problem)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the batch waits for the ceremony", what)
		}
		close(g.open)
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.remembered("at the end")
}
