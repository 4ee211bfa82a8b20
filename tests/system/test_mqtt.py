"""MQTT with stock clients: QoS, retained, wills, sessions, also across kill -9."""
import os
import signal
import subprocess
import unittest

import paho.mqtt.client as mqtt

from clients import Client
from skerry import PATIENCE_S, SkerryTest, Subscriber, wait_until


class MqttTest(SkerryTest):
    def test_every_qos_arrives_once(self):
        for version in ("311", "5"):
            for qos in ("0", "1", "2"):
                topic = f"test/{version}/{qos}"
                subscriber = Subscriber(self, self.skerry, "-V", version, "-q", qos, "-t", topic)
                for n in range(5):
                    done = self.skerry.mosquitto_pub("-V", version, "-q", qos, "-t", topic, "-m", str(n))
                    self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(subscriber.wait_for(5), [f"{topic} {n}" for n in range(5)])

    def test_wildcards(self):
        one = Subscriber(self, self.skerry, "-t", "sensors/+/data")
        many = Subscriber(self, self.skerry, "-t", "sensors/#")
        for topic in ("sensors/a/data", "sensors/a/b/data", "sensors", "sensors/b/data"):
            self.skerry.mosquitto_pub("-q", "1", "-t", topic, "-m", "x")
        self.assertEqual(many.wait_for(4), [f"{t} x" for t in ("sensors/a/data", "sensors/a/b/data", "sensors", "sensors/b/data")])
        self.assertEqual(one.wait_for(2), ["sensors/a/data x", "sensors/b/data x"])

    def test_retained_survives_a_kill_and_can_be_cleared(self):
        self.skerry.mosquitto_pub("-q", "1", "-r", "-t", "site/name", "-m", "north")
        self.skerry.mosquitto_pub("-q", "1", "-r", "-t", "site/old", "-m", "x")
        self.skerry.mosquitto_pub("-q", "1", "-r", "-n", "-t", "site/old")
        self.skerry.kill()
        self.skerry.start()
        client = Client(self, self.skerry).subscribe("site/#", 1)
        client.wait_for(1)
        client.publish("site/end", "end")
        client.wait_for(2)
        self.assertEqual([(t, p, r) for t, p, _, r in client.messages], [("site/name", b"north", True), ("site/end", b"end", False)])

    def test_a_will_is_published_when_the_client_vanishes_and_not_when_it_leaves(self):
        watcher = Client(self, self.skerry).subscribe("wills/#", 1)
        Client(self, self.skerry, "leaver", will=("wills/leaver", "gone", 1)).disconnect()
        command = ["mosquitto_sub", *self.skerry.client_arguments(), "-i", "vanisher", "-t", "x", "--will-topic", "wills/vanisher",
                   "--will-payload", "gone", "--will-qos", "1"]
        process = subprocess.Popen(command)
        wait_until(lambda: self.skerry.metric("skerry_mqtt_connections") == 2, "the client with a will")
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertEqual([m[:2] for m in watcher.wait_for(1)], [("wills/vanisher", b"gone")])

    def test_a_session_takes_what_came_while_it_was_away_across_a_kill(self):
        away = Client(self, self.skerry, "away", clean=False)
        away.subscribe("jobs/#", 2)
        away.disconnect()
        sender = Client(self, self.skerry, "sender")
        for n in range(40):
            sender.publish(f"jobs/{n % 3}", str(n), qos=1 + n % 2)
        self.skerry.kill()
        self.skerry.start()
        back = Client(self, self.skerry, "away", clean=False)
        self.assertTrue(back.session_present)
        back.wait_for(40)
        for qos in (1, 2):  # MQTT 3.1.1 section 4.6: order is of one QoS; QoS 2 is handed on at PUBREL, so later
            got = [int(payload) for _, payload, q, _ in back.messages if q == qos]
            self.assertEqual(got, list(range(qos - 1, 40, 2)), f"QoS {qos}: each once, in order")

    def test_a_clean_session_forgets(self):
        Client(self, self.skerry, "c", clean=False).subscribe("jobs/#", 1).disconnect()
        clean = Client(self, self.skerry, "c", clean=True)
        self.assertFalse(clean.session_present)
        clean.disconnect()
        self.assertFalse(Client(self, self.skerry, "c", clean=False).session_present)

    def test_mqtt5_session_expiry_and_reason_codes(self):
        options = ["-V", "5", "-i", "five", "-q", "1", "-t", "five/#", "-c", "-x", "100"]
        first = Subscriber(self, self.skerry, *options)
        first.program.stop()
        self.skerry.mosquitto_pub("-V", "5", "-q", "1", "-t", "five/a", "-m", "kept")
        again = Subscriber(self, self.skerry, *options)
        self.assertEqual(again.wait_for(1), ["five/a kept"])

    def test_qos_2_is_once_from_end_to_end_across_kills(self):
        taker = Client(self, self.skerry, "taker", clean=False).subscribe("once/#", 2)
        giver = Client(self, self.skerry, "giver", clean=False)
        total, sent = 300, 0
        for _ in range(3):
            for _ in range(100):
                giver.send("once/a", str(sent), qos=2)
                sent += 1
            wait_until(lambda: len(taker.messages) > sent - 100 + 10, "some of them")
            self.skerry.kill()
            self.skerry.start()
        taker.wait_for(total)
        wait_until(lambda: len(giver.acknowledged) >= total, "every PUBCOMP")
        self.assertEqual(sorted(int(p) for _, p, _, _ in taker.messages), list(range(total)))

    def test_a_second_connection_takes_the_session_over(self):
        Client(self, self.skerry, "twin", clean=False, version=mqtt.MQTTv311, reconnect=False)  # it does not fight for it
        second = Client(self, self.skerry, "twin", clean=False)
        wait_until(lambda: self.skerry.metric("skerry_mqtt_connections") == 1, "one connection")
        second.subscribe("t", 1).publish("t", "x")
        second.wait_for(1)

    def test_a_stop_is_clean(self):
        Client(self, self.skerry, "c").publish("t", "x")
        self.assertEqual(self.skerry.stop(), 0, self.skerry.program.log())
        self.assertTrue(os.path.isdir(self.skerry.data))
        self.skerry.start()


class PortTest(SkerryTest):
    def test_a_busy_port_says_who_holds_it(self):
        other = os.path.join(self.skerry.folder, "other")
        command = [self.skerry.program.process.args[0], "edge", "--data", other, "--set", f"mqtt.port={self.skerry.ports['mqtt']}",
                   "--set", "http.port=0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("mqtt.port", done.stderr)
        self.assertIn(str(self.skerry.program.process.pid), done.stderr)

    def test_a_data_folder_belongs_to_one_program(self):
        command = [self.skerry.program.process.args[0], "edge", "--data", self.skerry.data, "--set", "mqtt.port=0", "--set", "http.port=0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
