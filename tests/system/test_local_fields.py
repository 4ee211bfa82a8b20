"""`local.fields`: a value that must not leave is in nothing that the cloud has, and exactly-once is still proven."""
import subprocess

from skerry import BIN, SkerryTest, Skerry, wait_until
from test_sync import Cloud, uplink, verify

CANARY = "canary-7Qx4Zk"
FIELDS = "local.fields=sensors/+/data=operator badge"


class LocalFieldsTest(SkerryTest):
    def setUp(self):
        if not Skerry.available():
            self.skipTest("no skerry")
        self.cloud = Cloud(self)

    def gateway(self, *settings):
        url = f"cloud.url=ws://127.0.0.1:{self.cloud.ports['link']}"
        return Skerry(self, url, "sync.linger=20ms", "sync.classes=critical,high,medium,low", *settings)

    def synced(self, edge):
        return (link := uplink(edge)).get("up") and link.get("backlog_records") == 0

    def everything(self):
        """All that the cloud answers with, its whole database read once by its own check."""
        paths = ("readings?limit=1000", "devices", "alerts", "commands", "analytics", "aside", "gateways")
        text = "\n".join(self.cloud.get(f"/api/v1/{path}").body.decode() for path in paths)
        for path in ("cloud.db", "cloud.db-wal"):
            with open(f"{self.cloud.data}/{path}", "rb") as file:
                text += file.read().decode("latin-1")
        return text

    def send(self, edge, count=20):
        for n in range(count):
            reading = {"device_id": "oven", "n": n, "temperature": 90.5, "humidity": 40 + n % 3, "operator": CANARY, "site": {"badge": CANARY, "hall": 3}}
            self.assertEqual(edge.post("/api/v1/readings", reading).status, 201)
        wait_until(lambda: self.synced(edge), "everything to be acknowledged")

    def test_what_is_local_never_leaves(self):
        edge = self.gateway(FIELDS)
        self.send(edge)
        sent = self.cloud.all_items("/api/v1/readings?device=oven&limit=100")
        self.assertEqual([i["data"]["n"] for i in sent], list(range(20)))
        self.assertEqual(sent[0]["data"], {"device_id": "oven", "n": 0, "temperature": 90.5, "humidity": 40, "site": {"hall": 3}})
        alert = wait_until(lambda: self.cloud.get("/api/v1/alerts?device=oven").json()["items"], "the alert")[0]
        self.assertEqual(alert["data"]["temperature"], 90.5)
        self.assertNotIn("operator", alert["data"])
        self.assertNotIn(CANARY, self.everything())
        here = edge.get("/api/v1/readings?device=oven&limit=1").json()["items"][0]
        self.assertEqual(here["data"]["operator"], CANARY, "the gateway itself keeps it")
        for one, other in ((edge.data, self.cloud.data), *((f"http://127.0.0.1:{a.ports['http']}" for a in (edge, self.cloud)),)):
            code, report = verify(one, other)
            self.assertEqual((code, report["problems"]), (0, []))

    def test_a_rule_that_comes_later_is_no_other_history(self):
        edge = self.gateway()
        self.send(edge)
        self.assertIn(CANARY, self.everything(), "this test would see it")
        for settings in ((FIELDS,), (), (FIELDS,)):
            edge.stop()
            edge.settings = tuple(s for s in edge.settings if not s.startswith("local.")) + settings
            edge.start()
            self.send(edge, 3)
            self.assertIsNone(uplink(edge).get("refused"))
            code, report = verify(edge.data, self.cloud.data)
            self.assertEqual((code, report["problems"]), (0, []))

    def test_a_rule_that_cannot_be_says_why(self):
        done = subprocess.run([BIN, "edge", "--data", "unused", "--set", "local.fields=sensors/+/data=device_id"], capture_output=True, check=False, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("device_id cannot stay", done.stderr)
        self.assertIn("local.fields: sensors/+/data", done.stderr)
