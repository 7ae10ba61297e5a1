#!/usr/bin/env python3
"""Holds what deploy/ offers for Prometheus and Grafana to what the monitor exposes.

    deploy.py METRICS      METRICS: the program of metrics.c

promtool reads rules, their tests, the settings, and every query of the dashboard; each
metric that is named anywhere must be one that the monitor has, and used as its type
allows. Each check is shown a planted fault, too.
"""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.join(HERE, "..", "..", "deploy")
PROMETHEUS = os.path.join(DEPLOY, "prometheus")
DASHBOARD = os.path.join(DEPLOY, "grafana", "isostasy.json")
GRAFANA = {"$__rate_interval": "1m", "$__interval": "1m", "$__range": "1h"}
ROWS = {"verdict": "isostasy_verdict", "states": "isostasy_pair_state",
        "lag": "isostasy_lag_seconds", "latency": "isostasy_replication_latency_seconds",
        "dead letters": "isostasy_dead_letters", "floor": "isostasy_floor_timestamp_seconds",
        "clocks": "isostasy_clock_offset_seconds", "stores": "isostasy_store_free_bytes",
        "the monitor itself": "isostasy_monitor_look_timestamp_seconds"}
WORD = re.compile(r"\bisostasy_[a-z0-9_]+")


class Wrong(Exception):
    pass


def promtool(*words):
    made = subprocess.run(["promtool", *words], capture_output=True, text=True,
                          check=False)
    if made.returncode != 0:
        raise Wrong(f"promtool {' '.join(words)}: {made.stdout}{made.stderr}")
    return made.stdout


def exposed(program):
    """Family → type, as they are written in Prometheus' text format."""
    text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                             capture_output=True, check=False)
    if checked.returncode != 0:
        raise Wrong(f"promtool does not like /metrics: {checked.stdout}{checked.stderr}")
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def series_of(families):
    """Every name that a query may ask for → the type of its family."""
    names = {}
    for family, kind in families.items():
        if kind == "histogram":
            names.update({family + end: "counter" for end in ("_bucket", "_count", "_sum")})
        else:
            names[family] = kind
    return names


# ---- the dashboard ----

def each_panel(panels):
    for panel in panels:
        yield panel
        yield from each_panel(panel.get("panels", []))


def queries(board):
    """(where, expression) of all that the dashboard asks Prometheus."""
    for panel in each_panel(board["panels"]):
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"]


def plain(expression):
    """As Grafana sends it, with every variable at `All`."""
    for name, value in GRAFANA.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$\{?\w+\}?", ".*", expression)


def check_form(board):
    seen = {}
    boxes = []
    for panel in each_panel(board["panels"]):
        if panel["id"] in seen:
            raise Wrong(f"'{panel['title']}' and '{seen[panel['id']]}' have the same id")
        seen[panel["id"]] = panel["title"]
        at = panel["gridPos"]
        box = (at["x"], at["y"], at["x"] + at["w"], at["y"] + at["h"])
        if box[2] > 24:
            raise Wrong(f"'{panel['title']}' is wider than the page")
        for other, title in boxes:
            if box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and \
                    other[1] < box[3]:
                raise Wrong(f"'{panel['title']}' lies over '{title}'")
        boxes.append((box, panel["title"]))
        if panel["type"] == "row":
            continue
        if not panel["targets"]:
            raise Wrong(f"'{panel['title']}' shows nothing")
        refs = [target["refId"] for target in panel["targets"]]
        if len(set(refs)) != len(refs):
            raise Wrong(f"two queries of '{panel['title']}' have the same name")
        for one in [panel, *panel["targets"]]:
            if one["datasource"]["uid"] != "${datasource}":
                raise Wrong(f"'{panel['title']}' does not ask the source that was chosen")
    variables = {one["name"] for one in board["templating"]["list"]}
    for where, expression in queries(board):
        for name in re.findall(r"\$\{?(\w+)\}?", expression):
            if name not in variables and not name.startswith("__"):
                raise Wrong(f"'{where}' asks for ${name}, which nobody sets")


def check_queries(board, folder):
    """promtool parses them, as rules."""
    path = os.path.join(folder, "queries.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("groups:\n- name: dashboard\n  rules:\n")
        for n, (_, expression) in enumerate(queries(board)):
            file.write(f"  - record: query:n{n}\n"
                       f"    expr: {json.dumps(plain(expression))}\n")
    promtool("check", "rules", path)


def check_rows(board):
    titles = " ".join(panel["title"].lower() for panel in board["panels"]
                      if panel["type"] == "row")
    asked = " ".join(expression for _, expression in queries(board))
    for word, metric in ROWS.items():
        if metric not in asked or (word not in titles and word not in (
                "verdict", "states", "floor")):
            raise Wrong(f"the dashboard says nothing of {word}")


# ---- names ----

def check_names(where, text, series):
    for name in WORD.findall(text):
        if name not in series:
            raise Wrong(f"{where} names {name}, which the monitor does not expose")


def check_types(where, expression, series):
    """A counter is asked for its rate; a gauge never is."""
    for call, name in re.findall(r"\b(rate|irate|increase)\((isostasy_\w+)", expression):
        if series[name] != "counter":
            raise Wrong(f"{where} asks for the {call} of {name}, which is a {series[name]}")
    bare = re.sub(r"\b(rate|irate|increase)\(isostasy_\w+", "", expression)
    for name in WORD.findall(bare):
        if series[name] == "counter":
            raise Wrong(f"{where} shows {name} bare, which is a counter")


def check_board(board, series, folder):
    check_form(board)
    for where, expression in queries(board):
        check_names(f"'{where}'", expression, series)
        check_types(f"'{where}'", expression, series)
    for one in board["templating"]["list"]:
        check_names(f"variable {one['name']}", one.get("definition", ""), series)
    check_queries(board, folder)
    check_rows(board)


def rules_text(name):
    with open(os.path.join(PROMETHEUS, name), encoding="utf-8") as file:
        return file.read()


def check_rules(text, series):
    check_names("isostasy.rules.yml", text, series)
    for expression in re.findall(r"^ +expr: (.+)$", text, re.MULTILINE):
        check_types("isostasy.rules.yml", expression, series)


def check_tested(rules, tests):
    """Every alert has a test in which it fires."""
    for alert in re.findall(r"alert: (\w+)", rules):
        fires = re.search(rf"alertname: {alert}\n\s+exp_alerts:\n\s+- exp_labels", tests)
        if not fires:
            raise Wrong(f"no test makes {alert} fire")


# ---- planted faults ----

def must_fail(what, check, *words):
    try:
        check(*words)
    except Wrong:
        return
    raise Wrong(f"a planted fault was not found: {what}")


def self_test(board, series, folder):
    def bent(change):
        other = copy.deepcopy(board)
        change(other)
        return other

    def target(other):
        return next(panel for panel in other["panels"]
                    if panel["type"] == "timeseries")["targets"][0]

    faults = {
        "two panels of one id": lambda b: b["panels"][1].update(id=b["panels"][0]["id"]),
        "panels on each other": lambda b: b["panels"][2].update(
            gridPos=b["panels"][1]["gridPos"]),
        "a metric of no name": lambda b: target(b).update(expr="isostasy_lag_second"),
        "a query that does not parse": lambda b: target(b).update(
            expr="max(isostasy_lag_seconds"),
        "a counter shown bare": lambda b: target(b).update(expr="isostasy_refused_total"),
        "the rate of a gauge": lambda b: target(b).update(
            expr="rate(isostasy_lag_seconds[1m])"),
        "a variable of no name": lambda b: target(b).update(
            expr='isostasy_lag_seconds{collection="$colection"}'),
        "another data source": lambda b: target(b)["datasource"].update(uid="mine"),
    }
    for what, change in faults.items():
        must_fail(what, check_board, bent(change), series, folder)
    must_fail("a rule over nothing", check_rules, "      expr: isostasy_nosuch > 1\n", series)
    must_fail("an alert without a test", check_tested, "alert: IsostasyNew\n", "")
    return len(faults) + 2


def main():
    series = series_of(exposed(sys.argv[1]))
    rules, tests = rules_text("isostasy.rules.yml"), rules_text("isostasy.rules.test.yml")
    promtool("check", "rules", os.path.join(PROMETHEUS, "isostasy.rules.yml"))
    promtool("test", "rules", os.path.join(PROMETHEUS, "isostasy.rules.test.yml"))
    promtool("check", "config", os.path.join(PROMETHEUS, "prometheus.yml"))
    check_rules(rules, series)
    check_names("isostasy.rules.test.yml", tests, series)
    check_tested(rules, tests)
    print(f"holds: {len(re.findall('alert: ', rules))} alerts, each with a test in which "
          f"it fires")
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        check_board(board, series, folder)
        print(f"holds: {len(list(queries(board)))} queries of the dashboard parse, and ask "
              f"for what the monitor exposes")
        print(f"holds: {self_test(board, series, folder)} planted faults are found")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        print(f"deploy: {wrong}", file=sys.stderr)
        sys.exit(1)
