"""The requirements' rules in the running program: a reading in, an alert and a command out, and the command's fate."""
import json
import os
import sys
import unittest

from clients import Client, Events, RawMqtt
from skerry import SkerryTest, Subscriber, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "device"))


def steady(n):
    return {"temperature": 20.0 + n % 2, "humidity": 40}


class RulesTest(SkerryTest):
    def feed_anomaly(self, sender, device, temperature):
        for n in range(12):
            sender.publish(f"sensors/{device}/data", steady(n))
        sender.publish(f"sensors/{device}/data", {"temperature": temperature, "humidity": 40})

    def alerts_of(self, device, alert_type):
        items = self.skerry.all_items(f"/api/v1/alerts?device={device}")
        return [a for a in items if a["alert_type"] == alert_type]

    def test_above_80_degrees_is_an_alert_on_mqtt_and_in_the_api(self):
        subscriber = Subscriber(self, self.skerry, "-q", "1", "-t", "alerts/+")
        for t in (79.9, 80, 80.1):
            self.skerry.mosquitto_pub("-q", "1", "-t", "sensors/t1/data", "-m", json.dumps({"temperature": t, "humidity": 40}))
        topic, payload = subscriber.wait_for(1)[0].split(" ", 1)
        alert = json.loads(payload)
        self.assertEqual(topic, "alerts/t1")
        self.assertEqual((alert["alert_type"], alert["severity"], alert["device_id"]), ("high_temperature", "high", "t1"))
        self.assertEqual(alert["data"]["temperature"], 80.1)
        shown = wait_until(lambda: self.alerts_of("t1", "high_temperature"), "the alert in the API")
        self.assertEqual([a["alert_id"] for a in shown], [alert["alert_id"]])
        one = self.skerry.get(f"/api/v1/alerts/{alert['alert_id']}").json()
        self.assertEqual(one["message"], alert["message"])
        self.assertIn("received_at", one)
        self.assertEqual(self.skerry.get("/api/v1/alerts/none").status, 404)

    def test_an_anomaly_is_an_alert_and_a_command_whose_fate_is_known(self):
        def on_command(client, message):
            command = json.loads(message.payload)
            for status in ("accepted", "done"):
                answer = {"command_id": command["command_id"], "status": status, "detail": "by hand"}
                client.paho.publish("commands/m1/ack", json.dumps(answer), 1)

        device = Client(self, self.skerry, "m1", clean=False, on_message=on_command).subscribe("commands/m1", 2)
        self.feed_anomaly(device, "m1", 60)
        device.wait_for(1, "command")
        topic, payload, qos, _ = device.messages[0]
        command = json.loads(payload)
        self.assertEqual((topic, qos, command["command"], command["reason"]), ("commands/m1", 2, "throttle", "emergency_response"))
        alert = wait_until(lambda: self.alerts_of("m1", "anomaly_detection"), "the alert")[0]
        self.assertEqual(command["alert_id"], alert["alert_id"])
        self.assertEqual(alert["severity"], "high")
        self.assertGreater(alert["anomaly_score"], 0.9)

        def finished():
            item = self.skerry.get(f"/api/v1/commands/{command['command_id']}").json()
            return item if item.get("state") == "done" else None

        item = wait_until(finished, "the command to be done")
        states = [s["state"] for s in item["states"]]
        self.assertEqual(states[0], "issued")
        self.assertEqual(states[-2:], ["accepted", "done"])
        self.assertEqual(item["states"][-1]["detail"], "by hand")
        self.assertEqual(len(device.messages), 1)

    def test_a_hot_anomaly_shuts_down(self):
        device = Client(self, self.skerry, "m2").subscribe("commands/m2", 2)
        self.feed_anomaly(device, "m2", 90)
        device.wait_for(1, "command")
        self.assertEqual(device.payloads()[0]["command"], "shutdown")

    def test_alerts_are_the_same_after_a_kill(self):
        sender = Client(self, self.skerry, "s")
        for n in range(12):
            sender.publish("sensors/k1/data", steady(n))
        self.skerry.kill()
        self.skerry.start()
        sender = Client(self, self.skerry, "s")
        sender.publish("sensors/k1/data", {"temperature": 60, "humidity": 40})
        wait_until(lambda: self.alerts_of("k1", "anomaly_detection"), "the alert from a window over the kill")
        self.skerry.kill()
        self.skerry.start()
        wait_until(lambda: self.alerts_of("k1", "anomaly_detection"), "the alert again")
        self.assertEqual(len(self.alerts_of("k1", "anomaly_detection")), 1)
        self.assertEqual(len(self.skerry.all_items("/api/v1/commands?device=k1")), 1)


class CommandTest(SkerryTest):
    def issue(self, device, **more):
        answer = self.skerry.post("/api/v1/commands", {"device_id": device, "command": "throttle", **more})
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json()

    def state(self, command_id):
        return self.skerry.get(f"/api/v1/commands/{command_id}").json()["state"]

    def wait_state(self, command_id, state):
        wait_until(lambda: self.state(command_id) == state, f"state {state}, not {self.state(command_id)}")

    def test_delivered_by_a_stock_client(self):
        subscriber = Subscriber(self, self.skerry, "-i", "pump1", "-q", "2", "-t", "commands/pump1")
        item = self.issue("pump1", reason="test", params={"percent": 40})
        self.assertIn(self.state(item["command_id"]), ("issued", "sent", "delivered"))  # it may be quicker than we ask
        payload = json.loads(subscriber.wait_for(1)[0].split(" ", 1)[1])
        self.assertEqual(payload["params"], {"percent": 40})
        self.wait_state(item["command_id"], "delivered")

    def test_a_device_that_is_away_gets_it_later_also_across_a_kill(self):
        Client(self, self.skerry, "pump2", clean=False).subscribe("commands/pump2", 2).disconnect()
        item = self.issue("pump2", ttl_s=600)
        self.skerry.kill()
        self.skerry.start()
        self.assertEqual(self.state(item["command_id"]), "issued")
        back = Client(self, self.skerry, "pump2", clean=False)
        back.wait_for(1)
        self.wait_state(item["command_id"], "delivered")

    def test_nobody_there_expires(self):
        item = self.issue("nobody", ttl_s=0.5)
        self.wait_state(item["command_id"], "expired")

    def test_late_is_never_sent(self):
        Client(self, self.skerry, "pump3", clean=False).subscribe("commands/pump3", 2).disconnect()
        item = self.issue("pump3", ttl_s=0.3)
        self.wait_state(item["command_id"], "expired")
        back = Client(self, self.skerry, "pump3", clean=False)
        back.publish("commands/pump3", "{}", qos=2)  # what follows in the queue
        self.assertEqual([p for _, p, _, _ in back.wait_for(1)], [b"{}"])

    def test_a_session_that_is_lost_leaves_the_fate_unknown_and_nothing_is_sent_again(self):
        mute = RawMqtt(self, self.skerry).connect("mute").subscribe("commands/mute", 2)
        item = self.issue("mute", ttl_s=600)
        first, _ = mute.read_packet()
        self.assertEqual(first & 0xF6, 0x34, "PUBLISH, QoS 2")
        mute.socket.close()
        self.wait_state(item["command_id"], "unknown")
        again = RawMqtt(self, self.skerry).connect("mute").subscribe("commands/mute", 2)
        Client(self, self.skerry, "other").publish("commands/mute", "{}", qos=2)
        _, body = again.read_packet()
        self.assertTrue(body.endswith(b"{}"))

    def test_a_failed_command_is_made_up_for(self):
        def on_command(client, message):
            command = json.loads(message.payload)
            status = "failed" if command["command"] == "throttle" else "done"
            client.paho.publish("commands/pump4/ack", json.dumps({"command_id": command["command_id"], "status": status}), 1)

        Client(self, self.skerry, "pump4", on_message=on_command).subscribe("commands/pump4", 2)
        item = self.issue("pump4", compensation={"command": "open", "params": {"valve": 3}})
        self.wait_state(item["command_id"], "failed")
        wait_until(lambda: [c["state"] for c in self.skerry.all_items("/api/v1/commands?device=pump4")] == ["done", "failed"], "both commands")

    def test_events_tell_every_change(self):
        events = Events(self, self.skerry, "?types=commands")
        Client(self, self.skerry, "pump5").subscribe("commands/pump5", 2)
        item = self.issue("pump5")
        mine = lambda state: lambda data: data["command_id"] == item["command_id"] and data["state"] == state  # noqa: E731
        _, first = events.wait_for("command", mine("issued"))
        events.wait_for("command", mine("delivered"))
        resumed = Events(self, self.skerry, "?types=commands", last_event_id=first)
        resumed.wait_for("command", mine("delivered"))
        self.assertNotIn("issued", [d["state"] for e, d, _ in resumed.items if e == "command"])


if __name__ == "__main__":
    unittest.main()
