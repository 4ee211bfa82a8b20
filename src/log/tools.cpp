// verify, inspect and dump over a log's folder.
#include "log/tools.hpp"

#include <algorithm>
#include <cstdio>

#include "codec/json.hpp"
#include "log/epochs.hpp"
#include "log/folder.hpp"
#include "log/gaps.hpp"
#include "log/shapes.hpp"

namespace skerry::log {
namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }
std::string time_text(Wall time) { return format_rfc3339(to_event(time)); }

// The journal's records in order, told of what is missing.
Result<std::uint64_t> walk_segment(Files& files, const Folder& folder, std::size_t at,
                                   const std::function<bool(const BatchHeader&, const RecordView&)>& use,
                                   const std::function<void(const BatchHeader&)>& batch, const Sink& wrong) {
  const auto& segment = folder.segments[at];
  const auto file = TRY(files.open(segment.path, Files::Mode::read));
  BatchWalk walk(*file, *segment.header, segment.file_bytes,
                 {.number = segment.header->first.number, .end_number = folder.end_number(at)});
  bool go_on = true;
  while (go_on && TRY(walk.next())) {
    const auto& found = walk.batch();
    batch(found.header);
    const auto read = for_each_record(found.header, found.body, [&](const RecordView& r) {
      go_on = use(found.header, r);
      return go_on;
    });
    if (!read) wrong(segment.path + ": batch " + number(found.header.first.number) + ": " + read.error().what + "\n");
  }
  return go_on ? TRY(walk.torn_bytes()) : 0;
}

// Positions rise and offsets follow each other, across blocks and segments.
class Order {
 public:
  Order(Verified& verified, const Sink& sink, const Gaps& gaps) : verified_(verified), sink_(sink), gaps_(gaps) {}

  void next_of_class(const RecordView& r, const std::string& where) {
    ++verified_.records;
    const auto c = static_cast<std::size_t>(r.cls);
    if (seen_[c] && r.position <= last_[c])
      problem(where + ": position " + number(r.position.value) + " is out of order");
    if (r.offset.value != next_[c]) gap(r, c, where);
    seen_[c] = true;
    last_[c] = r.position;
    next_[c] = r.offset.value + 1;
  }
  void problem(const std::string& text) {
    ++verified_.problems;
    sink_(text + "\n");
  }

 private:
  void gap(const RecordView& r, std::size_t c, const std::string& where) {
    const auto name = std::string(record::name(r.cls));
    if (r.offset.value > next_[c] && gaps_.covers(r.cls, {next_[c]}, r.offset))
      verified_.gone += r.offset.value - next_[c];
    else if (r.offset.value < next_[c])
      problem(where + ": " + name + " offset " + number(r.offset.value) + " stands twice");
    else
      problem(where + ": " + name + " offsets " + number(next_[c]) + " to " + number(r.offset.value - 1) +
              " are missing");
  }

  Verified& verified_;
  const Sink& sink_;
  const Gaps& gaps_;
  std::array<bool, record::class_count> seen_{};
  std::array<Position, record::class_count> last_{};
  std::array<std::uint64_t, record::class_count> next_{};
};

// Gaps and epochs, a line each.
Result<> tell_history(Files& files, std::string_view dir, std::uint64_t origin, const Sink& sink) {
  Epochs epochs(files, join_path(dir, "epochs"), {});
  TRY(epochs.load(origin, 0));
  for (const auto& e : epochs.all()) {
    if (e.why.empty()) continue;
    sink("epoch    " + hex16(e.id) + " from position " + number(e.from.value) + "  " + time_text(e.at) + "  " + e.why +
         "\n");
  }
  Gaps gaps(files, join_path(dir, "gaps"), {});
  gaps.load();
  for (const auto& g : gaps.all()) {
    sink("gap      " + std::string(record::name(g.cls)) + " offsets " + number(g.from.value) + ".." +
         number(g.to.value) + "  " + number(g.records()) + " records  " + std::string(name(g.reason)) + "  declared " +
         time_text(g.at) + "\n");
  }
  return {};
}

// From the oldest block's first record to the newest's last: what they cover, and what the rest of the disk would.
Result<> tell_span(Files& files, std::string_view dir, const Folder& folder, std::uint64_t block_bytes,
                   const Sink& sink) {
  Wall oldest = Wall::max();
  Wall newest{};
  std::uint64_t spanned = 0;
  for (const auto& b : folder.blocks) {
    if (b.name.cls == Class::low) continue;  // goes by age
    spanned += b.file_bytes;
    if (b.name.first != folder.blocks.front().name.first && b.name.first != folder.blocks.back().name.first) continue;
    const auto file = BlockFile::open(files, b.path, folder.epoch);
    if (!file) continue;  // verify tells
    oldest = std::min(oldest, (*file)->chunks().front().first_append);
    newest = std::max(newest, (*file)->chunks().back().last_append);
  }
  if (newest <= oldest) return {};
  const auto hours = std::chrono::duration<double>(newest - oldest).count() / 3600;
  const auto free = TRY(files.space(dir)).free_bytes;
  const auto left = hours * static_cast<double>(free) / static_cast<double>(std::max<std::uint64_t>(spanned, 1));
  char text[160];
  std::snprintf(text, sizeof text,
                "blocks of %.1f h in %llu bytes; the disk's free space holds %.0f h more at that rate\n", hours,
                static_cast<unsigned long long>(block_bytes), left);
  sink(text);
  return {};
}

std::string json_line(const RecordView& r, const Shapes& shapes) {
  static constexpr const char* kinds[] = {"message", "session", "delivery", "fate", "config", "gap"};
  std::string line = R"({"position":)" + number(r.position.value) + R"(,"class":")" + std::string(record::name(r.cls)) +
                     R"(","offset":)" + number(r.offset.value) + R"(,"appended_at":")" + time_text(r.appended_at) +
                     R"(","kind":")" + kinds[static_cast<std::size_t>(r.kind)] + R"(","topic":)";
  codec::append_json_string(line, r.topic);
  line += R"(,"qos":)" + number(r.qos);
  if (r.retain) line += R"(,"retain":true)";
  if (!r.origin.empty()) {
    line += R"(,"origin":)";
    codec::append_json_string(line, r.origin);
  }
  if (r.cause) line += R"(,"cause":)" + number(r.cause->value);
  if (r.expires_at) line += R"(,"expires_at":")" + time_text(*r.expires_at) + '"';
  line += R"(,"payload":)";
  if (r.row)
    shapes.append_json(line, r.payload);
  else
    codec::append_json_payload(line, r.payload);
  return line + "}\n";
}

}  // namespace

Result<Verified> verify(Files& files, std::string_view dir, const Sink& sink) {
  const auto folder = TRY(Folder::read(files, dir));
  Verified verified;
  Gaps gaps(files, join_path(dir, "gaps"), {});
  gaps.load();
  Order order(verified, sink, gaps);
  for (const auto& block : folder.blocks) {
    ++verified.blocks;
    const auto file = BlockFile::open(files, block.path, folder.epoch);
    if (!file) {
      order.problem(file.error().text());
      continue;
    }
    const auto told = (*file)->verify([&](std::string what) { order.problem(what); });
    if (!told) order.problem(told.error().text());
    for (std::size_t i = 0; i < (*file)->chunks().size(); ++i) {
      const auto chunk = (*file)->read(i);
      if (!chunk) continue;  // told above
      for (const auto& r : chunk->records()) {
        if (r.cls != block.name.cls) order.problem(block.path + ": a record of another class");
        order.next_of_class(r, block.path);
      }
    }
  }
  for (std::size_t i = 0; i < folder.segments.size(); ++i) {
    const auto& segment = folder.segments[i];
    ++verified.segments;
    if (!segment.header) {
      order.problem(segment.path + ": " + segment.wrong);
      continue;
    }
    auto expected = segment.header->first;
    const auto batch = [&](const BatchHeader& header) {
      ++verified.batches;
      if (header.first.number != expected.number) {
        order.problem(segment.path + ": batches " + number(expected.number) + " to " + number(header.first.number - 1) +
                      " are damaged, " + number(header.first.position - expected.position) + " records");
      }
      expected = header.after();
    };
    const auto torn = walk_segment(
        files, folder, i,
        [&](const BatchHeader&, const RecordView& r) {
          order.next_of_class(r, segment.path);
          return true;
        },
        batch, [&](std::string_view line) { order.problem(std::string(line.substr(0, line.size() - 1))); });
    if (!torn) order.problem(torn.error().text());
    if (folder.end_number(i) != BatchWalk::no_end && expected.number < folder.end_number(i)) {
      order.problem(segment.path + ": batches " + number(expected.number) + " to " + number(folder.end_number(i) - 1) +
                    " are damaged");
    }
    if (torn && folder.end_number(i) == BatchWalk::no_end) verified.torn_bytes = *torn;
  }
  return verified;
}

Result<> inspect(Files& files, std::string_view dir, const Sink& sink) {
  const auto folder = TRY(Folder::read(files, dir));
  sink("epoch " + hex16(folder.epoch) + "\n");
  std::uint64_t block_bytes = 0;
  std::uint64_t journal_bytes = 0;
  for (const auto& b : folder.blocks) {
    block_bytes += b.file_bytes;
    sink("block    positions " + number(b.name.first.value) + ".." + number(b.name.end.value) + "  " +
         std::string(record::name(b.name.cls)) + "  events " + format_rfc3339(b.name.earliest) + " .. " +
         format_rfc3339(b.name.latest) + "  " + number(b.file_bytes) + " bytes\n");
  }
  for (const auto& s : folder.segments) {
    journal_bytes += s.file_bytes;
    if (!s.header) {
      sink("segment  " + s.path + "  " + s.wrong + "\n");
      continue;
    }
    std::string line = "segment  from position " + number(s.header->first.position.value) + ", batch " +
                       number(s.header->first.number) + "  made " + time_text(s.header->made_at) + "  offsets";
    for (const auto offset : s.header->first.offsets) line += " " + number(offset);
    sink(line + "  " + number(s.file_bytes) + " bytes\n");
  }
  TRY(tell_history(files, dir, folder.epoch, sink));
  TRY(tell_span(files, dir, folder, block_bytes, sink));
  sink(number(folder.segments.size()) + " segments, " + number(journal_bytes) + " bytes; " +
       number(folder.blocks.size()) + " block files, " + number(block_bytes) + " bytes; " +
       number(folder.free_segments) + " free segments; " + number(folder.half_made) + " files that do not count\n");
  return {};
}

Result<std::uint64_t> dump(Files& files, std::string_view dir, const DumpOptions& options, const Sink& sink) {
  const auto folder = TRY(Folder::read(files, dir));
  Shapes shapes(files, join_path(dir, "shapes"));
  shapes.load();
  std::uint64_t count = 0;
  const auto give = [&](const RecordView& r) {
    if (count >= options.limit) return false;
    if (r.position < options.from || (options.classes & record::mask(r.cls)) == 0) return true;
    sink(json_line(r, shapes));
    return ++count < options.limit;
  };
  // The block files that were one segment are put together again: at most its bytes in memory.
  for (auto at = folder.blocks.begin(); at != folder.blocks.end() && count < options.limit;) {
    auto end = at;
    std::vector<RecordView> records;
    std::vector<Chunk> owners;
    for (; end != folder.blocks.end() && end->name.first == at->name.first; ++end) {
      if (end->name.end <= options.from || (options.classes & record::mask(end->name.cls)) == 0) continue;
      const auto file = BlockFile::open(files, end->path, folder.epoch);
      if (!file) continue;  // verify tells
      for (std::size_t i = 0; i < (*file)->chunks().size(); ++i) {
        auto chunk = (*file)->read(i);
        if (!chunk) continue;
        records.insert(records.end(), chunk->records().begin(), chunk->records().end());
        owners.push_back(std::move(*chunk));
      }
    }
    std::ranges::sort(records, {}, &RecordView::position);
    for (const auto& r : records) {
      if (!give(r)) break;
    }
    at = end;
  }
  for (std::size_t i = 0; i < folder.segments.size() && count < options.limit; ++i) {
    if (!folder.segments[i].header) continue;
    TRY(walk_segment(
        files, folder, i, [&](const BatchHeader&, const RecordView& r) { return give(r); }, [](const BatchHeader&) {},
        [](std::string_view) {}));
  }
  return count;
}

}  // namespace skerry::log
