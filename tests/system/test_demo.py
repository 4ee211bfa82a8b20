"""`skerry up` as a new user starts it: readings of recorded devices, played by real MQTT clients; all are in the history."""
import collections
import csv
import gzip
import json
import os
import signal
import unittest
import urllib.request

from skerry import BIN, ROOT, Program, temp_folder, wait_until

LIBRARY = os.path.join(ROOT, "..", "shared", "data", "library", "readings.csv.gz")


class Up:
    """`skerry up` with its own folder; ends when the test does."""

    def __init__(self, test, *options, data=None):
        self.data = data or os.path.join(temp_folder(test, "up"), "data")
        self.program = Program(test, [BIN, "up", "--data", self.data, "--set", "mqtt.port=0", "--set", "http.port=0", *options],
                               os.path.join(temp_folder(test, "up-log"), "log"))
        self.ports = wait_until(self._ports, "ports.json")

    def _ports(self):
        if not self.program.running():
            raise AssertionError(f"skerry up ended:\n{self.program.log()}")
        try:
            with open(os.path.join(self.data, "ports.json"), encoding="utf-8") as f:
                return json.load(f)
        except (OSError, ValueError):
            return None

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}/api/v1/{path}", timeout=30) as answer:
            return json.load(answer)

    def all(self, path):
        cursor = ""
        while True:
            page = self.get(path + cursor)
            yield from page["items"]
            if not page["next"]:
                return
            cursor = f"&cursor={page['next']}"


class Demo(unittest.TestCase):
    def test_every_reading_of_the_recording_is_in_the_history(self):
        if os.path.exists(LIBRARY):
            recording, speed = LIBRARY, "3600"
        else:  # checked out alone: the demo's own recording, at a speed that plays it in about 25 s
            print("no ../shared/data/library beside the project: the demo's own recording is used instead")
            recording, speed = os.path.join(ROOT, "build", "demo", "motes.csv.gz"), "1000"
        with gzip.open(recording, "rt", encoding="utf-8") as f:
            sent = collections.defaultdict(list)
            for row in csv.DictReader(f):
                sent[row["device"]].append(float(row["temperature"]))
        up = Up(self, "--demo", recording, "--speed", speed, "--once")
        total = sum(map(len, sent.values()))
        wait_until(lambda: "played to the end" in up.program.log(), "the end of the recording", 120)
        wait_until(lambda: up.get("status")["messages_total"] >= total, "all readings to be acknowledged", 60)
        self.assertEqual(sorted(d["device_id"] for d in up.all("devices?limit=100")), sorted(sent))
        for device, temperatures in sent.items():
            got = [r["data"]["temperature"] for r in up.all(f"readings?device={device}&limit=1000")]
            self.assertEqual(sorted(got), sorted(temperatures), device)

    def test_ctrl_c_ends_it_cleanly_and_a_second_start_continues(self):
        data = os.path.join(temp_folder(self, "twice"), "data")
        up = Up(self, "--speed", "600", data=data)
        wait_until(lambda: up.get("status")["messages_total"] > 500, "some readings")
        self.assertIn("mosquitto_pub -h 127.0.0.1", up.program.log())
        self.assertIn("curl http://127.0.0.1", up.program.log())
        before = up.get("status")
        up.program.process.send_signal(signal.SIGINT)
        self.assertEqual(up.program.process.wait(30), 0)
        self.assertFalse(os.path.exists(os.path.join(data, "ports.json")))
        again = Up(self, "--demo", "none", data=data)
        after = again.get("status")
        self.assertEqual(after["gateway_id"], before["gateway_id"])
        wait_until(lambda: again.get("status")["messages_total"] >= before["messages_total"], "what was there before")
        self.assertEqual(len(again.get("devices?limit=100")["items"]), 8)

    def test_a_recording_that_is_none_is_refused_with_its_line(self):
        folder = temp_folder(self, "bad")
        path = os.path.join(folder, "bad.csv")
        with open(path, "w", encoding="utf-8") as f:
            f.write("device,time_ms,v\na,1,2\na,soon,3\n")
        program = Program(self, [BIN, "up", "--data", os.path.join(folder, "data"), "--demo", path], os.path.join(folder, "log"))
        self.assertEqual(program.process.wait(30), 1)
        self.assertIn("bad.csv:3: expected device,time_ms,<fields>", program.log())


if __name__ == "__main__":
    unittest.main()
