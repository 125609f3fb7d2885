// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A release cannot be told to do otherwise: nothing of package faults is in it.
func TestAReleaseHasNoFaults(t *testing.T) {
	t.Parallel()
	for tags, want := range map[string]bool{"": false, "faults": true} {
		path := filepath.Join(t.TempDir(), "chancery")
		c := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-trimpath", "-o", path, ".")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		program, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := bytes.Contains(program, []byte("CHANCERY_FAULT_")); found != want {
			t.Errorf("built with tags %q: a variable of package faults is in it: %v", tags, found)
		}
	}
}
