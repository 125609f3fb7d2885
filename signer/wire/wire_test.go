// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/config"
	"chancery/internal/lab"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
	"chancery/signer/wire"
)

const database = "book"

// A rig is a signer with both sockets served, as its process does.
type rig struct {
	t              testing.TB
	sign, ceremony string
	fatal          chan error
	panics         *atomic.Bool // whether reading a profile does
	log            *logged
	server         *wire.Server
}

// logged is what the process has written to its log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRig(t testing.TB, uid int) rig {
	t.Helper()
	panics := &atomic.Bool{}
	parse := func(document []byte) (ca.Profile, error) {
		if panics.Load() {
			panic("a profile nobody thought of")
		}
		return config.Profile(document)
	}
	s := &signer.Signer{Dir: t.TempDir(), Parse: parse, Now: time.Now, Random: rand.Reader, KDF: softkey.FloorParams()}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	short, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	r := rig{t, filepath.Join(short, "sign.sock"), filepath.Join(short, "ceremony.sock"), make(chan error, 100), panics, &logged{}, &wire.Server{Signer: s, UID: uid}}
	server := r.server
	server.Log, server.Fatal = slog.New(slog.NewTextHandler(r.log, nil)), func(err error) { r.fatal <- err }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	for path, serve := range map[string]func(context.Context, net.Listener) error{r.sign: server.Sign, r.ceremony: server.Ceremony} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- serve(ctx, l) }()
	}
	running, stop := context.WithCancel(context.Background())
	go func() { ended <- s.Run(running) }()
	t.Cleanup(func() {
		cancel()
		err := errors.Join(<-ended, <-ended)
		stop()
		if err := errors.Join(err, <-ended, s.Close(), os.RemoveAll(short)); err != nil {
			t.Error(err)
		}
		if len(r.fatal) > 0 {
			t.Errorf("the signer was brought down: %v", <-r.fatal)
		}
	})
	return r
}

// founded gives a rig with an installation and an open session.
func founded(t testing.TB) (rig, ca.Session) { return foundedWith(t, "") }

func foundedWith(t testing.TB, passphrase string) (rig, ca.Session) {
	t.Helper()
	r := newRig(t, os.Getuid())
	f := lab.Founding(t, database)
	f.Passphrase = passphrase
	if _, err := wire.Dial(r.ceremony).Found(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	h, err := wire.Dial(r.sign).Hello(t.Context(), signer.Hello{Protocol: signer.Protocol, Boot: "front", Database: database})
	if err != nil {
		t.Fatal(err)
	}
	return r, h
}

func (r rig) count(k audit.Kind) (n int) {
	r.t.Helper()
	for from := int64(0); ; {
		page, err := wire.Dial(r.sign).Leaves(r.t.Context(), from)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(page) == 0 {
			return n
		}
		for _, rec := range page {
			l, err := audit.ParseLeaf(rec.Leaf)
			if err != nil {
				r.t.Fatal(err)
			}
			if l.Kind == k {
				n++
			}
		}
		from += int64(len(page))
	}
}

func csrFor(t testing.TB, name string) []byte {
	t.Helper()
	out, err := exec.Command("openssl", "req", "-new", "-nodes", "-batch", "-keyout", filepath.Join(t.TempDir(), "key"), "-subj", "/CN="+name,
		"-addext", "subjectAltName=DNS:"+name, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256").Output()
	if err != nil {
		t.Fatalf("openssl req: %v", err)
	}
	block, _ := pem.Decode(out)
	return block.Bytes
}

// frame is a call as it goes over the socket.
func frame(t testing.TB, method string, body any) []byte {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "POST /v1/%s HTTP/1.1\r\nHost: signer\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, len(b), b)
}

// foreign is a batch of one wish that no policy allows, well signed and well formed.
func foreign(t testing.TB, h ca.Session) map[string]any {
	t.Helper()
	b, err := policy.ParseBundle(h.Policy)
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.Load(config.Profile)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"session": h.Number, "wishes": []ca.Request{{
		ID: "01939a3e-0000-7000-8000-000000000001", Door: ca.DoorCLI, From: ca.Actor{ID: "uid:0", Name: "root", Method: "peer"},
		Profile: "server", Digest: all["server"].Digest, CSR: csrFor(t, "www.bank.example"), At: time.Now(),
	}}}
}

// PR-03: the kernel says who calls, whatever the call says.
func TestPR03AnotherAccountGetsNothingOnEitherSocket(t *testing.T) {
	r := newRig(t, os.Getuid()+1)
	for name, call := range map[string]func() error{
		"hello": func() error { _, err := wire.Dial(r.sign).Hello(t.Context(), signer.Hello{}); return err },
		"issue": func() error { _, err := wire.Dial(r.sign).Issue(t.Context(), 1, nil); return err },
		"found": func() error { _, err := wire.Dial(r.ceremony).Found(t.Context(), signer.Founding{}); return err },
		"lock":  func() error { _, err := wire.Dial(r.ceremony).Lock(t.Context()); return err },
	} {
		var p *ca.Problem
		if err := call(); !errors.As(err, &p) || p.Code != ca.E1303 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// SG-03: what makes authorities and opens keys is on the ceremony's socket only.
func TestSG03TheFrontsSocketHasNoCeremony(t *testing.T) {
	r, _ := founded(t)
	c := wire.Dial(r.sign)
	for name, call := range map[string]func() error{
		"found":  func() error { _, err := c.Found(t.Context(), signer.Founding{}); return err },
		"unlock": func() error { _, err := c.Unlock(t.Context(), signer.Unlocking{}); return err },
		"policy": func() error { _, err := c.SetPolicy(t.Context(), signer.PolicyChange{}); return err },
	} {
		var p *ca.Problem
		if err := call(); !errors.As(err, &p) || p.Code != ca.E1401 || p.Kind != ca.NotFoundKind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPR04BodiesThatAreTooLargeOrAmbiguousAreRefused(t *testing.T) {
	r, _ := founded(t)
	for name, body := range map[string]string{
		"too large":       `{"database_id":"` + string(bytes.Repeat([]byte("a"), 257<<10)) + `"}`,
		"an unknown key":  `{"protocol":1,"root":true}`,
		"a key twice":     `{"protocol":1,"protocol":1}`,
		"another case":    `{"Protocol":1}`,
		"something after": `{"protocol":1} {}`,
		"nothing":         ``,
		"a list":          `[]`,
	} {
		c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", r.sign)
		}}}
		reply, err := c.Post("http://signer/v1/hello", "application/json", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var p ca.Problem
		if err := json.NewDecoder(reply.Body).Decode(&p); err != nil || reply.StatusCode != http.StatusUnprocessableEntity || p.Code != ca.E1401 {
			t.Errorf("%s: %s %v %v", name, reply.Status, p, err)
		}
		reply.Body.Close()
		c.CloseIdleConnections()
	}
}

// A thief of the front, with its account: 50 000 mutations of a wish that the
// policy does not allow, a million by night (make soak). Nothing is signed, the
// signer goes on, and what was refused is on the log.
func TestFiftyThousandMutatedFramesSignNothing(t *testing.T) {
	mutations := 50_000
	if os.Getenv("CHANCERY_SOAK") == "1" {
		mutations = 1_000_000
	}
	r, h := founded(t)
	whole := frame(t, "issue", foreign(t, h))
	before := r.count(audit.Intent)
	const workers = 16
	ended := make(chan error, workers)
	for w := range workers {
		go func() { ended <- mutate(r.sign, whole, uint64(w), mutations/workers) }()
	}
	for range workers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := r.count(audit.Intent); n != before {
		t.Errorf("%d certificates were signed", n-before)
	}
	if r.count(audit.Refusal) == 0 {
		t.Error("no refusal is on the log")
	}
	c := wire.Dial(r.sign)
	if _, err := c.Hello(t.Context(), signer.Hello{Protocol: signer.Protocol, Boot: "front", Database: database}); err != nil {
		t.Errorf("the signer no longer answers: %v", err)
	}
}

// mutate sends n mutations of a frame, over one connection for as long as it lasts.
func mutate(path string, whole []byte, seed uint64, n int) error {
	random := mathrand.New(mathrand.NewPCG(seed, 7))
	head := bytes.Index(whole, []byte("\r\n\r\n")) + 4
	var c net.Conn
	var replies *bufio.Reader
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for range n {
		if c == nil {
			var err error
			if c, err = net.Dial("unix", path); err != nil {
				return err
			}
			replies = bufio.NewReader(c)
		}
		f := bytes.Clone(whole)
		for range 1 + random.IntN(4) {
			at := head + random.IntN(len(f)-head) // the body: HTTP's own framing is net/http's
			switch random.IntN(3) {
			case 0:
				f[at] ^= 1 << random.IntN(8)
			case 1:
				f[at] = byte(random.IntN(256))
			case 2:
				copy(f[at:], f[head+random.IntN(len(f)-head):])
			}
		}
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return err
		}
		if _, err := c.Write(f); err != nil {
			return err
		}
		reply, err := http.ReadResponse(replies, nil)
		if err != nil {
			return fmt.Errorf("no reply: %w", err)
		}
		if reply.StatusCode == http.StatusInternalServerError {
			return errors.New("a mutated frame brought the signer down")
		}
		if _, err := io.Copy(io.Discard, reply.Body); err != nil {
			return err
		}
		if reply.Close {
			c.Close()
			c = nil
		}
	}
	return nil
}
