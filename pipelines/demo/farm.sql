-- The farm (skerry up --demo farm): dry soil is watered until it is moist. A valve that fails to open is closed again: the
-- command carries its own compensation. Water that flows through a closed valve is a leak; frost and stuck probes are told.
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  soil_moisture DOUBLE,
  air_temperature DOUBLE,
  flow DOUBLE,
  valve STRING,
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
  compensation ROW<command STRING>,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'commands/{device_id}', 'format' = 'json', 'payload' = 'command', 'ttl' = '30 s');

CREATE TEMPORARY VIEW judged AS
SELECT *,
  valve = 'closed' AND soil_moisture < 22 AS dry,
  valve = 'open' AND soil_moisture > 32 AS moist,
  valve = 'closed' AND flow > 2 AS leaks,
  air_temperature < 2 AS freezes,
  COUNT(soil_moisture) OVER last_30 = 30 AND MAX(soil_moisture) OVER last_30 = MIN(soil_moisture) OVER last_30 AS stuck,
  ROW_NUMBER() OVER by_device AS n
FROM sensors
WINDOW
  by_device AS (PARTITION BY device_id ORDER BY `timestamp`),
  last_30 AS (PARTITION BY device_id ORDER BY `timestamp` ROWS BETWEEN 29 PRECEDING AND CURRENT ROW);

-- Said once; an order that did not help is given again every 18 readings.
CREATE TEMPORARY VIEW turned AS
SELECT *,
  dry AND (LAG(dry) OVER by_device IS NOT TRUE OR MOD(n, 18) = 0) AS open_it,
  moist AND (LAG(moist) OVER by_device IS NOT TRUE OR MOD(n, 18) = 0) AS close_it,
  leaks AND LAG(leaks) OVER by_device IS NOT TRUE AS begins_to_leak,
  freezes AND LAG(freezes) OVER by_device IS NOT TRUE AS begins_to_freeze,
  stuck AND LAG(stuck) OVER by_device IS NOT TRUE AS is_stuck
FROM judged
WINDOW by_device AS (PARTITION BY device_id ORDER BY `timestamp`);

EXECUTE STATEMENT SET
BEGIN
INSERT INTO commands
SELECT device_id, 'open_valve', 'soil moisture ' || CAST(soil_moisture AS STRING) || ' %', ROW('close_valve'), `timestamp`
FROM turned WHERE open_it;

INSERT INTO commands (device_id, command, reason, `timestamp`)
SELECT device_id, 'close_valve', 'soil moisture ' || CAST(soil_moisture AS STRING) || ' %', `timestamp`
FROM turned WHERE close_it;

INSERT INTO alerts
SELECT device_id, 'dry_soil', 'low', 'soil moisture ' || CAST(soil_moisture AS STRING) || ' %', `timestamp`
FROM turned WHERE open_it;

INSERT INTO alerts
SELECT device_id, 'leak', 'high', CAST(flow AS STRING) || ' l/min through a closed valve', `timestamp`
FROM turned WHERE begins_to_leak;

INSERT INTO alerts
SELECT device_id, 'frost', 'medium', 'air at ' || CAST(air_temperature AS STRING) || ' degrees', `timestamp`
FROM turned WHERE begins_to_freeze;

INSERT INTO alerts
SELECT device_id, 'stuck_sensor', 'medium', 'thirty times the same: ' || CAST(soil_moisture AS STRING), `timestamp`
FROM turned WHERE is_stuck;
END;
