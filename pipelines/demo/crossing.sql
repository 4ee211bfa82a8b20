-- The street crossing (skerry up --demo crossing): people do not wait longer than 25 s, and green goes where the queue is.
-- The signal keeps its ten seconds by itself, whatever it is told, and has a programme of its own without us.
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  queue_total INT,
  queue_north INT,
  queue_south INT,
  queue_east INT,
  queue_west INT,
  pedestrian_wait_s INT,
  phase STRING,
  phase_s INT,
  `timestamp` TIMESTAMP_LTZ(3),
  WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '60' SECOND
) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');

CREATE TABLE alerts (
  device_id STRING,
  alert_type STRING,
  severity STRING,
  message STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'alerts/{device_id}', 'format' = 'json', 'payload' = 'alert');

-- An order to a signal is worth nothing a few seconds later.
CREATE TABLE commands (
  device_id STRING,
  command STRING,
  reason STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'commands/{device_id}', 'format' = 'json', 'payload' = 'command', 'ttl' = '3 s');

CREATE TEMPORARY VIEW streets AS
SELECT *, queue_north + queue_south AS ns, queue_east + queue_west AS ew FROM sensors WHERE phase IS NOT NULL;

CREATE TEMPORARY VIEW wanted AS
SELECT *,
  CASE
    WHEN phase <> 'walk' AND phase_s >= 10 AND pedestrian_wait_s >= 25 THEN 'walk'
    WHEN phase = 'ns' AND phase_s >= 15 AND ew >= 2 * ns + 4 THEN 'green_ew'
    WHEN phase = 'ew' AND phase_s >= 15 AND ns >= 2 * ew + 4 THEN 'green_ns'
  END AS command,
  queue_total > 45 AS crowded,
  COUNT(*) OVER last_60 = 60 AND MAX(queue_north) OVER last_60 = MIN(queue_north) OVER last_60
    AND MIN(queue_north) OVER last_60 > 0 AS stuck,
  MIN(GREATEST(queue_north, queue_south, queue_east, queue_west)) OVER last_24 > 12 AND COUNT(*) OVER last_24 = 24 AS blocked
FROM streets
WINDOW
  last_24 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 23 PRECEDING AND CURRENT ROW),
  last_60 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 59 PRECEDING AND CURRENT ROW);

CREATE TEMPORARY VIEW turned AS
SELECT *,
  crowded AND LAG(crowded) OVER by_device IS NOT TRUE AS is_crowded,
  stuck AND LAG(stuck) OVER by_device IS NOT TRUE AS is_stuck,
  blocked AND LAG(blocked) OVER by_device IS NOT TRUE AS is_blocked
FROM wanted
WINDOW by_device AS (PARTITION BY device_id ORDER BY `timestamp`);

EXECUTE STATEMENT SET
BEGIN
INSERT INTO commands
SELECT device_id, command,
  CASE WHEN command = 'walk' THEN 'people have waited ' || CAST(pedestrian_wait_s AS STRING) || ' s'
    ELSE 'queues: ' || CAST(ns AS STRING) || ' north-south, ' || CAST(ew AS STRING) || ' east-west' END,
  `timestamp`
FROM wanted WHERE command IS NOT NULL;

INSERT INTO alerts
SELECT device_id, 'congestion', 'medium', CAST(queue_total AS STRING) || ' vehicles wait', `timestamp`
FROM turned WHERE is_crowded;

INSERT INTO alerts
SELECT device_id, 'blocked_lane', 'high', 'one queue has been long for two minutes, green or not', `timestamp`
FROM turned WHERE is_blocked;

INSERT INTO alerts
SELECT device_id, 'detector_stuck', 'low', 'the north detector has said ' || CAST(queue_north AS STRING) || ' for five minutes',
  `timestamp`
FROM turned WHERE is_stuck;
END;
