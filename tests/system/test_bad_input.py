"""Bad input is answered, counted, and touches nothing else (issue 4, "Bad input")."""
import json
import os
import subprocess
import unittest

import paho.mqtt.client as mqtt

from clients import Client, RawMqtt
from skerry import BIN, PATIENCE_S, SkerryTest, temp_folder, wait_until

text, packet = RawMqtt.text, RawMqtt.packet
HELLO = packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + text("bad"))

# What is wrong -> what is sent after CONNECT (or in its place).
MALFORMED_FIRST = {
    "not MQTT at all": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a PUBLISH before CONNECT": packet(0x30, text("a") + b"x"),
    "a packet type of zero": b"\x00\x00",
    "a protocol of another name": packet(0x10, text("MQXX") + bytes([4, 2, 0, 60]) + text("bad")),
    "a level that nobody knows": packet(0x10, text("MQTT") + bytes([9, 2, 0, 60]) + text("bad")),
    "a CONNECT with its reserved flag": packet(0x10, text("MQTT") + bytes([4, 3, 0, 60]) + text("bad")),
    "a client id that ends too early": packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + b"\x00\x09bad"),
    "a length of five bytes": b"\x10\xff\xff\xff\xff\x7f",
}
MALFORMED_LATER = {
    "a second CONNECT": HELLO,
    "QoS 3": packet(0x36, text("a") + b"\0\1x"),
    "packet id 0": packet(0x32, text("a") + b"\0\0x"),
    "a wildcard in a topic": packet(0x30, text("a/+") + b"x"),
    "an empty topic": packet(0x30, text("") + b"x"),
    "a topic that is not UTF-8": packet(0x30, b"\0\2\xff\xfe" + b"x"),
    "a topic with NUL": packet(0x30, b"\0\3a\0b" + b"x"),
    "a topic longer than its packet": packet(0x30, b"\xff\xffa"),
    "a SUBSCRIBE without a filter": packet(0x82, b"\0\1"),
    "a SUBSCRIBE with an empty filter": packet(0x82, b"\0\1\0\0\0"),
    "a SUBSCRIBE with wrong flags": packet(0x80, b"\0\1" + text("a") + b"\0"),
    "a filter of QoS 3": packet(0x82, b"\0\1" + text("a") + b"\3"),
    "a PUBREL with wrong flags": packet(0x60, b"\0\1"),
    "a CONNACK from a client": packet(0x20, b"\0\0"),
}


class BadMqttTest(SkerryTest):
    def setUp(self):
        super().setUp()
        self.good = Client(self, self.skerry, "good").subscribe("good/#", 1)

    def expect_closed_and_counted(self, what, raw):
        with self.subTest(what):
            raw.wait_closed()
            self.good.publish("good/a", what)
            wait_until(lambda: self.good.messages and self.good.messages[-1][1] == what.encode(), "the good client's message")

    def refused(self):
        names = ("skerry_mqtt_malformed_total", "skerry_mqtt_connects_refused_total", "skerry_mqtt_limit_total")
        return sum(self.skerry.metric(n) or 0 for n in names)

    def test_malformed_packets_end_their_connection_only(self):
        before = self.refused()
        for what, data in MALFORMED_FIRST.items():
            self.expect_closed_and_counted(what, RawMqtt(self, self.skerry).send(data))
        for what, data in MALFORMED_LATER.items():
            self.expect_closed_and_counted(what, RawMqtt(self, self.skerry).connect("bad").send(data))
        self.assertEqual(self.good.connects, 1)
        self.assertGreaterEqual(self.refused() - before, len(MALFORMED_FIRST) + len(MALFORMED_LATER) - 3)

    def test_a_wrong_filter_is_answered_and_the_others_of_its_packet_hold(self):
        raw = RawMqtt(self, self.skerry).connect("bad")
        for wrong in ("a/#/b", "a+/b", "/".join(["a"] * 10_000)):
            raw.send(packet(0x82, b"\0\1" + text(wrong) + b"\1" + text("fine") + b"\1"))
            self.assertEqual(raw.read_packet(), (0x90, b"\0\1\x80\1"), wrong[:20])
        self.good.publish("fine", "x")
        self.assertTrue(raw.read_packet()[1].endswith(b"x"))

    def test_a_topic_of_10000_levels(self):
        raw = RawMqtt(self, self.skerry).connect("bad")
        raw.send(packet(0x32, text("/".join(["a"] * 10_000)) + b"\0\1x"))
        self.expect_closed_and_counted("10,000 levels, 3.1.1", raw)
        raw = RawMqtt(self, self.skerry).connect("bad5", version=5)
        raw.send(packet(0x32, text("/".join(["a"] * 10_000)) + b"\0\1\0x"))
        first, body = raw.read_packet()
        self.assertIn(first, (0x40, 0xE0), "PUBACK or DISCONNECT with a reason code")
        reason = body[2] if first == 0x40 else body[0]
        self.assertGreaterEqual(reason, 0x80)

    def test_an_oversized_payload(self):
        before = self.refused()
        raw = RawMqtt(self, self.skerry).connect("bad").send(packet(0x30, text("sensors/a/data") + b"x" * (2 << 20))[:70000])
        self.expect_closed_and_counted("2 MiB", raw)
        fits = b'{"pad":"' + b"x" * (900 << 10) + b'"}'
        self.good.publish("sensors/big/data", fits)
        self.assertEqual(len(self.skerry.get("/api/v1/readings?device=big").json()["items"]), 1)
        self.assertGreater(self.refused(), before)

    def test_payloads_that_no_rule_understands(self):
        payloads = ["", "not json", "[1,2]", "7", '"text"', '{"temperature":"hot"}', '{"temperature":{"deep":1}}', '{"temperature":null}',
                    "{}", '{"temperature":1e999}', "[" * 5000, '{"temperature":20', b"\xff\xfe\x00", '{"humidity":5}',
                    '{"temperature":20,"timestamp":"yesterday"}', '{"temperature":20,"timestamp":{}}', '{"temperature":20,"timestamp":1e300}']
        for payload in payloads:
            self.good.publish("sensors/odd/data", payload)
        self.good.publish("sensors/odd/data", {"temperature": 85, "humidity": 1})
        alerts = wait_until(lambda: self.skerry.get("/api/v1/alerts?device=odd").json()["items"], "the alert of the good reading")
        self.assertEqual([a["data"]["temperature"] for a in alerts], [85])
        self.assertEqual(self.skerry.get("/readyz").status, 200)
        self.assertGreater((self.skerry.metric("skerry_stream_malformed_total") or 0) + (self.skerry.metric("skerry_stream_errors_total") or 0), 0)
        listed = self.skerry.get("/api/v1/readings?device=odd&limit=1000")
        self.assertEqual(listed.status, 200)
        json.loads(listed.body)

    def test_times_long_ago_and_ahead(self):
        self.good.publish("sensors/t/data", {"temperature": 85, "timestamp": "1970-01-01T00:00:01Z"})
        self.good.publish("sensors/t/data", {"temperature": 86, "timestamp": "2199-01-01T00:00:00Z"})
        for n in range(12):
            self.good.publish("sensors/t/data", {"temperature": 20 + n % 2, "humidity": 4})
        self.good.publish("sensors/t/data", {"temperature": 60, "humidity": 4})
        old = self.skerry.get("/api/v1/readings?device=t&from=1970-01-01T00:00:00Z&to=1971-01-01T00:00:00Z").json()["items"]
        self.assertEqual([i["timestamp"] for i in old], ["1970-01-01T00:00:01.000Z"])
        ahead = self.skerry.get("/api/v1/readings?device=t&from=2198-01-01T00:00:00Z").json()["items"]
        self.assertEqual(len(ahead), 1)
        wait_until(lambda: [a for a in self.skerry.all_items("/api/v1/alerts?device=t") if a["alert_type"] == "anomaly_detection"],
                   "an alert from readings of now: a clock ahead moves no watermark")

    def test_bad_commands_and_answers(self):
        for payload in ("x", "{}", '{"command_id":"nobody","status":"done"}', '{"command_id":"nobody","status":"great"}'):
            self.good.publish("commands/p/ack", payload)
        self.good.publish("commands/p", "start!", qos=2)
        self.good.publish("alerts/p", "fire")
        wait_until(lambda: self.skerry.metric("skerry_act_acks_rejected_total") == 4, "four answers counted")
        wait_until(lambda: self.skerry.metric("skerry_act_alerts_rejected_total") == 1, "one alert counted")
        self.assertEqual(self.skerry.get("/api/v1/commands?device=p").json()["items"], [])


class BadHttpTest(SkerryTest):
    def problem(self, answer, status):
        self.assertEqual(answer.status, status, answer.body)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers["Content-Type"])
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"] and problem["detail"])
        return problem["detail"]

    def test_readings(self):
        good = {"device_id": "g", "temperature": 1}
        table = [
            ("", ""), ("{", ""), ("7", ""), ("[]x", ""), ("{}", "device_id"), ('{"device_id":7}', "device_id"),
            ('{"device_id":""}', "device_id"), ('{"device_id":"a/b"}', "device_id"), ('{"device_id":"a+"}', "device_id"),
            ('{"device_id":"g","timestamp":"soon"}', "timestamp"), ('{"device_id":"g","timestamp":[]}', "timestamp"),
            (json.dumps([good, {"device_id": "a#"}]), "1"), (json.dumps([good, good, 7]), "2"),
            ("[" * 100_000, ""),
        ]
        lines = [(json.dumps(good) + "\n{\n" + json.dumps(good), "1"), (json.dumps(good) + "\n{}\n", "device_id")]
        for kind, rows in (("application/json", table), ("application/x-ndjson", lines)):
            for body, named in rows:
                with self.subTest(body[:60]):
                    self.assertIn(named, self.problem(self.skerry.post("/api/v1/readings", body, {"Content-Type": kind}), 400))
        self.assertEqual(self.skerry.get("/api/v1/readings?device=g").json()["items"], [], "nothing is taken when one is bad")

    def test_too_long(self):
        answer = self.skerry.post("/api/v1/readings", b"[" + b" " * (17 << 20) + b"]")
        self.assertIn(answer.status, (413, 0), "answered, or closed while we were still sending")
        self.assertEqual(self.skerry.get("/readyz").status, 200)

    def test_commands(self):
        for body, named in [("", ""), ("[]", ""), ('{"device_id":"p"}', "command"), ('{"command":"x"}', "device_id"),
                            ('{"device_id":"a/b","command":"x"}', "device_id"), ('{"device_id":"p","command":"x","ttl_s":-1}', "ttl_s"),
                            ('{"device_id":"p","command":"x","ttl_s":1e9}', "ttl_s"), ('{"device_id":"p","command":"x","params":[]}', "params"),
                            ('{"device_id":"p","command":"x","speed":1}', "speed")]:
            with self.subTest(body):
                self.assertIn(named, self.problem(self.skerry.post("/api/v1/commands", body), 400))
        self.assertEqual(self.skerry.get("/api/v1/commands").json()["items"], [])

    def test_queries(self):
        for path in ("/api/v1/readings?device=a&limit=x", "/api/v1/readings?device=a&limit=0", "/api/v1/readings?device=a&from=soon",
                     "/api/v1/readings?device=a&cursor=!!", "/api/v1/readings?device=a&order=up", "/api/v1/alerts?cursor=!!", "/api/v1/commands?limit=-1",
                     "/api/v1/alerts?limit=99999999999999999999"):
            with self.subTest(path):
                self.problem(self.skerry.get(path), 400)
        self.problem(self.skerry.get("/api/v1/nothing"), 404)
        self.problem(self.skerry.get("/api/v1/commands/none"), 404)
        self.problem(self.skerry.request("DELETE", "/api/v1/readings"), 405)
        self.assertEqual(self.skerry.request("GET", "/../../etc/passwd").status, 404)
        self.assertEqual(self.skerry.get("/readyz").status, 200)

    def test_another_sites_page_may_not_ask(self):
        self.assertIn(self.skerry.request("GET", "/api/v1/status", headers={"Host": "evil.example"}).status, (403, 421))
        body = {"device_id": "p", "command": "x"}
        self.assertEqual(self.skerry.post("/api/v1/commands", body, {"Origin": "http://evil.example"}).status, 403)


@unittest.skipUnless(os.access(BIN, os.X_OK), f"{BIN} is not built")
class BadSqlTest(unittest.TestCase):
    def test_it_says_line_column_and_what_was_expected(self):
        folder = temp_folder(self, "sql")
        path = os.path.join(folder, "bad.sql")
        data = os.path.join(folder, "sensors.csv")
        with open(data, "w", encoding="utf-8") as f:
            f.write("device_id,temperature\na,1\n")
        create = "CREATE TABLE sensors (device_id STRING, temperature DOUBLE);\n"
        for sql, line, column in [("SELECT device_id\nFORM sensors;", 3, None), ("SELECT nothing FROM sensors;", 2, 8), ("SELECT (1 + FROM sensors;", 2, None),
                                  ("SELECT device_id FROM nowhere;", 2, None), ("SELECT 'open FROM sensors;", 2, 8)]:
            with self.subTest(sql):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(create + sql)
                done = subprocess.run([BIN, "pipeline", "run", path, "--in", f"sensors={data}"], capture_output=True, text=True,
                                      timeout=PATIENCE_S, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, rf"bad\.sql: line {line}, column {column or '[0-9]+'}: .+")
                self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
