// Requests and promises of answers, kept beyond their handler's call.
#include "api/aside.hpp"

#include <memory>

namespace skerry::api {
namespace {

class Kept {
 public:
  Kept(const http::Request& from, http::Responder answer)
      : responder(std::move(answer)),
        request(from),
        method_(from.method),
        target_(from.target),
        body_(from.body),
        headers_(from.headers.begin(), from.headers.end()),
        segments_(from.segments.begin(), from.segments.end()),
        peer_(*from.peer),
        certificate_(from.certificate.begin(), from.certificate.end()) {
    const std::string_view target = target_;
    const auto question = target.find('?');
    request.method = method_;
    request.target = target;
    request.path = target.substr(0, question);
    request.query = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
    request.body = body_;
    request.headers = headers_;
    request.segments = segments_;
    request.peer = &peer_;
    request.certificate = certificate_;
  }

  http::Responder responder;
  http::Request request;

 private:
  const std::string method_;
  const std::string target_;
  const std::string body_;
  const std::vector<http::Header> headers_;
  const std::vector<http::Header> segments_;
  const Address peer_;
  const Buffer certificate_;
};

}  // namespace

void answer_aside(Worker& worker, const http::Request& request, http::Responder responder,
                  std::function<http::Response(const http::Request&)> make) {
  const auto kept = std::make_shared<Kept>(request, std::move(responder));
  if (worker.run([kept, make = std::move(make)] { kept->responder.respond(make(kept->request)); })) return;
  auto busy = http::problem(503, "too many such requests wait");
  busy.headers.push_back({"Retry-After", "1"});
  kept->responder.respond(std::move(busy));
}

void answer_query(Worker& worker, Result<Query> query, http::Responder responder) {
  if (!query) return responder.respond(http::problem(query.error()));
  const auto kept = std::make_shared<http::Responder>(std::move(responder));
  const bool taken = worker.run([kept, make = std::move(*query)] {
    auto made = make();
    kept->respond(made ? std::move(*made) : http::problem(made.error()));
  });
  if (!taken) kept->respond(http::problem(503, "too many queries wait"));
}

}  // namespace skerry::api
