// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Parameters of Punycode (RFC 3492 §5). The standard library has no decoder
// that is not part of net/http's innards.
const (
	punyBase  = 36
	punyTMin  = 1
	punyTMax  = 26
	punySkew  = 38
	punyDamp  = 700
	punyBias  = 72
	punyFirst = 128
)

// punycode tells whether lower-case label text after "xn--" decodes to a text
// with something beyond ASCII, free of invisible characters, and encodes back to
// the same letters.
func punycode(s string) bool {
	runes, ok := punyDecode(s)
	if !ok || !slices.ContainsFunc(runes, func(r rune) bool { return r >= punyFirst }) {
		return false
	}
	text := string(runes)
	return PlainText(text) && !strings.ContainsAny(text, "\u200b\u2060\u3002\uff0e\uff61") && punyEncode(runes) == s
}

// punyDecode is RFC 3492 §6.2. A label has at most 63 characters, so nothing can
// grow; values beyond Unicode end it.
func punyDecode(s string) ([]rune, bool) {
	var out []rune
	if at := strings.LastIndexByte(s, '-'); at >= 0 {
		out, s = []rune(s[:at]), s[at+1:]
	}
	n, i, bias := punyFirst, 0, punyBias
	for s != "" {
		old, weight := i, 1
		for k := punyBase; ; k += punyBase {
			if s == "" {
				return nil, false
			}
			digit := punyValue(s[0])
			s = s[1:]
			if digit < 0 || weight > utf8.MaxRune*maxLabel {
				return nil, false
			}
			i += digit * weight
			t := min(max(k-bias, punyTMin), punyTMax)
			if digit < t {
				break
			}
			weight *= punyBase - t
		}
		bias = punyAdapt(i-old, len(out)+1, old == 0)
		n += i / (len(out) + 1)
		i %= len(out) + 1
		if n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			return nil, false
		}
		out = slices.Insert(out, i, rune(n))
		i++
	}
	return out, true
}

// punyEncode is RFC 3492 §6.3.
func punyEncode(runes []rune) string {
	var out []byte
	for _, r := range runes {
		if r < punyFirst {
			out = append(out, byte(r))
		}
	}
	done, basic := len(out), len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(punyFirst), 0, punyBias
	for done < len(runes) {
		next := rune(utf8.MaxRune)
		for _, r := range runes {
			if r >= n {
				next = min(next, r)
			}
		}
		delta += int(next-n) * (done + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := punyBase; ; k += punyBase {
				t := min(max(k-bias, punyTMin), punyTMax)
				if q < t {
					break
				}
				out = append(out, punyDigits[t+(q-t)%(punyBase-t)])
				q = (q - t) / (punyBase - t)
			}
			out = append(out, punyDigits[q])
			bias = punyAdapt(delta, done+1, done == basic)
			delta = 0
			done++
		}
		delta++
		n++
	}
	return string(out)
}

const punyDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

// punyValue is a digit's value, or -1.
func punyValue(c byte) int { return strings.IndexByte(punyDigits, c) }

// punyAdapt is RFC 3492 §6.1.
func punyAdapt(delta, points int, first bool) int {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for delta > (punyBase-punyTMin)*punyTMax/2 {
		delta /= punyBase - punyTMin
		k += punyBase
	}
	return k + (punyBase-punyTMin+1)*delta/(delta+punySkew)
}

// ASCIIName writes a DNS name with each label beyond ASCII as its A-label (RFC 5891
// §4.4), or gives "" if that is no name NewName takes. Letters are made small, and
// nothing else is mapped: it is a suggestion for whoever typed the name.
func ASCIIName(name string) string {
	labels := strings.Split(strings.ToLower(name), ".")
	for i, l := range labels {
		if strings.ContainsFunc(l, func(r rune) bool { return r >= punyFirst }) && len(l) <= maxDNS {
			labels[i] = "xn--" + punyEncode([]rune(l))
		}
	}
	n, err := NewName(DNS, strings.Join(labels, "."))
	if err != nil {
		return ""
	}
	return n.Value
}
