// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
)

// AU-03: what the API says of the log verifies without it: a checkpoint that was kept is one
// for audit verify, each leaf is in the newest one, and the kept one is its beginning.
func TestAU03_TheAPIProvesItsLog(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	s := newStranger(h, nil)
	get := func(path, accept string) []byte {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://chancery/api/v1/audit/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		a, err := s.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", path, a.StatusCode, body, err)
		}
		return body
	}
	key, err := readAuditKey(layout{h.dir}.auditKey())
	if err != nil {
		t.Fatal(err)
	}
	proof := func(query string) (p ca.Proof, c audit.Checkpoint) {
		t.Helper()
		if err := json.Unmarshal(get("checkpoint"+query, "application/json"), &p); err != nil {
			t.Fatal(err)
		}
		origin, _, _ := strings.Cut(p.Checkpoint, "\n")
		log, err := audit.ParseLogID(strings.TrimPrefix(origin, "chancery/"))
		if err == nil {
			c, err = audit.ParseCheckpoint([]byte(p.Checkpoint), log, key)
		}
		if err != nil || c.Size != p.Size || ca.Digest(c.Root) != p.Root || p.Key != audit.VerifierKey(log, key) {
			t.Fatalf("%+v: %v", p, err)
		}
		return p, c
	}
	hashes := func(all []ca.Digest) (out []audit.Hash) {
		for _, d := range all {
			out = append(out, audit.Hash(d))
		}
		return out
	}
	_, old := proof("")
	kept := h.write("kept.txt", string(get("checkpoint", "text/plain")))
	if v := s.asks(s.request("nas.lab.example", altNames(t, "nas.lab.example"))); v.status != http.StatusCreated {
		t.Fatalf("%d %+v", v.status, v.problem)
	}
	tlsDoor{hand: h}.until("newer checkpoint", func() bool { _, now := proof(""); return now.Size > old.Size })
	var page struct {
		Items []struct {
			Index int64
			Leaf  []byte
		}
	}
	if err := json.Unmarshal(get("leaves?limit=500", "application/json"), &page); err != nil || len(page.Items) < 5 {
		t.Fatalf("%d leaves: %v", len(page.Items), err)
	}
	for _, l := range page.Items {
		if l.Index >= old.Size {
			break
		}
		p, now := proof("?leaf=" + strconv.FormatInt(l.Index, 10) + "&since=" + strconv.FormatInt(old.Size, 10))
		if err := audit.CheckInclusion(hashes(p.Inclusion), l.Index, now.Size, now.Root, l.Leaf); err != nil {
			t.Errorf("leaf %d: %v", l.Index, err)
		}
		if err := audit.CheckConsistency(hashes(p.Consistency), old.Size, old.Root, now.Size, now.Root); err != nil {
			t.Errorf("since %d: %v", old.Size, err)
		}
	}
	if v := h.done("audit", "verify", "--checkpoint", kept); !strings.Contains(v.out, "tree ✓") {
		t.Errorf("audit verify:\n%s", v.out)
	}
}
