"""`skerry up` as a new user starts it: readings of recorded devices, played by real MQTT clients; all are in the history."""
import collections
import csv
import gzip
import json
import os
import signal
import subprocess
import unittest
import urllib.error
import urllib.request

from skerry import BIN, LONG, ROOT, Program, temp_folder, wait_until

LIBRARY = os.path.join(ROOT, "..", "shared", "data", "library", "readings.csv.gz")


class Up:
    """`skerry up` with its own folder; ends when the test does."""

    def __init__(self, test, *options, data=None):
        self.data = data or os.path.join(temp_folder(test, "up"), "data")
        if os.path.exists(os.path.join(self.data, "ports.json")):  # left by a run that was killed
            os.remove(os.path.join(self.data, "ports.json"))
        self.program = Program(test, [BIN, "up", "--data", self.data, "--set", "mqtt.port=0", "--set", "http.port=0", "--set", "coap.port=0", *options],
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

    def post(self, path, body=b"{}", **headers):
        """(status, answer)"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}/api/v1/{path}", data=body, method="POST")
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def demo(self, check=lambda state: True):
        """The demo's state when it passes the check; nothing while it does not, or while nobody answers."""
        try:
            state = self.get("demo")
        except OSError:
            return None
        return state if check(state) else None

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

    def test_the_whole_loop_of_a_plant_reading_alert_command_effect(self):
        up = Up(self, "--demo", "plant", "--seed", "7", "--speed", "240")
        state = wait_until(lambda: up.demo(lambda s: s["faults"] and s["faults"][0]["command"]), "a fault, found and answered", 60)
        fault = state["faults"][0]
        self.assertEqual(fault["kind"], "overheating")
        self.assertIn(fault["found"]["alert_type"], ("anomaly_detection", "high_temperature", "overheating"))
        self.assertEqual(up.get(f"alerts/{fault['found']['alert_id']}")["device_id"], fault["device_id"])
        wait_until(lambda: [c for c in up.all(f"commands?device={fault['device_id']}&limit=1000") if c["state"] == "done"], "a command that is done")
        newest = f"readings?device={fault['device_id']}&order=desc&limit=100"
        wait_until(lambda: any(r["data"]["state"] != "running" for r in up.get(newest)["items"]), "a machine that obeys")
        self.assertEqual(state["devices"], 20)
        self.assertEqual({d["device_id"] for d in up.all("devices?limit=100")}, {f"machine-{n:02}" for n in range(1, 21)})
        names = [p["name"] for p in up.get("pipelines")["items"]]
        self.assertEqual(sorted(names), ["anomaly", "plant", "threshold"])

    def test_kinds_of_faults_are_found_by_the_rules(self):
        """What was injected against what was found, at a speed that shows a site's day in a minute."""
        # Silence is silence from 5 s on, which is too long for a hurried day: with --long, at half the speed.
        slow = {"drop_out"} if LONG else set()
        wanted = {"overheating", "bearing_wear", "stuck_sensor", "spike", "calibration_step"} | slow
        up = Up(self, "--demo", "plant", "--seed", "3", "--speed", "120" if LONG else "480", "--set", "logging.level=warn")
        state = wait_until(lambda: up.demo(lambda s: wanted <= {f["kind"] for f in s["faults"] if f["found"]}), "one found of every kind", 300)
        self.assertLessEqual({f["kind"] for f in state["faults"]}, wanted | {"drop_out"})

    def test_a_killed_gateway_comes_back_and_nothing_acknowledged_is_lost(self):
        up = Up(self, "--demo", "plant", "--speed", "240")
        before = wait_until(lambda: up.demo(lambda s: s["acknowledged"] > 500), "some readings")
        self.assertEqual(up.post("demo/kill"), (202, {"accepted": "kill"}))
        after = wait_until(lambda: up.demo(lambda s: s["outages"] and "checked" in s["outages"][0]), "a checked outage")
        self.assertEqual(after["gateway"]["starts"], 2)
        self.assertNotEqual(after["gateway"]["pid"], before["gateway"]["pid"])
        outage = after["outages"][0]
        self.assertEqual(outage["kind"], "killed")
        self.assertGreaterEqual(outage["acknowledged_before"], before["acknowledged"])
        self.assertEqual((outage["lost"], outage["found"]), (0, outage["checked"]))
        self.assertGreater(outage["checked"], 500)
        wait_until(lambda: up.demo(lambda s: s["waiting"] < 50 and s["acknowledged"] > after["acknowledged"]), "what devices kept to flow in")
        os.kill(after["gateway"]["pid"], signal.SIGKILL)  # as anybody may, without the button
        wait_until(lambda: up.demo(lambda s: len(s["outages"]) == 2 and s["outages"][1].get("lost") == 0), "a second outage without loss")
        self.assertIn("The gateway is back after", up.program.log())
        up.program.process.send_signal(signal.SIGINT)
        self.assertEqual(up.program.process.wait(30), 0)

    def test_a_gateway_does_not_outlive_its_killed_supervisor(self):
        up = Up(self, "--demo", "factory")
        state = wait_until(up.demo, "the demo's state")
        up.program.kill()
        again = Up(self, "--demo", "none", data=up.data)  # its folder is free
        self.assertEqual(again.get("status")["ports"].keys(), up.ports.keys())
        try:
            with open(f"/proc/{state['gateway']['pid']}/cmdline", "rb") as f:
                self.assertNotIn(b"demo-gateway", f.read())
        except FileNotFoundError:
            pass

    def test_the_buttons_are_only_there_in_a_demo_and_only_for_its_own_page(self):
        plain = Up(self, "--demo", "none")
        self.assertEqual(plain.post("demo/kill")[0], 404)
        up = Up(self, "--demo", "farm")
        self.assertEqual(up.post("demo/kill", Origin="http://evil.example")[0], 403)
        self.assertEqual(up.post("demo/kill", **{"Content-Type": "text/plain"})[0], 415)
        self.assertEqual(up.post("demo/kill?now=1")[0], 400)
        wait_until(lambda: up.demo(lambda s: s["gateway"]["starts"] == 1), "a gateway that was not killed")

    def test_a_full_disk_acknowledges_nothing_and_loses_nothing(self):
        up = Up(self, "--demo", "plant", "--speed", "240", "--set", "logging.level=off")
        wait_until(lambda: up.demo(lambda s: s["acknowledged"] > 300), "some readings")
        self.assertEqual(up.post("demo/fill"), (202, {"accepted": "fill"}))
        full = wait_until(lambda: up.demo(lambda s: s["gateway"]["disk_full"] and s["waiting"] > 300), "devices to keep readings")
        self.assertEqual(full["outages"][-1]["kind"], "disk_full")
        self.assertEqual(up.post("demo/release")[0], 202)
        after = wait_until(lambda: up.demo(lambda s: "lost" in s["outages"][-1] and s["waiting"] < 50), "what was kept to flow in")
        self.assertEqual(after["outages"][-1]["lost"], 0)
        self.assertEqual(after["gateway"]["starts"], 1)

    def test_a_cut_link_keeps_all_for_the_cloud_and_its_backlog_does_not_delay_what_is_live(self):
        up = Up(self, "--demo", "plant", "--speed", "600", "--set", "logging.level=warn")
        wait_until(lambda: up.demo(lambda s: s["link"] and s["link"]["up"] and s["acknowledged"] > 300), "a link that is up")
        self.assertEqual(up.post("demo/cut"), (202, {"accepted": "cut"}))
        cut = wait_until(lambda: up.demo(lambda s: s["link"]["cut"] and not s["link"]["up"] and s["link"]["live"] > 3_000), "a backlog", 60)
        self.assertEqual(cut["outages"][-1]["kind"], "link_cut")
        self.assertGreater(cut["outages"][-1]["acknowledged_meanwhile"], 2_000, "devices notice nothing")
        self.assertIn("the demo has cut the link", up.get("status")["uplink"]["trouble"])
        self.assertEqual(up.post("demo/mend")[0], 202)
        after = wait_until(lambda: up.demo(lambda s: s["outages"][-1].get("drain", {}).get("all_after_s")), "all of it to be in the cloud")
        drain = after["outages"][-1]["drain"]
        self.assertGreater(drain["records"], 3_000)
        self.assertLess(drain["up_after_s"], 5, "it tries at once")
        self.assertGreater(max(n or 0 for n in after["timeline"]["live"]), 3_000)
        wait_until(lambda: up.demo(lambda s: s["timeline"]["live_delay_s"][-1] is not None), "live data in the cloud")
        with open(os.path.join(up.data, "cloud", "ports.json"), encoding="utf-8") as f:
            cloud = json.load(f)
        done = subprocess.run([BIN, "verify", "--json", "--edge", f"http://127.0.0.1:{up.ports['http']}", "--cloud", f"http://127.0.0.1:{cloud['http']}"], capture_output=True, timeout=120, check=False)
        self.assertEqual((done.returncode, json.loads(done.stdout)["problems"]), (0, []), done.stdout)
        print(f"\ncut for {after['outages'][-1]['seconds']:.1f} s: {drain}", flush=True)

    def test_scenarios_act_by_their_pipelines(self):
        for demo, speed, command in (("factory", "240", "emergency_stop"), ("crossing", "60", "walk"), ("farm", "7200", "open_valve")):
            with self.subTest(demo):
                up = Up(self, "--demo", demo, "--speed", speed, "--set", "logging.level=warn")
                wait_until(lambda: any(c["command"] == command and c["state"] == "done" for c in up.all("commands?limit=1000")), f"{command}, done", 60)
                up.program.stop()

    def test_a_failed_irrigation_is_made_up_for(self):
        up = Up(self, "--demo", "farm", "--speed", "7200", "--set", "logging.level=warn")
        made_up = wait_until(lambda: [c for c in up.all("commands?limit=1000") if c.get("reason") == "compensation"], "a compensation", 60)
        self.assertEqual(made_up[0]["command"], "close_valve")
        failed = up.get(f"commands/{made_up[0]['compensates']}")
        self.assertEqual((failed["command"], failed["state"]), ("open_valve", "failed"))

    def test_the_data_of_a_demo_are_the_same_for_the_same_seed_and_carry_their_faults(self):
        def data(seed):
            return subprocess.run([BIN, "demo-data", "plant", "--hours", "4", "--seed", seed], capture_output=True, check=True).stdout

        once = data("5")
        self.assertEqual(once, data("5"))
        self.assertNotEqual(once, data("6"))
        rows = [json.loads(line) for line in once.splitlines()]
        self.assertGreater(len(rows), 9000)
        self.assertIn("overheating", {r["fault"] for r in rows})


if __name__ == "__main__":
    unittest.main()
