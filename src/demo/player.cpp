// Playing a source: one loop on one thread, a client a device, one more that listens for alerts.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/embedded.hpp"
#include "base/logger.hpp"
#include "base/loop.hpp"
#include "demo/board.hpp"
#include "demo/demo.hpp"
#include "demo/limits.hpp"
#include "demo/read_back.hpp"
#include "mqtt/mqtt.hpp"

namespace skerry::embedded {
std::span<const Embedded> demos();  // compiled in by cmake/embed.cmake
}

namespace skerry::demo {
namespace {

// What a device has to send and is not acknowledged yet.
struct Letter {
  std::string topic;
  std::string payload;
  std::optional<std::int64_t> stamp_ms;  // of a reading
};

struct Device {
  std::unique_ptr<mqtt::Client> client;
  std::deque<Letter> store;                   // waits for its turn
  std::map<std::uint16_t, Letter> in_flight;  // by packet id
  std::deque<std::string> command_ids;        // taken already
  bool away = false;
};

class Player final : public Demo {
 public:
  Player(std::unique_ptr<Source> source, const Options& options)
      : source_(std::move(source)),
        options_(options),
        speed_(options.speed > 0 ? options.speed : source_->usual_speed()),
        loop_(make_net_loop(system_clock())) {}
  ~Player() override {
    if (!thread_.joinable()) return;
    loop_->post([this] {
      timer_.reset();
      state_timer_.reset();
      read_back_.reset();
      for (auto& device : devices_) device.client->disconnect();
      if (listener_) listener_->disconnect();
      loop_->post([this] { loop_->stop(); });
    });
    thread_.join();
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  const std::string& name() const override { return source_->name(); }
  void on_state(std::function<void(const std::string&)> state) override { state_ = std::move(state); }
  void gateway_up(const Gateway& gateway) override {
    loop_->post([this, gateway] {
      if (devices_.empty()) begin(gateway);
      http_port_ = gateway.http_port;
      board_->gateway_up(gateway);
      tell();
    });
    if (!thread_.joinable()) thread_ = std::thread([this] { loop_->run(); });
  }
  void gateway_down() override {
    loop_->post([this] {
      if (!board_) return;
      read_back_.reset();
      board_->gateway_down();
    });
  }
  void gateway_says(const Report& report) override {
    loop_->post([this, report] {
      if (board_) board_->gateway_says(report);
    });
  }

 private:
  void begin(const Gateway& gateway);
  mqtt::ClientOptions client_options(const std::string& id, std::uint16_t port) const;
  void add_device(const std::string& name, std::uint16_t port);
  void add_listener(std::uint16_t port);
  void on_command(std::uint32_t device, const mqtt::Client::Message& message);
  void on_alert(const mqtt::Client::Message& message);
  void on_acknowledged(std::uint32_t device, std::uint16_t packet_id, mqtt::Reason reason);
  void play();
  void take(const Step& step);
  void put(std::uint32_t device, Letter letter);
  void put_status(std::uint32_t device, std::string_view status);
  void pump(std::uint32_t device);
  void tell();
  void read_back();

  double played_ms(std::int64_t source_ms) const {
    return static_cast<double>(source_ms - source_->begin_ms()) / speed_;
  }
  std::int64_t stamp_of(std::int64_t source_ms) const {
    return options_.original_clock ? source_ms : start_ms_ + static_cast<std::int64_t>(played_ms(source_ms));
  }

  std::unique_ptr<Source> source_;
  Options options_;
  double speed_;
  std::unique_ptr<NetLoop> loop_;
  std::function<void(const std::string&)> state_;
  std::thread thread_;

  // Of the loop's thread.
  std::uint16_t http_port_ = 0;
  std::unique_ptr<Board> board_;
  std::vector<Device> devices_;
  std::unique_ptr<mqtt::Client> listener_;
  std::unique_ptr<ReadBack> read_back_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Timer> state_timer_;
  Mono started_{};
  std::int64_t start_ms_ = 0;
  std::optional<Step> step_;
  std::string fields_;
  std::size_t waiting_ = 0;  // letters in all stores
};

void Player::begin(const Gateway& gateway) {
  started_ = system_clock().mono();
  start_ms_ = to_event(system_clock().wall()).time_since_epoch().count();
  board_ = std::make_unique<Board>(
      *source_, [this](std::int64_t ms) { return stamp_of(ms); }, system_clock(), options_.seed, speed_);
  devices_.reserve(source_->devices().size());
  for (const auto& name : source_->devices()) add_device(name, gateway.mqtt_port);
  add_listener(gateway.mqtt_port);
  step_ = source_->next(fields_);
  play();
}

mqtt::ClientOptions Player::client_options(const std::string& id, std::uint16_t port) const {
  mqtt::ClientOptions options;
  options.server = {"127.0.0.1", port};
  options.client_id = id;
  options.clean_start = false;
  options.session_expiry_s = limits::session_expiry_s;
  options.window = limits::window;
  options.reconnect_after = limits::reconnect_after;
  return options;
}

void Player::add_device(const std::string& name, std::uint16_t port) {
  const auto number = static_cast<std::uint32_t>(devices_.size());
  auto options = client_options(name, port);
  mqtt::StoredWill will;
  will.topic = "devices/" + name + "/status";
  append_bytes(will.payload, as_bytes(std::string_view(R"({"status":"offline"})")));
  will.qos = 1;
  will.delay_s = limits::will_delay_s;
  options.will = std::move(will);
  mqtt::Client::Handlers handlers;
  handlers.on_connected = [this, number, filter = "commands/" + name](bool session_present) {
    if (!session_present) devices_[number].client->subscribe({.filter = filter, .qos = 2});
    pump(number);
  };
  handlers.on_acknowledged = [this, number](std::uint16_t id, mqtt::Reason reason) {
    on_acknowledged(number, id, reason);
  };
  handlers.on_message = [this, number](const mqtt::Client::Message& message) { on_command(number, message); };
  devices_.emplace_back();
  devices_.back().client = std::make_unique<mqtt::Client>(*loop_, std::move(options), std::move(handlers));
  put_status(number, "online");
  devices_.back().client->connect();
}

void Player::add_listener(std::uint16_t port) {
  mqtt::Client::Handlers handlers;
  handlers.on_connected = [this](bool session_present) {
    if (!session_present) listener_->subscribe({.filter = "alerts/#", .qos = 1});
  };
  handlers.on_message = [this](const mqtt::Client::Message& message) { on_alert(message); };
  listener_ = std::make_unique<mqtt::Client>(*loop_, client_options("demo-operator", port), std::move(handlers));
  listener_->connect();
}

void Player::on_alert(const mqtt::Client::Message& message) {
  const auto alert = nlohmann::json::parse(as_text(message.payload), nullptr, false);
  if (!alert.is_object()) return;
  const auto at = parse_time(alert.value("timestamp", std::string()));
  if (!at) return;
  board_->alert(alert.value("device_id", std::string()), alert.value("alert_type", std::string()),
                alert.value("alert_id", std::string()), at->time_since_epoch().count());
}

// QoS 2 gives a command once, and its id fences a repetition after a lost session.
void Player::on_command(std::uint32_t number, const mqtt::Client::Message& message) {
  const auto command = nlohmann::json::parse(as_text(message.payload), nullptr, false);
  if (!command.is_object() || !command.contains("command_id") || !command["command_id"].is_string()) return;
  const auto id = command["command_id"].get<std::string>();
  auto& device = devices_[number];
  if (std::ranges::find(device.command_ids, id) != device.command_ids.end()) return;
  device.command_ids.push_back(id);
  if (device.command_ids.size() > limits::command_ids_kept) device.command_ids.pop_front();
  const auto what = command.value("command", std::string());
  const auto obeyed = source_->obey(number, what);
  board_->command(number, what, step_ ? stamp_of(step_->at_ms) : 0);
  const auto topic = "commands/" + source_->devices()[number] + "/ack";
  const auto answer = [&](std::string_view status, const std::string& detail) {
    nlohmann::ordered_json ack{{"command_id", id}, {"status", status}};
    if (!detail.empty()) ack["detail"] = detail;
    put(number, {topic, ack.dump(), {}});
  };
  answer("accepted", "");
  answer(obeyed.done ? "done" : "failed", obeyed.detail);
}

void Player::put_status(std::uint32_t number, std::string_view status) {
  put(number,
      {"devices/" + source_->devices()[number] + "/status", R"({"status":")" + std::string(status) + "\"}", {}});
}

void Player::put(std::uint32_t number, Letter letter) {
  devices_[number].store.push_back(std::move(letter));
  ++waiting_;
  pump(number);
}

// Hands over what the client takes; the rest waits for acknowledgements.
void Player::pump(std::uint32_t number) {
  auto& device = devices_[number];
  while (!device.store.empty() && !device.away) {
    auto& letter = device.store.front();
    const auto id = device.client->publish(letter.topic, as_bytes(letter.payload), 1);
    if (!id) return;
    device.in_flight[*id] = std::move(letter);
    device.store.pop_front();
    --waiting_;
  }
}

void Player::on_acknowledged(std::uint32_t number, std::uint16_t packet_id, mqtt::Reason reason) {
  auto& device = devices_[number];
  const auto found = device.in_flight.find(packet_id);
  if (found == device.in_flight.end()) return;
  auto letter = std::move(found->second);
  device.in_flight.erase(found);
  if (mqtt::is_error(reason)) {  // not taken: it goes again, with the next one
    device.store.push_front(std::move(letter));
    ++waiting_;
    return;
  }
  if (letter.stamp_ms) board_->acknowledged({number, *letter.stamp_ms});
  pump(number);
}

// Takes what is due and sets the timer for what comes next.
void Player::play() {
  std::chrono::nanoseconds wait = limits::patience;
  for (std::size_t steps = 0; waiting_ < limits::store_max; ++steps) {
    if (!step_) {
      logger::info("demo", "played to the end");
      return;
    }
    const auto due = started_ + std::chrono::nanoseconds{static_cast<std::int64_t>(played_ms(step_->at_ms) * 1e6)};
    const auto now = system_clock().mono();
    if (due > now || steps == limits::steps_per_turn) {
      wait = std::max(due - now, std::chrono::nanoseconds{0});
      break;
    }
    take(*step_);
    step_ = source_->next(fields_);
  }
  timer_ = loop_->after(wait, [this] { play(); });
}

void Player::take(const Step& step) {
  auto& device = devices_[step.device];
  if (step.kind == Step::Kind::leave) {
    device.away = true;
    device.client->disconnect(mqtt::Reason::disconnect_with_will);
    return;
  }
  if (step.kind == Step::Kind::come) {
    device.away = false;
    put_status(step.device, "online");
    device.client->connect();
    return;
  }
  const auto stamp = stamp_of(step.at_ms);
  std::string payload = "{\"timestamp\":\"";
  append_rfc3339(payload, EventTime{std::chrono::milliseconds{stamp}});
  payload += fields_.empty() ? "\"" : "\",";
  payload += fields_;
  payload += '}';
  board_->sent();
  put(step.device, {"sensors/" + source_->devices()[step.device] + "/data", std::move(payload), stamp});
}

void Player::tell() {
  if (board_->wants_check() && !read_back_) read_back();
  if (state_) state_(board_->json());
  state_timer_ = loop_->after(limits::state_every, [this] { tell(); });
}

void Player::read_back() {
  read_back_ = std::make_unique<ReadBack>(
      *loop_, Address{"127.0.0.1", http_port_}, source_->devices(), board_->newest(), [this](Result<Found> found) {
        if (found) {
          board_->checked(*found);
        } else {
          logger::warn("demo", "what was acknowledged could not be read back yet", {{"why", found.error().text()}});
        }
        read_back_.reset();
      });
}

}  // namespace

Result<std::unique_ptr<Demo>> Demo::load(const std::string& what, const Options& options) {
  auto adjusted = options;
  if (adjusted.original_clock) adjusted.once = true;  // a second round would tell the same times again
  if (auto site = make_site(what, options.seed)) return std::make_unique<Player>(std::move(site), adjusted);
  for (const auto& each : embedded::demos()) {
    if (each.name != what + ".csv.gz") continue;
    return std::make_unique<Player>(TRY(make_recording(as_bytes(each.bytes), what, adjusted.once)), adjusted);
  }
  auto bytes = read_file(system_files(), what, limits::file_bytes_max);
  if (!bytes && bytes.error().code == Code::not_found) {
    return fail(Code::not_found,
                "there is no such demo and no such file; the demos are " + site_names() +
                    ", motes and none, a file is CSV with device,time_ms,<fields>",
                what);
  }
  if (!bytes) return std::unexpected(bytes.error());
  return std::make_unique<Player>(TRY(make_recording(*bytes, what, adjusted.once)), adjusted);
}

}  // namespace skerry::demo
