-- The factory hall (skerry up --demo factory): a press that shakes three readings in a row, or is too hot, is stopped.
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  temperature DOUBLE,
  vibration DOUBLE,
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

CREATE TABLE commands (
  device_id STRING,
  command STRING,
  reason STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'commands/{device_id}', 'format' = 'json', 'payload' = 'command', 'ttl' = '10 s');

CREATE TEMPORARY VIEW judged AS
SELECT *,
  COUNT(vibration) OVER last_3 = 3 AND MIN(vibration) OVER last_3 > 0.15 AS shakes,
  temperature > 88 AS too_hot
FROM sensors
WINDOW last_3 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

CREATE TEMPORARY VIEW danger AS
SELECT *,
  CASE WHEN shakes THEN 'vibration ' || CAST(vibration AS STRING) || ' three times in a row'
    ELSE 'temperature ' || CAST(temperature AS STRING) END AS why
FROM (
  SELECT *, (shakes OR too_hot) AND LAG(shakes OR too_hot) OVER by_device IS NOT TRUE AS begins
  FROM judged
  WINDOW by_device AS (PARTITION BY device_id ORDER BY `timestamp`))
WHERE begins;

EXECUTE STATEMENT SET
BEGIN
INSERT INTO alerts SELECT device_id, 'emergency', 'high', why || ': stopped', `timestamp` FROM danger;
INSERT INTO commands SELECT device_id, 'emergency_stop', why, `timestamp` FROM danger;
END;
