"""Two ways to one cloud. Between processes each way is a proxy, between network namespaces a network interface: when the better way
falls silent, is cut, or only no answer comes back by it, the other takes over within failover.network_timeout; when it works again it is
gone back to. Nothing is lost and nothing is there twice."""
import json
import os
import random
import subprocess
import threading
import time
import unittest

import namespaces
from clients import Client
from skerry import BIN, LONG, Program, Skerry, SkerryTest, temp_folder, wait_until
from test_link_tls import GATEWAY, Pki
from test_sync import Cloud, Proxy, uplink, verify


class Silent(Proxy):
    """While it is told to, takes bytes and carries none: the connection stands, and nobody answers."""

    def __init__(self, test, target):
        self.flows = threading.Event()
        self.flows.set()
        super().__init__(test, target, random.Random(1))

    def _carry(self, source, sink, pair, limit):
        try:
            while data := source.recv(16_384):
                self.flows.wait()
                sink.sendall(data)
        except OSError:
            pass
        self._end(pair)

    def close(self):
        self.flows.set()
        super().close()


def way_of(edge, name):
    return next(way for way in edge.get("/api/v1/link").json()["ways"] if way["name"] == name)


def uses(edge, name):
    return uplink(edge).get("up") and uplink(edge)["way"] == name and way_of(edge, name)["state"] == "up"


@unittest.skipUnless(Skerry.available(), f"{BIN} is not built")
class Proxied(SkerryTest):
    def setUp(self):
        self.cloud = Cloud(self)
        self.proxies = {name: Silent(self, self.cloud.ports["link"]) for name in ("main", "lte")}
        lte = f"ws://127.0.0.1:{self.proxies['lte'].port} source=127.0.0.2 priority=5 cost=3"
        self.edge = Skerry(self, f"cloud.url=ws://127.0.0.1:{self.proxies['main'].port}", f"link.ways=lte={lte}", "failover.network_timeout=1s", "link.back_every=1s",
                           "sync.linger=20ms", "pipelines.shipped=false")

    def publish(self, numbers):
        client = Client(self, self.edge, "pub", reconnect=False)
        sent = [client.send("sensors/d/data", json.dumps({"n": n})) for n in numbers]
        wait_until(lambda: len(client.acknowledged) == len(sent), "the acknowledgements")
        client.close()

    def arrived(self, count):
        return wait_until(lambda: len(items := self.cloud.all_items("/api/v1/readings?device=d&limit=1000")) >= count and items, f"{count} readings in the cloud")

    def test_a_silent_way_gives_way_and_is_gone_back_to(self):
        wait_until(lambda: uses(self.edge, "main"), "the best way")
        self.publish(range(100))
        self.arrived(100)
        self.proxies["main"].flows.clear()
        self.publish(range(100, 200))
        wait_until(lambda: uses(self.edge, "lte"), "the other way")
        self.arrived(200)
        self.assertEqual(self.edge.metric("skerry_link_failovers_total"), 1)
        self.assertIn("no canary came back", way_of(self.edge, "main")["trouble"])
        self.proxies["main"].flows.set()
        wait_until(lambda: uses(self.edge, "main"), "the better way again")
        self.assertIsNone(way_of(self.edge, "main")["trouble"])
        self.publish(range(200, 300))
        self.assertEqual([i["data"]["n"] for i in self.arrived(300)], list(range(300)))
        wait_until(lambda: uplink(self.edge)["backlog_records"] == 0, "the last acknowledgement")
        wait_until(lambda: self.edge.metric("skerry_link_way_in_use", way="main") == 1, "the metric")
        self.assertEqual(self.edge.metric("skerry_link_way_in_use", way="lte"), 0)
        for way in ("main", "lte"):
            self.assertGreater(self.edge.metric("skerry_link_way_bytes_total", way=way, direction="out"), 1_000)
        code, report = verify(self.edge.data, self.cloud.data)
        self.assertEqual((code, report["problems"]), (0, []), report)
        self.check_moves()

    def check_moves(self):
        """Each move is in the API, and a record with its reason."""
        moves = self.edge.get("/api/v1/link").json()["moves"]
        self.assertEqual([(m["from"], m["to"]) for m in moves], [("main", "lte"), ("lte", "main")])
        self.assertEqual(moves[0]["reason"], "main: no canary came back in time")
        self.assertIn("main answered every canary for 3 s", moves[1]["reason"])
        records = [r for r in self.edge.log_records("high") if r["topic"] == "$skerry/link"]
        self.assertEqual([r["payload"] if isinstance(r["payload"], dict) else json.loads(r["payload"]) for r in records],
                         [{key: m[key] for key in ("from", "to", "reason")} for m in moves])

    def test_a_way_that_is_cut_gives_way_at_once(self):
        wait_until(lambda: uses(self.edge, "main"), "the best way")
        self.proxies["main"].blocked = True
        self.proxies["main"].cut()
        wait_until(lambda: uses(self.edge, "lte"), "the other way")
        self.proxies["lte"].blocked = True
        self.proxies["lte"].cut()
        wait_until(lambda: not uplink(self.edge)["up"] and all(way_of(self.edge, w)["state"] in ("down", "trying") for w in ("main", "lte")), "no way to work")
        self.publish(range(10))
        self.proxies["lte"].blocked = False
        wait_until(lambda: uses(self.edge, "lte"), "the one that works again")
        self.arrived(10)

    def test_what_is_wrong_with_a_way_is_said(self):
        for text, said in (("ws://10.1.2.3:1", b"use wss://"), ("ws://127.0.0.1:1 speed=3", b"speed=3"), ("ws://127.0.0.1:1 priority=x", b"priority=x"), ("interface=", b"interface=")):
            done = subprocess.run([BIN, "edge", "--data", temp_folder(self, "no"), "--set", "cloud.url=ws://127.0.0.1:1", "--set", f"link.ways=lte={text}"], capture_output=True, timeout=30, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr)
            self.assertIn(b"lte", done.stderr)


@unittest.skipUnless(Skerry.available() and namespaces.available(), "network namespaces cannot be made here")
class BetweenNetworks(SkerryTest):
    """A gateway with two interfaces, its cloud elsewhere, mutual TLS; a device that publishes all the time."""

    TIMEOUT_S = 30 if LONG else 3

    def setUp(self):
        self.net = namespaces.Namespaces(self, ("eth", "lte"))
        pki = Pki(temp_folder(self, "pki"))
        pki.make("cloud", "cloud", eku="serverAuth", ou=None, san="DNS:cloud.example")
        pki.make("gw", GATEWAY)
        self.cloud = FarCloud(self, self.net, "link.host=0.0.0.0", f"link.certificate={pki.path('cloud.pem')}", f"link.key={pki.path('cloud.key')}", f"link.ca={pki.ca}")
        port = self.cloud.ports["link"]
        eth, lte = (f"wss://{self.net.addresses[way][1]}:{port}" for way in ("eth", "lte"))
        self.edge = Skerry(self, f"cloud.url={eth}", f"link.ways=main=interface=eth,lte={lte} interface=lte cost=3", "cloud.server_name=cloud.example", f"cloud.ca={pki.ca}",
                           f"cloud.certificate={pki.path('gw.pem')}", f"cloud.key={pki.path('gw.key')}", f"gateway.id={GATEWAY}", f"failover.network_timeout={self.TIMEOUT_S}s",
                           "link.back_every=1s", "sync.linger=20ms", "pipelines.shipped=false")
        wait_until(lambda: uses(self.edge, "main"), "the best way")
        self.client, self.sent, self.ended = Client(self, self.edge, "pub", reconnect=False), 0, threading.Event()
        self.publisher = threading.Thread(target=self.publish)
        self.publisher.start()
        self.addCleanup(self.publisher.join)
        self.addCleanup(self.ended.set)

    def publish(self):
        while not self.ended.wait(0.02):
            self.client.send("sensors/d/data", json.dumps({"n": self.sent, "timestamp": 1_790_000_000 + self.sent}))
            self.sent += 1

    def check(self):
        """All that was acknowledged to the device is in the cloud, each once."""
        self.ended.set()
        self.publisher.join()
        wait_until(lambda: len(self.client.acknowledged) == self.sent, "the acknowledgements")
        wait_until(lambda: uplink(self.edge).get("backlog_records") == 0, "the backlog", 60)
        items = self.cloud.all_items("/api/v1/readings?device=d&limit=1000")
        self.assertEqual([i["data"]["n"] for i in items], list(range(self.sent)))
        self.assertEqual([i["offset"] for i in items], sorted({i["offset"] for i in items}))
        code, report = verify(self.edge.data, self.cloud.data)
        self.assertEqual((code, report["problems"]), (0, []), report)

    def goes_on_by(self, way, since):
        """Seconds from `since` until something published after it is in the cloud, by that way."""
        mark = self.sent
        wait_until(lambda: uses(self.edge, way) and len(self.cloud.all_items("/api/v1/readings?device=d&limit=1000")) > mark, f"data by {way}", self.TIMEOUT_S + 30)
        return time.monotonic() - since

    def fail_over_and_back(self, cut, mend):
        cut("eth")
        took = self.goes_on_by("lte", time.monotonic())
        self.assertLess(took, self.TIMEOUT_S + 3, "it goes on by the other way within failover.network_timeout and what a connection takes")
        mend("eth")
        self.goes_on_by("main", time.monotonic())
        moves = self.edge.get("/api/v1/link").json()["moves"]
        self.assertEqual([(m["from"], m["to"]) for m in moves], [("main", "lte"), ("lte", "main")])
        self.check()
        print(f"\nnetwork_timeout {self.TIMEOUT_S} s: data went on by the other way after {took:.2f} s", flush=True)

    def test_an_unplugged_interface(self):
        self.fail_over_and_back(self.net.unplug, self.net.plug)

    def test_answers_that_no_longer_come(self):
        self.fail_over_and_back(self.net.deafen, self.net.hear)

    def test_both_are_down_for_a_while(self):
        for way in ("eth", "lte"):
            self.net.unplug(way)
        wait_until(lambda: not uplink(self.edge)["up"], "the link to be down", self.TIMEOUT_S + 30)
        self.net.plug("lte")
        self.goes_on_by("lte", time.monotonic())
        self.check()


class FarCloud(Cloud):
    """`skerry cloud` in the cloud's namespace."""

    def __init__(self, test, net, *settings):
        self.net = net
        super().__init__(test, *settings)

    def begin(self):
        ports_file = os.path.join(self.data, "ports.json")
        if os.path.exists(ports_file):
            os.remove(ports_file)
        command = ["ip", "netns", "exec", self.net.name, BIN, "cloud", "--data", self.data]
        for setting in (f"http.port={self.ports['http']}", f"link.port={self.ports.get('link', 0)}", *self.settings):
            command += ["--set", setting]
        self.program = Program(self.test, command, os.path.join(self.folder, "log"))

    def request(self, *arguments, **named):
        return self.net.far(lambda: super(FarCloud, self).request(*arguments, **named))


if __name__ == "__main__":
    unittest.main()
