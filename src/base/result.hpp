// Result<T>: how a room says what went wrong, where, and what to do about it.
//
// Errors cross rooms as values; exceptions stay inside the .cpp that calls a library that throws. A bug is not an
// error: INVARIANT stops the program, in release builds too, and is never reachable from input.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace skerry {

enum class Code : std::uint8_t {
  invalid,      // the input is wrong; `where` says which line, key, topic or byte
  not_found,    // nothing has that name
  exists,       // something has that name already
  full,         // a named limit is reached; nothing was taken
  busy,         // try again later: a bounded queue is full
  io,           // the disk or the network failed; never tried again for the same bytes
  damaged,      // stored bytes are not what was written
  unsupported,  // well-formed, but not something this program does
  denied,       // not allowed
  closed,       // the other side, or we, have ended it
};

std::string_view name(Code code);

struct Error {
  Code code = Code::invalid;
  std::string what;   // what is wrong and, where it helps, what to do about it
  std::string where;  // line, key, topic, path or byte; may be empty

  // "where: what", as a person reads it.
  std::string text() const;
};

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string what, std::string where = {}) {
  return std::unexpected(Error{code, std::move(what), std::move(where)});
}

[[noreturn]] void invariant_failed(const char* condition, const char* file, int line);

}  // namespace skerry

// auto value = TRY(expression);  passes an error up, else gives the value.
// TRY(expression);               for a Result<> only passes the error up.
#define TRY(...)                                                              \
  __extension__({                                                             \
    auto skerry_try_ = (__VA_ARGS__);                                         \
    if (!skerry_try_) return std::unexpected(std::move(skerry_try_).error()); \
    std::move(skerry_try_).value();                                           \
  })

// A fact that only a bug can break. One condition each; on in release.
#define INVARIANT(cond) ((cond) ? static_cast<void>(0) : ::skerry::invariant_failed(#cond, __FILE__, __LINE__))
