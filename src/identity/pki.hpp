// The site's PKI in DATA/pki: the root, the issuer below it, the server's certificate, the revocation list.
//
// `ca.pem` holds the root first and the issuer after it; keys are files that only their owner reads. Where the root's
// key is not there (kept elsewhere) the issuer goes on; where no key is there nothing is issued and what is known is
// still checked. One thread at a time; folder_lock is taken while files are made.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/chance.hpp"
#include "base/files.hpp"
#include "identity/certificate.hpp"

namespace skerry::identity {

struct PkiOptions {
  bool flat = false;  // pki.issuer: root. Else a P-256 issuer below the root
  std::string ca_subject = "O=Edge IoT CA, C=US, L=San Francisco";
  std::string device_subject = "O=Edge IoT Device, C=US, L=Edge";
  std::string name_suffix = "edge.local";
  std::vector<std::string> server_names;  // besides localhost, 127.0.0.1 and ::1; addresses or names
  std::string server_crl_url;             // that the server's certificate names; empty: none
  std::chrono::seconds device_valid{365L * 86400};
  unsigned root_rsa_bits = 4096;  // tests make smaller ones
};

struct ServerFiles {
  std::string chain_pem;
  std::string key_pem;
};

class Pki {
 public:
  // Makes what is missing. The server's certificate is made anew at two thirds of its life, or when names changed.
  static Result<Pki> open(Files& files, std::string_view dir, const PkiOptions& options, Wall now, Chance& chance);

  struct Order {
    std::string id;  // the common name
    Role role = Role::device;
    Key key;
    Wall not_before{};
    Wall not_after{};  // never later than the issuer's
  };
  Result<Certificate> issue(const Order& order);
  // Signs and stores DATA/pki/crl.pem: the issuer's list, then the root's (empty).
  Result<> write_crl(const std::vector<Revocation>& revoked, Wall now, std::chrono::seconds valid);
  Result<ServerFiles> server(Wall now);  // made anew when it is time

  const Certificate& root() const { return root_; }
  const Certificate& signer() const { return flat() ? root_ : issuers_.front(); }
  const Key& signing_key() const { return flat() ? root_key_ : issuer_key_; }
  bool flat() const { return options_.flat || issuers_.empty(); }
  std::vector<Certificate> authorities() const;  // root, then issuers
  std::string ca_pem() const;
  std::string chain_pem(const Certificate& leaf) const;  // the leaf, then its issuer where that is not the root
  const std::string& dir() const { return dir_; }
  const PkiOptions& options() const { return options_; }

 private:
  Pki(Files& files, std::string dir, PkiOptions options, Chance& chance)
      : files_(&files), dir_(std::move(dir)), options_(std::move(options)), chance_(&chance) {}
  Result<> load_or_make_root(Wall now);
  Result<> load_or_make_issuer(Wall now);
  Result<Key> load_key(const char* file) const;  // an empty one when there is no such file
  Result<> make_server(Wall now);
  bool server_is_fresh(const Certificate& certificate, Wall now) const;
  std::pair<std::vector<std::string>, std::vector<std::string>> server_names() const;  // names, addresses
  std::string path(std::string_view file) const;

  Files* files_;
  std::string dir_;
  PkiOptions options_;
  Chance* chance_;
  Certificate root_;
  Key root_key_;
  std::vector<Certificate> issuers_;
  Key issuer_key_;
};

}  // namespace skerry::identity
