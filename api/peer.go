// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"os/user"
	"strconv"
	"strings"

	"chancery/ca"
	"chancery/internal/respond"
	"chancery/internal/socket"
)

// asker is who has signed in before this door, else the account behind a local socket;
// without an ID if neither could be proven.
func asker(r *http.Request) ca.Actor {
	if who, ok := respond.Actor(r.Context()); ok {
		return who
	}
	uid := socket.Peer(r.Context())
	if uid == socket.Nobody {
		return ca.Actor{UID: uid}
	}
	id := "uid:" + strconv.Itoa(uid)
	return ca.Actor{ID: id, Name: id, Method: "peer", UID: uid}
}

// doorOf is the way in that somebody's request is recorded with. What comes by the local
// socket comes by way of the command line, whatever program speaks there: a header that
// named another door would be an authority's word from a requester's mouth.
func doorOf(who ca.Actor) ca.Door {
	if who.Method == ca.MethodPeer {
		return ca.DoorCLI
	}
	return ca.DoorAPI
}

// named looks up how people know an account. That is for display only, so one
// that cannot be looked up is no error, and one that is renamed keeps its old name
// until the next start.
func (d *door) named(a ca.Actor) ca.Actor {
	if a.Method != ca.MethodPeer {
		return a
	}
	if name, ok := d.names.Load(a.UID); ok {
		a.Name, _ = name.(string)
		return a
	}
	if u, err := user.LookupId(strconv.Itoa(a.UID)); err == nil && ca.PlainText(u.Username) && !strings.Contains(u.Username, " ") { // else it could pass for a credential
		a.Name = u.Username
	}
	d.names.Store(a.UID, a.Name)
	return a
}
