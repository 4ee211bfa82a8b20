// `skerry export`: readings as CSV or NDJSON, of a running gateway or of a data folder that none holds.
//
// Every value is written with the digits it was sent with. CSV as RFC 4180 has it, lines end with LF.
#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "cli/cli.hpp"
#include "codec/json.hpp"
#include "history/history.hpp"
#include "log/log.hpp"

namespace skerry::cli {
namespace {

namespace ondemand = simdjson::ondemand;

struct Row {
  std::string device;
  std::string timestamp;    // RFC 3339
  std::string received_at;  // RFC 3339
  std::uint64_t offset = 0;
  std::string data;  // the payload, as sent
};
using Take = std::function<Result<>(const Row&)>;

// Where readings come from. each() may be called again and gives the same rows.
class Source {
 public:
  virtual ~Source() = default;
  virtual Result<> each(const std::string& device, const Take& take) = 0;
};

Error unreadable() { return {Code::invalid, "the gateway's answer cannot be read", {}}; }

class FromGateway final : public Source {
 public:
  FromGateway(std::unique_ptr<HttpClient> client, const ExportOptions& options)
      : client_(std::move(client)), options_(options) {}

  Result<> each(const std::string& device, const Take& take) override {
    std::string cursor;
    do {
      std::string target = "/api/v1/readings?limit=1000";
      if (!device.empty()) target += "&device=" + encoded(device);
      if (!options_.from.empty()) target += "&from=" + encoded(options_.from);
      if (!options_.to.empty()) target += "&to=" + encoded(options_.to);
      if (!cursor.empty()) target += "&cursor=" + encoded(cursor);
      const auto text = TRY(client_->body("GET", target));
      cursor.clear();
      TRY(read_page(text, take, cursor));
    } while (!cursor.empty());
    return {};
  }

 private:
  Result<> read_page(const std::string& text, const Take& take, std::string& cursor) {
    const simdjson::padded_string padded(text);
    ondemand::document page;
    ondemand::array items;
    if (parser_.iterate(padded).get(page) != simdjson::SUCCESS ||
        page["items"].get_array().get(items) != simdjson::SUCCESS)
      return std::unexpected(unreadable());
    for (auto item : items) {
      Row row;
      std::string_view device;
      std::string_view timestamp;
      std::string_view received;
      std::string_view data;
      ondemand::object object;
      if (item.get_object().get(object) != simdjson::SUCCESS ||
          object["device_id"].get_string().get(device) != simdjson::SUCCESS ||
          object["timestamp"].get_string().get(timestamp) != simdjson::SUCCESS ||
          object["received_at"].get_string().get(received) != simdjson::SUCCESS ||
          object["offset"].get_uint64().get(row.offset) != simdjson::SUCCESS)
        return std::unexpected(unreadable());
      if (simdjson::to_json_string(object["data"]).get(data) == simdjson::SUCCESS) row.data = data;
      row.device = device;
      row.timestamp = timestamp;
      row.received_at = received;
      TRY(take(row));
    }
    std::string_view next;
    if (page["next"].get_string().get(next) == simdjson::SUCCESS) cursor = next;
    return {};
  }

  std::unique_ptr<HttpClient> client_;
  const ExportOptions& options_;
  ondemand::parser parser_;
};

// A folder that no gateway holds: its log is opened, so it is recovered as a start would.
class FromFolder final : public Source {
 public:
  explicit FromFolder(const ExportOptions& options) : options_(options) {}

  Result<> open() {
    if (!options_.from.empty()) from_ = TRY(time_of(options_.from, "--from"));
    if (!options_.to.empty()) to_ = TRY(time_of(options_.to, "--to"));
    auto& files = system_files();
    if (!TRY(files.exists(join_path(options_.data_dir, "log/identity"))))
      return fail(Code::not_found, "is no data folder of a gateway", options_.data_dir);
    log_ = TRY(log::Log::open(files, system_clock(), join_path(options_.data_dir, "log"), {}, metrics_));
    history::Options history;
    history.checkpoint_path = join_path(options_.data_dir, "state/history.checkpoint");
    history.classes = record::all_classes;
    history_ = TRY(history::History::open(*log_, files, history, metrics_));
    while (TRY(history_->step())) {
    }
    return {};
  }

  Result<> each(const std::string& device, const Take& take) override {
    std::string cursor;
    do {
      const auto page =
          TRY(history_->readings({.device = device, .from = from_, .to = to_, .limit = 1000, .cursor = cursor}));
      for (const auto& reading : page.items) {
        Row row{.device = reading.device,
                .timestamp = format_rfc3339(reading.timestamp),
                .received_at = format_rfc3339(to_event(reading.received_at)),
                .offset = reading.offset.value};
        if (reading.is_object) row.data = reading.payload;
        TRY(take(row));
      }
      cursor = page.next.value_or("");
    } while (!cursor.empty());
    return {};
  }

 private:
  static Result<EventTime> time_of(const std::string& text, const char* where) {
    if (const auto time = parse_time(text)) return *time;
    return fail(Code::invalid, "is no time; RFC 3339 such as 2026-01-31T23:59:59Z is", std::string(where) + " " + text);
  }

  const ExportOptions& options_;
  metrics::Registry metrics_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<history::History> history_;
  std::optional<EventTime> from_;
  std::optional<EventTime> to_;
};

Result<std::unique_ptr<Source>> find_source(const ExportOptions& options) {
  auto client = HttpClient::connect(options);
  if (client) return std::make_unique<FromGateway>(std::move(*client), options);
  if (!options.url.empty()) return std::unexpected(client.error());
  auto folder = std::make_unique<FromFolder>(options);
  if (const auto opened = folder->open(); !opened) {
    if (opened.error().code == Code::busy)
      return fail(Code::busy, "a gateway holds this folder and does not answer: " + client.error().text(),
                  options.data_dir);
    return std::unexpected(opened.error());
  }
  return folder;
}

// The members of an object with the text of their values; texts without their quotes.
class Fields {
 public:
  template <typename Use>
  void each(const std::string& data, Use use) {
    const simdjson::padded_string padded(data);
    ondemand::document document;
    ondemand::object object;
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(object) != simdjson::SUCCESS)
      return;
    for (auto field : object) {
      std::string_view name;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS) return;
      const std::string key(name);
      ondemand::value value;
      if (field.value().get(value) != simdjson::SUCCESS) return;
      std::string_view text;
      bool is_text = false;
      if (ondemand::json_type type{};
          value.type().get(type) == simdjson::SUCCESS && type == ondemand::json_type::string) {
        is_text = value.get_string().get(text) == simdjson::SUCCESS;
      } else if (type == ondemand::json_type::object || type == ondemand::json_type::array) {
        if (simdjson::to_json_string(value).get(text) != simdjson::SUCCESS) return;
      } else {
        text = value.raw_json_token();
        while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr) text.remove_suffix(1);
        if (text == "null") text = {};
      }
      use(key, text, is_text);
    }
  }

 private:
  ondemand::parser parser_;
};

void append_csv(std::string& to, std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += value;
    return;
  }
  to += '"';
  for (const char c : value) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

class Printer {
 public:
  explicit Printer(const ExportOptions& options) : options_(options), columns_(options.fields) {}

  // Which fields there are, where nobody said: all, in the order they are first met.
  Result<> learn(Source& source) {
    if (options_.ndjson || !columns_.empty()) return {};
    return over(source, [this](const Row& row) -> Result<> {
      fields_.each(row.data, [this](const std::string& name, std::string_view, bool) {
        if (name != "timestamp" && name != "device_id" && std::ranges::find(columns_, name) == columns_.end())
          columns_.push_back(name);
      });
      if (columns_.size() > 10'000)
        return fail(Code::full, "there are more than 10,000 fields; name those you want with --field");
      return {};
    });
  }

  Result<> print(Source& source) {
    if (!options_.ndjson) {
      line_ = "device_id,timestamp,received_at";
      for (const auto& column : columns_) append_csv(line_ += ',', column);
      TRY(put());
    }
    TRY(over(source, [this](const Row& row) { return options_.ndjson ? ndjson(row) : csv(row); }));
    if (std::fflush(stdout) != 0) return fail(Code::io, std::strerror(errno), "standard output");
    return {};
  }

 private:
  Result<> over(Source& source, const Take& take) const {
    if (options_.devices.empty()) return source.each("", take);
    for (const auto& device : options_.devices) TRY(source.each(device, take));
    return {};
  }

  Result<> put() {
    line_ += '\n';
    if (std::fwrite(line_.data(), 1, line_.size(), stdout) != line_.size())
      return fail(Code::io, std::strerror(errno), "standard output");
    line_.clear();
    return {};
  }

  Result<> csv(const Row& row) {
    std::vector<std::string> values(columns_.size());
    fields_.each(row.data, [&](const std::string& name, std::string_view value, bool) {
      const auto column = std::ranges::find(columns_, name);
      if (column != columns_.end()) values[static_cast<std::size_t>(column - columns_.begin())] = value;
    });
    append_csv(line_, row.device);
    line_ += ',' + row.timestamp + ',' + row.received_at;
    for (const auto& value : values) append_csv(line_ += ',', value);
    return put();
  }

  Result<> ndjson(const Row& row) {
    line_ = "{\"device_id\":";
    codec::append_json_string(line_, row.device);
    line_ += ",\"timestamp\":\"" + row.timestamp + "\",\"received_at\":\"" + row.received_at +
             "\",\"offset\":" + std::to_string(row.offset) + ",\"data\":";
    if (options_.fields.empty() || row.data.empty()) {
      auto data = row.data.empty() ? std::string("null") : row.data;
      std::erase_if(data,
                    [](char c) { return c == '\n' || c == '\r'; });  // between members only: a text has \n escaped
      line_ += data;
    } else {
      append_wanted(row.data);
    }
    line_ += '}';
    return put();
  }

  void append_wanted(const std::string& data) {
    line_ += '{';
    fields_.each(data, [&](const std::string& name, std::string_view value, bool is_text) {
      if (std::ranges::find(columns_, name) == columns_.end()) return;
      if (line_.back() != '{') line_ += ',';
      codec::append_json_string(line_, name);
      line_ += ':';
      if (is_text)
        codec::append_json_string(line_, value);
      else
        line_ += value.empty() ? "null" : value;
    });
    line_ += '}';
  }

  const ExportOptions& options_;
  std::vector<std::string> columns_;
  Fields fields_;
  std::string line_;
};

Result<> run(ExportOptions options) {
  // One moment for both passes, and an end to those who export while more comes in. What is ahead of the clock is told
  // apart by its time, so it is left out unless --to asks for it.
  if (options.to.empty()) options.to = format_rfc3339(to_event(system_clock().wall()) + std::chrono::minutes{1});
  const auto source = TRY(find_source(options));
  Printer printer(options);
  TRY(printer.learn(*source));
  return printer.print(*source);
}

}  // namespace

int export_readings(const ExportOptions& options) {
  const auto done = run(options);
  return done ? 0 : failed(done.error());
}

}  // namespace skerry::cli
