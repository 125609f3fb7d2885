// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/config"
	"chancery/status"
)

const (
	// maxLooked is how many public files are looked at for secrets, lookedInto how much of
	// each: a key stands at the beginning of its file, or behind a chain.
	maxLooked  = 10_000
	lookedInto = 256 << 10
)

// lookAtPublication looks at the copies of what is published (R87), and for secrets in the
// places that everybody may fetch from (R41).
func lookAtPublication(ctx context.Context, p *patient) (found []finding) {
	s, err := p.layout.settings()
	if err != nil {
		return nil // lookAtSettings says it
	}
	if dir := s.Publish.Directory; dir != "" {
		if err := p.layout.publishes(s); err != nil {
			return append(found, illness("publish.directory", err))
		}
		if err := status.TrustedDirectory(dir); err != nil {
			return append(found, illness("publish.directory", err))
		}
		found = append(found, p.copies(ctx, dir), p.hook(s))
	}
	for _, place := range append([]string{p.layout.lists(), s.Publish.Directory}, config.List(s.Publish.Web)...) {
		if place != "" {
			found = append(found, secretsIn(ctx, place)...)
		}
	}
	if c := p.chronicle(ctx); c.err == nil {
		found = append(found, p.limits(c.authorities)...)
	}
	if len(found) == 0 {
		return []finding{ok("nothing is published beside the plain listener")}
	}
	return found
}

// copies compares each list with its copy. Those of authorities that have ended have none.
func (p *patient) copies(ctx context.Context, dir string) finding {
	hint := "chancery serve, which copies; its log says what is wrong"
	names, err := filepath.Glob(filepath.Join(p.layout.lists(), "*.crl"))
	if err != nil {
		return failure(hint, "the lists cannot be found: %v", err)
	}
	authorities := p.chronicle(ctx).authorities
	names = slices.DeleteFunc(names, func(path string) bool {
		of, _, _ := ca.SplitListName(strings.TrimSuffix(filepath.Base(path), ".crl"))
		return slices.ContainsFunc(authorities, func(a ca.Authority) bool { return a.Name == of && p.now.After(a.NotAfter) })
	})
	old := 0
	for _, path := range names {
		name := strings.TrimSuffix(filepath.Base(path), ".crl")
		ours, err := listNumber(p.layout.lists(), name)
		if err != nil {
			continue // lookAtLists says it
		}
		if theirs, err := listNumber(dir, name); err != nil || theirs < ours {
			old++
		}
	}
	if old > 0 {
		late := failure(hint, "in %s %s missing or older than here: whoever fetches there does not see what was revoked", dir, counted(old, "list"))
		late.soon = true
		return late
	}
	return ok("%s has %s, each as new as here", dir, counted(len(names), "list"))
}

func listNumber(dir, name string) (int64, error) {
	l, err := status.Open(dir, name)
	if err != nil {
		return 0, err
	}
	return l.Number, l.Close()
}

// hook says what the hook was not told of.
func (p *patient) hook(s config.Config) finding {
	if s.Publish.Hook == "" {
		return ok("no hook is told of what is published")
	}
	if err := runnable(s.Publish.Hook); err != nil {
		return illness("the hook", err)
	}
	if err := status.TrustedProgram(s.Publish.Hook); err != nil {
		return illness("publish.hook", err)
	}
	w, err := status.ReadWaiting(p.layout.hookState())
	switch {
	case err != nil:
		return failure("remove "+p.layout.hookState(), "%v", err)
	case w.Fault != "":
		return failure("mend it; it is run again by itself", "the hook failed, and %s wait: %s", counted(len(w.Paths), "file"), w.Fault)
	case len(w.Paths) > 0:
		return warning("chancery serve, which runs it", "the hook was not told of %s yet", counted(len(w.Paths), "file"))
	}
	return ok("the hook was told of everything")
}

// secretsIn finds private keys in a place that everybody may fetch from.
func secretsIn(ctx context.Context, place string) (found []finding) {
	looked := 0
	err := filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir // what this account cannot read, others look after
		}
		if !d.Type().IsRegular() {
			return ctx.Err()
		}
		if looked++; looked > maxLooked {
			return errEnough
		}
		if holdsSecret(path) && len(found) < maxListed {
			found = append(found, failure("take it away, and treat it as stolen: chancery revoke --reason keyCompromise", "%s holds a private key, and everybody may fetch it", path))
		}
		return ctx.Err()
	})
	if errors.Is(err, errEnough) {
		found = append(found, warning("", "only %d files of %s were looked at for secrets", maxLooked, place))
	}
	return found
}

var errEnough = errors.New("enough")

// holdsSecret tells whether a file has a private key in PEM, or is
// called one: what is sealed would need a password to know.
func holdsSecret(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, lookedInto))
	return err == nil && (bytes.Contains(head, []byte("PRIVATE KEY-----")) || strings.EqualFold(filepath.Ext(path), ".key") && len(head) > 0)
}
