"""The cloud side on PostgreSQL: two replicas on one database, one or the other killed, the server too: no loss, no double, and
commands find their gateway whichever replica is asked. Also the store's own tests on a real server."""
import collections
import json
import os
import random
import subprocess
import unittest

from clients import Client
from postgres import Postgres, programs
from skerry import BIN, LONG, Skerry, SkerryTest, wait_until
from test_sync import Cloud, Proxy, uplink, verify

KILLS = 60 if LONG else 8
SEED = int(os.environ.get("SKERRY_SEED") or random.SystemRandom().randrange(1 << 32))
UNIT = os.path.join(os.path.dirname(BIN), "test_cloud")


class Replica(Cloud):
    def __init__(self, test, url):
        super().__init__(test, f"database.url={url}")


@unittest.skipUnless(programs(), "no PostgreSQL server")
class PostgresTest(SkerryTest):
    def setUp(self):
        if not Skerry.available():
            self.skipTest("no skerry")
        self.chance = random.Random(SEED)
        self.postgres = Postgres(self)

    @unittest.skipUnless(os.access(UNIT, os.X_OK), "test_cloud is not built")
    def test_the_store_s_tests_on_a_server(self):
        done = subprocess.run([UNIT, "--gtest_brief=1"], env={**os.environ, "SKERRY_POSTGRES": self.postgres.url, "SKERRY_SEEDS": "8"},
                              capture_output=True, timeout=600, check=False, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])

    def test_two_replicas_one_killed(self):
        replicas = [Replica(self, self.postgres.url), Replica(self, self.postgres.url)]
        proxy = Proxy(self, replicas[0].ports["link"], random.Random(SEED + 1))
        edge = Skerry(self, f"cloud.url=ws://127.0.0.1:{proxy.port}", "gateway.id=gw1", "sync.linger=20ms")
        received = collections.Counter()

        def answer(client, message):
            command = json.loads(message.payload)
            received[command["command_id"]] += 1
            client.paho.publish("commands/pump1/ack", json.dumps({"command_id": command["command_id"], "status": "done"}), 1)

        Client(self, edge, "pump1", clean=False, on_message=answer).subscribe("commands/pump1", 2)
        wait_until(lambda: uplink(edge).get("up"), "the link")
        numbers, asked = 0, []
        try:
            for self.kills in range(KILLS):
                many = self.chance.randrange(50, 400)
                readings = [{"device_id": f"d{n % 3}", "n": n, "temperature": 90 if n % 60 == 0 else 20} for n in range(numbers, numbers + many)]
                self.assertEqual(edge.post("/api/v1/readings", readings).status, 201)
                numbers += many
                for replica in replicas:  # the gateway is at one of them
                    key = f"k{len(asked)}"
                    asked.append(wait_until(lambda r=replica, k=key: (a := r.post("/api/v1/commands?gateway=gw1", {
                        "device_id": "pump1", "command": "run", "ttl_s": 120}, {"Idempotency-Key": k})).status == 201 and a.json()["command_id"], "201"))
                victim = self.chance.randrange(2)
                replicas[victim].kill()
                proxy.target = replicas[1 - victim].ports["link"]
                if self.chance.random() < 0.5:
                    proxy.cut()
                if self.chance.random() < 0.3:
                    self.postgres.stop()
                    self.postgres.start()
                replicas[victim].start()
            proxy.chance = random.Random(1)
            wait_until(lambda: uplink(edge).get("up") and uplink(edge).get("backlog_records") == 0, "everything to be acknowledged by the cloud", 120)
            for replica in replicas:
                stored = collections.Counter(i["data"]["n"] for d in range(3) for i in replica.all_items(f"/api/v1/readings?device=d{d}&limit=1000"))
                self.assertEqual([n for n, times in stored.items() if times > 1], [], "twice in the cloud")
                self.assertEqual(sorted(set(range(numbers)) - set(stored)), [], "lost")
                self.assertEqual(replica.get("/api/v1/verify").json(), {"problems": []})
            for command_id in asked:
                wait_until(lambda c=command_id: replicas[1].get(f"/api/v1/commands/{c}").json()["state"] == "done", f"{command_id} to be done", 60)
                self.assertEqual(replicas[0].get(f"/api/v1/commands/{command_id}").json()["state"], "done")
            self.assertEqual({received[c] for c in asked}, {1})
            code, report = verify(edge.data, self.postgres.url)
            self.assertEqual((code, report["problems"]), (0, []))
        except BaseException:
            print(f"\nSKERRY_SEED={SEED} repeats this run; kill {self.kills + 1} of {KILLS}. The gateway:\n{edge.tell()}\n"
                  + "\n".join(r.program.log()[-3000:] for r in replicas), flush=True)
            raise
        print(f"\n{KILLS} kills of one of two replicas, {proxy.cuts} cuts, {numbers} readings, {len(asked)} commands: all there, each once", flush=True)

    def test_without_a_server_it_says_so(self):
        self.postgres.stop()
        done = subprocess.run([BIN, "cloud", "--data", os.path.join(self.postgres.folder, "x"), "--set", f"database.url={self.postgres.url}"],
                              capture_output=True, timeout=30, check=False, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the database cannot be reached", done.stderr)
        done = subprocess.run([BIN, "cloud", "--data", os.path.join(self.postgres.folder, "x"), "--set", "database.url=mysql://x"],
                              capture_output=True, timeout=30, check=False, text=True)
        self.assertIn("must be postgresql://", done.stderr)


if __name__ == "__main__":
    unittest.main()
