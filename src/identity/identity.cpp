// Opening, time, the journal's writing, and what happens as time passes.
#include "identity/identity.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/logger.hpp"
#include "base/secret_file.hpp"
#include "identity/identity_impl.hpp"

namespace skerry::identity {
namespace {

// No certificate of ours is older than the program that knows how to make it.
constexpr Wall built_at{std::chrono::seconds{SKERRY_BUILT_AT}};
constexpr auto files_every = std::chrono::milliseconds{200};
constexpr auto seal_every = std::chrono::seconds{1};
constexpr auto save_behaviour_every = std::chrono::hours{1};
constexpr std::string_view behaviour_file = "behaviour.txt";
constexpr std::size_t behaviour_bytes_max = 64 * MiB;
constexpr std::size_t policy_bytes_max = 1 * MiB;
constexpr std::size_t crl_bytes_max = 64 * MiB;

}  // namespace

Result<> check_id(std::string_view id) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  static constexpr std::string_view more = "._:-";
  if (id.empty() || id.size() > limits::id_bytes_max)
    return fail(Code::invalid, "an id has 1 to " + std::to_string(limits::id_bytes_max) + " characters");
  for (const char c : id) {
    if (letters.find(c) == std::string_view::npos && more.find(c) == std::string_view::npos)
      return fail(Code::invalid, "an id has letters, digits and . _ : - only");
  }
  if (letters.find(id.front()) == std::string_view::npos)
    return fail(Code::invalid, "an id begins with a letter or a digit");
  return {};
}

IdentityImpl::IdentityImpl(Files& files, Clock& clock, Chance& chance, metrics::Registry& metrics, std::string dir,
                           const Options& options)
    : files_(files),
      clock_(clock),
      chance_(chance),
      metrics_(metrics),
      dir_(std::move(dir)),
      options_(options),
      known_time_(built_at),
      password_salt_(random_bytes(chance, 32)) {}

IdentityImpl::~IdentityImpl() { save_behaviour(); }

Result<std::unique_ptr<Identity>> Identity::open(Files& files, Clock& clock, Chance& chance, metrics::Registry& metrics,
                                                 std::string_view data_dir, const Options& options) {
  auto identity = std::make_unique<IdentityImpl>(files, clock, chance, metrics, pki_dir(data_dir), options);
  TRY(identity->open());
  return identity;
}

Result<> IdentityImpl::open() {
  zone_ = TRY(Zone::named(files_, options_.time_zone));
  TRY(files_.make_dirs(dir_));
  TRY(read_policy(true));
  journal_ = TRY(Journal::open(files_, dir_, [this](std::string_view line) { registry_.apply(line); }));
  known_time_.raise(registry_.newest());
  clock_lines_ = registry_.clock_lines();
  pki_ = TRY(Pki::open(files_, dir_, options_.pki, time(), chance_));
  for (const auto& each : pki_->authorities()) known_time_.raise_bedrock(each.not_before());
  tokens_ = TRY(Tokens::open(files_, join_path(dir_, "tokens"), options_.gateway_id, time()));
  registry_.forget_sessions(time());
  TRY(keep_crl());
  TRY(read_crl());
  read_behaviour();
  return {};
}

// ---- behaviour of devices: a memory that may be lost ----

void IdentityImpl::read_behaviour() {
  behaviour_saved_ = clock_.mono();
  const auto path = join_path(dir_, behaviour_file);
  if (const auto there = files_.exists(path); !there || !*there) return;
  const auto bytes = read_file(files_, path, behaviour_bytes_max);
  const auto bad = bytes ? behaviour_.load(as_text(*bytes)) : 1;
  if (bad != 0)
    logger::warn("identity", "what was known of devices' usual behaviour is lost in part", {{"lines", bad}});
}

void IdentityImpl::save_behaviour() {
  std::string text;
  {
    const auto held = lock();
    if (!std::exchange(behaviour_changed_, false)) return;
    behaviour_saved_ = clock_.mono();
    text = behaviour_.save();
  }
  if (const auto done = replace_secret_file(files_, join_path(dir_, behaviour_file), as_bytes(text)); !done)
    logger::warn("identity", "what is usual of devices cannot be saved", {{"why", done.error().text()}});
}

void IdentityImpl::sent(const Caller& caller, const Traffic& traffic) {
  if (caller.role != Role::device) return;
  const auto held = lock();
  const auto at = time();
  behaviour_.sent(caller.id, traffic, at, zone_.hour(at));
  behaviour_changed_ = true;
}

Deviation IdentityImpl::deviation(std::string_view device) {
  const auto held = lock();
  return behaviour_.of(device, time());
}

// ---- time ----

Wall IdentityImpl::time() {
  const auto wall = clock_.wall();
  const auto at = known_time_.now(wall, clock_.mono(), clock_.synchronised());
  const auto state = known_time_.state();
  if (state != std::exchange(told_state_, state) && state != KnownTime::State::sure)
    logger::warn(
        "identity",
        state == KnownTime::State::behind
            ? "the clock is behind what is known to have happened, and not believed; if it is right, say so: "
              "skerry pki clock --trust"
            : "the clock has leapt ahead, and is not believed; if it is right, say so: skerry pki clock --trust",
        {{"clock", format_rfc3339(to_event(wall))}, {"known", format_rfc3339(to_event(at))}});
  return at;
}

// What is later than now came of a clock that had run ahead: told in the journal, so that it holds after a restart.
void IdentityImpl::mark_clock(std::string_view who, std::string_view from, Wall lowered_from, std::string_view why) {
  logger::warn("identity", "what is later than the clock came of a clock that had run ahead, and no longer counts",
               {{"up_to", format_rfc3339(to_event(lowered_from))}, {"why", why}});
  const nlohmann::ordered_json data{{"lowered_from", format_rfc3339(to_event(lowered_from))}, {"why", why}};
  (void)record({{std::string(who), std::string(from), "clock", "", "ok", data.dump()}});
  clock_is_right();
}

void IdentityImpl::clock_is_right() {
  clock_lines_ = registry_.clock_lines();
  if (const auto done = tokens_->drop_after(registry_.newest()); !done)
    logger::error("identity", "keys of tokens could not be dropped", {{"why", done.error().text()}});
}

Clockwork IdentityImpl::clockwork() {
  const auto held = lock();
  look();
  Clockwork all{.clock = clock_.wall(),
                .judged_by = time(),
                .floor = known_time_.floor(),
                .state = "sure",
                .synchronised = clock_.synchronised()};
  if (known_time_.state() == KnownTime::State::behind) all.state = "behind";
  if (known_time_.state() == KnownTime::State::ahead) all.state = "ahead";
  return all;
}

Answer<> IdentityImpl::trust_clock(const Caller& by, const Origin& from) {
  return durably([&]() -> Answer<> {
    const auto until = std::max(known_time_.floor(), time());
    const auto wall = clock_.wall();
    known_time_.accept(wall);
    if (time() != wall)
      return refuse(Kind::invalid, "clock_impossible",
                    "the clock is earlier than this program, or than the site's authorities");
    mark_clock(by.text(), from.address, until, "operator");
    return {};
  });
}

Wall IdentityImpl::now() {
  const auto held = lock();
  return time();
}

void IdentityImpl::raise_floor(Wall at) {
  const auto held = lock();
  if (!registry_.ran_ahead(at)) known_time_.raise(at);
}

// ---- the journal ----

void IdentityImpl::look() {
  if (const auto done = journal_->catch_up(); !done)
    logger::error("identity", "the audit journal cannot be read on", {{"why", done.error().text()}});
  if (clock_lines_ != registry_.clock_lines()) {  // of another process
    known_time_.accept(registry_.newest());
    clock_is_right();
  }
  told_revision_.store(revision_ + registry_.revision(), std::memory_order_release);
}

Answer<> IdentityImpl::record(std::vector<Entry> entries, bool durable) {
  const auto done = journal_->append(entries, time());
  told_revision_.store(revision_ + registry_.revision(), std::memory_order_release);
  if (done && durable) unsynced_ = journal_->end();
  if (done) return {};
  logger::error("identity", "the audit journal takes nothing", {{"why", done.error().text()}});
  return refuse(Kind::unavailable, "journal_failed", "the gateway cannot write its audit journal");
}

Answer<> IdentityImpl::synced(std::uint64_t upto) {
  const auto done = journal_->sync(upto);
  if (done) return {};
  logger::error("identity", "the audit journal cannot be synced", {{"why", done.error().text()}});
  return refuse(Kind::unavailable, "journal_failed", "the gateway cannot write its audit journal");
}

void IdentityImpl::refused(const Refusal& refusal, std::string_view who, const Origin& from, std::string_view to) {
  const auto held = lock();
  metrics_
      .counter("skerry_identity_refusals_total", "callers refused, by door and reason",
               {{"door", from.door}, {"reason", refusal.reason}})
      .add();
  const auto mono = clock_.mono();
  if (mono - refusals_since_ >= std::chrono::minutes{1}) {
    if (refusals_left_out_ != 0) {
      nlohmann::ordered_json data{{"count", refusals_left_out_}};
      (void)record({{"gateway", "local", "refusals_left_out", "", "told", data.dump()}}, false);
    }
    refusals_since_ = mono;
    refusals_audited_ = 0;
    refusals_left_out_ = 0;
  }
  if (refusals_audited_ >= limits::audited_refusals_per_minute) {
    ++refusals_left_out_;
    return;
  }
  ++refusals_audited_;
  nlohmann::ordered_json data{{"door", from.door}};
  (void)record({{std::string(who.substr(0, 160)), from.address, "refuse", std::string(to.substr(0, 160)),
                 refusal.reason, data.dump()}},
               false);
}

void IdentityImpl::connected(const Caller& caller, const Origin& from) {
  const auto held = lock();
  metrics_.counter("skerry_identity_accepted_total", "callers let in, by door", {{"door", from.door}}).add();
  if (seen_.size() >= limits::guarded_max) seen_.clear();
  if (!seen_.insert(caller.text() + "\n" + caller.serial + "\n" + from.address + "\n" + from.door).second) return;
  nlohmann::ordered_json data{{"door", from.door}, {"level", caller.level}};
  if (!caller.serial.empty()) data["serial"] = caller.serial;
  (void)record({{caller.text(), from.address, "connect", caller.id, "ok", data.dump()}}, false);
}

void IdentityImpl::asked(std::string_view who, const Origin& from, std::string_view what) {
  const auto held = lock();
  const nlohmann::ordered_json data{{"door", from.door}};
  (void)record({{std::string(who), from.address, "ask", std::string(what.substr(0, 160)), "told", data.dump()}}, false);
}

void IdentityImpl::taken_over(std::string_view id, const Origin& from) {
  const auto held = lock();
  if (!guard_.taken_over(id, clock_.mono())) return;
  logger::warn("identity", "one identity is used at two places", {{"device", id}});
  metrics_.counter("skerry_identity_cloned_total", "identities seen at two places").add();
  std::vector<Entry> entries{{"gateway", from.address, "identity_cloned", std::string(id), "told", {}}};
  if (options_.quarantine_clones && registry_.device(id) != nullptr)
    entries.push_back({"gateway", from.address, "quarantine", std::string(id), "ok", {}});
  (void)record(std::move(entries));
}

Result<> IdentityImpl::seal() {
  auto held = lock();
  const auto head = TRY(journal_->to_seal());
  const auto key = pki_->signing_key();
  const auto at = time();
  held.unlock();
  return head ? journal_->seal(*head, key, at) : Result<>{};
}

// ---- policy and revocation list, as files ----

Result<> IdentityImpl::read_policy(bool first) {
  if (options_.policy_file.empty()) return {};
  const auto bytes = read_file(files_, options_.policy_file, policy_bytes_max);
  if (bytes && as_text(*bytes) == policy_text_) return {};
  auto policy = bytes ? Policy::parse(as_text(*bytes)) : Result<Policy>(std::unexpected(bytes.error()));
  if (!policy) {
    auto error = policy.error();
    error.where = options_.policy_file + (error.where.empty() ? "" : ": " + error.where);
    if (first) return std::unexpected(error);
    if (bytes) policy_text_ = as_text(*bytes);  // told once
    logger::error("identity", "the changed policy is wrong; the one before stays", {{"why", error.text()}});
    return {};
  }
  policy_text_ = as_text(*bytes);
  policy_ = std::move(*policy);
  ++revision_;
  if (!first) {
    logger::info("identity", "the policy was read again", {{"file", options_.policy_file}});
    nlohmann::ordered_json data{{"sha256", hex(sha256(*bytes))}};
    (void)record({{"gateway", "local", "policy", options_.policy_file, "ok", data.dump()}});
  }
  return {};
}

// What is in DATA/pki/crl.pem counts whoever wrote it there, if one of our authorities signed it.
Result<> IdentityImpl::read_crl() {
  const auto path = join_path(dir_, "crl.pem");
  if (!TRY(files_.exists(path))) return {};
  const auto bytes = TRY(read_file(files_, path, crl_bytes_max));
  if (as_text(bytes) == crl_text_) return {};
  crl_text_ = as_text(bytes);
  const auto lists = RevocationList::all_from_pem(crl_text_);
  if (!lists) {
    logger::error("identity", "the revocation list cannot be read", {{"file", path}, {"why", lists.error().text()}});
    return {};
  }
  bool any = false;
  const auto authorities = pki_->authorities();
  for (const auto& list : *lists) {
    if (std::ranges::none_of(authorities, [&](const auto& a) { return list.signed_by(a); })) {
      logger::error("identity", "a revocation list is by none of this site's authorities", {{"issuer", list.issuer()}});
      continue;
    }
    crl_next_update_ = any ? std::min(crl_next_update_, list.next_update()) : list.next_update();
    crl_this_update_ = any ? std::min(crl_this_update_, list.this_update()) : list.this_update();
    any = true;
    for (auto& serial : list.serials()) crl_serials_.insert(std::move(serial));
  }
  ++revision_;
  return {};
}

Result<> IdentityImpl::keep_crl() {
  const bool changed = crl_covers_ != registry_.revocations();
  const auto at = time();
  const bool old = crl_this_update_ + limits::crl_valid / 2 < at || crl_this_update_ > at + limits::clock_leap_max;
  if (!changed && !(old && options_.renew_crl)) return {};
  if (!options_.renew_crl && crl_covers_ == UINT64_MAX && TRY(files_.exists(join_path(dir_, "crl.pem")))) {
    crl_covers_ = registry_.revocations();
    return {};
  }
  crl_covers_ = registry_.revocations();
  TRY(pki_->write_crl(registry_.revoked(), at, limits::crl_valid));
  crl_this_update_ = at;
  return {};
}

Result<> IdentityImpl::write_crl(std::chrono::seconds valid) {
  const auto held = lock();
  look();
  crl_covers_ = registry_.revocations();
  const auto at = time();
  // A list that is to be stale at once was made in the past.
  const auto made = valid.count() < 0 ? at + 2 * valid : at;
  TRY(pki_->write_crl(registry_.revoked(), made, valid.count() < 0 ? -valid : valid));
  return read_crl();
}

Result<std::string> IdentityImpl::crl_pem() {
  const auto held = lock();
  look();
  TRY(keep_crl());
  const auto bytes = TRY(read_file(files_, join_path(dir_, "crl.pem"), crl_bytes_max));
  return std::string(as_text(bytes));
}

// ---- what is public ----

Result<Buffer> IdentityImpl::crl_der() {
  const auto held = lock();
  look();
  TRY(keep_crl());
  const auto bytes = TRY(read_file(files_, join_path(dir_, "crl.pem"), crl_bytes_max));
  for (const auto& list : TRY(RevocationList::all_from_pem(as_text(bytes)))) {
    if (list.signed_by(pki_->signer())) return list.der();
  }
  return fail(Code::not_found, "there is no revocation list of the issuer");
}

std::string IdentityImpl::jwks() {
  const auto held = lock();
  return tokens_->jwks();
}
std::string IdentityImpl::ca_pem() {
  const auto held = lock();
  return pki_->ca_pem();
}
std::vector<Certificate> IdentityImpl::authorities() {
  const auto held = lock();
  return pki_->authorities();
}
Result<ServerFiles> IdentityImpl::server_files() {
  const auto held = lock();
  const auto folder = TRY(lock_folder(files_, dir_));
  return pki_->server(time());
}

Result<> IdentityImpl::rotate_tokens() {
  const auto held = lock();
  TRY(tokens_->rotate(time(), true));
  return {};
}

const Device* IdentityImpl::device(std::string_view id) {
  const auto held = lock();
  look();
  return registry_.device(id);
}

std::vector<Device> IdentityImpl::devices() {
  const auto held = lock();
  look();
  std::vector<Device> all;
  for (const auto* each : registry_.devices()) all.push_back(*each);
  return all;
}

std::vector<std::pair<std::string, Issued>> IdentityImpl::certificates() {
  const auto held = lock();
  look();
  return registry_.certificates();
}

// ---- time passes ----

Result<> IdentityImpl::tick() {
  auto held = lock();
  look();
  const auto mono = clock_.mono();
  if (mono - looked_at_files_ >= files_every) {
    looked_at_files_ = mono;
    TRY(keep_crl());
    TRY(read_crl());
    TRY(read_policy(false));
  }
  told_revision_.store(revision_ + registry_.revision(), std::memory_order_release);
  const auto at = time();
  if (const auto from = known_time_.lowered())
    mark_clock("gateway", "local", *from, clock_.synchronised() ? "synchronised" : "set_back");
  const bool stale = crl_is_stale(at);
  metrics_.gauge("skerry_pki_crl_stale", "1 when the revocation list is past its nextUpdate").set(stale ? 1 : 0);
  metrics_.gauge("skerry_clock_unsure", "1 when the clock is behind what is known to have happened, or has leapt ahead")
      .set(clock_unsure() ? 1 : 0);
  if (stale && !std::exchange(crl_stale_told_, true))
    logger::warn("identity", "the revocation list is stale",
                 {{"next_update", format_rfc3339(to_event(crl_next_update_))}});
  if (!stale) crl_stale_told_ = false;
  if (mono - sealed_at_ >= seal_every) {
    sealed_at_ = mono;
    TRY(tokens_->rotate(at));
    registry_.forget_sessions(at);
    std::erase_if(challenges_, [mono](const auto& each) { return each.second.expires <= mono; });
    reassess(at);
    const bool save = mono - behaviour_saved_ >= save_behaviour_every;
    held.unlock();  // what follows waits for the disk
    if (save) save_behaviour();
    return seal();
  }
  return {};
}

}  // namespace skerry::identity
