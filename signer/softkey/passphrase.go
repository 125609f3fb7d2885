// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"chancery/ca"
)

const (
	// minPassphrase characters are wanted of a human (KY-02).
	minPassphrase = 16
	// maxPassphrase octets are more than anybody types, and keep hashing cheap.
	maxPassphrase = 1024
	// minDistinct characters occur in any sentence of that length.
	minDistinct = 6
	// longestUnit is the longest part that, repeated, makes no passphrase.
	longestUnit = 8
	// minOwn characters must be left when the words of every list are taken out.
	minOwn = 8
)

// wellKnown tells the passphrases that stand in books and comics, as letters
// and digits only.
func wellKnown(plain string) bool {
	switch plain {
	case "correcthorsebatterystaple", "thequickbrownfoxjumpsoverthelazydog", "maytheforcebewithyou",
		"allyourbasearebelongtous", "tobeornottobethatisthequestion", "opensesameopensesame",
		"iamthewalrusgoogoogjoob", "loremipsumdolorsitamet", "thisismypassphrase", "myvoiceismypassport",
		"donttellanyonethepassword", "youshallnotpass", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb":
		return true
	}
	return false
}

// CheckPassphrase refuses a passphrase for new keys (KY-02) with E3002: fewer
// than 16 characters, more than 1024 octets, not UTF-8 text, or one of those
// that are tried first: repetitions, runs, known sentences, and what is little
// more than the word password. The problem never repeats any of it.
func CheckPassphrase(passphrase Secret) error {
	b := passphrase.Reveal()
	if len(b) > maxPassphrase {
		return refusePassphrase(fmt.Sprintf("a passphrase has at most %d octets", maxPassphrase))
	}
	if !utf8.Valid(b) {
		return refusePassphrase("the passphrase is not UTF-8 text")
	}
	text := []rune(string(b))
	if len(text) < minPassphrase {
		return refusePassphrase(fmt.Sprintf("the passphrase has %d characters, wanted are %d or more", len(text), minPassphrase))
	}
	plain := make([]rune, 0, len(text))
	distinct := map[rune]struct{}{}
	for _, r := range text {
		if unicode.IsControl(r) {
			return refusePassphrase("the passphrase holds a control character, which another terminal may not type")
		}
		r = unicode.ToLower(r)
		distinct[r] = struct{}{}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			plain = append(plain, r)
		}
	}
	// Letters and digits alone are judged where they make up most of the text.
	mostly := 2*len(plain) >= len(text)
	switch {
	case len(distinct) < minDistinct:
		return refusePassphrase("the passphrase has too few different characters")
	case repeats(text), mostly && repeats(plain):
		return refusePassphrase("the passphrase repeats one short part")
	case mostly && runs(plain):
		return refusePassphrase("the passphrase is a run of neighbouring characters")
	case wellKnown(string(plain)), ownPart(string(plain))+len(text)-len(plain) < minOwn:
		return refusePassphrase("the passphrase is among those that are tried first")
	}
	return nil
}

func refusePassphrase(detail string) error {
	return ca.Invalid(ca.E3002, detail, "take five or more words chosen by dice, or a password manager's choice")
}

// repeats tells whether text is a part of at most longestUnit characters, again
// and again; the last may be cut short.
func repeats(text []rune) bool {
	for unit := 1; unit <= longestUnit && 2*unit <= len(text); unit++ {
		same := true
		for i := unit; i < len(text) && same; i++ {
			same = text[i] == text[i-unit]
		}
		if same {
			return true
		}
	}
	return false
}

// runs tells whether at least three of four steps in text go to the next or the
// previous character of the alphabet, of the digits or of a keyboard's row.
func runs(text []rune) bool {
	const rows = "abcdefghijklmnopqrstuvwxyz01234567890 qwertyuiop asdfghjkl zxcvbnm"
	steps := 0
	for i := 1; i < len(text); i++ {
		there, back := string(text[i-1:i+1]), string([]rune{text[i], text[i-1]})
		if strings.Contains(rows, there) || strings.Contains(rows, back) {
			steps++
		}
	}
	return len(text) > 1 && steps*4 >= (len(text)-1)*3
}

// ownPart counts the characters that are left without the words of every list.
func ownPart(plain string) int {
	for _, word := range []string{"passphrase", "password", "chancery", "certificate", "authority", "welcome", "changeme",
		"letmein", "iloveyou", "secret", "qwerty", "abc123", "admin", "root", "123456789", "12345678", "123456", "1234", "123"} {
		plain = strings.ReplaceAll(plain, word, "")
	}
	return utf8.RuneCountInString(plain)
}
