// SPDX-License-Identifier: Apache-2.0

package sim

// page is what a file is made of. Pages are never changed once they are part of a
// file, so that the images of a disk share them: a run of a few thousand calls is
// kept whole, moment by moment, in little more than one disk.
const page = 4096

// zero stands for every page that was never written.
var zero [page]byte

// A content is the octets of a file. Its list of pages belongs to it alone.
type content struct {
	size  int64
	pages []*[page]byte // nil is zeros
}

func (c content) clone() content {
	return content{c.size, append([]*[page]byte(nil), c.pages...)}
}

// grow makes the content at least size octets long, with zeros.
func (c *content) grow(size int64) {
	if size <= c.size {
		return
	}
	c.size = size
	for int64(len(c.pages))*page < size {
		c.pages = append(c.pages, nil)
	}
}

// resize gives it another length; what is cut off does not come back.
func (c *content) resize(size int64) {
	c.grow(size)
	c.size = size
	c.pages = c.pages[:(size+page-1)/page]
	if within := size % page; within > 0 {
		if old := c.pages[len(c.pages)-1]; old != nil {
			kept := *old
			clear(kept[within:])
			c.pages[len(c.pages)-1] = &kept
		}
	}
}

func (c *content) write(at int64, data []byte) {
	c.grow(at + int64(len(data)))
	for len(data) > 0 {
		within := at % page
		fresh := zero
		if old := c.pages[at/page]; old != nil {
			fresh = *old
		}
		n := copy(fresh[within:], data)
		c.pages[at/page] = &fresh
		at, data = at+int64(n), data[n:]
	}
}

// read fills p from an offset on, as far as there is something.
func (c *content) read(p []byte, at int64) int {
	done := 0
	for at < c.size && done < len(p) {
		from := c.pages[at/page]
		if from == nil {
			from = &zero
		}
		n := copy(p[done:], from[at%page:min(page, c.size-at+at%page)])
		done, at = done+n, at+int64(n)
	}
	return done
}

// fresh tells whether nothing was ever written at an offset.
func (c *content) fresh(at int64) bool { return at >= c.size || c.pages[at/page] == nil }

// around gives n octets from an offset on; behind its end the content repeats.
func (c *content) around(at, n int64) []byte {
	out := make([]byte, n)
	whole := (c.size + sector - 1) / sector * sector
	c.read(out, at%whole)
	return out
}
