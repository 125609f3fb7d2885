// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// maxTries is how often another port is tried: between looking for a free one and
// using it somebody else may take it.
const maxTries = 5

// grace is how long a server may take to end before it is killed; interval is how
// often it is asked whether it listens.
const (
	grace    = 5 * time.Second
	interval = 5 * time.Millisecond
)

// maxLog bounds, in octets, what is told of a server's log.
const maxLog = 4 << 10

// tool finds a program. Servers lie outside an ordinary user's PATH.
func tool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if path, beside := exec.LookPath("/usr/sbin/" + name); beside == nil {
		return path, nil
	}
	return "", fmt.Errorf("a program is missing that make test installs: %w", err)
}

// command prepares a program that speaks English.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, path, args...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	return c
}

// said runs a program; its error has what it said.
func said(c *exec.Cmd) error {
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", c.Path, err, out)
	}
	return nil
}

// A process is a server that runs.
type process struct {
	log  string
	done chan struct{} // closed when it has ended
}

// spawn starts a program in a group of its own. It ends with the test.
func (b *bench) spawn(t testing.TB, name string, c *exec.Cmd) (*process, error) {
	p := &process{log: filepath.Join(b.dir, name+".log"), done: make(chan struct{})}
	// A file, because children inherit it and would hold a pipe open.
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if c.Stdout == nil {
		c.Stdout = out
	}
	c.Stderr, c.SysProcAttr = out, &syscall.SysProcAttr{Setpgid: true}
	err = c.Start()
	if err := errors.Join(err, out.Close()); err != nil {
		return nil, err
	}
	go func() {
		_ = c.Wait() // a server is told to end, and says so in its own way
		close(p.done)
	}()
	t.Cleanup(func() {
		if c.Process.Signal(syscall.SIGTERM) == nil {
			select {
			case <-p.done:
			case <-time.After(grace):
			}
		}
		// Whoever is left of the group; nobody, as a rule.
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		<-p.done
	})
	return p, nil
}

// listens waits until the process takes connections at the port: twice, since whoever looks for
// a free port listens at this one for a moment, and a call from the port itself is answered too.
func (p *process) listens(ctx context.Context, port int) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for taken := 0; ; {
		c, err := net.Dial("tcp", address(port))
		if err == nil {
			err = c.Close()
		}
		if taken++; err != nil || c.LocalAddr().String() == c.RemoteAddr().String() {
			taken = 0
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %s", p.tail())
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w: %s", ctx.Err(), p.tail())
		default:
		}
		if taken == 2 {
			return nil
		}
		<-tick.C
	}
}

// tail is the end of what the process said.
func (p *process) tail() []byte {
	said, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return said[max(0, len(said)-maxLog):]
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort is a port that nobody has now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil || !ok {
		return 0, errors.Join(errors.New("no free port"), err)
	}
	return address.Port, nil
}
