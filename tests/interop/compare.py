"""compare.py - what fastavro makes of the schemas and data that interop_pairs drew.

Reads its lines from standard input. Of each datum: fastavro reads it by the writer's
schema, and sees what our JSON says; it reads it by writer's and reader's schema, and
sees what it sees when it reads our answer by the reader's schema alone; where one side
refuses, so does the other. What fastavro does otherwise than the specification stands
in README.md, and in the places below that are marked (1) to (5).

The last line are figures; the exit status is 1 at the first difference.
"""
import copy
import io
import json
import math
import struct
import sys

import fastavro
from fastavro.read import SchemaResolutionError

REFUSALS = (SchemaResolutionError, UnicodeDecodeError)


class Difference(Exception):
    """fastavro and we do not agree."""


class Schema:
    def __init__(self, text, reads):
        self.reads = reads
        self.named = {}
        self.json = json.loads(text)
        self.parsed = fastavro.parse_schema(json.loads(text), named_schemas=self.named)

        self.linked = self.link()

    def link(self):
        """The same without references: (4) where one schema defines a type and the
        other, in the same place, names it, fastavro fails with a TypeError."""
        tops = self.parsed if isinstance(self.parsed, list) else [self.parsed]
        tops = copy.deepcopy([tops, self.named])
        for top in tops[0]:
            if isinstance(top, dict):
                top["__fastavro_parsed"] = True
                top["__named_schemas"] = {}
        linked = set()
        for top in [tops[0], *tops[1].values()]:
            self.link_parts(top, tops[1], linked)
        return tops[0] if isinstance(self.parsed, list) else tops[0][0]

    def link_parts(self, schema, named, linked):
        if id(schema) in linked or isinstance(schema, str):
            return
        linked.add(id(schema))
        if isinstance(schema, list):
            places = [(schema, place) for place in range(len(schema))]
        else:
            if self.reads: # one attribute more: no two are alike, or compared for long
                schema["reads"] = True
            places = [(schema, part) for part in ("items", "values") if part in schema]
            places += [(field, "type") for field in schema.get("fields", ())]
        for whole, part in places:
            if isinstance(whole[part], str):
                whole[part] = named.get(whole[part], whole[part])
            self.link_parts(whole[part], named, linked)

    def type(self, schema):
        """(kind, schema) of a schema or of the name of one."""
        if isinstance(schema, list):
            return "union", schema
        if isinstance(schema, str):
            if schema not in self.named:
                return schema, schema
            schema = self.named[schema]
        kind = schema["type"]
        return self.type(kind) if isinstance(kind, (list, dict)) else (kind, schema)


def read(datum, writer, reader=None, **options):
    stream = io.BytesIO(datum)
    value = fastavro.schemaless_reader(
        stream, writer.linked, reader and reader.linked, **options)
    if stream.read(1):
        raise Difference("fastavro does not read the datum to its end")
    return value


def float32(value):
    if math.isnan(value) or math.isinf(value):
        return value
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def same_real(left, right):
    return left == right or (left != left and right != right)


# ---- our JSON, by the writer's schema ----

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def says(owner, schema, value, ours):
    """Whether `ours`, in Avro's JSON encoding, is fastavro's value."""
    kind, schema = owner.type(schema)
    if kind == "union":
        return says_branch(owner, schema, value, ours)
    if isinstance(value, tuple):
        value = value[1]
    if kind in ("float", "double"):
        ours = WORDS[ours] if isinstance(ours, str) else float(ours)
        # Of a float stand as many digits as tell it from every other float.
        return isinstance(value, float) and same_real(
            value, float32(ours) if kind == "float" else ours)
    if kind in ("bytes", "fixed"):
        return isinstance(value, bytes) and value.decode("latin-1") == ours
    if kind == "array":
        return len(value) == len(ours) and all(
            says(owner, schema["items"], *both) for both in zip(value, ours))
    if kind == "map":
        return value.keys() == ours.keys() and all(
            says(owner, schema["values"], value[key], ours[key]) for key in value)
    if kind == "record":
        names = [field["name"] for field in schema["fields"]]
        return list(value) == names and list(ours) == names and all(
            says(owner, field["type"], value[field["name"]], ours[field["name"]])
            for field in schema["fields"])
    return type(value) is type(ours) and value == ours


def says_branch(owner, union, value, ours):
    if value is None or ours is None:
        return value is ours
    ((name, inside),) = ours.items()
    if isinstance(value, tuple) and value[0] != name:
        return False
    for branch in union:
        kind, schema = owner.type(branch)
        called = schema["name"] if kind in ("record", "enum", "fixed") else kind
        if called == name:
            return says(owner, branch, value, inside)
    return False


# ---- their answer and ours, by the reader's schema ----

PYTHON = {"null": type(None), "boolean": bool, "int": int, "long": int, "float": float,
          "double": float, "bytes": bytes, "string": str, "array": list, "map": dict,
          "record": dict, "enum": str, "fixed": bytes}


def same(owner, schema, theirs, ours):
    kind, schema = owner.type(schema)
    if kind == "union":
        return any(isinstance(ours, PYTHON[owner.type(branch)[0]])
                   and same(owner, branch, theirs, ours) for branch in schema)
    # (1) A default is the JSON as it stands in the schema, not a value of its type.
    if kind in ("bytes", "fixed") and isinstance(theirs, str):
        theirs = theirs.encode("latin-1")
    # (2) A number that is to be a float is a double.
    if kind == "float":
        return isinstance(theirs, (int, float)) and same_real(float32(theirs), ours)
    if kind == "double":
        return isinstance(theirs, (int, float)) and same_real(float(theirs), ours)
    if type(theirs) is not type(ours):
        return False
    if kind == "array":
        return len(theirs) == len(ours) and all(
            same(owner, schema["items"], *both) for both in zip(theirs, ours))
    if kind == "map":
        return theirs.keys() == ours.keys() and all(
            same(owner, schema["values"], theirs[key], ours[key]) for key in theirs)
    if kind == "record":
        return theirs.keys() == ours.keys() and all(
            same(owner, field["type"], theirs[field["name"]], ours[field["name"]])
            for field in schema["fields"])
    return theirs == ours


class Comparison:
    def __init__(self):
        self.figures = dict.fromkeys(
            ("pairs", "readable", "data", "resolved", "refused", "eager",
             "limits"), 0)
        self.writer = self.reader = self.verdict = None

    def pair(self, verdict, writer, reader, fingerprint):
        self.figures["pairs"] += 1
        self.figures["readable"] += verdict == "yes"
        self.verdict = verdict
        self.writer, self.reader = Schema(writer, False), Schema(reader, True)
        canonical = fastavro.schema.to_parsing_canonical_form(json.loads(writer))
        if fastavro.schema.fingerprint(canonical, "CRC-64-AVRO") != fingerprint:
            raise Difference(f"another fingerprint than that of {canonical}")

    def datum(self, datum, ours, answer):
        self.figures["data"] += 1
        datum = bytes.fromhex(datum)
        value = read(datum, self.writer, return_named_type=True)
        if not says(self.writer, self.writer.parsed, value, json.loads(ours)):
            raise Difference(f"fastavro reads {value!r}")
        try:
            theirs = read(datum, self.writer, self.reader)
        except REFUSALS as refusal:
            self.refused(answer, refusal)
        else:
            self.answered(answer, theirs)

    def answered(self, answer, theirs):
        # (5) It has no limits of depth and items, which defaults can break.
        if "over a limit: " in answer:
            self.figures["limits"] += 1
            return
        if answer.startswith("!"):
            raise Difference(f"fastavro reads {theirs!r} by the reader's schema")
        ours = self.read_answer(answer)
        if not same(self.reader, self.reader.parsed, theirs, ours):
            raise Difference(f"fastavro sees {theirs!r}, and in our answer {ours!r}")
        self.figures["resolved"] += 1

    def refused(self, answer, refusal):
        if answer.startswith("!"):
            if self.verdict == "yes" and "not UTF-8" not in answer:
                raise Difference("refused, though all can be read")
            self.figures["refused"] += 1
            return
        # (3) Items that cannot be read are refused before there is one. So does
        # iso_avro_can_read.
        text = json.dumps(self.writer.json)
        if self.verdict == "yes" or ("array" not in text and "map" not in text):
            raise Difference(f"fastavro refuses: {refusal}")
        self.read_answer(answer)
        self.figures["eager"] += 1

    def read_answer(self, answer):
        try:
            return read(bytes.fromhex(answer), self.reader)
        except Exception as failure:
            raise Difference(f"our answer is no datum of the reader's: {failure!r}") \
                from failure


def main():
    comparison = Comparison()
    last = ""
    for line in sys.stdin:
        kind, *columns = line.rstrip("\n").split("\t")
        try:
            if kind == "P":
                last = line
                comparison.pair(*columns[1:])
            else:
                comparison.datum(*columns)
        except Exception as difference:
            print(f"{last}{line}{type(difference).__name__}: {difference}",
                  file=sys.stderr)
            if not isinstance(difference, Difference):
                raise
            return 1
    print(json.dumps(comparison.figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
