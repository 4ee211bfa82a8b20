// Who subscribed to what (a tree by topic level), and where the retained message of each topic stands in the log.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "record/record.hpp"

namespace skerry::mqtt {

struct Entry;  // a session, as the broker keeps it; here only a name

struct Subscriber {
  Entry* session = nullptr;
  std::uint32_t id = 0;  // subscription identifier; 0: none
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
};

// Filters are valid (record::check_filter). A session has one subscription a filter.
class TopicTree {
 public:
  TopicTree();
  ~TopicTree();
  TopicTree(const TopicTree&) = delete;
  TopicTree& operator=(const TopicTree&) = delete;

  // True when it is new, false when it replaced that session's subscription.
  bool put(std::string_view filter, const Subscriber& subscriber);
  bool remove(std::string_view filter, const Entry* session);
  // All subscriptions that `topic` matches, of one session perhaps several. Appends to `to`.
  void match(std::string_view topic, std::vector<const Subscriber*>& to) const;
  std::size_t size() const { return size_; }

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  std::size_t size_ = 0;
};

// Topic -> position of its retained record; the value is read from the log.
class RetainedIndex {
 public:
  void put(std::string_view topic, record::Position position);
  void clear(std::string_view topic);
  void forget(std::string_view device);  // whatever is retained about it: topics whose second level it is
  void match(std::string_view filter, std::vector<record::Position>& to) const;
  bool has(std::string_view topic) const { return topics_.contains(topic); }
  std::optional<record::Position> find(std::string_view topic) const {
    const auto found = topics_.find(topic);
    return found == topics_.end() ? std::nullopt : std::optional(found->second);
  }
  std::size_t size() const { return topics_.size(); }
  const std::map<std::string, record::Position, std::less<>>& all() const { return topics_; }

 private:
  std::map<std::string, record::Position, std::less<>> topics_;
};

}  // namespace skerry::mqtt
