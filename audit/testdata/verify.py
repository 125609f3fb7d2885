# SPDX-License-Identifier: Apache-2.0
"""The second verifier (AU-08), written from docs/journal.md alone, with the
standard library only. It reads what the test hands it on standard input:

    SEGMENT_LEAVES PUBLIC_KEY CHECKPOINT SEGMENT...     one log a line, all in hex

and answers each line with "ok LEAVES" or "bad: why". It never stops at a fault
of a log: an exception that is not Bad is a fault of this program.
"""
import base64
import hashlib
import json
import re
import sys


class Bad(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Bad(why)


# CRC-32C, reflected.
TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def crc32c(b):
    c = 0xFFFFFFFF
    for x in b:
        c = c >> 8 ^ TABLE[(c ^ x) & 255]
    return c ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


# Ed25519 verification (RFC 8032 §5.1), plain and slow.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def recover(y, sign):
    need(y < P, "point")
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - xx) % P == 0 and (x or not sign), "point")
    return x if x & 1 == sign else P - x


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = add(out, p)
        p, n = add(p, p), n >> 1
    return out


def point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover(y, sign)
    return x, y, 1, x * y % P


BASE = (0, 4 * pow(5, -1, P) % P)
BASE = (recover(BASE[1], 0), BASE[1], 1, recover(BASE[1], 0) * BASE[1] % P)


def signed_by(key, text, sig):
    s = int.from_bytes(sig[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(sig[:32] + key + text).digest(), "little") % L
    a, b = times(s, BASE), add(point(sig[:32]), times(h, point(key)))
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


opened = {}  # checkpoints that were verified: the test hands over the same one often


def checkpoint(signed, log, key):
    origin = b"chancery/" + log.hex().encode()
    if (signed, log, key) in opened:
        return opened[signed, log, key]
    need(len(signed) <= 16384, "a long checkpoint")
    text, gap, signatures = signed.rpartition(b"\n\n")
    need(gap, "no note")
    text += b"\n"
    name = hashlib.sha256(origin + b"\n\x01" + key).digest()[:4]
    good = False
    for line in signatures.splitlines():
        parts = line.split(b" ")
        need(len(parts) == 3 and parts[0] == "—".encode(), "no signature line")
        try:
            sig = base64.b64decode(parts[2], validate=True)
        except ValueError:
            raise Bad("base64")
        if parts[1] == origin and sig[:4] == name:
            need(len(sig) == 68 and signed_by(key, text, sig[4:]), "signature")
            good = True
    need(good, "not signed by the log")
    lines = text.split(b"\n")
    need(len(lines) >= 4 and lines[0] == origin and re.fullmatch(rb"0|[1-9][0-9]*", lines[1]), "no checkpoint")
    opened[signed, log, key] = int(lines[1]), base64.b64decode(lines[2], validate=True)
    return opened[signed, log, key]


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Tree:
    def __init__(self):
        self.size, self.edge = 0, []

    def add(self, h):
        n = self.size
        while n & 1:
            h, n = sha256(b"\x01", self.edge.pop(), h), n >> 1
        self.edge.append(h)
        self.size += 1

    def root(self):
        if not self.edge:
            return sha256()
        h = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            h = sha256(b"\x01", left, h)
        return h


def u(b):
    return int.from_bytes(b, "big")


NUMBER = ("cites", "index", "kind", "step", "time", "v")
FORM = {"body": "[0-9a-f]{64}", "digest": "[0-9a-f]{64}", "issuer": "[0-9a-f]{64}", "log": "[0-9a-f]{32}",
        "serial": "(?!00)([0-9a-f]{2}){1,20}"}
ALWAYS = {"body", "index", "kind", "log", "time", "v"}
NOT_ZERO = {"cites", "digest", "issuer", "kind", "step"}


def leaf(b):
    try:
        m = json.loads(b)
    except (ValueError, RecursionError):
        raise Bad("not JSON")
    need(isinstance(m, dict) and ALWAYS <= set(m) <= set(FORM) | set(NUMBER), "keys of a leaf")
    for k, v in m.items():
        if k in NUMBER:
            need(type(v) is int and 0 <= v < 2**53, "a number")
            need(v or k not in NOT_ZERO, "a zero")
        else:
            need(type(v) is str and re.fullmatch(FORM[k], v), "a string")
            need(k not in NOT_ZERO or v.strip("0"), "a zero")
    need(json.dumps(m, sort_keys=True, separators=(",", ":")).encode() == b, "not canonical")
    need(m["kind"] < 256 and m["v"] == 1, "kind or version")
    return m


GENESIS, INTENT, FINAL, VOID, ADOPTED, ABANDONED, REVOKED, FRONT, SESSION = 1, 2, 3, 4, 5, 6, 7, 9, 14


class Log:
    def __init__(self, log):
        self.log, self.tree, self.open, self.events, self.kinds, self.serials = log, Tree(), set(), set(), [], set()

    def take(self, kind, text, body):
        """Takes in the leaf of one frame."""
        m, i = leaf(text), self.tree.size
        need(m["index"] == i and m["log"] == self.log.hex() and m["kind"] == kind, "place")
        need(kind <= 19 and (kind == GENESIS) == (i == 0), "kind")
        need(not body or sha256(body).hex() == m["body"], "body")
        self.meaning(m, i)
        self.tree.add(sha256(b"\x00", text))

    def meaning(self, m, i):
        kind, cites = m["kind"], m.get("cites", 0)
        need(cites < i or cites == 0 or kind == SESSION and cites == i, "cites")
        need(kind not in (INTENT, FINAL, ADOPTED) or "digest" in m, "no digest")
        if kind == INTENT or kind == ADOPTED and not cites:
            need("issuer" in m and "serial" in m, "no serial")
            name = m["issuer"], m["serial"]
            need(name not in self.serials, "serial used twice")
            self.serials.add(name)
        if kind == INTENT:
            self.open.add(i)
        elif kind in (REVOKED, FRONT):
            self.events.add(i)
        elif kind in (FINAL, VOID) or kind == ADOPTED and cites:
            need(cites in self.open, "closes no open intent")
            self.open.remove(cites)
        elif kind == ABANDONED:
            need(cites in self.events, "abandons nothing")
            self.events.remove(cites)


GROUP = bytes.fromhex("c743484752500d0a")
SEGMENT = bytes.fromhex("c743485345470d0a")


def group_header(b, key):
    """Number, durable offset, octets and frames; or None."""
    if len(b) < 40 or b[:8] != GROUP or u(b[32:36]) or crc32c(key + b[:36]) != u(b[36:40]):
        return None
    number, durable, octets, frames = u(b[8:16]), u(b[16:24]), u(b[24:28]), u(b[28:32])
    if 64 <= durable < 2**63 and number < 2**63 and 1 <= frames <= 256 and 12 * frames <= octets <= 4194304:
        return number, durable, octets, frames
    return None


def whole_group(b, at, number):
    """The frames of the group at that offset, each as kind, leaf and body, and its end; or None."""
    h = group_header(b[at:at + 40], b[:16])
    if not h or h[0] != number or h[1] > at or at + 40 + h[2] > len(b):
        return None
    frames, at, end = [], at + 40, at + 40 + h[2]
    for _ in range(h[3]):
        n = u(b[at:at + 4]) + 4
        f = b[at:at + n]
        if at + 4 > end or at + n > end or not 12 < n <= 262144 or crc32c(f[:-4]) != u(f[-4:]) or f[4] != 1 or f[5] == 0:
            return None
        cut = 8 + u(f[6:8])
        if not 8 < cut <= min(n - 4, 8 + 4096) or 0 < n - 4 - cut < 32:
            return None
        frames.append((f[5], f[8:cut], f[cut:-4]))
        at += n
    return (frames, end) if at == end else None


def verify(size, key, signed, segments):
    need(segments, "no segment")
    log = None
    for i, b in enumerate(segments):
        last = i == len(segments) - 1
        need(len(b) >= 64 and b[16:24] == SEGMENT and u(b[24:26]) == 1 and not u(b[28:32]) and not u(b[56:60])
             and crc32c(b[:60]) == u(b[60:64]) and u(b[32:40]) == i * size, "segment header")
        if log is None:
            log, number = Log(b[40:56]), b[26:28]
            due, root = checkpoint(signed, log.log, key)
            need(due or root == sha256(), "another tree")
        need(b[40:56] == log.log and b[26:28] == number, "another log")
        at, groups = 64, 0
        while group := whole_group(b, at, groups):
            for kind, text, body in group[0]:
                need(log.tree.size < (i + 1) * size, "segment too long")
                log.take(kind, text, body)
                need(log.tree.size != due or log.tree.root() == root, "another tree")
            at, groups = group[1], groups + 1
        if not last:
            need(log.tree.size == (i + 1) * size and not b[at:].strip(b"\0"), "sealed segment")
            continue
        need(log.tree.size >= due, "cut")
        k = b.find(GROUP, at)
        while k >= 0:
            h = group_header(b[k:k + 40], b[:16])
            need(not h or h[1] <= at, "damage below a durable offset")
            k = b.find(GROUP, k + 1)
    return log.tree.size


for line in sys.stdin:
    words = line.split()
    key, signed, *segments = (bytes.fromhex(w) for w in (w.strip("-") for w in words[1:]))
    try:
        print("ok", verify(int(words[0]), key, signed, segments))
    except Bad as why:
        print("bad:", why)
