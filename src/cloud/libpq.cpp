// Finding libpq's functions.
#include "cloud/libpq.hpp"

#include <dlfcn.h>

namespace skerry::cloud {
namespace {

Result<Libpq> find() {
  void* const library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return fail(Code::unsupported, "PostgreSQL needs its client library: apt install libpq5", "database.url");
  Libpq pq;
  bool all = true;
  const auto of = [library, &all](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    all = all && function != nullptr;
  };
  of(pq.connectdb, "PQconnectdb");
  of(pq.reset, "PQreset");
  of(pq.finish, "PQfinish");
  of(pq.status, "PQstatus");
  of(pq.error_message, "PQerrorMessage");
  of(pq.exec, "PQexec");
  of(pq.enter_pipeline, "PQenterPipelineMode");
  of(pq.pipeline_sync, "PQpipelineSync");
  of(pq.send_prepare, "PQsendPrepare");
  of(pq.send_prepared, "PQsendQueryPrepared");
  of(pq.send_params, "PQsendQueryParams");
  of(pq.get_result, "PQgetResult");
  of(pq.clear, "PQclear");
  of(pq.result_status, "PQresultStatus");
  of(pq.result_error, "PQresultErrorMessage");
  of(pq.result_field, "PQresultErrorField");
  of(pq.rows, "PQntuples");
  of(pq.value, "PQgetvalue");
  of(pq.length, "PQgetlength");
  of(pq.is_null, "PQgetisnull");
  if (!all) return fail(Code::unsupported, "libpq.so.5 is too old; 14 or newer is needed", "database.url");
  return pq;
}

}  // namespace

Result<const Libpq*> Libpq::load() {
  static const auto loaded = find();
  if (!loaded) return std::unexpected(loaded.error());
  return &*loaded;
}

}  // namespace skerry::cloud
