#!/usr/bin/env python3
"""Checks Chartroom's proofs and checkpoints without Chartroom's code, with Python's standard library only.

    verify-proof.py --key KEY [--witness KEY]... checkpoint FILE
    verify-proof.py --key KEY [--witness KEY]... proof FILE [RESOURCE.json]
    verify-proof.py --key KEY [--witness KEY]... grew OLD_CHECKPOINT REQUEST

KEY is the log's (or a witness's) verifier key, name+hash+base64, or a file that holds it; get it once, from somebody you
trust. Every witness that is named must have cosigned. RESOURCE.json is the version exactly as the server sent it,
byte for byte. REQUEST is a witness's add-checkpoint request: `old N`, the consistency proof, and the new checkpoint.

Ends with 0 when all holds, 1 when something does not, 2 when it could not look. Formats: c2sp.org tlog-checkpoint,
signed-note, tlog-cosignature, tlog-proof; RFC 6962 (tree), RFC 8032 (Ed25519).
"""

import argparse
import base64
import datetime
import hashlib
import pathlib
import sys


class Wrong(Exception):
    """Something does not hold."""


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


# Ed25519, RFC 8032 section 5.1 and the code of its appendix: points in extended coordinates (X, Y, Z, T).
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return (w * x % P, y * z % P, x * y % P, w * z % P)


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public, message, signature):
    """Whether the signature holds (RFC 8032 section 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = times(s, BASE), add(r, times(h, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def decode(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(f"`{text[:20]}` is not base64") from None


class Key:
    """A verifier key: name, what it signs (1 a log's checkpoints, 4 a witness's cosignatures), and the public key."""

    def __init__(self, text):
        parts = (text if "+" in text else pathlib.Path(text).read_text("utf-8")).strip().split("+", 2)
        if len(parts) != 3:
            raise Wrong("a key is name+hash+base64")
        typed = decode(parts[2])
        self.name, self.kind, self.public = parts[0], typed[:1], typed[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:4]
        if self.id.hex() != parts[1] or self.kind not in (b"\x01", b"\x04"):
            raise Wrong(f"the key of {self.name} is damaged or of an unknown kind")


class Checkpoint:
    """A signed checkpoint: origin, size, root, and who signed."""

    def __init__(self, note):
        text, _, signatures = note.rpartition("\n\n")
        lines = text.split("\n")
        if len(lines) < 3 or not lines[1].isdecimal():
            raise Wrong("that is no checkpoint")
        self.text, self.origin, self.size = (text + "\n").encode(), lines[0], int(lines[1])
        self.root, self.signatures = decode(lines[2]), []
        for line in signatures.splitlines():
            name, signature = (line.removeprefix("— ").split(" ") + [""])[:2]
            self.signatures.append((name, decode(signature)))

    def signature_of(self, key):
        for name, data in self.signatures:
            if name == key.name and data[:4] == key.id:
                return data[4:]
        raise Wrong(f"{key.name} has not signed the checkpoint of {self.size} entries")

    def check(self, log, witnesses):
        if self.origin != log.name or log.kind != b"\x01":
            raise Wrong(f"the checkpoint is of the log {self.origin}, the key of {log.name}")
        if not ed25519(log.public, self.text, self.signature_of(log)):
            raise Wrong("the log's signature does not hold")
        print(f"signed: {self.size} entries, root {base64.b64encode(self.root).decode()}")
        for witness in witnesses:
            data = self.signature_of(witness)
            seconds, signature = int.from_bytes(data[:8], "big"), data[8:]
            message = f"cosignature/v1\ntime {seconds}\n".encode() + self.text
            if witness.kind != b"\x04" or not ed25519(witness.public, message, signature):
                raise Wrong(f"the cosignature of {witness.name} does not hold")
            print(f"witnessed: by {witness.name} at {moment(seconds)}")


# The tree: RFC 9162 sections 2.1.3.2 and 2.1.4.2, whose hashes are those of RFC 6962.
def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def climb(at, last, path):
    """Each hash of the path, and whether it stands on the left, from the leaf to the root."""
    for other in path:
        if last == 0:
            raise Wrong("the proof is too long")
        left = at & 1 or at == last
        yield other, left
        while left and not at & 1 and at:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    if last:
        raise Wrong("the proof is too short")


def included(leaf, index, checkpoint, path):
    if index >= checkpoint.size:
        raise Wrong(f"entry {index} is not in a tree of {checkpoint.size}")
    result = hashlib.sha256(b"\x00" + leaf).digest()
    for other, left in climb(index, checkpoint.size - 1, path):
        result = node(other, result) if left else node(result, other)
    if result != checkpoint.root:
        raise Wrong("the proof does not lead to the root")


def grew(old, new, path):
    if old.size > new.size or (old.size == new.size and old.root != new.root):
        raise Wrong("the log was rewritten or has become shorter")
    if old.size in (0, new.size):
        return
    path = ([old.root] if old.size & (old.size - 1) == 0 else []) + path
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0] if path else b""
    for other, left in climb(at, last, path[1:]):
        first = node(other, first) if left else first
        second = node(other, second) if left else node(second, other)
    if first != old.root or second != new.root:
        raise Wrong("the log was rewritten: the old tree is not the beginning of the new one")


def proof(text, resource, log, witnesses):
    front, _, note = text.partition("\n\n")
    head, extra, index, *path = (front + "\n\n").split("\n")
    index = index.removeprefix("index ")
    if head != "c2sp.org/tlog-proof@v1" or not index.isdecimal():
        raise Wrong("that is no proof of Chartroom's")
    extra = decode(extra.removeprefix("extra "))
    salt, leaf = extra[:32], extra[32:]
    checkpoint = Checkpoint(note)
    checkpoint.check(log, witnesses)
    included(leaf, int(index), checkpoint, [decode(line) for line in path if line])
    if len(leaf) < 70 or leaf[:3] != b"CR1" or int.from_bytes(leaf[5:13], "big") != int(index):
        raise Wrong("the leaf is not one of Chartroom's, or of another entry")
    version, deleted = int.from_bytes(leaf[29:37], "big"), leaf[37] == 1
    when = moment(int.from_bytes(leaf[13:21], "big", signed=True) / 1000)
    what = f"{leaf[70:].decode()} version {version}{', a deletion' if deleted else ''}"
    print(f"in the log: entry {index} of {when}: {what if leaf[3:5] == b'rv' else 'a key event'}")
    if resource is not None:
        if hashlib.sha256(salt + resource).digest() != leaf[38:70]:
            raise Wrong("the resource is not what the log was told")
        print("the resource is the one the entry was made for, unchanged")


def growth(before, request, log, witnesses):
    front, _, note = request.partition("\n\n")
    old, new = Checkpoint(before), Checkpoint(note)
    old.check(log, [])
    new.check(log, witnesses)
    if front.split("\n")[0] != f"old {old.size}":
        raise Wrong("the consistency proof is from another checkpoint")
    grew(old, new, [decode(line) for line in front.split("\n")[1:]])
    print(f"the log grew from {old.size} to {new.size} entries and nothing in it was changed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", required=True)
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("what", choices=["checkpoint", "proof", "grew"])
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    try:
        log, witnesses = Key(args.key), [Key(witness) for witness in args.witness]
        first, *rest = [pathlib.Path(file).read_bytes() for file in args.files]
        if args.what == "checkpoint":
            Checkpoint(first.decode()).check(log, witnesses)
        elif args.what == "proof":
            proof(first.decode(), rest[0] if rest else None, log, witnesses)
        else:
            growth(first.decode(), rest[0].decode(), log, witnesses)
        print("all of it holds")
        return 0
    except (OSError, IndexError) as problem:
        print(f"could not look: {problem}", file=sys.stderr)
        return 2
    except (Wrong, UnicodeDecodeError) as problem:
        print(f"DOES NOT HOLD: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
