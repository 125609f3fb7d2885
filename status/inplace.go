// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// What was placed, or found and judged, is remembered, to notice that somebody else put another
// file there: an older list from a backup, say, by which those that were revoked since are good
// again.
type inPlace struct {
	mu   sync.Mutex
	path map[string]placedFile
}

type placedFile struct {
	number int64
	info   fs.FileInfo
}

// placed notes the file that was just put in its place, with the number that it says of itself.
func (p *inPlace) placed(path string, number int64) {
	info, err := os.Stat(path)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		delete(p.path, path)
		return
	}
	p.note(path, placedFile{number, info})
}

// note remembers a file. The caller holds mu.
func (p *inPlace) note(path string, f placedFile) {
	if p.path == nil {
		p.path = map[string]placedFile{}
	}
	p.path[path] = f
}

// is tells whether what lies at a path is the file that is remembered. It looks at the file's
// identity, its time and its size: the octets of a large list are too many to be read every few
// seconds.
func (f placedFile) is(info fs.FileInfo) bool {
	return f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime())
}

// exchanged says, once, why what lies at a path is not what was placed or judged before, and is
// not newer: it is gone, older, or not its authority's; nil if it is well. What is not its
// authority's, as judge tells, is taken away: clients refuse it, and the number that it gives
// itself would keep a new one out. Nobody may place a file there meanwhile.
func (p *inPlace) exchanged(path string, judge func() (number int64, forged error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known := p.path[path]
	info, err := os.Stat(path)
	if err != nil {
		delete(p.path, path)
		if known {
			return fmt.Errorf("it is gone: %w", cause(err))
		}
		return nil
	}
	if was.is(info) {
		return nil
	}
	number, err := judge()
	var unread *fs.PathError
	switch {
	case errors.As(err, &unread):
		return nil // who serves it says so, and what cannot be read is replaced
	case err != nil:
		delete(p.path, path)
		return errors.Join(err, os.Remove(path))
	case number < was.number:
		delete(p.path, path)
		return fmt.Errorf("it is number %d, and number %d was there", number, was.number)
	}
	p.note(path, placedFile{number, info})
	return nil
}
