-- A reading above 80 degrees is an alert of its own (requirements, section 4).
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  temperature DOUBLE,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');

CREATE TABLE alerts (
  device_id STRING,
  alert_type STRING,
  severity STRING,
  message STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'alerts/{device_id}', 'format' = 'json', 'payload' = 'alert');

INSERT INTO alerts
SELECT device_id, 'high_temperature', 'high',
  'temperature ' || CAST(temperature AS STRING) || ' is above 80', `timestamp`
FROM sensors
WHERE temperature > 80;
