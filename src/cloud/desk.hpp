// Desk: what people ask the cloud side to keep for a gateway. Kept first; then the gateway's link is told that
// something waits, and the answer shows the item as queries do.
#pragma once

#include <functional>

#include "api/worker.hpp"
#include "cloud/queries.hpp"
#include "cloud/writer.hpp"
#include "http/http.hpp"

namespace skerry::cloud {

struct Desk {
  Writer& writer;
  Queries& queries;  // used on the worker's thread
  api::Worker& worker;
  std::function<void(std::string gateway)> look;  // something waits for it; any thread

  struct Wish {
    // On the writer's thread, in a transaction. Code::not_found, Code::exists and Code::full are the asker's affair and
    // are answered; any other error is the store's, and fails the transaction.
    std::function<Result<SqlStore::Ordered>(SqlStore&)> put;
    std::function<Result<http::Response>(Queries&, const SqlStore::Ordered&)> show;  // on the worker's thread
    std::function<http::Response(const SqlStore::Ordered&)> unseen;  // instead, where too many queries wait
    std::function<http::Response(const Error&)> refuse = [](const Error& error) { return http::problem(error); };
  };
  void ask(Wish wish, http::Responder responder) const;
};

}  // namespace skerry::cloud
