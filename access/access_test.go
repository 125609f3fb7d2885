// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"errors"
	"strings"
	"testing"

	"chancery/access"
	"chancery/ca"
)

var (
	roles   = []ca.Role{ca.Requester, ca.CAAdmin, ca.SecurityAdmin, ca.SystemAdmin, ca.Auditor}
	actions = []access.Action{access.Submit, access.ReadOwn, access.ReadAll, access.ReadLog, access.SignPolicy, access.Found, access.Unlock, access.Lock, access.ReadPolicy, access.Status, access.Operate, access.RevokeOwn, access.RevokeAny, access.PublishList, access.Decide, access.DraftPolicy, access.Renew, access.MakeToken, access.ReadTokens, access.RevokeAnyToken, access.AnnotateOwn, access.AnnotateAny}
)

// matrix is security.md's table for the actions that exist, in the order of roles:
// written down a second time, so that a slip in the code shows.
var matrix = map[access.Action]string{
	//                  R C S Y A
	access.Submit:         "+ + - - -",
	access.Renew:          "+ + - - -",
	access.RevokeOwn:      "+ + - - -",
	access.RevokeAny:      "- + - - -",
	access.AnnotateOwn:    "+ + - - -",
	access.AnnotateAny:    "- + - - -",
	access.PublishList:    "- + + + -",
	access.Decide:         "- - + - -",
	access.DraftPolicy:    "- + + - -",
	access.ReadOwn:        "+ + - - +",
	access.ReadAll:        "- + - - +",
	access.ReadLog:        "- - - - +",
	access.SignPolicy:     "- - + - -",
	access.Found:          "- - + - -",
	access.Unlock:         "- - + - -",
	access.Lock:           "- + + + +",
	access.ReadPolicy:     "+ + + + +",
	access.Status:         "+ + + + +",
	access.Operate:        "- - - + -",
	access.MakeToken:      "+ + + + +",
	access.ReadTokens:     "- - + + +",
	access.RevokeAnyToken: "- - + + -",
}

func TestRO05_EveryRoleAndActionIsAsTheMatrixSays(t *testing.T) {
	for _, a := range actions {
		cells := strings.Fields(matrix[a])
		if len(cells) != len(roles) {
			t.Fatalf("the matrix has no row for %s", a)
		}
		for i, r := range roles {
			err := access.Allow([]ca.Role{r}, a)
			if (err == nil) != (cells[i] == "+") {
				t.Errorf("%s by %s gives %v, the matrix says %s", a, r, err, cells[i])
			}
			var p *ca.Problem
			if err != nil && (!errors.As(err, &p) || p.Code != ca.E1305 || p.Kind != ca.ForbiddenKind || p.Fix == "") {
				t.Errorf("%s by %s is refused with %#v", a, r, err)
			}
		}
	}
}

func TestRO05_NothingIsAllowedByDefault(t *testing.T) {
	for _, a := range append(actions, "", "everything", "SUBMIT") {
		for _, who := range [][]ca.Role{nil, {}, {""}, {"root"}, {"CA-ADMIN"}} {
			if access.Allow(who, a) == nil {
				t.Errorf("%q may do %q", who, a)
			}
		}
	}
	for _, a := range []access.Action{"", "everything", "SUBMIT"} {
		if access.Allow(roles, a) == nil {
			t.Errorf("the action %q, which does not exist, is allowed", a)
		}
	}
}

func TestRO05_OnePersonWithAllRolesMayDoAllThatExists(t *testing.T) {
	for _, a := range actions {
		if err := access.Allow(roles, a); err != nil {
			t.Errorf("%s is refused to somebody with all roles: %v", a, err)
		}
	}
}
