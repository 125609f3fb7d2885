// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAServerAnswersOnItsAddress(t *testing.T) {
	s := server(t)
	_, rest, _ := strings.Cut(s.DSN("x"), "@")
	host, _, ok := strings.Cut(rest, "/x?")
	if !ok {
		t.Fatalf("DSN %q", s.DSN("x"))
	}
	c, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// An SSLRequest is answered with one letter; N says that there is no TLS.
	if _, err := c.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, 80877103)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(c, answer); err != nil || answer[0] != 'N' {
		t.Errorf("answer %q, %v", answer, err)
	}
}
