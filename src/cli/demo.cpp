// Playing recorded readings: one loop on one thread, a client a device.
#include "cli/demo.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/embedded.hpp"
#include "base/logger.hpp"
#include "base/loop.hpp"
#include "cli/demo_data.hpp"
#include "mqtt/mqtt.hpp"

namespace skerry::embedded {
std::span<const Embedded> demos();  // compiled in by cmake/embed.cmake
}

namespace skerry::cli {
namespace {

constexpr std::uint64_t file_bytes_max = 512 * MiB;
constexpr std::size_t window = 1'000;                    // unacknowledged readings of one device, before it waits
constexpr auto patience = std::chrono::milliseconds{5};  // before a full window is tried again
constexpr auto reconnect_after = std::chrono::milliseconds{500};
constexpr std::uint32_t session_expiry_s = 3'600;

class Player final : public Demo {
 public:
  Player(std::string name, DemoData data, const DemoOptions& options)
      : name_(std::move(name)), data_(std::move(data)), options_(options) {
    if (options_.original_clock) options_.once = true;  // a second round would tell the same times again
  }
  ~Player() override {
    if (!thread_.joinable()) return;
    loop_->post([this] {
      timer_.reset();
      for (auto& client : clients_) client->disconnect();
      loop_->post([this] { loop_->stop(); });
    });
    thread_.join();
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  const std::string& name() const override { return name_; }

  void start(std::uint16_t mqtt_port, metrics::Registry& metrics) override {
    sent_ = &metrics.counter("skerry_demo_sent_total", "Readings that demo devices published.");
    acknowledged_ =
        &metrics.counter("skerry_demo_acknowledged_total", "Readings of demo devices that the gateway acknowledged.");
    commands_ = &metrics.counter("skerry_demo_commands_total", "Commands that demo devices took and answered.");
    loop_ = make_net_loop(system_clock());
    for (const auto& device : data_.devices()) add_client(device, mqtt_port);
    started_ = system_clock().mono();
    round_start_ms_ =
        options_.original_clock ? data_.first_ms() : to_event(system_clock().wall()).time_since_epoch().count();
    play();
    thread_ = std::thread([this] { loop_->run(); });
  }

 private:
  void add_client(const std::string& device, std::uint16_t port) {
    const auto index = clients_.size();
    mqtt::ClientOptions options;
    options.server = {"127.0.0.1", port};
    options.client_id = device;
    options.clean_start = false;
    options.session_expiry_s = session_expiry_s;
    options.window = window;
    options.reconnect_after = reconnect_after;
    mqtt::Client::Handlers handlers;
    handlers.on_connected = [this, index, device](bool session_present) {
      const std::string filter = "commands/" + device;
      if (!session_present) clients_[index]->subscribe({.filter = filter, .qos = 2});
    };
    handlers.on_acknowledged = [this, index](std::uint16_t packet_id, mqtt::Reason) {
      if (answers_[index].erase(packet_id) == 0) acknowledged_->add();
    };
    handlers.on_message = [this, index](const mqtt::Client::Message& message) { answer(index, message); };
    clients_.push_back(std::make_unique<mqtt::Client>(*loop_, std::move(options), std::move(handlers)));
    clients_.back()->connect();
  }

  // A demo device does what it is told: it takes the command and has done it at once.
  void answer(std::size_t index, const mqtt::Client::Message& message) {
    const auto command = nlohmann::json::parse(as_text(message.payload), nullptr, false);
    if (!command.is_object() || !command.contains("command_id")) return;
    commands_->add();
    const auto topic = std::string(message.topic) + "/ack";
    for (const char* status : {"accepted", "done"}) {
      const nlohmann::json ack{{"command_id", command["command_id"]}, {"status", status}};
      const auto packet_id = clients_[index]->publish(topic, as_bytes(ack.dump()), 1);
      if (packet_id) answers_[index].insert(*packet_id);
    }
  }

  double played_ms(const DemoData::Row& row) const {
    return static_cast<double>(row.time_ms - data_.first_ms()) / options_.speed;
  }

  // Publishes what is due and sets the timer for what comes next.
  void play() {
    std::chrono::nanoseconds wait = patience;
    while (true) {
      if (next_ == data_.rows().size() && !next_round()) return;
      const auto& row = data_.rows()[next_];
      const auto due = started_ + std::chrono::nanoseconds{static_cast<std::int64_t>(played_ms(row) * 1e6)};
      const auto now = system_clock().mono();
      if (due > now) {
        wait = due - now;
        break;
      }
      if (!publish(row)) break;
      ++next_;
    }
    timer_ = loop_->after(wait, [this] { play(); });
  }

  bool publish(const DemoData::Row& row) {
    const auto& device = data_.devices()[row.device];
    const auto stamp =
        options_.original_clock ? row.time_ms : round_start_ms_ + static_cast<std::int64_t>(played_ms(row));
    payload_.clear();
    data_.append_payload(payload_, row, stamp);
    if (!clients_[row.device]->publish("sensors/" + device + "/data", as_bytes(payload_), 1)) return false;
    sent_->add();
    return true;
  }

  // The first reading follows the last after the mean distance of one device's readings.
  bool next_round() {
    if (options_.once) {
      logger::info("demo", "played to the end", {{"readings", data_.rows().size()}});
      return false;
    }
    const double rows = static_cast<double>(data_.rows().size());
    const double distance_ms =
        static_cast<double>(data_.span_ms()) * static_cast<double>(data_.devices().size()) / rows;
    const double round_ms = std::max(1.0, (static_cast<double>(data_.span_ms()) + distance_ms) / options_.speed);
    started_ += std::chrono::nanoseconds{static_cast<std::int64_t>(round_ms * 1e6)};
    round_start_ms_ += static_cast<std::int64_t>(round_ms);
    next_ = 0;
    return true;
  }

  std::string name_;
  DemoData data_;
  DemoOptions options_;
  metrics::Counter* sent_ = nullptr;
  metrics::Counter* acknowledged_ = nullptr;
  metrics::Counter* commands_ = nullptr;
  std::unique_ptr<NetLoop> loop_;
  std::vector<std::unique_ptr<mqtt::Client>> clients_;
  std::map<std::size_t, std::set<std::uint16_t>> answers_;  // packet ids that are no readings, by client
  std::unique_ptr<Timer> timer_;
  std::thread thread_;
  Mono started_{};
  std::int64_t round_start_ms_ = 0;
  std::size_t next_ = 0;
  std::string payload_;
};

}  // namespace

Result<std::unique_ptr<Demo>> Demo::load(const std::string& what, const DemoOptions& options) {
  for (const auto& each : embedded::demos()) {
    if (each.name != what + ".csv.gz") continue;
    return std::make_unique<Player>(what, TRY(DemoData::parse(as_bytes(each.bytes), what)), options);
  }
  auto bytes = read_file(system_files(), what, file_bytes_max);
  if (!bytes && bytes.error().code == Code::not_found) {
    return fail(Code::not_found,
                "there is no such demo and no such file; the demos are motes and none, a file is CSV with "
                "device,time_ms,<fields>",
                what);
  }
  if (!bytes) return std::unexpected(bytes.error());
  const auto slash = what.find_last_of('/');
  return std::make_unique<Player>(what.substr(slash == std::string::npos ? 0 : slash + 1),
                                  TRY(DemoData::parse(*bytes, what)), options);
}

}  // namespace skerry::cli
