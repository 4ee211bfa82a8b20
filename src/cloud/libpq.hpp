// libpq, loaded when PostgreSQL is asked for: a program that does not use it needs neither it nor what it drags in.
#pragma once

#include <postgresql/libpq-fe.h>

#include "base/result.hpp"

namespace skerry::cloud {

struct Libpq {
  decltype(&::PQconnectdb) connectdb = nullptr;
  decltype(&::PQreset) reset = nullptr;
  decltype(&::PQfinish) finish = nullptr;
  decltype(&::PQstatus) status = nullptr;
  decltype(&::PQerrorMessage) error_message = nullptr;
  decltype(&::PQexec) exec = nullptr;
  decltype(&::PQenterPipelineMode) enter_pipeline = nullptr;
  decltype(&::PQpipelineSync) pipeline_sync = nullptr;
  decltype(&::PQsendPrepare) send_prepare = nullptr;
  decltype(&::PQsendQueryPrepared) send_prepared = nullptr;
  decltype(&::PQsendQueryParams) send_params = nullptr;
  decltype(&::PQgetResult) get_result = nullptr;
  decltype(&::PQclear) clear = nullptr;
  decltype(&::PQresultStatus) result_status = nullptr;
  decltype(&::PQresultErrorMessage) result_error = nullptr;
  decltype(&::PQresultErrorField) result_field = nullptr;
  decltype(&::PQntuples) rows = nullptr;
  decltype(&::PQgetvalue) value = nullptr;
  decltype(&::PQgetlength) length = nullptr;
  decltype(&::PQgetisnull) is_null = nullptr;

  // Loaded once a process. Code::unsupported says what to install.
  static Result<const Libpq*> load();
};

}  // namespace skerry::cloud
