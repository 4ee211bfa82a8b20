// The client, over Beast.
#include "cli/http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "edge/security.hpp"

namespace skerry::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;

constexpr auto patience = std::chrono::seconds{60};
constexpr std::uint64_t answer_bytes_max = 256 * MiB;

constexpr std::size_t token_bytes_max = 4 * KiB;

struct Place {
  std::string host;
  std::string port;
  std::string token;  // that goes along; empty: none
};

std::string token_of(const ApiOptions& options) {
  if (const char* token = std::getenv("SKERRY_TOKEN"); token != nullptr && *token != 0) return token;
  if (!options.url.empty()) return {};  // a gateway elsewhere knows nothing of this folder
  const auto bytes = read_file(system_files(), edge::command_token_path(options.data_dir), token_bytes_max);
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

Result<Place> place_of(const ApiOptions& options) {
  if (!options.url.empty()) {
    std::string_view rest = options.url;
    if (!rest.starts_with("http://")) return fail(Code::invalid, "expected http://host:port", "--url " + options.url);
    rest.remove_prefix(7);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos || rest.ends_with(']'))
      return Place{std::string(rest), "80", token_of(options)};
    return Place{std::string(rest.substr(0, colon)), std::string(rest.substr(colon + 1)), token_of(options)};
  }
  const auto path = join_path(options.data_dir, "ports.json");
  const auto bytes = read_file(system_files(), path, 64 * KiB);
  if (!bytes)
    return fail(Code::not_found, "no gateway runs on this folder (there is no " + path + ")", options.data_dir);
  const auto ports = nlohmann::json::parse(as_text(*bytes), nullptr, false);
  if (!ports.is_object() || !ports.contains("http") || !ports["http"].is_number_unsigned())
    return fail(Code::damaged, "does not name the HTTP port", path);
  return Place{"127.0.0.1", std::to_string(ports["http"].get<unsigned>()), token_of(options)};
}

class BeastClient final : public HttpClient {
 public:
  explicit BeastClient(Place place) : place_(std::move(place)), stream_(io_) {}

  Result<> open() {
    const auto where = place_.host + ":" + place_.port;
    boost::system::error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto found = resolver.resolve(place_.host, place_.port, error);
    if (error) return fail(Code::io, "cannot be found: " + error.message(), where);
    run([&](auto done) { stream_.async_connect(found, [done](auto e, const auto&) { done(e); }); }, error);
    if (error) return fail(Code::io, "nobody answers: " + error.message(), where);
    return {};
  }

  Result<Answer> ask(std::string_view method, const std::string& target, const std::string& text) override {
    beast::http::request<beast::http::string_body> request;
    request.method_string({method.data(), method.size()});
    request.target(target);
    request.version(11);
    request.set(beast::http::field::host, place_.host + ":" + place_.port);
    if (!place_.token.empty()) request.set(beast::http::field::authorization, "Bearer " + place_.token);
    if (!text.empty()) request.set(beast::http::field::content_type, "application/json");
    request.body() = text;
    request.prepare_payload();
    boost::system::error_code error;
    run([&](auto done) { beast::http::async_write(stream_, request, [done](auto e, std::size_t) { done(e); }); },
        error);
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(answer_bytes_max);
    if (!error)
      run(
          [&](auto done) {
            beast::http::async_read(stream_, buffer_, parser, [done](auto e, std::size_t) { done(e); });
          },
          error);
    if (error) return fail(Code::io, "the connection broke: " + error.message(), place_.host + ":" + place_.port);
    return Answer{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
  }

 private:
  // One step, within `patience`.
  template <typename Start>
  void run(Start start, boost::system::error_code& error) {
    stream_.expires_after(patience);
    start([&error](boost::system::error_code e) { error = e; });
    io_.restart();
    io_.run();
  }

  Place place_;
  asio::io_context io_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> HttpClient::connect(const ApiOptions& options) {
  auto client = std::make_unique<BeastClient>(TRY(place_of(options)));
  TRY(client->open());
  return client;
}

Result<std::string> HttpClient::body(std::string_view method, const std::string& target, const std::string& text) {
  auto answer = TRY(ask(method, target, text));
  if (answer.status / 100 == 2) return std::move(answer.body);
  const auto problem = nlohmann::json::parse(answer.body, nullptr, false);
  const auto detail = problem.is_object() ? problem.value("detail", std::string()) : std::string();
  return fail(answer.status == 404 ? Code::not_found : Code::invalid,
              detail.empty() ? "the gateway answered " + std::to_string(answer.status) : detail);
}

std::string encoded(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string to;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      to += c;
    } else {
      to += '%';
      to += digits[byte >> 4];
      to += digits[byte & 15];
    }
  }
  return to;
}

}  // namespace skerry::cli
