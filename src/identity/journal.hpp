// The audit journal: who did what, from where, to what, with what result, as one chain of lines in one file. The
// registry of devices, certificates, codes and sessions is what results from reading it. Bytes: docs/format/audit.md.
//
// Each line holds the SHA-256 of the line before it, and a head file beside it names the last line and is signed, so
// that a changed, missing or cut-off line shows. Several processes append in turn (the gateway, `skerry device claim`):
// a lock file is held for the append only, and each first reads what the others wrote. Any thread, one call at a time;
// but sync() and seal() wait for the disk, and may be called beside the others, without whatever lock guards those.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/time.hpp"
#include "identity/certificate.hpp"

namespace skerry::identity {

// Text fields are data: nothing secret goes in. `data` is a JSON object, or empty.
struct Entry {
  std::string who;     // `device:ID`, `operator:NAME`, `cli:USER`, `gateway`, `anonymous`
  std::string from;    // an address, or `local`
  std::string what;    // register, issue, revoke, session, refuse …
  std::string to;      // the device, session or code it is about
  std::string result;  // `ok`, or the reason of a refusal
  std::string data;
};

class Journal {
 public:
  using Apply = std::function<void(std::string_view line)>;  // each line once, in order, of ours and of others

  // Makes the files when missing. What is there is applied before it returns.
  static Result<std::unique_ptr<Journal>> open(Files& files, std::string_view dir, Apply apply);

  // Written, and not yet on disk. Code::damaged: what is there is no journal; nothing was appended.
  Result<> append(const std::vector<Entry>& entries, Wall at);
  Result<> catch_up();                       // what other processes have written meanwhile; cheap when nothing
  std::uint64_t end() const { return at_; }  // in bytes
  // What lies before `upto` is on disk when it returns; callers that wait at once share one sync. A disk that failed is
  // not asked again: from then on everything fails.
  Result<> sync(std::uint64_t upto);

  struct Head {
    std::uint64_t entries = 0;
    std::string hash;  // of the last of them
    std::uint64_t end = 0;
  };
  Result<std::optional<Head>> to_seal();  // nothing where the last seal still says it
  Result<> seal(const Head& head, const Key& key, Wall at);

 private:
  Journal(Files& files, std::string dir, Apply apply) : files_(files), dir_(std::move(dir)), apply_(std::move(apply)) {}
  Result<> read_on();

  Files& files_;
  std::string dir_;
  Apply apply_;
  std::unique_ptr<File> file_;
  std::atomic<std::uint64_t> at_{0};  // bytes applied: whole lines
  std::uint64_t next_ = 0;
  std::string last_hash_;
  std::atomic<std::uint64_t> sealed_{UINT64_MAX};
  std::mutex sync_mutex_;
  std::uint64_t synced_ = 0;
  std::atomic<bool> sync_failed_{false};
};

struct JournalReport {
  std::uint64_t entries = 0;
  bool sealed = false;                // a head is there, and its signature is by one of the keys
  std::uint64_t sealed_at = 0;        // entries that it covers
  std::vector<std::string> problems;  // in order; each names the entry
};
// Reads everything. `keys`: who may have signed the head.
Result<JournalReport> verify_journal(Files& files, std::string_view dir, const std::vector<Key>& keys);

inline constexpr std::string_view journal_file = "journal.ndjson";
inline constexpr std::string_view journal_head_file = "journal.head";

// Held while it lives; waits for another process, up to a minute. `what`: a lock of its own beside the folder's.
Result<std::unique_ptr<File>> lock_folder(Files& files, std::string_view dir, std::string_view what = "lock");

}  // namespace skerry::identity
