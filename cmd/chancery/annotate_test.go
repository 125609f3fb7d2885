// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"chancery/ca"
)

func TestACertificateIsTaggedAndFoundByItsTag(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("sign", h.request("nas.lab.example"))
	h.done("sign", h.request("web.lab.example"))
	if s := h.done("annotate", "nas.lab.example", "--contact", "hana@lab.example", "--tag", "web,prod"); !strings.Contains(s.out, "contact hana@lab.example") || !strings.Contains(s.out, "tags prod, web") {
		t.Errorf("%s", s.out)
	}
	if s := h.done("annotate", "nas.lab.example", "--untag", "prod", "--dry-run"); !strings.Contains(s.out, "prod, web → web") || !strings.Contains(s.out, "nothing was changed") {
		t.Errorf("%s", s.out)
	}
	h.done("annotate", "nas.lab.example", "--tag", "edge")
	if s := h.done("list", "-q", "--tag", "web"); strings.Count(s.out, "\n") != 1 {
		t.Errorf("list --tag:\n%s", s.out)
	}
	if s := h.done("show", "nas.lab.example"); !strings.Contains(s.out, "hana@lab.example") || !strings.Contains(s.out, "edge, prod, web") {
		t.Errorf("show:\n%s", s.out)
	}
	h.done("annotate", "nas.lab.example", "--contact", "", "--untag", "web,prod")
	var page struct{ Items []ca.Certificate }
	if err := json.Unmarshal([]byte(h.done("list", "--tag", "edge", "--json").out), &page); err != nil || len(page.Items) != 1 || page.Items[0].Contact != "" || len(page.Items[0].Tags) != 1 {
		t.Errorf("%+v %v", page, err)
	}
	h.refused("E1401", "annotate", "nas.lab.example", "--tag", "Not A Tag")
	h.refused("E1101", "annotate", "nas.lab.example")
	h.refused("E2101", "annotate", "none.lab.example", "--tag", "x")
	if v := h.done("audit", "verify"); !strings.Contains(v.out, "tree ✓") {
		t.Errorf("audit verify:\n%s", v.out)
	}
}
