// The topic tree and the retained index.
#include "mqtt/topics.hpp"

#include <algorithm>

namespace skerry::mqtt {
namespace {

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// The level at the front of `rest`, taken off together with its '/'.
std::string_view take_level(std::string_view& rest, bool& more) {
  const auto slash = rest.find('/');
  more = slash != std::string_view::npos;
  const auto level = rest.substr(0, slash);
  rest = more ? rest.substr(slash + 1) : std::string_view{};
  return level;
}

}  // namespace

struct TopicTree::Node {
  using Children = std::unordered_map<std::string, std::unique_ptr<Node>, Hash, std::equal_to<>>;

  std::vector<Subscriber> here;   // filters that end at this level
  std::vector<Subscriber> below;  // filters that end with # under this level
  std::unique_ptr<Node> plus;
  std::unique_ptr<Children> children;

  bool empty() const { return here.empty() && below.empty() && !plus && (!children || children->empty()); }

  Node* child(std::string_view level) const {
    if (!children) return nullptr;
    const auto found = children->find(level);
    return found == children->end() ? nullptr : found->second.get();
  }

  Node& child_or_new(std::string_view level) {
    if (level == "+") {
      if (!plus) plus = std::make_unique<Node>();
      return *plus;
    }
    if (!children) children = std::make_unique<Children>();
    auto& made = children->try_emplace(std::string(level)).first->second;
    if (!made) made = std::make_unique<Node>();
    return *made;
  }

  static bool remove(Node& node, std::string_view rest, bool more, const Entry* session) {
    if (!more) return std::erase_if(node.here, [&](const auto& s) { return s.session == session; }) != 0;
    bool more_after = false;
    const auto level = take_level(rest, more_after);
    if (level == "#") return std::erase_if(node.below, [&](const auto& s) { return s.session == session; }) != 0;
    auto* const next = level == "+" ? node.plus.get() : node.child(level);
    if (next == nullptr || !remove(*next, rest, more_after, session)) return false;
    if (next->empty()) {
      if (level == "+")
        node.plus.reset();
      else
        node.children->erase(node.children->find(level));
      if (node.children && node.children->empty()) node.children.reset();
    }
    return true;
  }

  static void collect(const std::vector<Subscriber>& from, std::vector<const Subscriber*>& to) {
    for (const auto& subscriber : from) to.push_back(&subscriber);
  }

  void match(std::string_view rest, bool more, bool wild, std::vector<const Subscriber*>& to) const {
    if (wild) collect(below, to);  // `a/#` matches `a` as well
    if (!more) return collect(here, to);
    bool more_after = false;
    const auto level = take_level(rest, more_after);
    if (plus && wild) plus->match(rest, more_after, true, to);
    if (const auto* const next = child(level)) next->match(rest, more_after, true, to);
  }
};

TopicTree::TopicTree() : root_(std::make_unique<Node>()) {}
TopicTree::~TopicTree() = default;

bool TopicTree::put(std::string_view filter, const Subscriber& subscriber) {
  auto* node = root_.get();
  auto* list = &node->here;
  bool more = true;
  for (auto rest = filter; more;) {
    const auto level = take_level(rest, more);
    if (level == "#") {
      list = &node->below;
      break;
    }
    node = &node->child_or_new(level);
    list = &node->here;
  }
  const auto same = std::ranges::find(*list, subscriber.session, &Subscriber::session);
  if (same != list->end()) {
    *same = subscriber;
    return false;
  }
  list->push_back(subscriber);
  ++size_;
  return true;
}

bool TopicTree::remove(std::string_view filter, const Entry* session) {
  if (!Node::remove(*root_, filter, true, session)) return false;
  --size_;
  return true;
}

void TopicTree::match(std::string_view topic, std::vector<const Subscriber*>& to) const {
  // A wildcard at the front does not match topics that begin with $ (MQTT 5.0 section 4.7.2).
  root_->match(topic, true, topic.empty() || topic.front() != '$', to);
}

void RetainedIndex::put(std::string_view topic, record::Position position) {
  const auto found = topics_.find(topic);
  if (found != topics_.end())
    found->second = position;
  else
    topics_.emplace(std::string(topic), position);
}

void RetainedIndex::forget(std::string_view device) {
  std::erase_if(topics_, [device](const auto& each) { return record::device_of(each.first) == device; });
}

void RetainedIndex::clear(std::string_view topic) {
  const auto found = topics_.find(topic);
  if (found != topics_.end()) topics_.erase(found);
}

void RetainedIndex::match(std::string_view filter, std::vector<record::Position>& to) const {
  const auto wild = filter.find_first_of("+#");
  if (wild == std::string_view::npos) {
    const auto found = topics_.find(filter);
    if (found != topics_.end()) to.push_back(found->second);
    return;
  }
  // What all matches begin with; `a/#` matches `a` too, so its last '/' does not count.
  auto prefix = filter.substr(0, wild);
  if (prefix.ends_with('/') && filter[wild] == '#') prefix.remove_suffix(1);
  for (auto at = topics_.lower_bound(prefix); at != topics_.end() && at->first.starts_with(prefix); ++at) {
    if (record::matches(filter, at->first)) to.push_back(at->second);
  }
}

}  // namespace skerry::mqtt
