#!/usr/bin/python3
"""Writes PATCHes that the product's own writers never would, and counts what they did write.

  forge_patch.py … --poison FILE        each refused kind once, over good ones of the same
                                        keys; FILE: id, kind, words of its dead letter
  forge_patch.py … --again KEY N        N increments of the field visits, each sent twice
  forge_patch.py … --late KEY VERSION   sets the field name, by a version just older
  forge_patch.py … --count KEY          what all increments of visits in the logs add up to,
                                        whoever applies them
"""
import argparse
import random
import time

import forge
import kafka
import wire

PATCH = wire.avsc("patch")
VERSION = {"type": "fixed", "name": "Version", "size": 16}
NOBODY = b"\x01nobody\x02"


def text(words):
    return wire.long(len(words)) + words


def step(field, operation, value=b"", member=None, sums=()):
    return {"field": field, "member": member, "operation": operation, "value": value,
            "seen": [], "sums": list(sums)}


class PatchForge(forge.Forge):
    def patch(self, *steps, fingerprint=None):
        newest = self.definition["schemas"][-1]["fingerprint"]
        return wire.encode(PATCH, {"schema": fingerprint or newest, "put": False, "mark": [],
                                   "steps": list(steps)}, {"Version": VERSION})

    def made(self, key, value, hlc=None, **other):
        """A PATCH of a node of its own: topic, partition, key, value, headers."""
        region = self.chance.choice(list(self.logs))
        log, partition = self.place(region, key)
        node = region << 48 | self.chance.getrandbits(48)
        header = wire.header(wire.PATCH, log["number"], partition,
                             hlc or int(time.time() * 1000) << 16, node, 1, **other)
        return log["topic"], partition, key, value, [header]

    def refused(self):
        """(kind, words of its dead letter, topic, partition, key, value, headers)"""
        one = step("visits", "INCREMENT", wire.long(1))
        name = step("name", "SET", text(b"never"))
        good = self.patch(one, name)
        twice = self.patch(name, step("name", "UNSET"))
        sums = [{"log": 1, "region": 1, "next": 1, "sum": 1}]
        many = self.patch(*[one] * 4097)
        hour = int(time.time() * 1000) + forge.HOUR
        kinds = [
            ("truncated", "is wrong at byte", good[:-1]),
            ("bytes left over", "is wrong at byte", good + b"\x00"),
            ("no bytes", "is wrong at byte", b""),
            ("a flood of steps", "is wrong at byte", good[:9] + b"\x00" + wire.long(1 << 40)),
            ("4097 steps", "at most 4096 steps", many),
            ("a step of many bytes", "is wrong at byte",
             good[:9] + b"\x00\x02" + wire.long(1 << 50) + good[12:]),
            ("an operation that there is not", "is wrong at byte",
             good.replace(b"visits\x00\x04", b"visits\x00\x7e")),
            ("an unknown schema", "schema register", self.patch(one, fingerprint=NOBODY)),
            ("an unknown field", "does not have", self.patch(step("shoes", "SET", text(b"x")))),
            ("a counter that is set", "counter", self.patch(step("visits", "SET", b"\x02"))),
            ("a set that is set", "set", self.patch(step("tags", "SET", b"\x00"))),
            ("a member of no map", "member", self.patch(step("name", "SET", text(b"x"), "m"))),
            ("a number that is none", "not one long", self.patch(step("visits", "INCREMENT"))),
            ("a string that is none", "name", self.patch(step("name", "SET", b"\x08x"))),
            ("a flag with a value", "leave it out", self.patch(step("online", "ENABLE", b"\x02"))),
            ("one part twice", "name one part", twice),
            ("sums of an increment", "leave them out",
             self.patch(step("visits", "INCREMENT", b"\x02", sums=sums)))]
        rows = [(kind, words, *self.made(b"damaged", value)) for kind, words, value in kinds]
        rows.append(("a counter that expires", "cannot expire",
                     *self.made(b"damaged", self.patch(one), expiry=hour)))
        return rows

    def increments(self, key, count):
        """Each sent twice: it counts once."""
        for _ in range(count):
            message = self.made(key, self.patch(step("visits", "INCREMENT", wire.long(1))))
            for _ in range(2):
                self.send(*message)
        self.finish()

    def older(self, key, version):
        """As if it had been on its way for as long."""
        value = self.patch(step("name", "SET", text(b"late")))
        self.send(*self.made(key, value, hlc=int(version[:16], 16) - 1))
        self.finish()


def poison(maker, path):
    """A good PATCH before each and behind it: the slice goes on."""
    good = maker.patch(step("visits", "INCREMENT", wire.long(1)))
    with open(path, "w", encoding="utf-8") as out:
        for kind, words, *message in maker.refused():
            def heard(m, kind=kind, words=words):
                out.write("%s/%d/%d\t%s\t%s\n"
                          % (m.topic(), m.partition(), m.offset(), kind, words))
            maker.send(*maker.made(b"damaged", good))
            maker.send(*message, heard=heard)
            maker.send(*maker.made(b"damaged", good))
        maker.finish()


def count(servers, definition, key):
    """The sum of what was sent, each write once, as long as nothing resets the field."""
    read, total, met = wire.avro("patch"), 0, set()
    records, _ = kafka.read_topics(servers, [log["topic"] for log in definition["logs"]])
    for record in (r for several in records.values() for r in several):
        if record.key != key or len(record.headers) != 1:
            continue
        write = wire.header_decode(record.headers[0])
        name = write.log, write.node, write.seq
        if write.op != wire.PATCH or name in met:
            continue
        met.add(name)
        for each in wire.decode(read, record.value)["steps"]:
            if each["field"] == "visits" and each["operation"] == "INCREMENT":
                total += wire.Reader(each["value"]).long()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--poison")
    parser.add_argument("--again", nargs=2)
    parser.add_argument("--late", nargs=2)
    parser.add_argument("--count")
    a = parser.parse_args()
    definition = forge.newest(a.servers, a.collection)
    if a.count:
        print(count(a.servers, definition, a.count.encode()))
        return
    maker = PatchForge(a.servers, definition, a.seed)
    if a.poison:
        poison(maker, a.poison)
    if a.again:
        maker.increments(a.again[0].encode(), int(a.again[1]))
    if a.late:
        maker.older(a.late[0].encode(), a.late[1])


if __name__ == "__main__":
    main()
