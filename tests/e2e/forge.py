#!/usr/bin/python3
"""Writes records that the product's own writers never would, and many that they do.

  forge.py … --count N --seed S --acks FILE   a random mix: contexts, expiries, duplicates,
                                              late and disordered records, plain clients,
                                              and every kind of record that must be refused
  forge.py … --poison FILE                    each refused kind once; FILE: id, kind, words
                                              that its dead letter must have

Acks: a JSON line for each write that Kafka acknowledged and every region must admit.
"""
import argparse
import json
import random
import time

from confluent_kafka import Producer

import kafka
import schemas
import wire

HOUR = 3600 * 1000


def announced(servers, collection):
    """The collection's definitions by their bytes, oldest first."""
    control, _ = kafka.read_topics(servers, ["iso.control"])
    return schemas.announced(control["iso.control", 0], collection)


def newest(servers, collection):
    return list(announced(servers, collection).values())[-1]


class Forge:
    def __init__(self, servers, definition, seed):
        self.definition = definition
        self.schemas = schemas.Schemas(definition)
        self.logs = {w: l for l in definition["logs"] for w in l["writers"]}
        self.partitions = definition["partitions"]
        self.chance = random.Random(seed)
        self.nodes = {r: [r << 48 | self.chance.getrandbits(48) for _ in range(3)]
                      for r in self.logs}
        self.seqs, self.hlcs, self.recent, self.late = {}, {}, {}, []
        self.acked, self.errors, self.sent = [], [], 0
        self.producer = Producer({
            "bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5,
            "message.max.bytes": 1500000, "message.timeout.ms": 120000})

    def send(self, topic, partition, key, value, headers, ack=None, heard=None):
        def delivered(error, message):
            if error is not None:
                self.errors.append(str(error))
            elif ack is not None:
                self.acked.append(ack)
            if heard is not None and error is None:
                heard(message)
        while True:
            try:
                self.producer.produce(topic, value=value, key=key, partition=partition,
                                      on_delivery=delivered,
                                      headers=[("iso", h) for h in headers])
                break
            except BufferError:
                self.producer.poll(0.1)
        self.sent += 1
        self.producer.poll(0)

    def stamp(self, node, log, partition):
        """The next hlc and seq of a node, as section 3 says."""
        now = int(time.time() * 1000) << 16
        hlc = self.hlcs[node] = max(self.hlcs.get(node, 0) + 1, now)
        seq = self.seqs[node, log, partition] = self.seqs.get((node, log, partition), 0) + 1
        return hlc, seq

    def place(self, region, key):
        return self.logs[region], wire.partition_of(key, self.partitions)

    def value(self, opaque):
        """A value of the collection, which is `opaque` if it has no schemas."""
        return self.schemas.some(self.chance) or opaque

    def mutated(self):
        """One that may still be a value, or not: who reads it judges."""
        c = self.chance
        value = bytearray(self.value(b"opaque"))
        for _ in range(c.randrange(1, 4)):
            at = c.randrange(len(value) + 1)
            value[at:at + c.randrange(3)] = c.randbytes(c.randrange(3))
        return bytes(value)

    def write(self, name=None):
        """A write that every region must admit."""
        c = self.chance
        region = c.choice(list(self.logs))
        key = (name or "k%d" % c.randrange(700)).encode()
        log, partition = self.place(region, key)
        node = c.choice(self.nodes[region])
        known = self.recent.setdefault(key, [])
        read = None
        if c.random() < 0.6:
            read = c.sample(known, min(len(known), c.randrange(3)))
            for version in read:  # what was read is observed
                self.hlcs[node] = max(self.hlcs.get(node, 0), version[0])
        hlc, seq = self.stamp(node, log["number"], partition)
        delete = c.random() < 0.15
        value = None if delete else self.value(b"forged-%016x%016x" % (hlc, node))
        expiry = None
        if not delete and c.random() < 0.1:
            expiry = int(time.time() * 1000) + c.choice((-1000, HOUR))
        tail = b"\x00"
        if c.random() < 0.1:  # an extension with an even number, which is ignored
            tail = wire.long(1) + wire.long(4) + wire.long(3) + b"abc" + b"\x00"
        op = wire.DELETE if delete else wire.PUT
        header = wire.header(op, log["number"], partition, hlc, node, seq, read, expiry, tail)
        ack = {"key": key.decode(), "version": "%016x%016x" % (hlc, node)}
        known.append((hlc, node))
        del known[:-4]
        return log["topic"], partition, key, value, [header], ack

    def refused(self):
        """(kind, words of its dead letter, topic, partition, key, value, headers)"""
        c = self.chance
        region = c.choice(list(self.logs))
        key = b"poison-%d" % c.randrange(10**9)
        log, partition = self.place(region, key)
        number, topic = log["number"], log["topic"]
        node = region << 48 | c.getrandbits(48)
        now = int(time.time() * 1000)

        def made(op=wire.PUT, hlc=now << 16, **other):
            given = {"log": number, "partition": partition, "node": node, "seq": 1}
            given.update(other)
            return [wire.header(op, hlc=hlc, **given)]

        elsewhere = (partition + 1) % self.partitions
        odd = wire.long(1) + wire.long(3) + wire.long(0) + b"\x00"
        big = b"b" * ((960 << 10) + 1)
        other = made(partition=elsewhere)
        return [
            ("garbage", "iso header", topic, partition, key, b"v", [b"\x01garbage"]),
            ("empty header", "iso header", topic, partition, key, b"v", [b""]),
            ("format 2", "byte 01", topic, partition, key, b"v", [b"\x02" + made()[0][1:]]),
            ("bytes left over", "iso header", topic, partition, key, b"v",
             [made()[0] + b"\x00"]),
            ("two headers", "2 headers", topic, partition, key, b"v", made() * 2),
            ("another log", "names log", topic, partition, key, b"v", made(log=777)),
            ("another partition", "names partition", topic, partition, key, b"v", other),
            ("wrong partition", "murmur2_random", topic, elsewhere, key, b"v", other),
            ("plain, wrong partition", "murmur2_random", topic, elsewhere, key, b"v", []),
            ("foreign region", "region 63", topic, partition, key, b"v",
             made(node=63 << 48 | 1)),
            ("no region", "region", topic, partition, key, b"v", made(node=1)),
            ("odd extension", "extension 3", topic, partition, key, b"v", made(tail=odd)),
            ("the future", "after_max", topic, partition, key, b"v",
             made(hlc=(now + 2 * HOUR) << 16)),
            ("the past", "older", topic, partition, key, b"v",
             made(hlc=(now - 48 * HOUR) << 16)),
            ("a put without a value", "without a value", topic, partition, key, None, made()),
            ("a delete with a value", "delete with a value", topic, partition, key, b"v",
             made(wire.DELETE)),
            ("a patch", "a PATCH", topic, partition, key, b"v", made(wire.PATCH)),
            ("a heartbeat with a key", "with a key", topic, partition, key, None,
             made(wire.HEARTBEAT)),
            ("a heartbeat with a value", "with a value", topic, partition, None, b"v",
             made(wire.HEARTBEAT)),
            ("no key", "no key", topic, partition, None, b"v", made()),
            ("plain, no key", "no key", topic, partition, None, b"v", []),
            ("key too long", "385 bytes", topic,
             wire.partition_of(b"K" * 385, self.partitions), b"K" * 385, b"v", []),
            ("value too large", "value has", topic, partition, key, big, []),
            ("a DEFINE that is none", "definition", topic, partition, None, b"nonsense",
             made(wire.DEFINE, node=min(log["writers"]) << 48 | c.getrandbits(48))),
            ("a DEFINE nobody announced", "definition", topic, partition, None,
             wire.encode(wire.avsc("collection"),
                         dict(self.definition, id=c.getrandbits(128).to_bytes(16, "big"))),
             made(wire.DEFINE, node=min(log["writers"]) << 48 | c.getrandbits(48))),
        ]

    def mixed(self):
        """One step of the random mix."""
        c = self.chance
        chance = c.random()
        if chance < 0.05:
            self.send(*c.choice(self.refused())[2:])
        elif chance < 0.12:  # some other client
            key = b"k%d" % c.randrange(700)
            log, partition = self.place(c.choice(list(self.logs)), key)
            good = self.value(b"plain-%016x" % c.getrandbits(64))
            value = c.choice([None] + [self.mutated()] * 4 + [good] * 5)
            self.send(log["topic"], partition, key, value, [])
        elif chance < 0.14:  # a seq whose hlc is not between its neighbours'
            region = c.choice(list(self.logs))
            log, partition = self.place(region, b"disorder")
            node = region << 48 | c.getrandbits(48)
            for seq, back in ((1, 5), (3, 0), (2, 9), (2, 3), (3, 0)):
                hlc = (int(time.time() * 1000) - back) << 16
                self.send(log["topic"], partition, b"disorder", self.value(b"d%d" % back),
                          [wire.header(wire.PUT, log["number"], partition, hlc, node, seq)])
        else:
            message = self.write()
            if c.random() < 0.06 and len(self.late) < 6:
                self.late.append(message)  # its node's next writes come before it
                return
            for _ in range(2 if c.random() < 0.1 else 1):
                self.send(*message[:5], ack=message[5])
        while self.late and (len(self.late) > 5 or c.random() < 0.1):
            message = self.late.pop(c.randrange(len(self.late)))
            self.send(*message[:5], ack=message[5])

    def finish(self):
        for message in self.late:
            self.send(*message[:5], ack=message[5])
        self.late = []
        left = self.producer.flush(60)
        if left or self.errors:
            raise SystemExit("forge: %d without an answer, %d failed: %s"
                             % (left, len(self.errors), self.errors[:3]))


def poison(forge, path):
    """Each kind that must be refused, once; the file says what became of it."""
    with open(path, "w", encoding="utf-8") as out:
        for kind, words, *message in forge.refused():
            def heard(m, kind=kind, words=words):
                out.write("%s/%d/%d\t%s\t%s\n"
                          % (m.topic(), m.partition(), m.offset(), kind, words))
            forge.send(*message, heard=heard)
        forge.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", required=True)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0, help="steps a second; 0: all at once")
    parser.add_argument("--acks")
    parser.add_argument("--poison")
    a = parser.parse_args()
    forge = Forge(a.servers, newest(a.servers, a.collection), a.seed)
    if a.poison:
        poison(forge, a.poison)
        return
    began = time.monotonic()
    for n in range(a.count):
        forge.mixed()
        while a.rate and n > (time.monotonic() - began) * a.rate:
            forge.producer.poll(0.02)
    forge.finish()
    # A write that was sent twice was acknowledged twice, and counts once.
    unique = {json.dumps(row) for row in forge.acked}
    if a.acks:
        with open(a.acks, "w", encoding="utf-8") as out:
            out.writelines(row + "\n" for row in sorted(unique))
    print("forged %d records, %d writes acknowledged" % (forge.sent, len(unique)))


if __name__ == "__main__":
    main()
