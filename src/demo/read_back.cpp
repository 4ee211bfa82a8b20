// Reading back over HTTP/1.0: one request a connection, the answer ends with it.
#include "demo/read_back.hpp"

#include <nlohmann/json.hpp>

#include "demo/limits.hpp"

namespace skerry::demo {

// One request. `done` may destroy it.
class ReadBack::Get final : ConnectionHandler, public std::enable_shared_from_this<Get> {
 public:
  using Answered = std::function<void(Result<std::string>)>;
  Get(Loop& loop, Answered answered) : loop_(loop), answered_(std::move(answered)) {}

  void start(const Address& server, const std::string& target) {
    const auto request = "GET " + target + " HTTP/1.0\r\nHost: " + server.text() + "\r\n\r\n";
    loop_.connect(server, [self = weak_from_this(), request](Result<std::unique_ptr<Connection>> made) {
      const auto get = self.lock();
      if (!get) return;
      if (!made) return get->end(std::unexpected(made.error()));
      get->connection_ = std::move(*made);
      get->loop_.start(*get->connection_, *get);
      get->connection_->send(as_bytes(request));
    });
    timer_ = loop_.after(limits::check_within, [this] { end(fail(Code::closed, "no answer in time")); });
  }

 private:
  void on_bytes(Bytes bytes) override {
    text_ += as_text(bytes);
    if (text_.size() > limits::answer_bytes_max) end(fail(Code::full, "the answer is too long"));
  }
  void on_closed(const Error&) override {
    const auto body = text_.find("\r\n\r\n");
    const auto space = text_.find(' ');
    if (body == std::string::npos || text_.compare(space + 1, 3, "200") != 0)
      return end(fail(Code::io, "the gateway answered: " + text_.substr(0, text_.find('\r'))));
    end(text_.substr(body + 4));
  }
  void end(Result<std::string> body) {
    const auto self = shared_from_this();
    timer_.reset();
    connection_.reset();
    if (const auto answered = std::exchange(answered_, {})) answered(std::move(body));
  }

  Loop& loop_;
  Answered answered_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Timer> timer_;
  std::string text_;
};

ReadBack::ReadBack(Loop& loop, Address http, const std::vector<std::string>& devices,
                   const std::deque<Acknowledged>& acknowledged, Done done)
    : loop_(loop), http_(std::move(http)), devices_(devices), done_(std::move(done)) {
  for (const auto& each : acknowledged) ++wanted_[each.device][each.stamp_ms];
  ask();
}

ReadBack::~ReadBack() = default;

void ReadBack::ask() {
  get_ = std::make_shared<Get>(loop_, [this](Result<std::string> body) { take(std::move(body)); });
  if (wanted_.empty()) {
    loop_.post([weak = std::weak_ptr(get_), this] {
      if (weak.lock()) end(found_);
    });
    return;
  }
  const auto& [device, stamps] = *wanted_.begin();
  const auto text = [](std::int64_t ms) { return format_rfc3339(EventTime{std::chrono::milliseconds{ms}}); };
  auto target = "/api/v1/readings?limit=1000&device=" + devices_[device] + "&from=" + text(stamps.begin()->first) +
                "&to=" + text(stamps.rbegin()->first + 1);
  if (!cursor_.empty()) target += "&cursor=" + cursor_;
  get_->start(http_, target);
}

// The last word of this object: `done` may destroy it.
void ReadBack::end(Result<Found> found) {
  const auto done = std::exchange(done_, {});
  if (done) done(std::move(found));
}

void ReadBack::take(Result<std::string> body) {
  if (!body) return end(std::unexpected(body.error()));
  const auto page = nlohmann::json::parse(*body, nullptr, false);
  if (!page.is_object() || !page.contains("items")) return end(fail(Code::damaged, "the gateway's answer is no list"));
  for (const auto& item : page["items"]) {
    const auto at = item.contains("timestamp") && item["timestamp"].is_string()
                        ? parse_time(item["timestamp"].get_ref<const std::string&>())
                        : std::nullopt;
    if (at) ++seen_[at->time_since_epoch().count()];
  }
  const auto& next = page["next"];
  cursor_ = next.is_string() ? next.get<std::string>() : "";
  if (cursor_.empty()) {
    for (const auto& [stamp, times] : wanted_.begin()->second) {
      const auto seen = seen_.contains(stamp) ? seen_[stamp] : 0;
      found_.asked += times;
      found_.found += std::min(times, seen);
      found_.twice += seen > times ? seen - times : 0;
    }
    wanted_.erase(wanted_.begin());
    seen_.clear();
  }
  ask();
}

}  // namespace skerry::demo
