"""The queues before the link, at real processes: their state by API, what a class drops is a declared gap and nothing else is missing,
a configured bandwidth holds while critical goes through, statistics by device."""
import json
import os
import time
import unittest

from clients import Client
from skerry import BIN, Skerry, SkerryTest, wait_until
from test_sync import Cloud, uplink, verify


@unittest.skipUnless(Skerry.available(), f"{BIN} is not built")
class LinkQueues(SkerryTest):
    def setUp(self):
        self.cloud = Cloud(self)

    def edge(self, *settings):
        return Skerry(self, f"cloud.url=ws://127.0.0.1:{self.cloud.ports['link']}", "sync.linger=20ms", "sync.classes=critical,high,medium,low", *settings)

    def synced(self, edge):
        link = uplink(edge)
        return link.get("up") and link.get("backlog_records") == 0

    def publish(self, edge, topics):
        client = Client(self, edge, "pub", reconnect=False)
        sent = [client.send(topic, payload) for topic, payload in topics]
        wait_until(lambda: len(client.acknowledged) == len(sent), "the acknowledgements")
        client.close()

    def test_what_a_class_drops_is_a_declared_gap(self):
        edge = self.edge("link.queues.low.late=drop", "link.queues.low.ttl=1s", "pipelines.shipped=false")
        wait_until(lambda: self.synced(edge), "the link")
        self.cloud.stop()
        begun = time.monotonic()
        self.publish(edge, [("analytics/d/data", json.dumps({"n": n})) for n in range(300)] + [("sensors/d/data", json.dumps({"n": n})) for n in range(300)])
        took = time.monotonic() - begun
        wait_until(lambda: edge.get("/api/v1/link").json()["queues"]["low"]["oldest_seconds"] > took + 1.2, "the newest of them to be too old")
        self.cloud.start()
        wait_until(lambda: self.synced(edge), "everything to be acknowledged")
        gaps = self.cloud.get("/api/v1/gaps").json()["items"]
        self.assertEqual({(g["class"], g["reason"]) for g in gaps}, {("low", "ttl")}, gaps)
        link = edge.get("/api/v1/link").json()
        self.assertGreaterEqual(link["queues"]["low"]["dropped"], 300)
        self.assertEqual(link["queues"]["medium"]["dropped"], 0)
        self.assertEqual(len(self.cloud.all_items("/api/v1/readings?device=d&limit=1000")), 300)
        code, report = verify(edge.data, self.cloud.data)
        self.assertEqual((code, report["problems"]), (0, []), report)
        self.assertGreaterEqual(report["gaps"], 300)
        # The gap is proven by the record that is still there: nobody is refused after a restart of either side.
        edge.stop()
        edge.start()
        wait_until(lambda: self.synced(edge), "the link after a restart")
        self.assertIsNone(uplink(edge).get("refused"))

    def test_a_configured_bandwidth_is_shared_and_critical_goes_through(self):
        edge = self.edge("link.bandwidth=256kbit", "pipelines.shipped=false", "link.queues.medium.size=200")
        wait_until(lambda: self.synced(edge), "the link")
        noise = [(f"sensors/d{n % 7}/data", json.dumps({"n": n, "x": os.urandom(300).hex()})) for n in range(1_000)]
        self.publish(edge, noise)
        self.publish(edge, [("alerts/d", json.dumps({"alert_id": f"a{n}"})) for n in range(3)])
        wait_until(lambda: len(self.cloud.get("/api/v1/alerts").json()["items"]) == 3, "the alerts")
        link = edge.get("/api/v1/link").json()
        self.assertGreater(link["queues"]["medium"]["waiting"] + link["queues"]["medium"]["backlog"], 100, "they went before most of what was there first")
        self.assertEqual(link["bandwidth_bytes_per_second"], 32_000)
        wait_until(lambda: edge.get("/api/v1/link").json()["queues"]["medium"]["displaced"] > 0, "more than the queue holds to leave it")
        wait_until(lambda: self.synced(edge), "the rest", 60)
        self.assertGreaterEqual(edge.metric("skerry_link_queue_displaced_total", **{"class": "medium"}), 1)
        first = edge.get("/api/v1/link/devices?limit=3").json()
        rest = edge.get(f"/api/v1/link/devices?cursor={first['next']}").json()
        self.assertEqual([i["device_id"] for i in first["items"] + rest["items"]], [f"d{n}" for n in range(7)] if first["items"][0]["device_id"] == "d0" else ["d", *(f"d{n}" for n in range(7))])
        self.assertEqual(first["items"][0].get("critical", {"packets": 3})["packets"], 3)
        code, report = verify(edge.data, self.cloud.data)
        self.assertEqual((code, report["problems"]), (0, []), report)


if __name__ == "__main__":
    unittest.main()
