// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

// Nobody stands for a peer whose account could not be read: no account has it.
const Nobody = -1

type peerKey struct{}

// WithPeer is an http.Server's ConnContext: it notes the account at the other end
// of a Unix socket, once per connection and as the kernel saw it on connecting
// (SO_PEERCRED). On any other connection the peer is Nobody.
func WithPeer(ctx context.Context, c net.Conn) context.Context {
	return AsPeer(ctx, uidOf(c))
}

// AsPeer is ctx with an account noted, for what is called without a socket.
func AsPeer(ctx context.Context, uid int) context.Context {
	return context.WithValue(ctx, peerKey{}, uid)
}

// Peer is the account that WithPeer noted, or Nobody.
func Peer(ctx context.Context) int {
	if uid, ok := ctx.Value(peerKey{}).(int); ok {
		return uid
	}
	return Nobody
}

func uidOf(c net.Conn) int {
	if l, ok := c.(*Conn); ok {
		c = l.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Nobody
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Nobody
	}
	uid := Nobody
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	if err != nil {
		return Nobody
	}
	return uid
}
