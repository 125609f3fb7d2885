// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
	"chancery/client"
	"chancery/signer"
	"chancery/signer/wire"
)

// switchDelay is the longest time between the call that activates a generation and a
// death.
const switchDelay = 20 * time.Millisecond

// turns activates a generation.
func (k *killing) turns(ctx context.Context, name string) error {
	_, err := wire.Dial(dialPath(layout{k.dir}.socket("ceremony"))).Turn(ctx, signer.Turn{Authority: name, To: ca.Active})
	return err
}

// rollover makes the next generation while clients call, and has somebody die while it
// is activated. Then it must be active, or must become so; from there on it signs, and
// the one before has its list made, with what was revoked of it.
func (k *killing) rollover(d death) {
	k.t.Helper()
	before := k.generations[len(k.generations)-1]
	next := fmt.Sprintf("issuing-g%d", len(k.generations)+1)
	k.begins()
	ctx, cancel := context.WithTimeout(k.t.Context(), killWait)
	defer cancel()
	l := &load{served: make(chan struct{}), stays: d.stays}
	served := k.calling(ctx, l)
	select {
	case <-l.served:
	case <-ctx.Done():
		k.t.Fatal("nobody was served within a minute")
	}
	k.done("ca", "create", next, "--standby", "--yes", "--recovery-file", k.file("words"))
	k.generations = append(k.generations, next)
	children := k.family()
	turned := make(chan error, 1)
	go func() { turned <- k.turns(ctx, next) }()
	<-time.After(time.Duration(k.coins.Int64N(int64(switchDelay))))
	for _, role := range d.roles {
		k.kills(role, children)
	}
	died := time.Now()
	l.killed.Store(true)
	switch {
	case d.stays:
		if n := served(); n != killCallers {
			k.t.Errorf("%s died: %d of %d callers are served again", d.name, n, killCallers)
		}
	case d.name == "everybody":
		served()
		k.gone(children)
		k.begins()
	default:
		k.begins()
		served()
		k.gone(children)
	}
	back := time.Since(died)
	k.switched(ctx, before, next, <-turned)
	k.holds()
	k.judges()
	k.tally.add(func(y *tally) { y.kills[d.name]++; y.interrupted = max(y.interrupted, back) })
}

// switched sees that an activation holds if it was answered, and repeats it if it was
// not; without a restart the new generation signs then.
func (k *killing) switched(ctx context.Context, before, next string, answer error) {
	k.t.Helper()
	state := func() (a ca.Authority) {
		k.t.Helper()
		if err := k.asked(ctx, func(s *client.Client) (err error) {
			if _, err = s.Profiles(ctx); err == nil { // settled
				a, err = s.Authority(ctx, next)
			}
			return err
		}); err != nil {
			k.t.Fatal(err)
		}
		return a
	}
	if a := state(); answer == nil && a.State != ca.Active {
		k.t.Errorf("%s was activated, and is %s", next, a.State)
	} else if a.State != ca.Active {
		if err := k.turns(ctx, next); err != nil {
			k.t.Errorf("activate %s again, after %v: %v", next, answer, err)
		}
		k.tally.add(func(y *tally) { y.met["activated again"]++ })
	}
	c := k.callers[0]
	if err := k.asked(ctx, func(s *client.Client) error {
		for range 3 {
			v, err := issued(ctx, s, client.Order{CSR: c.requests[0], Profile: "server"})
			if err != nil {
				return err
			}
			if !strings.HasPrefix(v.name, next+"-") {
				return fmt.Errorf("%s is active, and the certificate is %s", next, v.name)
			}
			c.takes(v)
		}
		return k.revokesOf(ctx, s, before)
	}); err != nil {
		k.t.Error(err)
	}
}

// revokesOf revokes a certificate of a generation.
func (k *killing) revokesOf(ctx context.Context, s *client.Client, generation string) error {
	for _, c := range k.callers {
		for i, v := range c.open {
			if !strings.HasPrefix(v.name, generation+"-") {
				continue
			}
			if _, err := s.Revoke(ctx, v.name, ca.Withdrawal{Reason: ca.Superseded}); err != nil {
				return fmt.Errorf("revoke %s: %w", v.name, err)
			}
			c.open = append(c.open[:i:i], c.open[i+1:]...)
			c.revoked = append(c.revoked, v)
			return nil
		}
	}
	return errors.New("nobody has a certificate of " + generation)
}

// verifiesAll holds every certificate that anybody has against the generation whose
// name it has, and against the chain that it was served with.
func (k *killing) verifiesAll() {
	k.t.Helper()
	var all []ca.Authority
	if err := k.asked(k.t.Context(), func(s *client.Client) (err error) {
		all, err = s.Authorities(k.t.Context())
		return err
	}); err != nil {
		k.t.Fatal(err)
	}
	by, roots := map[string]*x509.Certificate{}, x509.NewCertPool()
	for _, a := range all {
		x, err := x509.ParseCertificate(a.Certificate)
		if err != nil {
			k.t.Fatal(err)
		}
		if by[a.Name] = x; a.Kind == ca.Root {
			roots.AddCert(x)
		}
	}
	for _, c := range k.callers {
		for _, v := range c.truth.told {
			x, err := x509.ParseCertificate(v.der)
			if err != nil {
				k.t.Fatal(err)
			}
			generation := v.name[:strings.LastIndex(v.name, "-")]
			served := x509.NewCertPool()
			served.AppendCertsFromPEM([]byte(v.chain))
			_, err = x.Verify(x509.VerifyOptions{Roots: roots, Intermediates: served})
			if up := by[generation]; up == nil || x.CheckSignatureFrom(up) != nil || err != nil {
				k.t.Errorf("%s does not verify: %v", v.name, err)
			}
		}
	}
}

// BK-05, IS-10, R2: the next generation is activated under load, and somebody is killed
// at that moment: nothing that was acknowledged is lost, the new one signs without a
// restart, and the one before goes on with its list.
func TestFT02BK05_KilledWhileAGenerationIsActivatedUnderLoad(t *testing.T) {
	t.Parallel()
	const installations = 2
	seed, y := killSeed(t), newTally()
	t.Cleanup(func() { t.Log(y) })
	for n := range uint64(installations) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, y, seed, 200+n)
			rounds := killings(len(deaths), 60) / installations
			for r := range rounds {
				if k.rollover(deaths[(int(n)*rounds+r)%len(deaths)]); t.Failed() { //nolint:gosec // few
					t.FailNow()
				}
			}
			k.begins()
			k.verifiesAll()
			k.repeats(t.Context(), true)
			k.ends(syscall.SIGINT)
			k.counted()
		})
	}
}
