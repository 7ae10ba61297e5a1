#!/usr/bin/env python3
"""Test vectors of canonical bytes and digests, made without any of our C.

    python3 -m venv venv && venv/bin/pip install xxhash && venv/bin/python make.py

writes the .txt files beside this one. A line: fields in hexadecimal (numbers in decimal)
between spaces, `-` for empty, `absent` for absent, the expected answer last; `#` begins a
comment. The layouts are those of DESIGN.md, sections 7 and 9, and of schema/entry.h.
"""
import base64
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


# Entries of parts: schema/part.h (canonical bytes), schema/part.c (rows), schema/path.h.
def long(number):
    n, data = (number << 1 ^ number >> 63) & (1 << 64) - 1, b""
    while n > 0x7f:
        data, n = data + bytes([n & 0x7f | 0x80]), n >> 7
    return data + bytes([n])


def sized(data):
    return long(len(data)) + data


def path(field, member=None, element=None):
    shape = (member is not None) + 2 * (element is not None)
    rest = b"".join(struct.pack(">H", len(d)) + d for d in (member, element) if d is not None)
    return bytes([len(field)]) + field + bytes([shape]) + rest


LWW, SET, FLAG, COUNTER, MAX, MIN = range(6)
ASIDE = 4096 # bytes: a longer value stands in a row of its own (schema/aside.h)
FORM = {LWW: 1, SET: 2, FLAG: 2, COUNTER: 4, MAX: 3, MIN: 3}


def draw_version():
    return struct.pack(">QQ", 1700000000000 + rnd.randrange(99) << 16, rnd.randint(1, 9) << 48 | rnd.randrange(99))


def draw_values(rule, count):
    versions = sorted({draw_version() for _ in range(count)})
    whole = rule not in (SET, FLAG)
    for version in versions:
        kind = rnd.choice((0, 0, 0, 1, 2)) if rule in (LWW, SET) else 0
        value = rnd.randbytes(rnd.choice((0, 1, 8, 40))) if whole and kind != 1 else b""
        yield (version, kind, 1800000000000 + rnd.randrange(9) if kind == 2 else None, rnd.randint(1, 65000),
               rnd.randrange(1 << 40), rnd.randbytes(8) if value else bytes(8), value)


def draw_sums(count):
    places = sorted({(rnd.randint(1, 4), rnd.randint(1, 64)) for _ in range(count)})
    return [(log, region, rnd.randint(1, 1 << 33), rnd.randint(-1 << 63, (1 << 63) - 1)) for log, region in places]


def draw_part(where, rule):
    part = {"path": where, "rule": rule, "values": [], "names": b"", "clear": None, "sums": [], "bases": []}
    if rule == COUNTER:
        part.update(sums=draw_sums(rnd.randrange(4)), bases=draw_sums(rnd.randrange(3)))
        part["sums"] = part["sums"] or [(1, 1, 1, 0)]
        return part
    part["values"] = list(draw_values(rule, 1 if rule == LWW else rnd.randint(1, 3)))
    if rule in (MAX, MIN):
        part["clear"] = rnd.choice((None, draw_version()))
    else:
        part["names"] = b"".join(sorted(draw_version() for _ in range(rnd.randrange(3))))
    return part


def part_row(entry):
    number = 0
    body = long(entry["losers"]) + bytes([entry["delete"] is not None])
    if entry["delete"]:
        version, log, offset = entry["delete"]
        body += version + long(log) + long(offset)
    body += long(len(entry["parts"]))
    for part in entry["parts"]:
        body += sized(part["path"]) + long(part["rule"])
        if part["rule"] == COUNTER:
            for sums in (part["sums"], part["bases"]):
                body += long(len(sums)) + b"".join(long(number) for item in sums for number in item)
            continue
        body += long(len(part["values"]))
        for version, kind, expiry, log, offset, fingerprint, value in part["values"]:
            number += len(value) > ASIDE # of those that stand aside, whatever it is
            body += version + long(kind) + (long(expiry) if kind == 2 else b"") + long(log) + long(offset)
            body += fingerprint + (sized(value) if len(value) <= ASIDE else long(-len(value)) + h128(value) + long(number))
        if part["rule"] in (MAX, MIN):
            body += bytes([part["clear"] is not None]) + (part["clear"] or b"")
        else:
            body += sized(part["names"])
    check = xxhash.xxh3_64_intdigest(body, xxhash.xxh3_64_intdigest(entry["key"], entry["format"]))
    return bytes([entry["format"]]) + struct.pack(">Q", check) + body


def part_live(entry, head):
    live = b""
    for part in entry["parts"]:
        begin = struct.pack(">H", len(part["path"])) + part["path"] + bytes([FORM[part["rule"]]])
        if part["rule"] == COUNTER:
            live += begin + struct.pack(">I", len(part["sums"]))
            live += b"".join(struct.pack(">HBqq", *item) for item in part["sums"])
            live += struct.pack(">I", len(part["bases"]))
            live += b"".join(struct.pack(">HBqq", *item) for item in part["bases"])
            continue
        values = [(v[0], v[5], v[6]) for v in part["values"] if v[1] == 0]
        if values:
            live += begin + struct.pack(">I", len(values))
            live += b"".join(v + f + struct.pack(">I", len(d)) + (d if len(d) <= ASIDE else h128(d)) for v, f, d in values)
    return head + live if live else b""


def part_mortal(entry, head):
    texts = [head + b"\xff\xff" + entry["delete"][0] + b"\x01"] if entry["delete"] else []
    for part in entry["parts"]:
        begin = head + struct.pack(">H", len(part["path"])) + part["path"]
        if part["clear"]:
            texts.append(begin + part["clear"] + b"\x01")
        for version, kind, expiry, _, _, fingerprint, value in part["values"]:
            if kind == 1:
                texts.append(begin + version + b"\x01")
            if kind == 2:
                texts.append(begin + version + b"\x02" + struct.pack(">q", expiry) + fingerprint + h128(value))
    return texts


def digest_sum(texts):
    lanes = [struct.unpack(">QQ", h128(data)) for data in texts]
    return "%016x%016x" % (sum(high for high, _ in lanes) % 2**64, sum(low for _, low in lanes) % 2**64)


def part_entry(n):
    paths = [(path(b""), LWW), (path(b"name"), LWW), (path(b"tags", element=b"\x02x"), SET), (path(b"vip"), FLAG),
             (path(b"visits"), COUNTER), (path(b"last"), MAX), (path(b"first"), MIN), (path(b"cart", b"sku"), COUNTER),
             (path(b"groups", b"g", b"\x04"), SET), (path(b"notes", "ключ".encode()), LWW)]
    if n % 3 == 2: # siblings: one part, whole values
        paths = [(path(b""), SET)]
    chosen = sorted(rnd.sample(paths, rnd.randint(1, len(paths))))
    entry = {"format": 3 if n % 3 == 2 else 2, "key": KEYS[n % len(KEYS)], "losers": rnd.choice((0, 0, 3)),
             "delete": rnd.choice((None, (draw_version(), 7, 99))), "parts": [draw_part(*part) for part in chosen]}
    if entry["format"] == 3:
        entry["parts"][0]["values"] = [v[:5] + (bytes(8), rnd.randbytes(5) if v[1] != 1 else b"") for v in
                                       entry["parts"][0]["values"]]
    return entry


def grown(entry):
    """Some of its values just fit into the row, and some are over it: of these it has the hash."""
    for part in entry["parts"]:
        whole = entry["format"] == 3 or part["rule"] not in (SET, FLAG)
        part["values"] = [v[:6] + ((rnd.randbytes(rnd.choice((ASIDE, ASIDE + 1, 9000))),) if whole and v[1] != 1 else
                                   v[6:]) for v in part["values"]]
    return entry


def part_line(entry):
    head = bytes([entry["format"]]) + struct.pack(">H", len(entry["key"])) + entry["key"]
    live, mortal = part_live(entry, head), part_mortal(entry, head)
    return (text(entry["key"]), entry["format"], text(part_row(entry)), text(live),
            ",".join(map(text, mortal)) or "-", digest_sum([live] if live else []), digest_sum(mortal))


rows = [part_line(part_entry(n)) for n in range(24)]
drawn = rnd.getstate() # what follows does not depend on the large ones
rows += [part_line(grown(part_entry(n))) for n in range(6)]
rnd.setstate(drawn)
save("part.txt", "key format row live-text mortal-texts live mortal", rows)


# Tokens: schema/token.h. A token is {(collection, log, birth): {name: value}}, a name
# (partition,) of a place or (partition, node, seq) of a pending.
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


assert crc32c(b"123456789") == 0xe3069283  # the check value that everybody prints


def token(hlc, logs):
    data = struct.pack(">BQH", 1, hlc, len(logs))
    for (collection, log, birth), items in sorted(logs.items()):
        data += bytes([len(collection)]) + collection + struct.pack(">HQH", log, birth, len(items))
        for name, value in sorted(items.items(), key=lambda item: item[0] + (0, 0)):
            data += struct.pack(">H", name[0] | (0x8000 if name[1:] else 0))
            data += b"".join(struct.pack(">Q", number) for number in name[1:] + (value,))
    return data + struct.pack(">I", crc32c(data))


def token_draw():
    logs = {}
    for _ in range(rnd.randrange(4)):
        log = (rnd.choice([b"a", b"packages", b"z" * 64]), rnd.randrange(1, 4), rnd.choice([1, 7 << 16]))
        items = logs.setdefault(log, {})
        for _ in range(rnd.randrange(1, 5)):
            pending = (rnd.choice([1 << 48, 2**64 - 1]), rnd.randrange(1, 4))
            items[(rnd.choice([0, 1, 4095]),) + rnd.choice([(), pending])] = rnd.randrange(1, 2**63)
    return rnd.getrandbits(64), logs


def token_merge(a, b):
    logs = {log: dict(items) for log, items in a[1].items()}
    for log, items in b[1].items():
        for name, value in items.items():
            into = logs.setdefault(log, {})
            into[name] = max(value, into.get(name, 0))
    return max(a[0], b[0]), logs


def token_text(drawn):
    return base64.urlsafe_b64encode(token(*drawn)).rstrip(b"=").decode()


drawn = [(0, {}), (1700000000000 << 16, {(b"things", 1, 5 << 16): {(3,): 42}})]
drawn += [token_draw() for _ in range(40)]
save("token.txt", "one other merged",
     [tuple(map(token_text, (a, b, token_merge(a, b)))) for a, b in zip(drawn, drawn[1:])])
