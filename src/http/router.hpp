// Finds the handler of a path, and says which methods a path knows.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.hpp"

namespace skerry::http {

class Router {
 public:
  struct Found {
    const Handler* handler = nullptr;  // none: no such path, or not with this method
    std::vector<Header> segments;
    std::string allow;  // empty: no such path. Else what to answer OPTIONS and 405 with
    bool bad_encoding = false;
  };

  void add(std::string_view method, std::string_view pattern, Handler handler);
  Found find(std::string_view method, std::string_view path) const;
  std::vector<RouteName> names() const;

 private:
  struct Entry {
    std::string pattern;
    std::vector<std::string> parts;
    std::map<std::string, Handler, std::less<>> methods;
  };
  const Entry* match(const std::vector<std::string_view>& parts) const;

  std::vector<Entry> entries_;
};

}  // namespace skerry::http
