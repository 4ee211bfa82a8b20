"""Desired and reported state, through the real programs: device, gateway, cloud; apart, killed, and together again."""
import json
import os
import random
import unittest

from clients import Client
from skerry import Skerry, SkerryTest, wait_until
from test_sync import Cloud, Proxy, uplink, verify

SEED = int(os.environ.get("SKERRY_SEED") or random.SystemRandom().randrange(1 << 32))


class TwinTest(SkerryTest):
    def setUp(self):
        if not Skerry.available():
            self.skipTest("no skerry")

    @staticmethod
    def change(side, twin, body, query=""):
        return side.request("PATCH", f"/api/v1/twins/{twin}{query}", json.dumps(body), {"Content-Type": "application/json"})

    @staticmethod
    def twin(side, name):
        answer = side.get(f"/api/v1/twins/{name}")
        return answer.json() if answer.status == 200 else {}

    def pair(self, *settings):
        self.chance = random.Random(SEED)
        self.cloud = Cloud(self)
        self.proxy = Proxy(self, self.cloud.ports["link"], self.chance)
        self.edge = Skerry(self, f"cloud.url=ws://127.0.0.1:{self.proxy.port}", "gateway.id=gw", "sync.linger=20ms", *settings)

    def cut(self):
        self.proxy.blocked = True
        self.proxy.cut()

    def mend(self):
        self.proxy.blocked = False

    def settled(self, name):
        """Both sides' answer once they agree and nothing is on its way."""
        def same():
            here, there = self.twin(self.edge, name), self.twin(self.cloud, name)
            if not here or not there or there.pop("link")["state"] not in ("taken", "none"):
                return None
            return here if here == there and uplink(self.edge).get("backlog_records") == 0 else None
        return wait_until(same, f"both sides to say the same of {name}", 60)

    def test_a_device_is_told_and_reports(self):
        edge = Skerry(self)
        device = Client(self, edge, "pump", clean=False)
        device.subscribe("devices/pump/twin/desired", 1)
        answer = self.change(edge, "pump", {"desired": {"speed": 5, "mode": "auto", "old": 1}})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["delta"], {"mode": "auto", "old": 1, "speed": 5})
        self.assertEqual(self.change(edge, "pump", {"desired": {"old": None}}).json()["desired"], {"speed": 5, "mode": "auto"})
        device.wait_for(2)
        told = device.payloads()[-1]
        self.assertEqual((told["device_id"], told["desired"]), ("pump", {"mode": "auto", "speed": 5}))
        device.publish("devices/pump/twin/reported", json.dumps({"speed": 5, "firmware": "1.2"}))
        twin = wait_until(lambda: (t := self.twin(edge, "pump")).get("reported") and t, "the report")
        self.assertEqual(twin["reported"], {"firmware": "1.2", "speed": 5})
        self.assertEqual(twin["delta"], {"mode": "auto"})
        self.assertEqual(twin["metadata"]["desired"]["old"]["deleted"], True)
        self.assertEqual(self.change(edge, "pump", {"reported": {"mode": "auto"}}).json()["delta"], {})
        edge.kill()
        edge.start()
        self.assertEqual(self.twin(edge, "pump")["desired"], {"mode": "auto", "speed": 5})
        late = Client(self, edge, "late")
        late.subscribe("devices/+/twin/desired", 1)
        late.wait_for(1)  # retained: who connects later is told, too
        self.assertEqual(late.payloads()[0]["desired"], {"mode": "auto", "speed": 5})

    def test_bad_changes_say_why(self):
        edge = Skerry(self)
        for body, why in (({}, "either desired or reported"), ({"desired": 1}, "must be an object"), ({"wanted": {}}, "no part of a twin"),
                          ({"desired": {"a/b": 1}}, "a/b"), ({"desired": {"x": "x" * 5000}}, "longer than")):
            answer = self.change(edge, "pump", body)
            self.assertEqual(answer.status, 400, body)
            self.assertIn(why, answer.json()["detail"])
        self.assertEqual(edge.get("/api/v1/twins/nobody").status, 404)
        self.assertEqual(edge.post("/api/v1/twins/pump/conflicts/none/reverse", {}).status, 404)
        edge.mosquitto_pub("-t", "devices/pump/twin/reported", "-m", "no json", "-q", "1")
        wait_until(lambda: edge.metric("skerry_twin_rejected_total") == 1, "the report to be counted")

    def test_both_sides_change_apart_and_agree(self):
        self.pair("twin.rules=+/limit=min,+/owner=edge_wins")
        self.assertEqual(self.change(self.edge, "pump", {"desired": {"speed": 1, "limit": 9, "gone": 1}}).status, 200)
        wait_until(lambda: self.twin(self.cloud, "pump"), "the cloud to hear of it")
        told = Client(self, self.edge, "pump", clean=False)
        told.subscribe("devices/pump/twin/desired", 1)
        answer = self.change(self.cloud, "pump", {"desired": {"speed": 2}})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.settled("pump")["desired"], {"gone": 1, "limit": 9, "speed": 2})
        self.cut()
        wait_until(lambda: not uplink(self.edge).get("up"), "the link to be down")
        self.change(self.cloud, "pump", {"desired": {"limit": 7, "owner": "ann", "mode": "far"}})
        self.change(self.edge, "pump", {"desired": {"limit": 8, "owner": "bo", "mode": "near", "gone": None}})
        self.edge.post("/api/v1/readings", {"device_id": "pump", "n": 1})
        for side in (self.edge, self.cloud):
            side.kill()
            side.start()
        self.mend()
        twin = self.settled("pump")
        self.assertEqual(twin["desired"], {"limit": 7, "mode": "near", "owner": "bo", "speed": 2})
        conflicts = {c["field"]: c for c in twin["conflicts"]}
        self.assertEqual(set(conflicts), {"limit", "owner", "mode"})
        self.assertEqual((conflicts["mode"]["edge"]["value"], conflicts["mode"]["cloud"]["value"], conflicts["mode"]["winner"]), ("near", "far", "edge"))
        self.assertEqual([i["id"] for i in self.cloud.get("/api/v1/twins?conflicts=open").json()["items"]], ["pump"])
        wait_until(lambda: told.payloads()[-1]["desired"] == twin["desired"], "the device to be told")
        path = f"/api/v1/twins/pump/conflicts/{conflicts['mode']['conflict_id']}/reverse"
        self.assertEqual(self.cloud.post(path, {}).json()["desired"]["mode"], "far")
        twin = self.settled("pump")
        self.assertEqual(twin["desired"]["mode"], "far")
        self.assertEqual({c["field"]: c["state"] for c in twin["conflicts"]}, {"limit": "resolved", "owner": "resolved", "mode": "reversed"})
        self.assertEqual(self.edge.post(path, {}).status, 409)
        self.assertEqual(self.edge.metric("skerry_twin_conflicts_total"), 3)
        code, report = verify(self.edge.data, self.cloud.data)
        self.assertEqual((code, report["problems"]), (0, []))

    def test_a_gateway_set_up_anew_gets_everything_back(self):
        self.pair()
        self.change(self.edge, "pump", {"desired": {"speed": 1}})
        wait_until(lambda: self.twin(self.cloud, "pump"), "the cloud to hear of it")
        self.assertEqual(self.change(self.cloud, "gw", {"desired": {"site": "north"}}).json()["kind"], "gateway")
        self.settled("pump"), self.settled("gw")
        self.edge.stop()
        os.rename(self.edge.data, self.edge.data + "-old")
        self.edge.start()
        self.assertEqual(self.settled("pump")["desired"], {"speed": 1})
        self.assertEqual(self.settled("gw")["desired"], {"site": "north"})

    def test_kills_and_cuts_at_random(self):
        self.pair("twin.rules=+/b=max")
        names = ("pump", "oven")
        for name in names:
            self.change(self.edge, name, {"desired": {"a": 0}})
            wait_until(lambda name=name: self.twin(self.cloud, name), "the cloud to hear of it")
        try:
            for _ in range(30):
                what = self.chance.random()
                side = self.chance.choice((self.edge, self.cloud))
                if what < 0.15:
                    side.kill()
                    side.start()
                elif what < 0.3:
                    (self.mend if self.proxy.blocked else self.cut)()
                else:
                    body = {field: self.chance.choice((None, self.chance.randrange(100))) for field in self.chance.sample("abc", 2)}
                    self.assertEqual(self.change(side, self.chance.choice(names), {"desired": body}).status, 200)
            self.mend()
            for name in names:
                self.settled(name)
        except BaseException:
            print(f"\nSKERRY_SEED={SEED} repeats this run\n{self.edge.tell()}\n{self.cloud.program.log()[-3000:]}", flush=True)
            raise


if __name__ == "__main__":
    unittest.main()
