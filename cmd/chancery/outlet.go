// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"chancery/ca"
	"chancery/config"
	"chancery/status"
)

// hookState is the file with what the hook was not told of yet.
func (l layout) hookState() string { return filepath.Join(l.front(), "hook.json") }

// copiesState is the file with what was copied into publish.directory.
func (l layout) copiesState() string { return filepath.Join(l.front(), "copied.json") }

// An outlet is the copies of what is published, and the hook behind them; nothing where
// none are wanted.
type outlet struct {
	copies *status.Outlet
	hook   *status.Hook
}

// openOutlet makes the outlet that the settings name. It refuses a directory with which
// the installation itself would be handed out (R41).
func openOutlet(l layout, s config.Config, o status.Options) (out outlet, err error) {
	dir := s.Publish.Directory
	if dir == "" {
		return out, nil
	}
	if err := l.apart(dir); err != nil {
		return out, err
	}
	if s.Publish.Hook != "" {
		if out.hook, err = status.NewHook(s.Publish.Hook, l.hookState(), o.Log); err != nil {
			return out, err
		}
	}
	out.copies = status.NewOutlet(status.OutletOptions{Options: o, Directory: dir, PEM: s.Publish.PEM == config.Yes, Hook: out.hook, State: l.copiesState()})
	return out, nil
}

// apart refuses a public directory that lies in the installation, or has it in it.
func (l layout) apart(dir string) error {
	own, open := realPath(l.dir), realPath(dir)
	if below(own, open) || below(open, own) {
		return ca.Refused(ca.E1404, "publish.directory "+dir+" and the installation "+l.dir+" lie in one another, and everybody may fetch what is published",
			"name a directory elsewhere in publish.directory, such as /srv/pki")
	}
	return nil
}

// publishes refuses settings of publish that no time will mend: the directory lies in the
// installation, or is no directory, or the hook is a line for a shell. What is not there may be
// mounted later.
func (l layout) publishes(s config.Config) error {
	dir := s.Publish.Directory
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return ca.Invalid(ca.E1003, "publish.directory "+dir+" is no directory", "name a directory in publish.directory, such as /srv/pki")
	}
	if _, err := os.Stat(s.Publish.Hook); errors.Is(err, fs.ErrNotExist) {
		if program, _, more := strings.Cut(s.Publish.Hook, " "); more {
			return ca.Invalid(ca.E1003, "publish.hook "+ca.Show(s.Publish.Hook)+" is no program: arguments are not taken", "write a script that runs "+program+", and name it in publish.hook")
		}
	}
	return l.apart(dir)
}

// runnable refuses a hook that cannot be run as things stand. The service starts with one, since
// what is not there may be mounted later.
func runnable(hook string) error {
	info, err := os.Stat(hook)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ca.Invalid(ca.E1003, "publish.hook "+ca.Show(hook)+" is not there", "put the program there, or name another in publish.hook")
	case err != nil:
		return ca.Invalid(ca.E1003, "publish.hook "+ca.Show(hook)+" cannot be looked at", "name a program in publish.hook that the service can reach").Because(reason(err).Error())
	case !info.Mode().IsRegular():
		return ca.Invalid(ca.E1003, "publish.hook "+ca.Show(hook)+" is no program", "name a program in publish.hook")
	case info.Mode()&0o111 == 0:
		return ca.Invalid(ca.E1003, "publish.hook "+ca.Show(hook)+" is not executable", "chmod +x "+ca.Show(hook))
	}
	return nil
}

// run keeps the copies up to date, and tells the hook, until ctx ends.
func (o outlet) run(ctx context.Context, group *errgroup.Group) {
	if o.copies != nil {
		group.Go(func() error { return unlessCanceled(o.copies.Run(ctx)) })
	}
	if o.hook != nil {
		group.Go(func() error { return unlessCanceled(o.hook.Run(ctx)) })
	}
}

// outlet is openOutlet for the front. What became wrong since the service began keeps nobody
// from issuing: it is told, and nothing is copied.
func (l layout) outlet(o status.Options, log *slog.Logger) outlet {
	s, err := l.settings()
	if err == nil {
		var out outlet
		if out, err = openOutlet(l, s, o); err == nil {
			return out
		}
	}
	log.Error("nothing is published to a directory", "error", err, "hint", hintOf(err))
	return outlet{}
}
