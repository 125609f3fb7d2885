// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"chancery/ca"
)

// roomEvery is how often the room on the disks is looked at: filling half a gigabyte takes
// longer, and statfs(2) reads nothing.
const roomEvery = 10 * time.Second

// roomFix is what helps where it is scarce.
const roomFix = "free space on it, or move the installation to a larger one"

// A disk is one that the service writes on.
type disk struct {
	part, path string // part is the word of metrics
	space      func() (free, total int64, err error)
}

// A roomCheck tells how much room the disks of the front and of the signer have. They are
// mostly one, and either of them stops issuing when it is nearly full (security rule IS-09).
type roomCheck []disk

func (l layout) room() roomCheck {
	return roomCheck{{"front", l.front(), space(l.front())}, {"signer", l.signer(), space(l.signer())}}
}

// tightest is the disk that comes first to stop issuing, and its room.
func (r roomCheck) tightest() (at disk, free, total int64, err error) {
	found := false
	for _, d := range r {
		f, t, failed := d.space()
		if failed != nil {
			err = failed
			continue
		}
		if !found || f-ca.LeastRoom(t) < free-ca.LeastRoom(total) {
			at, free, total, found = d, f, t, true
		}
	}
	if found {
		err = nil
	}
	return at, free, total, err
}

// space is the room of the tightest disk, as a Registrar takes it.
func (r roomCheck) space() (free, total int64, err error) {
	_, free, total, err = r.tightest()
	return free, total, err
}

// check is that of /readyz, and what doctor says. A disk that cannot be asked is well: the
// write itself will say.
func (r roomCheck) check() ca.Check {
	out := ca.Check{ID: "disk", Level: ca.Fine}
	at, free, total, err := r.tightest()
	if err != nil {
		return out
	}
	least := ca.LeastRoom(total) >> 20
	switch {
	case ca.NearlyFull(free, total):
		out.Level, out.Code = ca.Failed, ca.E1407
		out.Message = fmt.Sprintf("only %d MiB are free on the file system of %s, and nothing is issued below %d MiB; revoking goes on", free>>20, at.path, least)
	case ca.RunsLow(free, total):
		out.Level = ca.Warned
		out.Message = fmt.Sprintf("only %d MiB are free on the file system of %s: issuing stops at %d MiB", free>>20, at.path, least)
	}
	return out
}

// watch logs when the room runs low, when issuing stops for want of it, and when there is
// enough again, until ctx ends.
func (r roomCheck) watch(ctx context.Context, log *slog.Logger) error {
	before := ca.Fine
	for {
		before = r.tell(before, log)
		t := time.NewTimer(roomEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// tell logs a level that is another one than before, and gives it.
func (r roomCheck) tell(before ca.Level, log *slog.Logger) ca.Level {
	c := r.check()
	switch {
	case c.Level == before:
	case c.Level == ca.Failed:
		log.Error("nothing is issued, since the disk is nearly full", "code", c.Code, "fault", c.Message)
	case c.Level == ca.Warned:
		log.Warn("the disk has little room left", "fault", c.Message)
	default:
		log.Info("the disk has room again")
	}
	return c.Level
}
