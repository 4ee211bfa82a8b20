"""The example device (examples/device) against mosquitto: filter, react alone, store and forward, fence."""
import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from skerry import BIN, Mosquitto, Program, Subscriber, free_port, temp_folder, wait_until  # noqa: E402

DEVICE = os.environ.get("SKERRY_DEVICE", os.path.join(os.path.dirname(BIN), "examples", "skerry_device"))


class Device:
    def __init__(self, test, port, *arguments, name="pump1"):
        self.test, self.port, self.arguments, self.name = test, port, arguments, name
        self.folder = temp_folder(test, "device")
        self.state = os.path.join(self.folder, "state")
        self.program = None
        self.starts = 0
        self.start()

    def start(self):
        self.starts += 1
        command = [DEVICE, "--id", self.name, "--port", str(self.port), "--state", self.state, "--stdin", *self.arguments]
        self.program = Program(self.test, command, os.path.join(self.folder, f"log{self.starts}"), stdin=subprocess.PIPE)
        self.wait_said("kept from before")

    def say(self, *temperatures):
        self.program.process.stdin.write("".join(f"{t}\n" for t in temperatures).encode())
        self.program.process.stdin.flush()

    def wait_said(self, text):
        wait_until(lambda: text in self.program.log(), f"the device to say {text!r}")

    def ring(self):
        with open(os.path.join(self.state, "readings.ring"), "rb") as f:
            return f.read()

    def actuations(self):
        path = os.path.join(self.state, "actuator.log")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return f.read().splitlines()


def payloads(lines):
    return [json.loads(line.split(" ", 1)[1]) for line in lines]


def command_json(command_id, name="throttle", seconds=30):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return json.dumps({"command_id": command_id, "device_id": "pump1", "command": name, "not_after": end})


class DeviceTest(unittest.TestCase):
    def broker(self):
        return Mosquitto(self)

    def publish(self, broker, payload):
        subprocess.run(["mosquitto_pub", *broker.client_arguments(), "-q", "2", "-t", "commands/pump1", "-m", payload], check=True, timeout=20)

    def test_says_only_what_changed(self):
        broker = self.broker()
        data = Subscriber(self, broker, "-q", "1", "-t", "sensors/pump1/data")
        device = Device(self, broker.port, "--dead-band", "0.5")
        device.say("20.0 50", "20.3 50", "20.4 50", "20.6 51", "20.2 50", "19.0 50")
        got = payloads(data.wait_for(3))
        self.assertEqual([(r["temperature"], r["humidity"], r["seq"]) for r in got], [(20.0, 50.0, 1), (20.6, 51.0, 2), (19.0, 50.0, 3)])
        self.assertEqual({r["device_id"] for r in got}, {"pump1"})

    def test_tells_that_it_is_there_and_gone(self):
        broker = self.broker()
        status = Subscriber(self, broker, "-q", "1", "-t", "devices/+/status")
        device = Device(self, broker.port)
        status.wait_for(1)
        device.program.kill()
        self.assertEqual([p["status"] for p in payloads(status.wait_for(2))], ["online", "offline"])

    def test_keeps_readings_over_a_restart_and_sends_them_in_order(self):
        port = free_port()
        device = Device(self, port)
        device.say(*range(30))
        wait_until(lambda: b'"seq":30}' in device.ring(), "30 readings on disk")
        device.program.kill()
        device.start()
        device.wait_said("30 readings kept")
        device.say(*range(100, 120))
        wait_until(lambda: b'"seq":50}' in device.ring(), "20 more on disk")
        device.program.kill()
        broker = Mosquitto(self, port)
        data = Subscriber(self, broker, "-q", "1", "-t", "sensors/pump1/data")
        device.arguments = ("--until-sent",)
        device.start()
        device.program.process.stdin.close()
        got = payloads(data.wait_for(50))
        self.assertEqual([r["temperature"] for r in got], [*map(float, range(30)), *map(float, range(100, 120))])
        self.assertEqual([r["seq"] for r in got], list(range(1, 51)))
        self.assertEqual(device.program.process.wait(30), 0)
        device.start()  # what was acknowledged is gone from the ring
        device.wait_said("0 readings kept from before")

    def test_makes_room_by_losing_the_oldest_and_says_so(self):
        port = free_port()
        device = Device(self, port, "--capacity", "10", "--dead-band", "0")
        device.say(*range(25))
        wait_until(lambda: b'"seq":25}' in device.ring(), "the last reading on disk")
        self.assertEqual(device.program.stop(), 0)
        self.assertIn("10 readings kept, 15 lost to make room", device.program.log())
        broker = Mosquitto(self, port)
        data = Subscriber(self, broker, "-q", "1", "-t", "sensors/pump1/data")
        device.start()
        self.assertEqual([r["seq"] for r in payloads(data.wait_for(10))], list(range(16, 26)))

    def test_reacts_by_itself_only_when_the_gateway_is_silent(self):
        port = free_port()
        device = Device(self, port, "--limit", "80")
        device.say(70, 81, 82, 77, 90)
        wait_until(lambda: len(device.actuations()) == 3, "three actuations")
        self.assertEqual(device.actuations(), ["cooling_on local", "cooling_off local", "cooling_on local"])
        broker = Mosquitto(self, port)
        data = Subscriber(self, broker, "-q", "1", "-t", "sensors/pump1/data")
        device.wait_said("connected")
        device.say(60, 95)
        wait_until(lambda: any(r["temperature"] == 95 for r in payloads(data.lines())), "the last reading")
        self.assertEqual(len(device.actuations()), 3)

    def test_carries_out_a_command_once_and_answers_repetitions_from_memory(self):
        broker = self.broker()
        acks = Subscriber(self, broker, "-q", "1", "-t", "commands/pump1/ack")
        device = Device(self, broker.port)
        device.wait_said("connected")
        Subscriber(self, broker, "-q", "1", "-t", "devices/+/status").wait_for(1)  # sent after its SUBSCRIBE
        self.publish(broker, command_json("c1"))
        acks.wait_for(2)
        self.publish(broker, command_json("c1"))
        acks.wait_for(3)
        device.program.kill()
        device.start()
        device.wait_said("connected")
        self.publish(broker, command_json("c1"))
        answers = [(a["command_id"], a["status"]) for a in payloads(acks.wait_for(4))]
        self.assertEqual(answers[:3], [("c1", "accepted"), ("c1", "done"), ("c1", "done")])
        self.assertEqual(set(answers[3:]), {("c1", "done")})
        self.assertEqual(device.actuations(), ["throttle c1"])

    def test_does_not_carry_out_what_is_late_or_unknown(self):
        broker = self.broker()
        acks = Subscriber(self, broker, "-q", "1", "-t", "commands/pump1/ack")
        device = Device(self, broker.port)
        Subscriber(self, broker, "-q", "1", "-t", "devices/+/status").wait_for(1)  # sent after its SUBSCRIBE
        self.publish(broker, command_json("late", seconds=-5))
        self.publish(broker, command_json("odd", name="explode"))
        self.publish(broker, "no json")
        self.publish(broker, command_json("fine"))
        got = wait_until(lambda: [a for a in payloads(acks.lines())] if "done" in str(acks.lines()) else None, "the last answer")
        self.assertEqual([(a["command_id"], a["status"], a["detail"]) for a in got],
                         [("late", "failed", "expired"), ("odd", "accepted", ""), ("odd", "failed", "unknown command"),
                          ("fine", "accepted", ""), ("fine", "done", "")])
        self.assertEqual(device.actuations(), ["throttle fine"])

    def test_goes_on_when_the_gateway_comes_back(self):
        broker = self.broker()
        device = Device(self, broker.port)
        device.wait_said("connected")
        data = Subscriber(self, broker, "-q", "1", "-c", "-i", "watch", "-t", "sensors/pump1/data")
        broker.stop()
        device.wait_said("gateway lost")
        device.say(1, 2, 3)
        broker.start()
        self.assertEqual([r["temperature"] for r in payloads(data.wait_for(3))], [1.0, 2.0, 3.0])


if __name__ == "__main__":
    unittest.main()
