// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"os"
	"testing"
	"time"

	"chancery/ca"
	"chancery/signer"
)

// RO-02: what the front told the log of tokens comes back with each hello, also after a
// restart, and one that was revoked does not: no row of a database can bring it back.
func TestRO02_TheTokensInForceAreThoseOfTheLog(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if _, err := s.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	h := s.hello(0)
	token := func(name string, ends time.Duration) ca.Token {
		return ca.Token{Name: name, Expires: time.Now().Add(ends)}
	}
	one, two, ended := token("one", time.Hour), token("two", time.Hour), token("ended", -time.Hour)
	for _, e := range []ca.EventBody{
		{Kind: ca.EventTokenMade, By: "uid:1000", About: one.About()}, {Kind: ca.EventTokenMade, By: "uid:1000", About: two.About()},
		{Kind: ca.EventTokenMade, By: "uid:1000", About: "nonsense"}, {Kind: "refused", About: token("three", time.Hour).About()}, {Kind: ca.EventTokenMade, By: "uid:1000", About: ended.About()},
		{Kind: ca.EventTokenRevoked, By: "uid:1000", About: one.About()},
	} {
		if _, err := s.Append(signer.FrontEvent{Session: h.Number, Event: e}); err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"at once", "after a restart"} {
		if h := s.hello(0); len(h.Tokens) != 1 || h.Tokens[0] != two.Digest() {
			t.Errorf("%s the tokens are %v", when, h.Tokens)
		}
		s.stop()
		s = start(t, dir)
	}
}
