"""The wire format, written anew from DESIGN.md and schema/*.avsc for the tests: Avro's
binary form, the iso header, murmur2. Shares no line with the project."""
import json
import os
import re
import struct

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schema")
OPERATIONS = ("PUT", "PATCH", "DELETE", "HEARTBEAT", "DEFINE")
PUT, PATCH, DELETE, HEARTBEAT, DEFINE = range(5)


class Bad(Exception):
    """Bytes that do not decode; the sentence is for people."""


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise Bad("the bytes end early")
        self.at += size
        return self.data[self.at - size:self.at]

    def long(self):
        raw = shift = 0
        while True:
            if self.at >= len(self.data) or shift > 63:
                raise Bad("a number does not end")
            byte = self.data[self.at]
            self.at += 1
            raw |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        if raw >> 64:
            raise Bad("a number is too long")
        return (raw >> 1) ^ -(raw & 1)

    def int(self):
        number = self.long()
        if not -2**31 <= number < 2**31:
            raise Bad("an int is out of range")
        return number

    def branch(self, count):
        number = self.long()
        if not 0 <= number < count:
            raise Bad("there is no such branch or symbol")
        return number

    def bytes(self):
        return self.take(self.long())

    def blocks(self):
        """Yields the number of items of each block of an array."""
        while True:
            count = self.long()
            if count == 0:
                return
            end = None
            if count < 0:
                count, size = -count, self.long()
                if size < 0 or self.at + size > len(self.data):
                    raise Bad("a block has no such size")
                end = self.at + size
            if count > 65536:
                raise Bad("too many items")
            yield count
            if end is not None and self.at != end:
                raise Bad("a block has another size than it says")

    def done(self):
        if self.at != len(self.data):
            raise Bad("bytes are left over")


def long(number):
    raw = (number << 1) ^ (number >> 63)
    raw &= 2**64 - 1
    out = bytearray()
    while raw > 0x7f:
        out.append(raw & 0x7f | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


def avro(name):
    """A function that decodes a Reader by schema/NAME.avsc."""
    return build(avsc(name), {})


def build(schema, named):
    if isinstance(schema, str):
        simple = {"int": Reader.int, "long": Reader.long, "bytes": Reader.bytes,
                  "null": lambda r: None,
                  "string": lambda r: r.bytes().decode("utf-8"),
                  "boolean": lambda r: bool(r.branch(2))}
        return simple.get(schema) or (lambda r: named[schema.split(".")[-1]](r))
    if isinstance(schema, list):
        parts = [build(s, named) for s in schema]
        return lambda r: parts[r.branch(len(parts))](r)
    kind = schema["type"]
    if kind == "array":
        item = build(schema["items"], named)
        return lambda r: [item(r) for n in r.blocks() for _ in range(n)]
    if kind == "fixed":
        size = schema["size"]
        made = named[schema["name"]] = lambda r: r.take(size)
        return made
    if kind == "enum":
        symbols = schema["symbols"]
        made = named[schema["name"]] = lambda r: symbols[r.branch(len(symbols))]
        return made
    if kind == "record":
        fields = []
        named[schema["name"]] = lambda r: {n: f(r) for n, f in fields}
        fields += [(f["name"], build(f["type"], named)) for f in schema["fields"]]
        return named[schema["name"]]
    return build(kind, named)


def decode(read, data):
    reader = Reader(data)
    value = read(reader)
    reader.done()
    return value


def avsc(name):
    """The schema in schema/NAME.avsc, for encode."""
    with open(os.path.join(SCHEMA, name + ".avsc"), encoding="utf-8") as file:
        return json.load(file)


def encode(schema, value, named=None):
    """Avro's binary form. Of a union null is taken for None, else what is not null."""
    named = {} if named is None else named
    if isinstance(schema, str) and schema.split(".")[-1] in named:
        schema = named[schema.split(".")[-1]]
    if isinstance(schema, list):
        branch = next(i for i, s in enumerate(schema) if (s == "null") == (value is None))
        return long(branch) + encode(schema[branch], value, named)
    if isinstance(schema, str):
        value = value.encode() if schema == "string" else value
        return {"null": lambda: b"", "int": lambda: long(value), "long": lambda: long(value),
                "boolean": lambda: long(bool(value)), "bytes": lambda: long(len(value)) + value,
                "string": lambda: long(len(value)) + value}[schema]()
    named[schema.get("name")] = schema
    kind = schema["type"]
    if kind == "record":
        return b"".join(encode(f["type"], value[f["name"]], named) for f in schema["fields"])
    if kind == "array":
        items = b"".join(encode(schema["items"], item, named) for item in value)
        return (long(len(value)) + items if value else b"") + b"\x00"
    if kind == "enum":
        return long(schema["symbols"].index(value))
    return value if kind == "fixed" else encode(kind, value, named)


class Write:
    __slots__ = ("op", "log", "partition", "hlc", "node", "seq", "read", "expiry", "odd")

    @property
    def version(self):
        return (self.hlc, self.node)


def header_decode(data):
    """The iso header; Bad when a rule of section 2 is broken."""
    if len(data) > 65536 or data[:1] != b"\x01":
        raise Bad("no header of format 1")
    r = Reader(data)
    r.at = 1
    w = Write()
    w.op, w.log, w.partition = r.branch(5), r.int(), r.int()
    w.hlc, w.node = struct.unpack(">QQ", r.take(16))
    w.seq, w.read, w.expiry, w.odd = r.long(), None, None, False
    if r.branch(2):
        w.read = [struct.unpack(">QQ", r.take(16)) for n in r.blocks() for _ in range(n)]
    if r.branch(2):
        w.expiry = r.long()
    for count in r.blocks():
        for _ in range(count):
            number = r.int()
            r.bytes()
            if number < 0:
                raise Bad("an extension's number is negative")
            w.odd = w.odd or number % 2 == 1
    r.done()
    if not (1 <= w.log <= 65000 and 0 <= w.partition < 4096 and w.seq >= 1
            and 1 <= w.node >> 48 <= 64 and 0 < w.hlc < 2**63
            and len(w.read or ()) <= 4092
            and (w.expiry is None or 0 <= w.expiry < 2**47)):
        raise Bad("a number of the header is out of range")
    return w


def header(op, log, partition, hlc, node, seq, read=None, expiry=None, tail=b"\x00"):
    out = b"\x01" + long(op) + long(log) + long(partition)
    out += struct.pack(">QQ", hlc, node) + long(seq)
    if read is None:
        out += long(0)
    else:
        names = b"".join(struct.pack(">QQ", *v) for v in read)
        out += long(1) + (long(len(read)) + names if read else b"") + long(0)
    out += long(0) if expiry is None else long(1) + long(expiry)
    return out + tail


def murmur2(data):
    m, h = 0x5bd1e995, (0x9747b28c ^ len(data)) & 0xffffffff
    for i in range(0, len(data) & ~3, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & 0xffffffff
        k = (k ^ k >> 24) * m & 0xffffffff
        h = (h * m & 0xffffffff) ^ k
    rest = data[len(data) & ~3:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & 0xffffffff
    h = (h ^ h >> 13) * m & 0xffffffff
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7fffffff) % partitions


SPECIAL = re.compile(rb"[^ -\[\]-~]")


def escape(data):
    return SPECIAL.sub(lambda m: b"\\x%02x" % m.group()[0], data).decode("ascii")
