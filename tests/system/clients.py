"""Clients for the tests: paho with answers one can wait for, raw MQTT bytes, and a reader of the event stream."""
import http.client
import json
import socket
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from skerry import PATIENCE_S, wait_until


class Client:
    """A paho client on its own thread. `messages` holds what came: (topic, payload, qos, retain)."""

    def __init__(self, test, skerry, client_id="", clean=True, version=mqtt.MQTTv311, on_message=None, start=True, will=None, reconnect=True):
        self.messages, self.connects, self.session_present = [], 0, None
        self.acknowledged = set()  # packet ids
        self._on_message = on_message
        options = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=reconnect, **options)
        self.paho.on_message = self._message
        self.paho.on_connect = self._connected
        self.paho.on_publish = lambda c, u, mid, reason, properties: self.acknowledged.add(mid)
        self.paho.on_subscribe = lambda c, u, mid, reasons, properties: self.acknowledged.add(mid)
        self.paho.reconnect_delay_set(1, 1)
        if will:
            self.paho.will_set(*will)
        self.skerry = skerry
        self.running = False
        test.addCleanup(self.close)
        if start:
            self.connect()

    def _message(self, paho, user, message):
        self.messages.append((message.topic, message.payload, message.qos, message.retain))
        if self._on_message:
            self._on_message(self, message)

    def _connected(self, paho, user, flags, reason, properties):
        self.session_present = flags.session_present
        self.connects += 1

    def connect(self):
        before = self.connects
        self.paho.connect("127.0.0.1", self.skerry.ports["mqtt"], keepalive=30)
        self.paho.loop_start()
        self.running = True
        wait_until(lambda: self.connects > before, "CONNACK")
        return self

    def subscribe(self, topic, qos=0):
        _, mid = self.paho.subscribe(topic, qos)
        wait_until(lambda: mid in self.acknowledged, f"SUBACK for {topic}")
        return self

    def publish(self, topic, payload, qos=1, retain=False):
        """Returns when it is acknowledged."""
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        info = self.paho.publish(topic, payload, qos, retain)
        info.wait_for_publish(PATIENCE_S)
        assert info.is_published(), f"no acknowledgement for {topic}"

    def send(self, topic, payload, qos=1):
        """Returns at once, with the packet id."""
        return self.paho.publish(topic, payload, qos).mid

    def wait_for(self, count, what="messages"):
        wait_until(lambda: len(self.messages) >= count, f"{count} {what}")
        return self.messages

    def payloads(self):
        return [json.loads(payload) for _, payload, _, _ in self.messages]

    def disconnect(self):
        self.paho.disconnect()
        self.close()

    def close(self):
        if self.running:
            self.running = False
            self.paho.disconnect()
            self.paho.loop_stop()
        self.paho = None  # its sockets go with it; select() takes no more than 1,024


class RawMqtt:
    """Bytes to the MQTT port, and what comes back."""

    def __init__(self, test, skerry):
        self.socket = socket.create_connection(("127.0.0.1", skerry.ports["mqtt"]), timeout=PATIENCE_S)
        test.addCleanup(self.socket.close)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    @staticmethod
    def text(text):
        return len(text).to_bytes(2, "big") + text.encode()

    @staticmethod
    def packet(first, body):
        length, rest = b"", len(body)
        while True:
            rest, low = divmod(rest, 128)
            length += bytes([low | (0x80 if rest else 0)])
            if not rest:
                return bytes([first]) + length + body

    def connect(self, client_id, clean=True, version=4):
        body = self.text("MQTT") + bytes([version, 2 if clean else 0, 0, 60]) + (b"\0" if version == 5 else b"") + self.text(client_id)
        self.send(self.packet(0x10, body))
        assert self.read_packet()[0] == 0x20
        return self

    def subscribe(self, topic, qos):
        self.send(self.packet(0x82, b"\0\1" + self.text(topic) + bytes([qos])))
        assert self.read_packet()[0] == 0x90
        return self

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def read_packet(self):
        """(first byte, body); EOFError when the other side closed."""
        first = self._exactly(1)[0]
        length, shift = 0, 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, self._exactly(length)

    def wait_closed(self):
        """Everything that came before the end."""
        data = b""
        while True:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more


class Events:
    """A client of /api/v1/events; `items` holds (event, data, id)."""

    def __init__(self, test, skerry, query="", last_event_id=None):
        self.items = []
        self.connection = http.client.HTTPConnection("127.0.0.1", skerry.ports["http"], timeout=PATIENCE_S)
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        self.connection.request("GET", "/api/v1/events" + query, headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.socket = self.connection.sock
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def _read(self):
        event, data, event_id = "message", [], None
        try:
            for raw in self.answer:
                line = raw.decode().rstrip("\r\n")
                if line == "":
                    if data:
                        self.items.append((event, json.loads("\n".join(data)), event_id))
                    event, data, event_id = "message", [], None
                elif not line.startswith(":"):
                    field, _, value = line.partition(":")
                    value = value.removeprefix(" ")
                    if field == "event":
                        event = value
                    elif field == "data":
                        data.append(value)
                    elif field == "id":
                        event_id = value
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    def wait_for(self, event, check=lambda data: True):
        """The first such event: (data, id)."""
        return wait_until(lambda: next(((d, i) for e, d, i in list(self.items) if e == event and check(d)), None), f"event {event}")

    def close(self):
        try:
            self.answer.close()
            self.connection.close()
        except OSError:
            pass
