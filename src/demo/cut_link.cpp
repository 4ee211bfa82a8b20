// Connections that break when the link is cut.
#include "demo/cut_link.hpp"

#include <utility>
#include <vector>

namespace skerry::demo {
namespace {

Error unreachable() { return {Code::closed, "Network is unreachable (the demo has cut the link)", {}}; }

}  // namespace

class CutLink::Cuttable final : public Connection, private ConnectionHandler {
 public:
  Cuttable(std::unique_ptr<Connection> below, std::shared_ptr<std::set<Cuttable*>> open)
      : below_(std::move(below)), open_(std::move(open)), peer_(below_->peer()) {
    open_->insert(this);
  }
  ~Cuttable() override { open_->erase(this); }
  Cuttable(const Cuttable&) = delete;
  Cuttable& operator=(const Cuttable&) = delete;

  void break_now() {
    below_.reset();
    open_->erase(this);
    if (auto* const told = std::exchange(handler_, nullptr)) told->on_closed(unreachable());
  }

  void begin(ConnectionHandler& handler) override {
    handler_ = &handler;
    if (below_) below_->begin(*this);
  }
  void send(Bytes bytes) override {
    if (below_) below_->send(bytes);
  }
  std::size_t unsent() const override { return below_ ? below_->unsent() : 0; }
  void read_more(bool on) override {
    if (below_) below_->read_more(on);
  }
  void keep_unsent_below(std::size_t bytes) override {
    if (below_) below_->keep_unsent_below(bytes);
  }
  bool use_congestion_control(const std::string& name) override {
    return below_ && below_->use_congestion_control(name);
  }
  std::optional<PathInfo> path_info() const override { return below_ ? below_->path_info() : std::nullopt; }
  void close() override {
    handler_ = nullptr;
    if (below_) below_->close();
  }
  const Address& peer() const override { return peer_; }
  Bytes peer_certificate() const override { return below_ ? below_->peer_certificate() : Bytes{}; }
  bool is_secure() const override { return below_ && below_->is_secure(); }

 private:
  void on_bytes(Bytes bytes) override {
    if (handler_ != nullptr) handler_->on_bytes(bytes);
  }
  void on_closed(const Error& why) override {
    open_->erase(this);
    if (auto* const told = std::exchange(handler_, nullptr)) told->on_closed(why);
  }
  void on_drained() override {
    if (handler_ != nullptr) handler_->on_drained();
  }

  std::unique_ptr<Connection> below_;
  std::shared_ptr<std::set<Cuttable*>> open_;
  Address peer_;
  ConnectionHandler* handler_ = nullptr;
};

void CutLink::connect(const Address& address, const Via& via, Connected connected) {
  below_.connect(address, via,
                 [this, alive = alive_, connected = std::move(connected)](Result<std::unique_ptr<Connection>> made) {
                   if (!*alive || !made) return connected(std::move(made));
                   if (is_cut()) return connected(std::unexpected(unreachable()));
                   connected(std::make_unique<Cuttable>(std::move(*made), open_));
                 });
}

void CutLink::cut(bool cut) {
  cut_ = cut;
  if (!cut) return;
  below_.post([this, alive = alive_] {
    if (*alive && is_cut()) break_all();
  });
}

// Whoever is told may destroy what it had, and others.
void CutLink::break_all() {
  const std::vector<Cuttable*> all(open_->begin(), open_->end());
  for (auto* const each : all) {
    if (open_->contains(each)) each->break_now();
  }
}

}  // namespace skerry::demo
