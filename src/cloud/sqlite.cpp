// SQLite's C interface behind Results.
#include "cloud/sqlite.hpp"

#include <sqlite3.h>

namespace skerry::cloud {
namespace {

std::unexpected<Error> error_of(sqlite3* database) {
  const int code = ::sqlite3_errcode(database) & 0xff;
  std::string what = std::string("the database says: ") + ::sqlite3_errmsg(database);
  if (code == SQLITE_FULL) return fail(Code::full, std::move(what));
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return fail(Code::busy, std::move(what));
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return fail(Code::damaged, std::move(what));
  return fail(Code::io, std::move(what));
}

}  // namespace

void Statement::Finish::operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { ::sqlite3_close_v2(database); }

void Statement::reset() { ::sqlite3_reset(statement_.get()); }

void Statement::bind(int at, std::int64_t value) { ::sqlite3_bind_int64(statement_.get(), at, value); }
void Statement::bind(int at, std::string_view value) {
  ::sqlite3_bind_text64(statement_.get(), at, value.data() == nullptr ? "" : value.data(), value.size(),
                        SQLITE_TRANSIENT, SQLITE_UTF8);
}
void Statement::bind(int at, Bytes value) {
  ::sqlite3_bind_blob64(statement_.get(), at, value.empty() ? "" : static_cast<const void*>(value.data()), value.size(),
                        SQLITE_TRANSIENT);
}
void Statement::bind(int at, std::nullptr_t) { ::sqlite3_bind_null(statement_.get(), at); }

Result<bool> Statement::step() {
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  auto error = error_of(::sqlite3_db_handle(statement_.get()));
  reset();
  return error;
}

Result<> Statement::run() {
  while (TRY(step())) {
  }
  return {};
}

std::int64_t Statement::integer(int column) const { return ::sqlite3_column_int64(statement_.get(), column); }
bool Statement::is_null(int column) const { return ::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
std::string_view Statement::text(int column) const {
  const auto* const at = reinterpret_cast<const char*>(::sqlite3_column_text(statement_.get(), column));
  return {at == nullptr ? "" : at, static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
}
Bytes Statement::blob(int column) const {
  const auto* const at = static_cast<const std::byte*>(::sqlite3_column_blob(statement_.get(), column));
  return {at, at == nullptr ? 0 : static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Mode mode) {
  auto database = std::make_unique<Database>();
  sqlite3* raw = nullptr;
  const int flags =
      (mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  const int code = ::sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  database->database_.reset(raw);
  if (code != SQLITE_OK) {
    auto error = error_of(raw);
    error.error().where = path;
    return error;
  }
  ::sqlite3_busy_timeout(raw, 5'000);
  return database;
}

Result<> Database::run(const char* sql) {
  if (::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error_of(database_.get());
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  Statement statement;
  sqlite3_stmt* raw = nullptr;
  if (::sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw,
                           nullptr) != SQLITE_OK)
    return error_of(database_.get());
  statement.statement_.reset(raw);
  return statement;
}

std::int64_t Database::last_row() const { return ::sqlite3_last_insert_rowid(database_.get()); }
std::int64_t Database::changes() const { return ::sqlite3_changes64(database_.get()); }

}  // namespace skerry::cloud
