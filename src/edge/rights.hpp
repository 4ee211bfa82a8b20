// What one caller may do at a door, asked often: what was decided holds until something has changed.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "identity/identity.hpp"

namespace skerry::edge {

// One thread at a time.
class Rights {
 public:
  Rights(identity::Identity& identity, identity::Caller caller, identity::Origin from)
      : identity_(identity), caller_(std::move(caller)), from_(std::move(from)), name_(caller_.text()) {}
  ~Rights() { tell_traffic(); }
  Rights(const Rights&) = delete;
  Rights& operator=(const Rights&) = delete;

  bool may_publish(std::string_view topic) {
    // Devices publish to few topics.
    if (const auto revision = identity_.revision(); revision != revision_) {
      revision_ = revision;
      for (auto& each : allowed_) each.clear();
    }
    if (std::ranges::find(allowed_, topic) != allowed_.end()) return true;
    if (!may(identity::Action::publish, topic, "publish_denied")) return false;
    allowed_[next_++ % allowed_.size()] = topic;
    return true;
  }
  bool may_subscribe(std::string_view filter) { return may(identity::Action::subscribe, filter, "subscribe_denied"); }
  bool may(identity::Action action, std::string_view target, const char* reason) {
    if (identity_.may(caller_, action, target).allowed) return true;
    identity_.refused({identity::Kind::forbidden, reason, "the policy does not allow it"}, name_, from_, target);
    return false;
  }
  bool may_stay() {
    tell_traffic();
    return identity_.still(caller_);
  }
  // Counted here, and told when somebody asks may_stay(): nothing is looked up for a message.
  void published(std::string_view topic, std::size_t bytes) { traffic_.add(identity::topic_number(topic), bytes); }
  const identity::Caller& caller() const { return caller_; }
  const identity::Origin& from() const { return from_; }
  const std::string& name() const { return name_; }

 private:
  void tell_traffic() {
    if (traffic_.messages == 0) return;
    identity_.sent(caller_, traffic_);
    traffic_ = {};
  }

  identity::Identity& identity_;
  identity::Traffic traffic_;
  const identity::Caller caller_;
  const identity::Origin from_;
  const std::string name_;
  std::array<std::string, 4> allowed_;
  std::size_t next_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace skerry::edge
