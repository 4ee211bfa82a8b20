// Routes by comparing segments: a gateway has tens of them, so a list is quick enough.
#include "http/router.hpp"

#include <algorithm>

#include "http/text.hpp"

namespace skerry::http {
namespace {

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool is_name(std::string_view part) { return part.starts_with('{'); }

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  auto entry = std::ranges::find(entries_, pattern, &Entry::pattern);
  if (entry == entries_.end()) {
    Entry made;
    made.pattern = pattern;
    for (const auto part : parts_of(pattern)) made.parts.emplace_back(part);
    entries_.push_back(std::move(made));
    entry = entries_.end() - 1;
  }
  entry->methods.insert_or_assign(std::string(method), std::move(handler));
}

const Router::Entry* Router::match(const std::vector<std::string_view>& parts) const {
  const Entry* best = nullptr;
  std::size_t best_fixed = 0;
  for (const auto& entry : entries_) {
    if (entry.parts.size() != parts.size()) continue;
    std::size_t fixed = 0;
    bool fits = true;
    for (std::size_t i = 0; fits && i < parts.size(); ++i) {
      const bool name = is_name(entry.parts[i]);
      fits = name ? !parts[i].empty() : entry.parts[i] == parts[i];
      if (!name) ++fixed;
    }
    if (!fits || (best != nullptr && fixed <= best_fixed)) continue;
    best = &entry;
    best_fixed = fixed;
  }
  return best;
}

Router::Found Router::find(std::string_view method, std::string_view path) const {
  Found found;
  const auto parts = parts_of(path);
  const auto* const entry = match(parts);
  if (entry == nullptr) return found;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view name = entry->parts[i];
    if (!is_name(name)) continue;
    auto text = percent_decode(parts[i]);
    if (!text || text->find('\0') != std::string::npos) {
      found.bad_encoding = true;
      return found;
    }
    found.segments.push_back({std::string(name.substr(1, name.size() - 2)), std::move(*text)});
  }
  for (const auto& [known, handler] : entry->methods) {
    found.allow += known + ", ";
    if (known == "GET") found.allow += "HEAD, ";
    if (known == method || (known == "GET" && method == "HEAD")) found.handler = &handler;
  }
  found.allow += "OPTIONS";
  return found;
}

std::vector<RouteName> Router::names() const {
  std::vector<RouteName> names;
  for (const auto& entry : entries_) {
    for (const auto& [method, handler] : entry.methods) names.push_back({method, entry.pattern});
  }
  return names;
}

}  // namespace skerry::http
