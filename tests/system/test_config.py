"""Settings of a running gateway: what a reload changes at once, what waits, and that a bad file changes nothing."""
import json
import os
import signal
import subprocess
import unittest

from skerry import BIN, PATIENCE_S, Skerry, Subscriber, temp_folder, wait_until

RULE = """CREATE TABLE readings (device_id STRING, pressure DOUBLE) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');
CREATE TABLE alerts (device_id STRING, alert_type STRING, severity STRING, message STRING)
  WITH ('connector' = 'mqtt', 'topic' = 'alerts/{device_id}', 'payload' = 'alert', 'qos' = '1', 'format' = 'json');
INSERT INTO alerts SELECT device_id, 'high_pressure', 'high', 'too much' FROM readings WHERE pressure > LIMIT_HERE;
"""


def skerry(*arguments):
    return subprocess.run([BIN, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


class Reload(unittest.TestCase):
    def setUp(self):
        self.file = os.path.join(temp_folder(self, "config"), "skerry.yaml")
        self.write("mqtt: {connections_max: 100}\n")
        self.gateway = Skerry(self, config=self.file)
        self.pipelines = os.path.join(self.gateway.data, "pipelines")

    def write(self, text):
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)

    def rule(self, limit):
        os.makedirs(self.pipelines, exist_ok=True)
        with open(os.path.join(self.pipelines, "pressure.sql"), "w", encoding="utf-8") as f:
            f.write(RULE.replace("LIMIT_HERE", limit))

    def status(self):
        return self.gateway.get("/api/v1/status").json()["config"]

    def value(self, key):
        return next(i for i in self.gateway.get("/api/v1/config").json()["items"] if i["key"] == key)

    def alerts(self):
        return [a["message"] for a in self.gateway.all_items("/api/v1/alerts?device=boiler")]

    def press(self, pressure):
        self.assertEqual(201, self.gateway.post("/api/v1/readings", {"device_id": "boiler", "pressure": pressure}).status)

    def test_live_keys_count_at_once_and_nobody_is_dropped(self):
        subscriber = Subscriber(self, self.gateway, "-t", "sensors/#", "-q", "1", "-i", "stays")
        self.write("mqtt: {connections_max: 1}\nhttp: {body_bytes_max: 1KiB}\nhistory: {devices_max: 7}\n")
        done = skerry("reload", "--data", self.gateway.data)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertEqual("mqtt.connections_max: 100 -> 1\nhttp.body_bytes_max: 16MiB -> 1KiB\n"
                         "history.devices_max: 100000 -> 7  (needs a restart)\nwaiting for a restart: history.devices_max\nreloaded\n", done.stdout)
        # The subscriber is the one client there may be: a second is turned away, and the first still gets what is posted.
        wait_until(lambda: self.gateway.mosquitto_pub("-t", "sensors/a/data", "-m", "{}", "-q", "1").returncode != 0, "the second client to be refused")
        self.assertEqual(413, self.gateway.post("/api/v1/readings", {"device_id": "a", "pad": "x" * 2000}).status)
        self.assertEqual(201, self.gateway.post("/api/v1/readings", {"device_id": "a", "t": 1}).status)
        wait_until(lambda: subscriber.lines(), "the reading")
        self.assertTrue(subscriber.program.running())
        self.assertNotIn("Client stays disconnected", subscriber.program.log())
        status = self.status()
        self.assertEqual((1, 0, None, ["history.devices_max"]), (status["reloads"], status["refused"], status["last_error"], status["restart_needed"]))
        self.assertEqual((self.file + ":1", "1", "live"), tuple(self.value("mqtt.connections_max")[k] for k in ("where", "value", "takes_effect")))
        self.assertEqual(1, self.gateway.metric("skerry_config_restart_needed_keys"))
        noted = [r for r in self.gateway.log_records("high") if r["kind"] == "config"]
        self.assertEqual(["$skerry/config"], [r["topic"] for r in noted])

    def test_a_bad_file_changes_nothing_and_says_why(self):
        self.write("mqtt:\n  connections_max: 5\n  conections_max: 6\n")
        done = skerry("reload", "--data", self.gateway.data)
        self.assertEqual(1, done.returncode)
        self.assertEqual(f"skerry: nothing was changed: {self.file}:3: there is no key mqtt.conections_max; did you mean mqtt.connections_max?\n", done.stderr)
        status = self.status()
        self.assertEqual((0, 1), (status["reloads"], status["refused"]))
        self.assertIn(":3: there is no key", status["last_error"])
        self.assertEqual("100", self.value("mqtt.connections_max")["value"])
        self.assertEqual(1, self.gateway.metric("skerry_config_reloads_total", result="refused"))
        self.assertEqual(0, self.gateway.metric("skerry_config_last_reload_successful"))
        self.assertIn("the settings were not reloaded", self.gateway.program.log())
        # A rule that cannot be parsed is as bad as a key, and live keys beside it do not count either.
        self.write("mqtt: {connections_max: 5}\n")
        self.rule("oops oops")
        self.assertEqual(422, self.gateway.post("/api/v1/config/reload", "").status)
        self.assertEqual("100", self.value("mqtt.connections_max")["value"])
        self.assertEqual(["anomaly", "threshold"], sorted(p["name"] for p in self.gateway.get("/api/v1/pipelines").json()["items"]))
        self.rule("10")
        self.assertEqual(200, self.gateway.post("/api/v1/config/reload", "").status)
        self.assertEqual("5", self.value("mqtt.connections_max")["value"])
        self.assertIsNone(self.status()["last_error"])

    def test_a_rule_comes_changes_and_goes_by_signal_and_survives_a_kill(self):
        def hang_up(reloads):
            self.gateway.program.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.status()["reloads"] == reloads, "the reload")

        self.press(50)
        self.rule("20")
        hang_up(1)
        self.press(30)
        wait_until(lambda: len(self.alerts()) == 1, "the alert of the new rule")  # and none for the reading before it
        self.rule("40")
        hang_up(2)
        self.press(30)
        self.press(45)
        wait_until(lambda: len(self.alerts()) == 2, "the alert of the changed rule")
        self.gateway.kill()
        self.gateway.start()
        self.press(46)
        wait_until(lambda: len(self.alerts()) == 3, "the alert after the kill")
        os.remove(os.path.join(self.pipelines, "pressure.sql"))
        hang_up(1)
        self.press(99)
        self.gateway.post("/api/v1/readings", {"device_id": "boiler", "temperature": 99})
        wait_until(lambda: len(self.alerts()) == 4, "the shipped rule's alert")
        self.assertEqual(1, len([a for a in self.gateway.all_items("/api/v1/alerts?device=boiler") if a["alert_type"] == "high_temperature"]))


class Check(unittest.TestCase):
    def test_every_fault_is_told_with_its_line(self):
        path = os.path.join(temp_folder(self, "config"), "bad.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("mqtt:\n  port: 99999\n  prot: 1\nlog:\n  window_max: soon\n")
        done = skerry("config", "check", path)
        self.assertEqual(1, done.returncode)
        self.assertEqual([f"skerry: {path}:2: mqtt.port is 99999; it must lie between 0 and 65535",
                          f"skerry: {path}:3: there is no key mqtt.prot; did you mean mqtt.port?",
                          f'skerry: {path}:5: log.window_max is "soon"; expected a duration such as 20ms, 30s or 24h'], done.stderr.splitlines())

    def test_show_names_the_origin(self):
        shown = json.loads(skerry("config", "show", "--json", "--set", "mqtt.port=7").stdout)
        port = next(k for k in shown if k["key"] == "mqtt.port")
        self.assertEqual(("7", "flag", "restart"), (port["value"], port["origin"], port["takes_effect"]))
        self.assertIn("no gateway runs on this folder", skerry("reload", "--data", temp_folder(self, "none")).stderr)


if __name__ == "__main__":
    unittest.main()
