// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"iter"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/hierarchy"
)

// The keys of authorities whose lists are shown to verifiers.
var listKeys = []string{"ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048"}

// Holders of the lists' world: lost is revoked since the base of the delta, back was held
// on it and is not any more.
var listHolders = []string{"good", "held", "revoked", "lost", "back"}

// truth is who is good by the lists of now, and before who was by the list of before.
const truth, before = "good back", "good lost"

// entriesOf gives entries as often as they are asked for.
func entriesOf(all []ca.Entry) func() iter.Seq2[ca.Entry, error] {
	slices.SortFunc(all, func(a, b ca.Entry) int { return strings.Compare(string(a.Serial), string(b.Serial)) })
	return func() iter.Seq2[ca.Entry, error] {
		return func(yield func(ca.Entry, error) bool) {
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// signed is a list in DER.
func (w *world) signed(l encode.List, all ...ca.Entry) []byte {
	w.t.Helper()
	var tbs, der bytes.Buffer
	l.ThisUpdate, l.NextUpdate = w.now.Add(-time.Minute), w.now.AddDate(0, 0, 7)
	size, err := l.TBS(&tbs, entriesOf(all))
	if err != nil {
		w.t.Fatal(err)
	}
	_, hash, err := encode.SignatureAlgorithm(l.Issuer.KeyType)
	if err != nil {
		w.t.Fatal(err)
	}
	sig, err := crypto.SignMessage(hierarchy.Keys()[l.Issuer.KeyType], rand.Reader, tbs.Bytes(), hash)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := encode.SignedCRL(&der, &tbs, size, l.Issuer.KeyType, sig); err != nil {
		w.t.Fatal(err)
	}
	return der.Bytes()
}

// listed writes an authority with a key of one type, its certificates and its lists into
// a directory: NAME.pem and NAME.crl, and sets of lists in PEM.
func listed(t *testing.T, keyType string) (dir string) {
	t.Helper()
	w := newWorld(t)
	dir = t.TempDir()
	file := func(name, label string, ders ...[]byte) {
		var b bytes.Buffer
		for _, der := range ders {
			if err := pem.Encode(&b, &pem.Block{Type: label, Bytes: der}); err != nil {
				t.Fatal(err)
			}
		}
		w.file(filepath.Join(dir, name+".pem"), b.Bytes())
	}
	root := w.authority("root-"+keyType, keyType, nil)
	issuing := w.authority("issuing-"+keyType, keyType, root)
	issuing.Shards = 2
	file("root", "CERTIFICATE", root.Certificate)
	file("issuing", "CERTIFICATE", issuing.Certificate)
	serials := map[string]ca.Serial{}
	for _, name := range listHolders {
		h, serial := w.holder(name, issuing, "server", "client")
		serials[name] = serial
		chain, err := os.ReadFile(h.Chain)
		if err != nil {
			t.Fatal(err)
		}
		key, err := os.ReadFile(h.Key)
		if err != nil {
			t.Fatal(err)
		}
		w.file(filepath.Join(dir, name+"-chain.pem"), chain)
		w.file(filepath.Join(dir, name+".key"), key)
		w.file(filepath.Join(dir, name+"-all.pem"), slices.Concat(key, chain))
		block, _ := pem.Decode(chain)
		file(name, "CERTIFICATE", block.Bytes)
	}
	entry := func(name string, why ca.Reason) ca.Entry {
		return ca.Entry{Serial: serials[name], At: w.now.Add(-time.Hour), Reason: why}
	}
	held, revoked, lost := entry("held", ca.CertificateHold), entry("revoked", ca.KeyCompromise), entry("lost", ca.Superseded)
	freshest := issuing.ListAddress(ca.DeltaList)
	lists := map[string][]byte{
		"root":     w.signed(encode.List{Issuer: *root, Number: 100}),
		"arl":      w.signed(encode.List{Issuer: *root, Number: 100, Authorities: true}),
		"before":   w.signed(encode.List{Issuer: *issuing, Number: 100, Freshest: freshest}, held, revoked, entry("back", ca.CertificateHold)),
		"complete": w.signed(encode.List{Issuer: *issuing, Number: 200, Freshest: freshest}, held, revoked, lost),
		"delta":    w.signed(encode.List{Issuer: *issuing, Number: 200, Base: 100}, lost, entry("back", ca.RemoveFromCRL)),
	}
	for i := range 2 {
		var on []ca.Entry
		for _, e := range []ca.Entry{held, revoked, lost} {
			if ca.ShardOf(e.Serial.Bytes(), 2) == i {
				on = append(on, e)
			}
		}
		lists[fmt.Sprint("shard", i)] = w.signed(encode.List{Issuer: *issuing, Number: 200, Point: issuing.ListAddress(ca.ShardList(i))}, on...)
	}
	for name, der := range lists {
		w.file(filepath.Join(dir, name+".crl"), der)
	}
	for name, of := range map[string]string{"complete": "complete root", "before": "before root", "deltas": "before delta root", "shards": "shard0 shard1 root", "half": "shard0 root", "arls": "complete arl"} {
		var ders [][]byte
		for _, one := range strings.Fields(of) {
			ders = append(ders, lists[one])
		}
		file(name+"-lists", "X509 CRL", ders...)
	}
	return dir
}

// A verifier says whom it accepts with a set of lists.
type verifier struct {
	name, set string
	want      string
	// says is the command that judges a holder's certificate, and accepts what it says of
	// one that is good.
	says    func(dir, holder, lists string) *exec.Cmd
	accepts string
	// lacks are key types that it does not know.
	lacks string
}

func openSSL(flags ...string) func(dir, holder, lists string) *exec.Cmd {
	return func(_, holder, lists string) *exec.Cmd {
		args := append([]string{"verify", "-x509_strict", "-crl_check_all", "-CRLfile", lists, "-CAfile", "root.pem", "-untrusted", "issuing.pem"}, flags...)
		return exec.Command("openssl", append(args, holder+".pem")...) //nolint:gosec // names of this test
	}
}

func gnuTLS(dir, holder, lists string) *exec.Cmd {
	c := exec.Command("certtool", "--verify", "--verify-profile", "medium", "--load-ca-certificate", "root.pem", "--load-crl", lists)
	var chain []byte
	for _, name := range []string{holder, "issuing", "root"} {
		b, _ := os.ReadFile(filepath.Join(dir, name+".pem")) // what is missing is refused
		chain = append(chain, b...)
	}
	c.Stdin = bytes.NewReader(chain)
	return c
}

// nss judges with the lists that were imported into its database.
func nss(_, holder, lists string) *exec.Cmd {
	return exec.Command("vfychain", "-d", "nss-"+strings.TrimSuffix(lists, "-lists.pem"), "-pp", "-u", "1", "-g", "leaf", "-m", "crl", "-a", holder+".pem", "-a", "issuing.pem")
}

// imported makes a database of NSS with the lists of a set, and gives those that it refuses.
func imported(t *testing.T, dir, set string, lists ...string) (refused string) {
	t.Helper()
	db := "nss-" + set
	if err := os.Mkdir(filepath.Join(dir, db), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"certutil -N --empty-password", "certutil -A -n root -t C,C,C -i root.pem", "certutil -A -n issuing -t ,, -i issuing.pem"} {
		words := strings.Fields(line)
		c := exec.Command(words[0], append(words[1:], "-d", db)...) //nolint:gosec // names of this test
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	for _, list := range lists {
		c := exec.Command("crlutil", "-I", "-t", "1", "-i", list+".crl", "-d", db) //nolint:gosec // names of this test
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			refused += " " + list
		}
	}
	return strings.TrimSpace(refused)
}

// everyVerifier is what was tried. Where one does not judge by the truth, docs/revocation.md
// says so.
func everyVerifier() []verifier {
	const trusted = "Chain verification output: Verified. The certificate is trusted."
	ossl := func(set, want string, flags ...string) verifier {
		return verifier{name: "openssl " + strings.Join(flags, " "), set: set, want: want, says: openSSL(flags...), accepts: ": OK"}
	}
	tls := func(set, want string) verifier {
		return verifier{name: "certtool", set: set, want: want, says: gnuTLS, accepts: trusted}
	}
	mozilla := func(set, want string) verifier {
		return verifier{name: "NSS", set: set, want: want, says: nss, accepts: "Chain is good!", lacks: "ed25519"}
	}
	return []verifier{
		ossl("complete", truth), ossl("complete", truth, "-use_deltas"), ossl("complete", truth, "-extended_crl"), ossl("arls", truth),
		ossl("before", before), ossl("deltas", before), ossl("deltas", truth, "-use_deltas"), ossl("shards", truth), ossl("shards", truth, "-extended_crl"),
		tls("complete", truth), tls("before", before), tls("arls", truth),
		tls("deltas", "good held revoked"),                                            // the delta takes the place of the list
		tls("shards", "good held lost back"),                                          // one shard takes the place of the other
		mozilla("complete", truth), mozilla("before", before), mozilla("arls", truth), // it refuses to import a list of authorities
		mozilla("deltas", before),                        // it refuses to import a delta
		mozilla("shards", "good held revoked lost back"), // or a shard: nobody is refused
	}
}

// Done by real verifiers: held and revoked certificates are refused, others accepted, by
// issuers of each type of key: with complete lists, with lists of authorities, and by
// OpenSSL with deltas and shards, by Java with shards.
func TestVerifiersJudgeByEachKindOfList(t *testing.T) {
	t.Parallel()
	var dirs []string
	for _, keyType := range listKeys {
		dirs = append(dirs, listed(t, keyType))
	}
	for i, keyType := range listKeys {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			dir := dirs[i]
			if keyType != "ed25519" {
				for set, lists := range map[string]string{"complete": "complete root", "before": "before root", "deltas": "before delta root", "shards": "shard0 shard1 root", "arls": "complete arl"} {
					want := map[string]string{"deltas": "delta", "shards": "shard0 shard1", "arls": "arl"}[set]
					if refused := imported(t, dir, set, strings.Fields(lists)...); refused != want {
						t.Errorf("NSS refuses %q of the %s", refused, set)
					}
				}
			}
			for _, v := range everyVerifier() {
				if v.lacks == keyType {
					continue
				}
				var good []string
				for _, holder := range listHolders {
					c := v.says(dir, holder, v.set+"-lists.pem")
					c.Dir = dir
					if out, _ := c.CombinedOutput(); bytes.Contains(out, []byte(v.accepts)) {
						good = append(good, holder)
					}
				}
				if got := strings.Join(good, " "); got != v.want {
					t.Errorf("%s with the lists %s accepts %q, not %q", v.name, v.set, got, v.want)
				}
			}
			curls(t, dir)
		})
	}
	sets := []string{"complete", "before", "deltas", "shards", "arls"}
	want := strings.Repeat("complete: "+truth+"\nbefore: "+before+"\ndeltas: "+before+"\nshards: "+truth+"\narls: "+truth+"\n", len(dirs))
	args := append([]string{"-XX:TieredStopAtLevel=1", "testdata/Lists.java", strings.Join(listHolders, " "), strings.Join(sets, " ")}, dirs...)
	if out, err := exec.CommandContext(t.Context(), "java", args...).CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("Java: %v\n%s", err, out)
	}
}

// curls has curl look at servers with the certificates.
func curls(t *testing.T, dir string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(filepath.Join(dir, h.ServerName+"-chain.pem"), filepath.Join(dir, h.ServerName+".key"))
		return &c, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") })}
	defer server.Close() //nolint:errcheck // a test's
	go server.Serve(l)   //nolint:errcheck // ends with Close
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for set, want := range map[string]string{"complete": truth, "deltas": before, "shards": truth, "arls": truth} {
		var good []string
		for _, holder := range listHolders {
			c := exec.CommandContext(t.Context(), "curl", "-s", "--cacert", "root.pem", "--crlfile", set+"-lists.pem", "--resolve", holder+":"+port+":127.0.0.1", "https://"+holder+":"+port+"/") //nolint:gosec // names of this test
			c.Dir = dir
			if out, _ := c.CombinedOutput(); string(out) == "in" {
				good = append(good, holder)
			}
		}
		if got := strings.Join(good, " "); got != want {
			t.Errorf("curl with the lists %s accepts %q, not %q", set, got, want)
		}
	}
}
