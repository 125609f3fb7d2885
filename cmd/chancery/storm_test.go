// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"chancery/ca"
	"chancery/client"
)

const (
	// stormSize is how many certificates are revoked, each by two callers; as many again as
	// stormSpared are left alone.
	stormSize, stormSpared = 1000, 50
	// stormCallers revoke at the same time, and wait up to stormPace between two.
	stormCallers, stormPace = 32, 250 * time.Millisecond
	// ocspBound and listBound are RV-02's, for a compromised key; stormBound is for all.
	ocspBound, listBound, stormBound = 5 * time.Second, time.Minute, 3 * time.Minute
)

// A storm is an installation whose certificates are revoked while its processes die.
type storm struct {
	*killing
	at     string // of the plain listener
	issuer *x509.Certificate
	held   []held

	mu    sync.Mutex
	acked map[string]bool
	// slowest is the longest from an acknowledgement to the answer "revoked", while the
	// listener could be reached.
	slowest time.Duration
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	at := freePort(t)
	k := newKilling(t, newTally(), killSeed(t), 0, "CHANCERY_PKI_URL=http://"+at)
	s := &storm{killing: k, at: at, acked: map[string]bool{}}
	s.up()
	block, _ := pem.Decode([]byte(k.done("ca", "show", "issuing-g1", "-o", "pem").out))
	if block == nil {
		t.Fatal("the issuing authority is not shown in PEM")
	}
	var err error
	if s.issuer, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *storm) up() {
	s.t.Helper()
	s.begins("CHANCERY_LISTEN_HTTP=" + s.at)
}

// stocks issues certificates, each for a key of its own: a compromised key takes all of
// its certificates along.
func (s *storm) stocks(n int) {
	s.t.Helper()
	s.held = make([]held, n)
	var next atomic.Int64
	s.together(func(ctx context.Context, c *client.Client, _ *mathrand.Rand) error {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return err
			}
			csr, err := requestFor(key, "", []string{fmt.Sprintf("n%d.lab.example", i)})
			if err != nil {
				return err
			}
			if s.held[i], err = issued(ctx, c, client.Order{CSR: csr, Profile: "server"}); err != nil {
				return err
			}
		}
		return nil
	})()
}

// together has all callers do something at once; what it gives waits for them.
func (s *storm) together(do func(context.Context, *client.Client, *mathrand.Rand) error) (wait func()) {
	ctx, cancel := context.WithTimeout(s.t.Context(), stormBound)
	var all sync.WaitGroup
	for range stormCallers {
		coins := mathrand.New(mathrand.NewPCG(s.coins.Uint64(), 0)) //nolint:gosec // repeatable
		all.Go(func() {
			c, err := client.Dial(dialPath(filepath.Join(s.dir, "run", "admin.sock")))
			if err == nil {
				defer c.Close()
				err = do(ctx, c, coins)
			}
			if err != nil {
				s.t.Error(err)
			}
		})
	}
	return func() { all.Wait(); cancel() }
}

// rages revokes each certificate twice, by different callers at different moments, and
// watches over what is said of each from the first acknowledgement on.
func (s *storm) rages(done chan<- struct{}) (wait func()) {
	order := append(s.coins.Perm(stormSize), s.coins.Perm(stormSize)...)
	var next atomic.Int64
	var watching sync.WaitGroup
	revoked := s.together(func(ctx context.Context, c *client.Client, coins *mathrand.Rand) error {
		for i := next.Add(1) - 1; i < int64(len(order)); i = next.Add(1) - 1 {
			one := s.held[order[i]]
			if err := s.revokes(ctx, c, one); err != nil {
				return err
			}
			if s.first(one) {
				watching.Go(func() { s.watches(ctx, one, time.Now()) })
			}
			<-time.After(time.Duration(coins.Int64N(int64(stormPace))))
		}
		return nil
	})
	waited := make(chan struct{})
	go func() {
		revoked()
		close(done)
		watching.Wait()
		close(waited)
	}()
	return func() { <-waited }
}

// revokes asks until somebody answers that it is done.
func (s *storm) revokes(ctx context.Context, c *client.Client, one held) error {
	for {
		got, err := c.Revoke(ctx, one.name, ca.Withdrawal{Reason: ca.KeyCompromise})
		if err == nil && got.Revoked == nil {
			return fmt.Errorf("the answer to a revocation says that %s is not revoked", one.name)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("revoke %s: %w", one.name, err)
		}
		<-time.After(20 * time.Millisecond) // the service is gone, and comes again
	}
}

func (s *storm) first(one held) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.acked[one.name]
	s.acked[one.name] = true
	return !was
}

// watches asks how a certificate stands until it is revoked. The bound runs while somebody
// listens: a dead process answers nobody.
func (s *storm) watches(ctx context.Context, one held, since time.Time) {
	for began := since; ctx.Err() == nil; <-time.After(50 * time.Millisecond) {
		status, err := s.asks(ctx, one)
		now := time.Now()
		switch {
		case err != nil:
			began = now
			continue
		case status == ocsp.Revoked:
			s.mu.Lock()
			s.slowest = max(s.slowest, now.Sub(began))
			s.mu.Unlock()
			return
		case now.Sub(began) > ocspBound:
			s.t.Errorf("%s is %d by OCSP, %v after its revocation was acknowledged", one.name, status, now.Sub(since))
			return
		}
	}
}

// asks gives what OCSP says, read and verified by another library; ocsp.Unknown too when it
// is to be asked later. An error is that nobody listens.
func (s *storm) asks(ctx context.Context, one held) (int, error) {
	leaf, err := x509.ParseCertificate(one.der)
	if err != nil {
		return 0, err
	}
	question, err := ocsp.CreateRequest(leaf, s.issuer, nil)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.at+"/ocsp/issuing-g1", bytes.NewReader(question))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/ocsp-request")
	body, err := bodyOf(r)
	if err != nil {
		return 0, err
	}
	got, err := ocsp.ParseResponseForCert(body, leaf, s.issuer)
	var later ocsp.ResponseError
	if errors.As(err, &later) {
		return ocsp.Unknown, nil
	}
	if err != nil {
		s.t.Errorf("what OCSP says of %s cannot be believed: %v", one.name, err)
		return ocsp.Unknown, nil
	}
	return got.Status, nil
}

func bodyOf(r *http.Request) (body []byte, err error) {
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reply.Body.Close()) }()
	return io.ReadAll(reply.Body)
}

// listed waits until the published list has all that was revoked.
func (s *storm) listed(after time.Time) {
	s.t.Helper()
	for {
		r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.at+"/pki/issuing-g1.crl", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		missing := stormSize
		var on map[string]bool
		if body, err := bodyOf(r); err == nil {
			on = s.entries(body)
			for _, one := range s.held[:stormSize] {
				if on[string(one.serial)] {
					missing--
				}
			}
		}
		switch {
		case missing == 0:
			for _, one := range s.held[stormSize:] {
				if on[string(one.serial)] {
					s.t.Errorf("%s is on the list, and nobody revoked it", one.name)
				}
			}
			s.t.Logf("the list had all %v after the last acknowledgement", time.Since(after))
			return
		case time.Since(after) > listBound:
			s.t.Fatalf("a minute after the last revocation %d are missing from the list", missing)
		}
		<-time.After(100 * time.Millisecond)
	}
}

func (s *storm) entries(der []byte) map[string]bool {
	s.t.Helper()
	l, err := x509.ParseRevocationList(der)
	if err == nil {
		err = l.CheckSignatureFrom(s.issuer)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	on := map[string]bool{}
	for _, e := range l.RevokedCertificateEntries {
		if e.ReasonCode != int(ca.KeyCompromise) {
			s.t.Errorf("%x is on the list for %d", e.SerialNumber, e.ReasonCode)
		}
		on[fmt.Sprintf("%x", new(big.Int).Set(e.SerialNumber))] = true
	}
	return on
}

// RV-02, R29: a thousand keys are reported as compromised, each twice, while front, signer
// and parent are killed: what was acknowledged is revoked by OCSP within five seconds of
// somebody listening, all are on the list within a minute, none is missed, and nothing else
// is touched.
func TestRV02_AStormOfRevocationsWhileProcessesDie(t *testing.T) {
	t.Parallel()
	s := newStorm(t)
	s.stocks(stormSize + stormSpared)
	if t.Failed() {
		t.FailNow()
	}
	began, done := time.Now(), make(chan struct{})
	wait := s.rages(done)
	killed := 0
	for raging := true; raging; {
		d := deaths[killed%len(deaths)]
		select {
		case <-done:
			raging = false
			continue
		case <-time.After(500*time.Millisecond + time.Duration(s.coins.Int64N(int64(time.Second)))):
		}
		children := s.family()
		for _, role := range d.roles {
			s.kills(role, children)
		}
		killed++
		if !d.stays {
			s.up() // what is left of the old service is ending meanwhile
			s.gone(children)
		}
	}
	last := time.Now()
	wait()
	s.listed(last)
	for _, one := range s.held[stormSize:] {
		status, err := s.asks(t.Context(), one)
		// A signer that was killed last may just be coming back: it is to be asked later.
		for asked := time.Now(); err == nil && status == ocsp.Unknown && time.Since(asked) < ocspBound; status, err = s.asks(t.Context(), one) {
			<-time.After(50 * time.Millisecond)
		}
		if err != nil || status != ocsp.Good {
			t.Errorf("%s, which nobody revoked, is %d, %v", one.name, status, err)
		}
	}
	t.Logf("%d deaths; OCSP took %v at most; all within %v", killed, s.slowest, time.Since(began))
	if len(s.acked) != stormSize || killed < len(deaths) {
		t.Errorf("%d of %d revocations were acknowledged, with %d deaths", len(s.acked), stormSize, killed)
	}
	if took := time.Since(began); took > stormBound {
		t.Errorf("it took %v", took)
	}
	s.ends(syscall.SIGINT)
}
