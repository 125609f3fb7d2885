// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// A stuckDisk keeps whoever begins to write a list until it is let go; or, late, whoever reads
// it for the second time, which is to sign it.
type stuckDisk struct {
	journal.FS
	begun, goOn chan struct{}
	stuck, late atomic.Bool
}

func (d *stuckDisk) OpenFile(name string, mode journal.Mode) (journal.File, error) {
	if mode != journal.Create || name != "state/list-issuing-g1.tbs" {
		return d.FS.OpenFile(name, mode)
	}
	if !d.late.Load() {
		d.wait()
	}
	f, err := d.FS.OpenFile(name, mode)
	return &lateFile{File: f, disk: d}, err
}

func (d *stuckDisk) wait() {
	if d.stuck.CompareAndSwap(true, false) {
		close(d.begun)
		<-d.goOn
	}
}

type lateFile struct {
	journal.File
	disk  *stuckDisk
	begun int // how often its first octet was read
}

func (f *lateFile) ReadAt(b []byte, at int64) (int, error) {
	if at == 0 {
		f.begun++
	}
	if f.begun == 2 {
		f.disk.wait()
	}
	return f.File.ReadAt(b, at)
}

// onStuckDisk gives a signer with an installation, on a disk that will hold it up.
func onStuckDisk(t *testing.T) (*site, signer.Founded, *stuckDisk) {
	t.Helper()
	dir := t.TempDir()
	disk, err := journal.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	stuck := &stuckDisk{FS: disk, begun: make(chan struct{}), goOn: make(chan struct{})}
	held := unopened(dir)
	held.Place.Disk = stuck
	if err := held.Open(); err != nil {
		t.Fatal(err)
	}
	s := running(t, held)
	f, err := s.Found(founding(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	return s, f, stuck
}

// listing begins to make lists of the issuing authority on a disk that holds them up, runs
// what is to happen meanwhile, and gives what came of them.
func listing(t *testing.T, meanwhile func(s *site, h ca.Session)) (s *site, all signer.Lists, err error) {
	t.Helper()
	return listingUntil(t, false, meanwhile)
}

// listingUntil is listing; late, they are on the log when the disk holds them up.
func listingUntil(t *testing.T, late bool, meanwhile func(s *site, h ca.Session)) (s *site, all signer.Lists, err error) {
	t.Helper()
	s, _, stuck := onStuckDisk(t)
	h := s.hello(0)
	stuck.late.Store(late)
	stuck.stuck.Store(true)
	made := make(chan struct{})
	go func() {
		defer close(made)
		all, err = s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1"})
	}()
	<-stuck.begun
	meanwhile(s, h)
	close(stuck.goOn)
	<-made
	return s, all, err
}

// Nobody waits while a list is made: another front may say hello, certificates are issued
// and revoked. What is revoked meanwhile is on the next list and not on this one, whose
// leaf says so.
func TestNobodyWaitsForAList(t *testing.T) {
	var one, other ca.Answer
	s, all, err := listing(t, func(s *site, h ca.Session) {
		h = s.hello(0)
		p := profiles(t, h)["server"]
		csr := csrBy(t, "a.lab.example", p256...)
		one, other = s.issued(h, wish(1, csr, p)), s.issued(h, wish(2, csr, p))
		if a := s.revoke(h, one, 1, ca.Superseded); a.Problem != nil {
			t.Error(a.Problem)
		}
		if l, err := s.PlanList(h.Number, ca.ListWish{Authority: "issuing-g1"}); err != nil || l.Entries != 1 {
			t.Errorf("the plan meanwhile: %+v, %v", l, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l.Entries != 0 || l.Leaves > one.Index {
			t.Errorf("%+v has what was revoked after its moment", l.ListBody)
		}
	}
	number := all[0].Number
	if err := all.Close(); err != nil {
		t.Fatal(err)
	}
	h := s.hello(0)
	s.revoke(h, other, 1, ca.Superseded)
	for _, l := range s.set(h, ca.ListWish{Authority: "issuing-g1", Part: ca.ChangedLists}) {
		if l.Entries != 2 || l.Number <= number {
			t.Errorf("%s has %d entries and number %d after %d", l.Name(), l.Entries, l.Number, number)
		}
	}
	if s.Remembers() != "" {
		t.Error(s.Remembers())
	}
}

// What changed while a list was made is not signed over: a key that was locked signs no more,
// and lists of an authority that was turned are asked for again. Then there is no leaf.
func TestAListIsNotSignedOverWhatChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		does func(s *site) error
		code ca.Code
	}{
		"locked": {func(s *site) error { _, err := s.Lock(); return err }, ca.E3001},
		"retiring": {func(s *site) error {
			_, err := s.Turn(signer.Turn{Authority: "issuing-g1", To: ca.Retiring, Confirm: "issuing-g1"})
			return err
		}, ca.E2301},
	} {
		t.Run(name, func(t *testing.T) {
			before := 0
			s, _, err := listing(t, func(s *site, _ ca.Session) {
				before = s.count(audit.CRL)
				if err := tt.does(s); err != nil {
					t.Error(err)
				}
			})
			if !isCode(err, tt.code) || s.count(audit.CRL) != before {
				t.Errorf("%v; %d leaves", err, s.count(audit.CRL)-before)
			}
			left, err := filepath.Glob(filepath.Join(s.Dir, "state", "list-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// Lists that are on the log, and whose key is locked before they are signed, are not refused:
// whoever asked must ask for all again, since the signer makes no shard twice of the same.
func TestListsThatAreLostAreNotRefused(t *testing.T) {
	before := 0
	s, _, err := listingUntil(t, true, func(s *site, _ ca.Session) {
		before = s.count(audit.CRL)
		if _, err := s.Lock(); err != nil {
			t.Error(err)
		}
	})
	var why *ca.Problem
	if !errors.As(err, &why) || why.Code != ca.E2301 || why.Kind != ca.UnavailableKind {
		t.Errorf("%+v", err)
	}
	if before != 6 || s.count(audit.CRL) != before {
		t.Errorf("%d leaves of lists as the key was locked, want 6; %d in the end", before, s.count(audit.CRL))
	}
}

// RV-04, RV-05, ADR 0022: lists that were promised in the log, and whose key was locked before
// they were signed, are lost for good. Those made after unlocking have a higher number and all
// that was revoked before, between and after; their delta stands on a list that somebody has, so
// that OpenSSL refuses by either; and audit verify takes the lost ones for no difference.
func TestRV04_AfterListsThatWerePromisedAndLostAllIsOnTheNext(t *testing.T) {
	s, f, stuck := onStuckDisk(t)
	h := s.hello(0)
	var issued []ca.Answer
	for i, name := range []string{"before", "between", "after", "good"} {
		issued = append(issued, s.issued(h, wish(i+1, csrBy(t, name+".lab.example", p256...), profiles(t, h)["server"])))
	}
	published := s.set(h, ca.ListWish{Authority: "issuing-g1"})[0]
	s.revoke(h, issued[0], 1, ca.Superseded)
	stuck.late.Store(true)
	stuck.stuck.Store(true)
	made := make(chan error)
	go func() {
		_, err := s.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g1", Published: published.Number})
		made <- err
	}()
	<-stuck.begun
	if _, err := s.Lock(); err != nil {
		t.Error(err)
	}
	s.revoke(h, issued[1], 1, ca.KeyCompromise)
	close(stuck.goOn)
	if err := <-made; !isCode(err, ca.E2301) {
		t.Fatalf("the lists were signed: %v", err)
	}
	lost := s.Newest("issuing-g1")
	if _, err := s.Unlock(signer.Unlocking{}); err != nil {
		t.Fatal(err)
	}
	h = s.hello(0)
	s.revoke(h, issued[2], 1, ca.Superseded)
	all := s.set(h, ca.ListWish{Authority: "issuing-g1", Published: published.Number})
	complete, delta := all[0], all[1]
	bases := map[int64][]byte{published.Number: published.der}
	if first, err := x509.ParseRevocationList(f.Lists["issuing-g1"]); err == nil {
		bases[first.Number.Int64()] = f.Lists["issuing-g1"]
	}
	if lost <= published.Number || complete.Number <= lost || delta.Number != complete.Number || bases[delta.Base] == nil {
		t.Fatalf("list %d was published and %d lost; then %d and a delta %d on %d", published.Number, lost, complete.Number, delta.Number, delta.Base)
	}
	for what, lists := range map[string][][]byte{"the complete list": {complete.der}, "the base and the delta": {bases[delta.Base], delta.der}} {
		if got := opensslTakes(t, f, issued, lists); !slices.Equal(got, []bool{false, false, false, true}) {
			t.Errorf("by %s OpenSSL takes %v", what, got)
		}
	}
	s.stop()
	if a := agreement(t, s.Dir, f, complete, delta); a.Count != 0 || a.Compared != 2 {
		t.Errorf("audit verify: %+v", a)
	}
}

// opensslTakes says which certificates pass by lists, with the root's.
func opensslTakes(t *testing.T, f signer.Founded, issued []ca.Answer, lists [][]byte) (takes []bool) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, ders ...[]byte) string {
		t.Helper()
		var text []byte
		for _, der := range ders {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	above := map[ca.AuthorityKind]string{}
	for _, a := range f.Authorities {
		above[a.Kind] = write(a.Name, "CERTIFICATE", a.Certificate)
	}
	crls := write("lists", "X509 CRL", append(slices.Clone(lists), f.Lists["root-g1"])...)
	for _, one := range issued {
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-use_deltas", "-CRLfile", crls,
			"-CAfile", above[ca.Root], "-untrusted", above[ca.Issuing], write("leaf", "CERTIFICATE", one.DER)).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "certificate revoked") {
			t.Errorf("openssl: %s", out)
		}
		takes = append(takes, err == nil)
	}
	return takes
}

// agreement holds lists against the log of a signer that is stopped.
func agreement(t *testing.T, dir string, f signer.Founded, lists ...madeList) audit.ListAgreement {
	t.Helper()
	key, err := x509.ParsePKIXPublicKey(f.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	var all []audit.PublishedList
	for _, l := range lists {
		all = append(all, audit.PublishedList{Name: l.Name(), Number: l.Number, TBS: sha256.Sum256(l.list.RawTBSRevocationList), Has: func(s ca.Serial) (bool, error) {
			return slices.ContainsFunc(l.list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
				return bytes.Equal(e.SerialNumber.Bytes(), s.Bytes())
			}), nil
		}})
	}
	v := audit.Verification{Key: key.(ed25519.PublicKey), Lists: audit.NewLists(all)}
	if v.Newest, err = os.ReadFile(filepath.Join(dir, "state", "checkpoint")); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "journal", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range segments {
		v.Segments = append(v.Segments, audit.SegmentFile{Name: filepath.Base(path), Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	if _, err := audit.Verify(v); err != nil {
		t.Fatal(err)
	}
	return v.Lists.Agreement()
}

// BenchmarkHello opens sessions while all lists of a million entries in 100 shards are made.
func BenchmarkHello(b *testing.B) {
	c := ceremonial(b)
	q := c.creation("issuing-g2", "root-g1", ca.Issuing)
	q.Shards = 100
	c.creates(q)
	c.Grow("issuing-g2", 1_000_000)
	var took []time.Duration
	for b.Loop() {
		c.Rest()
		h, made := c.hello(0), make(chan struct{})
		go func() {
			defer close(made)
			c.set(h, ca.ListWish{Authority: "issuing-g2"})
		}()
		for going := true; going; {
			select {
			case <-made:
				going = false
			case <-time.After(50 * time.Millisecond): // by then it has looked
				at := time.Now()
				c.hello(0)
				took = append(took, time.Since(at))
			}
		}
	}
	b.ReportMetric(float64(slices.Max(took).Microseconds()), "µs-longest")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-hello")
}
