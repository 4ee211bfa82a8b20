#!/usr/bin/env python3
"""The rules of requirements section 5, written plainly and in exact arithmetic: the judge of the anomaly pipeline.

usage: reference.py READINGS.csv ROWS.ndjson        compare what `pipeline run` gave with the rules
       reference.py --make KIND READINGS.csv OUT    write test data made from real readings (KIND: see make())

Independent of the engine on purpose: fractions, a plain list per device, no incremental sums.
"""
import csv
import gzip
import json
import math
import random
import sys
from collections import defaultdict, deque
from fractions import Fraction

WINDOW_MS = 300_000
MARK_MS = 60_000


def read(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as f:
        for row in csv.DictReader(f):
            number = lambda k: float(row[k]) if row.get(k) else None
            yield row["device"], int(row["time_ms"]), number("temperature"), number("humidity")


UNIT = 2 ** 120  # every double of this data is a whole number of these


def exact(value):
    n, d = value.as_integer_ratio()
    assert UNIT % d == 0
    return n * (UNIT // d)


def root(numerator, denominator):
    """Square root of a fraction, right to the last bits of a double."""
    return float(Fraction(math.isqrt((numerator << 400) // denominator), 1 << 200))


def squares(values):
    """n * n * variance, whole."""
    total = sum(values)
    return len(values) * sum(v * v for v in values) - total * total


def statistics(pairs):
    pairs = [p for p in pairs if p is not None]
    if not pairs:
        return {"mean": None, "max": None, "min": None, "std": None}
    whole = [w for _, w in pairs]
    return {"mean": float(Fraction(sum(whole), len(whole) * UNIT)), "max": max(v for v, _ in pairs),
            "min": min(v for v, _ in pairs), "std": root(squares(whole), (len(whole) * UNIT) ** 2)}


def rules(readings):
    windows = defaultdict(deque)
    newest = -math.inf
    for device, time, temperature, humidity in readings:
        late = time <= newest - MARK_MS
        newest = max(newest, time)
        if late or temperature is None:
            continue
        window = windows[device]
        both = lambda v: None if v is None else (v, exact(v))
        window.append((time, both(temperature), both(humidity)))
        while window[0][0] < time - WINDOW_MS:  # older than t - 5 min is out
            window.popleft()
        score = 0.0
        history = [t[1] for _, t, _ in list(window)[:-1]]
        if len(window) >= 5 and len(history) >= 3:
            n = len(history)
            spread = squares(history)  # n * n * variance
            if spread:
                score = min(root((n * exact(temperature) - sum(history)) ** 2, spread) / 3, 1.0)
        if score > 0.8:
            yield "alerts", device, time, {"score": score, "severity": "high" if score > 0.9 else "medium"}
        if score > 0.9:
            yield "commands", device, time, {"command": "shutdown" if temperature > 85 else "throttle"}
        if len(window) >= 10:
            yield "analytics", device, time, {
                "start": window[0][0], "count": len(window),
                "temperature": statistics([t for _, t, _ in window]),
                "humidity": statistics([h for _, _, h in window])}


def near(a, b):
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))


def time_ms(text):
    import datetime
    at = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc)
    return round(at.timestamp() * 1000)


def same(wanted, row):
    kind, device, time, what = wanted
    if row["_to"] != kind or row["device_id"] != device:
        return False
    if time_ms(row["window_end" if kind == "analytics" else "timestamp"]) != time:
        return False
    if kind == "alerts":
        return near(what["score"], row["anomaly_score"]) and what["severity"] == row["severity"]
    if kind == "commands":
        return what["command"] == row["command"] and row["reason"] == "emergency_response"
    return (what["start"] == time_ms(row["window_start"]) and what["count"] == row["sample_count"] and
            all(near(what[c][k], row[c][k]) for c in ("temperature", "humidity") for k in what[c]))


def compare(data, rows):
    counts = defaultdict(int)
    with open(rows) as f:
        lines = (json.loads(line) for line in f)
        for wanted in rules(read(data)):
            row = next(lines, None)
            if row is None or not same(wanted, row):
                print(f"row {sum(counts.values()) + 1}: wanted {wanted}\n  came {row}")
                return 1
            counts[wanted[0]] += 1
        extra = next(lines, None)
        if extra is not None:
            print(f"one row too many: {extra}")
            return 1
    print("same rows: " + ", ".join(f"{n} {k}" for k, n in sorted(counts.items())))
    return 0


def make(kind, data, out):
    """faster: times / 12 and 200 spikes · constant: stretches that do not vary · large: 1e9 with small noise ·
    holes: missing humidity and temperature · spikes: 200 of them at the real times"""
    chance = random.Random(5)
    rows = list(read(data))
    spikes = set(chance.sample(range(len(rows)), min(200, len(rows))))
    with open(out, "w") as f:
        f.write("device,time_ms,temperature,humidity\n")
        for i, (device, time, temperature, humidity) in enumerate(rows):
            if kind != "spikes":
                time //= 12
            if kind == "large":
                temperature = 1e9 + chance.gauss(0, 0.5)
            if kind == "constant" and (i // 2000) % 2 == 0:
                temperature = 20.1
            if i in spikes and temperature is not None:
                temperature += chance.choice([-30.0, 15.5, 40.0, 70.0])
            if kind == "holes" and chance.random() < 0.3:
                humidity = None
            if kind == "holes" and chance.random() < 0.1:
                temperature = None
            show = lambda v: "" if v is None else repr(v)
            f.write(f"{device},{time},{show(temperature)},{show(humidity)}\n")


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(*sys.argv[2:5])
    else:
        sys.exit(compare(*sys.argv[1:3]))
