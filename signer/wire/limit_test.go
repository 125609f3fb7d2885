// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/signer"
	"chancery/signer/wire"
)

// PR-04: 64 connections are served at once, and a call has five seconds to arrive.
// Whoever holds all places with calls that never end keeps others waiting that
// long, and no longer.
func TestPR04_CallsThatNeverEndGiveTheirPlacesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, os.Getuid())
	begun := time.Now()
	var slow []net.Conn
	for n := range 64 {
		c, err := net.Dial("unix", r.sign)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begin := "POST /v1/hello HTTP/1.1\r\nHost: signer\r\nContent-Length: 100\r\n\r\n{"
		if _, err := c.Write([]byte(begin[:len(begin)-n%2*30])); err != nil { // half of them stop within the header
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	// The signer is not founded: hello is refused, which is an answer.
	_, err := wire.Dial(r.sign).Hello(t.Context(), signer.Hello{Protocol: signer.Protocol})
	waited := time.Since(begun)
	if p, ok := err.(*ca.Problem); !ok || p.Code != ca.E1001 {
		t.Errorf("the 65th connection: %v", err)
	}
	// The places are taken in order, so the call waited until the first was cut off.
	if waited < 4*time.Second || waited > 25*time.Second {
		t.Errorf("the 65th connection was answered after %s", waited)
	}
	for _, c := range slow {
		if err := c.SetReadDeadline(time.Now().Add(25 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var reply [4096]byte
		for err = nil; err == nil; {
			_, err = c.Read(reply[:])
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Fatal("a call that never ends was not cut off")
		}
	}
}

// PR-04: what is beyond a body's ceiling is not waited for, let alone kept.
func TestPR04_ABodyIsReadNoFurtherThanItsCeiling(t *testing.T) {
	r := newRig(t, os.Getuid())
	for method, ceiling := range map[string]int{"hello": 256 << 10, "leaves": 256 << 10, "issue": 1 << 20, "settle": 1 << 20} {
		c, err := net.Dial("unix", r.sign)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		head := fmt.Sprintf("POST /v1/%s HTTP/1.1\r\nHost: signer\r\nContent-Length: %d\r\n\r\n", method, 1<<30)
		if _, err := c.Write(append([]byte(head), bytes.Repeat([]byte(" "), ceiling+1)...)); err != nil {
			t.Fatal(err)
		}
		reply, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		var p ca.Problem
		if err := json.NewDecoder(reply.Body).Decode(&p); err != nil || p.Code != ca.E1401 || !strings.Contains(p.Detail, fmt.Sprintf("larger than %d", ceiling)) {
			t.Errorf("%s: %s %q, %v", method, reply.Status, p.Detail, err)
		}
	}
}
