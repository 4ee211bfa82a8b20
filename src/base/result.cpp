// Names of error codes, and the end of the program when an invariant breaks.
#include "base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace skerry {

std::string_view name(Code code) {
  switch (code) {
    case Code::invalid: return "invalid";
    case Code::not_found: return "not_found";
    case Code::exists: return "exists";
    case Code::full: return "full";
    case Code::busy: return "busy";
    case Code::io: return "io";
    case Code::damaged: return "damaged";
    case Code::unsupported: return "unsupported";
    case Code::denied: return "denied";
    case Code::closed: return "closed";
  }
  return "unknown";
}

std::string Error::text() const { return where.empty() ? what : where + ": " + what; }

void invariant_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "skerry: invariant broken: %s (%s:%d). This is a bug: please report it.\n", condition, file,
               line);
  std::abort();
}

}  // namespace skerry
