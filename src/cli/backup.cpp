// `skerry backup` and `skerry restore`.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "cli/archive.hpp"
#include "cli/cli.hpp"
#include "edge/snapshot.hpp"
#include "log/log.hpp"
#include "log/tools.hpp"

namespace skerry::cli {
namespace {

namespace fs = std::filesystem;

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != nullptr && file != stdin && file != stdout) std::fclose(file);
  }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

Result<FileHandle> open_file(const std::string& path, const char* mode, std::FILE* standard) {
  if (path == "-") return FileHandle(standard);
  FileHandle file(std::fopen(path.c_str(), mode));
  if (!file)
    return fail(errno == ENOENT ? Code::not_found : Code::io, std::string("cannot be opened: ") + std::strerror(errno),
                path);
  return file;
}

// What is packed, and what lets go of it.
struct Source {
  edge::Snapshot snapshot;
  Manifest manifest;
  std::unique_ptr<HttpClient> gateway;  // that took it
  std::unique_ptr<File> lock;           // or ours, where none runs

  void drop(const std::string& data_dir) {
    if (gateway) {
      (void)gateway->ask("DELETE", "/api/v1/backups/" + snapshot.id);
    } else {
      (void)edge::drop_snapshots(data_dir);
    }
  }
};

Result<Source> ask_gateway(std::unique_ptr<HttpClient> gateway, const std::string& data_dir) {
  const auto text = TRY(gateway->body("POST", "/api/v1/backups"));
  const auto said = nlohmann::json::parse(text, nullptr, false);
  Source source;
  try {
    source.snapshot.id = said.at("id").get<std::string>();
    // The gateway may have been started in another folder: its way to the data may not be ours.
    source.snapshot.folder = join_path(join_path(data_dir, "snapshots"), source.snapshot.id);
    source.manifest.gateway_id = said.at("gateway_id").get<std::string>();
    source.manifest.position = said.at("position").get<std::int64_t>();
    source.manifest.made_at = said.at("made_at").get<std::string>();
  } catch (const nlohmann::json::exception&) {
    return fail(Code::invalid, "the gateway's answer cannot be read");
  }
  source.gateway = std::move(gateway);
  return source;
}

Result<Source> take_ourselves(const std::string& data_dir) {
  Source source;
  if (!TRY(system_files().exists(join_path(data_dir, "log/identity"))))
    return fail(Code::not_found, "is no data folder of a gateway", data_dir);
  source.lock = TRY(system_files().lock(join_path(data_dir, "log/LOCK")));
  source.snapshot = TRY(edge::take_snapshot(data_dir, "offline"));
  source.manifest.made_at = format_rfc3339(to_event(system_clock().wall()));
  if (const auto id = read_file(system_files(), join_path(data_dir, "gateway-id"), 256)) {
    source.manifest.gateway_id = std::string(as_text(*id));
    while (source.manifest.gateway_id.ends_with('\n')) source.manifest.gateway_id.pop_back();
  }
  return source;
}

Result<Source> take(const ApiOptions& options) {
  auto gateway = HttpClient::connect(options);
  if (gateway) return ask_gateway(std::move(*gateway), options.data_dir);
  auto source = take_ourselves(options.data_dir);
  if (!source && source.error().code == Code::busy)
    return fail(Code::busy, "a gateway holds this folder and does not answer: " + gateway.error().text(),
                options.data_dir);
  return source;
}

Result<> pack(const Source& source, std::FILE* to) {
  auto writer = TRY(ArchiveWriter::create(to));
  const fs::path root(source.snapshot.folder);
  std::error_code error;
  std::vector<std::string> names;
  for (fs::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
    if (at->is_regular_file()) names.push_back(at->path().lexically_relative(root).generic_string());
  }
  if (error) return fail(Code::io, "cannot be listed: " + error.message(), source.snapshot.folder);
  std::ranges::sort(names);
  for (const auto& name : names) TRY(writer->add(name, (root / name).string()));
  auto manifest = source.manifest;
  manifest.version = SKERRY_VERSION;
  return writer->finish(std::move(manifest));
}

Result<Manifest> read_back(const std::string& path) {
  const auto file = TRY(open_file(path, "rb", stdin));
  return read_archive(file.get(), [](const std::string&, std::uint32_t, Bytes) -> Result<> { return {}; });
}

// Written under another name, synced, read back and only then given its name: a file with that name is whole.
Result<std::optional<Manifest>> write_backup(const Source& source, const std::string& path) {
  if (path == "-") {
    TRY(pack(source, stdout));
    return std::nullopt;
  }
  const auto partial = path + ".partial";
  {
    const auto file = TRY(open_file(partial, "wb", stdout));
    // Whoever reads it has all that the gateway has, keys too.
    if (::fchmod(::fileno(file.get()), 0600) != 0) return fail(Code::io, std::strerror(errno), partial);
    TRY(pack(source, file.get()));
    if (::fsync(::fileno(file.get())) != 0) return fail(Code::io, std::strerror(errno), partial);
  }
  auto manifest = TRY(read_back(partial));
  TRY(system_files().rename(partial, path));
  TRY(system_files().sync_dir(parent_path(path)));
  return manifest;
}

// What a file holds; nothing when it went to standard output.
Result<std::optional<Manifest>> run_backup(const BackupOptions& options) {
  if (options.file == "-" && ::isatty(STDOUT_FILENO) != 0)
    return fail(Code::invalid, "a backup is no text: name a file, or send it to one");
  auto source = TRY(take(options));
  auto done = write_backup(source, options.file);
  source.drop(options.data_dir);
  if (!done && options.file != "-") (void)system_files().remove(options.file + ".partial");
  return done;
}

// ---- restore ----

void tell(const Manifest& manifest) {
  std::fprintf(stderr, "backup of %s, made %s by skerry %s: %zu files, %llu bytes",
               manifest.gateway_id.empty() ? "a gateway" : manifest.gateway_id.c_str(), manifest.made_at.c_str(),
               manifest.version.c_str(), manifest.files.size(), static_cast<unsigned long long>(manifest.bytes()));
  if (manifest.position >= 0)
    std::fprintf(stderr, ", every record before position %lld", static_cast<long long>(manifest.position));
  std::fputc('\n', stderr);
}

// Empty, new, or what an earlier restore left unfinished (which is emptied).
Result<> prepare(const std::string& dir) {
  auto& files = system_files();
  TRY(files.make_dirs(dir));
  const auto mark = join_path(dir, edge::restore_mark);
  const bool unfinished = TRY(files.exists(mark));
  for (const auto& entry : TRY(files.list(dir))) {
    if (entry.name == edge::restore_mark || entry.name == "lost+found") continue;
    if (!unfinished) return fail(Code::exists, "is not empty; a restore needs a folder of its own", dir);
    std::error_code error;
    fs::remove_all(fs::path(dir) / entry.name, error);
    if (error) return fail(Code::io, "cannot be emptied: " + error.message(), join_path(dir, entry.name));
  }
  return replace_file(files, mark, as_bytes("A restore into this folder has begun and not ended. Run it again.\n"));
}

// Writes the members of an archive below a folder, each synced.
class Unpacker {
 public:
  explicit Unpacker(std::string dir) : dir_(std::move(dir)) {}

  Result<> take(const std::string& name, std::uint32_t mode, Bytes bytes) {
    if (!bytes.empty()) {
      TRY(file_->write(at_, bytes));
      at_ += bytes.size();
      return {};
    }
    TRY(close());
    path_ = join_path(dir_, name);
    TRY(system_files().make_dirs(parent_path(path_)));
    file_ = TRY(system_files().open(path_, Files::Mode::create));
    at_ = 0;
    if (::chmod(path_.c_str(), mode & 0777U) != 0) return fail(Code::io, std::strerror(errno), path_);
    return {};
  }
  Result<> close() {
    if (!file_) return {};
    TRY(file_->sync());
    file_.reset();
    return system_files().sync_dir(parent_path(path_));
  }

 private:
  std::string dir_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t at_ = 0;
};

Result<Manifest> run_restore(const RestoreOptions& options) {
  if (options.check) return read_back(options.file);
  const auto file = TRY(open_file(options.file, "rb", stdin));
  TRY(prepare(options.data_dir));
  Unpacker unpacker(options.data_dir);
  auto manifest = TRY(read_archive(file.get(), [&](const std::string& name, std::uint32_t mode, Bytes bytes) {
    return unpacker.take(name, mode, bytes);
  }));
  TRY(unpacker.close());
  // The log is opened once: what it recovers is on disk when we say so, and its new epoch has begun. Whoever took the
  // backup has gone on since, so no record that comes now may have the name of one of its.
  metrics::Registry metrics;
  const auto dir = join_path(options.data_dir, "log");
  log::Options log_options;
  log_options.new_epoch = "restored from the backup made " + manifest.made_at;
  auto log = TRY(log::Log::open(system_files(), system_clock(), dir, log_options, metrics));
  const auto end = log->committed_end().value;
  log.reset();
  if (manifest.position >= 0 && end < static_cast<std::uint64_t>(manifest.position))
    return fail(Code::damaged,
                "the log ends at position " + std::to_string(end) + ", before the backup's " +
                    std::to_string(manifest.position),
                dir);
  const auto verified = TRY(log::verify(
      system_files(), dir, [](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stderr); }));
  std::fprintf(stderr, "%llu records, %llu problems\n", static_cast<unsigned long long>(verified.records),
               static_cast<unsigned long long>(verified.problems));
  TRY(system_files().remove(join_path(options.data_dir, edge::restore_mark)));
  TRY(system_files().sync_dir(options.data_dir));
  return manifest;
}

}  // namespace

int backup(const BackupOptions& options) {
  const auto manifest = run_backup(options);
  if (!manifest) return failed(manifest.error());
  if (*manifest) tell(**manifest);
  return 0;
}

int restore(const RestoreOptions& options) {
  if (options.data_dir.empty() && !options.check)
    return failed({Code::invalid, "name the folder to restore into with --data, or --check to read the backup only",
                   options.file});
  const auto manifest = run_restore(options);
  if (!manifest) return failed(manifest.error());
  tell(*manifest);
  if (!options.check) std::fprintf(stderr, "restored into %s\n", options.data_dir.c_str());
  return 0;
}

}  // namespace skerry::cli
