"""SIGKILL under load, again and again: nothing acknowledged is lost, nothing is out of order, each reading shows once,
and the rules' rows are those of an uninterrupted run. 20 kills; 200 with SKERRY_LONG. A failure prints its seed."""
import collections
import json
import os
import random
import threading
import unittest

from clients import Client
from skerry import LONG, SkerryTest, wait_until

KILLS = 200 if LONG else 20
SEED = int(os.environ.get("SKERRY_SEED") or random.SystemRandom().randrange(1 << 32))


def reading(n):
    """Every 25th is hot, so that alerts are made under load as well."""
    return {"n": n, "temperature": 85.0 if n % 25 == 0 else 20.0 + n % 3, "humidity": 40}


class Publisher:
    """QoS 1 from a new client in each round: what was not acknowledged is not sent again, so once means once."""

    def __init__(self, test, skerry, device):
        self.test, self.skerry, self.device = test, skerry, device
        self.next, self.acknowledged = 0, set()
        self.numbers = {}  # packet id -> n, of this round
        self.client = None

    def start(self):
        self.client = Client(self.test, self.skerry, f"pub-{self.device}")
        self.numbers = {}

    def burst(self, count):
        for _ in range(count):
            mid = self.client.send(f"sensors/{self.device}/data", json.dumps(reading(self.next)))
            self.numbers[mid] = self.next
            self.next += 1

    def acks(self):
        return len(self.client.acknowledged)

    def end(self):
        self.client.close()
        self.acknowledged |= {self.numbers[mid] for mid in list(self.client.acknowledged) if mid in self.numbers}


class Poster(threading.Thread):
    """HTTP, one reading a request, until told to end."""

    def __init__(self, skerry, device, first):
        super().__init__(daemon=True)
        self.skerry, self.device, self.next = skerry, device, first
        self.acknowledged, self.ending = set(), threading.Event()

    def run(self):
        while not self.ending.is_set():
            n, self.next = self.next, self.next + 1
            try:
                if self.skerry.post("/api/v1/readings", {"device_id": self.device, **reading(n)}).status == 201:
                    self.acknowledged.add(n)
            except Exception:  # noqa: BLE001  killed in between: no acknowledgement
                self.ending.wait(0.01)


class KillTest(SkerryTest):
    def test_nothing_acknowledged_is_lost(self):
        chance = random.Random(SEED)
        publishers = [Publisher(self, self.skerry, f"q{i}") for i in range(3)]
        taker = Client(self, self.skerry, "taker", clean=False).subscribe("sensors/q0/data", 1)
        posted, next_post = set(), 0
        try:
            for self.kills in range(KILLS):
                for p in publishers:
                    p.start()
                poster = Poster(self.skerry, "h0", next_post)
                poster.start()
                for p in publishers:
                    p.burst(chance.randrange(20, 600))
                wanted = chance.randrange(0, 600)
                wait_until(lambda: sum(p.acks() for p in publishers) >= wanted or all(p.acks() == len(p.numbers) for p in publishers),
                           f"{wanted} acknowledgements")
                self.skerry.kill()
                for p in publishers:
                    p.end()
                poster.ending.set()
                poster.join()
                posted |= poster.acknowledged
                next_post = poster.next
                self.skerry.start()
            self.check(publishers, posted, taker)
        except BaseException:
            print(f"\nSKERRY_SEED={SEED} repeats this run; kill {self.kills + 1} of {KILLS}. The gateway:\n{self.skerry.tell()}", flush=True)
            raise

    def check(self, publishers, posted, taker):
        expected = {p.device: p.acknowledged for p in publishers} | {"h0": posted}
        self.assertGreater(sum(map(len, expected.values())), KILLS * 50, "it was under load")
        shown = {}
        for device, acknowledged in expected.items():
            items = self.skerry.all_items(f"/api/v1/readings?device={device}&limit=1000")
            numbers = [i["data"]["n"] for i in items]
            shown[device] = numbers
            twice = [n for n, times in collections.Counter(numbers).items() if times > 1]
            self.assertEqual(twice, [], f"{device}: shown more than once")
            self.assertEqual(sorted(acknowledged - set(numbers)), [], f"{device}: acknowledged and lost")
            self.assertEqual(numbers, sorted(numbers), f"{device}: out of order")
            offsets = [i["offset"] for i in items]
            self.assertEqual(offsets, sorted(set(offsets)), f"{device}: offsets")
        self.check_alerts(shown)
        self.check_subscriber(taker, shown["q0"])
        print(f"\n{KILLS} kills, {sum(map(len, expected.values()))} acknowledged, {sum(map(len, shown.values()))} stored: "
              f"0 lost, 0 out of order, each once", flush=True)

    def check_alerts(self, shown):
        """One alert for each hot reading that is stored, whatever was killed in between."""
        def hot():
            alerts = self.skerry.all_items("/api/v1/alerts?limit=1000")
            return sorted((a["device_id"], a["data"]["n"]) for a in alerts if a["alert_type"] == "high_temperature")

        want = sorted((device, n) for device, numbers in shown.items() for n in numbers if n % 25 == 0)
        wait_until(lambda: len(hot()) >= len(want), f"{len(want)} alerts")
        self.assertEqual(hot(), want)

    def check_subscriber(self, taker, stored):
        """A session that lived through it all has each stored reading, first arrivals in order (QoS 1 may repeat)."""
        wait_until(lambda: {json.loads(p)["n"] for _, p, _, _ in list(taker.messages)} >= set(stored), "the subscriber to have everything")
        firsts = list(dict.fromkeys(json.loads(p)["n"] for _, p, _, _ in taker.messages))
        self.assertEqual([n for n in firsts if n in set(stored)], stored)


if __name__ == "__main__":
    unittest.main()
