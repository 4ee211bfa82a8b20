"""The link over a way that loses every tenth packet, that goes and comes, and that is away for a while: no alert is lost or there twice, what
comes live meanwhile is not delayed by the backlog, both sides agree record by record. Longer with SKERRY_LONG. Prints its seed."""
import json
import os
import random
import threading
import time
import unittest

import namespaces
from clients import Client
from skerry import BIN, LONG, Skerry, SkerryTest, temp_folder, wait_until
from test_link_failover import FarCloud
from test_link_tls import GATEWAY, Pki
from test_sync import uplink, verify

SEED = int(os.environ.get("SKERRY_SEED") or random.SystemRandom().randrange(1 << 32))
OUTAGE_S = 30 if LONG else 6
FLAPS = 20 if LONG else 4


@unittest.skipUnless(Skerry.available() and namespaces.available(), "network namespaces cannot be made here")
class Outages(SkerryTest):
    def setUp(self):
        self.net = namespaces.Namespaces(self, ())
        self.way = namespaces.Lossy(self, self.net, "way", SEED)
        pki = Pki(temp_folder(self, "pki"))
        pki.make("cloud", "cloud", eku="serverAuth", ou=None, san="DNS:cloud.example")
        pki.make("gw", GATEWAY)
        self.cloud = FarCloud(self, self.net, "link.host=0.0.0.0", f"link.certificate={pki.path('cloud.pem')}", f"link.key={pki.path('cloud.key')}", f"link.ca={pki.ca}")
        self.edge = Skerry(self, f"cloud.url=wss://{self.net.addresses['way'][1]}:{self.cloud.ports['link']}", "cloud.server_name=cloud.example", f"cloud.ca={pki.ca}",
                           f"cloud.certificate={pki.path('gw.pem')}", f"cloud.key={pki.path('gw.key')}", f"gateway.id={GATEWAY}", "failover.network_timeout=2s", "sync.linger=20ms",
                           "pipelines.shipped=false")
        self.client, self.sent, self.alerts, self.ended = Client(self, self.edge, "pub", reconnect=False), 0, 0, threading.Event()
        self.publisher = threading.Thread(target=self.publish)
        self.publisher.start()
        self.addCleanup(self.publisher.join)
        self.addCleanup(self.ended.set)

    def publish(self):
        while not self.ended.wait(0.005):
            self.client.send("sensors/d/data", json.dumps({"n": self.sent, "x": random.random()}))
            self.sent += 1
            if self.sent % 40 == 0:
                self.client.send("alerts/d", json.dumps({"alert_id": f"a{self.alerts}", "device_id": "d", "alert_type": "test", "severity": "high"}))
                self.alerts += 1

    def check(self, what):
        self.ended.set()
        self.publisher.join()
        wait_until(lambda: len(self.client.acknowledged) == self.sent + self.alerts, "the acknowledgements")
        wait_until(lambda: uplink(self.edge).get("up") and uplink(self.edge).get("backlog_records") == 0, "the backlog", 120)
        alerts = [a["alert_id"] for a in self.cloud.all_items("/api/v1/alerts?limit=1000")]
        self.assertEqual(sorted(alerts), sorted(f"a{n}" for n in range(self.alerts)), "alerts: none lost, none twice")
        self.assertEqual([i["data"]["n"] for i in self.cloud.all_items("/api/v1/readings?device=d&limit=1000")], list(range(self.sent)))
        code, report = verify(self.edge.data, self.cloud.data)
        self.assertEqual((code, report["problems"]), (0, []), report)
        print(f"\nSKERRY_SEED={SEED}, {what}: {self.sent} readings and {self.alerts} alerts, each once; packets: {self.way.carried} carried, {self.way.lost} lost", flush=True)

    def test_every_tenth_packet_is_lost(self):
        wait_until(lambda: uplink(self.edge).get("up"), "the link")
        wait_until(lambda: self.sent >= (20_000 if LONG else 1_000), "readings", 300)
        self.check("10 % loss")
        self.assertGreater(self.way.lost, 10)

    def test_a_way_that_flaps(self):
        chance = random.Random(SEED)
        for _ in range(FLAPS):
            wait_until(lambda: uplink(self.edge).get("up"), "the link", 60)
            wait_until(lambda before=self.sent, more=chance.randrange(50, 300): self.sent >= before + more, "some readings")
            self.way.cut = True
            wait_until(lambda: not uplink(self.edge).get("up"), "the link to be down")
            self.way.cut = False
        self.check(f"{FLAPS} flaps")

    def test_an_outage_whose_backlog_does_not_delay_what_is_live(self):
        wait_until(lambda: uplink(self.edge).get("up"), "the link")
        self.way.cut = True
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() - begin > OUTAGE_S and uplink(self.edge)["backlog_records"] > 1_000, "the outage to last", OUTAGE_S + 60)
        self.way.cut = False
        wait_until(lambda: uplink(self.edge).get("up"), "the link", 60)
        self.check(f"an outage of {OUTAGE_S} s")


if __name__ == "__main__":
    unittest.main()
