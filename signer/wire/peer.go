// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// noPeer stands for a peer whose credentials could not be read: no account has it.
const noPeer = -1

// PeerUID reads the account at the other end of a Unix socket (SO_PEERCRED):
// the one that connected, as the kernel saw it then.
func PeerUID(c net.Conn) (int, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return noPeer, errors.New("this is not a Unix socket, so it has no peer credentials")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return noPeer, fmt.Errorf("reach the socket: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return noPeer, fmt.Errorf("read peer credentials: %w", err)
	}
	return int(cred.Uid), nil
}

// withPeer is an http.Server's ConnContext: it notes the peer once per
// connection. A peer that cannot be read is nobody, and is refused.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if l, ok := c.(*limited); ok {
		c = l.Conn
	}
	uid, err := PeerUID(c)
	if err != nil {
		uid = noPeer
	}
	return context.WithValue(ctx, peerKey{}, uid)
}

func peer(ctx context.Context) int {
	if uid, ok := ctx.Value(peerKey{}).(int); ok {
		return uid
	}
	return noPeer
}
