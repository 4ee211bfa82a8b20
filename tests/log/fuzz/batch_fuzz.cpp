// Recovery on hostile bytes: a journal segment whose bytes the fuzzer writes over, checksums made right again.
#include "base/logger.hpp"
#include "log/format.hpp"
#include "log/tools.hpp"
#include "log/walk.hpp"

namespace {

using namespace skerry;

// A folder in memory with one segment.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(Buffer& bytes) : bytes_(bytes) {}
  Result<> write(std::uint64_t, Bytes) override { return {}; }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const auto count = std::min<std::uint64_t>(into.size(), bytes_.size() - offset);
    std::memcpy(into.data(), bytes_.data() + offset, count);
    return static_cast<std::size_t>(count);
  }
  Result<> sync() override { return {}; }
  Result<> truncate(std::uint64_t) override { return {}; }
  Result<std::uint64_t> size() override { return bytes_.size(); }

 private:
  Buffer& bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry::log;
  const Bytes input = std::as_bytes(std::span(data, size));
  static_cast<void>(decode_segment_page(input));
  // The input is a list of: 2 bytes of length, a batch's body. Each gets a header whose checksums fit.
  SegmentHeader header{.epoch = 1, .salt = 2};
  Buffer file(first_batch_at);
  Reader reader(input);
  Mark mark;
  while (reader.ok() && !reader.rest().empty()) {
    const auto count = reader.byte();
    const auto body = reader.take(std::min<std::size_t>(reader.le<std::uint16_t>(), reader.rest().size()));
    BatchHeader batch{.first = mark,
                      .body_bytes = static_cast<std::uint32_t>(body.size()),
                      .body_crc = salted_crc(body, header.salt)};
    batch.counts[count % 4] = count / 4U;
    file.resize(align_up(file.size(), count % 2 == 0 ? batch_align : page_bytes));
    const auto at = file.size();
    file.resize(at + batch_header_bytes);
    encode_batch_header(std::span(file).subspan(at), batch, header.epoch, header.salt);
    append_bytes(file, body);
    mark = batch.after();
    if (count % 7 == 0) mark.number += count;  // a hole
  }
  MemoryFile memory(file);
  BatchWalk walk(memory, header, file.size(), {});
  while (true) {
    const auto more = walk.next();
    if (!more || !*more) break;
    static_cast<void>(for_each_record(walk.batch().header, walk.batch().body,
                                      [](const record::RecordView& r) { return r.topic.size() <= 1 << 20; }));
  }
  static_cast<void>(walk.torn_bytes());
  return 0;
}
