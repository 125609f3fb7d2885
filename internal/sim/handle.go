// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"io"
	"io/fs"
)

// A handle is an open file.
type handle struct {
	disk     *Disk
	node     *inode
	name     string
	readOnly bool
	closed   bool
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	switch {
	case h.disk.dead:
		return 0, ErrDead
	case h.closed:
		return 0, fs.ErrClosed
	case off >= h.node.now.size:
		return 0, io.EOF
	}
	n := h.node.now.read(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// begin is Disk.begin for a file that is open to be written.
func (h *handle) begin(op Op) (Outcome, error) {
	if h.closed || h.readOnly {
		return refused, fmt.Errorf("%s: %w", h.name, fs.ErrClosed)
	}
	return h.disk.begin(op, h.name)
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.closed || h.readOnly {
		return 0, fmt.Errorf("%s: %w", h.name, fs.ErrClosed)
	}
	data := append([]byte{}, p...)
	half := len(data) / 2
	outcome, err := h.disk.beginOn(WriteAt, h.name, h.node, change{at: off, data: data[:half]})
	n := len(data)
	switch outcome {
	case refused:
		return 0, err
	case Torn, Fail, Full:
		n = half
	}
	h.node.apply(change{at: off, data: data[:n]})
	return n, err
}

func (h *handle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	outcome, err := h.begin(Truncate)
	if changes(outcome) {
		h.node.apply(change{at: size})
	}
	return err
}

func (h *handle) Allocate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	outcome, err := h.begin(Allocate)
	if changes(outcome) && size > h.node.now.size {
		h.node.apply(change{at: size})
	}
	return err
}

func (h *handle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.closed || h.readOnly {
		return fmt.Errorf("%s: %w", h.name, fs.ErrClosed)
	}
	outcome, err := h.disk.beginOn(Sync, h.name, h.node, change{})
	switch outcome {
	case Done:
		// Only what is dirty is written: what a failed sync lost stays lost.
		for _, c := range h.node.debt {
			c.on(&h.node.stable)
		}
		h.node.debt = nil
	case Fail, Full:
		h.node.debt = nil // clean in the kernel's eyes, and lost
	}
	return err
}

func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.dead {
		return 0, ErrDead
	}
	return h.node.now.size, nil
}

func (h *handle) Close() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.closed = true
	return nil
}

// apply changes the page cache, and remembers that the disk does not know.
func (n *inode) apply(c change) {
	c.on(&n.now)
	n.debt = append(n.debt, c)
}

// on makes a change to a content.
func (c change) on(to *content) {
	if c.data == nil {
		to.resize(c.at)
	} else {
		to.write(c.at, c.data)
	}
}
