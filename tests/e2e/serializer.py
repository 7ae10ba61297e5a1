#!/usr/bin/python3
"""A standard client of a schema registry: confluent-kafka's own AvroSerializer and
AvroDeserializer, as any service would use them. Knows nothing of the project.

  serializer.py … write SCHEMA FILE  writes lines of key, tab, JSON by that schema, which it
                                     registers; prints the id that the registry gave
  serializer.py … read               prints each value of the topic: key, tab, JSON
"""
import argparse
import json
import struct
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def write(args, registry):
    with open(args.schema, encoding="utf-8") as file:
        encode = AvroSerializer(registry, file.read())
    context = SerializationContext(args.topic, MessageField.VALUE)
    producer = Producer({"bootstrap.servers": args.servers,
                         "partitioner": "murmur2_random", "acks": "all"})
    failures, ids = [], set()
    with open(args.file, encoding="utf-8") as file:
        for line in file:
            key, text = line.rstrip("\n").split("\t")
            value = encode(json.loads(text), context)
            ids.add(struct.unpack(">xI", value[:5])[0])
            producer.produce(args.topic, value, key,
                             on_delivery=lambda error, _: error and failures.append(error))
    if producer.flush(30) or failures:
        sys.exit("not all was written: %s" % failures[:3])
    print(*ids)


def read(args, registry):
    decode = AvroDeserializer(registry)
    context = SerializationContext(args.topic, MessageField.VALUE)
    consumer = Consumer({"bootstrap.servers": args.servers, "group.id": "serializer",
                         "enable.auto.commit": False})
    partitions = consumer.list_topics(args.topic, 20).topics[args.topic].partitions
    ends = [TopicPartition(args.topic, p, consumer.get_watermark_offsets(
        TopicPartition(args.topic, p), 20)[1]) for p in partitions]
    for end in ends:
        consumer.assign([TopicPartition(args.topic, end.partition, 0)])
        while consumer.position([end])[0].offset < end.offset:
            message = consumer.poll(20)
            if message is None or message.error():
                sys.exit("cannot read: %s" % (message and message.error()))
            if message.key() and message.value():
                print(message.key().decode(), json.dumps(decode(message.value(), context)),
                      sep="\t")
    consumer.close()


def main():
    parser = argparse.ArgumentParser()
    for name in ("--servers", "--topic", "--registry", "--ca", "--password"):
        parser.add_argument(name, required=True)
    parser.add_argument("what", choices=["write", "read"])
    parser.add_argument("schema", nargs="?")
    parser.add_argument("file", nargs="?")
    args = parser.parse_args()
    with open(args.password, encoding="utf-8") as file:
        login = "writer:" + file.read().strip()
    registry = SchemaRegistryClient({"url": args.registry, "ssl.ca.location": args.ca,
                                     "basic.auth.user.info": login})
    (write if args.what == "write" else read)(args, registry)


if __name__ == "__main__":
    main()
