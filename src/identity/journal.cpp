// The chain of lines: reading it, growing it, signing its head, proving it.
#include "identity/journal.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/secret_file.hpp"
#include "identity/limits.hpp"

namespace skerry::identity {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto lock_tries = 60'000;  // another may be making a root of 4096 bits
constexpr auto lock_pause = std::chrono::milliseconds{1};

std::string utf8(std::string_view text) {  // what comes from a peer may be anything
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string line_of(const Entry& entry, std::uint64_t n, Wall at, const std::string& prev) {
  Json line;
  line["n"] = n;
  line["at"] = format_rfc3339(to_event(at));
  line["who"] = utf8(entry.who);
  line["from"] = utf8(entry.from);
  line["what"] = entry.what;
  line["to"] = utf8(entry.to);
  line["result"] = utf8(entry.result);
  if (!entry.data.empty()) {
    auto data = Json::parse(entry.data, nullptr, false);
    INVARIANT(data.is_object());
    line["data"] = std::move(data);
  }
  line["prev"] = prev;
  return line.dump();
}

std::string head_text(std::uint64_t entries, const std::string& hash, const std::string& at) {
  return "skerry audit head 1\n" + std::to_string(entries) + "\n" + hash + "\n" + at;
}

std::string zero_hash() { return std::string(64, '0'); }

// Takes whole lines off the front of `text`.
bool next_line(std::string_view& text, std::string_view& line) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

Result<std::unique_ptr<File>> lock_folder(Files& files, std::string_view dir, std::string_view what) {
  const auto path = join_path(dir, what);
  for (int i = 0;; ++i) {
    auto held = files.lock(path);
    if (held || held.error().code != Code::busy || i == lock_tries) return held;
    std::this_thread::sleep_for(lock_pause);
  }
}

Result<std::unique_ptr<Journal>> Journal::open(Files& files, std::string_view dir, Apply apply) {
  std::unique_ptr<Journal> journal(new Journal(files, std::string(dir), std::move(apply)));
  const auto path = join_path(dir, journal_file);
  if (!TRY(files.exists(path))) {
    const auto lock = TRY(lock_folder(files, dir));
    if (!TRY(files.exists(path))) {
      const auto made = TRY(create_secret_file(files, path));
      TRY(made->sync());
      TRY(files.sync_dir(dir));
    }
  }
  journal->file_ = TRY(files.open(path, Files::Mode::write));
  journal->last_hash_ = zero_hash();
  TRY(journal->read_on());
  return journal;
}

Result<> Journal::catch_up() {
  const auto size = TRY(file_->size());
  if (size == at_) return {};
  if (size < at_)
    return fail(Code::damaged, "has become shorter: something was cut off", join_path(dir_, journal_file));
  return read_on();
}

Result<> Journal::read_on() {
  const auto size = TRY(file_->size());
  Buffer bytes(static_cast<std::size_t>(size - at_));
  bytes.resize(TRY(file_->read(at_, bytes)));
  std::string_view text = as_text(bytes);
  std::string_view line;
  while (next_line(text, line)) {
    apply_(line);
    last_hash_ = hex(sha256(as_bytes(line)));
    at_ += line.size() + 1;
    ++next_;
  }
  return {};
}

Result<> Journal::append(const std::vector<Entry>& entries, Wall at) {
  if (sync_failed_)
    return fail(Code::io, "could not be synced, so nothing more is written", join_path(dir_, journal_file));
  const auto lock = TRY(lock_folder(files_, dir_));
  TRY(catch_up());
  if (TRY(file_->size()) != at_) TRY(file_->truncate(at_));  // a line that a crash left unfinished
  std::string text;
  auto hash = last_hash_;
  auto n = next_;
  for (const auto& entry : entries) {
    const auto line = line_of(entry, n++, at, hash);
    if (line.size() > limits::line_bytes_max) return fail(Code::full, "is too long for the audit journal", entry.what);
    hash = hex(sha256(as_bytes(line)));
    text += line;
    text += '\n';
  }
  TRY(file_->write(at_, as_bytes(text)));
  return read_on();
}

Result<> Journal::sync(std::uint64_t upto) {
  const std::scoped_lock one(sync_mutex_);
  if (synced_ >= upto) return {};
  if (sync_failed_) return fail(Code::io, "could not be synced", join_path(dir_, journal_file));
  const std::uint64_t end = at_;
  if (auto done = file_->sync(); !done) {
    sync_failed_ = true;
    return done;
  }
  synced_ = end;
  return {};
}

Result<std::optional<Journal::Head>> Journal::to_seal() {
  TRY(catch_up());
  if (sealed_ == next_) return std::nullopt;
  return Head{next_, last_hash_, at_};
}

Result<> Journal::seal(const Head& head, const Key& key, Wall at) {
  if (key.empty()) return {};
  const auto lock = TRY(lock_folder(files_, dir_, "seal.lock"));
  const auto path = join_path(dir_, journal_head_file);
  if (TRY(files_.exists(path))) {
    const auto bytes = TRY(read_file(files_, path, limits::line_bytes_max));
    const auto there = Json::parse(as_text(bytes), nullptr, false);
    // Another process, or thread, has signed more meanwhile.
    if (there.is_object() && there.value("entries", Json()) > Json(head.entries)) return {};
  }
  TRY(sync(head.end));
  const auto time = format_rfc3339(to_event(at));
  const auto signature = TRY(key.sign(as_bytes(head_text(head.entries, head.hash, time))));
  const Json text{{"entries", head.entries},
                  {"hash", head.hash},
                  {"at", time},
                  {"key", key.id()},
                  {"signature", base64(signature)}};
  TRY(replace_secret_file(files_, path, as_bytes(text.dump() + "\n")));
  sealed_ = head.entries;
  return {};
}

// ---- proving it ----

namespace {

struct Head {
  std::uint64_t entries = 0;
  std::string hash;
};

Result<std::optional<Head>> read_head(Files& files, std::string_view dir, const std::vector<Key>& keys,
                                      JournalReport& report) {
  const auto path = join_path(dir, journal_head_file);
  if (!TRY(files.exists(path))) {
    report.problems.emplace_back("the signed head is missing");
    return std::nullopt;
  }
  const auto bytes = TRY(read_file(files, path, limits::line_bytes_max));
  const auto json = Json::parse(as_text(bytes), nullptr, false);
  try {
    Head head{json.at("entries").get<std::uint64_t>(), json.at("hash").get<std::string>()};
    const auto signature = TRY(from_base64(json.at("signature").get<std::string>()));
    const auto signed_text = head_text(head.entries, head.hash, json.at("at").get<std::string>());
    for (const auto& key : keys) {
      if (!key.verifies(as_bytes(signed_text), signature)) continue;
      report.sealed = true;
      report.sealed_at = head.entries;
      return head;
    }
    report.problems.emplace_back("the head's signature is by no key of this site's CA");
  } catch (const Json::exception&) {
    report.problems.emplace_back("the signed head cannot be read");
  }
  return std::nullopt;
}

void check_line(std::string_view line, const std::string& hash, JournalReport& report) {
  const auto where = "entry " + std::to_string(report.entries) + ": ";
  const auto json = Json::parse(line, nullptr, false);
  if (!json.is_object()) {
    report.problems.push_back(where + "is no JSON object");
    return;
  }
  if (json.value("n", Json()) != Json(report.entries)) report.problems.push_back(where + "its number is another");
  if (json.value("prev", Json()) != Json(hash))
    report.problems.push_back(where +
                              "does not follow the entry before it: one of both was changed, or some are missing");
}

}  // namespace

Result<JournalReport> verify_journal(Files& files, std::string_view dir, const std::vector<Key>& keys) {
  JournalReport report;
  const auto lock = TRY(lock_folder(files, dir));  // nobody appends between the two files
  const auto head = TRY(read_head(files, dir, keys, report));
  const auto bytes = TRY(read_file(files, join_path(dir, journal_file), 16 * GiB));
  std::string_view text = as_text(bytes);
  std::string_view line;
  auto hash = zero_hash();
  while (next_line(text, line)) {
    check_line(line, hash, report);
    hash = hex(sha256(as_bytes(line)));
    ++report.entries;
    if (head && head->entries == report.entries && head->hash != hash)
      report.problems.push_back("entry " + std::to_string(report.entries - 1) + ": is not the one that was signed");
  }
  if (!text.empty()) report.problems.emplace_back("the last line is not finished");
  if (head && head->entries > report.entries)
    report.problems.push_back("cut: " + std::to_string(head->entries) + " entries were signed, " +
                              std::to_string(report.entries) + " are there");
  return report;
}

}  // namespace skerry::identity
