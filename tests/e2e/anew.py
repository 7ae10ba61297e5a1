"""Deletes a topic and makes it anew under its name, with the same settings, and writes
what stood in it again, as who restores a backup does: the same keys, values and headers
at the same offsets, appended later; and some more records behind them.

    anew.py --servers S --topic T [--more N]
"""
import argparse
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from kafka import read_topics


def wait(futures):
    for future in futures.values():
        future.result(30)


def settings_of(admin, topic):
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)])
    (entries,) = [future.result(30) for future in asked.values()]
    return {name: entry.value for name, entry in entries.items()
            if not entry.is_default and not entry.is_read_only}


def is_there(admin, topic):
    return admin.list_topics(timeout=10).topics.get(topic) is not None


def make_anew(admin, topic, partitions):
    settings = settings_of(admin, topic)
    wait(admin.delete_topics([topic]))
    deadline = time.monotonic() + 30
    while is_there(admin, topic):
        assert time.monotonic() < deadline, "%s is still there" % topic
    wait(admin.create_topics([NewTopic(topic, partitions, 1, config=settings)]))


def fill(servers, records, more):
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 20,
                         "enable.idempotence": True})
    for (topic, partition), old in records.items():
        for record in old + old[-1:] * more:
            producer.produce(topic, record.value, record.key, partition,
                             headers=[("iso", header) for header in record.headers])
    assert producer.flush(30) == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--more", type=int, default=0)
    args = parser.parse_args()
    admin = AdminClient({"bootstrap.servers": args.servers})
    records, _ = read_topics(args.servers, [args.topic])
    make_anew(admin, args.topic, len(records))
    fill(args.servers, records, args.more)
    print(" ".join("%d" % (len(old) + args.more) for old in records.values()))


if __name__ == "__main__":
    main()
