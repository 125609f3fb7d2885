// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/internal/ocsp"
)

const (
	// pageSize is how much memory is taken at a time, in octets, and given up at once.
	// With it goes a quarter for the index.
	pageSize = 1 << 20
	// maxPages is what a place in the index can name.
	maxPages = 1 << 12
	// maxSigners bounds the keys that kept answers are signed with. Each authority has a
	// new one every few weeks.
	maxSigners = 1 << 10
	// maxSignature is more than what the largest RSA key makes, in octets.
	maxSignature = 2 << 10
)

// answers are those that were signed and may be said again. Of each only what differs is
// kept, some 120 octets, and the response is put together again when it is asked for: the
// responder's certificate is the same in all, the digests of the issuer are in the
// question, and encoding takes a twentieth of what signing does. When there is no room the
// oldest page is given up, with all it holds; what is asked for often is signed again in
// time, and so never lies in the oldest.
type answers struct {
	most int // pages

	mu    sync.RWMutex      // held for a look or a change
	names *issuers          // that the keys are of
	index map[uint64]uint32 // places by the sums of keys
	pages [][]byte          // each a row of records
	turn  int               // the page that is being filled
	by    []signs
	// drops counts steps of certificates, by the sums of their keys: what was asked before
	// a step is not kept behind it.
	drops [256]uint32
}

// signs is who signed, and how.
type signs struct {
	keyHash      []byte
	algorithm    string
	certificates [][]byte
}

// same tells whether both are the same key with the same certificates.
func (s *signs) same(r ocsp.Response) bool {
	return s.algorithm == r.Algorithm && bytes.Equal(s.keyHash, r.KeyHash) && slices.EqualFunc(s.certificates, r.Certificates, bytes.Equal)
}

// An answer is one that is kept: what is said, and with which signature.
type answer struct {
	single    ca.OCSPSingle // but for the CertID, which the question has
	produced  time.Time
	signature []byte
	by        signs
}

// fits tells whether the answer may be said at a time. It is of the signer's clock.
func (a *answer) fits(now time.Time) bool {
	const skew = time.Minute
	return !now.Add(skew).Before(a.single.ThisUpdate) && now.Before(a.single.NextUpdate)
}

// half tells whether half of its life is over (security rule RV-06).
func (a *answer) half(now time.Time) bool {
	s := &a.single
	return now.Sub(s.ThisUpdate) > s.NextUpdate.Sub(s.ThisUpdate)/2
}

// whole puts the response together again.
func (a *answer) whole(id ca.CertID) ([]byte, error) {
	single := a.single
	single.CertID = id
	tbs, err := encode.OCSPResponse{KeyHash: a.by.keyHash, ProducedAt: a.produced, Singles: []ca.OCSPSingle{single}}.TBS()
	if err != nil {
		return nil, err
	}
	return encode.SignedOCSP(tbs, a.by.algorithm, a.signature, a.by.certificates...)
}

// newAnswers keeps answers in so many octets, about, and in a page at least.
func newAnswers(room int) *answers {
	return &answers{most: min(max(1, room/(pageSize+pageSize/4)), maxPages), index: map[uint64]uint32{}}
}

// A record is:
//
//	0 its length, 2 authority, 4 form of the CertID, 5 status, 6 reason, 7 length of the serial
//	number, 8 signer, 10 produced, 14 this update, 18 next update, 22 revoked (seconds since
//	1970), 26 the serial number, and the signature
const recordHead = 26

// get looks an answer up.
func (s *answers) get(n *issuers, k key) (answer, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	place, ok := s.index[k.sum]
	if !ok || n != s.names {
		return answer{}, false
	}
	r := s.record(place)
	if keyIn(r) != k {
		return answer{}, false // another one with the same sum
	}
	second := func(at int) time.Time { return time.Unix(int64(binary.LittleEndian.Uint32(r[at:])), 0).UTC() }
	a := answer{produced: second(10), by: s.by[binary.LittleEndian.Uint16(r[8:])], signature: bytes.Clone(r[recordHead+int(k.size):]),
		single: ca.OCSPSingle{Status: ca.OCSPStatus(r[5]), Reason: ca.Reason(r[6]), ThisUpdate: second(14), NextUpdate: second(18)}}
	if a.single.Status == ca.OCSPRevoked {
		a.single.RevokedAt = second(22)
	}
	return a, true
}

// record is the record at a place: the page's number and where it lies there.
func (s *answers) record(place uint32) []byte {
	page := s.pages[place/pageSize][place%pageSize:]
	return page[:binary.LittleEndian.Uint16(page)]
}

// keyIn is the key of a record.
func keyIn(r []byte) key {
	k := key{by: binary.LittleEndian.Uint16(r[2:]), form: r[4], size: r[7]}
	copy(k.serial[:], r[recordHead:recordHead+int(k.size)])
	k.sum = k.digest()
	return k
}

// before says how often the certificate of a key has had a step: for put.
func (s *answers) before(k key) uint32 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.drops[byte(k.sum)]
}

// put keeps a response that is good or revoked, unless there was a step since before, or
// it would not be put together again as the same octets.
func (s *answers) put(n *issuers, k key, before uint32, der []byte) {
	r, err := ocsp.Read(der)
	if err != nil || len(r.Singles) != 1 || r.Nonce != nil || r.KeyHash == nil || len(r.Signature) > maxSignature {
		return
	}
	single := r.Singles[0]
	a := answer{single: single, produced: r.ProducedAt, signature: r.Signature, by: signs{r.KeyHash, r.Algorithm, r.Certificates}}
	if again, err := a.whole(single.CertID); err != nil || !bytes.Equal(again, der) || single.Status == ca.OCSPUnknown {
		return
	}
	record := make([]byte, recordHead, recordHead+int(k.size)+len(a.signature))
	for at, t := range map[int]time.Time{10: a.produced, 14: single.ThisUpdate, 18: single.NextUpdate, 22: single.RevokedAt} {
		if t.Unix() > math.MaxUint32 {
			return
		}
		binary.LittleEndian.PutUint32(record[at:], uint32(max(0, t.Unix())))
	}
	binary.LittleEndian.PutUint16(record[2:], k.by)
	record[4], record[5], record[6], record[7] = k.form, byte(single.Status), byte(single.Reason), k.size
	record = append(append(record, k.serial[:k.size]...), a.signature...)
	binary.LittleEndian.PutUint16(record, uint16(len(record)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if n != s.names || before != s.drops[byte(k.sum)] {
		return
	}
	by, ok := s.signer(r)
	if !ok {
		return
	}
	binary.LittleEndian.PutUint16(record[8:], by)
	s.index[k.sum] = s.append(record)
}

// signer gives the number of who signed a response.
func (s *answers) signer(r ocsp.Response) (uint16, bool) {
	i := slices.IndexFunc(s.by, func(one signs) bool { return one.same(r) })
	if i < 0 && len(s.by) < maxSigners {
		i = len(s.by)
		one := signs{keyHash: bytes.Clone(r.KeyHash), algorithm: r.Algorithm}
		for _, c := range r.Certificates {
			one.certificates = append(one.certificates, bytes.Clone(c))
		}
		s.by = append(s.by, one)
	}
	return uint16(i), i >= 0
}

// append writes a record behind the others, and gives up the oldest page for it if need
// be.
func (s *answers) append(record []byte) uint32 {
	switch {
	case len(s.pages) == 0:
		s.pages = append(s.pages, make([]byte, 0, pageSize))
	case len(s.pages[s.turn])+len(record) <= pageSize:
	case len(s.pages) < s.most:
		s.turn = len(s.pages)
		s.pages = append(s.pages, make([]byte, 0, pageSize))
	default:
		s.turn = (s.turn + 1) % len(s.pages)
		for rest, at := s.pages[s.turn], uint32(s.turn*pageSize); len(rest) > 0; {
			r := rest[:binary.LittleEndian.Uint16(rest)]
			if k := keyIn(r); s.index[k.sum] == at {
				delete(s.index, k.sum)
			}
			rest, at = rest[len(r):], at+uint32(len(r))
		}
		s.pages[s.turn] = s.pages[s.turn][:0]
	}
	page := &s.pages[s.turn]
	place := uint32(s.turn*pageSize + len(*page))
	*page = append(*page, record...)
	return place
}

// drop forgets what is kept about a certificate, in whichever form it was asked for.
func (s *answers) drop(n *issuers, issuerKey ca.Digest, serial ca.Serial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for by, a := range n.all {
		if a.Key != issuerKey {
			continue
		}
		for form := range byte(forms) {
			k := keyFor(by, form, serial)
			s.drops[byte(k.sum)]++
			delete(s.index, k.sum)
		}
	}
}

// clear forgets everything, and is of these authorities from now on.
func (s *answers) clear(n *issuers) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.index, s.pages, s.turn, s.by = n, map[uint64]uint32{}, nil, 0, nil
}

// size gives how many answers are kept, the octets they take, and when the oldest was
// signed; zero without any. It reads a page.
func (s *answers) size() (count, octets int, oldest time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.pages {
		at := (s.turn + 1 + i) % len(s.pages)
		octets += cap(s.pages[at])
		place := uint32(at * pageSize)
		for rest := s.pages[at]; len(rest) > 0 && oldest.IsZero(); {
			r := rest[:binary.LittleEndian.Uint16(rest)]
			if s.index[keyIn(r).sum] == place {
				oldest = time.Unix(int64(binary.LittleEndian.Uint32(r[14:])), 0).UTC()
			}
			rest, place = rest[len(r):], place+uint32(len(r))
		}
	}
	return len(s.index), octets, oldest
}
