// The prepared statements of the SQLite store.
#pragma once

#include "cloud/store.hpp"

namespace skerry::cloud {

struct SqliteStore::Statements {
  Statement find_gateway, put_gateway, find_fenced, put_fenced, find_stream, put_stream, put_gap, put_aside,
      put_refusal;
  Statement put_device, put_loose, put_alert, put_command, put_fate, put_analytics, put_message, find_command;
  Statement crowded, oldest_loose, put_shelf, drop_loose;

  Result<> prepare(Database& database);
};

}  // namespace skerry::cloud
