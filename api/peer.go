// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net"
	"net/http"
	"os/user"
	"strconv"

	"chancery/ca"
	"chancery/internal/respond"

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
	if p, ok := c.(*respond.Placed); ok {
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

// asker is the account behind a request; its UID is nobody if it could not be
// proven.
func asker(r *http.Request) ca.Actor {
	uid, ok := r.Context().Value(peerKey{}).(int)
	if !ok || uid == nobody {
		return ca.Actor{UID: nobody}
	}
	id := "uid:" + strconv.Itoa(uid)
	return ca.Actor{ID: id, Name: id, Method: "peer", UID: uid}
}

// named looks up how people know an account. That is for display only, so one
// that cannot be looked up is no error.
func named(a ca.Actor) ca.Actor {
	if u, err := user.LookupId(strconv.Itoa(a.UID)); err == nil && ca.PlainText(u.Username) {
		a.Name = u.Username
	}
	return a
}
