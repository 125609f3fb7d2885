// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"fmt"
	"testing"
)

// A node is one element of DER in a form that can be bent and written again.
type node struct {
	tag  byte
	kids []*node // of constructed elements, and of OCTET STRINGs that hold DER
	body []byte  // of all others
}

// grow reads DER into nodes; ok is false if the bytes are none.
func grow(b []byte) (list []*node, ok bool) {
	for len(b) > 0 {
		if len(b) < 2 {
			return nil, false
		}
		n, head, length := &node{tag: b[0]}, 2, int(b[1])
		switch {
		case length == 0x81 && len(b) > 2:
			head, length = 3, int(b[2])
		case length == 0x82 && len(b) > 3:
			head, length = 4, int(b[2])<<8|int(b[3])
		case length >= 0x80:
			return nil, false
		}
		if len(b) < head+length {
			return nil, false
		}
		content := b[head : head+length]
		if n.tag&0x20 != 0 || n.tag == 0x04 {
			n.kids, ok = grow(content)
			if !ok && n.tag&0x20 != 0 {
				return nil, false
			}
		}
		if n.kids == nil {
			n.body = bytes.Clone(content)
		}
		if !bytes.Equal(n.der(), b[:head+length]) { // random octets that looked like DER
			n.kids, n.body = nil, bytes.Clone(content)
		}
		list, b = append(list, n), b[head+length:]
	}
	return list, true
}

// der writes a node with minimal lengths.
func (n *node) der() []byte {
	content := bytes.Clone(n.body)
	for _, k := range n.kids {
		content = append(content, k.der()...)
	}
	return append(header(n.tag, len(content)), content...)
}

func header(tag byte, length int) []byte {
	switch {
	case length < 0x80:
		return []byte{tag, byte(length)}
	case length < 0x100:
		return []byte{tag, 0x81, byte(length)}
	}
	return []byte{tag, 0x82, byte(length >> 8), byte(length)}
}

// tree reads a TBSCertificate.
func tree(t testing.TB, tbs []byte) *node {
	t.Helper()
	list, ok := grow(tbs)
	if !ok || len(list) != 1 || !bytes.Equal(list[0].der(), tbs) {
		t.Fatalf("not one element of DER: %x", tbs)
	}
	return list[0]
}

// walk visits every node with its parent and place; path is for messages.
func walk(n *node, path string, visit func(parent *node, i int, path string)) {
	for i := range n.kids {
		at := fmt.Sprintf("%s/%d:%02x", path, i, n.kids[i].tag)
		visit(n, i, at)
		walk(n.kids[i], at, visit)
	}
}

// bend replaces a parent's children for the time of then.
func bend(parent *node, kids []*node, then func()) {
	old := parent.kids
	parent.kids = kids
	then()
	parent.kids = old
}

// leafNode is a primitive element.
func leafNode(tag byte, body ...byte) *node { return &node{tag: tag, body: body} }

// extensionNode finds an extension by the content of its identifier.
func extensionNode(t testing.TB, root *node, oid string) (list *node, i int) {
	t.Helper()
	list = root.kids[len(root.kids)-1].kids[0]
	for i, e := range list.kids {
		if string(e.kids[0].body) == oid {
			return list, i
		}
	}
	t.Fatalf("no extension %x", oid)
	return nil, 0
}
