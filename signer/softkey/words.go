// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/tyler-smith/go-bip39/wordlists"

	"chancery/ca"
)

const (
	// wordCount words of 11 bits carry 128 bits of entropy and 4 of checksum (BIP-39).
	wordCount    = 12
	wordBits     = 11
	wordsEntropy = 16
	wordsCheck   = wordCount*wordBits - wordsEntropy*8
	// maxWordsText bounds what ParseWords looks at: twelve words of eight letters
	// fit many times.
	maxWordsText = 1024
)

// Words are twelve recovery words of the BIP-39 English list: 128 bits of
// entropy and a checksum of 4 bits. They print as [redacted]; Reveal is for the
// one place that shows them to their holder. The zero Words hold nothing.
type Words struct{ secret Secret }

// NewWords draws recovery words from random.
func NewWords(random io.Reader) (Words, error) {
	entropy := make([]byte, wordsEntropy)
	defer clear(entropy)
	if _, err := io.ReadFull(random, entropy); err != nil {
		return Words{}, fmt.Errorf("draw recovery words: %w", err)
	}
	return wordsOf(entropy), nil
}

// wordsOf spells entropy and its checksum in words.
func wordsOf(entropy []byte) Words {
	sum := sha256.Sum256(entropy)
	bits := append(slices.Clone(entropy), sum[0])
	defer clear(bits)
	var text []byte
	for w := range wordCount {
		index := 0
		for b := w * wordBits; b < (w+1)*wordBits; b++ {
			index = index<<1 | int(bits[b/8]>>(7-b%8)&1)
		}
		if w > 0 {
			text = append(text, ' ')
		}
		text = append(text, wordlists.English[index]...)
	}
	return Words{NewSecret(text)}
}

// ParseWords reads recovery words as somebody typed them, in any case and
// spacing. A problem names the place of a word that is not on the list, with
// the nearest one that is, or says that the words as a whole do not add up.
func ParseWords(text string) (Words, error) {
	if len(text) > maxWordsText {
		return Words{}, ca.Invalid(ca.E3002, "this is too long for recovery words", "type the twelve words, nothing else")
	}
	typed := strings.Fields(strings.ToLower(text))
	if len(typed) != wordCount {
		return Words{}, ca.Invalid(ca.E3002, fmt.Sprintf("there are %d recovery words, here are %d", wordCount, len(typed)), "type all twelve, with spaces between them")
	}
	bits := make([]byte, wordsEntropy+1)
	defer clear(bits)
	for w, word := range typed {
		index, ok := slices.BinarySearch(wordlists.English, word)
		if !ok {
			// Only the suggestion is repeated: what was typed may be a passphrase in
			// the wrong place.
			return Words{}, ca.Invalid(ca.E3002, fmt.Sprintf("recovery word %d is not on the list", w+1), fmt.Sprintf("did you mean %q?", nearest(word)))
		}
		for b := range wordBits {
			at := w*wordBits + b
			bits[at/8] |= byte(index>>(wordBits-1-b)&1) << (7 - at%8)
		}
	}
	sum := sha256.Sum256(bits[:wordsEntropy])
	if (bits[wordsEntropy]^sum[0])>>(8-wordsCheck) != 0 {
		return Words{}, ca.Invalid(ca.E3002, "the recovery words do not add up: one is wrong, or their order", "compare them with what was written down")
	}
	return wordsOf(bits[:wordsEntropy]), nil
}

// nearest is the listed word with the least edits to word.
func nearest(word string) string {
	best, least := "", len(word)+maxWordsText
	for _, candidate := range wordlists.English {
		if d := edits(word, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Reveal gives the words, lower case, one space between them.
func (w Words) Reveal() string { return string(w.secret.Reveal()) }

// Empty tells whether these are no words at all.
func (w Words) Empty() bool { return w.secret.Empty() }

// Wipe overwrites the words.
func (w Words) Wipe() { w.secret.Wipe() }

// String prints [redacted].
func (w Words) String() string { return redacted }

// GoString prints [redacted].
func (w Words) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (w Words) Format(f fmt.State, _ rune) { redact(f) }

// LogValue prints [redacted] in any slog handler.
func (w Words) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON prints "[redacted]".
func (w Words) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
