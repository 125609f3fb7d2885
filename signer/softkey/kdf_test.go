// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39/wordlists"

	"chancery/ca"
)

func TestKY02_TheDefaultAndTheFloorAreTheRules(t *testing.T) {
	if got, want := DefaultParams(), (Params{MemoryKiB: 256 * 1024, Time: 4, Lanes: 4}); got != want {
		t.Errorf("the default is %+v, wanted %+v", got, want)
	}
	if got, want := FloorParams(), (Params{MemoryKiB: 64 * 1024, Time: 3, Lanes: 4}); got != want {
		t.Errorf("the floor is %+v, wanted %+v", got, want)
	}
	d, err := newDerivation(Params{})
	if err != nil || d.Params != DefaultParams() || len(d.Salt) != 16 || d.Name != "argon2id" {
		t.Errorf("a derivation without costs is %+v, %v", d, err)
	}
	e, err := newDerivation(Params{})
	if err != nil || bytes.Equal(d.Salt, e.Salt) {
		t.Errorf("two derivations share a salt, %v", err)
	}
}

// The whole file is refused, before a single KiB is spent on it: the largest
// cost here would take 4 TiB.
func TestKY02_CostsOutOfBoundsAreRefusedUnspent(t *testing.T) {
	good := FloorParams()
	for name, c := range map[string]struct {
		change func(*Params)
		ok     bool
	}{
		"the floor":          {func(*Params) {}, true},
		"the ceiling":        {func(p *Params) { *p = Params{4 << 20, 32, 16} }, true},
		"memory below":       {func(p *Params) { p.MemoryKiB-- }, false},
		"memory above":       {func(p *Params) { p.MemoryKiB = 4<<20 + 1 }, false},
		"memory of 4 TiB":    {func(p *Params) { p.MemoryKiB = math.MaxUint32 }, false},
		"passes below":       {func(p *Params) { p.Time-- }, false},
		"passes above":       {func(p *Params) { p.Time = 33 }, false},
		"no lanes":           {func(p *Params) { p.Lanes = 0 }, false},
		"too many lanes":     {func(p *Params) { p.Lanes = 17 }, false},
		"passes without end": {func(p *Params) { p.Time = math.MaxUint32 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			c.change(&p)
			if got := p.Check() == nil; got != c.ok {
				t.Fatalf("%+v is taken: %v, wanted %v", p, got, c.ok)
			}
			h, content := testHeader(t, true)
			h.KDF.Params = p
			e := &envelope{Header: h, Wraps: []wrap{{ByWords, make(octets, nonceSize), make(octets, keySize+tagSize)}},
				Nonce: make(octets, nonceSize), Sealed: make(octets, len(content)+tagSize)}
			b, err := e.marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseEnvelope(b); (err == nil) != c.ok {
				t.Fatalf("the file is read: %v", err)
			}
			if c.ok {
				return
			}
			if _, err := stretch([]byte("x"), p, [saltSize]byte{}); err == nil {
				t.Fatal("the run was made")
			}
		})
	}
}

func TestKY02_SecretSaltAndCostAllMatter(t *testing.T) {
	run := func(s string, p Params, salt byte) string {
		got, err := stretch([]byte(s), p, [saltSize]byte{salt})
		if err != nil {
			t.Fatal(err)
		}
		return string(got.key.Reveal())
	}
	base := run(goodPassphrase, FloorParams(), 1)
	if len(base) != 32 || base != run(goodPassphrase, FloorParams(), 1) {
		t.Fatal("the derivation does not repeat")
	}
	more := FloorParams()
	more.Time++
	if base == run(goodPassphrase+" ", FloorParams(), 1) || base == run(goodPassphrase, FloorParams(), 2) || base == run(goodPassphrase, more, 1) {
		t.Fatal("secret, salt or cost makes no difference")
	}
}

func TestKY02_PassphrasesTriedFirstAreRefused(t *testing.T) {
	for _, s := range []string{
		goodPassphrase, "tr4ctor-Lemon%hat!9", "zwölf Kühe grasen im Nebel", "日本語の長い合言葉は十六文字以上です。よし", "!$%&/()=?{[]}a\\a~#", "Xw3kP9vRt2LmQ8nZ",
	} {
		if err := CheckPassphrase(secret(s)); err != nil {
			t.Errorf("%q is refused: %v", s, err)
		}
	}
	for _, s := range []string{
		"", "short", "fifteen letters", "äöüßéèêàçñøåæœş", // 30 octets, but 15 characters
		"aaaaaaaaaaaaaaaaaaaa", "abababababababab", "passwordpassword", "password-password", "Password12345678", "changeme changeme changeme",
		"MyMy MyMy MyMy MyMy MyMy", "1234567890123456", "abcdefghijklmnopqrst", "0987654321098765", "qwertyuiopasdfgh", "Correct Horse Battery Staple",
		"the quick brown fox jumps over the lazy dog", "chancery admin secret!", "controlled by a\x07bell", "broken \xff encoding of text",
		strings.Repeat("many different words ", 60),
	} {
		p := wantProblem(t, CheckPassphrase(secret(s)), ca.E3002, ca.InvalidKind)
		if len(s) > 3 && strings.Contains(p.Detail+p.Fix+p.Why, s) {
			t.Errorf("the problem repeats the passphrase %q", s)
		}
	}
}

func TestKY02_EstablishTakesNoWeakPassphrase(t *testing.T) {
	f := plainRing(t)
	words, err := NewWords(bytes.NewReader(make([]byte, wordsEntropy)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Establish(Opening{Words: words, Passphrase: secret("passwordpassword"), KDF: FloorParams()}, testLog)
	wantProblem(t, err, ca.E3002, ca.InvalidKind)
	if _, err = f.Establish(Opening{Passphrase: secret(goodPassphrase), KDF: FloorParams()}, testLog); err == nil {
		t.Fatal("keys were sealed that no recovery words open")
	}
	if _, err := os.Stat(f.path("kek.key")); !os.IsNotExist(err) {
		t.Fatal("a refused Establish left a key")
	}
}

// The first two are vectors of BIP-39.
func TestKY02_RecoveryWordsAreBIP39(t *testing.T) {
	if len(wordlists.English) != 2048 {
		t.Fatalf("the list has %d words", len(wordlists.English))
	}
	for _, c := range []struct {
		entropy byte
		want    string
	}{
		{0x00, strings.Repeat("abandon ", 11) + "about"},
		{0x7f, "legal winner thank year wave sausage worth useful legal winner thank yellow"},
		{0xff, strings.Repeat("zoo ", 11) + "wrong"},
	} {
		w, err := NewWords(bytes.NewReader(bytes.Repeat([]byte{c.entropy}, wordsEntropy)))
		if err != nil {
			t.Fatal(err)
		}
		if w.Reveal() != c.want {
			t.Errorf("%x gives %q, wanted %q", c.entropy, w.Reveal(), c.want)
		}
		again, err := ParseWords("\t" + strings.ToUpper(strings.ReplaceAll(c.want, " ", "  ")))
		if err != nil || again.Reveal() != c.want {
			t.Errorf("%q is read as %q, %v", c.want, again.Reveal(), err)
		}
	}
	if _, err := NewWords(bytes.NewReader(make([]byte, wordsEntropy-1))); err == nil {
		t.Error("words were made of too little randomness")
	}
}

func TestKY02_WordsThatDoNotAddUpAreRefused(t *testing.T) {
	good := "legal winner thank year wave sausage worth useful legal winner thank yellow"
	for typed, want := range map[string]string{
		"":                             "here are 0",
		good + " yellow":               "here are 13",
		strings.Repeat("abandon ", 12): "do not add up",
		strings.Replace(good, "legal winner", "winner legal", 1): "do not add up",
		strings.Replace(good, "sausage", "sausgae", 1):           "recovery word 6 is not on the list",
		strings.Repeat("a ", 1000):                               "too long",
	} {
		_, err := ParseWords(typed)
		p := wantProblem(t, err, ca.E3002, ca.InvalidKind)
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%q: %q does not say %q", typed, p.Detail, want)
		}
	}
	_, err := ParseWords(strings.Replace(good, "sausage", "sausgae", 1))
	if p := wantProblem(t, err, ca.E3002, ca.InvalidKind); !strings.Contains(p.Fix, "sausage") || strings.Contains(p.Detail+p.Fix, "sausgae") {
		t.Errorf("the hint is %q: the nearest word must stand there, what was typed must not", p.Fix)
	}
}

// One run opens one key-encryption key for all online keys.
func TestKY02_OneRunOpensAllOnlineKeys(t *testing.T) {
	f := newKeyring(t, goodPassphrase)
	for _, id := range []string{"a", "b", "c"} {
		f.seal(t, id, Authority)
	}
	infos, err := f.List()
	if err != nil || len(infos) != 4 {
		t.Fatalf("listed are %+v, %v", infos, err)
	}
	for _, i := range infos {
		if (i.KDF != nil) != (i.Purpose == KEK) {
			t.Errorf("the key %s has derivation %+v", i.KeyID, i.KDF)
		}
	}
	// Words and passphrase share the salt, and so does the root with them.
	e, err := f.readEnvelope(kekID)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Header.KDF.Salt, f.stretched.derivation().Salt) {
		t.Error("the words that were stretched at founding have another salt")
	}
}

// The automatic file is 32 random octets, 0400, and no copy of the key it opens.
func TestKY02_TheAutomaticFileIsRandomAndReadOnly(t *testing.T) {
	f := newKeyring(t, "")
	b := readAll(t, f.path("auto.key"))
	if len(b) != 32 || bytes.Equal(b, make([]byte, 32)) || bytes.Equal(b, f.kek.Reveal()) {
		t.Fatal("auto.key is not 32 random octets of its own")
	}
	if st, err := os.Stat(f.path("auto.key")); err != nil || st.Mode() != 0o400 {
		t.Fatalf("auto.key has mode %v, %v", st.Mode(), err)
	}
	if bytes.Equal(b, readAll(t, newKeyring(t, "").path("auto.key"))) {
		t.Fatal("two installations share auto.key")
	}
}
