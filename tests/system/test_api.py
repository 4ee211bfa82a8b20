"""HTTP as users see it: readings in and out, devices, pages, the event stream, health and metrics, with curl too."""
import json
import subprocess
import unittest

from clients import Client, Events
from skerry import PATIENCE_S, SkerryTest, wait_until


class ReadingsTest(SkerryTest):
    def test_posted_readings_are_there_when_the_answer_comes(self):
        bodies = [('{"device_id":"h1","temperature":20.50,"timestamp":"2026-05-01T10:00:00Z"}', 1),
                  ('[{"device_id":"h1","temperature":21,"timestamp":1777629601},{"device_id":"h2","temperature":5}]', 2),
                  ('{"device_id":"h1","temperature":22,"timestamp":"2026-05-01T10:00:02.5Z"}\n{"device_id":"h1","note":"ä","timestamp":"2026-05-01T10:00:03Z"}\n', 2)]
        for body, count in bodies:
            kind = "application/x-ndjson" if "\n" in body else "application/json"
            answer = self.skerry.post("/api/v1/readings", body, {"Content-Type": kind})
            self.assertEqual(answer.status, 201, answer.body)
            self.assertEqual(answer.json()["accepted"], count)
            self.assertEqual(len(answer.json()["items"]), count)
        items = self.skerry.get("/api/v1/readings?device=h1").json()["items"]
        self.assertEqual([i["timestamp"] for i in items],
                         ["2026-05-01T10:00:00.000Z", "2026-05-01T10:00:01.000Z", "2026-05-01T10:00:02.500Z", "2026-05-01T10:00:03.000Z"])
        self.assertEqual(items[0]["data"]["temperature"], 20.5)
        self.assertEqual(items[3]["data"]["note"], "ä")
        self.assertIn("20.50", self.skerry.get("/api/v1/readings?device=h1&limit=1").body.decode(), "numbers as they were sent")

    def test_from_to_pages_and_order(self):
        rows = [{"device_id": "p1", "n": n, "timestamp": 1777629600 + n} for n in range(25)]
        self.assertEqual(self.skerry.post("/api/v1/readings", rows).status, 201)
        path = "/api/v1/readings?device=p1&from=2026-05-01T10:00:05Z&to=2026-05-01T10:00:15Z"
        self.assertEqual([i["data"]["n"] for i in self.skerry.all_items(path + "&limit=3")], list(range(5, 15)))
        self.assertEqual([i["data"]["n"] for i in self.skerry.all_items(path + "&order=desc&limit=4")], list(range(14, 4, -1)))

    def test_mqtt_readings_are_readings(self):
        client = Client(self, self.skerry)
        client.publish("sensors/m1/data", {"temperature": 20})
        items = self.skerry.get("/api/v1/readings?device=m1").json()["items"]
        self.assertEqual([i["data"] for i in items], [{"temperature": 20}])
        self.assertEqual(items[0]["device_id"], "m1")

    def test_devices_with_last_values(self):
        client = Client(self, self.skerry)
        client.publish("sensors/d1/data", {"temperature": 1})
        client.publish("sensors/d1/data", {"temperature": 2})
        client.publish("devices/d1/status", {"status": "online"})
        client.publish("sensors/d2/data", {"temperature": 3})
        one = wait_until(lambda: (lambda d: d if d.get("readings") == 2 and d.get("status") else None)(self.skerry.get("/api/v1/devices/d1").json()), "d1")
        self.assertEqual(one["data"], {"temperature": 2})
        self.assertEqual(one["status"], {"status": "online"})
        self.assertEqual(sorted(d["device_id"] for d in self.skerry.all_items("/api/v1/devices?limit=1")), ["d1", "d2"])
        self.assertEqual(self.skerry.get("/api/v1/devices/d3").status, 404)

    def test_everything_is_there_after_a_restart(self):
        client = Client(self, self.skerry)
        for n in range(50):
            client.publish("sensors/r1/data", {"n": n})
        before = self.skerry.all_items("/api/v1/readings?device=r1")
        self.skerry.kill()
        self.skerry.start()
        self.assertEqual(self.skerry.all_items("/api/v1/readings?device=r1"), before)
        self.assertEqual(len(before), 50)
        self.assertEqual(self.skerry.get("/api/v1/devices/r1").json()["readings"], 50)


class ServiceTest(SkerryTest):
    def test_curl(self):
        base = f"http://127.0.0.1:{self.skerry.ports['http']}"

        def curl(*arguments):
            done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
            body, _, status = done.stdout.rpartition("\n")
            return int(status), body

        self.assertEqual(curl(base + "/healthz")[0], 200)
        self.assertEqual(curl(base + "/readyz")[0], 200)
        status, body = curl(base + "/api/v1/readings", "-H", "Content-Type: application/json", "-d", '{"device_id":"c1","temperature":81}')
        self.assertEqual((status, json.loads(body)["accepted"]), (201, 1))
        status, body = curl("--compressed", base + "/api/v1/readings?device=c1")
        self.assertEqual(json.loads(body)["items"][0]["data"]["temperature"], 81)
        status, body = curl(base + "/api/v1/openapi.json")
        self.assertEqual(status, 200)
        self.assertIn("/api/v1/readings", json.loads(body)["paths"])
        status, body = curl("-I", base + "/healthz")
        self.assertEqual(status, 200)
        status, body = curl(base + "/")
        self.assertEqual(status, 200)
        self.assertIn("<html", body.lower())

    def test_metrics_are_prometheus(self):
        Client(self, self.skerry).publish("sensors/a/data", {"temperature": 90})
        wait_until(lambda: self.skerry.metric("skerry_alerts_total", alert_type="high_temperature", severity="high") == 1, "the alert's counter")
        answer = self.skerry.get("/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))
        names = [line.split()[2] for line in answer.body.decode().splitlines() if line.startswith("# TYPE")]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(n.startswith("skerry_") or n == "inference_duration_seconds" for n in names), names)

    def test_status(self):
        status = self.skerry.get("/api/v1/status").json()
        self.assertTrue(status["ready"])
        self.assertEqual(status["ports"], self.skerry.ports)
        for key in ("version", "gateway_id", "started_at", "now", "devices", "messages_total", "alerts_total", "commands_total",
                    "decision_seconds", "commit_seconds", "log"):
            self.assertIn(key, status)
        self.assertGreaterEqual(len(self.skerry.get("/api/v1/pipelines").json()["items"]), 1)

    def test_events_in_the_order_they_are_committed(self):
        events = Events(self, self.skerry)
        client = Client(self, self.skerry)
        client.publish("sensors/e1/data", {"temperature": 85, "humidity": 1})
        events.wait_for("readings", lambda rows: any(r["device_id"] == "e1" for r in rows))
        alert, event_id = events.wait_for("alert", lambda a: a["device_id"] == "e1")
        self.assertEqual(alert["alert_type"], "high_temperature")
        events.wait_for("status")
        client.publish("sensors/e1/data", {"temperature": 95, "humidity": 1})
        events.wait_for("alert", lambda a: a["data"]["temperature"] == 95)
        resumed = Events(self, self.skerry, "?types=alerts&device=e1", last_event_id=event_id)
        resumed.wait_for("alert", lambda a: a["data"]["temperature"] == 95)
        self.assertEqual([d["data"]["temperature"] for e, d, _ in resumed.items if e == "alert"], [95])

    def test_two_gateways_side_by_side(self):
        from skerry import Skerry
        other = Skerry(self)
        Client(self, other).publish("sensors/x/data", {"temperature": 1})
        self.assertEqual(other.get("/api/v1/readings?device=x").json()["items"][0]["data"], {"temperature": 1})
        self.assertEqual(self.skerry.get("/api/v1/readings?device=x").json()["items"], [])


if __name__ == "__main__":
    unittest.main()
