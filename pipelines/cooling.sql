-- A temperature above 75 degrees asks the cooling controller for five minutes of cooling (requirements, section 4): a
-- CoAP POST to coap.cooling_controller. The gateway makes the call at most once; what came of it is a message on
-- actions/{device_id}/coap/result. Runs only where a controller is set.
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  temperature DOUBLE,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');

CREATE TABLE calls (
  device_id STRING,
  target STRING,
  path STRING,
  body ROW<action STRING, duration INT>
) WITH ('connector' = 'mqtt', 'topic' = 'actions/{device_id}/coap', 'format' = 'json');

INSERT INTO calls
SELECT device_id, 'cooling_controller', '/device/' || device_id || '/cool', ROW('start_cooling', 300)
FROM sensors
WHERE temperature > 75;
