// SPDX-License-Identifier: Apache-2.0

// Package pgtest runs a throw-away PostgreSQL server for tests: real, on a free
// loopback port, with its data below the system's temporary directory, from the
// initdb and pg_ctl found in PATH.
//
// A Proxy before it cuts connections where a test wants them cut.
//
// It is no client: a test brings its own driver. Start reading at Start, then
// Proxy.
package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the server runs as when the test runs as root, because
// PostgreSQL refuses to be root.
const account = "postgres"

// maxTries is how often another port is tried: between looking for a free one
// and using it somebody else may take it.
const maxTries = 5

// A Server is a running server. Whoever started it stops it.
type Server struct {
	port       int
	dir        string
	credential *syscall.Credential
}

// Start starts a server. Its fsync is off: tests of crashes need another one.
func Start() (*Server, error) {
	for _, program := range []string{"initdb", "pg_ctl"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("PostgreSQL's server is not installed, which make test does: %w", err)
		}
	}
	s := &Server{}
	var err error
	// Directly below the temporary directory: the other account must be able to
	// walk to it, and a socket's path has at most 107 octets.
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// begin makes the data and starts the server.
func (s *Server) begin() error {
	if err := s.own(); err != nil {
		return err
	}
	// Trust is enough: the server listens on loopback and holds nothing.
	err := s.run("initdb", "-D", s.data(), "-U", account, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if err != nil {
		return err
	}
	for range maxTries {
		if err = s.start(); err == nil {
			return nil
		}
	}
	return err
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	return errors.Join(s.run("pg_ctl", "-D", s.data(), "-m", "immediate", "-w", "stop"), os.RemoveAll(s.dir))
}

// DSN is the address of a database of the server; "postgres" is the one that is
// there from the start.
func (s *Server) DSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(account), Host: s.address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

func (s *Server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// own gives the directory to the account that will run the server.
func (s *Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(account)
	if err != nil {
		return fmt.Errorf("a server cannot run as root, and there is no other account: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

// start starts the server on a port that is free now.
func (s *Server) start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil || !ok {
		return errors.Join(errors.New("no free port"), err)
	}
	s.port = address.Port
	options := fmt.Sprintf("-c listen_addresses=127.0.0.1 -c port=%d -c unix_socket_directories=%s -c fsync=off -c full_page_writes=off", s.port, s.dir)
	return s.run("pg_ctl", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-o", options, "-w", "-t", "60", "start")
}

// run runs one of PostgreSQL's programs under the server's account. Its output
// goes to a file, because the server inherits it and would hold a pipe open.
func (s *Server) run(program string, args ...string) error {
	out, err := os.Create(filepath.Join(s.dir, "out"))
	if err != nil {
		return err
	}
	c := exec.Command(program, args...)
	c.Dir, c.Stdout, c.Stderr = s.dir, out, out
	c.Env = append(os.Environ(), "LC_ALL=C")
	if s.credential != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	}
	err = errors.Join(c.Run(), out.Close())
	if err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}
