// SPDX-License-Identifier: Apache-2.0

package status

import (
	"io/fs"
	"os"
	"sync"
)

// What was placed is remembered, to notice that somebody else put another file there: an
// older list from a backup, say, by which those that were revoked since are good again.
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
	if p.path == nil {
		p.path = map[string]placedFile{}
	}
	if err != nil {
		delete(p.path, path)
		return
	}
	p.path[path] = placedFile{number, info}
}

// exchanged tells, once, whether what lies at a path is gone, or is another file than was
// placed, and no newer one. It looks at the file's identity, its time and its size: the
// octets of a large list are too many to be read every few seconds.
func (p *inPlace) exchanged(path string, number func() (int64, error)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, known := p.path[path]
	if !known {
		return false
	}
	info, err := os.Stat(path)
	if err == nil && os.SameFile(info, was.info) && info.Size() == was.info.Size() && info.ModTime().Equal(was.info.ModTime()) {
		return false
	}
	if now, err := number(); err == nil && now > was.number {
		return false // it is being placed
	}
	delete(p.path, path)
	return true
}
