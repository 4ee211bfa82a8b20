// tar (POSIX.1-2017 pax, "ustar Interchange Format") in zstd (RFC 8878).
#include "cli/archive.hpp"

#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/crc32c.hpp"
#include "base/files.hpp"

namespace skerry::cli {
namespace {

constexpr std::size_t page = 512;  // of tar
constexpr std::string_view manifest_name = "skerry-backup.json";
constexpr int manifest_format = 1;
constexpr std::uint64_t manifest_bytes_max = 64 * MiB;
constexpr int level = 3;

struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field name_field{0, 100};
constexpr Field mode_field{100, 8};
constexpr Field uid_field{108, 8};
constexpr Field gid_field{116, 8};
constexpr Field size_field{124, 12};
constexpr Field time_field{136, 12};
constexpr Field sum_field{148, 8};
constexpr std::size_t type_at = 156;
constexpr Field magic_field{257, 8};
constexpr Field prefix_field{345, 155};
using Header = std::array<char, page>;

void put_octal(Header& header, Field field, std::uint64_t value) {
  for (auto i = field.size - 1; i > 0; --i, value >>= 3)
    header[field.at + i - 1] = static_cast<char>('0' + (value & 7));
}

std::uint64_t octal(const Header& header, Field field) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size; ++i) {
    const char c = header[field.at + i];
    if (c >= '0' && c <= '7') value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::uint64_t checksum(Header header) {
  std::memset(header.data() + sum_field.at, ' ', sum_field.size);
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  return sum;
}

Result<Header> header_of(const std::string& name, std::uint64_t bytes, std::uint32_t mode) {
  Header header{};
  std::string_view base = name;
  std::string_view prefix;
  if (name.size() > name_field.size) {
    const auto cut = name.rfind('/', prefix_field.size);
    if (cut == std::string::npos || name.size() - cut - 1 > name_field.size)
      return fail(Code::unsupported, "is too long a name for an archive", name);
    prefix = base.substr(0, cut);
    base = base.substr(cut + 1);
  }
  if (bytes >= std::uint64_t{1} << 33) return fail(Code::unsupported, "is a file of more than 8 GiB", name);
  std::ranges::copy(base, header.begin() + name_field.at);
  std::ranges::copy(prefix, header.begin() + prefix_field.at);
  put_octal(header, mode_field, mode & 0777U);
  put_octal(header, uid_field, 0);
  put_octal(header, gid_field, 0);
  put_octal(header, size_field, bytes);
  put_octal(header, time_field, 0);
  header[type_at] = '0';
  std::memcpy(header.data() + magic_field.at, "ustar\00000", magic_field.size);
  put_octal(header, {sum_field.at, 7}, checksum(header));
  header[sum_field.at + 7] = ' ';
  return header;
}

std::string text_of(const Header& header, Field field) {
  const char* at = header.data() + field.at;
  return {at, ::strnlen(at, field.size)};
}

std::string manifest_text(const Manifest& manifest) {
  nlohmann::ordered_json all{{"format", manifest_format},         {"version", manifest.version},
                             {"gateway_id", manifest.gateway_id}, {"made_at", manifest.made_at},
                             {"position", manifest.position},     {"files", nlohmann::ordered_json::array()}};
  for (const auto& file : manifest.files)
    all["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"crc32c", file.crc}});
  return all.dump(1) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto all = nlohmann::json::parse(text, nullptr, false);
  Manifest manifest;
  try {
    if (all.at("format").get<int>() > manifest_format)
      return fail(Code::unsupported, "a newer program wrote this backup");
    manifest.version = all.at("version").get<std::string>();
    manifest.gateway_id = all.at("gateway_id").get<std::string>();
    manifest.made_at = all.at("made_at").get<std::string>();
    manifest.position = all.at("position").get<std::int64_t>();
    for (const auto& file : all.at("files"))
      manifest.files.push_back({file.at("name").get<std::string>(), file.at("bytes").get<std::uint64_t>(),
                                file.at("crc32c").get<std::uint32_t>()});
  } catch (const nlohmann::json::exception&) {
    return fail(Code::damaged, "its list of files cannot be read");
  }
  return manifest;
}

class Writer final : public ArchiveWriter {
 public:
  explicit Writer(std::FILE* to) : to_(to), zstd_(ZSTD_createCCtx()), out_(ZSTD_CStreamOutSize()) {
    ZSTD_CCtx_setParameter(zstd_, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(zstd_, ZSTD_c_checksumFlag, 1);
  }
  ~Writer() override { ZSTD_freeCCtx(zstd_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Result<> add(const std::string& name, const std::string& path) override {
    auto file = TRY(system_files().open(path, Files::Mode::read));
    struct stat status {};
    const std::uint32_t mode = ::stat(path.c_str(), &status) == 0 ? status.st_mode : 0640;
    const auto size = TRY(file->size());
    const auto header = TRY(header_of(name, size, mode));
    TRY(put(as_bytes(header)));
    Manifest::File listed{.name = name, .bytes = size};
    Buffer buffer(256 * KiB);
    for (std::uint64_t at = 0; at < size;) {
      const auto want = std::min<std::uint64_t>(buffer.size(), size - at);
      const auto got = TRY(file->read(at, std::span(buffer).first(want)));
      if (got == 0) return fail(Code::io, "became shorter while it was read", path);
      const auto bytes = Bytes(buffer).first(got);
      listed.crc = crc32c(bytes, listed.crc);
      TRY(put(bytes));
      at += got;
    }
    files_.push_back(std::move(listed));
    return pad(size);
  }

  Result<> finish(Manifest manifest) override {
    manifest.files = std::move(files_);
    const auto text = manifest_text(manifest);
    const auto header = TRY(header_of(std::string(manifest_name), text.size(), 0640));
    TRY(put(as_bytes(header)));
    TRY(put(skerry::as_bytes(text)));
    TRY(pad(text.size()));
    TRY(put(Buffer(2 * page)));
    TRY(compress({}, ZSTD_e_end));
    if (std::fflush(to_) != 0) return fail(Code::io, std::strerror(errno), "backup");
    return {};
  }

 private:
  static Bytes as_bytes(const Header& header) { return std::as_bytes(std::span(header)); }
  Result<> put(Bytes bytes) { return compress(bytes, ZSTD_e_continue); }
  Result<> pad(std::uint64_t size) { return put(Buffer((page - size % page) % page)); }
  Result<> compress(Bytes bytes, ZSTD_EndDirective how) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      left = ZSTD_compressStream2(zstd_, &out, &in, how);
      if (ZSTD_isError(left) != 0) return fail(Code::io, ZSTD_getErrorName(left), "backup");
      if (std::fwrite(out.dst, 1, out.pos, to_) != out.pos)
        return fail(errno == ENOSPC ? Code::full : Code::io, std::strerror(errno), "backup");
    } while (how == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return {};
  }

  std::FILE* to_;
  ZSTD_CCtx* zstd_;
  Buffer out_;
  std::vector<Manifest::File> files_;
};

// The plain bytes of the stream, as many as asked for.
class Unpacked {
 public:
  explicit Unpacked(std::FILE* from) : from_(from), zstd_(ZSTD_createDCtx()), raw_(ZSTD_DStreamInSize()) {}
  ~Unpacked() { ZSTD_freeDCtx(zstd_); }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;

  Result<std::size_t> read(std::span<std::byte> into) {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos < out.size) {
      if (in_.pos == in_.size) {
        const auto got = std::fread(raw_.data(), 1, raw_.size(), from_);
        if (got == 0) {
          if (std::ferror(from_) != 0) return fail(Code::io, std::strerror(errno), "backup");
          if (!whole_) return fail(Code::damaged, "the backup is cut short");
          break;
        }
        in_ = {raw_.data(), got, 0};
      }
      const auto left = ZSTD_decompressStream(zstd_, &out, &in_);
      if (ZSTD_isError(left) != 0)
        return fail(Code::damaged, std::string("the backup is damaged: ") + ZSTD_getErrorName(left));
      whole_ = left == 0;
    }
    return out.pos;
  }
  Result<> exactly(std::span<std::byte> into) {
    if (TRY(read(into)) != into.size()) return fail(Code::damaged, "the backup is cut short");
    return {};
  }

 private:
  std::FILE* from_;
  ZSTD_DCtx* zstd_;
  Buffer raw_;
  ZSTD_inBuffer in_{};
  bool whole_ = false;
};

bool is_safe(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  while (!name.empty()) {
    const auto part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    name.remove_prefix(std::min(name.size(), part.size() + 1));
  }
  return true;
}

Result<> compare(const Manifest& manifest, const std::map<std::string, Manifest::File>& found) {
  if (manifest.files.size() != found.size()) return fail(Code::damaged, "the backup holds other files than it lists");
  for (const auto& file : manifest.files) {
    const auto at = found.find(file.name);
    if (at == found.end()) return fail(Code::damaged, "is listed and not there", file.name);
    if (at->second.bytes != file.bytes || at->second.crc != file.crc)
      return fail(Code::damaged, "is not as it was when the backup was made", file.name);
  }
  return {};
}

}  // namespace

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::create(std::FILE* to) { return std::make_unique<Writer>(to); }

Result<Manifest> read_archive(std::FILE* from, const ArchiveSink& sink) {
  Unpacked unpacked(from);
  std::map<std::string, Manifest::File> found;
  Buffer buffer(256 * KiB);
  while (true) {
    Header header{};
    TRY(unpacked.exactly(std::as_writable_bytes(std::span(header))));
    if (octal(header, sum_field) != checksum(header) || header[type_at] != '0')
      return fail(Code::damaged, "this is no backup of Skerry");
    const auto prefix = text_of(header, prefix_field);
    const auto name = (prefix.empty() ? "" : prefix + "/") + text_of(header, name_field);
    const auto size = octal(header, size_field);
    const bool last = name == manifest_name;
    if (!is_safe(name) || (last && size > manifest_bytes_max))
      return fail(Code::damaged, "a member with a name that no backup has", name);
    std::string text;
    Manifest::File file{.name = name, .bytes = size};
    if (!last) TRY(sink(name, static_cast<std::uint32_t>(octal(header, mode_field)), {}));
    for (std::uint64_t left = size; left > 0;) {
      const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), left));
      TRY(unpacked.exactly(part));
      file.crc = crc32c(part, file.crc);
      if (last) {
        text += as_text(part);
      } else {
        TRY(sink(name, 0, part));
      }
      left -= part.size();
    }
    TRY(unpacked.exactly(std::span(buffer).first((page - size % page) % page)));
    if (!last) {
      if (!found.emplace(name, file).second) return fail(Code::damaged, "stands twice", name);
      continue;
    }
    auto manifest = TRY(parse_manifest(text));
    TRY(compare(manifest, found));
    std::array<std::byte, 2 * page + 1> end{};  // two empty pages, and nothing behind them
    if (TRY(unpacked.read(end)) != 2 * page) return fail(Code::damaged, "the backup does not end where it should");
    return manifest;
  }
}

}  // namespace skerry::cli
