// Folding the journal's lines into what is so now.
#include "identity/registry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace skerry::identity {

struct Registry::Line {
  Wall at{};
  std::string what;
  std::string to;
  std::string from;
  nlohmann::ordered_json data;

  std::string text(const char* key) const {
    const auto found = data.find(key);
    return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
  }
  Wall time(const char* key) const {
    const auto parsed = parse_time(text(key));
    return parsed ? Wall(*parsed) : Wall{};
  }
};

namespace {

bool has_factor(const nlohmann::ordered_json& data, std::string_view name) {
  const auto found = data.find("factors");
  return found != data.end() && found->is_array() && std::ranges::any_of(*found, [name](const auto& each) {
           return each.is_object() && each.contains("factor") && each["factor"] == name;
         });
}

Role role_named(const std::string& text) {
  return text == "operator" ? Role::operator_ : text == "gateway" ? Role::gateway : Role::device;
}

}  // namespace

std::string_view name(AccountRole role) {
  switch (role) {
    case AccountRole::operator_: return "operator";
    case AccountRole::admin: return "admin";
    default: return "viewer";
  }
}

std::optional<AccountRole> account_role_named(std::string_view text) {
  for (const auto role : {AccountRole::viewer, AccountRole::operator_, AccountRole::admin}) {
    if (name(role) == text) return role;
  }
  return {};
}

void Registry::apply(std::string_view text) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  Line line;
  try {
    if (const auto at = parse_time(json.at("at").get<std::string>())) line.at = Wall(*at);
    line.what = json.at("what").get<std::string>();
    line.to = json.at("to").get<std::string>();
    line.from = json.at("from").get<std::string>();
    newest_ = std::max(newest_, line.at);
    if (json.at("result") != "ok") return;
    line.data = json.value("data", nlohmann::ordered_json::object());
  } catch (const nlohmann::json::exception&) {
    return;  // `audit verify` says so
  }
  if (line.what.starts_with("account")) {
    if (apply_account(line)) ++revision_;
  } else if (line.what == "claim") {
    const auto hash = line.text("hash");
    codes_[hash] = {hash, line.text("id"), line.time("expires"), false};
  } else if (line.what == "register") {
    register_device(line);
  } else if (line.what == "issue") {
    issue(line);
  } else if (line.what == "revoke") {
    revoke(line);
  } else if (line.what == "password") {
    if (const auto found = devices_.find(line.to); found != devices_.end()) found->second.password = line.text("hash");
    ++revision_;
  } else if (line.what == "psk") {
    if (const auto found = devices_.find(line.to); found != devices_.end()) found->second.psk_salt = line.text("salt");
    ++revision_;
  } else if (line.what == "quarantine" || line.what == "release") {
    const auto found = devices_.find(line.to);
    if (found != devices_.end() && found->second.status != "revoked")
      found->second.status = line.what == "release" ? "registered" : "quarantined";
    ++revision_;
  } else if (line.what == "session") {
    sessions_[line.to] = {line.to,
                          line.text("device"),
                          line.text("level"),
                          line.data.value("risk", 0.0),
                          line.time("expires"),
                          line.from,
                          has_factor(line.data, "location")};
  } else if (line.what == "session_level") {
    if (const auto found = sessions_.find(line.to); found != sessions_.end()) {
      found->second.level = line.text("level");
      found->second.risk = line.data.value("risk", 0.0);
    }
    ++revision_;
  } else if (line.what == "login") {
    if (const auto hash = line.text("token"); !hash.empty()) logins_[hash] = {line.to, line.time("ends")};
  } else if (line.what == "logout") {
    forget_login(line.text("token"));
  } else if (line.what == "clock") {
    newest_ = line.at;
    ++clock_lines_;
    if (const auto from = line.time("lowered_from"); from > line.at) ahead_.emplace_back(line.at, from);
  } else if (line.what == "session_end") {
    sessions_.erase(line.to);
    ++revision_;
  }
}

bool Registry::apply_account(const Line& line) {
  if (line.what == "account") {
    const auto role = account_role_named(line.text("role"));
    if (!role) return false;
    accounts_[line.to] = {line.to, *role, line.text("hash"), {}};
    return true;
  }
  const auto found = accounts_.find(line.to);
  if (found == accounts_.end()) return false;
  std::erase_if(logins_, [&](const auto& each) { return each.second.account == line.to; });
  if (line.what == "account_remove")
    accounts_.erase(found);
  else if (line.what == "account_password")
    found->second.password = line.text("hash");
  else if (line.what == "account_totp")
    found->second.totp_salt = line.text("salt");
  return true;
}

void Registry::register_device(const Line& line) {
  auto& device = devices_[line.to];
  const bool fresh = device.id.empty();
  device.id = line.to;
  device.name = line.text("name");
  device.type = line.text("type");
  device.location = line.text("location");
  if (const auto clearance = line.text("clearance"); !clearance.empty()) device.clearance = clearance;
  if (line.data.contains("attributes")) device.attributes = line.data["attributes"].dump();
  device.status = "registered";
  if (fresh) device.registered_at = line.at;
  if (const auto code = codes_.find(line.text("code")); code != codes_.end()) code->second.used = true;
}

void Registry::issue(const Line& line) {
  const auto serial = line.text("serial");
  auto& made = certificates_[serial];
  made.serial = serial;
  made.key_id = line.text("key");
  made.public_key = line.text("public_key");
  made.role = role_named(line.text("role"));
  made.not_before = line.time("not_before");
  made.not_after = line.time("not_after");
  made.replaces = line.text("replaces");
  keys_[made.key_id] = line.to;
  subjects_[serial] = line.to;
  if (const auto found = devices_.find(line.to); found != devices_.end()) found->second.serials.push_back(serial);
}

void Registry::revoke(const Line& line) {
  const auto reason = line.text("reason");
  for (const auto& each : line.data.value("serials", nlohmann::ordered_json::array())) {
    if (!each.is_string()) continue;
    auto& made = certificates_[each.get<std::string>()];
    made.serial = each.get<std::string>();
    if (std::exchange(made.revoked, true)) continue;
    made.revoked_at = line.at;
    made.reason = reason;
    ++revocations_;
  }
  if (const auto found = devices_.find(line.to); found != devices_.end() && reason != "superseded")
    found->second.status = "revoked";
  if (reason != "superseded") std::erase_if(sessions_, [&](const auto& each) { return each.second.device == line.to; });
  ++revision_;
}

bool Registry::ran_ahead(Wall at) const {
  return std::ranges::any_of(ahead_, [at](const auto& each) { return each.first < at && at <= each.second; });
}

const Device* Registry::device(std::string_view id) const {
  const auto found = devices_.find(id);
  return found == devices_.end() ? nullptr : &found->second;
}

const Issued* Registry::certificate(std::string_view serial) const {
  const auto found = certificates_.find(serial);
  return found == certificates_.end() ? nullptr : &found->second;
}

std::string Registry::owner_of_key(std::string_view key_id) const {
  const auto found = keys_.find(key_id);
  return found == keys_.end() ? std::string() : found->second;
}

std::string Registry::subject_of(std::string_view serial) const {
  const auto found = subjects_.find(serial);
  return found == subjects_.end() ? std::string() : found->second;
}

const Account* Registry::account(std::string_view name) const {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : &found->second;
}

std::vector<Account> Registry::accounts() const {
  std::vector<Account> all;
  for (const auto& [name, each] : accounts_) all.push_back(each);
  return all;
}

const ClaimCode* Registry::code(std::string_view hash) const {
  const auto found = codes_.find(hash);
  return found == codes_.end() ? nullptr : &found->second;
}

const Session* Registry::session(std::string_view id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

std::vector<Session> Registry::sessions_after(std::string_view id, std::size_t most) const {
  std::vector<Session> all;
  for (auto at = sessions_.upper_bound(id); at != sessions_.end() && all.size() < most; ++at) all.push_back(at->second);
  return all;
}

const KeptLogin* Registry::login(std::string_view token_hash) const {
  const auto found = logins_.find(token_hash);
  return found == logins_.end() ? nullptr : &found->second;
}

void Registry::forget_login(std::string_view token_hash) {
  if (const auto found = logins_.find(token_hash); found != logins_.end()) logins_.erase(found);
}

std::vector<Session> Registry::sessions(Wall now) const {
  std::vector<Session> all;
  for (const auto& [id, each] : sessions_) {
    if (each.expires > now) all.push_back(each);
  }
  return all;
}

void Registry::forget_sessions(Wall now) {
  std::erase_if(sessions_, [now](const auto& each) { return each.second.expires <= now; });
  std::erase_if(logins_, [now](const auto& each) { return each.second.ends <= now; });
}

std::vector<const Device*> Registry::devices() const {
  std::vector<const Device*> all;
  all.reserve(devices_.size());
  for (const auto& [id, each] : devices_) all.push_back(&each);
  return all;
}

std::vector<std::pair<std::string, Issued>> Registry::certificates() const {
  std::vector<std::pair<std::string, Issued>> all;
  for (const auto& [serial, each] : certificates_) all.emplace_back(subject_of(serial), each);
  return all;
}

std::vector<Revocation> Registry::revoked() const {
  std::vector<Revocation> all;
  for (const auto& [serial, each] : certificates_) {
    if (each.revoked) all.push_back({serial, each.revoked_at, each.reason});
  }
  return all;
}

}  // namespace skerry::identity
