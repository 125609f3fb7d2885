// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net"
	"os/user"
	"strconv"

	"chancery/ca"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// nobody stands for a peer whose credentials could not be read.
const nobody = -1

// Peer is an http.Server's ConnContext: it notes the account at the other end of
// a Unix socket, once per connection and as the kernel saw it on connecting. On
// any other connection the peer is nobody, and is refused.
func Peer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, peerUID(c))
}

func peerUID(c net.Conn) int {
	if p, ok := c.(*placed); ok {
		c = p.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nobody
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nobody
	}
	uid := nobody
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	if err != nil {
		return nobody
	}
	return uid
}

// uidOf is the account behind a request; false if it could not be proven.
func uidOf(ctx context.Context) (int, bool) {
	uid, ok := ctx.Value(peerKey{}).(int)
	return uid, ok && uid != nobody
}

// actor names an account. The account's name is for display only, so one that
// cannot be looked up is no error.
func actor(uid int) ca.Actor {
	a := ca.Actor{ID: "uid:" + strconv.Itoa(uid), Method: "peer", UID: uid}
	a.Name = a.ID
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil && ca.PlainText(u.Username) {
		a.Name = u.Username
	}
	return a
}
