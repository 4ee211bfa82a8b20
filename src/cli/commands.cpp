// The command line: what there is, what each takes, and its help.
#include <CLI/CLI.hpp>

#include "cli/cli.hpp"
#include "cli/identity.hpp"

namespace skerry::cli {
namespace {

void add_start(CLI::App& app, StartOptions& o, const std::string& data_dir) {
  o.data_dir = data_dir;
  app.add_option("--config", o.config_file, "YAML file with settings")->check(CLI::ExistingFile);
  app.add_option("--data", o.data_dir, "folder that holds everything this gateway knows")->capture_default_str();
  app.add_option("--set", o.sets, "key=value, before file and environment; see `skerry config show`")
      ->allow_extra_args(false);
}

// For commands that ask a running gateway.
void add_api(CLI::App& app, ApiOptions& o) {
  o.data_dir = "/var/lib/skerry";
  app.add_option("--data", o.data_dir, "data folder of the gateway that is asked")->capture_default_str();
  app.add_option("--url", o.url, "or where it is: http://host:port; $SKERRY_TOKEN goes along where it is set");
}

// What a command's callback needs to outlive the parsing.
struct All {
  UpOptions up;
  std::string clock = "now";
  StartOptions edge;
  StartOptions cloud;
  VerifyOptions verify;
  SyncOptions sync;
  StartOptions demo_gateway;
  std::string demo_name;
  int control = -1;
  DemoDataOptions demo_data;
  StartOptions config;
  ReloadOptions reload;
  BackupOptions backup;
  RestoreOptions restore;
  DeviceOptions device;
  ExportOptions exporting;
  LogOptions log;
  PipelineOptions pipeline;
  CodecOptions codec;
  int exit_code = 0;
};

void add_up(CLI::App& app, All& all) {
  auto* command = app.add_subcommand("up", "a gateway with demo devices, kept alive: look at the page it prints");
  add_start(*command, all.up, "skerry-data");
  command
      ->add_option("--demo", all.up.demo,
                   "plant, factory, crossing or farm (simulated), motes (recorded), a CSV file "
                   "(device,time_ms,<fields>; .gz too) to replay, or none")
      ->capture_default_str();
  command->add_option("--speed", all.up.speed, "how many times faster than real time; each demo has its usual one")
      ->check(CLI::Range(0.001, 1e6));
  command->add_option("--seed", all.up.seed, "of a simulated demo: the same seed gives the same readings and faults")
      ->capture_default_str();
  command->add_option("--clock", all.clock, "now: readings are stamped as if they happened now; original: as recorded")
      ->check(CLI::IsMember({"now", "original"}))
      ->capture_default_str();
  command->add_flag("--lan", all.up.lan,
                    "let the network in, by TLS: makes an account and a device, and prints what to paste");
  command->add_flag("--once", all.up.once, "play a recording once instead of in a loop");
  command->callback([&all] {
    all.up.original_clock = all.clock == "original";
    all.exit_code = up(all.up);
  });
}

void add_edge(CLI::App& app, All& all) {
  auto* command = app.add_subcommand("edge", "a gateway");
  add_start(*command, all.edge, "/var/lib/skerry");
  command->callback([&all] { all.exit_code = edge(all.edge); });
}

void add_cloud(CLI::App& app, All& all) {
  auto* command = app.add_subcommand("cloud", "the cloud side: takes what gateways send, and answers for the fleet");
  all.cloud.data_dir = "/var/lib/skerry-cloud";
  command->add_option("--config", all.cloud.config_file, "YAML file with settings")->check(CLI::ExistingFile);
  command->add_option("--data", all.cloud.data_dir, "folder that holds everything the cloud side knows")
      ->capture_default_str();
  command->add_option("--set", all.cloud.sets, "key=value, before file and environment")->allow_extra_args(false);
  command->callback([&all] { all.exit_code = cloud(all.cloud); });
  auto* verify_both = app.add_subcommand("verify", "compares a gateway with its cloud: nothing missing, nothing twice");
  verify_both->add_option("--edge", all.verify.edge, "the gateway's data folder, or http://host:port")->required();
  verify_both->add_option("--cloud", all.verify.cloud, "the cloud side's data folder, or http://host:port")->required();
  verify_both->add_option("--gateway", all.verify.gateway, "its id, where the data folder does not say");
  verify_both->add_flag("--json", all.verify.json, "for machines");
  verify_both->callback([&all] { all.exit_code = verify(all.verify); });
  auto* sync = app.add_subcommand("sync", "how a gateway's records come to its cloud");
  sync->require_subcommand(1);
  auto* epoch = sync->add_subcommand(
      "new-epoch",
      "for a gateway that its cloud refuses as restored, diverged or fenced: sends under a new name what is not "
      "acknowledged; the gateway must not run");
  epoch->add_option("--data", all.sync.data_dir, "the gateway's data folder")
      ->required()
      ->check(CLI::ExistingDirectory);
  epoch->callback([&all] { all.exit_code = sync_new_epoch(all.sync); });
}

// Not for people: `up` starts it, so that it can be killed without the devices.
void add_demo_gateway(CLI::App& app, All& all) {
  auto* command = app.add_subcommand("demo-gateway")->group("");
  add_start(*command, all.demo_gateway, "skerry-data");
  command->add_option("--demo", all.demo_name)->required();
  command->add_option("--control", all.control)->required();
  command->callback([&all] { all.exit_code = demo_gateway(all.demo_gateway, all.demo_name, all.control); });
}

void add_demo_data(CLI::App& app, All& all) {
  auto* command = app.add_subcommand(
      "demo-data", "what a simulated demo's devices say, with the faults put in, as NDJSON for `pipeline run --in`");
  command->add_option("DEMO", all.demo_data.demo, "plant, factory, crossing or farm")->required();
  command->add_option("--seed", all.demo_data.seed, "the same seed gives the same readings")->capture_default_str();
  command->add_option("--hours", all.demo_data.hours, "of the site's own time")
      ->check(CLI::Range(0.01, 1e5))
      ->capture_default_str();
  command->add_option("--speed", all.demo_data.speed, "stamps are this much closer; 1: the site's own time")
      ->check(CLI::Range(0.001, 1e6));
  command->callback([&all] { all.exit_code = demo_data(all.demo_data); });
}

void add_config(CLI::App& app, All& all) {
  auto* config = app.add_subcommand("config", "look at settings");
  config->require_subcommand(1);
  auto* check = config->add_subcommand("check", "says everything that is wrong in a settings file, with its line");
  check->add_option("FILE", all.config.config_file, "YAML file")->required();
  check->add_option("--set", all.config.sets, "key=value")->allow_extra_args(false);
  check->callback([&all] { all.exit_code = config_check(all.config); });
  config->add_subcommand("default", "prints a settings file with every key, its default, unit, range and meaning")
      ->callback([&all] { all.exit_code = config_default(); });
  auto* show =
      config->add_subcommand("show", "every key, its value, where it came from, and whether a change needs a restart");
  show->add_option("--config", all.config.config_file, "YAML file")->check(CLI::ExistingFile);
  show->add_option("--set", all.config.sets, "key=value")->allow_extra_args(false);
  show->add_flag("--json", all.config.json, "for machines");
  show->callback([&all] { all.exit_code = config_show(all.config); });
}

void add_reload(CLI::App& app, All& all) {
  auto* command = app.add_subcommand("reload", "a running gateway reads its settings and pipelines again");
  add_api(*command, all.reload);
  command->add_flag("--json", all.reload.json, "for machines");
  command->callback([&all] { all.exit_code = reload(all.reload); });
}

void add_backup(CLI::App& app, All& all) {
  auto* save = app.add_subcommand("backup", "writes the data folder of a gateway, running or not, into one file");
  save->add_option("FILE", all.backup.file, "a .tar.zst, or - for standard output")->required();
  add_api(*save, all.backup);
  save->callback([&all] { all.exit_code = backup(all.backup); });
  auto* back = app.add_subcommand("restore", "makes a data folder out of a backup");
  back->add_option("FILE", all.restore.file, "what backup wrote, or - for standard input")->required();
  back->add_option("--data", all.restore.data_dir, "folder to make: new, or empty");
  back->add_flag("--check", all.restore.check, "only read the backup and say whether it is whole");
  back->callback([&all] { all.exit_code = restore(all.restore); });
}

void add_device(CLI::App& app, All& all) {
  auto* device = app.add_subcommand("device", "devices of a running gateway");
  device->require_subcommand(1);
  const auto add = [&all, device](const char* name, const char* help, int (*function)(const DeviceOptions&)) {
    auto* command = device->add_subcommand(name, help);
    add_api(*command, all.device);
    command->add_flag("--json", all.device.json, "for machines");
    command->callback([&all, function] { all.exit_code = function(all.device); });
    return command;
  };
  add("list", "every device, its readings and when it was last heard of", device_list);
  add("show", "what is known of one", device_show)->add_option("ID", all.device.device, "its id")->required();
  add("forget", "hides a device and all it sent, for good; says what remains in files until it is trimmed",
      device_forget)
      ->add_option("ID", all.device.device, "its id")
      ->required();
}

void add_export(CLI::App& app, All& all) {
  auto* command = app.add_subcommand("export", "readings on standard output, of a running gateway or a data folder");
  add_api(*command, all.exporting);
  auto* csv = command->add_flag("--csv", all.exporting.csv, "comma-separated values with a header (the default)");
  command->add_flag("--ndjson", all.exporting.ndjson, "a JSON object a line, payloads as they were sent")
      ->excludes(csv);
  command->add_option("--device", all.exporting.devices, "only this device; may be repeated")->allow_extra_args(false);
  command->add_option("--field", all.exporting.fields, "only this field; may be repeated")->allow_extra_args(false);
  command->add_option("--from", all.exporting.from, "from this time on, RFC 3339");
  command->add_option("--to", all.exporting.to, "up to this time, which is not included (default: now)");
  command->callback([&all] { all.exit_code = export_readings(all.exporting); });
}

void add_log(CLI::App& app, All& all) {
  auto* log = app.add_subcommand("log", "look into a durable log, also of a running gateway");
  log->require_subcommand(1);
  const auto add = [&all, log](const char* name, const char* help, int (*function)(const LogOptions&)) {
    auto* command = log->add_subcommand(name, help);
    command->add_option("DIR", all.log.dir, "the log's folder, or the data folder around it")
        ->required()
        ->check(CLI::ExistingDirectory);
    command->callback([&all, function] { all.exit_code = function(all.log); });
    return command;
  };
  add("verify", "reads everything: checksums, order, density; exit 1 when something is wrong", log_verify)
      ->add_flag("--json", all.log.json, "for machines");
  add("inspect", "segments, blocks, ends and sizes", log_inspect);
  auto* dump = add("dump", "records as NDJSON", log_dump);
  dump->add_option("--from", all.log.from, "first position");
  dump->add_option("--limit", all.log.limit, "at most so many records");
  dump->add_option("--class", all.log.only_class, "critical, high, medium or low only")
      ->check(CLI::IsMember({"critical", "high", "medium", "low"}));
}

void add_pipeline(CLI::App& app, All& all) {
  auto* pipeline = app.add_subcommand("pipeline", "SQL over files, and tests of SQL");
  pipeline->require_subcommand(1);
  auto* run_sql = pipeline->add_subcommand("run", "runs a pipeline over files; rows come out as NDJSON");
  run_sql->add_option("FILE", all.pipeline.file, "the SQL")->required()->check(CLI::ExistingFile);
  run_sql->add_option("--in", all.pipeline.inputs, "[TABLE=]FILE: CSV with a header or NDJSON, .gz too")
      ->required()
      ->allow_extra_args(false);
  run_sql->add_option("--out", all.pipeline.output, "file to write to, or - for standard output")
      ->capture_default_str();
  run_sql->callback([&all] { all.exit_code = pipeline_run(all.pipeline); });
  auto* test_sql = pipeline->add_subcommand("test", "runs the *.sqltest files of a folder");
  test_sql->add_option("DIR", all.pipeline.file, "the folder")->required()->check(CLI::ExistingPath);
  test_sql->callback([&all] { all.exit_code = pipeline_test(all.pipeline); });
}

void add_codec(CLI::App& app, All& all) {
  auto* codec = app.add_subcommand("codec", "readings in few bytes, and back, bit for bit");
  codec->require_subcommand(1);
  const auto add = [&all, codec](const char* name, const char* help, const char* in, const char* out) {
    auto* command = codec->add_subcommand(name, help);
    command->add_option("--in", all.codec.input, in)->required();
    command->add_option("--out", all.codec.output, out)->required();
    command->add_flag("--json", all.codec.json, "print the figures for machines");
    return command;
  };
  auto* encode = add("encode", "CSV device,sensor,time_ms,value to coded batches; prints bytes/reading and readings/s",
                     "CSV, .gz too, or - for standard input", "file to write, or - for standard output");
  encode->add_option("--batch", all.codec.batch, "readings a batch")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
      ->capture_default_str();
  encode->callback([&all] { all.exit_code = codec_encode(all.codec); });
  auto* decode = add("decode", "coded batches to CSV", "what encode wrote, or - for standard input",
                     "CSV to write, or - for standard output");
  decode->callback([&all] { all.exit_code = codec_decode(all.codec); });
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{"Skerry: a gateway that acknowledges only what is on disk, decides on the spot, and explains itself."};
  app.require_subcommand(1);
  app.set_version_flag("--version", "skerry " SKERRY_VERSION);
  app.footer("Settings can also be given as environment variables: mqtt.port is SKERRY_MQTT__PORT.");
  All all;
  add_up(app, all);
  add_edge(app, all);
  add_cloud(app, all);
  add_demo_gateway(app, all);
  add_demo_data(app, all);
  add_config(app, all);
  add_reload(app, all);
  add_backup(app, all);
  add_device(app, all);
  add_export(app, all);
  add_log(app, all);
  add_pipeline(app, all);
  add_codec(app, all);
  add_identity(app, all.exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return all.exit_code;
}

}  // namespace skerry::cli
