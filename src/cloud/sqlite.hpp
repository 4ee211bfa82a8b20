// SQLite, as much of it as the cloud side needs: a connection, prepared statements, errors as values.
//
// One connection is used by one thread at a time. Views that a column gives are valid until the next step.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace skerry::cloud {

class Database;

class Statement {
 public:
  Statement() = default;
  // From the beginning, with values for ?1, ?2, …: integers, text, Bytes. What was bound is copied.
  template <typename... Values>
  Statement& with(const Values&... values) {
    reset();
    int at = 0;
    (bind(++at, values), ...);
    return *this;
  }
  Result<bool> step();  // true: there is a row
  Result<> run();       // to its end, rows are of no interest

  std::int64_t integer(int column) const;
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string_view text(int column) const;
  Bytes blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  void reset();
  void bind(int at, std::int64_t value);
  void bind(int at, std::uint64_t value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, int value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, std::string_view value);
  void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }
  void bind(int at, const char* value) { bind(at, std::string_view(value)); }
  void bind(int at, Bytes value);
  void bind(int at, const Buffer& value) { bind(at, Bytes(value)); }
  void bind(int at, std::nullptr_t);

  struct Finish {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finish> statement_;
};

class Database {
 public:
  enum class Mode : std::uint8_t { create, read };
  static Result<std::unique_ptr<Database>> open(const std::string& path, Mode mode);

  Result<> run(const char* sql);  // one or more statements
  Result<Statement> prepare(std::string_view sql);
  std::int64_t last_row() const;
  std::int64_t changes() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace skerry::cloud
