-- How far a temperature stands from the last five minutes of its device, and what is done about it (requirements,
-- section 5). Score: |x - mean| / std / 3 of the history without x, at most 1; 0 with fewer than five readings in the
-- window, or where the history does not vary. Over 0.8 an alert, over 0.9 a command too; statistics from ten readings.
--
-- Exact whatever the size of the values: x = cell * 1e6 + rest, both whole numbers (the rest in steps of 1e-10), so the
-- sums are exact DECIMALs and nothing is lost where large values differ by little. Should 38 digits not do (values
-- millions apart), the sum is NULL and the same is computed with DOUBLE, which then is good enough.
CREATE TABLE sensors (
  device_id STRING METADATA VIRTUAL,
  temperature DOUBLE,
  humidity DOUBLE,
  `timestamp` TIMESTAMP_LTZ(3),
  WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '60' SECOND
) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');

CREATE TABLE alerts (
  device_id STRING,
  alert_type STRING,
  severity STRING,
  message STRING,
  anomaly_score DOUBLE,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'alerts/{device_id}', 'format' = 'json', 'payload' = 'alert');

CREATE TABLE commands (
  device_id STRING,
  command STRING,
  reason STRING,
  `timestamp` TIMESTAMP_LTZ(3)
) WITH ('connector' = 'mqtt', 'topic' = 'commands/{device_id}', 'format' = 'json', 'payload' = 'command', 'ttl' = '30 s');

CREATE TABLE analytics (
  device_id STRING,
  window_start TIMESTAMP_LTZ(3),
  window_end TIMESTAMP_LTZ(3),
  sample_count BIGINT,
  temperature ROW<mean DOUBLE, `max` DOUBLE, `min` DOUBLE, std DOUBLE>,
  humidity ROW<mean DOUBLE, `max` DOUBLE, `min` DOUBLE, std DOUBLE>
) WITH ('connector' = 'mqtt', 'topic' = 'analytics/{device_id}', 'format' = 'json');

-- A reading without a temperature has no score and counts in no mean. One without a humidity keeps its temperature.
CREATE TEMPORARY VIEW sound AS
SELECT device_id, `timestamp`, temperature AS t, CASE WHEN ABS(humidity) < 1e10 THEN humidity END AS h
FROM sensors
WHERE ABS(temperature) < 1e10;

CREATE TEMPORARY VIEW cells AS
SELECT *, ROUND(t / 1e6) AS t_cell, ROUND(h / 1e6) AS h_cell FROM sound;

CREATE TEMPORARY VIEW exact AS
SELECT device_id, `timestamp`, t, h,
  CAST(t_cell AS DECIMAL(5, 0)) AS tc, CAST(ROUND((t - t_cell * 1e6) * 1e10) AS DECIMAL(17, 0)) AS tr,
  CAST(h_cell AS DECIMAL(5, 0)) AS hc, CAST(ROUND((h - h_cell * 1e6) * 1e10) AS DECIMAL(17, 0)) AS hr
FROM cells;

CREATE TEMPORARY VIEW windowed AS
SELECT *,
  COUNT(*) OVER w AS n, SUM(tc) OVER w AS sc, SUM(tr) OVER w AS sr,
  SUM(tc * tc) OVER w AS scc, SUM(tc * tr) OVER w AS scr, SUM(tr * tr) OVER w AS srr,
  MAX(t) OVER w AS t_max, MIN(t) OVER w AS t_min,
  COUNT(h) OVER w AS hn, SUM(hc) OVER w AS hsc, SUM(hr) OVER w AS hsr,
  SUM(hc * hc) OVER w AS hscc, SUM(hc * hr) OVER w AS hscr, SUM(hr * hr) OVER w AS hsrr,
  MAX(h) OVER w AS h_max, MIN(h) OVER w AS h_min,
  FIRST_VALUE(CAST(`timestamp` AS TIMESTAMP_LTZ(6))) OVER w AS window_start
FROM exact
WINDOW w AS (
  PARTITION BY device_id ORDER BY `timestamp`
  RANGE BETWEEN INTERVAL '5' MINUTE PRECEDING AND CURRENT ROW);

-- The history is the window without this row: n - 1 readings. a, b, c: its squares about the mean times (n - 1) squared,
-- for cells, cells with rests, and rests; d: (n - 1) times the distance of this row from the history's mean.
CREATE TEMPORARY VIEW history AS
SELECT *,
  (n - 1) * (scc - tc * tc) - (sc - tc) * (sc - tc) AS a,
  (n - 1) * (scr - tc * tr) - (sc - tc) * (sr - tr) AS b,
  (n - 1) * (srr - tr * tr) - (sr - tr) * (sr - tr) AS c,
  ((n - 1) * tc - (sc - tc)) * 10000000000000000 + ((n - 1) * tr - (sr - tr)) AS d
FROM windowed;

CREATE TEMPORARY VIEW spread AS
SELECT *,
  COALESCE(
    CAST(a * 100000000000000000000000000000000 + b * 20000000000000000 + c AS DOUBLE),
    CAST(a AS DOUBLE) * 1e32 + CAST(b AS DOUBLE) * 2e16 + CAST(c AS DOUBLE)) AS m2
FROM history;

CREATE TEMPORARY VIEW scored AS
SELECT *,
  CASE WHEN n < 5 OR m2 <= 0e0 THEN 0e0
    ELSE LEAST(ABS(CAST(d AS DOUBLE)) / SQRT(m2) / 3e0, 1e0) END AS score
FROM spread;

CREATE TEMPORARY VIEW full_windows AS
SELECT *,
  n * scc - sc * sc AS ta, n * scr - sc * sr AS tb, n * srr - sr * sr AS td,
  hn * hscc - hsc * hsc AS ha, hn * hscr - hsc * hsr AS hb, hn * hsrr - hsr * hsr AS hd
FROM scored
WHERE n >= 10;

EXECUTE STATEMENT SET
BEGIN
INSERT INTO alerts
SELECT device_id, 'anomaly_detection', CASE WHEN score > 0.9e0 THEN 'high' ELSE 'medium' END,
  'temperature ' || CAST(t AS STRING) || ' is unlike the last 5 minutes', score, `timestamp`
FROM scored
WHERE score > 0.8e0;

INSERT INTO commands
SELECT device_id, CASE WHEN t > 85 THEN 'shutdown' ELSE 'throttle' END, 'emergency_response', `timestamp`
FROM scored
WHERE score > 0.9e0;

INSERT INTO analytics
SELECT device_id, CAST(window_start AS TIMESTAMP_LTZ(3)), CAST(`timestamp` AS TIMESTAMP_LTZ(3)), n,
  ROW(CAST(sc * 10000000000000000 + sr AS DOUBLE) / n / 1e10, t_max, t_min,
    SQRT(COALESCE(
      CAST(ta * 100000000000000000000000000000000 + tb * 20000000000000000 + td AS DOUBLE),
      CAST(ta AS DOUBLE) * 1e32 + CAST(tb AS DOUBLE) * 2e16 + CAST(td AS DOUBLE))) / n / 1e10),
  ROW(CAST(hsc * 10000000000000000 + hsr AS DOUBLE) / hn / 1e10, h_max, h_min,
    SQRT(COALESCE(
      CAST(ha * 100000000000000000000000000000000 + hb * 20000000000000000 + hd AS DOUBLE),
      CAST(ha AS DOUBLE) * 1e32 + CAST(hb AS DOUBLE) * 2e16 + CAST(hd AS DOUBLE))) / hn / 1e10)
FROM full_windows;
END;
