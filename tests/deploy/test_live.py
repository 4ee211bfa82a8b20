"""The shipped configuration against real programs: a gateway that is fed, scraped by Prometheus with its rules and relabelling."""
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from common import DEPLOY, Deploy, need_yaml, read, read_yaml, tool
from live import Gateway, Process, Prometheus, Receiver, fetch, program, until
from test_dashboard import LATER, ON_EVENT, expressions, filled, metrics_of
from test_monitoring import without_kubernetes

NODE = "edge-1.plant"
SETTINGS = "deploy/kustomize/base/skerry.yaml"


def pod(address, app="iot-gateway", port="http", phase="Running", name="iot-gateway-7d9c"):
    """A target with the labels that Kubernetes discovery puts on one."""
    meta = {"namespace": "iot-system", "pod_name": name, "pod_node_name": NODE, "pod_phase": phase, "pod_label_app": app,
            "pod_container_port_name": port}
    return {"targets": [address], "labels": {f"__meta_kubernetes_{k}": v for k, v in meta.items()}}


def config_for(folder, gateway, node_exporter, alertmanager=None):
    """The shipped prometheus.yml with the addresses of this test, scraping each second."""
    shutil.copytree(os.path.join(DEPLOY, "monitoring", "rules"), os.path.join(folder, "rules"))
    http, mqtt = (f"127.0.0.1:{gateway.ports[p]}" for p in ("http", "mqtt"))
    config = without_kubernetes(read_yaml("deploy/monitoring/prometheus.yml"), [
        pod(http), pod(mqtt, port="mqtt"), pod(http, app="other", name="other-1"), pod(http, phase="Succeeded", name="iot-gateway-old")])
    config["global"].update(scrape_interval="1s", evaluation_interval="1s")
    for job in config["scrape_configs"]:
        job["scrape_interval"] = "1s"
        if job["job_name"] != "iot-gateways":  # nobody listens on port 9 here
            job["static_configs"] = [{"targets": [node_exporter if job["job_name"] == "edge-nodes" else "127.0.0.1:9"]}]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
    return config


class Live(Deploy):
    @classmethod
    def setUpClass(cls):
        need_yaml()
        program(), tool("prometheus"), tool("prometheus-node-exporter")
        cls.dir = tempfile.mkdtemp(prefix="skerry-live-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.gateway = Gateway(cls.dir, read(SETTINGS), NODE)
        cls.addClassCleanup(cls.gateway.stop)
        cls.stop_feeding = threading.Event()
        feeder = threading.Thread(target=cls.gateway.feed, args=[cls.stop_feeding])
        feeder.start()
        cls.addClassCleanup(feeder.join)
        cls.addClassCleanup(cls.stop_feeding.set)
        exporter = Process([tool("prometheus-node-exporter"), "--web.listen-address=127.0.0.1:0"], os.path.join(cls.dir, "node.log"))
        cls.addClassCleanup(exporter.stop)
        cls.exporter_url = f"http://{exporter.listening()}"
        cls.prometheus = Prometheus(cls.dir, config_for(cls.dir, cls.gateway, exporter.listening()))
        cls.addClassCleanup(cls.prometheus.stop)
        cls.exporter_text = fetch(cls.exporter_url + "/metrics")[1]
        until("three scrapes", lambda: cls.prometheus.query('count_over_time(up{job="iot-gateways"}[1m]) >= 3'))

    def test_relabelling_keeps_the_gateway_and_nothing_else(self):
        targets = self.prometheus.api("targets")
        kept = [t["labels"] for t in targets["activeTargets"] if t["labels"]["job"] == "iot-gateways"]
        self.assertEqual(kept, [{"job": "iot-gateways", "instance": f"127.0.0.1:{self.gateway.ports['http']}", "namespace": "iot-system",
                                 "pod": "iot-gateway-7d9c", "node": NODE}])
        self.assertEqual(len(targets["droppedTargets"]), 3)

    def test_gateway_and_node_are_up(self):
        for job in ("iot-gateways", "edge-nodes"):
            self.assertEqual([r["value"][1] for r in self.prometheus.query(f'up{{job="{job}"}}')], ["1"], job)

    def test_every_dashboard_expression_answers(self):
        for where, expr in expressions():
            metrics = metrics_of(filled(expr))
            with self.subTest(where):
                if metrics & (LATER | ON_EVENT) or where.startswith("annotation") or any(m.startswith("node_") for m in metrics):
                    self.prometheus.query(filled(expr))  # must be understood; node_exporter's own names:
                    missing = [m for m in metrics if m.startswith("node_") and f"\n{m}" not in self.exporter_text]
                    self.assertEqual(missing, [])
                else:
                    until(expr, lambda expr=expr: self.prometheus.query(filled(expr)), 20)

    def test_every_rule_is_evaluated_without_error(self):
        def rules():
            found = [r for g in self.prometheus.api("rules")["groups"] for r in g["rules"]]
            return found if all(r["health"] != "unknown" for r in found) else None
        for rule in until("rules evaluated", rules):
            with self.subTest(rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))
                if rule["name"] in ("DeviceOffline", "NoGateway", "GatewayNotAcknowledging", "ReaderFailing"):
                    self.assertEqual(rule["state"], "inactive")

    def test_metrics_are_named_as_prometheus_asks(self):
        status, text = fetch(self.gateway.url + "/metrics")
        self.assertEqual(status, 200)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as f:
            f.write(text)
            f.seek(0)
            done = subprocess.run([tool("promtool"), "check", "metrics"], stdin=f, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_probes_answer(self):
        self.assertEqual([fetch(self.gateway.url + p)[0] for p in ("/healthz", "/readyz")], [200, 200])

    def test_the_gateway_is_called_as_its_node(self):
        self.assertIn(f'"gateway_id":"{NODE}"', fetch(self.gateway.url + "/api/v1/status")[1].replace(" ", ""))


class Program(Deploy):
    """What the pod relies on."""

    def setUp(self):
        need_yaml()
        self.program = program()
        self.dir = tempfile.mkdtemp(prefix="skerry-pod-")
        self.addCleanup(shutil.rmtree, self.dir)

    def test_settings_of_the_config_map_are_taken(self):
        self.ok([self.program, "config", "check", SETTINGS])

    def test_without_saying_insecure_it_listens_on_loopback_only(self):
        self.fails([self.program, "config", "check", SETTINGS, "--set", "listen.insecure=false"], 1, "listen.host")

    def test_it_ends_cleanly_well_within_the_grace_period(self):
        gateway = Gateway(self.dir, read(SETTINGS), NODE)
        self.addCleanup(gateway.stop)
        self.assertEqual(gateway.stop(10), 0, gateway.printed()[-2000:])

    def test_it_writes_nowhere_but_into_its_data_folder(self):
        gateway = Gateway(self.dir, read(SETTINGS), NODE)
        self.addCleanup(gateway.stop)
        open_for_writing = []
        folder = f"/proc/{gateway.child.pid}/fd"
        for fd in os.listdir(folder):
            try:
                path = os.readlink(os.path.join(folder, fd))
                flags = int(next(line for line in open(f"/proc/{gateway.child.pid}/fdinfo/{fd}", encoding="ascii") if line.startswith("flags:")).split()[1], 8)
            except OSError:
                continue
            if path.startswith("/") and not path.startswith(("/dev/", "/proc/")) and flags & os.O_ACCMODE and path != gateway.log:
                open_for_writing.append(path)
        self.assertTrue(open_for_writing)
        self.assertEqual([p for p in open_for_writing if not p.startswith(os.path.realpath(gateway.data) + "/")], [])


class Alarm(Deploy if os.environ.get("SKERRY_LONG") else object):
    """With --long only (100 s): a gateway goes away; the alert's way through Prometheus and Alertmanager to a receiver, and its end."""

    def test_a_lost_gateway_is_heard_of_and_its_return_too(self):
        need_yaml()
        folder = tempfile.mkdtemp(prefix="skerry-alarm-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        with open(os.path.join(folder, "alertmanager.yml"), "w", encoding="utf-8") as f:
            f.write(read("deploy/monitoring/alertmanager.yml").replace("alert-receiver:9095", receiver.address).replace("group_interval: 1m", "group_interval: 5s"))
        alertmanager = Process(["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am",
                                "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="], os.path.join(folder, "alertmanager.log"))
        self.addCleanup(alertmanager.stop)
        gateway = Gateway(folder, read(SETTINGS), NODE)
        self.addCleanup(gateway.stop)
        prometheus = Prometheus(folder, config_for(folder, gateway, "127.0.0.1:9", alertmanager.listening()))
        self.addCleanup(prometheus.stop)
        until("the gateway is seen", lambda: prometheus.query('up{job="iot-gateways"} == 1'))
        gateway.child.kill()
        gateway.child.wait()

        def heard(status):
            return [h for h in receiver.heard if h[:3] == ("/critical", "DeviceOffline", status)]
        firing = until("DeviceOffline at the receiver", lambda: heard("firing"), 90)[0][3]
        self.assertEqual((firing["severity"], firing["category"], firing["node"]), ("critical", "connectivity", NODE))
        self.assertEqual((firing["edge_cluster"], firing["region"]), ("industrial-zone-1", "factory-floor"))
        again = Gateway(folder, read(SETTINGS), NODE, http_port=gateway.ports["http"])
        self.addCleanup(again.stop)
        until("its end at the receiver", lambda: heard("resolved"), 90)


if __name__ == "__main__":
    unittest.main()
