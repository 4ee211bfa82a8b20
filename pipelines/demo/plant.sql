-- The simulated plant (skerry up --demo plant): what the shipped rules do not look at. Worn bearings, a sensor that says
-- the same again and again, one that was set anew, a machine that leaves the network, one too hot to go on.
-- Each rule speaks once when its condition becomes true. Anomalies and more than 80 degrees: the shipped pipelines.
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  temperature DOUBLE,
  vibration DOUBLE,
  pressure DOUBLE,
  `timestamp` TIMESTAMP_LTZ(3),
  WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '60' SECOND
) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');

CREATE TABLE status (
  device_id STRING METADATA VIRTUAL,
  status STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'devices/+/status', 'format' = 'json');

CREATE TABLE alerts (
  device_id STRING,
  alert_type STRING,
  severity STRING,
  message STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'alerts/{device_id}', 'format' = 'json', 'payload' = 'alert');

CREATE TABLE commands (
  device_id STRING,
  command STRING,
  reason STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'commands/{device_id}', 'format' = 'json', 'payload' = 'command', 'ttl' = '30 s');

CREATE TEMPORARY VIEW windowed AS
SELECT *,
  AVG(vibration) OVER last_10 AS shaking,
  AVG(pressure) OVER last_5 AS pressure_now, AVG(pressure) OVER last_25 AS pressure_before, COUNT(*) OVER last_25 AS n,
  MAX(temperature) OVER last_20 AS t_max, MIN(temperature) OVER last_20 AS t_min, COUNT(temperature) OVER last_20 AS t_n,
  TIMESTAMPDIFF(SECOND, LAG(`timestamp`) OVER by_device, `timestamp`) AS gap_s,
  TIMESTAMPDIFF(SECOND, LAG(`timestamp`, 21) OVER by_device, LAG(`timestamp`) OVER by_device) / 20e0 AS usual_s
FROM sensors
WINDOW
  by_device AS (PARTITION BY device_id ORDER BY `timestamp`),
  last_5 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 4 PRECEDING AND CURRENT ROW),
  last_10 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 9 PRECEDING AND CURRENT ROW),
  last_20 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 19 PRECEDING AND CURRENT ROW),
  last_25 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 24 PRECEDING AND CURRENT ROW);

CREATE TEMPORARY VIEW judged AS
SELECT *,
  shaking > 0.075 AS worn,
  t_n = 20 AND t_max = t_min AS stuck,
  n = 25 AND ABS(pressure_now - pressure_before) > 10 AS stepped,
  temperature > 86 AS too_hot
FROM windowed;

CREATE TEMPORARY VIEW turned AS
SELECT *,
  worn AND LAG(worn) OVER by_device IS NOT TRUE AS is_worn,
  stuck AND LAG(stuck) OVER by_device IS NOT TRUE AS is_stuck,
  stepped AND LAG(stepped) OVER by_device IS NOT TRUE AS has_stepped,
  too_hot AND LAG(too_hot) OVER by_device IS NOT TRUE AS is_too_hot
FROM judged
WINDOW by_device AS (PARTITION BY device_id ORDER BY `timestamp`);

EXECUTE STATEMENT SET
BEGIN
INSERT INTO alerts
SELECT device_id, 'bearing_wear', 'medium', 'vibration has risen to ' || CAST(ROUND(shaking, 3) AS STRING), `timestamp`
FROM turned WHERE is_worn;

INSERT INTO commands
SELECT device_id, 'throttle', 'bearing_wear', `timestamp` FROM turned WHERE is_worn;

INSERT INTO alerts
SELECT device_id, 'overheating', 'high', 'temperature ' || CAST(temperature AS STRING) || ': it must stop', `timestamp`
FROM turned WHERE is_too_hot;

INSERT INTO commands
SELECT device_id, 'shutdown', 'overheating', `timestamp` FROM turned WHERE is_too_hot;

INSERT INTO alerts
SELECT device_id, 'stuck_sensor', 'medium', 'twenty times the same: ' || CAST(temperature AS STRING), `timestamp`
FROM turned WHERE is_stuck;

INSERT INTO alerts
SELECT device_id, 'calibration_step', 'low',
  'pressure went from ' || CAST(ROUND(pressure_before) AS STRING) || ' to ' || CAST(ROUND(pressure) AS STRING) || ' at once',
  `timestamp`
FROM turned WHERE has_stepped;

INSERT INTO alerts
SELECT device_id, 'drop_out', 'low', 'back after ' || CAST(gap_s AS STRING) || ' s of silence', `timestamp`
FROM turned WHERE gap_s > GREATEST(10e0, 8e0 * usual_s);

INSERT INTO alerts
SELECT device_id, 'device_offline', 'medium', 'left the network without a word', `timestamp`
FROM status WHERE status = 'offline';
END;
