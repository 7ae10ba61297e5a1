"""Reading whole topics of a real Kafka, for the tests."""
import time

from confluent_kafka import (OFFSET_BEGINNING, Consumer, KafkaError, KafkaException,
                             TopicPartition)


class Record:
    __slots__ = ("topic", "partition", "offset", "append", "key", "value", "headers")

    def __init__(self, message):
        self.topic, self.partition = message.topic(), message.partition()
        self.offset, self.append = message.offset(), message.timestamp()[1]
        self.key, self.value = message.key(), message.value()
        self.headers = [v or b"" for n, v in message.headers() or () if n == "iso"]


def read_topics(servers, topics, seconds=30):
    """Every committed record of these topics, by (topic, partition), and how far that is:
    the offset behind the last, markers of transactions included."""
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": "isostasy-tests",
        "enable.auto.commit": False, "isolation.level": "read_committed",
        "enable.partition.eof": True, "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50, "queued.min.messages": 1000000,
        "allow.auto.create.topics": False, "message.max.bytes": 2000000})
    records, ends = {}, {}
    try:
        for topic in topics:
            found = consumer.list_topics(topic, 10).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            records.update({(topic, p): [] for p in found.partitions})
        consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t, p in records])
        deadline = time.monotonic() + seconds
        while len(ends) < len(records):
            if time.monotonic() > deadline:
                raise TimeoutError("Kafka does not give all of %s" % ", ".join(topics))
            for message in consumer.consume(10000, 0.2):
                place = (message.topic(), message.partition())
                if message.error() is None:
                    records[place].append(Record(message))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ends[place] = message.offset()
                else:
                    raise KafkaException(message.error())
    finally:
        consumer.close()
    return records, ends
