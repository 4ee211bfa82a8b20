"""The CoAP door with stock clients (aiocoap, coap-client): sensors, topics, observing, the cooling rule, repetitions over
a kill -9. Malformed datagrams are answered or dropped, and touch nothing else."""
import asyncio
import json
import shutil
import socket
import struct
import subprocess
import threading

import aiocoap
from aiocoap import resource

from clients import Client
from skerry import PATIENCE_S, SkerryTest, Subscriber, free_port, wait_until

CLIENT = shutil.which("coap-client-openssl") or shutil.which("coap-client") or "coap-client-openssl"


class CoapTest(SkerryTest):
    def url(self, path):
        return f"coap://127.0.0.1:{self.skerry.ports['coap']}/{path}"

    def ask(self, code, path, payload=b"", content_format=None):
        """One request by aiocoap: (code as text, payload, options)."""
        async def run():
            context = await aiocoap.Context.create_client_context()
            try:
                message = aiocoap.Message(code=code, uri=self.url(path), payload=payload)
                if content_format is not None:
                    message.opt.content_format = content_format
                answer = await asyncio.wait_for(context.request(message).response, PATIENCE_S)
                return answer.code.dotted, answer.payload.decode(), answer.opt
            finally:
                await context.shutdown()
        return asyncio.run(run())

    def get(self, path):
        return self.ask(aiocoap.GET, path)

    def post(self, path, body):
        return self.ask(aiocoap.POST, path, body if isinstance(body, bytes) else json.dumps(body).encode(), 50)


class SensorsTest(CoapTest):
    def test_what_is_posted_is_everywhere_when_the_answer_comes(self):
        code, _, options = self.post("sensors", {"device_id": "c1", "temperature": 20.50, "humidity": 40, "timestamp": "2026-05-01T10:00:00Z", "battery_level": 90})
        self.assertEqual(code, "2.01")
        self.assertEqual(options.location_path, ("sensors", "c1"))
        self.assertEqual(self.skerry.get("/api/v1/readings?device=c1").json()["items"][0]["data"]["battery_level"], 90)
        code, payload, options = self.get("sensors/c1")
        self.assertEqual((code, int(options.content_format)), ("2.05", 50))
        self.assertEqual(json.loads(payload), {"device_id": "c1", "temperature": 20.5, "humidity": 40, "timestamp": "2026-05-01T10:00:00Z", "battery_level": 90})
        Client(self, self.skerry).publish("sensors/m1/data", {"temperature": 7})
        # Names of devices that came by MQTT are put in front; their time is that of arrival.
        one = wait_until(lambda: (lambda a: json.loads(a[1]) if a[0] == "2.05" else None)(self.get("sensors/m1")), "m1")
        self.assertEqual((one["device_id"], one["temperature"]), ("m1", 7))
        self.assertIn("timestamp", one)
        self.assertEqual({d["device_id"] for d in json.loads(self.get("sensors")[1])}, {"c1", "m1"})
        self.assertEqual(self.get("sensors/nobody")[0], "4.04")

    def test_the_library_s_own_client(self):
        said = subprocess.run([CLIENT, "-m", "post", "-t", "json", "-e", '{"device_id":"k1","temperature":1}', self.url("sensors")],
                              capture_output=True, timeout=PATIENCE_S, check=True)
        self.assertEqual(said.stderr, b"")
        said = subprocess.run([CLIENT, self.url("sensors/k1")], capture_output=True, timeout=PATIENCE_S, check=True)
        self.assertEqual(json.loads(said.stdout)["temperature"], 1)

    def test_discovery(self):
        self.post("sensors", {"device_id": "d1", "temperature": 1})
        code, links, options = self.get(".well-known/core")
        self.assertEqual((code, int(options.content_format)), ("2.05", 40))
        for link in ("</sensors>", "</sensors/d1>"):
            entry = next(e for e in links.split(",") if e.startswith(link + ";"))
            self.assertIn("obs", entry.split(";"))
            self.assertIn("ct=50", entry.split(";"))

    def test_wrong_bodies_are_refused_with_the_reason(self):
        for body, reason in ((b"{", "JSON"), (b"", "empty"), (b"[1]", "object"), (b'{"temperature":1}', "device_id is missing"),
                             (b'{"device_id":5}', "device_id must be text"), (b'{"device_id":"a/b"}', "device_id"),
                             (b'{"device_id":"x","temperature":"hot"}', "temperature must be a number"),
                             (b'{"device_id":"x","battery_level":[]}', "battery_level must be a number"),
                             (b'{"device_id":"x","timestamp":"soon"}', "timestamp is no time"),
                             (b'[{"device_id":"x"},{"device_id":"y"}]', "one reading at a time"),
                             (b'{"device_id":"x","a":1,"a":2}', "more than once")):
            code, why, _ = self.post("sensors", body)
            self.assertEqual(code, "4.00", body)
            self.assertIn(reason, why)
        self.assertEqual(self.ask(aiocoap.POST, "sensors", b"{}", 60)[0], "4.00")
        self.assertEqual(self.skerry.metric("skerry_coap_bodies_refused_total"), 12)
        self.assertEqual(self.skerry.get("/api/v1/devices").json()["items"], [])
        self.assertEqual(self.ask(aiocoap.DELETE, "sensors")[0], "4.05")
        self.assertEqual(self.get("nothing/here")[0], "4.04")
        # A missing temperature is null, not an error.
        self.assertEqual(self.post("sensors", {"device_id": "x", "temperature": None})[0], "2.01")

    def test_long_bodies_go_in_blocks_both_ways(self):
        note = "n" * 20_000
        self.assertEqual(self.post("sensors", {"device_id": "b1", "temperature": 2, "note": note})[0], "2.01")
        self.assertEqual(json.loads(self.get("sensors/b1")[1])["note"], note)
        self.skerry.post("/api/v1/readings", [{"device_id": f"many-{n}", "temperature": n} for n in range(500)])
        wait_until(lambda: len(self.skerry.all_items("/api/v1/devices")) == 501, "501 devices")
        self.assertEqual(len(json.loads(self.get("sensors")[1])), 501)
        self.assertEqual(len(json.loads(self.get("sensors?limit=7")[1])), 7)
        self.assertEqual(self.get("sensors?limit=no")[0], "4.00")

    def test_a_rule_judges_what_came_by_coap(self):
        alerts = Subscriber(self, self.skerry, "-t", "alerts/#", "-q", "1")
        self.post("sensors", {"device_id": "h1", "temperature": 80.5})
        topic, payload = alerts.wait_for(1)[0].split(" ", 1)
        self.assertEqual((topic, json.loads(payload)["alert_type"]), ("alerts/h1", "high_temperature"))


class ObserveTest(CoapTest):
    def follow(self, path, count, act):
        """The first `count` representations an observer of `path` is given; `act` runs when it has the first."""
        async def run():
            context = await aiocoap.Context.create_client_context()
            try:
                request = context.request(aiocoap.Message(code=aiocoap.GET, uri=self.url(path), observe=0))
                first = await asyncio.wait_for(request.response, PATIENCE_S)
                self.assertEqual(first.code.dotted, "2.05", first.payload)
                self.assertIsNotNone(first.opt.observe, "it is observed")
                got = [first.payload.decode()]
                acting = asyncio.get_running_loop().run_in_executor(None, act)
                async def rest():
                    async for each in request.observation:
                        got.append(each.payload.decode())
                        if len(got) >= count:
                            return
                await asyncio.wait_for(rest(), PATIENCE_S)
                await acting
                return got
            finally:
                await context.shutdown()
        return asyncio.run(run())

    def test_a_sensor(self):
        client = Client(self, self.skerry)
        client.publish("sensors/o1/data", {"temperature": 1})
        wait_until(lambda: self.get("sensors/o1")[0] == "2.05", "o1")
        got = self.follow("sensors/o1", 2, lambda: client.publish("sensors/o1/data", {"temperature": 2}))
        self.assertEqual([json.loads(g)["temperature"] for g in got], [1, 2])

    def test_all_sensors(self):
        got = self.follow("sensors", 2, lambda: self.skerry.post("/api/v1/readings", {"device_id": "o2", "temperature": 5}))
        self.assertEqual(json.loads(got[0]), [])
        self.assertEqual(json.loads(got[1])[0]["device_id"], "o2")

    def test_a_topic(self):
        client = Client(self, self.skerry)
        got = self.follow("ps/hall/door", 2, lambda: client.publish("hall/door", "open"))
        self.assertEqual(got, ["", "open"])

    def test_an_unknown_sensor_is_not_observed(self):
        self.assertEqual(self.ask(aiocoap.GET, "sensors/none")[0], "4.04")


class TopicsTest(CoapTest):
    def test_a_topic_is_a_resource(self):
        heard = Subscriber(self, self.skerry, "-t", "hall/#", "-q", "1")
        self.assertEqual(self.ask(aiocoap.PUT, "ps/hall/lamp", b"on")[0], "2.04")   # retained
        self.assertEqual(self.ask(aiocoap.POST, "ps/hall/bell", b"ring")[0], "2.04")  # not
        self.assertEqual(heard.wait_for(2), ["hall/lamp on", "hall/bell ring"])
        self.assertEqual(self.get("ps/hall/lamp")[:2], ("2.05", "on"))
        self.assertEqual(self.get("ps/hall/bell")[0], "4.04")
        Client(self, self.skerry).publish("hall/lamp", '{"on":false}', retain=True)
        code, payload, options = wait_until(lambda: (lambda a: a if a[1] != "on" else None)(self.get("ps/hall/lamp")), "the new value")
        self.assertEqual((code, payload, int(options.content_format)), ("2.05", '{"on":false}', 50))
        for path, refused in (("ps/$skerry/x", "4.03"), ("ps/a+b", "4.00"), ("ps/", "4.00")):
            self.assertEqual(self.ask(aiocoap.PUT, path, b"x")[0], refused, path)


class RepetitionTest(CoapTest):
    """RFC 7252 4.5: a confirmable request that comes again is answered again and taken once."""

    def datagram(self, mid, payload, token=b"\x01\x02"):
        head = struct.pack("!BBH", 0x40 | len(token), 2, mid) + token  # CON POST
        return head + b"\xb7sensors" + b"\x11\x32" + b"\xff" + payload  # Uri-Path, Content-Format 50

    def exchange(self, sock, datagram):
        """Sends it; the code of its answer, piggybacked or separate, as class × 32 + detail."""
        sock.sendto(datagram, ("127.0.0.1", self.skerry.ports["coap"]))
        sock.settimeout(PATIENCE_S)
        while True:
            answer = sock.recv(2048)
            kind, code = (answer[0] >> 4) & 3, answer[1]
            if code == 0:
                continue  # an empty acknowledgement: the answer comes by itself
            if kind == 0:
                sock.sendto(struct.pack("!BBH", 0x60, 0, struct.unpack("!H", answer[2:4])[0]), ("127.0.0.1", self.skerry.ports["coap"]))
            return code

    def test_the_same_datagram_again_also_after_a_kill(self):
        payload = b'{"device_id":"r1","temperature":3}'
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            created = 2 * 32 + 1
            self.assertEqual(self.exchange(sock, self.datagram(7, payload)), created)
            self.assertEqual(self.exchange(sock, self.datagram(7, payload)), created)
            self.skerry.kill()
            self.skerry.start()
            self.assertEqual(self.exchange(sock, self.datagram(7, payload)), created)
            self.assertEqual(len(self.skerry.all_items("/api/v1/readings?device=r1")), 1)
            self.assertEqual(self.skerry.metric("skerry_coap_repetitions_total"), 1)
            # Another message id is another request; so is the same id with other content.
            self.assertEqual(self.exchange(sock, self.datagram(8, payload)), created)
            self.assertEqual(self.exchange(sock, self.datagram(8, b'{"device_id":"r1","temperature":4}')), created)
            self.assertEqual(len(self.skerry.all_items("/api/v1/readings?device=r1")), 3)

    def test_acknowledged_is_there_after_a_kill(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for round_number in range(3):
                for n in range(20):
                    body = json.dumps({"device_id": "k1", "n": round_number * 20 + n}).encode()
                    self.assertEqual(self.exchange(sock, self.datagram(1000 + round_number * 20 + n, body)), 65)
                self.skerry.kill()
                self.skerry.start()
            self.assertEqual([i["data"]["n"] for i in self.skerry.all_items("/api/v1/readings?device=k1")], list(range(60)))

    def test_many_at_once_wait_for_one_commit(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind(("127.0.0.1", 0))
            port = self.skerry.ports["coap"]
            tokens = set()
            for n in range(100):
                token = struct.pack("!H", n)
                tokens.add(token)
                sock.sendto(self.datagram(2000 + n, json.dumps({"device_id": "m1", "n": n}).encode(), token), ("127.0.0.1", port))
            sock.settimeout(PATIENCE_S)
            while tokens:
                answer = sock.recv(2048)
                if answer[1] == 0:
                    continue
                self.assertEqual(answer[1], 65)
                if (answer[0] >> 4) & 3 == 0:
                    sock.sendto(struct.pack("!BBH", 0x60, 0, struct.unpack("!H", answer[2:4])[0]), ("127.0.0.1", port))
                tokens.discard(answer[4:4 + (answer[0] & 15)])
            self.assertEqual(sorted(i["data"]["n"] for i in self.skerry.all_items("/api/v1/readings?device=m1")), list(range(100)))

    def test_malformed_datagrams_touch_nothing(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            to = ("127.0.0.1", self.skerry.ports["coap"])
            good = self.datagram(9, b'{"device_id":"f1","temperature":1}')
            for bad in (b"", b"\x40", b"\xff" * 40, good[:3], good[:9], b"\x4f" + good[1:], good[:6] + b"\xff", good[:-1] + b"\xff\xff", b"\x00" * 1200):
                sock.sendto(bad, to)
            for at in range(len(good)):
                sock.sendto(good[:at] + bytes([good[at] ^ 0x5a]) + good[at + 1:], to)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # one that hears no answers to those
            self.assertEqual(self.exchange(sock, good) // 32, 2)
        self.assertTrue(self.skerry.program.running())


class Controller:
    """A cooling controller of aiocoap, on a thread of its own; `silent` takes requests and never answers."""

    def __init__(self, test, silent=False):
        self.port = free_port()
        self.calls = []
        self.silent = silent
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait(PATIENCE_S)
        test.addCleanup(self.end)

    def run(self):
        controller = self

        class Cool(resource.Resource, resource.PathCapable):
            async def render_post(self, request):
                controller.calls.append(("/" + "/".join(request.opt.uri_path), json.loads(request.payload)))
                if controller.silent:
                    await asyncio.sleep(PATIENCE_S * 10)
                return aiocoap.Message(code=aiocoap.CHANGED)

        async def serve():
            site = resource.Site()
            site.add_resource(["device"], Cool())
            self.context = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", self.port))
            self.ready.set()

        asyncio.set_event_loop(self.loop)
        self.loop.create_task(serve())
        self.loop.run_forever()

    def leave(self):
        """Nobody listens on its port any more."""
        context, self.context = self.context, None
        if context:
            asyncio.run_coroutine_threadsafe(context.shutdown(), self.loop).result(PATIENCE_S)

    def end(self):
        self.leave()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_S)
        self.loop.close()


class CoolingTest(CoapTest):
    silent = False

    def setUp(self):
        self.controller = Controller(self, self.silent)
        self.settings = (f"coap.cooling_controller=coap://127.0.0.1:{self.controller.port}",)
        super().setUp()

    def results(self):
        sub = Subscriber(self, self.skerry, "-t", "actions/+/coap/result", "-q", "1")
        return lambda count: [json.loads(line.split(" ", 1)[1]) for line in sub.wait_for(count)]

    def test_above_75_calls_the_controller_once(self):
        results = self.results()
        self.post("sensors", {"device_id": "t1", "temperature": 75})
        self.post("sensors", {"device_id": "t2", "temperature": 75.1})
        one = results(1)[0]
        self.assertEqual((one["device_id"], one["status"], one["code"]), ("t2", "done", "2.04"))
        self.assertEqual(self.controller.calls, [("/t2/cool", {"action": "start_cooling", "duration": 300})])
        self.assertEqual(self.skerry.metric("skerry_coap_actions_total", status="done"), 1)

    def test_nobody_there_is_a_failure(self):
        results = self.results()
        self.controller.leave()
        self.post("sensors", {"device_id": "t3", "temperature": 99})
        self.assertEqual(results(1)[0]["status"], "failed")


class SilentControllerTest(CoolingTest):
    silent = True
    test_above_75_calls_the_controller_once = None
    test_nobody_there_is_a_failure = None

    def test_a_call_under_way_at_a_kill_is_never_made_again(self):
        self.post("sensors", {"device_id": "t4", "temperature": 90})
        wait_until(lambda: self.controller.calls, "the call")
        self.skerry.kill()
        self.skerry.start()
        wait_until(lambda: self.skerry.metric("skerry_coap_actions_total", status="unknown") == 1, "the fate unknown")
        self.post("sensors", {"device_id": "t5", "temperature": 91})
        wait_until(lambda: len(self.controller.calls) == 2, "the next call")
        self.assertEqual([path for path, _ in self.controller.calls], ["/t4/cool", "/t5/cool"])
