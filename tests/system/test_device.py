"""The example device (examples/device) with the real gateway: nothing it stored is lost, no command runs twice."""
import os
import sys
import unittest

from skerry import ROOT, SkerryTest, wait_until

sys.path.insert(0, os.path.join(ROOT, "tests", "device"))
from device_test import DEVICE, Device  # noqa: E402


@unittest.skipUnless(os.access(DEVICE, os.X_OK), f"{DEVICE} is not built")
class DeviceTest(SkerryTest):
    def readings(self):
        return self.skerry.all_items("/api/v1/readings?device=pump1&limit=1000")

    def test_readings_survive_kills_of_both_sides(self):
        device = Device(self, self.skerry.ports["mqtt"], "--dead-band", "0")
        total = 0
        for kill in (self.skerry.kill, device.program.kill, self.skerry.kill):
            device.say(*range(total, total + 40))
            total += 40
            wait_until(lambda: f'"seq":{total}}}'.encode() in device.ring(), f"reading {total} on disk")
            kill()
            if not device.program.running():
                device.start()
            if not self.skerry.program.running():
                self.skerry.start()
        device.arguments += ("--until-sent",)
        device.program.kill()
        device.start()
        device.program.process.stdin.close()
        self.assertEqual(device.program.process.wait(30), 0)
        firsts = list(dict.fromkeys(r["data"]["seq"] for r in sorted(self.readings(), key=lambda r: r["offset"])))
        self.assertEqual(firsts, list(range(1, total + 1)), "in order; one that was not acknowledged may stand twice")

    def test_a_command_runs_once_and_its_fate_is_known(self):
        device = Device(self, self.skerry.ports["mqtt"])
        device.wait_said("connected")
        answer = self.skerry.post("/api/v1/commands", {"device_id": "pump1", "command": "throttle", "ttl_s": 60})
        command_id = answer.json()["command_id"]
        self.skerry.kill()
        self.skerry.start()

        def done():
            item = self.skerry.get(f"/api/v1/commands/{command_id}").json()
            return item if item["state"] == "done" else None

        item = wait_until(done, "the command to be done")
        self.assertEqual(device.actuations(), [f"throttle {command_id}"])
        # The kill may come before `accepted` reached the log; asked again, the device answers from memory: done. What
        # did reach the log must show.
        answers = [r["payload"] for r in self.skerry.log_records("critical") if r["topic"] == "commands/pump1/ack"]
        taken = {a["status"] for a in answers if a["command_id"] == command_id}
        self.assertIn("done", taken)
        self.assertEqual([s["state"] for s in item["states"] if s["state"] != "delivered"],
                         ["issued", *(s for s in ("accepted", "done") if s in taken)])

    def test_the_rule_in_the_gateway_throttles_it(self):
        device = Device(self, self.skerry.ports["mqtt"], "--dead-band", "0")
        device.wait_said("connected")
        wait_until(lambda: self.skerry.get("/api/v1/devices/pump1").status == 200 or self.skerry.metric("skerry_mqtt_subscriptions"), "its subscription")
        device.say(*[20 + n % 2 for n in range(12)], 60)
        wait_until(lambda: any(a.startswith("throttle ") for a in device.actuations()), "the actuator")
        self.assertEqual(len(device.actuations()), 1)


if __name__ == "__main__":
    unittest.main()
