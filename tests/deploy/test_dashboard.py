"""The Grafana dashboard's form: its layout, its units, and that every expression parses and names metrics the program has."""
import json
import os
import re
import tempfile

from common import ROOT, Deploy, read, tool

DASHBOARD = "deploy/monitoring/grafana/skerry.json"
# Named by the requirements, registered when models come in (issue 8 and later); until then their panel is empty.
LATER = {"inference_duration_seconds_bucket"}
# Counters whose series appear with their first event, since a label says what it was: empty while nothing went wrong.
ON_EVENT = {f"skerry_{m}_total" for m in ("mqtt_connects_refused", "mqtt_malformed", "mqtt_limit", "stream_late", "stream_malformed")}
# Of other programs: node_exporter, and Prometheus itself.
FOREIGN = ("node_", "up", "ALERTS")
WORDS = {"sum", "by", "rate", "increase", "max", "min", "avg", "histogram_quantile", "absent", "le", "without", "on", "ignoring", "group_left"}


def panels():
    return [p for p in json.loads(read(DASHBOARD))["panels"] if p["type"] != "row"]


def expressions():
    """(where, expression) of all panels and annotations."""
    board = json.loads(read(DASHBOARD))
    found = [(f"panel {p['title']} {t['refId']}", t["expr"]) for p in panels() for t in p["targets"]]
    return found + [(f"annotation {a['name']}", a["expr"]) for a in board["annotations"]["list"]]


def filled(expr, window="1m"):
    """As Grafana sends it: variables replaced."""
    return expr.replace("$__rate_interval", window).replace("$instance", ".*")


def metrics_of(expr):
    bare = re.sub(r'"[^"]*"', "", re.sub(r"\b(?:by|without|on|ignoring) *\([^)]*\)", "", expr))
    bare = re.sub(r"\{[^}]*\}", "", re.sub(r"\[[^\]]*\]", "", bare))
    return {w for w in re.findall(r"[A-Za-z_:][\w:]*", bare) if w not in WORDS}


def registered():
    """Names of metrics in the program's source."""
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "src")):
        for name in (f for f in files if f.endswith((".cpp", ".hpp"))):
            names |= set(re.findall(r'"((?:skerry|inference)_[a-z0-9_]+)"', read(os.path.join(folder, name))))
    return names


class Dashboard(Deploy):
    def test_every_expression_parses(self):
        # promtool 2.42 checks expressions as part of rules.
        with tempfile.NamedTemporaryFile("w", suffix=".rules.yml") as f:
            rules = [{"record": f"panel:{i}", "expr": filled(e)} for i, (_, e) in enumerate(expressions())]
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)
            f.flush()
            self.ok([tool("promtool"), "check", "rules", f.name])

    def test_every_metric_is_registered_by_the_program(self):
        known = registered()
        self.assertGreater(len(known), 10)
        for where, expr in [*expressions(), *rule_expressions()]:
            for metric in metrics_of(filled(expr)):
                with self.subTest(f"{where}: {metric}"):
                    plain = re.sub(r"_(?:bucket|sum|count)$", "", metric)
                    self.assertTrue(metric.startswith(FOREIGN) or metric in LATER or {metric, plain} & known, f"{metric} is nobody's")

    def test_panels_do_not_overlap_and_have_ids_of_their_own(self):
        board = json.loads(read(DASHBOARD))["panels"]
        self.assertEqual(len({p["id"] for p in board}), len(board))
        taken = set()
        for p in board:
            g = p["gridPos"]
            self.assertLessEqual(g["x"] + g["w"], 24, p["title"])
            cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
            self.assertFalse(cells & taken, p["title"])
            taken |= cells

    def test_panels_say_their_unit_and_source(self):
        for p in panels():
            with self.subTest(p["title"]):
                self.assertTrue(p["fieldConfig"]["defaults"]["unit"])
                self.assertEqual({t["datasource"]["uid"] for t in p["targets"]} | {p["datasource"]["uid"]}, {"${datasource}"})
                self.assertEqual(len({t["refId"] for t in p["targets"]}), len(p["targets"]))

    def test_four_layers_have_a_row(self):
        rows = " ".join(p["title"] for p in json.loads(read(DASHBOARD))["panels"] if p["type"] == "row")
        for layer in ("Device layer", "Edge layer", "Service layer", "Network layer"):
            self.assertIn(layer, rows)


def rule_expressions():
    found = []
    for name in ("edge", "skerry"):
        for line in read(f"deploy/monitoring/rules/{name}.rules.yml").splitlines():
            got = re.match(r"\s+expr: (.*)", line)
            if got:
                found.append((f"rule in {name}.rules.yml", got[1]))
    return found
