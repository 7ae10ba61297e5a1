#!/usr/bin/python3
"""Writes Avro values and definitions that the product's own writers never would.

  forge_avro.py … --create FORMAT --schema FILE   a collection of a format that needs a
                                                  registry, without one: topic, definition 1
                                                  (the schema's id is 7), its DEFINEs
  forge_avro.py … --poison FILE   announces, as an operator would, a definition with schemas
                                  that nobody can use; then writes each kind of value and
                                  DEFINE that must be refused, once with our header and
                                  once without. FILE: id, kind, words of its dead letter

The values are made of one that stands in the log: write a good one first.
"""
import argparse
import json
import random
import time

from confluent_kafka.admin import AdminClient, NewTopic

import forge
import kafka
import schemas
import wire

HOSTILE = {"type": "record", "name": "Hostile", "fields": [
    {"name": "hostile_nulls", "type": {"type": "array", "items": "null"}},
    {"name": "hostile_next", "type": ["null", "Hostile"]}]}
BROKEN = '{"type": "record", "name": "Broken", "fields": [{"name": "half", '
LIAR = '{"type": "record", "name": "Liar", "fields": [{"name": "liar", "type": "int"}]}'
LIMIT = 960 << 10


class AvroForge(forge.Forge):
    def __init__(self, servers, definition, seed):
        super().__init__(servers, definition, seed)
        self.servers = servers

    def frame(self, schema):
        if self.definition["format"] == "AVRO":
            return b"\xc3\x01" + schema["fingerprint"]
        return b"\x00" + schemas.name_of("CONFLUENT", schema)

    def a_value(self):
        """A good one: the first that stands in a log and is a value of it."""
        judge = schemas.Schemas(self.definition)
        topics = [log["topic"] for log in self.definition["logs"]]
        for rows in kafka.read_topics(self.servers, topics)[0].values():
            for r in rows:
                try:
                    if r.key and r.value:
                        judge.json(r.value)
                        return r.value
                except wire.Bad:
                    pass
        raise SystemExit("forge_avro: write a good value first")

    def schema(self, text, fingerprint, number):
        plain = self.definition["format"] == "AVRO"
        return {"json": text, "fingerprint": fingerprint,
                "registry_id": None if plain else number}

    def next_definition(self, **changes):
        return dict(self.definition, number=self.definition["number"] + 1,
                    id=self.chance.getrandbits(128).to_bytes(16, "big"), **changes)

    def announce(self, definition):
        data = wire.encode(wire.avsc("collection"), definition)
        key = "definition/%s/%d" % (definition["collection"], definition["number"])
        self.send("iso.control", 0, key.encode(), data, [])
        self.finish()
        return data

    def define(self, log, partition, data, birth=None):
        """A DEFINE in the name of the region that owns the log."""
        node = min(log["writers"]) << 48 | self.chance.getrandbits(48)
        hlc = birth or int(time.time() * 1000) << 16
        return (log["topic"], partition, None, data,
                [wire.header(wire.DEFINE, log["number"], partition, hlc, node, 1)])

    def define_everywhere(self, data, birth=None):
        for log in self.definition["logs"]:
            for partition in range(self.definition["partitions"]):
                self.send(*self.define(log, partition, data, birth))
        self.finish()

    def unusable(self):
        """Announces schemas to be refused by, unless they are there, and says them."""
        made = schemas.parse(json.dumps(HOSTILE))
        added = [self.schema(json.dumps(HOSTILE), schemas.fingerprint(made), 1001),
                 self.schema(BROKEN, b"\x01broken\x02", 1002),
                 self.schema(LIAR, b"\x01liar\x02\x03\x04", 1003)]
        if added[0] not in self.definition["schemas"]:
            coming = self.next_definition(schemas=self.definition["schemas"] + added)
            self.define_everywhere(self.announce(coming))
            self.definition = coming
            # One of before comes late, as when two register at once: it has no effect,
            # and is nobody's fault.
            first = forge.announced(self.servers, coming["collection"])
            self.define_everywhere(next(iter(first)))
        return added

    def values(self):
        """(kind, words of its dead letter, value)"""
        hostile, broken, liar = self.unusable()
        good, frame = self.a_value(), self.frame(hostile)
        size = len(frame)
        unknown = {"fingerprint": b"nobodys!", "registry_id": 424242}
        other = b"\x00\x00\x00\x00\x07" if size == 10 else b"\xc3\x01" + b"nobodys!"
        many = wire.long(schemas.ITEMS_MAX + 1) + b"\x00\x00"
        deep = (b"\x00\x02" * (LIMIT // 2))[:LIMIT - size]
        return [
            ("truncated", "write it with the schema", good[:-1]),
            ("bytes left over", "left over", good + b"\x00"),
            ("only a frame", "write it with the schema", good[:size]),
            ("half a frame", "does not begin", good[:size - 1]),
            ("no frame", "does not begin", b"\x01" + good),
            ("empty", "does not begin", b""),
            ("another frame", "does not begin", other + good[size:]),
            ("an unknown schema", "schema register", self.frame(unknown) + good[size:]),
            ("a schema that does not parse", "cannot be used", self.frame(broken) + b"\x00"),
            ("a schema under another's name", "fingerprint", self.frame(liar) + b"\x02"),
            ("one item too many", "write it with the schema", frame + many),
            ("a count of INT64_MIN", "write it with the schema", frame + wire.long(-2**63)
             + wire.long(1) + b"\x00\x00"),
            ("a block of another size", "block", frame + wire.long(-2) + wire.long(1)
             + b"\x00\x00\x00\x00"),
            ("nests without end", "write it with the schema", frame + deep),
            ("blocks without end", "write it with the schema",
             frame + (b"\x02" * LIMIT)[:LIMIT - size]),
            ("a number without end", "write it with the schema",
             frame + (b"\xff" * LIMIT)[:LIMIT - size]),
            ("a megabyte", "more than the", frame + b"\x02" * (1 << 20)),
        ]

    def refused(self):
        """(kind, words of its dead letter, topic, partition, key, value, headers)"""
        rows = []
        for kind, words, value in self.values():
            for plain in (False, True):
                region = self.chance.choice(list(self.logs))
                key = b"poison-%d" % self.chance.randrange(10**9)
                log, partition = self.place(region, key)
                node = region << 48 | self.chance.getrandbits(48)
                hlc = int(time.time() * 1000) << 16
                headers = [] if plain else [wire.header(
                    wire.PUT, log["number"], partition, hlc, node, 1)]
                rows.append((("plain: " if plain else "") + kind, words, log["topic"],
                             partition, key, value, headers))
        return rows + self.definitions()

    def definitions(self):
        """DEFINEs that must be refused, announced or not."""
        log = self.chance.choice(self.definition["logs"])
        known = self.definition["schemas"]
        first = json.loads(known[0]["json"])
        field = dict(first["fields"][0])
        field["merge"] = "max" if field.get("merge") != "max" else "min"
        ruled = json.dumps({"type": "record", "name": "Ruled", "fields": [field]})
        rule = self.schema(ruled, schemas.fingerprint(schemas.parse(ruled)), 1004)
        changed = dict(known[0], json=json.dumps(dict(first, doc="changed")))
        other = "CONFLUENT" if self.definition["format"] == "AVRO" else "AVRO"
        numbered = [dict(s, registry_id=2000 + n) for n, s in enumerate(known)]
        rows = []
        for kind, announced, changes in (
                ("a DEFINE nobody announced", False, {}),
                ("a DEFINE without a schema of before", True, {"schemas": known[1:]}),
                ("a DEFINE with another text for a schema", True,
                 {"schemas": [changed] + known[1:]}),
                ("a DEFINE with another rule for a field", True,
                 {"schemas": known + [rule]}),
                ("a DEFINE of another format", True,
                 {"format": other, "schemas": numbered})):
            coming = self.next_definition(**changes)
            data = wire.encode(wire.avsc("collection"), coming)
            if announced:
                self.announce(coming)
            partition = self.chance.randrange(self.partitions)
            rows.append((kind, "announce", *self.define(log, partition, data)))
        return rows


def create(servers, collection, kind, schema):
    """What `isostasy collection create` does, for one log of all regions."""
    control, _ = kafka.read_topics(servers, ["iso.control"])
    regions = []
    for r in control["iso.control", 0]:
        if r.key.startswith(b"region/"):
            number = wire.decode(wire.avro("region"), r.value)["number"]
            regions.append({"number": number, "name": r.key[7:].decode()})
    regions.sort(key=lambda region: region["number"])
    admin = AdminClient({"bootstrap.servers": servers})
    made = admin.create_topics([NewTopic(
        collection, 4, 1, config={"message.timestamp.type": "LogAppendTime",
                                  "retention.ms": "604800000",
                                  "max.message.bytes": "1114112"})])
    made[collection].result(20)
    birth = int(time.time() * 1000) << 16
    definition = {
        "collection": collection, "number": 1, "id": random.randbytes(16), "partitions": 4,
        "buckets": 64, "resolver": "lww", "format": kind, "before_max": 24 * forge.HOUR,
        "after_max": 60000, "limits": {"key_max": 384, "value_max": LIMIT,
                                       "header_max": 65536, "read_max": 4000},
        "regions": regions,
        "logs": [{"number": 1, "cluster": "home", "topic": collection,
                  "writers": [r["number"] for r in regions],
                  "birth": birth.to_bytes(8, "big"), "succeeds": [], "ends": None}],
        "schemas": [{"fingerprint": schemas.fingerprint(schemas.parse(schema)),
                     "json": schema, "registry_id": 7}],
        "extensions": []}
    maker = AvroForge(servers, definition, random.randrange(2**32))
    maker.define_everywhere(maker.announce(definition), birth)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--create")
    parser.add_argument("--schema")
    parser.add_argument("--poison")
    a = parser.parse_args()
    if a.create:
        with open(a.schema, encoding="utf-8") as file:
            create(a.servers, a.collection, a.create, file.read())
    if a.poison:
        definition = forge.newest(a.servers, a.collection)
        forge.poison(AvroForge(a.servers, definition, a.seed), a.poison)


if __name__ == "__main__":
    main()
