// EST's three paths: base64 of PKCS#10 in, base64 of PKCS#7 out, in one line (strongSwan takes no other).
#include "api/est.hpp"

#include "api/aside.hpp"
#include "api/https.hpp"
#include "identity/certificate.hpp"

namespace skerry::api {
namespace {

using http::Request;
using http::Responder;
using http::Response;
using identity::Answer;
using identity::Identity;
using identity::Kind;

Response pkcs7(const std::vector<identity::Certificate>& certificates) {
  const auto der = identity::certificates_pkcs7(certificates);
  if (!der) return http::problem(der.error());
  Response response;
  response.content_type = "application/pkcs7-mime; smime-type=certs-only";
  response.headers.push_back({"Content-Transfer-Encoding", "base64"});
  response.body = identity::base64(*der);
  return response;
}

// What clients send: base64 of DER in lines, PEM, or DER itself.
Answer<std::string> request_pem(std::string_view body) {
  if (body.starts_with("-----BEGIN")) return std::string(body);
  Buffer der;
  if (body.starts_with('\x30')) {
    append_bytes(der, as_bytes(body));
  } else if (auto decoded = identity::from_base64(body)) {
    der = std::move(*decoded);
  }
  if (der.empty()) return identity::refuse(Kind::invalid, "malformed", "the body is no PKCS#10 in base64");
  const auto text = identity::base64(der);
  std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
  for (std::size_t at = 0; at < text.size(); at += 64) pem += text.substr(at, 64) + "\n";
  return pem + "-----END CERTIFICATE REQUEST-----\n";
}

struct Login {
  std::string user;
  std::string password;
};

Login basic_login(const Request& q) {
  const auto header = q.header("authorization");
  if (!header.starts_with("Basic ")) return {};
  const auto decoded = identity::from_base64(header.substr(6));
  if (!decoded) return {};
  const std::string text(as_text(*decoded));
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Answer<Response> enrol(const Request& q, Identity& identity) {
  const identity::Origin from{q.peer->host, "https"};
  identity::Enrolment wanted;
  wanted.csr = TRY(request_pem(q.body));
  const auto request = identity::read_request_pem(wanted.csr);
  if (!request) return identity::refuse(Kind::invalid, "malformed", request.error().what);
  const auto login = basic_login(q);
  wanted.id = request->common_name.empty() ? login.user : request->common_name;
  if (!login.user.empty() && login.user != wanted.id)
    return identity::refuse(Kind::invalid, "name_mismatch", "the request's common name is not the user's");
  wanted.claim_code = login.password;
  std::optional<identity::Caller> by;
  if (!q.certificate.empty()) by = TRY(identity.by_certificate(q.certificate, from));
  const auto made = TRY(identity.enrol(wanted, by ? &*by : nullptr, from));
  return pkcs7({made.leaf});
}

Answer<Response> reenrol(const Request& q, Identity& identity) {
  const identity::Origin from{q.peer->host, "https"};
  if (q.certificate.empty())
    return identity::refuse(Kind::unauthenticated, "certificate_needed", "a client certificate is needed");
  const auto caller = TRY(identity.by_certificate(q.certificate, from, true));
  const auto request = TRY(request_pem(q.body));
  const auto made = TRY(identity.renew(caller, request, from));
  return pkcs7({made.leaf});
}

}  // namespace

void add_est(http::Server& server, Worker& worker, Identity& identity) {
  server.route("GET", "/.well-known/est/cacerts",
               [&identity](const Request&, Responder r) { r.respond(pkcs7(identity.authorities())); });
  const auto post = [&](std::string_view path, auto make) {
    server.route("POST", path, [&worker, &identity, make](const Request& q, Responder r) {
      answer_aside(worker, q, std::move(r), [&identity, make](const Request& kept) {
        auto made = make(kept, identity);
        if (made) return std::move(*made);
        auto response = problem(made.error());
        // RFC 7030 3.2.3: so that a client tries again with its name and code.
        for (auto& header : response.headers) {
          if (header.name == "WWW-Authenticate") header.value = "Basic realm=\"skerry\"";
        }
        return response;
      });
    });
  };
  post("/.well-known/est/simpleenroll", enrol);
  post(est_reenrol_path, reenrol);
}

}  // namespace skerry::api
