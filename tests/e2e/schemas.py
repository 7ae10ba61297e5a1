"""Avro schemas and the values that they wrote, judged anew from the specification (1.11)
and DESIGN.md, sections 2 and 5: which schemas a definition names, whether a value is
exactly one datum of one of them, and which definition may follow another. Slow, plain, and
no line of it shared with the project."""
import json
import math
import re
import struct

import wire

DEPTH_MAX = 64           # records, arrays and maps in each other
ITEMS_MAX = 65536        # of all arrays and maps of a datum together
STEPS_FREE, STEPS_A_BYTE = 1 << 20, 8  # parts of a datum: for those that take no bytes
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Type:
    """A schema, or a part of one."""
    __slots__ = ("kind", "name", "parts", "fields", "size", "rules")

    def __init__(self, kind, name=None):
        self.kind, self.name = kind, name
        self.parts = []   # branches, symbols, the item; of a record its fields' types
        self.fields = []  # names
        self.size = 0
        self.rules = {}   # field → merge rule


def require(condition, why):
    if not condition:
        raise wire.Bad(why)


class Parser:
    def __init__(self):
        self.named = {}

    def type(self, schema, space):
        if isinstance(schema, list):
            return self.union(schema, space)
        if isinstance(schema, str):
            if schema in PRIMITIVES:
                return Type(schema)
            full = schema if "." in schema or not space else space + "." + schema
            require(full in self.named, "no type is called %s" % full)
            return self.named[full]
        require(isinstance(schema, dict) and "type" in schema, "no type")
        kind = schema["type"]
        if kind in ("record", "error", "enum", "fixed"):
            return self.definition(schema, space)
        if kind in ("array", "map"):
            made = Type(kind)
            made.parts = [self.type(schema.get("items" if kind == "array" else "values"),
                                    space)]
            return made
        return self.type(kind, space)

    def union(self, schema, space):
        made = Type("union")
        made.parts = [self.type(part, space) for part in schema]
        kinds = [part.name or part.kind for part in made.parts]
        require(kinds and "union" not in kinds and len(set(kinds)) == len(kinds), "a union")
        return made

    def definition(self, schema, space):
        name = schema.get("name")
        require(isinstance(name, str), "no name")
        if "." not in name:
            space = schema.get("namespace", space)
            name = space + "." + name if space else name
        space = name.rpartition(".")[0]
        require(all(NAME.match(part) for part in name.split(".")), "a name")
        require(name not in self.named and name not in PRIMITIVES, "a name twice")
        kind = "record" if schema["type"] == "error" else schema["type"]
        made = self.named[name] = Type(kind, name)
        if kind == "fixed":
            made.size = schema.get("size")
            require(isinstance(made.size, int) and made.size >= 0, "a size")
        elif kind == "enum":
            made.fields = schema.get("symbols")
            self.names(made.fields)
        else:
            require(isinstance(schema.get("fields"), list), "no fields")
            made.fields = [field.get("name") for field in schema["fields"]]
            self.names(made.fields)
            made.parts = [self.type(field.get("type"), space) for field in schema["fields"]]
            made.rules = {field["name"]: field.get("merge", "lww")
                          for field in schema["fields"]}
        return made

    @staticmethod
    def names(names):
        require(isinstance(names, list) and len(set(names)) == len(names)
                and all(isinstance(n, str) and NAME.match(n) for n in names), "names")


def parse(text):
    """The type that schema JSON says; wire.Bad."""
    try:
        return Parser().type(json.loads(text), "")
    except (ValueError, RecursionError, AttributeError, TypeError) as bad:
        raise wire.Bad("no Avro schema: %s" % bad) from bad


def canonical(made, seen=None):
    """The Parsing Canonical Form."""
    seen = set() if seen is None else seen
    if made.kind in PRIMITIVES or made.name in seen:
        return '"%s"' % (made.name or made.kind)
    if made.kind == "union":
        return "[%s]" % ",".join(canonical(part, seen) for part in made.parts)
    if made.kind in ("array", "map"):
        return '{"type":"%s","%s":%s}' % (made.kind,
                                          "items" if made.kind == "array" else "values",
                                          canonical(made.parts[0], seen))
    seen.add(made.name)
    head = '{"name":"%s","type":"%s",' % (made.name, made.kind)
    if made.kind == "fixed":
        return head + '"size":%d}' % made.size
    if made.kind == "enum":
        return head + '"symbols":[%s]}' % ",".join('"%s"' % s for s in made.fields)
    return head + '"fields":[%s]}' % ",".join(
        '{"name":"%s","type":%s}' % (name, canonical(part, seen))
        for name, part in zip(made.fields, made.parts))


EMPTY = 0xc15d213aa4d7a795


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (EMPTY if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc_table()


def fingerprint(made):
    """CRC-64-AVRO, as its eight bytes travel."""
    crc = EMPTY
    for byte in canonical(made).encode():
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xff]
    return crc.to_bytes(8, "little")


def number(format, size):
    def read(reader):
        value = struct.unpack(format, reader.take(size))[0]
        special = {math.inf: "Infinity", -math.inf: "-Infinity"}
        return "NaN" if math.isnan(value) else special.get(value, value)
    return read


LEAVES = {"null": lambda r: None, "boolean": lambda r: r.branch(2) == 1,
          "int": wire.Reader.int, "long": wire.Reader.long,
          "float": number("<f", 4), "double": number("<d", 8),
          "bytes": lambda r: r.bytes().decode("latin-1")}


class Datum:
    """Goes through the bytes of one datum, within the limits: its JSON encoding."""

    def __init__(self, data):
        self.reader = wire.Reader(data)
        self.items = ITEMS_MAX
        self.steps = STEPS_FREE + STEPS_A_BYTE * len(data)

    def json(self, made):
        value = self.part(made, 0)
        self.reader.done()
        return value

    def string(self):
        try:
            return self.reader.bytes().decode("utf-8")
        except UnicodeDecodeError as bad:
            raise wire.Bad("no UTF-8") from bad

    def part(self, made, depth):
        require(self.steps > 0, "too many parts")
        self.steps -= 1
        reader = self.reader
        if made.kind == "union":
            made = made.parts[reader.branch(len(made.parts))]
            if made.kind == "null":
                return None
            return {made.name or made.kind: self.inner(made, depth)}
        return self.inner(made, depth)

    def inner(self, made, depth):
        kind = made.kind
        if kind in ("record", "array", "map"):
            require(depth < DEPTH_MAX, "too deep")
            return self.compound(made, depth + 1)
        if kind == "string":
            return self.string()
        if kind == "enum":
            return made.fields[self.reader.branch(len(made.fields))]
        if kind == "fixed":
            return self.reader.take(made.size).decode("latin-1")
        return LEAVES[kind](self.reader)

    def compound(self, made, depth):
        if made.kind == "record":
            return {name: self.part(part, depth)
                    for name, part in zip(made.fields, made.parts)}
        items, members = [], {}
        for count in self.reader.blocks():
            require(count <= self.items, "too many items")
            self.items -= count
            for _ in range(count):
                if made.kind == "map":
                    key = self.string()
                    members[key] = self.part(made.parts[0], depth)
                else:
                    items.append(self.part(made.parts[0], depth))
        return members if made.kind == "map" else items


TEXTS = ("", "a", "Zoë ☂", "\U0001f600", "tab\t\"quoted\" \\ /", "line\nline", "\x7f\x1f",
         "x" * 200)


def some(made, chance, depth=0):
    """The bytes of a datum, by chance."""
    kind = made.kind
    if kind == "union":
        leaves = [i for i, part in enumerate(made.parts) if part.kind in PRIMITIVES]
        branch = chance.choice(leaves if leaves and depth > 5 else range(len(made.parts)))
        return wire.long(branch) + some(made.parts[branch], chance, depth)
    if kind == "record":
        return b"".join(some(part, chance, depth + 1) for part in made.parts)
    if kind in ("array", "map"):
        return items(made, chance, depth)
    if kind in ("boolean", "enum"):
        return wire.long(chance.randrange(2 if kind == "boolean" else len(made.fields)))
    if kind in ("int", "long"):
        bits = chance.choice((1, 7, 31 if kind == "int" else 63))
        return wire.long(chance.randrange(-2**bits, 2**bits))
    if kind == "string":
        data = chance.choice(TEXTS).encode()
        return wire.long(len(data)) + data
    if kind == "bytes":
        data = chance.randbytes(chance.randrange(20))
        return wire.long(len(data)) + data
    if kind in ("float", "double"):
        number = chance.choice((0.0, 0.5, -1e9, 1 / 3, math.inf, -math.inf, math.nan))
        return struct.pack("<f" if kind == "float" else "<d", number)
    return chance.randbytes(made.size)


def items(made, chance, depth):
    """Blocks of an array or map, some of which say their size."""
    out, number = b"", 0
    while depth < 6 and chance.random() < 0.5:
        count, block = chance.randrange(1, 4), b""
        for _ in range(count):
            if made.kind == "map":
                key = ("%d%s" % (number, chance.choice(TEXTS))).encode()
                block += wire.long(len(key)) + key
            block += some(made.parts[0], chance, depth + 1)
            number += 1
        sized = chance.random() < 0.5
        out += wire.long(-count) + wire.long(len(block)) if sized else wire.long(count)
        out += block
    return out + b"\x00"


class Schemas:
    """The schemas of a definition, by what names them in a value."""

    def __init__(self, definition):
        self.format = definition["format"]
        self.magic = b"\xc3\x01" if self.format == "AVRO" else b"\x00"
        self.judged = {}  # value → JSON or wire.Bad: models judge each several times
        self.named = {}
        for schema in definition["schemas"]:
            try:
                made = parse(schema["json"])
                if fingerprint(made) != schema["fingerprint"]:
                    made = None
            except wire.Bad:
                made = None
            self.named[name_of(self.format, schema)] = made

    def some(self, chance):
        """A value, by chance; None when there is no schema that can be used."""
        usable = [name for name, made in self.named.items() if made]
        if not usable:
            return None
        name = chance.choice(usable)
        return self.magic + name + some(self.named[name], chance)

    def json(self, value):
        """The value as JSON; wire.Bad: it is none of this collection."""
        if self.format == "OPAQUE":
            return value.decode("utf-8", "replace")
        if value not in self.judged:
            try:
                self.judged[value] = self.judge(value)
            except wire.Bad as bad:
                self.judged[value] = bad
        answer = self.judged[value]
        if isinstance(answer, wire.Bad):
            raise answer
        return answer

    def judge(self, value):
        size = 10 if self.format == "AVRO" else 5
        require(len(value) >= size and value.startswith(self.magic), "another frame")
        name = value[len(self.magic):size]
        require(name in self.named, "a schema that no DEFINE named")
        require(self.named[name], "a schema that cannot be used")
        return Datum(value[size:]).json(self.named[name])


def name_of(kind, schema):
    if kind == "CONFLUENT":
        require(schema["registry_id"] is not None, "no registry id")
        return (schema["registry_id"] & 0xffffffff).to_bytes(4, "big")
    return schema["fingerprint"]


# ---- which definition may follow another ----

def rules(schema):
    try:
        return parse(schema["json"]).rules
    except wire.Bad:
        return {}


def schemas_follow(coming, now):
    """The format stays, each schema stays where and as it was, and a field keeps its rule."""
    if coming["format"] != now["format"]:
        return False
    before = len(now["schemas"])
    if coming["schemas"][:before] != now["schemas"]:
        return False
    known = [rules(schema) for schema in coming["schemas"]]
    return all(one[field] == other[field]
               for n, one in enumerate(known) if n >= before for other in known[:n]
               for field in one.keys() & other.keys())


SAME = ("collection", "partitions", "buckets", "resolver")


def follows(coming, now):
    """Regions stay here as they are, and logs but for those that end: nothing in the tests
    changes more."""
    def stays(was):
        now_is = [log for log in coming["logs"] if log["number"] == was["number"]]
        return now_is and (now_is[0] == was or was["ends"] is None
                           and dict(now_is[0], ends=None) == was)

    return (coming["number"] == now["number"] + 1 and coming["id"] != now["id"]
            and all(coming[name] == now[name] for name in SAME)
            and all(region in coming["regions"] for region in now["regions"])
            and all(stays(log) for log in now["logs"])
            and schemas_follow(coming, now))


def announced(records, collection):
    """The definitions of a collection by their bytes, as iso.control has them: in order,
    each only if it may follow, and of two claims the first."""
    read, found, last = wire.avro("collection"), {}, None
    prefix = "definition/%s/" % collection
    for r in records:
        key = (r.key or b"").decode("utf-8", "replace")
        if not key.startswith(prefix) or r.value is None:
            continue
        try:
            coming = wire.decode(read, r.value)
            named = {name_of(coming["format"], schema) for schema in coming["schemas"]}
        except (wire.Bad, UnicodeDecodeError):
            continue
        if len(named) < len(coming["schemas"]):
            continue  # one stands twice
        if key != "%s%d" % (prefix, coming["number"]) or coming["collection"] != collection:
            continue
        if coming["number"] == 1 if last is None else follows(coming, last):
            found[r.value] = last = coming
    return found
