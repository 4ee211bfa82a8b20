// Signing, and taking apart with suspicion.
#include "identity/token.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/secret_file.hpp"
#include "identity/limits.hpp"

namespace skerry::identity {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t seconds_of(Wall at) { return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count(); }

std::unexpected<Error> refuse(const char* name, const char* what) { return fail(Code::denied, what, name); }

Result<std::string> thumbprint(const Key& key) {  // RFC 7638 3: members in lexical order, no spaces
  const auto numbers = TRY(key.rsa_numbers());
  const std::string canonical =
      R"({"e":")" + base64url(numbers.e) + R"(","kty":"RSA","n":")" + base64url(numbers.n) + R"("})";
  return base64url(sha256(as_bytes(canonical)));
}

// An object whose names are there once (RFC 7515 4): a parser that takes the last and one that takes the first differ.
Result<Json> parse_part(std::string_view text) {
  const auto bytes = from_base64url(text);
  if (!bytes || !skerry::as_text(*bytes).starts_with('{'))
    return refuse("malformed", "a part of the token is no base64url JSON");
  bool twice = false;
  std::vector<std::vector<std::string>> names;
  const auto json = Json::parse(
      as_text(*bytes),
      [&](int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start) names.emplace_back();
        if (event == Json::parse_event_t::object_end) names.pop_back();
        if (event == Json::parse_event_t::key) {
          auto& own = names.back();
          twice = twice || std::ranges::find(own, parsed.get<std::string>()) != own.end();
          own.push_back(parsed.get<std::string>());
        }
        return true;
      },
      false);
  if (!json.is_object() || twice) return refuse("malformed", "a part of the token is no JSON object with unique names");
  return json;
}

std::optional<std::string> text_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<Wall> time_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return {};
  const auto seconds = found->get<double>();
  if (!(seconds >= 0 && seconds < 253402300800.0)) return {};  // year 10000
  return Wall(std::chrono::microseconds{static_cast<std::int64_t>(seconds * 1e6)});
}

Result<Claims> check_claims(const Json& body, std::string_view issuer, Wall now) {
  Claims claims;
  claims.issuer = text_in(body, "iss").value_or("");
  if (claims.issuer != issuer) return refuse("issuer", "the token is of another issuer");
  const auto aud = body.find("aud");
  const bool ours =
      aud != body.end() && (*aud == Json(Tokens::audience) ||
                            (aud->is_array() && std::ranges::find(*aud, Json(Tokens::audience)) != aud->end()));
  if (!ours) return refuse("audience", "the token is for another audience");
  claims.audience = Tokens::audience;
  const auto expires = time_in(body, "exp");
  const auto issued = time_in(body, "iat");
  if (!expires || !issued) return refuse("expired", "the token says no exp and iat");
  claims.expires_at = *expires;
  claims.issued_at = *issued;
  if (now >= *expires) return refuse("expired", "the token has expired");
  if (*issued > now + limits::token_leeway) return refuse("not_yet_valid", "the token is from the future");
  if (const auto from = time_in(body, "nbf");
      (from && *from > now + limits::token_leeway) || (!from && body.contains("nbf")))
    return refuse("not_yet_valid", "the token is not valid yet");
  claims.device_id = text_in(body, "device_id").value_or("");
  if (claims.device_id.empty()) return refuse("malformed", "the token names no device_id");
  claims.device_type = text_in(body, "device_type").value_or("");
  claims.access_level = text_in(body, "access_level").value_or("");
  claims.id = text_in(body, "jti").value_or("");
  if (const auto risk = body.find("risk_score"); risk != body.end() && risk->is_number())
    claims.risk_score = risk->get<double>();
  return claims;
}

}  // namespace

bool looks_like_token(std::string_view text) {
  return text.starts_with("ey") && std::ranges::count(text, '.') == 2 && text.size() <= limits::token_bytes_max;
}

Result<Tokens> Tokens::open(Files& files, std::string_view dir, std::string issuer, Wall now) {
  TRY(files.make_dirs(dir));
  Tokens tokens(files, std::string(dir), std::move(issuer));
  for (const auto& entry : TRY(files.list(dir))) {
    if (!entry.name.ends_with(".pem")) continue;
    const auto path = join_path(dir, entry.name);
    const auto pem = TRY(read_file(files, path, limits::pem_bytes_max));
    auto key = Key::from_private_pem(as_text(pem));
    std::int64_t made = 0;
    try {
      made = std::stoll(entry.name);  // SECONDS-….pem
    } catch (const std::exception&) {
      key = fail(Code::damaged, "is not named as keys of tokens are");
    }
    if (!key) return fail(key.error().code, key.error().what, path);
    auto kid = TRY(thumbprint(*key));
    tokens.keys_.push_back({std::move(kid), std::move(*key), Wall(std::chrono::seconds{made})});
  }
  std::ranges::sort(tokens.keys_, [](const auto& a, const auto& b) { return a.made_at > b.made_at; });
  TRY(tokens.rotate(now));
  return tokens;
}

std::string Tokens::file_of(const TokenKey& each) const {
  return join_path(dir_, std::to_string(seconds_of(each.made_at)) + "-" + each.kid.substr(0, 8) + ".pem");
}

Result<> Tokens::drop_after(Wall now) {
  while (!keys_.empty() && keys_.front().made_at > now) {
    const auto file = file_of(keys_.front());
    if (TRY(files_->exists(file))) TRY(files_->remove(file));  // another process may have been first
    keys_.erase(keys_.begin());
  }
  TRY(rotate(now));
  return {};
}

Result<bool> Tokens::rotate(Wall now, bool at_once) {
  bool changed = false;
  if (keys_.empty() || at_once || now >= keys_.front().made_at + limits::token_key_valid) {
    TokenKey fresh{.key = TRY(Key::make_rsa(2048)), .made_at = std::chrono::floor<std::chrono::seconds>(now)};
    fresh.kid = TRY(thumbprint(fresh.key));
    TRY(replace_secret_file(*files_, file_of(fresh), as_bytes(fresh.key.private_pem())));
    keys_.insert(keys_.begin(), std::move(fresh));
    changed = true;
  }
  // A key stopped signing when the next was made; what it signed last lives token_valid longer.
  for (std::size_t i = keys_.size(); i-- > 1;) {
    if (now < keys_[i - 1].made_at + limits::token_valid + limits::token_leeway) continue;
    TRY(files_->remove(file_of(keys_[i])));
    keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(i));
    changed = true;
  }
  return changed;
}

Result<std::string> Tokens::sign(const Claims& claims) const {
  INVARIANT(!keys_.empty());
  const Json header{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", keys_.front().kid}};
  Json body{{"iss", issuer_},
            {"aud", audience},
            {"sub", claims.device_id},
            {"jti", claims.id},
            {"device_id", claims.device_id}};
  if (!claims.device_type.empty() || claims.access_level.empty()) body["device_type"] = claims.device_type;
  if (!claims.access_level.empty()) body["access_level"] = claims.access_level;
  if (claims.risk_score) body["risk_score"] = *claims.risk_score;
  body["iat"] = seconds_of(claims.issued_at);
  body["exp"] = seconds_of(claims.expires_at);
  auto text = base64url(as_bytes(header.dump())) + "." + base64url(as_bytes(body.dump()));
  const auto signature = TRY(keys_.front().key.sign(as_bytes(text)));
  return text + "." + base64url(signature);
}

Result<Claims> Tokens::verify(std::string_view token, Wall now) const {
  if (token.size() > limits::token_bytes_max) return refuse("malformed", "the token is too long");
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refuse("malformed", "a token has three parts");
  const auto header = TRY(parse_part(token.substr(0, first)));
  if (text_in(header, "alg") != "RS256") return refuse("algorithm", "the only algorithm taken is RS256");
  if (header.contains("crit")) return refuse("critical", "the token has critical extensions; none is known here");
  if (const auto type = header.find("typ"); type != header.end() && *type != Json("JWT"))
    return refuse("malformed", "the token is of another type");
  const auto kid = text_in(header, "kid");
  const auto key = std::ranges::find_if(keys_, [&](const auto& each) { return kid && each.kid == *kid; });
  if (key == keys_.end()) return refuse("key", "the token's key is none of this gateway's");
  const auto signature = from_base64url(token.substr(second + 1));
  if (!signature || !key->key.verifies(as_bytes(token.substr(0, second)), *signature))
    return refuse("signature", "the token's signature is wrong");
  return check_claims(TRY(parse_part(token.substr(first + 1, second - first - 1))), issuer_, now);
}

std::string Tokens::jwks() const {
  Json keys = Json::array();
  for (const auto& each : keys_) {
    const auto numbers = each.key.rsa_numbers();
    if (!numbers) continue;
    keys.push_back({{"kty", "RSA"},
                    {"use", "sig"},
                    {"alg", "RS256"},
                    {"kid", each.kid},
                    {"n", base64url(numbers->n)},
                    {"e", base64url(numbers->e)}});
  }
  return Json{{"keys", keys}}.dump();
}

}  // namespace skerry::identity
