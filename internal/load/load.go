// SPDX-License-Identifier: Apache-2.0

// Package load asks servers for the same things over and over, for benchmarks: a closed
// loop over real sockets, whose requests are octets that were made before the clock runs,
// and which reads of an answer no more than its length. No program imports it. Start at
// Rate.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// A Plan says what is asked of whom.
type Plan struct {
	Address string
	// Requests are HTTP/1.1, whole; each connection goes through them from another place.
	Requests [][]byte
	// Connections are how many ask at once.
	Connections int
	// Fresh makes a connection for each request, for servers that keep none.
	Fresh bool
	For   time.Duration
}

// Rate gives the answers per second. Each must be 200 with a body.
func Rate(ctx context.Context, p Plan) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.For)
	defer cancel()
	counts, errs := make([]int, p.Connections), make([]error, p.Connections)
	var all sync.WaitGroup
	for i := range p.Connections {
		all.Go(func() { counts[i], errs[i] = p.asks(ctx, i*len(p.Requests)/p.Connections) })
	}
	all.Wait()
	n := 0
	for _, count := range counts {
		n += count
	}
	return float64(n) / p.For.Seconds(), errors.Join(errs...) // each ends with the answer that is under way
}

// asks is one connection's loop.
func (p Plan) asks(ctx context.Context, at int) (n int, err error) {
	var conn net.Conn
	in := bufio.NewReaderSize(nil, 16<<10)
	for ; ctx.Err() == nil; n++ {
		if conn == nil {
			if conn, err = net.Dial("tcp", p.Address); err != nil {
				return n, err
			}
			in.Reset(conn)
		}
		if _, err := conn.Write(p.Requests[(at+n)%len(p.Requests)]); err != nil {
			return n, errors.Join(err, conn.Close())
		}
		if err := answer(in, p.Fresh); err != nil {
			return n, errors.Join(err, conn.Close())
		}
		if p.Fresh {
			if err := conn.Close(); err != nil {
				return n, err
			}
			conn = nil
		}
	}
	if conn != nil {
		err = conn.Close()
	}
	return n, err
}

// answer reads one answer, to its end or to that of the connection.
func answer(in *bufio.Reader, toEnd bool) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(line, []byte(" 200 ")) {
		return fmt.Errorf("the answer is %q", line)
	}
	length := -1
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if toEnd {
		n, err := io.Copy(io.Discard, in)
		if n == 0 && err == nil {
			err = errors.New("the answer is empty")
		}
		return err
	}
	if length < 1 {
		return errors.New("the answer is empty, or does not tell its length")
	}
	_, err = in.Discard(length)
	return err
}
