// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"syscall"

	"chancery/ca"
)

// noRoom is about what was not written because a disk or a quota is full; false if that is not
// why. It is neither a wrong word of whoever asked nor a service that is away.
func noRoom(err error) (*ca.Problem, bool) {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return nil, false
	}
	what := "the disk is full"
	if at, is := errors.AsType[*fs.PathError](err); is {
		what = "there is no room to write " + at.Path
	}
	return ca.Unavailable(ca.E1407, what, "free space there, then the same again").Because(reason(err).Error()), true
}
