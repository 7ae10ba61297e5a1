#!/usr/bin/python3
"""An independent model: what the logs say that every region must hold.

It reads the logs as any Kafka client could, and knows of the product only DESIGN.md and
the .avsc files. Admission and the duplicate filter (sections 2 to 5) are followed record by
record; what the writes mean is *defined over the set of them*, without merging anything:

  winner   the write of the largest version
  child    a later version that names the write, or is blind, of its region, behind it in its log
           or in one that succeeds it
  loser    a value without expiry that is not the winner and has no child

For every region it takes the frontiers of the region's last report, and compares what the
prefixes up to them mean with the region's export, ledger and counts, byte for byte.
"""
import argparse
import collections
import copy
import json
import random
import sys
import time

import kafka
import schemas
import wire

NEVER = -2**63


class Log:
    """One partition of one log, while its records are judged."""

    def __init__(self, number, partition, before):
        self.number, self.partition = number, partition
        self.before = before  # those that it succeeds, read to their ends
        self.definition = None
        self.t = self.bound = self.append = NEVER
        self.birth = self.top = 0
        self.refused = self.duplicates = self.effective = 0
        self.vector = -1
        self.seen = {}     # node → [[first, last, hlc of first, hlc of last], …]
        self.sources = {}  # region → [hlc, offset, append, writes]


class Refused(Exception):
    pass


def ms(hlc):
    return hlc >> 16


def require(condition, why):
    if not condition:
        raise Refused(why)


class Judge:
    """Sections 2, 4 (steps 2 and 3) and 5."""

    def __init__(self, world):
        self.definitions = world.definitions  # bytes → definition, as iso.control has them
        self.schemas = world.schemas          # by definition's number

    def admit(self, log, r):
        """The write that a record is; None for a duplicate. Refused otherwise."""
        if not r.headers:
            w = self.plain(log, r)
        else:
            w = self.with_header(log, r)
        if r.headers and not self.filter(log, w):
            return None
        return w

    def plain(self, log, r):
        d = log.definition
        require(d, "no DEFINE yet")
        w = wire.Write()
        w.op = wire.DELETE if r.value is None else wire.PUT
        w.hlc = min(max(log.top + 1, r.append << 16), (log.t + d["after_max"]) << 16)
        w.node = (128 + log.number) << 48 | r.offset
        w.read = w.expiry = None
        self.check_write(d, log, w, r)
        return w

    def with_header(self, log, r):
        d = log.definition
        require(len(r.headers) == 1, "more than one header")
        try:
            w = wire.header_decode(r.headers[0])
        except wire.Bad as bad:
            raise Refused(str(bad)) from bad
        require(w.log == log.number and w.partition == log.partition, "another place")
        require(not w.odd, "an unknown extension")
        silent = w.op in (wire.HEARTBEAT, wire.DEFINE)
        if silent:
            require(r.key is None, "a key")
            require((r.value is None) == (w.op == wire.HEARTBEAT), "a value, or none")
        if w.op == wire.DEFINE:
            self.check_define(log, w, r)
        require(d or w.op == wire.DEFINE, "no DEFINE yet")
        if d:
            self.check_header(d, log, w, r)
            if not silent:
                self.check_write(d, log, w, r)
            require(ms(w.hlc) >= log.bound and w.hlc >= log.birth, "too late")
        after = (d or self.definitions[r.value])["after_max"]
        require(ms(w.hlc) - r.append <= after, "too early")
        return w

    @staticmethod
    def check_header(d, log, w, r):
        writers = next(l["writers"] for l in d["logs"] if l["number"] == log.number)
        require(w.node >> 48 in writers, "a region that does not write here")
        require(len(r.headers[0]) <= d["limits"]["header_max"], "header too large")
        require(len(w.read or ()) <= d["limits"]["read_max"], "too many names")

    def check_write(self, d, log, w, r):
        require(r.key and len(r.key) <= d["limits"]["key_max"], "no key, or too large")
        require(wire.partition_of(r.key, d["partitions"]) == log.partition, "partition")
        require(w.op != wire.PATCH, "a patch")
        require((r.value is None) == (w.op == wire.DELETE), "a value, or none")
        require(len(r.value or b"") <= d["limits"]["value_max"], "value too large")
        if r.value is not None:
            try:
                self.schemas[d["number"]].json(r.value)
            except wire.Bad as bad:
                raise Refused(str(bad)) from bad

    def check_define(self, log, w, r):
        coming = self.definitions.get(r.value)
        require(coming, "a definition that was not announced")
        mine = [l for l in coming["logs"] if l["number"] == log.number]
        require(mine and min(mine[0]["writers"]) == w.node >> 48, "not the owner")
        if log.definition is None:
            birth = int.from_bytes(mine[0]["birth"], "big")
            require(w.hlc == birth, "not its birth")
        elif coming["number"] > log.definition["number"]:
            require(schemas.schemas_follow(coming, log.definition), "schemas do not follow")

    @staticmethod
    def filter(log, w):
        for newest in (b.seen[w.node][-1][3] for b in log.before if b.seen.get(w.node)):
            require(newest < w.hlc or ms(newest) < log.bound, "not above a closed log")
        known = log.seen.setdefault(w.node, [])
        if known and ms(known[-1][3]) < log.bound:
            known.clear()
        before = [i for i in known if i[0] <= w.seq]
        behind = known[len(before):]
        if before and w.seq <= before[-1][1]:
            return False
        require((not before or before[-1][3] < w.hlc)
                and (not behind or behind[0][2] > w.hlc), "out of order")
        joined = before + [[w.seq, w.seq, w.hlc, w.hlc]] + behind
        merged = [joined[0]]
        for i in joined[1:]:
            if merged[-1][1] + 1 == i[0]:
                merged[-1] = [merged[-1][0], i[1], merged[-1][2], i[3]]
            else:
                merged.append(i)
        if len(merged) > 16:
            merged[0:2] = [[merged[0][0], merged[1][1], merged[0][2], merged[1][3]]]
        log.seen[w.node] = merged
        return True

    def take(self, log, r):
        """Judges one record, moves the log's time, and says the write; None: no effect."""
        log.append = max(log.append, r.append)
        try:
            w = self.admit(log, r)
        except Refused:
            log.refused += 1
            return None
        if w is None:
            log.duplicates += 1
            return None
        if w.op == wire.DEFINE:
            if log.definition is None:
                log.birth = w.hlc
                log.bound = max([ms(w.hlc)] + [b.bound for b in log.before])
            coming = self.definitions[r.value]
            if log.definition is None or coming["number"] > log.definition["number"]:
                log.definition = coming  # an earlier one has no effect any more
        log.top = max(log.top, w.hlc)
        if r.headers:
            log.t = max(log.t, min(ms(w.hlc), r.append))
        log.bound = max(log.bound, log.t - log.definition["before_max"])
        source = log.sources.setdefault(w.node >> 48 if r.headers else 0, [0, -1, 0, 0])
        if source[1] < 0 or w.hlc >= source[0]:
            source[:3] = w.hlc, r.offset, r.append
        if w.op in (wire.HEARTBEAT, wire.DEFINE):
            return None
        source[3] += 1
        log.effective += 1
        log.vector = r.offset
        return w


def meaning(writes, before):
    """The winner and the losers of one key; writes are (write, record, log); `before` says
    which logs a log succeeds."""
    def rank(item):
        w, r, _ = item
        return (w.version, w.op == wire.DELETE, r.value or b"", w.expiry is None,
                w.expiry or 0)

    named = {}
    blind = {}
    for w, r, log in writes:
        for version in w.read or ():
            if version < w.version:
                named[version] = True
        if w.read is None:
            blind.setdefault(w.node >> 48, []).append((log, r.offset, w.version))

    def has_child(w, r, log):
        return w.version in named or any(
            version > w.version and (offset > r.offset if at == log else log in before[at])
            for at, offset, version in blind.get(w.node >> 48, ()))

    winner = max(writes, key=rank)
    losers = {w.version: r.value for w, r, log in writes
              if w.op == wire.PUT and w.expiry is None and w.version != winner[0].version
              and not has_child(w, r, log)}
    return winner, losers


class Model:
    """What the prefixes up to `cut` ({(log, partition): offset}) mean, where all of a
    partition was swept to `swept` (milliseconds by partition)."""

    def __init__(self, world, cut, now, swept):
        judge = Judge(world)
        self.swept = swept
        self.schemas = world.schemas[max(world.schemas)]
        self.logs, self.writes = {}, collections.defaultdict(list)
        for (number, partition), records in sorted(world.records.items()):
            before = [self.logs[b, partition] for b in world.before[number]]
            log = self.logs[number, partition] = Log(number, partition, before)
            for r in records:
                if r.offset >= cut.get((number, partition), 0):
                    break
                w = judge.take(log, r)
                if w is not None:
                    self.writes[r.key].append((w, r, number))
        self.export, self.ledger, self.shown = [], [], []
        self.tally = collections.Counter()
        for key in sorted(self.writes):
            self.settle(world, key, now)

    def text(self, value):
        """A value as people give it and see it."""
        return None if value is None else text(self.schemas.json(value))

    @staticmethod
    def is_over(w, swept):
        """Is a tombstone, or a value with an expiry, forgotten at that H?"""
        return w.version[0] >> 16 < swept and (w.expiry is None or w.expiry < swept)

    def settle(self, world, key, now):
        (w, r, _), losers = meaning(self.writes[key], world.before)
        partition = wire.partition_of(key, world.partitions)
        kind = ("tombstones" if w.op == wire.DELETE else
                "values" if w.expiry is None else "expiring")
        if kind == "values" or losers or not self.is_over(w, self.swept[partition]):
            self.tally[partition, kind] += 1
        self.tally[partition, "ledger_rows"] += len(losers)
        if w.op == wire.PUT and (w.expiry is None or w.expiry > now):
            self.export.append(line(key, w.version, r.value))
            self.shown.append("%s\t%s\n" % (wire.escape(key), self.text(r.value)))
        self.ledger += [line(key, v, losers[v]) for v in sorted(losers)]


def text(value):
    """JSON that is equal when the values are."""
    return json.dumps(value, sort_keys=True)


def line(key, version, value):
    return "%s\t%016x%016x\t%s\n" % (wire.escape(key), *version, wire.escape(value))


class World:
    """What Kafka holds: definitions, the logs' records, the newest reports."""

    def __init__(self, clusters, collection):
        control, _ = kafka.read_topics(clusters["home"], ["iso.control"])
        self.definitions = schemas.announced(control["iso.control", 0], collection)
        if not self.definitions:
            sys.exit("fold: there is no collection %s in iso.control" % collection)
        self.schemas = {d["number"]: schemas.Schemas(d) for d in self.definitions.values()}
        last = list(self.definitions.values())[-1]
        self.partitions = last["partitions"]
        self.before = {}  # a log's number → those of all that it succeeds
        for l in sorted(last["logs"], key=lambda l: l["number"]):
            self.before[l["number"]] = set(l["succeeds"]).union(
                *(self.before[s] for s in l["succeeds"]))
        self.records, self.ends = {}, {}
        for name, servers in clusters.items():
            topics = {l["topic"]: l["number"] for l in last["logs"] if l["cluster"] == name}
            records, ends = kafka.read_topics(servers, list(topics)) if topics else ({}, {})
            self.records.update({(topics[t], p): rows for (t, p), rows in records.items()})
            self.ends.update({(topics[t], p): end for (t, p), end in ends.items()})
        self.reports = self.read_reports(clusters, collection)

    @staticmethod
    def read_reports(clusters, collection):
        read, newest = wire.avro("report"), {}
        for rows in [rows for servers in clusters.values()
                     for rows in kafka.read_topics(servers, ["iso.status"])[0].values()]:
            for r in rows:
                if r.value is None:
                    continue
                report = wire.decode(read, r.value)
                place = (report["region"], report["slice"]["partition"])
                if report["collection"] == collection and (
                        place not in newest or newest[place]["at"] <= report["at"]):
                    newest[place] = report
        return newest


def compare_lines(what, is_, should, found):
    if is_ == should:
        return
    here, there = set(is_), set(should)
    found.append("%s: %d lines, the model has %d" % (what, len(is_), len(should)))
    found += ["  only the region: " + l.rstrip() for l in sorted(here - there)[:5]]
    found += ["  only the model:  " + l.rstrip() for l in sorted(there - here)[:5]]


def compare_slice(region, report, model, found):
    s, p = report["slice"], report["slice"]["partition"]
    logs = [model.logs[row["log"], p] for row in s["logs"] if (row["log"], p) in model.logs]
    should = {
        "effective": sum(log.effective for log in logs),
        "values": model.tally[p, "values"], "tombstones": model.tally[p, "tombstones"],
        "expiring": model.tally[p, "expiring"], "alarms": 0,
        "ledger_rows": model.tally[p, "ledger_rows"],
        "vector": sorted((log.number, log.vector) for log in logs if log.vector >= 0)}
    if s["swept_min"] != s["swept_max"]:  # it was closed in the middle of a sweep
        del should["tombstones"], should["expiring"]
    is_ = {name: s[name] for name in should}
    is_["vector"] = [(i["log"], i["offset"]) for i in s["vector"]]
    for row, log in zip(s["logs"], logs):
        word = {n: int.from_bytes(row[n], "big") for n in ("birth", "top")}
        is_[row["log"]] = [row["t"], row["bound"], word["birth"], word["top"], row["append"],
                           row["refused"], row["duplicates"],
                           {x["region"]: [int.from_bytes(x["hlc"], "big"), x["offset"],
                                          x["append"], x["writes"]] for x in row["sources"]}]
        should[row["log"]] = [log.t, log.bound, log.birth, log.top, log.append,
                              log.refused, log.duplicates, log.sources]
    for name, wanted in should.items():
        if is_.get(name) != wanted:
            found.append("%s, partition %d: %s is %s, the model has %s"
                         % (region, p, name, is_.get(name), wanted))


def lines_of(folder, region, what):
    with open("%s/%s.%s" % (folder, region, what), encoding="utf-8") as file:
        if what != "json":
            return file.readlines()
        return ["%s\t%s\n" % (wire.escape(row["key"].encode()), text(row["value"]))
                for row in map(json.loads, file)]


def compare(world, folder, region, now):
    """Everything that differs between a region and the model at the region's cut."""
    found, cut, swept = [], {}, {}
    for partition in range(world.partitions):
        report = world.reports.get((region, partition))
        if report is None:
            return ["%s never reported partition %d" % (region, partition)], None
        if report["state"] != "CLOSED":
            found.append("%s, partition %d: %s (%s), not closed cleanly"
                         % (region, partition, report["state"], report["why"]))
        swept[partition] = report["slice"]["swept_min"]
        for row in report["slice"]["logs"]:
            cut[row["log"], partition] = row["frontier"]
    model = Model(world, cut, now, swept)
    for partition in range(world.partitions):
        compare_slice(region, world.reports[region, partition], model, found)
    held = [("export", model.export), ("ledger", model.ledger)]
    if model.schemas.format != "OPAQUE":
        held.append(("json", model.shown))
    for what, should in held:
        compare_lines("%s of %s" % (what, region), lines_of(folder, region, what), should,
                      found)
    return found, model


def check_acks(paths, model):
    """Every write that was acknowledged durable stands in the logs, and counts once."""
    versions = collections.Counter()
    values = collections.Counter()
    for key, writes in model.writes.items():
        for w, r, _ in writes:
            versions[key, w.version] += 1
            values[key, model.text(r.value)] += 1
    found, count = [], 0
    wanted = collections.Counter()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for row in map(json.loads, file):
                count += 1
                key = row["key"].encode()
                value = None if row.get("delete") else text(row.get("value", ""))
                if "version" in row:
                    version = (int(row["version"][:16], 16), int(row["version"][16:], 16))
                    if versions[key, version] != 1:
                        found.append("acknowledged, counted %d times: %s"
                                     % (versions[key, version], row))
                else:
                    wanted[key, value] += 1
    for (key, value), times in wanted.items():
        got = values[key, value]
        if got < times or (value is not None and got != times):
            found.append("acknowledged %d times, counted %d times: %r = %r"
                         % (times, got, key, value))
    return count, found


def self_test(world, folder, region, now, model, seed, acks):
    """Plants faults, each of which the comparison must find."""
    chance = random.Random(seed)
    places = {(r.topic, r.partition, r.offset): (place, i)
              for place, rows in world.records.items() for i, r in enumerate(rows)}
    everything = [item for writes in model.writes.values() for item in writes]
    winners = [meaning(writes, world.before)[0] for writes in model.writes.values()]
    shown = [i for i in winners if i[0].op == wire.PUT and i[0].expiry is None]
    faults = {"a write is lost": (everything, None)}
    if shown:
        faults["a value is another"] = (shown, b"planted")
    for name, (choice, value) in faults.items():
        _, r, _ = chance.choice(choice)
        place, at = places[r.topic, r.partition, r.offset]
        rows = world.records[place]
        changed = copy.copy(r)
        changed.value = value
        world.records[place] = rows[:at] + ([changed] if value else []) + rows[at + 1:]
        found, without = compare(world, folder, region, now)
        if not found:
            sys.exit("fold: the planted fault was not found: %s (seed %d)" % (name, seed))
        if value is None and acks and not check_acks(acks, without)[1]:
            # what was dropped may be nobody's acknowledged write: drop all of them
            world.records[place] = []
            if not check_acks(acks, compare(world, folder, region, now)[1])[1]:
                sys.exit("fold: a lost write was not missed (seed %d)" % seed)
        world.records[place] = rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", required=True, help="of the home cluster")
    parser.add_argument("--cluster", action="append", default=[], metavar="NAME=SERVERS",
                        help="another one")
    parser.add_argument("--collection", required=True)
    parser.add_argument("--dir", default=".", help="holds REGION.export, REGION.ledger, REGION.json")
    parser.add_argument("--states", action="store_true",
                        help="only print the states in the newest reports, each once")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--acks", nargs="*", default=[], help="JSON lines: what is durable")
    parser.add_argument("regions", nargs="+")
    a = parser.parse_args()
    clusters = dict([("home", a.servers)] + [at.split("=", 1) for at in a.cluster])
    if a.states:
        reports = World.read_reports(clusters, a.collection)
        print("\n".join({r["state"] for (region, _), r in reports.items()
                         if region in a.regions}))
        return
    now = int(time.time() * 1000)
    world = World(clusters, a.collection)
    found, model, counted = [], None, 0
    for region in a.regions:
        differs, model = compare(world, a.dir, region, now)
        found += differs
    if model is not None:
        counted, lost = check_acks(a.acks, model)
        found += lost
    if found:
        print("\n".join(found[:60]), file=sys.stderr)
        sys.exit(1)
    if a.self_test:
        self_test(world, a.dir, a.regions[0], now, model, random.randrange(2**32), a.acks)
    print("model: %d records, %d effective, %d keys live, %d losers, %d refused, "
          "%d duplicates, %d acknowledged: %s agree"
          % (sum(map(len, world.records.values())),
             sum(log.effective for log in model.logs.values()), len(model.export),
             len(model.ledger), sum(log.refused for log in model.logs.values()),
             sum(log.duplicates for log in model.logs.values()), counted,
             ", ".join(a.regions)))


if __name__ == "__main__":
    main()
