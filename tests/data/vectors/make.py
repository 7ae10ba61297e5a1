#!/usr/bin/env python3
"""Test vectors of canonical bytes and digests, made without any of our C.

    python3 -m venv venv && venv/bin/pip install xxhash && venv/bin/python make.py

writes the .txt files beside this one. A line: fields in hexadecimal (numbers in decimal)
between spaces, `-` for empty, `absent` for absent, the expected answer last; `#` begins a
comment. The layouts are those of DESIGN.md, sections 7 and 9, and of schema/entry.h.
"""
import os
import random
import struct

import xxhash

HERE = os.path.dirname(os.path.abspath(__file__))
rnd = random.Random(20241101)


def h128(data):
    return xxhash.xxh3_128_digest(data)


def text(data):
    return "absent" if data is None else (data.hex() or "-")


def save(name, head, rows):
    with open(os.path.join(HERE, name), "w") as file:
        file.write("# %s\n# Made by make.py; xxhash (Python) %s.\n" % (head, xxhash.XXHASH_VERSION))
        file.writelines(" ".join(str(part) for part in row) + "\n" for row in rows)


KEYS = [b"a", b"user:1", "ключ".encode(), bytes(384), bytes(range(256)), b"\xff" * 17]
VALUES = [b"", b"x", b"\0" * 16, b"isostasy" * 30, rnd.randbytes(129), rnd.randbytes(1000)]


def canonical(key, hlc, node, kind, expiry, value):
    data = b"\x01" + struct.pack(">H", len(key)) + key + struct.pack(">QQB", hlc, node, kind)
    if kind == 0:
        data += struct.pack(">I", len(value)) + value
    if kind == 2:
        data += struct.pack(">q", expiry) + h128(value)
    return data


def row_of(key, hlc, node, kind, expiry, value, log, offset, losers, names):
    low, high = h128(canonical(key, hlc, node, kind, expiry, value))[8:], h128(
        canonical(key, hlc, node, kind, expiry, value))[:8]
    seed = int.from_bytes(low, "big") ^ int.from_bytes(high, "big")
    head = struct.pack(">BBHIQQq", 1, kind | (8 if names else 0), log, losers, hlc, node, offset)
    rest = struct.pack(">q", expiry) if kind == 2 else b""
    if names:
        rest += struct.pack(">I", len(names) // 16) + names
    check = xxhash.xxh3_64_intdigest(rest, xxhash.xxh3_64_intdigest(head, seed))
    return head + struct.pack(">Q", check) + rest + value


rows = []
for n, key in enumerate(KEYS):
    for kind in (0, 1, 2):
        hlc = (1700000000000 + n) << 16 | n
        node = (n + 1) << 48 | rnd.getrandbits(48)
        value = b"" if kind == 1 else VALUES[(n + kind) % len(VALUES)]
        expiry = 1800000000000 + n if kind == 2 else 0
        names = b"".join(struct.pack(">QQ", hlc + i, node) for i in range(n % 3))
        log, offset, losers = n + 1, n * 1000003, n % 2
        data = canonical(key, hlc, node, kind, expiry, value)
        row = row_of(key, hlc, node, kind, expiry, value, log, offset, losers, names)
        rows.append((text(key), hlc, node, kind, expiry, text(value), log, offset, losers,
                     text(names), text(data), h128(data).hex(), text(row)))
save("entry.txt", "key hlc node kind expiry value log offset losers names canonical digest row", rows)

data = [b""] + [rnd.randbytes(size) for size in (1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 512, 1024, 1025, 5000)]
save("hash.txt", "bytes seed xxh3-64(seed) xxh3-128",
     [(text(d), seed, "%016x" % xxhash.xxh3_64_intdigest(d, seed), h128(d).hex())
      for d, seed in zip(data, [0, 1, 2**64 - 1] * 6)])

save("bucket.txt", "key buckets bucket",
     [(text(key), buckets, xxhash.xxh3_64_intdigest(key) % buckets)
      for key in KEYS for buckets in (1, 2, 1000, 1024, 65536)])


def part(data):
    return b"\xff\xff\xff\xff" if data is None else struct.pack(">I", len(data)) + data


rows, h = [], bytes(16)
for n in range(24):
    key = None if n % 5 == 4 else KEYS[n % len(KEYS)]
    value = None if n % 4 == 3 else VALUES[n % len(VALUES)]
    header = None if n % 3 == 2 else rnd.randbytes(n * 7)
    offset, append = n * n * 4096, 1700000000000 - n * 1000
    next_h = h128(h + struct.pack(">qq", offset, append) + part(key) + part(value) + part(header))
    rows.append((h.hex(), offset, append, text(key), text(value), text(header), next_h.hex()))
    h = next_h
save("prefix.txt", "h offset append key value header next (each line begins where the last ended)", rows)
