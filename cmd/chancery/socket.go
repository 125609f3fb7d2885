// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"chancery/ca"
)

// maxSocketPath is what sockaddr_un holds on Linux, less the final zero.
const maxSocketPath = 107

// bindSocket listens on a Unix socket with mode 0660. A stale socket of a
// process that died is removed; the caller holds the directory's lock, so
// nobody can be listening on it. A path that is too long is bound in a short
// runtime directory and reached through a symbolic link in DIR/run.
func bindSocket(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	real := path
	if len(path) > maxSocketPath {
		short, err := os.MkdirTemp(runtimeDir(), "chancery-")
		if err != nil {
			return nil, fmt.Errorf("make a short directory for %s: %w", filepath.Base(path), err)
		}
		real = filepath.Join(short, filepath.Base(path))
		if err := os.Symlink(real, path); err != nil {
			return nil, fmt.Errorf("link the socket: %w", err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: real, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", real, err)
	}
	if err := os.Chmod(real, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// runtimeDir is a directory whose path is short: the account's own, or the
// system's temporary one.
func runtimeDir() string {
	own := fmt.Sprintf("/run/user/%d", os.Getuid())
	if st, err := os.Stat(own); err == nil && st.IsDir() {
		return own
	}
	return "/tmp"
}

// dialPath is the path to dial for a socket: the target of the link where
// bindSocket made one, since the link's own path is too long to dial.
func dialPath(path string) string {
	if target, err := os.Readlink(path); err == nil {
		return target
	}
	return path
}

// bindAddress listens on host:port.
func bindAddress(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, ca.Conflict(ca.E1203, "nothing can listen on "+address, "the same with another address: the flag that begins with --listen, or the setting of that name in chancery.toml").Because(err.Error())
	}
	return l, nil
}
