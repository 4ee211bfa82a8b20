// SQLite's C interface behind Database.
#include <sqlite3.h>

#include "cloud/backends.hpp"

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

class SqliteStatement final : public Statement::Impl {
 public:
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  void reset() override { ::sqlite3_reset(get()); }
  void bind(int at, std::int64_t value) override { ::sqlite3_bind_int64(get(), at, value); }
  void bind(int at, std::string_view value) override {
    ::sqlite3_bind_text64(get(), at, value.data() == nullptr ? "" : value.data(), value.size(), SQLITE_TRANSIENT,
                          SQLITE_UTF8);
  }
  void bind(int at, Bytes value) override {
    ::sqlite3_bind_blob64(get(), at, value.empty() ? "" : static_cast<const void*>(value.data()), value.size(),
                          SQLITE_TRANSIENT);
  }
  void bind_null(int at) override { ::sqlite3_bind_null(get(), at); }

  Result<bool> step() override {
    const int code = ::sqlite3_step(get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
      reset();
      return false;
    }
    auto error = error_of(::sqlite3_db_handle(get()));
    reset();
    return error;
  }
  Result<> run() override {
    while (TRY(step())) {
    }
    return {};
  }

  std::int64_t integer(int column) const override { return ::sqlite3_column_int64(get(), column); }
  bool is_null(int column) const override { return ::sqlite3_column_type(get(), column) == SQLITE_NULL; }
  std::string_view text(int column) const override {
    const auto* const at = reinterpret_cast<const char*>(::sqlite3_column_text(get(), column));
    return {at == nullptr ? "" : at, static_cast<std::size_t>(::sqlite3_column_bytes(get(), column))};
  }
  Bytes blob(int column) const override {
    const auto* const at = static_cast<const std::byte*>(::sqlite3_column_blob(get(), column));
    return {at, at == nullptr ? 0 : static_cast<std::size_t>(::sqlite3_column_bytes(get(), column))};
  }

 private:
  struct Finish {
    void operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
  };
  sqlite3_stmt* get() const { return statement_.get(); }
  std::unique_ptr<sqlite3_stmt, Finish> statement_;
};

class SqliteDatabase final : public Database {
 public:
  Result<> open(const std::string& path, Mode mode) {
    sqlite3* raw = nullptr;
    const int flags = (mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                      SQLITE_OPEN_NOMUTEX;
    const int code = ::sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    database_.reset(raw);
    if (code != SQLITE_OK) {
      auto error = error_of(raw);
      error.error().where = path;
      return error;
    }
    path_ = path;
    ::sqlite3_busy_timeout(raw, 5'000);
    if (mode == Mode::read) return {};
    return run(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;"
        "PRAGMA wal_autocheckpoint=4000;");
  }

  Result<> begin(Access access) override { return run(access == Access::write ? "BEGIN IMMEDIATE" : "BEGIN"); }
  Result<> commit() override { return run("COMMIT"); }
  void rollback() override { (void)run("ROLLBACK"); }

  Result<> run(const char* sql) override {
    if (::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error_of(database_.get());
    return {};
  }

  // SQLite's greatest() and least() are max() and min().
  Result<Statement> prepare(std::string_view sql) override {
    const auto own = replaced(replaced(std::string(sql), "greatest(", "max("), "least(", "min(");
    sqlite3_stmt* raw = nullptr;
    if (::sqlite3_prepare_v3(database_.get(), own.data(), static_cast<int>(own.size()), SQLITE_PREPARE_PERSISTENT, &raw,
                             nullptr) != SQLITE_OK)
      return error_of(database_.get());
    return Statement(std::make_unique<SqliteStatement>(raw));
  }

  Result<> make_tables(std::string_view tables, int version) override {
    {
      auto before = TRY(prepare("PRAGMA user_version"));
      TRY(before.step());
      if (before.integer(0) > version) return fail(Code::unsupported, "was written by a newer program", path_);
    }
    TRY(run(std::string(tables).c_str()));
    return run(("PRAGMA user_version=" + std::to_string(version)).c_str());
  }

  Result<bool> lease(std::string_view, bool) override { return true; }  // the transaction has the whole file

 private:
  struct Close {
    void operator()(sqlite3* database) const { ::sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path, Database::Mode mode) {
  auto database = std::make_unique<SqliteDatabase>();
  TRY(database->open(path, mode));
  return database;
}

bool Database::is_server(std::string_view where) {
  return where.starts_with("postgresql://") || where.starts_with("postgres://");
}

Result<std::unique_ptr<Database>> Database::open(const std::string& where, Mode mode) {
  return is_server(where) ? open_postgres(where, mode) : open_sqlite(where, mode);
}

}  // namespace skerry::cloud
