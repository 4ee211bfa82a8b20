// Any bytes as a payload: a row or none, then through windows, casts and nested columns.
#include <cstdint>
#include <cstdlib>

#include "stream/json_out.hpp"
#include "stream/json_rows.hpp"
#include "stream/plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry::stream;
  static const auto plan = *Plan::make(R"(
    CREATE TABLE t (device_id STRING, a INT, b DOUBLE, c STRING, d DECIMAL(20, 4), e ROW<x DOUBLE, y ROW<z BIGINT>>, f BOOLEAN,
      `timestamp` TIMESTAMP_LTZ(3), WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '5' SECOND);
    SELECT *, e.y.z + a AS g, SUM(d) OVER w AS s, MAX(b) OVER w AS m, STDDEV_POP(b) OVER w AS v, MIN(c) OVER w AS n, CAST(b AS DECIMAL(10, 2)) AS h
    FROM t WINDOW w AS (PARTITION BY device_id ORDER BY `timestamp` RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW);)");
  static JsonRows rows = [] {
    JsonRows to;
    to.attach(*plan->tables()[0], true);
    return to;
  }();
  static Arena arena;
  static const RowJson json(plan->sinks()[0].rows->scope, TimeStyle::rfc3339, false);
  std::uint64_t wrong = 0;
  const skerry::Bytes payload(reinterpret_cast<const std::byte*>(data), size);
  plan->tables()[0]->begin_batch();
  if (!rows.add({"sensors/d/data", "d", payload, 1'767'225'600'000, 1}, RowMeta{}, arena, wrong)) return 0;
  plan->run(arena);
  std::string text = "{";
  const auto& out = plan->sinks()[0].rows->out;
  if (out.rows > 1) std::abort();
  for (std::size_t i = 0; i < out.rows; ++i) json.append_fields(text, out, i);
  arena.reset();
  return 0;
}
