"""What a monitor says over HTTP, held to what must be true (monitor.sh, watched.sh).

    watch.py URL CHECK ARGUMENT…

A check prints a line of what it measured, or says on standard error what is wrong and
ends with 1. Only the standard library is used.
"""
import json
import sys
import time
import urllib.error
import urllib.request

LOOK = 0.25


class Wrong(Exception):
    pass


def get(url, path, timeout=5.0, accept="*/*"):
    request = urllib.request.Request(url + path, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def status(url):
    code, body = get(url, "/v1/status")
    if code != 200:
        raise Wrong(f"/v1/status answers {code}: {body}")
    return json.loads(body)


def pairs(url):
    """Every pair as (source, target) → what is said of it."""
    found = {}
    for collection in status(url)["collections"]:
        for pair in collection["pairs"]:
            found[pair["source_region"], pair["target_region"]] = pair
    return found


def until(seconds, what, condition):
    """The value of condition() as soon as it is one; and after how long."""
    began = time.monotonic()
    last = None
    while time.monotonic() - began < seconds:
        last = condition()
        if last:
            return last, time.monotonic() - began
        time.sleep(LOOK)
    raise Wrong(f"not within {seconds} s: {what}")


def told(pair):
    return f"{pair['state']} by {pair['rule']}: {pair['reason']}"


def settled(url, seconds="20"):
    """Every pair is well and was heard of, and the regions converged; in the second
    look after this question at the earliest."""
    ill, looks = [], {status(url)["at_ms"]}

    def condition():
        ill.clear()
        now = status(url)
        looks.add(now["at_ms"])
        if len(looks) < 3:
            return False
        collections = now["collections"]
        for collection in collections:
            ill.extend(f"{pair['source_region']} → {pair['target_region']} is {told(pair)}"
                       for pair in collection["pairs"]
                       if pair["state"] != "ok" or pair["staleness_ms"] is None)
            verdict = collection["verdict"]
            if verdict["state"] != "converged":
                ill.append(f"{collection['collection']} is {told(verdict)}")
        return bool(collections) and not ill

    try:
        _, took = until(float(seconds), "all pairs ok, and converged", condition)
    except Wrong as wrong:
        raise Wrong(f"{wrong}; {'; '.join(ill)}") from None
    print(f"settled after {took:.1f} s")


def quiet(url, seconds):
    """Nobody writes: lag is 0 and what is there is fresh, in every sample."""
    until_s = time.monotonic() + float(seconds)
    samples, worst = 0, 0
    while time.monotonic() < until_s:
        for (source, target), pair in pairs(url).items():
            if pair["lag_ms"] != 0:
                raise Wrong(f"{source} → {target} says a lag of {pair['lag_ms']} ms on a "
                            f"quiet topic")
            if pair["staleness_ms"] is None or pair["staleness_ms"] > 5000:
                raise Wrong(f"{source} → {target} is stale: {pair['staleness_ms']} ms")
            if pair["state"] != "ok":
                raise Wrong(f"{source} → {target} is {told(pair)}")
            worst = max(worst, pair["staleness_ms"])
            samples += 1
        time.sleep(LOOK)
    print(f"{samples} samples: lag 0 in each, staleness {worst} ms at most")


def stopped(url, target, since_s):
    """A daemon was killed at that time (of the clock): said within 15 s; then lag grows a
    second a second."""
    def condition():
        here = [pair for (_, to), pair in pairs(url).items() if to == target]
        return here if here and all(pair["state"] == "stopped" for pair in here) else None
    left = 15.0 - (time.time() - float(since_s))
    found, _ = until(left, f"every pair to {target} is stopped", condition)
    took = time.time() - float(since_s)
    for pair in found:
        if target not in pair["reason"]:
            raise Wrong(f"the reason does not name {target}: {pair['reason']}")
    looks = {}  # when it looked → the lag that it saw
    began = time.monotonic()
    while time.monotonic() - began < 6:
        here = status(url)
        looks[here["at_ms"]] = max(pair["lag_ms"] or 0 for collection in here["collections"]
                                   for pair in collection["pairs"]
                                   if pair["target_region"] == target)
        time.sleep(LOOK)
    first, then = min(looks), max(looks)
    slope = (looks[then] - looks[first]) / (then - first)
    if not 0.9 <= slope <= 1.1:
        raise Wrong(f"the lag to {target} grows by {slope:.2f} s a second")
    for (source, to), pair in pairs(url).items():
        if to != target and source != target and pair["state"] != "ok":
            raise Wrong(f"{source} → {to} is {told(pair)}: what has it to do with {target}?")
    print(f"stopped after {took:.1f} s; lag {looks[first] / 1000:.1f} → {looks[then] / 1000:.1f} s, "
          f"{slope:.2f} s a second: {found[0]['reason']}")


def is_in(url, source, target, state, seconds, *words):
    """A pair comes into a state, within that time; its reason has the words."""
    states = state.split("|")
    def condition():
        pair = pairs(url).get((source, target))
        return pair if pair and pair["state"] in states else None
    pair, took = until(float(seconds), f"{source} → {target} is {state}", condition)
    for word in words:
        if word not in pair["reason"]:
            raise Wrong(f"the reason does not say '{word}': {told(pair)}")
    print(f"{source} → {target} after {took:.1f} s: {told(pair)}")


def rests_on(url, source, target, what):
    """What the numbers of a pair are said to rest on."""
    pair = pairs(url)[source, target]
    said = pair["evidence"]["rests_on"]
    if said != what:
        raise Wrong(f"{source} → {target} rests on {said}, not on {what}: {told(pair)}")
    if pair["records_behind"] is None:
        raise Wrong(f"{source} → {target}: how much waits is not said: {told(pair)}")
    print(f"{source} → {target}: {pair['records_behind']} records wait, by {said}")


def verdict(url, states, seconds, *words):
    """The verdict becomes one of `states` (comma-separated); its reason names all words."""
    said = {}

    def condition():
        said.update(status(url)["collections"][0]["verdict"])
        return said["state"] in states.split(",") and all(w in told(said) for w in words)

    try:
        _, took = until(float(seconds), f"the verdict is {states}", condition)
    except Wrong as wrong:
        raise Wrong(f"{wrong}; it is {told(said)}") from None
    print(f"after {took:.1f} s: {told(said)}")


def warned(url, source, target, word, seconds):
    def condition():
        pair = pairs(url).get((source, target))
        return pair if pair and word in (pair["warning"] or "") else None
    pair, took = until(float(seconds), f"{source} → {target} is warned of '{word}'",
                       condition)
    print(f"{source} → {target} after {took:.1f} s: {pair['warning']}")


def clock(url, region, offset_s, seconds):
    """The clock of a region's daemon is told to be so far off; and lag to it is none."""
    def condition():
        for collection in status(url)["collections"]:
            for row in collection["regions"]:
                if row["region"] == region and row["clock_offset_ms"] is not None:
                    off = row["clock_offset_ms"] / 1000
                    if abs(off - float(offset_s)) < 2:
                        return off
        return None
    off, took = until(float(seconds), f"the clock of {region} is {offset_s} s off",
                      condition)
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        for (source, target), pair in pairs(url).items():
            latency = pair["latency"]["p99_ms"]
            if pair["lag_ms"] is None or pair["lag_ms"] > 5000:
                raise Wrong(f"{source} → {target} says a lag of {pair['lag_ms']} ms: "
                            f"{told(pair)}")
            if pair["staleness_ms"] is None or pair["staleness_ms"] > 60000:
                raise Wrong(f"{source} → {target} is stale: {pair['staleness_ms']} ms")
            if latency is not None and latency > 60000:
                raise Wrong(f"{source} → {target} says a latency of {latency} ms")
        time.sleep(LOOK)
    print(f"the clock of {region} is {off:.1f} s off, told after {took:.1f} s; then: "
          f"{told(pairs(url)[region, 'us'])}; {pairs(url)[region, 'us']['warning']}")


def lost(url, source, target, seconds):
    """Records that retention took before the target had them are counted."""
    def condition():
        pair = pairs(url).get((source, target))
        lost = pair and (pair["evidence"]["lost"] or 0) > 0
        return pair if lost and pair["state"] == "lost" else None
    pair, took = until(float(seconds), f"{source} → {target} has lost records", condition)
    _, metrics = get(url, "/metrics")
    if not any(line.startswith("isostasy_lost_records") and not line.endswith(" 0")
               for line in metrics.splitlines()):
        raise Wrong("no metric counts what is lost")
    print(f"{source} → {target} after {took:.1f} s: {pair['evidence']['lost']} records "
          f"lost; {told(pair)}")


def frozen(url, seconds):
    """Kafka stands still: every answer comes at once all the same, and ages are true."""
    paths = ["/metrics", "/v1/status", "/v1/convergence", "/livez", "/", "/v1/conflicts"]
    until_s = time.monotonic() + float(seconds)
    slowest, asked, at = 0.0, 0, []
    while time.monotonic() < until_s:
        for path in paths:
            began = time.monotonic()
            code, _ = get(url, path, timeout=2.0)
            slowest = max(slowest, time.monotonic() - began)
            asked += 1
            if code != 200:
                raise Wrong(f"{path} answers {code} while Kafka is frozen")
        at.append(status(url)["at_ms"])
        time.sleep(LOOK)
    if slowest > 1.0:
        raise Wrong(f"an answer took {slowest:.2f} s while Kafka is frozen")
    print(f"{asked} answers while Kafka was frozen, the slowest in {slowest * 1000:.0f} ms")


def endpoints(url):
    """What every endpoint answers, in short; its form is the unit tests' to hold."""
    wanted = {
        "/livez": 200, "/readyz": 200, "/v1/status": 200, "/v1/convergence": 200,
        "/v1/conflicts": 200, "/v1/dead-letters": 200, "/openapi.json": 200, "/": 200,
        "/v3/kafka": 200, "/v1/nosuch": 404, "/v1/pairs/eu/nosuch": 404,
        "/v1/pairs/eu/us": 200, "/v1/pairs/eu/us/explain": 200,
        "/v1/pairs/eu/us/history": 200,
        "/v3/kafka/home/consumer/isostasy.us/lag": 200,
    }
    for path, code in wanted.items():
        got, body = get(url, path)
        if got != code:
            raise Wrong(f"{path} answers {got}, not {code}: {body[:200]}")
    print(f"{len(wanted)} paths answer as they should")


CHECKS = {name: check for name, check in list(globals().items())
          if callable(check) and name in ("settled", "quiet", "stopped", "is_in", "warned",
                                          "clock", "frozen", "lost", "endpoints", "rests_on",
                                          "verdict")}

if __name__ == "__main__":
    try:
        CHECKS[sys.argv[2]](sys.argv[1], *sys.argv[3:])
    except Wrong as wrong:
        print(f"watch: {wrong}", file=sys.stderr)
        sys.exit(1)
