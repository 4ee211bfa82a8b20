"""Prometheus, its rules and Alertmanager's routes: valid, with the values required, and with rule tests that can fail."""
import os
import re
import shutil
import tempfile

from common import DEPLOY, Deploy, need_yaml, read, read_yaml, run, tool, yaml

RULES = "deploy/monitoring/rules/edge.rules.yml"
# Requirement 9: expression, duration, severity, category.
REQUIRED = {
    "DeviceOffline": ('up{job="iot-gateways"} == 0', "30s", "critical", "connectivity"),
    "HighCPUUsage": ('100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))) > 80', "2m", "warning", "resource"),
    "LowDiskSpace": ('100 * node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"} / '
                     'node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"} < 10', "1m", "warning", "storage"),
    "HighInferenceLatency": ("histogram_quantile(0.95, sum by (le, job, instance) (rate(inference_duration_seconds_bucket[1m]))) > 0.1",
                             "1m", "critical", "performance"),
}
# A rule spoiled in one place; the rule tests must notice each.
SPOILED = [("== 0", "== 2"), ("for: 30s", "for: 25s"), ("for: 30s", "for: 35s"), ("> 80", "> 86"), ("> 80", "> 78"), ("for: 2m", "for: 1m"),
           ("for: 2m", "for: 4m"), ("< 10", "< 9.5"), ("< 10", "<= 10"), ("fstype!~\"tmpfs|", "fstype!~\""), ("0.95", "0.5"), ("0.95", "0.99"),
           ("> 0.1", "> 0.3"), ("for: 1m", "for: 30s"), ("for: 1m", "for: 5m"), ("severity: critical", "severity: warning"),
           ("category: storage", "category: disk"), ("avg by (instance)", "avg by (instance, cpu)"), ('job="iot-gateways"', 'job=~".*"')]
ROUTES = [({"alertname": "DeviceOffline", "severity": "critical", "category": "connectivity"}, "critical"),
          ({"alertname": "HighInferenceLatency", "severity": "critical", "category": "performance"}, "critical"),
          ({"alertname": "HighCPUUsage", "severity": "warning", "category": "resource"}, "warnings"),
          ({"alertname": "LowDiskSpace", "severity": "warning", "category": "storage"}, "warnings"),
          ({"alertname": "SomethingElse"}, "warnings")]


def jobs(config):
    return {j["job_name"]: j for j in config["scrape_configs"]}


def without_kubernetes(config, targets=()):
    """Debian's Prometheus is built without Kubernetes discovery; what that finds stands in as static targets."""
    for job in config["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None):
            job["static_configs"] = list(targets)
    return config


class Monitoring(Deploy):
    def setUp(self):
        need_yaml()
        self.dir = tempfile.mkdtemp(prefix="skerry-monitoring-")
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copytree(os.path.join(DEPLOY, "monitoring", "rules"), os.path.join(self.dir, "rules"))

    def promtool_tests(self):
        names = sorted(os.listdir("tests/deploy/rules"))
        for name in names:
            shutil.copy(os.path.join("tests/deploy/rules", name), self.dir)
        return [tool("promtool"), "test", "rules", *names]

    def test_promtool_takes_the_rules(self):
        self.ok([tool("promtool"), "check", "rules", *(os.path.join(self.dir, "rules", f) for f in os.listdir(os.path.join(self.dir, "rules")))])

    def test_each_rule_fires_stays_quiet_and_clears(self):
        self.ok(self.promtool_tests(), cwd=self.dir)

    def test_each_required_rule_is_tested_in_three_ways(self):
        for alert in REQUIRED:
            cases = [t for t in read_yaml("tests/deploy/rules/edge.test.yml")["tests"] if t["name"].startswith(alert + " ")]
            self.assertTrue(any("does not fire" in c["name"] for c in cases), alert)
            fired = [[bool(a["exp_alerts"]) for a in c["alert_rule_test"]] for c in cases]
            self.assertTrue(any(f[0] is False and True in f and f[-1] is False for f in fired), f"{alert}: quiet, firing, quiet again")

    def test_rule_tests_notice_every_spoiled_rule(self):
        command = self.promtool_tests()
        original = read(RULES)
        for old, new in SPOILED:
            with self.subTest(f"{old} -> {new}"):
                self.assertIn(old, original)
                with open(os.path.join(self.dir, "rules", os.path.basename(RULES)), "w", encoding="utf-8") as f:
                    f.write(original.replace(old, new))
                self.fails(command, cwd=self.dir)

    def test_rules_are_the_required_four(self):
        rules = {r["alert"]: r for g in read_yaml(RULES)["groups"] for r in g["rules"]}
        self.assertEqual(set(rules), set(REQUIRED))
        for name, (expr, duration, severity, category) in REQUIRED.items():
            with self.subTest(name):
                rule = rules[name]
                self.assertEqual((rule["expr"], rule["for"], rule["labels"]), (expr, duration, {"severity": severity, "category": category}))
                self.assertTrue({"summary", "description"} <= set(rule["annotations"]))

    def test_prometheus_values(self):
        config = read_yaml("deploy/monitoring/prometheus.yml")
        got = jobs(config)
        self.assertEqual(config["global"]["scrape_interval"], "15s")
        self.assertEqual(config["global"]["external_labels"], {"edge_cluster": "industrial-zone-1", "region": "factory-floor"})
        self.assertEqual(list(got), ["edge-nodes", "iot-gateways", "mqtt-broker", "edge-ai-inference"])
        self.assertEqual((got["edge-nodes"]["scrape_interval"], got["edge-ai-inference"]["scrape_interval"]), ("10s", "5s"))
        targets = {name: got[name]["static_configs"][0]["targets"] for name in ("edge-nodes", "mqtt-broker", "edge-ai-inference")}
        self.assertEqual(targets, {"edge-nodes": ["localhost:9100"], "mqtt-broker": ["mqtt-broker:9234"],
                                   "edge-ai-inference": ["ai-inference-service:8080"]})
        self.assertEqual(config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"], ["alertmanager:9093"])
        discovery = got["iot-gateways"]["kubernetes_sd_configs"]
        self.assertEqual(discovery, [{"role": "pod", "namespaces": {"names": ["iot-system"]}, "selectors": [{"role": "pod", "label": "app=iot-gateway"}]}])
        self.assertIn({"source_labels": ["__meta_kubernetes_pod_label_app"], "regex": "iot-gateway", "action": "keep"},
                      got["iot-gateways"]["relabel_configs"])

    def test_single_node_keeps_labels_jobs_and_rules(self):
        one, many = read_yaml("deploy/monitoring/prometheus-single-node.yml"), read_yaml("deploy/monitoring/prometheus.yml")
        self.assertEqual((one["global"], one["rule_files"]), (many["global"], many["rule_files"]))
        self.assertLessEqual(set(jobs(one)), set(jobs(many)))
        self.assertEqual(jobs(one)["iot-gateways"]["static_configs"], [{"targets": ["localhost:8080"]}])

    def test_promtool_takes_the_configurations(self):
        for name in ("prometheus.yml", "prometheus-single-node.yml"):
            with self.subTest(name):
                config = without_kubernetes(read_yaml(f"deploy/monitoring/{name}"), [{"targets": ["10.42.0.7:8080"]}])
                with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
                    yaml.safe_dump(config, f)
                self.ok([tool("promtool"), "check", "config", os.path.join(self.dir, name)])

    def test_amtool_takes_the_configuration(self):
        self.ok([tool("amtool"), "check-config", "deploy/monitoring/alertmanager.yml"])

    def test_each_alert_has_its_receiver(self):
        for labels, receiver in ROUTES:
            with self.subTest(labels["alertname"]):
                _, output = run([tool("amtool"), "config", "routes", "test", "--config.file", "deploy/monitoring/alertmanager.yml",
                                 f"--verify.receivers={receiver}", *(f"{k}={v}" for k, v in labels.items())])
                self.assertIn(receiver, output)
                self.assertNotIn("WARNING", output)

    def test_the_route_test_can_fail(self):
        self.fails([tool("amtool"), "config", "routes", "test", "--config.file", "deploy/monitoring/alertmanager.yml",
                    "--verify.receivers=critical", "alertname=HighCPUUsage", "severity=warning"])

    def test_receivers_hear_when_an_alert_is_over(self):
        for receiver in read_yaml("deploy/monitoring/alertmanager.yml")["receivers"]:
            self.assertTrue(all(w["send_resolved"] for w in receiver["webhook_configs"]), receiver["name"])

    def test_docs_name_every_target_and_alert(self):
        page = read("docs/deploy.md")
        for word in [*REQUIRED, "localhost:9100", "mqtt-broker:9234", "ai-inference-service:8080", "alertmanager:9093", "alert-receiver:9095"]:
            self.assertIn(word, page)

    def test_alert_texts_use_labels_their_expression_keeps(self):
        rules = {r["alert"]: r for g in read_yaml(RULES)["groups"] for r in g["rules"]}
        for name in ("HighCPUUsage", "HighInferenceLatency"):
            kept = set(re.search(r"by \(([^)]*)\)", rules[name]["expr"])[1].replace(" ", "").split(","))
            used = set(re.findall(r"\$labels\.(\w+)", str(rules[name]["annotations"])))
            self.assertLessEqual(used, kept, name)
