"""Commands from the cloud to a device and back, with both sides killed and the link cut: none runs twice, what the cloud says is
what the gateway says, and one that is called expired never ran. 10 kills of each side; 100 with SKERRY_LONG. Prints its seed."""
import collections
import json
import os
import random
import unittest

from clients import Client
from skerry import LONG, Skerry, SkerryTest, wait_until
from test_sync import Cloud, Proxy, uplink, verify

KILLS = 100 if LONG else 10  # of each side
SEED = int(os.environ.get("SKERRY_SEED") or random.SystemRandom().randrange(1 << 32))
FINAL = ("done", "failed", "expired", "unknown")


class CloudCommandsTest(SkerryTest):
    def setUp(self):
        if not Skerry.available():
            self.skipTest("no skerry")
        self.chance = random.Random(SEED)
        self.cloud = Cloud(self)
        self.proxy = Proxy(self, self.cloud.ports["link"], random.Random(SEED + 1))
        self.edge = Skerry(self, f"cloud.url=ws://127.0.0.1:{self.proxy.port}", "gateway.id=gw1")
        self.received = collections.Counter()

    def device(self, name):
        def answer(client, message):
            command = json.loads(message.payload)
            self.received[command["command_id"]] += 1
            status = "failed" if command["command"] == "break" else "done"
            client.paho.publish(f"commands/{name}/ack", json.dumps({"command_id": command["command_id"], "status": status}), 1)
        return Client(self, self.edge, name, clean=False, on_message=answer).subscribe(f"commands/{name}", 2)

    def ask(self, key, body, gateway="gw1"):
        """Until the cloud has said that it is kept, by the same key."""
        def answer():
            answer = self.cloud.post(f"/api/v1/commands?gateway={gateway}", body, {"Idempotency-Key": key})
            return answer if answer.status else None
        answer = wait_until(answer, "the cloud to answer")
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json()["command_id"]

    def fate(self, command_id):
        return self.cloud.get(f"/api/v1/commands/{command_id}").json()

    def ends(self, command_id, *states):
        return wait_until(lambda: (f := self.fate(command_id)).get("state") in states and f, f"{command_id} to be {states}", 60)

    def test_there_and_back(self):
        self.device("pump1")
        wait_until(lambda: uplink(self.edge).get("up"), "the link")
        asked = self.ask("a", {"device_id": "pump1", "command": "throttle", "params": {"percent": 40}})
        self.assertEqual(self.ask("a", {"device_id": "pump1", "command": "throttle"}), asked, "asked again")
        fate = self.ends(asked, "done")
        self.assertEqual([s["state"] for s in fate["states"]], ["issued", "delivered", "done"] if len(fate["states"]) == 3 else ["issued", "done"])
        self.assertEqual((fate["gateway_id"], fate["link"]["state"], fate["params"]), ("gw1", "taken", {"percent": 40}))
        failed = self.ask("b", {"device_id": "pump1", "command": "break", "compensation": {"command": "mend"}})
        self.ends(failed, "failed")
        mended = wait_until(lambda: [c for c in self.cloud.get("/api/v1/commands?device=pump1&type=mend").json()["items"]], "the compensation")
        self.assertEqual(mended[0]["compensates"], failed)
        self.ends(mended[0]["command_id"], "done")
        self.assertEqual(set(self.received.values()), {1})
        self.assertEqual(self.cloud.get("/api/v1/verify").json(), {"problems": []})

    def test_what_is_wrong_is_said(self):
        wait_until(lambda: uplink(self.edge).get("up"), "the link")
        for path, body, status, words in (("?gateway=none", {"device_id": "d", "command": "c"}, 404, "no such gateway"),
                                          ("", {"device_id": "d", "command": "c"}, 404, "?gateway="),
                                          ("?gateway=gw1", {"device_id": "d"}, 400, "command"),
                                          ("?gateway=gw1", {"device_id": "d", "command": "c", "ttl_s": 1e6}, 400, "ttl_s"),
                                          ("?gateways=gw1", {"device_id": "d", "command": "c"}, 400, "gateways")):
            answer = self.cloud.post("/api/v1/commands" + path, body)
            self.assertIn(answer.status, (status, 422), answer.body)
            self.assertIn(words, answer.json()["detail"])
        self.assertEqual(self.cloud.get("/api/v1/commands").json()["items"], [])
        self.ask("k", {"device_id": "d", "command": "c", "ttl_s": 1})
        self.assertEqual(self.cloud.post("/api/v1/commands?gateway=gw1", {"device_id": "e", "command": "c"}, {"Idempotency-Key": "k"}).status, 409)

    def test_offline_it_expires_here_or_waits_for_the_gateway(self):
        device = self.device("pump1")
        wait_until(lambda: uplink(self.edge).get("up"), "the link")
        self.proxy.blocked = True
        self.proxy.cut()
        wait_until(lambda: not uplink(self.edge).get("up"), "the link to be down")
        late = self.ask("late", {"device_id": "pump1", "command": "c", "ttl_s": 0.5})
        patient = self.ask("patient", {"device_id": "pump1", "command": "c", "ttl_s": 600})
        self.assertEqual(self.ends(late, "expired")["link"]["state"], "expired")
        self.cloud.kill()
        self.cloud.start()
        self.assertEqual(self.fate(patient)["link"]["state"], "waiting")
        self.proxy.blocked = False
        self.ends(patient, "done")
        self.assertEqual(self.received, {patient: 1})
        device.close()

    def test_both_sides_are_killed_and_the_link_is_cut(self):
        for name in ("d0", "d1", "d2"):
            self.device(name)
        wait_until(lambda: uplink(self.edge).get("up"), "the link")
        asked = []
        try:
            for self.kills in range(2 * KILLS):
                for _ in range(self.chance.randrange(1, 6)):
                    asked.append(self.ask(f"k{len(asked)}", {"device_id": f"d{self.chance.randrange(3)}", "command": self.chance.choice(("run", "break")),
                                                             "ttl_s": self.chance.choice((0.3, 60))}))
                    if self.chance.random() < 0.3:
                        self.proxy.cut()
                side = self.edge if self.kills % 2 == 0 else self.cloud
                side.kill()
                side.start()
            for command_id in asked:
                self.ends(command_id, *FINAL)
            wait_until(lambda: uplink(self.edge).get("backlog_records") == 0, "everything to be acknowledged by the cloud", 60)
            ends = collections.Counter()
            for command_id in asked:
                here = self.edge.get(f"/api/v1/commands/{command_id}")
                state = here.json()["state"] if here.status == 200 else "expired"
                there = self.ends(command_id, state)["state"]  # the cloud hears of it a moment later
                ends[there] += 1
                self.assertLessEqual(self.received[command_id], 1, f"{command_id} ran twice")
                if there in ("done", "failed"):
                    self.assertEqual(self.received[command_id], 1)
                if there == "expired":
                    self.assertEqual(self.received[command_id], 0, f"{command_id} ran, and is called expired")
            topics = ("commands/d0", "commands/d1", "commands/d2")
            issued = collections.Counter(r["payload"]["command_id"] for r in self.edge.log_records("critical") if r.get("topic") in topics)
            self.assertGreater(len(issued), 0)
            self.assertEqual([i for i, times in issued.items() if times > 1], [])
            self.assertEqual(verify(self.edge.data, self.cloud.data)[0], 0)
        except BaseException:
            print(f"\nSKERRY_SEED={SEED} repeats this run; kill {self.kills + 1} of {2 * KILLS}. The gateway:\n{self.edge.tell()}\nThe cloud:\n"
                  f"{self.cloud.program.log()[-3000:]}", flush=True)
            raise
        print(f"\n{KILLS} kills of each side, {self.proxy.cuts} cuts, {len(asked)} commands: {dict(ends)}", flush=True)


if __name__ == "__main__":
    unittest.main()
