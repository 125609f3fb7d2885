// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"slices"

	"chancery/ca"
)

// maxPending bounds what a comparison remembers: intents that no leaf has closed
// yet, and leaves without a row that it cannot judge yet; about 16 MiB in all.
// The signer goes on at 4096 open intents at most, and a front loses the rows of
// a few batches when it dies, so that a log with more was never settled.
const maxPending = 1 << 16

// Compare verifies the log as Verify does, and holds it against the book in both
// directions (security rule AU-06): each row has its leaf, each leaf that needs a
// row (architecture §5) has it, and both say the same.
//
//   - A row of certificate stands at an INTENT with its issuer and serial. Its
//     certificate has the to-be-signed bytes of the INTENT and is, octet for octet,
//     the one of the FINAL. A void row's intent ends in a VOID.
//   - A row of revocation is the step that its REVOKED leaf describes. A REVOKED that
//     is abandoned has no row, as another took its place.
//   - A row of event holds the exact bytes of its leaf; each leaf that needs a row
//     has one of these.
//   - A row of token is the one whose digest its event names, and one of token_end the
//     first that its events name. A token without a row is nobody's, and no fault.
//   - A row of authority is the one that its AUTHORITY leaf describes.
//
// Leaves and rows are two streams in the same order, because a row's id is its
// leaf's index. They are merged, and neither is held: beside the log's own state
// (see Verify) the memory is one row of each table, the generations, and at most
// maxPending intents and leaves still to be judged, whatever the number of rows.
//
// A service may go on issuing meanwhile. What it adds must not look like a fault,
// and what was there before must not hide behind that: hence the newest
// checkpoint is read first, then the book's mark, then its newest row, then the
// segments are listed. So each row that is compared has its INTENT in the
// segments, since it was durable before the row was; and what the log says below
// the checkpoint was true when the book was read. Leaves without a row are a
// fault below the mark, below a mark that a session has brought, and below a
// session that has issued, which it does only after settling. Above, they are
// what a crash leaves or what is under way: counted as Unsettled, no fault. The
// same goes for a row whose FINAL or VOID is missing: that is Unclosed unless a
// later session has issued.
//
// A log with a fault gives Verify's error, and the Agreement is of no use then.
func Compare(v Verification, b Book) (Report, Agreement, error) {
	c, err := newComparison(v, b)
	if err != nil {
		return Report{}, Agreement{}, err
	}
	defer c.stop()
	v.each = c.leaf
	report, err := Verify(v)
	if err == nil {
		err = c.finish(report)
	}
	return report, c.out, err
}

// A comparison is the state of one pass over leaves and rows.
type comparison struct {
	book   Book
	key    ed25519.PublicKey
	signed []byte // the newest checkpoint
	out    Agreement

	certificates, revocations, events *stream
	tokens, tokenEnds                 *stream
	// ended are the tokens that events revoked, maxPending of them at most.
	ended map[ca.Digest]bool

	generations []generation
	// known is the size of the newest checkpoint: leaves below were there before
	// the book was read.
	known int64
	// session is the newest session leaf, settled the newest that has issued, and
	// cited the highest mark that one has brought; all below known.
	session, settled, cited int64
	// open are intents that no leaf has closed, gaps leaves without a row, by index.
	open map[int64]openIntent
	gaps []gap
	// given is set when there is more pending than can be: the rest is not compared.
	given bool
}

// newComparison brings the first row of each table into view; stop ends it.
func newComparison(v Verification, b Book) (*comparison, error) {
	c := &comparison{book: b, key: v.Key, signed: v.Newest, open: map[int64]openIntent{}, ended: map[ca.Digest]bool{}}
	c.out.Mark, c.out.Others = b.Mark, b.Others
	for _, a := range b.Authorities {
		c.generations = append(c.generations, generation{AuthorityRow: a})
	}
	c.certificates = newStream("certificate", b.Certificates, c.count)
	c.revocations = newStream("revocation", b.Revocations, func(*Row) { c.out.Revocations++ })
	c.events = newStream("event", b.Events, func(*Row) { c.out.Events++ })
	c.tokens = newStream("token", b.Tokens, func(*Row) {})
	c.tokenEnds = newStream("token_end", b.TokenEnds, func(*Row) {})
	for _, s := range c.streams() {
		if err := s.advance(); err != nil {
			c.stop()
			return nil, err
		}
	}
	return c, nil
}

func (c *comparison) streams() [5]*stream {
	return [...]*stream{c.certificates, c.revocations, c.events, c.tokens, c.tokenEnds}
}

func (c *comparison) stop() {
	for _, s := range c.streams() {
		s.stop()
	}
}

// An openIntent is what is remembered of an intent until its end comes by.
type openIntent struct {
	serial ca.Serial
	row    ca.CertificateKind // of its row, empty if there is none
	der    ca.Digest          // SHA-256 of the row's certificate
	told   bool               // of a difference
}

// A gap is a leaf that needs a row and has none.
type gap struct {
	index  int64
	kind   Kind
	table  string
	serial ca.Serial
	half   bool // another table has its row
}

// A generation is a row of authority and what the log says of it.
type generation struct {
	ca.AuthorityRow
	seen bool
	// said is what the row may say: the last below the mark, and all above.
	said []ca.Authority
}

// leaf holds one leaf against the rows that name it.
func (c *comparison) leaf(r Record) error {
	if c.given {
		return nil
	}
	l := r.Leaf
	row, err := c.certificates.at(l.Index)
	if err != nil {
		return err
	}
	step, err := c.revocations.at(l.Index)
	if err != nil {
		return err
	}
	event, err := c.events.at(l.Index)
	if err != nil {
		return err
	}
	c.event(r, event)
	c.step(r, step)
	if err := c.token(r, event != nil); err != nil {
		return err
	}
	if row != nil && l.Kind != Intent {
		c.differ(l.Index, row, fmt.Sprintf("the book has a certificate here, the log a leaf of %v (S02)", l.Kind))
	}
	lacks := ""
	switch l.Kind {
	case Genesis:
		return c.genesis(r)
	case Intent:
		if c.intent(r, row); row == nil {
			lacks = "certificate"
		}
	case Final, Adopted, Void:
		c.closes(l)
	case Authority:
		if !c.authority(r) {
			lacks = "authority"
		}
	case Revoked:
		if step == nil && ofRow(r) {
			lacks = "revocation"
		}
	case Abandoned:
		c.abandoned(l)
	case Session:
		if l.Index < c.known {
			c.session, c.cited = l.Index, max(c.cited, l.Cites)
		}
	}
	if lacks == "" && event == nil && l.Kind.needsRow() {
		lacks = "event"
	}
	if lacks != "" {
		c.lack(gap{l.Index, l.Kind, lacks, l.Serial, event != nil || step != nil})
	}
	return nil
}

// ofRow tells whether a REVOKED is of a certificate that has a row: one that was made
// elsewhere has none.
func ofRow(r Record) bool {
	var body ca.RevokedBody
	return r.Erased || json.Unmarshal(r.Body, &body) != nil || body.Intent != 0
}

// genesis learns what was promised before the book was read, and whose the book is.
func (c *comparison) genesis(r Record) error {
	newest, err := ParseCheckpoint(c.signed, r.Leaf.Log, c.key)
	if err != nil {
		return fmt.Errorf("read the newest checkpoint: %w", err)
	}
	c.known = newest.Size
	var body struct {
		Database string `json:"database_id"`
	}
	if !r.Erased && json.Unmarshal(r.Body, &body) == nil && body.Database != c.book.Database {
		c.differ(0, nil, fmt.Sprintf("the log was founded for the database %s, and this is %s", body.Database, c.book.Database))
	}
	return nil
}

// event holds a leaf against its row of event.
func (c *comparison) event(r Record, row *Row) {
	if row == nil {
		return
	}
	switch {
	case !r.Leaf.Kind.needsRow():
		c.differ(r.Leaf.Index, row, fmt.Sprintf("the book has an event here, the log a leaf of %v", r.Leaf.Kind))
	case !bytes.Equal(row.Leaf, r.Bytes):
		c.differ(r.Leaf.Index, row, "the leaf that the row of event holds is not the log's")
	}
}

// intent holds an INTENT against its row of certificate, and remembers it until
// it is closed.
func (c *comparison) intent(r Record, row *Row) {
	l := r.Leaf
	if c.session > c.settled && l.Index < c.known && forWish(r) {
		c.settled = c.session
	}
	o := openIntent{serial: l.Serial}
	if row != nil {
		o.row, o.der = row.Kind, sha256.Sum256(row.DER)
		if what := contradicts(l, row); what != "" {
			c.differ(l.Index, row, what)
			o.told = true
		}
	}
	if len(c.open) == maxPending {
		c.giveUp(l.Index, "intents are open at once")
		return
	}
	c.open[l.Index] = o
}

// contradicts says what in a row is not as the INTENT has it.
func contradicts(l Leaf, row *Row) string {
	switch {
	case row.Issuer != l.Issuer || row.Serial != l.Serial:
		return fmt.Sprintf("the row is of another certificate than its INTENT, which has serial %s of issuer key %s (S02)", l.Serial, l.Issuer)
	case row.Kind == ca.Void && len(row.DER) > 0:
		return "the row is void and has a certificate"
	case row.Kind != ca.Void && signedPart(row.DER) != l.Digest:
		return "the certificate in the row is not the one that was intended"
	}
	return ""
}

// signedPart is the SHA-256 of a certificate's to-be-signed bytes (RFC 5280 §4.1.1.1),
// or zero for what is no certificate.
func signedPart(der []byte) ca.Digest {
	var whole, tbs asn1.RawValue
	if _, err := asn1.Unmarshal(der, &whole); err != nil {
		return ca.Digest{}
	}
	if _, err := asn1.Unmarshal(whole.Bytes, &tbs); err != nil {
		return ca.Digest{}
	}
	return sha256.Sum256(tbs.FullBytes)
}

// forWish tells whether an intent came of a front's wish, which a front sends
// only when it has settled everything. CA certificates are founded without one.
func forWish(r Record) bool {
	var body struct {
		Kind ca.CertificateKind `json:"kind"`
	}
	return !r.Erased && json.Unmarshal(r.Body, &body) == nil && body.Kind == ca.EndEntity
}

// closes holds the leaf that closes an intent against the intent's row.
func (c *comparison) closes(l Leaf) {
	o, ok := c.open[l.Cites]
	if !ok {
		return // an adopted certificate whose intent is on no log
	}
	delete(c.open, l.Cites)
	row := Row{ID: ca.NewID(c.book.LogNo, l.Cites), Serial: o.serial}
	switch void := l.Kind == Void; {
	case o.told || o.row == "":
	case void && o.row != ca.Void:
		c.differ(l.Cites, &row, "the log has it void, the book has a certificate (S11)")
	case !void && o.row == ca.Void:
		c.differ(l.Cites, &row, "the log has a certificate, the book has it void (S09)")
	case !void && o.der != l.Digest:
		c.differ(l.Cites, &row, fmt.Sprintf("the certificate in the row is not the one of leaf %d, whose SHA-256 is %s (S08)", l.Index, l.Digest))
	}
}

// authority holds an AUTHORITY against the generation's row, if there is one.
func (c *comparison) authority(r Record) bool {
	l := r.Leaf
	at := slices.IndexFunc(c.generations, func(g generation) bool { return g.Key == l.Issuer })
	if at < 0 {
		return false
	}
	g := &c.generations[at]
	row := Row{ID: g.ID}
	if !g.seen && g.ID != ca.NewID(c.book.LogNo, l.Index) {
		c.differ(l.Index, &row, fmt.Sprintf("the row of the authority %s names leaf %d", g.Name, g.ID.Index()))
	}
	g.seen = true
	var said ca.Authority
	if r.Erased || json.Unmarshal(r.Body, &said) != nil {
		return true
	}
	if sha256.Sum256(said.Certificate) != l.Digest {
		c.differ(l.Index, &row, fmt.Sprintf("the leaf of the authority %s names another certificate than its body has", g.Name))
	}
	if l.Index < c.book.Mark {
		g.said = g.said[:0]
	}
	g.said = append(g.said, said)
	return true
}

// lack notes a leaf without its row. Of one below the mark nothing can come that
// excuses it, unless it may be abandoned.
func (c *comparison) lack(g gap) {
	switch {
	case g.index < c.book.Mark && g.kind != Revoked && g.kind != FrontEvent:
		c.missing(g)
	case len(c.gaps) == maxPending:
		c.giveUp(g.index, "leaves have no row")
	default:
		c.gaps = append(c.gaps, g)
	}
}

// missing reports a leaf whose row is not there.
func (c *comparison) missing(g gap) {
	what := fmt.Sprintf("this %v needs a row of %s, and there is none", g.kind, g.table)
	if g.index >= c.book.Mark {
		what += "; a later session had it settled: the database went back, or the row was taken away"
	}
	c.add(Difference{Leaf: g.index, Serial: g.serial, What: what})
}

func (c *comparison) giveUp(index int64, what string) {
	c.given = true
	c.differ(index, nil, fmt.Sprintf("more than %d %s, which no crash brings about; the comparison ends here", maxPending, what))
}

func (c *comparison) count(row *Row) {
	if row.Kind == ca.Void {
		c.out.Voids++
	} else {
		c.out.Certificates++
	}
}

// differ reports a difference at a leaf; row is nil if there is none.
func (c *comparison) differ(index int64, row *Row, what string) {
	d := Difference{Leaf: index, What: what}
	if row != nil {
		d.Row, d.Serial = row.ID, row.Serial
	}
	c.add(d)
}

func (c *comparison) add(d Difference) {
	if c.out.Count++; len(c.out.First) < MaxDifferences {
		c.out.First = append(c.out.First, d)
	}
}
