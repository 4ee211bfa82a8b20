// Both ends of `script/bench link`: a gateway's log and link that send, the cloud's link that takes; or, as the
// control, the same messages in one queue over plain TCP. Times are CLOCK_MONOTONIC, which both ends share on one
// machine.
//
// bench_link cloud HOST PORT OUT | gateway HOST PORT DIR SECONDS RATES | fifo-cloud HOST PORT OUT | fifo-gateway …
// RATES: messages a second of critical,high,medium,low. OUT: a line `received_ns class latency_ns bytes` a message.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "base/clock.hpp"
#include "link/link.hpp"
#include "sync/ledger.hpp"

namespace {

using namespace skerry;

constexpr std::size_t message_bytes = 500;

std::int64_t mono_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// The time it was made, and bytes that no coder makes fewer.
std::string make_message(std::mt19937_64& random) {
  std::string text(message_bytes, ' ');
  const auto now = mono_ns();
  std::memcpy(text.data(), &now, sizeof now);
  for (std::size_t i = sizeof now; i + 8 <= text.size(); i += 8) {
    const auto bits = random();
    std::memcpy(text.data() + i, &bits, 8);
  }
  return text;
}

class Received {
 public:
  explicit Received(const char* path) : file_(std::fopen(path, "w")) {
    if (file_ == nullptr) std::abort();
  }
  ~Received() { (void)std::fclose(file_); }
  Received(const Received&) = delete;
  Received& operator=(const Received&) = delete;
  void take(unsigned cls, const char* bytes, std::size_t size) {
    std::int64_t made = 0;
    std::memcpy(&made, bytes, sizeof made);
    const auto now = mono_ns();
    (void)std::fprintf(file_, "%lld %u %lld %zu\n", static_cast<long long>(now), cls,
                       static_cast<long long>(now - made), size);
    if (now - flushed_ > 200'000'000) {
      flushed_ = now;
      (void)std::fflush(file_);
    }
  }

 private:
  std::FILE* file_;
  std::int64_t flushed_ = 0;
};

// The cloud's store, in memory.
class Memory final : public sync::Store {
 public:
  explicit Memory(Received& received) : received_(received) {}
  Result<> begin() override { return {}; }
  Result<> commit() override { return {}; }
  void rollback() override {}
  Result<std::optional<sync::Standing>> standing(std::string_view) override { return standing_; }
  Result<bool> is_fenced(std::string_view, std::uint64_t) override { return false; }
  Result<> put_standing(std::string_view, std::string_view, const sync::Standing& standing) override {
    standing_ = standing;
    return {};
  }
  Result<sync::Stream> stream(const sync::StreamName& name, std::uint64_t) override {
    return streams_[static_cast<std::size_t>(name.cls)];
  }
  Result<> put_stream(const sync::StreamName& name, const sync::Stream& stream) override {
    streams_[static_cast<std::size_t>(name.cls)] = stream;
    return {};
  }
  Result<std::uint64_t> put_records(const sync::StreamName& name, const sync::Batch& batch, std::uint64_t from,
                                    std::uint64_t to) override {
    for (const auto& entry : batch.entries) {
      const auto offset = entry.record.offset.value;
      if (offset < from || offset >= to) continue;
      const auto payload = as_text(entry.record.payload);
      received_.take(static_cast<unsigned>(name.cls), payload.data(), payload.size());
    }
    return 0;
  }
  Result<> put_aside(const sync::StreamName&, const sync::Entry&) override { return {}; }
  Result<> put_gap(const sync::StreamName&, std::uint64_t, std::uint64_t, sync::Reason) override { return {}; }
  Result<> put_refusal(std::string_view, std::uint64_t, sync::Refusal, std::string_view) override { return {}; }

 private:
  Received& received_;
  std::optional<sync::Standing> standing_;
  sync::PerClass<sync::Stream> streams_;
};

[[noreturn]] void die(const Error& error) {
  (void)std::fprintf(stderr, "bench_link: %s\n", error.text().c_str());
  std::exit(1);
}

NetLoop* running = nullptr;
void on_signal(int) {
  if (running != nullptr) running->stop();
}

int cloud(const char* host, std::uint16_t port, const char* out) {
  Received received(out);
  Memory store(received);
  sync::Ledger ledger(store);
  metrics::Registry metrics;
  const auto loop = make_net_loop(system_clock());
  std::unique_ptr<link::Server> server;
  auto made = link::Server::make({*loop, system_files(), system_chance(), metrics}, {},
                                 [&](link::Server::Id id, const sync::Job& job) {
                                   auto outcome = ledger.run(job);
                                   if (!outcome) die(outcome.error());
                                   if (std::holds_alternative<sync::RefusedJob>(job)) return;
                                   loop->post([&server, id, o = std::move(*outcome)] { server->outcome(id, o); });
                                 });
  if (!made) die(made.error());
  server = std::move(*made);
  const auto heard = server->listen({host, port});
  if (!heard) die(heard.error());
  running = loop.get();
  std::puts("ready");
  (void)std::fflush(stdout);
  loop->run();
  return 0;
}

// Each class at its rate, evenly, in turns of a millisecond. `give` takes a message.
template <typename Give>
void generate(const std::array<double, 4>& rates, double seconds, Give give) {
  std::mt19937_64 random(1);
  std::array<double, 4> made{};
  const auto begin = mono_ns();
  for (;;) {
    const auto t = static_cast<double>(mono_ns() - begin) / 1e9;
    if (t > seconds) return;
    bool any = false;
    for (std::size_t c = 0; c < 4; ++c) {
      for (; made[c] < t * rates[c]; ++made[c], any = true) give(c, make_message(random));
    }
    if (!any) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

int gateway(const char* host, std::uint16_t port, const std::string& dir, double seconds,
            const std::array<double, 4>& rates) {
  metrics::Registry metrics;
  if (const auto made = system_files().make_dirs(dir); !made) die(made.error());
  auto log = log::Log::open(system_files(), system_clock(), join_path(dir, "log"), {}, metrics);
  if (!log) die(log.error());
  auto committer = log::start_committer(**log);
  const auto loop = make_net_loop(system_clock());
  link::UplinkOptions options{.ways = {{.url = {.tls = false, .address = {host, port}}}}, .gateway = "bench"};
  options.state_path = join_path(dir, "sync");
  auto uplink = link::Uplink::open({*loop, **log, system_files(), system_chance(), metrics}, options);
  if (!uplink) die(uplink.error());
  (*uplink)->start();
  std::thread thread([&] { loop->run(); });
  while (!(*uplink)->status().up) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  std::puts("ready");
  (void)std::fflush(stdout);
  constexpr std::array topics{"alerts/d", "devices/d/status", "sensors/d/data", "analytics/d"};
  generate(rates, seconds, [&](std::size_t c, const std::string& text) {
    (void)(*log)->append({.cls = static_cast<record::Class>(c), .topic = topics[c], .payload = as_bytes(text)});
  });
  const auto status = (*uplink)->status();
  for (std::size_t c = 0; c < 4; ++c) {
    const auto& queue = status.shares.queues[c];
    std::printf("%s sent %llu bytes each %.0f waiting %llu backlog %llu displaced %llu expired %llu\n",
                std::string(record::name(static_cast<record::Class>(c))).c_str(),
                static_cast<unsigned long long>(queue.sent),
                static_cast<double>(queue.sent_bytes) / static_cast<double>(std::max<std::uint64_t>(queue.sent, 1)),
                static_cast<unsigned long long>(queue.waiting), static_cast<unsigned long long>(queue.backlog),
                static_cast<unsigned long long>(queue.displaced), static_cast<unsigned long long>(queue.expired));
  }
  std::printf("rate %llu frame %llu\n", static_cast<unsigned long long>(status.shares.rate),
              static_cast<unsigned long long>(status.shares.frame_bytes));
  loop->post([&] {
    (*uplink)->stop();
    loop->post([&] { loop->stop(); });
  });
  thread.join();
  return 0;
}

// ---- the control: one queue of fifty messages, then the socket as it is ----

int fifo_cloud(const char* host, std::uint16_t port, const char* out) {
  Received received(out);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  (void)::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  (void)::inet_pton(AF_INET, host, &at.sin_addr);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(listener, 1) != 0) return 1;
  std::puts("ready");
  (void)std::fflush(stdout);
  const int peer = ::accept(listener, nullptr, nullptr);
  std::array<char, message_bytes + 1> message;  // NOLINT: filled by recv
  while (::recv(peer, message.data(), message.size(), MSG_WAITALL) == static_cast<ssize_t>(message.size()))
    received.take(static_cast<unsigned>(message[0]), message.data() + 1, message_bytes);
  return 0;
}

int fifo_gateway(const char* host, std::uint16_t port, double seconds, const std::array<double, 4>& rates) {
  const int peer = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  (void)::inet_pton(AF_INET, host, &at.sin_addr);
  if (::connect(peer, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return 1;
  std::mutex mutex;
  std::deque<std::string> queue;
  std::condition_variable some;
  bool over = false;
  std::thread sender([&] {
    for (;;) {
      std::unique_lock lock(mutex);
      some.wait(lock, [&] { return over || !queue.empty(); });
      if (over) return;
      const auto text = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      if (::send(peer, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
    }
  });
  std::puts("ready");
  (void)std::fflush(stdout);
  generate(rates, seconds, [&](std::size_t c, const std::string& text) {
    const std::scoped_lock lock(mutex);
    if (queue.size() >= 50 && c != 0) return;  // who would fill it waits
    queue.push_back(std::string(1, static_cast<char>(c)) + text);
    some.notify_one();
  });
  {
    const std::scoped_lock lock(mutex);
    over = true;
    some.notify_one();
  }
  (void)::shutdown(peer, SHUT_RDWR);
  sender.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  (void)std::signal(SIGTERM, on_signal);
  const std::string what = argv[1];
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  if (what == "cloud") return cloud(argv[2], port, argv[4]);
  if (what == "fifo-cloud") return fifo_cloud(argv[2], port, argv[4]);
  if (argc < 7) return 2;
  std::array<double, 4> rates{};
  if (std::sscanf(argv[6], "%lf,%lf,%lf,%lf", &rates[0], &rates[1], &rates[2], &rates[3]) != 4) return 2;
  const double seconds = std::atof(argv[5]);
  return what == "gateway" ? gateway(argv[2], port, argv[4], seconds, rates)
                           : fifo_gateway(argv[2], port, seconds, rates);
}
