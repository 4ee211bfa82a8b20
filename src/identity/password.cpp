// scrypt by OpenSSL; the stored text says its costs, so that they may grow.
#include "identity/password.hpp"

#include <openssl/evp.h>

#include <charconv>
#include <vector>

#include "identity/key.hpp"
#include "identity/openssl.hpp"

namespace skerry::identity {
namespace {

struct Cost {
  std::uint64_t n = 8192;
  std::uint64_t r = 8;
  std::uint64_t p = 1;
};
constexpr std::uint64_t memory_max = 64 * MiB;

Buffer derive(std::string_view password, Bytes salt, const Cost& cost) {
  Buffer key(32);
  const int good = EVP_PBE_scrypt(password.data(), password.size(), to_uchar(salt), salt.size(), cost.n, cost.r, cost.p,
                                  memory_max, reinterpret_cast<unsigned char*>(key.data()), key.size());
  if (good != 1) key.clear();
  return key;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find('$');
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool read(std::string_view text, std::uint64_t& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

}  // namespace

std::string hash_password(std::string_view password, Chance& chance) {
  const Cost cost;
  const auto salt = random_bytes(chance, 16);
  const auto key = derive(password, salt, cost);
  INVARIANT(!key.empty());
  return "scrypt$" + std::to_string(cost.n) + "$" + std::to_string(cost.r) + "$" + std::to_string(cost.p) + "$" +
         base64url(salt) + "$" + base64url(key);
}

bool password_matches(std::string_view password, std::string_view stored) {
  const auto parts = split(stored);
  Cost cost;
  if (parts.size() != 6 || parts[0] != "scrypt" || !read(parts[1], cost.n) || !read(parts[2], cost.r) ||
      !read(parts[3], cost.p))
    return false;
  const auto salt = from_base64url(parts[4]);
  const auto wanted = from_base64url(parts[5]);
  if (!salt || !wanted || wanted->empty()) return false;
  return same_secret(derive(password, *salt, cost), *wanted);
}

}  // namespace skerry::identity
