// TLS over simulated connections, in pieces that the seed chooses: bytes arrive whole and in order, certificates are
// shown, refusals have their reason, handshakes come in turn, sessions end on both sides.
#include "base/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <deque>

#include "base/zone.hpp"
#include "sim/loop.hpp"
#include "sim/world.hpp"

namespace skerry::test {
namespace {

struct Pair {
  std::string certificate;
  std::string key;
};

// A certificate for localhost, by itself.
Pair make_pair(const char* name) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const c = X509_new();
  X509_set_version(c, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c), 7);
  ASN1_TIME_set(X509_getm_notBefore(c), 0);
  X509_time_adj_ex(X509_getm_notAfter(c), 36500, 0, nullptr);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name),
                             -1, -1, 0);
  X509_set_issuer_name(c, X509_get_subject_name(c));
  X509_set_pubkey(c, key);
  X509_EXTENSION* const san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_add_ext(c, san, -1);
  X509_EXTENSION_free(san);
  X509_sign(c, key, EVP_sha256());
  const auto text = [](auto write) {
    BIO* const bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    std::string got(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return got;
  };
  Pair made{text([&](BIO* b) { PEM_write_bio_X509(b, c); }),
            text([&](BIO* b) { PEM_write_bio_PrivateKey(b, key, nullptr, nullptr, 0, nullptr, nullptr); })};
  X509_free(c);
  EVP_PKEY_free(key);
  return made;
}

struct End : ConnectionHandler {
  void on_bytes(Bytes bytes) override {
    received += as_text(bytes);
    if (echo) connection->send(bytes);
  }
  void on_closed(const Error& why) override { closed = why.what; }
  std::unique_ptr<Connection> connection;
  std::string received;
  std::optional<std::string> closed;
  bool echo = false;
};

struct Rig {
  explicit Rig(std::uint64_t seed, tls::ServerOptions o = {}) : world(seed), options(std::move(o)) {
    options.chain_pem = server_pair().certificate;
    options.key_pem = server_pair().key;
    auto made = tls::Server::make(options, metrics);
    EXPECT_TRUE(made) << made.error().text();
    server = *made;
    listener = *server->listen(host, {}, [this](std::unique_ptr<Connection> c) {
      auto& end = *ends.emplace_back(std::make_unique<End>());
      end.echo = echo;
      end.connection = std::move(c);
      host.start(*end.connection, end);
    });
  }
  static const Pair& server_pair() {
    static const Pair pair = make_pair("server");
    return pair;
  }
  static const Pair& client_pair() {
    static const Pair pair = make_pair("client");
    return pair;
  }
  // What connecting came to.
  Result<std::unique_ptr<Connection>> connect(const tls::ClientOptions& with) {
    std::optional<Result<std::unique_ptr<Connection>>> got;
    const auto begun = tls::connect(guest, {"127.0.0.1", listener->port()}, with, [&](auto r) { got = std::move(r); });
    if (!begun) return std::unexpected(begun.error());
    world.run_until([&] { return got.has_value(); }, 1'000'000);
    if (!got) return fail(Code::closed, "nothing came of it");
    return std::move(*got);
  }
  tls::ClientOptions client() const { return {.trusted_pem = server_pair().certificate, .server_name = "localhost"}; }

  sim::World world;
  sim::Network network{world};
  sim::Host host{world, network};
  sim::Host guest{world, network};
  metrics::Registry metrics;
  tls::ServerOptions options;
  bool echo = true;
  std::shared_ptr<tls::Server> server;
  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<End>> ends;
};

TEST(Tls, BytesComeBackWholeWhateverThePieces) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rig rig(seed);
    auto connected = rig.connect(rig.client());
    ASSERT_TRUE(connected) << connected.error().text();
    End end;
    end.connection = std::move(*connected);
    EXPECT_TRUE(end.connection->is_secure());
    rig.guest.start(*end.connection, end);
    std::string sent;
    for (int i = 0; i < 50; ++i) {
      std::string piece(1 + rig.world.chance().below(i % 10 == 0 ? 100'000 : 50), static_cast<char>('a' + i % 26));
      sent += piece;
      end.connection->send(as_bytes(piece));
    }
    rig.world.run_until([&] { return end.received.size() == sent.size(); }, 2'000'000);
    EXPECT_EQ(end.received, sent) << seed;
    end.connection->close();
    rig.world.run_until([&] { return !rig.ends.empty() && rig.ends[0]->closed.has_value(); }, 1'000'000);
    EXPECT_EQ(rig.ends[0]->closed, "the other side closed the connection");
  }
}

TEST(Tls, PushedBackBytesWait) {
  Rig rig(3);
  auto connected = rig.connect(rig.client());
  ASSERT_TRUE(connected);
  End end;
  end.connection = std::move(*connected);
  rig.guest.start(*end.connection, end);
  end.connection->read_more(false);
  end.connection->send(as_bytes("hello"));
  rig.world.run_until([&] { return !rig.ends.empty() && rig.ends[0]->received == "hello"; }, 1'000'000);
  rig.world.run_until([] { return false; }, 1'000);
  EXPECT_EQ(end.received, "");
  end.connection->read_more(true);
  rig.world.run_until([&] { return end.received == "hello"; }, 1'000'000);
  EXPECT_EQ(end.received, "hello");
}

TEST(Tls, AClientKnowsItsServer) {
  Rig rig(1);
  auto other = rig.client();
  other.server_name = "elsewhere";
  EXPECT_NE(rig.connect(other).error().what.find("hostname mismatch"), std::string::npos)
      << rig.connect(other).error().what;
  auto stranger = rig.client();
  stranger.trusted_pem = Rig::client_pair().certificate;
  EXPECT_FALSE(rig.connect(stranger));
  auto address = rig.client();
  address.server_name = "127.0.0.1";
  EXPECT_TRUE(rig.connect(address));
}

TEST(Tls, ClientCertificatesAreShownJudgedAndRequired) {
  tls::Verdict verdict = tls::Verdict::good;
  int asked = 0;
  Rig rig(1, {.client = tls::ClientCertificate::required, .verify = [&](Bytes leaf, const Address&) {
                EXPECT_FALSE(leaf.empty());
                ++asked;
                return verdict;
              }});
  auto with = rig.client();
  with.chain_pem = Rig::client_pair().certificate;
  with.key_pem = Rig::client_pair().key;
  auto kept = rig.connect(with);
  ASSERT_TRUE(kept) << kept.error().text();
  rig.world.run_until([&] { return !rig.ends.empty(); }, 1'000'000);
  EXPECT_FALSE(rig.ends[0]->connection->peer_certificate().empty());
  verdict = tls::Verdict::revoked;
  (void)rig.connect(with);
  (void)rig.connect(rig.client());
  rig.world.run_until([] { return false; }, 10'000);
  EXPECT_EQ(rig.ends.size(), 1U);
  EXPECT_EQ(asked, 2);
  const auto text = rig.metrics.prometheus_text();
  EXPECT_NE(text.find("skerry_tls_handshakes_failed_total"), std::string::npos) << text;
}

TEST(Tls, ServersNeedAKeyThatFits) {
  metrics::Registry metrics;
  tls::ServerOptions options{.chain_pem = Rig::server_pair().certificate, .key_pem = Rig::client_pair().key};
  EXPECT_FALSE(tls::Server::make(options, metrics));
  options.chain_pem = "rubbish";
  EXPECT_FALSE(tls::Server::make(options, metrics));
}

TEST(Tls, AStormIsServedInTurnAndAllGetIn) {
  Rig rig(5, {.handshakes_per_second = 100});
  constexpr int count = 60;
  std::vector<std::unique_ptr<Connection>> open;
  std::vector<int> order;
  const auto begun = rig.world.mono();
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(tls::connect(rig.guest, {"127.0.0.1", rig.listener->port()}, rig.client(), [&, i](auto r) {
      ASSERT_TRUE(r) << r.error().text();
      open.push_back(std::move(*r));
      order.push_back(i);
    }));
  }
  rig.world.run_until([&] { return open.size() == count; }, 10'000'000);
  EXPECT_EQ(open.size(), static_cast<std::size_t>(count));
  EXPECT_GE(rig.world.mono() - begun, std::chrono::milliseconds{400});
}

TEST(Tls, SoManyHandshakesAreUnderWayAndThoseThatStallKeepNobodyOut) {
  Rig rig(6, {.handshakes_per_second = 0});
  constexpr int count = 300;
  std::vector<std::unique_ptr<End>> silent;
  for (int i = 0; i < count; ++i) {
    rig.guest.connect({"127.0.0.1", rig.listener->port()}, [&](auto r) {
      silent.push_back(std::make_unique<End>());
      silent.back()->connection = std::move(*r);
      rig.guest.start(*silent.back()->connection, *silent.back());
    });
  }
  const auto waiting = [&rig] {
    const auto text = rig.metrics.prometheus_text();
    const auto at = text.find("skerry_tls_waiting{");
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + text.find(' ', at));
  };
  rig.world.run_until([&] { return silent.size() == count; }, 10'000'000);
  const auto begun = rig.world.mono();
  std::unique_ptr<Connection> open;
  ASSERT_TRUE(tls::connect(rig.guest, {"127.0.0.1", rig.listener->port()}, rig.client(), [&](auto r) {
    ASSERT_TRUE(r) << r.error().text();
    open = std::move(*r);
  }));
  rig.world.run_until([&] { return waiting() > count - 128 || open != nullptr; }, 10'000'000);
  EXPECT_EQ(waiting(), count - 128 + 1);
  rig.world.run_until([&] { return open != nullptr; }, 10'000'000);
  ASSERT_TRUE(open);
  EXPECT_GE(rig.world.mono() - begun, std::chrono::seconds{5});
  EXPECT_LE(rig.world.mono() - begun, std::chrono::seconds{11});
}

TEST(Tls, AHandshakeThatStallsEnds) {
  Rig rig(2, {.handshake_within = std::chrono::seconds{2}});
  End silent;
  rig.guest.connect({"127.0.0.1", rig.listener->port()}, [&](auto r) {
    silent.connection = std::move(*r);
    rig.guest.start(*silent.connection, silent);
  });
  rig.world.run_until([&] { return silent.closed.has_value(); }, 10'000'000);
  EXPECT_TRUE(silent.closed);
}

TEST(Tls, RubbishIsRefusedAndCounted) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rig rig(seed);
    End rude;
    rig.guest.connect({"127.0.0.1", rig.listener->port()}, [&](auto r) {
      rude.connection = std::move(*r);
      rig.guest.start(*rude.connection, rude);
      rude.connection->send(as_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    });
    rig.world.run_until([&] { return rude.closed.has_value(); }, 1'000'000);
    EXPECT_TRUE(rude.closed) << seed;
    EXPECT_TRUE(rig.ends.empty());
  }
}

// ---- time zones ----

TEST(Zone, HoursAreLocal) {
  const auto at = [](const char* text) { return Wall(*parse_time(text)); };
  const auto berlin = Zone::named(system_files(), "Europe/Berlin");
  ASSERT_TRUE(berlin) << berlin.error().text();
  EXPECT_EQ(berlin->hour(at("2026-01-15T12:00:00Z")), 13);
  EXPECT_EQ(berlin->hour(at("2026-07-15T12:00:00Z")), 14);
  EXPECT_EQ(berlin->hour(at("2026-03-29T00:59:59Z")), 1);
  EXPECT_EQ(berlin->hour(at("2026-03-29T01:00:00Z")), 3);
  EXPECT_EQ(berlin->hour(at("2058-07-15T12:00:00Z")), 14);
  EXPECT_EQ(Zone::named(system_files(), "Asia/Kolkata")->hour(at("2026-01-15T18:29:59Z")), 23);
  EXPECT_EQ(Zone::named(system_files(), "Asia/Kolkata")->hour(at("2026-01-15T18:30:00Z")), 0);
  EXPECT_EQ(Zone::named(system_files(), "-03:30")->hour(at("2026-01-15T00:00:00Z")), 20);
  EXPECT_EQ(Zone::named(system_files(), "UTC")->hour(at("1969-12-31T23:00:00Z")), 23);
  for (const char* bad : {"Nowhere/City", "../etc/passwd", "/etc/passwd", "+99:00", "+1x"})
    EXPECT_FALSE(Zone::named(system_files(), bad)) << bad;
}

}  // namespace
}  // namespace skerry::test
