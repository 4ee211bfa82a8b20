// The prepared statements of the SQLite store.
#pragma once

#include "cloud/store.hpp"

namespace skerry::cloud {

struct SqlStore::Statements {
  Statement find_gateway, find_name, put_gateway, find_fenced, put_fenced, find_stream, put_stream, put_gap, put_aside,
      put_refusal;
  static constexpr int devices_per_statement = 50;
  Statement put_device, put_devices, put_loose, put_alert, put_command, put_fate, put_analytics, put_message,
      find_command;
  Statement put_order, find_request, count_open, lose_orders, due_orders, send_order, answer_order, late_orders,
      end_order, arrive_order, issue_command, known_gateways;
  Statement find_twin, put_twin, twin_gateways, renew_twins, due_twins, send_twin, answer_twin;
  Statement crowded, oldest_loose, put_shelf, drop_loose;

  Result<> prepare(Database& database);
  Result<> prepare_shelves(Database& database);
  Result<> prepare_orders(Database& database);
  Result<> prepare_twins(Database& database);
};

}  // namespace skerry::cloud
