// Ten thousand devices: registers them by HTTPS, and lets them all connect at once by MQTT over mutual TLS.
//
// usage: bench_tls_storm register COUNT DIR HTTPS_PORT OPERATOR.pem OPERATOR.key
//        bench_tls_storm connect COUNT DIR MQTTS_PORT [PID]
// DIR gets ca.pem's clients: dev-N.pem, dev-N.key. Prints one line of JSON. PID: of the server, for its memory and CPU.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <queue>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Time = std::chrono::steady_clock;
using Key = std::shared_ptr<EVP_PKEY>;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench_tls_storm: %s\n", why.c_str());
  std::exit(1);
}

double seconds_since(Time::time_point from) { return std::chrono::duration<double>(Time::now() - from).count(); }

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

int dial(int port, bool blocking) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) give_up("no more sockets: raise ulimit -n");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return -1;
  }
  return fd;
}

std::string pem_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// ---- register ----

struct Made {
  std::string key;
  std::string csr;
};

Made make(const std::string& id) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(X509_REQ_new(), X509_REQ_free);
  auto* const name = X509_REQ_get_subject_name(request.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(id.c_str()), -1, -1, 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  BIO* const csr = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(csr, request.get());
  BIO* const own = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(own, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {pem_of(own), pem_of(csr)};
}

std::string escaped(const std::string& text) {
  std::string all;
  for (const char c : text) {
    if (c == '\n')
      all += "\\n";
    else
      all += c;
  }
  return all;
}

// One connection that asks and waits.
class Https {
 public:
  Https(SSL_CTX* context, int port) : fd_(dial(port, true)), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, fd_);
    if (fd_ < 0 || SSL_connect(ssl_) != 1) give_up("no TLS connection to the HTTPS door");
  }
  ~Https() {
    SSL_free(ssl_);
    ::close(fd_);
  }
  Https(const Https&) = delete;
  Https& operator=(const Https&) = delete;

  std::string post(const std::string& path, const std::string& body) {
    const auto text = "POST " + path +
                      " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body;
    if (SSL_write(ssl_, text.data(), static_cast<int>(text.size())) <= 0) give_up("the connection ended");
    std::string got;
    char buffer[16384];
    for (std::size_t whole = 0; whole == 0 || got.size() < whole;) {
      const int n = SSL_read(ssl_, buffer, sizeof buffer);
      if (n <= 0) give_up("the connection ended");
      got.append(buffer, static_cast<std::size_t>(n));
      const auto head = got.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const auto length = got.find("Content-Length: ");
      whole = head + 4 + std::strtoul(got.c_str() + length + 16, nullptr, 10);
    }
    return got;
  }

 private:
  int fd_;
  SSL* ssl_;
};

int do_register(int count, const std::string& dir, int port, const char* pem, const char* key) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), pem) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key, SSL_FILETYPE_PEM) != 1)
    give_up("the operator's certificate cannot be read");
  const auto begun = Time::now();
  std::atomic<int> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Https https(context.get(), port);
      for (int n = next++; n < count; n = next++) {
        const auto id = "dev-" + std::to_string(n);
        const auto made = make(id);
        const auto answer = https.post("/devices/register",
                                       R"({"id":")" + id + R"(","type":"sensor","csr":")" + escaped(made.csr) + "\"}");
        const auto from = answer.find("\"certificate\":\"");
        if (answer.find(" 201 ") == std::string::npos || from == std::string::npos) give_up("refused: " + answer);
        auto text = answer.substr(from + 15, answer.find('"', from + 15) - from - 15);
        std::string certificate;
        for (std::size_t i = 0; i < text.size(); ++i) {
          if (text[i] == '\\' && text[i + 1] == 'n') {
            certificate += '\n';
            ++i;
          } else {
            certificate += text[i];
          }
        }
        write_file(dir + "/" + id + ".pem", certificate);
        write_file(dir + "/" + id + ".key", made.key);
      }
    });
  }
  for (auto& each : threads) each.join();
  const auto took = seconds_since(begun);
  std::printf("{\"registered\":%d,\"seconds\":%.3f}\n", count, took);
  return 0;
}

// ---- connect ----

struct Device {
  std::string id;
  std::shared_ptr<X509> certificate;
  Key key;
  SSL* ssl = nullptr;
  int fd = -1;
  bool sent = false;
  bool in = false;
  double waited = 0;
};

std::string connect_packet(const std::string& id) {
  std::string body("\0\4MQTT\4\2\0\0", 10);  // MQTT 3.1.1, clean session, no keep-alive
  body += static_cast<char>(id.size() >> 8);
  body += static_cast<char>(id.size() & 255);
  body += id;
  return std::string("\x10", 1) + static_cast<char>(body.size()) + body;
}

class Storm {
 public:
  Storm(int count, const std::string& dir, int port) : port_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
    for (int n = 0; n < count; ++n) {
      Device device;
      device.id = "dev-" + std::to_string(n);
      std::FILE* file = std::fopen((dir + "/" + device.id + ".pem").c_str(), "r");
      if (file == nullptr) give_up("no certificate of " + device.id);
      device.certificate.reset(PEM_read_X509(file, nullptr, nullptr, nullptr), X509_free);
      std::fclose(file);
      file = std::fopen((dir + "/" + device.id + ".key").c_str(), "r");
      device.key.reset(PEM_read_PrivateKey(file, nullptr, nullptr, nullptr), EVP_PKEY_free);
      std::fclose(file);
      devices_.push_back(std::move(device));
    }
  }

  // All at once; until all are in. Those that are refused or cut off try again after a second.
  void run() {
    epoll_ = ::epoll_create1(0);
    begun_ = Time::now();
    retries = 0;
    for (std::size_t i = 0; i < devices_.size(); ++i) open(i);
    std::size_t in = 0;
    std::vector<epoll_event> events(1024);
    while (in < devices_.size()) {
      while (!again_.empty() && again_.front().first <= Time::now()) {
        const auto who = again_.front().second;
        again_.pop();
        open(who);
      }
      const int got = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < got; ++i) in += step(events[static_cast<std::size_t>(i)].data.u64) ? 1 : 0;
      if (seconds_since(begun_) > 300) give_up("only " + std::to_string(in) + " were in after 300 s");
    }
    seconds = seconds_since(begun_);
    waits.clear();
    for (const auto& each : devices_) waits.push_back(each.waited);
    std::ranges::sort(waits);
  }

  void drop_all() {
    for (auto& each : devices_) close(each);
    ::close(epoll_);
  }

  double seconds = 0;
  int retries = 0;
  std::vector<double> waits;

 private:
  void open(std::size_t i) {
    auto& device = devices_[i];
    device.fd = dial(port_, false);
    if (device.fd < 0) return retry(i);
    device.ssl = SSL_new(context_);
    SSL_use_certificate(device.ssl, device.certificate.get());
    SSL_use_PrivateKey(device.ssl, device.key.get());
    SSL_set_fd(device.ssl, device.fd);
    SSL_set_connect_state(device.ssl);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = i}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, device.fd, &event);
  }
  static void close(Device& device) {
    if (device.ssl != nullptr) SSL_free(device.ssl);
    if (device.fd >= 0) ::close(device.fd);
    device.ssl = nullptr;
    device.fd = -1;
    device.sent = device.in = false;
  }
  void retry(std::size_t i) {
    ++retries;
    close(devices_[i]);
    again_.emplace(Time::now() + std::chrono::seconds{1}, i);
  }
  // True: it is in now.
  bool step(std::size_t i) {
    auto& device = devices_[i];
    if (device.ssl == nullptr) return false;
    const auto wants_more = [&](int got) {
      const int error = SSL_get_error(device.ssl, got);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    };
    if (!device.sent) {
      if (const int got = SSL_do_handshake(device.ssl); got != 1) {
        if (!wants_more(got)) retry(i);
        return false;
      }
      const auto packet = connect_packet(device.id);
      SSL_write(device.ssl, packet.data(), static_cast<int>(packet.size()));
      device.sent = true;
    }
    char buffer[256];
    const int got = SSL_read(device.ssl, buffer, sizeof buffer);
    if (got <= 0) {
      if (!wants_more(got)) {
        const bool was_in = device.in;
        retry(i);
        if (was_in) give_up("one that was in was cut off");
      }
      return false;
    }
    if (device.in) return false;
    if (got < 4 || buffer[0] != 0x20 || buffer[3] != 0) give_up("CONNECT was refused");
    device.in = true;
    device.waited = seconds_since(begun_);
    return true;
  }

  int port_;
  SSL_CTX* context_;
  int epoll_ = -1;
  Time::time_point begun_;
  std::vector<Device> devices_;
  std::queue<std::pair<Time::time_point, std::size_t>> again_;
};

double memory_kib(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("RssAnon:")) return std::atof(line.c_str() + 8);
  }
  return 0;
}

double cpu_s(const std::string& pid) {
  auto text = read_file("/proc/" + pid + "/stat");
  std::istringstream in(text.substr(text.rfind(')') + 2));
  std::vector<std::string> fields{std::istream_iterator<std::string>(in), {}};
  return (std::atof(fields[11].c_str()) + std::atof(fields[12].c_str())) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

int do_connect(int count, const std::string& dir, int port, const std::string& pid) {
  Storm storm(count, dir, port);
  const auto before = memory_kib(pid);
  for (const char* round : {"first", "again"}) {
    const auto cpu = cpu_s(pid);
    storm.run();
    const auto at = [&](double q) { return storm.waits[static_cast<std::size_t>(q * (count - 1))]; };
    std::fprintf(stderr, "%s: %d in %.2f s\n", round, count, storm.seconds);
    if (std::string(round) == "again") {
      std::printf(
          "{\"devices\":%d,\"seconds\":%.3f,\"wait_p50\":%.3f,\"wait_p99\":%.3f,\"wait_max\":%.3f,\"retries\":%d,"
          "\"cpu_us_each\":%.1f,\"kib_each\":%.2f}\n",
          count, storm.seconds, at(0.5), at(0.99), at(1), storm.retries, (cpu_s(pid) - cpu) / count * 1e6,
          (memory_kib(pid) - before) / count);
    }
    storm.drop_all();
    std::this_thread::sleep_for(std::chrono::seconds{2});  // the server notices
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that closed is an error of the write
  const std::vector<std::string> a(argv + 1, argv + argc);
  if (a.size() == 6 && a[0] == "register") return do_register(std::stoi(a[1]), a[2], std::stoi(a[3]), argv[5], argv[6]);
  if (a.size() == 5 && a[0] == "connect") return do_connect(std::stoi(a[1]), a[2], std::stoi(a[3]), a[4]);
  give_up("usage: register COUNT DIR PORT OPERATOR.pem OPERATOR.key, or connect COUNT DIR PORT PID");
}
