// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

const (
	// maxPublished is how many lists are looked for in a directory: more than there are
	// in the life of an installation whose authorities have some shards.
	maxPublished = 16384
	// pageEntries is how many entries are read to find one. A list of a million is
	// kept in mind as 16 000 places of 32 octets.
	pageEntries = 64
	// maxEntry bounds an entry in octets; ours have at most 55.
	maxEntry = 256
)

// Published names the lists that lie in a directory, as ca.ListName does, sorted.
func Published(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for the published lists: %w", err)
	}
	var names []string
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".crl")
		if !is || !listName(name) {
			continue
		}
		if names = append(names, name); len(names) > maxPublished {
			return nil, fmt.Errorf("more than %d lists lie in %s", maxPublished, dir)
		}
	}
	return names, nil
}

// Published gives what a published list says of itself, by the name that ca.ListName gives
// it; the complete one has that of its authority. It is false if there is none or it cannot
// be read.
func (p *Publisher) Published(name string) (ca.ListHead, bool) {
	authority, scope, ok := ca.SplitListName(name)
	if !ok {
		return ca.ListHead{}, false
	}
	h, err := p.head(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.o.Log.Error("a published list cannot be read", "list", name, "error", err)
		}
		return ca.ListHead{}, false
	}
	return ca.ListHead{Authority: authority, Scope: scope, Number: h.number, ThisUpdate: h.this, NextUpdate: h.next}, true
}

// A List is a published list that is open for reading. It stays the same though a
// newer one takes its place. It must be closed.
type List struct {
	// Number and dates are what the list says of itself; nothing vouches for it.
	Number                 int64
	ThisUpdate, NextUpdate time.Time

	file *os.File
	head head
	// index has the first of every pageEntries entries.
	index []place
	count int // entries, once index is made
}

// A place is where an entry of a list begins.
type place struct {
	serial [20]byte // big-endian, with zeros ahead
	at     int64
}

// Open opens the published list of a name (ca.ListName); fs.ErrNotExist if there is none.
func Open(dir, name string) (*List, error) {
	f, h, err := open(dir, name)
	if err != nil {
		return nil, err
	}
	return &List{Number: h.number, ThisUpdate: h.this, NextUpdate: h.next, file: f, head: h}, nil
}

// Close lets go of the file.
func (l *List) Close() error { return l.file.Close() }

// TBS gives the SHA-256 of the to-be-signed bytes.
func (l *List) TBS() (d ca.Digest, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(l.file, l.head.tbs.from, l.head.tbs.size)); err != nil {
		return d, fmt.Errorf("read a revocation list: %w", err)
	}
	return ca.Digest(h.Sum(nil)), nil
}

// Has tells whether a serial number is on the list, whose entries ascend as ours do.
// It reads the whole list the first time, and a few kilobytes every time.
func (l *List) Has(s ca.Serial) (bool, error) {
	if l.index == nil {
		if err := l.read(); err != nil {
			return false, fmt.Errorf("read a revocation list: %w", err)
		}
	}
	want := wide(s.Bytes())
	i, ok := slices.BinarySearchFunc(l.index, want, func(p place, serial [20]byte) int { return bytes.Compare(p.serial[:], serial[:]) })
	if ok || i == 0 {
		return ok, nil
	}
	from, to := l.index[i-1].at, l.head.entries.from+l.head.entries.size
	if i < len(l.index) {
		to = l.index[i].at
	}
	page := make([]byte, to-from)
	if _, err := l.file.ReadAt(page, from); err != nil {
		return false, fmt.Errorf("read a revocation list: %w", err)
	}
	for rest := cryptobyte.String(page); !rest.Empty(); {
		serial, _, ok := readEntry(&rest)
		if !ok {
			return false, errNoList
		}
		if serial == want {
			return true, nil
		}
	}
	return false, nil
}

// read goes through all entries, and notes where to look for them.
func (l *List) read() error {
	e := l.head.entries
	in := bufio.NewReaderSize(io.NewSectionReader(l.file, e.from, e.size), 64<<10)
	index := []place{}
	last := [20]byte{}
	n := 0
	for at := int64(0); at < e.size; n++ {
		window, err := in.Peek(int(min(maxEntry, e.size-at)))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		rest := cryptobyte.String(window)
		serial, size, ok := readEntry(&rest)
		if !ok || bytes.Compare(serial[:], last[:]) <= 0 {
			return errNoList
		}
		if n%pageEntries == 0 {
			index = append(index, place{serial, e.from + at})
		}
		if _, err := in.Discard(size); err != nil {
			return err
		}
		last = serial
		at += int64(size)
	}
	l.index, l.count = index, n
	return nil
}

// readEntry reads the serial number of one entry (RFC 5280 §5.1.2.6), and how many
// octets the entry has.
func readEntry(s *cryptobyte.String) (serial [20]byte, size int, ok bool) {
	before := len(*s)
	var entry, number cryptobyte.String
	if !s.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&number, asn1.INTEGER) {
		return serial, 0, false
	}
	octets := bytes.TrimLeft(number, "\x00")
	return wide(octets), before - len(*s), len(octets) <= len(serial)
}

// wide writes a number with zeros ahead, so that octets sort as numbers do.
func wide(octets []byte) (out [20]byte) {
	if len(octets) <= len(out) {
		copy(out[len(out)-len(octets):], octets)
	}
	return out
}
