"""Devices that are listed, exported and forgotten, by the commands and by the API; a forgotten one stays so over a kill."""
import csv
import io
import json
import subprocess
import unittest

from skerry import BIN, PATIENCE_S, Skerry, wait_until


def skerry(*arguments):
    return subprocess.run([BIN, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


READINGS = [
    {"device_id": "a", "timestamp": "2026-01-01T00:00:00Z", "temperature": 20.5, "note": 'say "hi", you'},
    {"device_id": "a", "timestamp": "2026-01-01T00:01:00Z", "temperature": 21, "nested": {"x": [1, 2]}},
    {"device_id": "b", "timestamp": "2026-01-01T00:00:30Z", "humidity": None, "ok": True},
]


class Export(unittest.TestCase):
    def setUp(self):
        self.gateway = Skerry(self)
        # 20.50 keeps its digits: sent as text, not by a JSON library.
        body = json.dumps(READINGS).replace("20.5", "20.50").replace("21", "2.10e1", 1)
        self.assertEqual(201, self.gateway.post("/api/v1/readings", body).status)

    def export(self, *arguments):
        done = skerry("export", "--data", self.gateway.data, *arguments)
        self.assertEqual((0, ""), (done.returncode, "".join(l for l in done.stderr.splitlines(True) if "[" not in l)), done.stderr)
        return done.stdout

    def check(self):
        rows = list(csv.DictReader(io.StringIO(self.export("--csv"))))
        self.assertEqual(["device_id", "timestamp", "received_at", "temperature", "note", "humidity", "ok", "nested"], list(rows[0]))
        self.assertEqual(["a", "b", "a"], [r["device_id"] for r in rows])
        self.assertEqual(("20.50", 'say "hi", you', ""), (rows[0]["temperature"], rows[0]["note"], rows[0]["nested"]))
        self.assertEqual(("", "true"), (rows[1]["humidity"], rows[1]["ok"]))
        self.assertEqual(("2.10e1", {"x": [1, 2]}), (rows[2]["temperature"], json.loads(rows[2]["nested"])))
        some = self.export("--csv", "--device", "a", "--from", "2026-01-01T00:01:00Z", "--to", "2026-01-01T00:01:01Z", "--field", "temperature")
        self.assertEqual(["device_id,timestamp,received_at,temperature", "a,2026-01-01T00:01:00.000Z"],
                         [some.splitlines()[0], ",".join(some.splitlines()[1].split(",")[:2])])
        self.assertEqual(2, len(some.splitlines()))
        lines = [json.loads(line) for line in self.export("--ndjson").splitlines()]
        self.assertEqual([READINGS[0], READINGS[2], READINGS[1]], [line["data"] for line in lines])
        self.assertIn("20.50", self.export("--ndjson"))
        few = [json.loads(line)["data"] for line in self.export("--ndjson", "--field", "note", "--field", "ok").splitlines()]
        self.assertEqual([{"note": 'say "hi", you'}, {"ok": True}, {}], few)

    def test_of_a_running_gateway_and_of_its_folder_alike(self):
        self.check()
        by_url = skerry("export", "--csv", "--url", f"http://127.0.0.1:{self.gateway.ports['http']}")
        self.assertEqual(self.export("--csv"), by_url.stdout)
        self.assertEqual(1, skerry("export", "--data", self.gateway.data, "--from", "yesterday").returncode)
        self.gateway.stop()
        self.check()
        self.assertIn("is no time", skerry("export", "--data", self.gateway.data, "--from", "yesterday").stderr)
        self.assertIn("is no data folder", skerry("export", "--data", self.gateway.folder).stderr)

    def test_pages(self):
        many = [{"device_id": "many", "timestamp": 1_700_000_000 + i, "n": i} for i in range(2500)]
        self.assertEqual(201, self.gateway.post("/api/v1/readings", many).status)
        rows = list(csv.DictReader(io.StringIO(self.export("--device", "many"))))
        self.assertEqual([str(i) for i in range(2500)], [r["n"] for r in rows])


class Forget(unittest.TestCase):
    def test_a_forgotten_device_shows_nowhere_and_stays_so(self):
        gateway = Skerry(self)
        for device in ("gone", "stays"):
            gateway.mosquitto_pub("-r", "-q", "1", "-t", f"devices/{device}/status", "-m", '{"battery":7}')
            gateway.post("/api/v1/readings", [{"device_id": device, "temperature": 99}, {"device_id": device, "temperature": 20}])
        wait_until(lambda: len(gateway.all_items("/api/v1/alerts")) == 2, "the alerts")
        listed = skerry("device", "list", "--data", gateway.data)
        self.assertEqual((0, ["gone", "stays"]), (listed.returncode, [l.split()[0] for l in listed.stdout.splitlines()[1:]]))
        self.assertIn("readings       2", skerry("device", "show", "gone", "--data", gateway.data).stdout)
        alert = gateway.all_items("/api/v1/alerts?device=gone")[0]["alert_id"]

        done = skerry("device", "forget", "gone", "--data", gateway.data)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("gone is forgotten; its records before this position stay in the log's files until they are trimmed", done.stdout)

        def check():
            self.assertEqual(["stays"], [d["device_id"] for d in gateway.all_items("/api/v1/devices")])
            self.assertEqual(404, gateway.get("/api/v1/devices/gone").status)
            self.assertEqual([], gateway.all_items("/api/v1/readings?device=gone"))
            self.assertEqual({"stays"}, {r["device_id"] for r in gateway.all_items("/api/v1/readings")})
            self.assertEqual(["stays"], [a["device_id"] for a in gateway.all_items("/api/v1/alerts")])
            self.assertEqual(404, gateway.get(f"/api/v1/alerts/{alert}").status)
            retained = subprocess.run(["mosquitto_sub", *gateway.client_arguments(), "-t", "devices/+/status", "-v", "-W", "1"],
                                      capture_output=True, text=True, timeout=PATIENCE_S, check=False).stdout
            self.assertEqual('devices/stays/status {"battery":7}\n', retained)

        wait_until(lambda: len(gateway.all_items("/api/v1/alerts")) == 1, "the alert to be hidden")
        check()
        again = gateway.request("DELETE", "/api/v1/devices/gone")
        self.assertEqual(404, again.status)
        gateway.kill()  # replayed from the log
        gateway.start()
        check()
        gateway.stop()  # read from checkpoints
        gateway.start()
        check()
        # It may come back, and is a new device then.
        gateway.post("/api/v1/readings", {"device_id": "gone", "temperature": 21})
        self.assertEqual(1, gateway.get("/api/v1/devices/gone").json()["readings"])
        self.assertEqual([21], [r["data"]["temperature"] for r in gateway.all_items("/api/v1/readings?device=gone")])
        self.assertEqual([("config", "$skerry/forget/gone")], [(r["kind"], r["topic"]) for r in gateway.log_records("critical") if r["kind"] == "config"])


if __name__ == "__main__":
    unittest.main()
