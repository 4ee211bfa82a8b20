// A database as the cloud side needs it: one connection, statements with values, errors as values; SQLite or
// PostgreSQL.
//
// SQL is written once, in what both understand: values are ?1, ?2, …; greatest() and least() of two; types INTEGER
// (64 bits), TEXT (UTF-8, ordered by bytes) and BLOB. One connection is used by one thread at a time. Views that a
// column gives are valid until the next step of that statement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::cloud {

class Statement {
 public:
  // What a kind of database makes of it.
  class Impl {
   public:
    virtual ~Impl() = default;
    virtual void reset() = 0;  // before the first row, without values
    virtual void bind(int at, std::int64_t value) = 0;
    virtual void bind(int at, std::string_view value) = 0;
    virtual void bind(int at, Bytes value) = 0;
    virtual void bind_null(int at) = 0;
    virtual Result<bool> step() = 0;
    virtual Result<> run() = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual std::string_view text(int column) const = 0;
    virtual Bytes blob(int column) const = 0;
    virtual bool is_null(int column) const = 0;
  };

  Statement() = default;
  explicit Statement(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

  // From the beginning, with values for ?1, ?2, …: integers, text, Bytes, nullptr. What was bound is copied.
  template <typename... Values>
  Statement& with(const Values&... values) {
    impl_->reset();
    bound_ = 0;
    return more(values...);
  }
  // And values for those that follow.
  template <typename... Values>
  Statement& more(const Values&... values) {
    (bind(++bound_, values), ...);
    return *this;
  }
  Result<bool> step() { return impl_->step(); }  // true: there is a row
  // To its end, rows are of no interest. Inside a transaction an error may be told by a later call, at the latest by
  // commit().
  Result<> run() { return impl_->run(); }

  std::int64_t integer(int column) const { return impl_->integer(column); }
  std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string_view text(int column) const { return impl_->text(column); }
  Bytes blob(int column) const { return impl_->blob(column); }
  bool is_null(int column) const { return impl_->is_null(column); }

 private:
  void bind(int at, std::int64_t value) { impl_->bind(at, value); }
  void bind(int at, std::uint64_t value) { impl_->bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, int value) { impl_->bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, std::string_view value) { impl_->bind(at, value); }
  void bind(int at, const std::string& value) { impl_->bind(at, std::string_view(value)); }
  void bind(int at, const char* value) { impl_->bind(at, std::string_view(value)); }
  void bind(int at, Bytes value) { impl_->bind(at, value); }
  void bind(int at, const Buffer& value) { impl_->bind(at, Bytes(value)); }
  void bind(int at, std::nullptr_t) { impl_->bind_null(at); }

  void bind(int at, const std::optional<std::int64_t>& value) {
    value ? impl_->bind(at, *value) : impl_->bind_null(at);
  }
  void bind(int at, const std::optional<Bytes>& value) { value ? impl_->bind(at, *value) : impl_->bind_null(at); }

  std::unique_ptr<Impl> impl_;
  int bound_ = 0;
};

class Database {
 public:
  enum class Mode : std::uint8_t { create, read };
  enum class Access : std::uint8_t { read, write };  // read: one state, whatever others write meanwhile

  // A path: SQLite. postgresql://…: PostgreSQL. Code::unsupported: its library is not installed.
  static Result<std::unique_ptr<Database>> open(const std::string& where, Mode mode);
  static bool is_server(std::string_view where);  // PostgreSQL's address
  virtual ~Database() = default;

  // A connection that was lost is made again here.
  virtual Result<> begin(Access access) = 0;
  virtual Result<> commit() = 0;
  virtual void rollback() = 0;  // also when none is open

  // One or more statements without values.
  virtual Result<> run(const char* sql) = 0;
  virtual Result<Statement> prepare(std::string_view sql) = 0;
  // Makes what is missing of the tables; Code::unsupported: a newer program has made them.
  virtual Result<> make_tables(std::string_view tables, int version) = 0;
  // Until the transaction ends nobody else has this name. Only there may be somebody else. False: somebody has it, and
  // it was not to be waited for.
  virtual Result<bool> lease(std::string_view name, bool wait) = 0;
};

}  // namespace skerry::cloud
