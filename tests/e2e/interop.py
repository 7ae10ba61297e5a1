#!/usr/bin/python3
"""A standard Avro client in another language: fastavro, with confluent-kafka. It knows of
the project what any client would: C3 01, the fingerprint, the datum.

  interop.py … read        prints each value of the topic: key, tab, Avro's JSON encoding
  interop.py … write FILE  writes lines of the same form
"""
import argparse
import io
import json
import sys

import fastavro
import fastavro.schema
from confluent_kafka import Producer

import kafka

MAGIC = b"\xc3\x01"


class Codec:
    def __init__(self, paths):
        self.schemas = {}
        for path in paths:
            with open(path, encoding="utf-8") as file:
                schema = json.load(file)
            canonical = fastavro.schema.to_parsing_canonical_form(schema)
            name = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
            self.schemas[name] = self.newest = fastavro.parse_schema(schema)
            self.name = name

    def shown(self, value):
        schema = self.schemas[value[2:10]]
        if value[:2] != MAGIC:
            raise ValueError("no single-object encoding")
        stream = io.BytesIO(value[10:])
        datum = fastavro.schemaless_reader(stream, schema, return_record_name=True,
                                           return_record_name_override=True)
        if stream.read():
            raise ValueError("bytes are left over")
        out = io.StringIO()
        fastavro.json_writer(out, schema, [datum])
        return json.dumps(json.loads(out.getvalue()), sort_keys=True)

    def made(self, text):
        datum = next(fastavro.json_reader(io.StringIO(text), self.newest))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.newest, datum)
        return out.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--schema", action="append", required=True)
    parser.add_argument("--partitioner", help="librdkafka's own when it is left out")
    parser.add_argument("--registry-id", type=int, help="Confluent's frame, not C3 01")
    parser.add_argument("what", choices=("read", "write"))
    parser.add_argument("file", nargs="?")
    a = parser.parse_args()
    codec = Codec(a.schema)
    if a.what == "read":
        for rows in kafka.read_topics(a.servers, [a.topic])[0].values():
            for r in rows:
                if r.key is not None and r.value is not None:
                    print("%s\t%s" % (r.key.decode(), codec.shown(r.value)))
        return
    settings = {"bootstrap.servers": a.servers}
    if a.partitioner:
        settings["partitioner"] = a.partitioner
    producer = Producer(settings)
    frame = MAGIC + codec.name
    if a.registry_id is not None:
        frame = b"\x00" + a.registry_id.to_bytes(4, "big")
    with open(a.file, encoding="utf-8") as file:
        for line in file:
            key, text = line.rstrip("\n").split("\t")
            producer.produce(a.topic, key=key, value=frame + codec.made(text))
    if producer.flush(30):
        sys.exit("interop: Kafka does not answer")


if __name__ == "__main__":
    main()
