// Inside of Identity: the parts it holds, and what its files share.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "identity/guard.hpp"
#include "identity/identity.hpp"
#include "identity/known_time.hpp"
#include "identity/limits.hpp"

namespace skerry::identity {

class IdentityImpl final : public Identity {
 public:
  IdentityImpl(Files& files, Clock& clock, Chance& chance, metrics::Registry& metrics, std::string dir,
               const Options& options);
  ~IdentityImpl() override;
  IdentityImpl(const IdentityImpl&) = delete;
  IdentityImpl& operator=(const IdentityImpl&) = delete;
  Result<> open();

  Verdict judge(Bytes leaf_der, bool renewing) override;
  Answer<Caller> by_certificate(Bytes leaf_der, const Origin& from, bool renewing) override;
  Answer<Caller> by_token(std::string_view token, const Origin& from) override;
  Answer<Caller> by_password(std::string_view id, std::string_view password, const Origin& from) override;
  Buffer psk_of(std::string_view id) override;
  Answer<Caller> by_psk(std::string_view id, const Origin& from) override;
  void psk_failed(std::string_view id, const Origin& from) override;
  bool may_be_anonymous(std::string_view address) const override;
  bool still(const Caller& caller) override;
  Decision may(const Caller& caller, Action action, std::string_view target) override;
  void refused(const Refusal& refusal, std::string_view who, const Origin& from, std::string_view to) override;
  void connected(const Caller& caller, const Origin& from) override;
  void sent(const Caller& caller, const Traffic& traffic) override;
  Deviation deviation(std::string_view device) override;
  Answer<> paced(const Caller& caller, const Origin& from) override;
  void asked(std::string_view who, const Origin& from, std::string_view what) override;
  void taken_over(std::string_view id, const Origin& from) override;

  Answer<Enrolled> enrol(const Enrolment& wanted, const Caller* by, const Origin& from) override;
  Answer<Enrolled> renew(const Caller& caller, std::string_view csr_pem, const Origin& from) override;
  Answer<> revoke(std::string_view id, std::string_view reason, const Caller& by, const Origin& from) override;

  Answer<Token> authenticate(std::string_view id, const Caller& caller, const Origin& from) override;
  Answer<std::string> challenge(std::string_view id, const Origin& from) override;
  Answer<Opened> open_session(std::string_view id, std::string_view challenge, std::string_view signature,
                              const Context& context, const Origin& from) override;
  Answer<> end_session(std::string_view session, const Caller& by, const Origin& from) override;
  std::vector<Session> sessions() override;

  Answer<> add_account(std::string_view name, std::string_view role, std::string_view password) override;
  Answer<> remove_account(std::string_view name) override;
  Answer<> set_account_password(std::string_view name, std::string_view password) override;
  Answer<std::string> set_second_factor(std::string_view name, bool on) override;
  std::vector<Account> accounts() override;
  Answer<Login> login(std::string_view name, std::string_view password, std::string_view code,
                      const Origin& from) override;
  Answer<Login> by_login(std::string_view token) override;
  void logout(std::string_view token, const Origin& from) override;

  std::string jwks() override;
  Result<std::string> crl_pem() override;
  Result<Buffer> crl_der() override;
  std::string ca_pem() override;
  std::vector<Certificate> authorities() override;
  Result<ServerFiles> server_files() override;

  Answer<std::vector<NewCode>> make_codes(std::size_t count, std::string_view id, std::chrono::seconds valid) override;
  Answer<> preregister(const std::vector<Secret>& all) override;
  Answer<> set_password(std::string_view id, std::string_view password) override;
  Answer<std::string> make_psk(std::string_view id) override;
  Answer<> add_device(const Enrolment& wanted) override;
  Answer<Enrolled> issue(std::string_view id, Role role, const Key& key, std::chrono::seconds valid) override;
  Answer<Enrolled> renew_by_operator(std::string_view id, const Origin& from) override;
  Answer<> release(std::string_view id) override;
  Result<> write_crl(std::chrono::seconds valid) override;
  Result<> rotate_tokens() override;
  Result<> seal() override;

  Result<> tick() override;
  std::uint64_t revision() const override { return told_revision_.load(std::memory_order_acquire); }
  std::uint64_t server_revision() const override { return server_revision_; }
  void raise_floor(Wall at) override;
  Wall now() override;
  bool clock_unsure() const override { return known_time_.state() != KnownTime::State::sure; }
  Clockwork clockwork() override;
  Answer<> trust_clock(const Caller& by, const Origin& from) override;
  const Device* device(std::string_view id) override;
  std::vector<Device> devices() override;
  std::vector<std::pair<std::string, Issued>> certificates() override;

 private:
  struct Known {  // a certificate that was verified: what of it does not change
    Certificate certificate;
    Wall until{};
  };
  struct Challenge {
    std::string device;
    Mono expires{};
  };
  using Lock = std::unique_lock<std::recursive_mutex>;
  Lock lock() const { return Lock(mutex_); }

  // ---- identity.cpp ----
  Wall time();  // by known_time.hpp
  void mark_clock(std::string_view who, std::string_view from, Wall lowered_from, std::string_view why);
  void clock_is_right();
  void look();  // what other processes did
  // Written, and on disk within a second; where `durable`, before durably() answers. An error is told, and refuses.
  Answer<> record(std::vector<Entry> entries, bool durable = true);
  // Work with the lock held, then the sync of what it recorded without it: nobody at a door waits for the disk, and
  // those who are granted something at once share a sync.
  template <typename Work>
  auto durably(Work work) -> decltype(work()) {
    std::uint64_t upto = 0;
    auto answer = [&] {
      const auto held = lock();
      look();
      auto made = work();
      upto = std::exchange(unsynced_, 0);
      return made;
    }();
    if (upto == 0) return answer;
    if (auto done = synced(upto); !done) return std::unexpected(done.error());
    return answer;
  }
  Answer<> synced(std::uint64_t upto);
  Result<> read_policy(bool first);
  Result<> read_crl();
  bool crl_is_stale(Wall at) const { return crl_next_update_ != Wall{} && crl_next_update_ < at; }
  Result<> keep_crl();

  // ---- check.cpp ----
  Verdict check(Bytes der, bool renewing, Certificate& certificate);
  Verdict check_registered(const Certificate& certificate, bool renewing);
  bool revoked(const std::string& serial) const;
  void prove(const Certificate& certificate, const Origin& from);
  Answer<Caller> caller_of(const Certificate& certificate);
  // Locked out, or too fast: why it must wait.
  std::optional<Refusal> waits(std::string_view name, const Origin& from);
  std::optional<Refusal> hurries(std::string_view identity, const Origin& from);
  std::optional<Refusal> hurries_from(const Origin& from);
  // Without the lock, because scrypt takes its time. Nobody has the password of an empty `stored`, which takes as long.
  bool password_is_right(std::string_view password, const std::string& stored);
  // `guessable`: what failed can be guessed, so `who` is locked out after too many; a certificate or token cannot, and
  // one device with a bad one must not lock out the others behind its address.
  Answer<Caller> fail_login(Refusal refusal, std::string_view who, const Origin& from, bool guessable = true);

  // ---- psk.cpp ----
  Result<Buffer> site_secret();

  // ---- accounts.cpp ----
  struct OpenLogin {
    std::string account;
    std::string password;  // the account's, when it logged in
    std::string totp_salt;
    std::string csrf;
    Mono idle{};
    Mono ends{};
  };
  using Logins = std::unordered_map<std::string, OpenLogin>;
  Result<std::string> csrf_of(std::string_view token_hash);
  void take_up_login(const std::string& token_hash, Mono mono);
  void end_login(Logins::iterator login, std::string_view who, std::string_view from);
  Result<Buffer> totp_secret(const Account& account);
  bool code_is_right(const Account& account, std::string_view code);

  // ---- enrol.cpp ----
  Answer<Key> key_of(const Enrolment& wanted) const;
  Answer<std::string> admit(const Enrolment& wanted, const Caller* by, const Origin& from);
  Answer<Certificate> sign(std::string_view id, Role role, const Key& key, std::chrono::seconds valid);
  Entry issue_entry(const Certificate& certificate, std::string_view who, const Origin& from, std::string_view id,
                    std::string_view replaces) const;
  Entry register_entry(const Enrolment& wanted, std::string_view who, const Origin& from,
                       std::string_view code_hash) const;
  Answer<> revoke_serials(const std::vector<std::string>& serials, std::string_view id, std::string_view reason,
                          std::string_view who, const Origin& from);

  // ---- session.cpp ----
  Answer<> take_challenge(std::string_view id, std::string_view challenge);
  bool signed_by_device(const Device& device, std::string_view challenge, Bytes signature) const;
  bool suspicious(std::string_view address);
  RiskInput input_of(const Device& device, std::string_view address, Wall at);
  void reassess(Wall at);  // some of the open sessions, in turn

  // ---- behaviour of devices ----
  void read_behaviour();
  void save_behaviour();

  Files& files_;
  Clock& clock_;
  Chance& chance_;
  metrics::Registry& metrics_;
  const std::string dir_;
  const Options options_;
  mutable std::recursive_mutex mutex_;

  std::optional<Pki> pki_;
  std::optional<Tokens> tokens_;
  std::unique_ptr<Journal> journal_;
  std::uint64_t unsynced_ = 0;  // the journal up to there is promised to be on disk
  Registry registry_;
  Policy policy_ = Policy::standard();
  std::string policy_text_;
  Zone zone_;
  Guard guard_;
  Behaviour behaviour_;
  bool behaviour_changed_ = false;
  Mono behaviour_saved_{};
  std::string reassessed_;  // the session that was looked at last

  KnownTime known_time_;
  KnownTime::State told_state_ = KnownTime::State::sure;
  std::uint64_t clock_lines_ = 0;
  std::unordered_map<std::string, Known> known_;  // by fingerprint
  std::map<std::string, Challenge, std::less<>> challenges_;
  std::unordered_map<std::string, std::string> passwords_;  // of this run: stored text -> keyed hash of what matched
  Buffer password_salt_;
  Buffer site_secret_;                              // empty: not read yet
  Logins logins_;                                   // by the SHA-256 of the token
  std::map<std::string, std::uint64_t> totp_used_;  // the newest step of each account's codes
  std::set<std::string, std::less<>> seen_;         // serial and address, so that a connection is audited once

  std::string crl_text_;
  std::set<std::string, std::less<>> crl_serials_;
  Wall crl_next_update_{};
  Wall crl_this_update_{};
  std::uint64_t crl_covers_ = UINT64_MAX;  // registry_.revocations() it was made for
  bool crl_stale_told_ = false;
  std::uint64_t revision_ = 0;                   // of what is not in the registry
  std::atomic<std::uint64_t> told_revision_{0};  // read by doors without the lock
  std::uint64_t server_revision_ = 1;

  Mono refusals_since_{};
  unsigned refusals_audited_ = 0;
  std::uint64_t refusals_left_out_ = 0;
  Mono sealed_at_{};
  Mono looked_at_files_{};
};

}  // namespace skerry::identity
