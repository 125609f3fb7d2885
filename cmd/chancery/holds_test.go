// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"chancery/ca"
	"chancery/client"
)

// corpse looks at what is left when nobody lives: nothing that was acknowledged is
// missing even before anything is settled, and OpenSSL refuses what was revoked, with
// the lists as they lie on the disk.
func (k *killing) corpse(children map[int]string) (met map[string]int) {
	k.t.Helper()
	k.gone(children)
	l := layout{k.dir}
	if _, err := l.verified(k.t.Context(), false, k.told(), k.kept); err != nil {
		k.t.Errorf("before settling: %v", err)
	}
	met, err := l.met(k.t.Context(), k.told())
	if err != nil {
		k.t.Fatal(err)
	}
	k.tally.add(func(y *tally) {
		for row, n := range met {
			y.met[row] += n
		}
	})
	k.judges()
	return met
}

// judges lets OpenSSL judge one certificate that was revoked and one that was not, with
// the lists as they lie on the disk.
func (k *killing) judges() {
	k.t.Helper()
	lists, err := layout{k.dir}.shelved(append([]string{"root-g1"}, k.generations...)...)
	if err != nil {
		k.t.Fatal(err)
	}
	path := k.write("shelf.pem", lists)
	judge := func(c held, want string) {
		chain := k.write("chain.pem", c.chain)
		out, err := exec.CommandContext(k.t.Context(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", path, "-CAfile", k.root, "-untrusted", chain, chain).CombinedOutput()
		if (err == nil) != (want == ": OK") || !strings.Contains(string(out), want) {
			k.t.Errorf("openssl verify: %v, want %q\n%s", err, want, out)
		}
	}
	if k.listed != nil {
		judge(*k.listed, "certificate revoked")
	}
	for _, c := range k.callers {
		if len(c.open) > 0 {
			judge(c.open[0], ": OK")
			return
		}
	}
}

// told are all certificates that anybody was given.
func (k *killing) told() (all [][]byte) {
	for _, c := range k.callers {
		for _, v := range c.truth.told {
			all = append(all, v.der)
		}
	}
	return all
}

// holds checks the truth of all callers against a service that has just come up
// again, stops it, and verifies everything.
func (k *killing) holds() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), killWait)
	defer cancel()
	k.repeats(ctx, false)
	if err := k.asked(ctx, func(s *client.Client) error { return k.publishes(ctx, s) }); err != nil {
		k.t.Error(err)
	}
	k.ends(syscall.SIGINT)
	l := layout{k.dir}
	r, err := l.verified(k.t.Context(), true, k.told(), k.kept)
	if err != nil {
		k.t.Errorf("after settling: %v", err)
	}
	k.tally.add(func(y *tally) { y.met["S12"] += int(r.Agreement.Voids - k.voids) })
	k.voids = r.Agreement.Voids
	k.agrees()
	checkpoint, err := readSmall(l.checkpoint())
	if err != nil {
		k.t.Fatal(err)
	}
	k.kept = append(k.kept, checkpoint)
}

// repeats has all callers ask for what they have asked for, in this round or in all.
func (k *killing) repeats(ctx context.Context, every bool) {
	k.t.Helper()
	errs := make([]error, len(k.callers))
	var all sync.WaitGroup
	for i, c := range k.callers {
		all.Go(func() { errs[i] = k.asked(ctx, func(s *client.Client) error { return c.asks(ctx, s, every) }) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		k.t.Errorf("asked again: %v", err)
	}
}

// asked dials the service, and asks it something.
func (k *killing) asked(ctx context.Context, do func(*client.Client) error) error {
	return call(ctx, layout{k.dir}.socket("admin"), func(_ context.Context, s *client.Client) error { return do(s) })
}

// publishes has the list published: each revocation that was acknowledged is in the
// book and on the list, and nothing is that nobody asked for.
func (k *killing) publishes(ctx context.Context, s *client.Client) error {
	on := map[ca.Serial]bool{}
	for _, generation := range k.generations {
		if err := listed(ctx, s, generation, on); err != nil {
			return fmt.Errorf("the list of %s: %w", generation, err)
		}
	}
	for _, c := range k.callers {
		asked := map[ca.Serial]bool{}
		for _, v := range c.revoked {
			asked[v.serial] = true
			if !on[v.serial] {
				return fmt.Errorf("%s is revoked, and not on the list", v.name)
			}
		}
		for _, v := range c.unsure {
			asked[v.serial] = true
		}
		for _, v := range c.truth.told {
			if on[v.serial] && !asked[v.serial] {
				return fmt.Errorf("nobody asked to revoke %s, and it is on the list", v.name)
			}
		}
		if n := len(c.revoked); n > 0 {
			k.listed = &c.revoked[n-1]
			v, err := s.Certificate(ctx, k.listed.name)
			if err != nil || v.Certificate.Revoked == nil || v.Certificate.Revoked.Reason != ca.Superseded {
				return fmt.Errorf("%s is revoked, and in the book it stands as %+v: %w", k.listed.name, v.Certificate.Revoked, err)
			}
		}
	}
	return nil
}

// listed publishes the list of a generation, and enters what is on it.
func listed(ctx context.Context, s *client.Client, generation string, on map[ca.Serial]bool) error {
	if _, err := s.PublishList(ctx, generation, 0); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	der, err := s.CRL(ctx, generation)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	for _, e := range list.RevokedCertificateEntries {
		serial, err := ca.SerialFromBytes(e.SerialNumber.Bytes())
		if err != nil {
			return err
		}
		on[serial] = true
	}
	return nil
}
