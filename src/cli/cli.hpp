// The commands of `skerry`. Exit codes: 0 ok, 1 failed, 2 wrong use.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/result.hpp"
#include "cli/http_client.hpp"
#include "edge/gateway.hpp"

namespace skerry::cli {

int run(int argc, char** argv);

// What every command that starts a gateway takes.
struct StartOptions {
  std::string config_file;
  std::string data_dir;
  std::vector<std::string> sets;
  bool json = false;
};

struct UpOptions : StartOptions {
  std::string demo = "motes";  // a demo's name, a CSV file, or none
  double speed = 0;            // 0: the demo's usual one
  bool original_clock = false;
  bool once = false;
  std::uint64_t seed = 1;
  bool lan = false;
  // What the welcome adds, with the ports of the doors with TLS; none without --lan.
  std::function<std::string(std::uint16_t mqtts, std::uint16_t https)> lan_text{};
};

int up(const UpOptions& options);
// The gateway of a demo, which its supervisor starts; `control` is the number of an open socket.
int demo_gateway(const StartOptions& options, const std::string& demo, int control);
int edge(const StartOptions& options);
int cloud(const StartOptions& options);

struct VerifyOptions {
  std::string edge;     // data folder or http://host:port
  std::string cloud;    // likewise
  std::string gateway;  // empty: what the data folder says, or the only one
  bool json = false;
};
int verify(const VerifyOptions& options);

struct SyncOptions {
  std::string data_dir;
};
int sync_new_epoch(const SyncOptions& options);

struct DemoDataOptions {
  std::string demo;
  std::uint64_t seed = 1;
  double hours = 24;
  double speed = 0;  // 0: the demo's usual one
};
int demo_data(const DemoDataOptions& options);
int config_check(const StartOptions& options);
int config_default();
int config_show(const StartOptions& options);

struct ReloadOptions : ApiOptions {
  bool json = false;
};
int reload(const ReloadOptions& options);

struct BackupOptions : ApiOptions {
  std::string file;  // -: standard output
};
int backup(const BackupOptions& options);
struct RestoreOptions {
  std::string file;  // -: standard input
  std::string data_dir;
  bool check = false;
};
int restore(const RestoreOptions& options);

struct DeviceOptions : ApiOptions {
  std::string device;
  bool json = false;
};
int device_list(const DeviceOptions& options);
int device_show(const DeviceOptions& options);
int device_forget(const DeviceOptions& options);

struct ExportOptions : ApiOptions {
  std::vector<std::string> devices;  // none: all
  std::vector<std::string> fields;   // none: all
  std::string from;                  // RFC 3339, inclusive; empty: from the oldest
  std::string to;                    // exclusive; empty: now
  bool csv = false;                  // what it does without --ndjson, too
  bool ndjson = false;
};
int export_readings(const ExportOptions& options);

struct LogOptions {
  std::string dir;
  std::uint64_t from = 0;
  std::uint64_t limit = 0;  // 0: no limit
  std::string only_class;
  bool json = false;
};
int log_verify(const LogOptions& options);
int log_inspect(const LogOptions& options);
int log_dump(const LogOptions& options);

struct PipelineOptions {
  std::string file;
  std::vector<std::string> inputs;
  std::string output = "-";
  bool json = false;
};
int pipeline_run(const PipelineOptions& options);
int pipeline_test(const PipelineOptions& options);

struct CodecOptions {
  std::string input;
  std::string output;
  std::size_t batch = 1000;  // readings
  bool json = false;
};
int codec_encode(const CodecOptions& options);
int codec_decode(const CodecOptions& options);

// Says it on standard error, as `skerry: where: what`; the exit code of a failure.
int failed(const Error& error);
Result<config::Config> load_config(const StartOptions& options);
Result<std::unique_ptr<edge::Gateway>> start_gateway(const StartOptions& options, const api::Demo& demo = {},
                                                     Files* files = nullptr,
                                                     std::function<std::unique_ptr<Loop>(Loop&)> network = {});

// What `up` prints when the gateway is ready.
struct Welcome {
  std::string gateway_id;
  std::uint16_t mqtt = 0;
  std::uint16_t http = 0;
  std::uint16_t cloud_http = 0;  // 0: none beside it
  std::string demo;              // empty: none
  std::uint16_t mqtts = 0;
  std::uint16_t https = 0;
};
void print_welcome(const Welcome& welcome, const UpOptions& options);

}  // namespace skerry::cli
