// The cloud side: takes what gateways send over the link, keeps it, and answers for the whole fleet over HTTP.
//
// Threads: one for the link, one that writes, one for HTTP, one for queries. start() returns when gateways may connect
// and DATA/ports.json says where (keys http and link). Everything lies in DATA/cloud.db. docs/cloud.md
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/config.hpp"
#include "base/result.hpp"

namespace skerry::cloud {

class Cloud {
 public:
  static Result<std::unique_ptr<Cloud>> start(const config::Config& config, const std::string& data_dir);
  virtual ~Cloud() = default;  // ends it; what was acknowledged is on disk
  virtual const std::map<std::string, std::uint16_t>& ports() const = 0;
};

inline constexpr std::string_view database_name = "cloud.db";
// Of a data folder; a postgresql:// address is its own.
std::string database_of(const std::string& data_dir);

}  // namespace skerry::cloud
