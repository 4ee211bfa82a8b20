"""pcodec level 8 over the columns device number, sensor number, time, value of each batch; names not counted. Prints bytes a reading."""
import csv
import sys

import numpy
from pcodec import ChunkConfig, standalone

batch, path = int(sys.argv[1]), sys.argv[2]
with open(path, newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
numbers = {}
columns = [numpy.array([numbers.setdefault((name, r[name]), len(numbers)) for r in rows], dtype=numpy.uint32) for name in ("device", "sensor")]
columns += [numpy.array([int(r["time_ms"]) for r in rows], dtype=numpy.int64), numpy.array([float(r["value"]) for r in rows])]
size = sum(len(standalone.simple_compress(c[at:at + batch], ChunkConfig(compression_level=8))) for at in range(0, len(rows), batch) for c in columns)
print(size / len(rows))
