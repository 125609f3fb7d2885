// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// firstDescriptor is where inherited descriptors begin, for the parent's
// children and under systemd alike (sd_listen_fds(3)).
const firstDescriptor = 3

// inherited are the descriptors a process was started with, by name.
type inherited map[string]*os.File

// inherit reads CHANCERY_FDS=name,… (from our own parent) or systemd's
// LISTEN_FDS with LISTEN_FDNAMES, both counting from descriptor 3.
func inherit(env func(string) string) (inherited, error) {
	names := env("CHANCERY_FDS")
	if names == "" && env("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		names = strings.ReplaceAll(env("LISTEN_FDNAMES"), ":", ",")
	}
	fds := inherited{}
	if names == "" {
		return fds, nil
	}
	for i, name := range strings.Split(names, ",") {
		if _, twice := fds[name]; twice {
			return nil, fmt.Errorf("descriptor name %q is given twice", name)
		}
		fds[name] = os.NewFile(uintptr(firstDescriptor+i), name)
	}
	return fds, nil
}

// listener turns the named descriptor into a listener; nil if there is none.
func (in inherited) listener(name string) (net.Listener, error) {
	f := in[name]
	if f == nil {
		return nil, nil
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("descriptor %q is not a listening socket: %w", name, err)
	}
	return l, f.Close()
}
