// The command line: what there is, what each takes, and its help.
#include <CLI/CLI.hpp>

#include "cli/cli.hpp"

namespace skerry::cli {
namespace {

void add_start(CLI::App& app, StartOptions& o, const std::string& data_dir) {
  o.data_dir = data_dir;
  app.add_option("--config", o.config_file, "YAML file with settings")->check(CLI::ExistingFile);
  app.add_option("--data", o.data_dir, "folder that holds everything this gateway knows")->capture_default_str();
  app.add_option("--set", o.sets, "key=value, before file and environment; see `skerry config show`")->allow_extra_args(false);
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{"Skerry: a gateway that acknowledges only what is on disk, decides on the spot, and explains itself."};
  app.require_subcommand(1);
  app.set_version_flag("--version", "skerry " SKERRY_VERSION);
  app.footer("Settings can also be given as environment variables: mqtt.port is SKERRY_MQTT__PORT.");
  int exit_code = 0;

  UpOptions up_options;
  auto* up_command = app.add_subcommand("up", "a gateway with demo devices, in one process: look at the page it prints");
  add_start(*up_command, up_options, "skerry-data");
  up_command->add_option("--demo", up_options.demo, "motes, none, or a CSV file (device,time_ms,<fields>; .gz too) to replay")->capture_default_str();
  up_command->add_option("--speed", up_options.speed, "how many times faster than recorded")->check(CLI::Range(0.001, 1e6))->capture_default_str();
  std::string clock = "now";
  up_command->add_option("--clock", clock, "now: readings are stamped as if they happened now; original: as recorded")->check(CLI::IsMember({"now", "original"}))->capture_default_str();
  up_command->add_flag("--once", up_options.once, "play the demo once instead of in a loop");
  up_command->callback([&] {
    up_options.original_clock = clock == "original";
    exit_code = up(up_options);
  });

  StartOptions edge_options;
  auto* edge_command = app.add_subcommand("edge", "a gateway");
  add_start(*edge_command, edge_options, "/var/lib/skerry");
  edge_command->callback([&] { exit_code = edge(edge_options); });

  StartOptions config_options;
  auto* config_command = app.add_subcommand("config", "look at settings");
  config_command->require_subcommand(1);
  auto* check = config_command->add_subcommand("check", "says what is wrong in a settings file");
  check->add_option("FILE", config_options.config_file, "YAML file")->required();
  check->add_option("--set", config_options.sets, "key=value")->allow_extra_args(false);
  check->callback([&] { exit_code = config_check(config_options); });
  auto* show = config_command->add_subcommand("show", "every key, its value, and where it came from");
  show->add_option("--config", config_options.config_file, "YAML file")->check(CLI::ExistingFile);
  show->add_option("--set", config_options.sets, "key=value")->allow_extra_args(false);
  show->add_flag("--json", config_options.json, "for machines");
  show->callback([&] { exit_code = config_show(config_options); });

  LogOptions log_options;
  auto* log_command = app.add_subcommand("log", "look into a durable log, also of a running gateway");
  log_command->require_subcommand(1);
  const auto add_log = [&](const char* name, const char* help, int (*function)(const LogOptions&)) {
    auto* command = log_command->add_subcommand(name, help);
    command->add_option("DIR", log_options.dir, "the log's folder, or the data folder around it")->required()->check(CLI::ExistingDirectory);
    command->callback([&exit_code, &log_options, function] { exit_code = function(log_options); });
    return command;
  };
  add_log("verify", "reads everything: checksums, order, density; exit 1 when something is wrong", log_verify)
      ->add_flag("--json", log_options.json, "for machines");
  add_log("inspect", "segments, blocks, ends and sizes", log_inspect);
  auto* dump = add_log("dump", "records as NDJSON", log_dump);
  dump->add_option("--from", log_options.from, "first position");
  dump->add_option("--limit", log_options.limit, "at most so many records");
  dump->add_option("--class", log_options.only_class, "critical, high, medium or low only")->check(CLI::IsMember({"critical", "high", "medium", "low"}));

  PipelineOptions pipeline_options;
  auto* pipeline = app.add_subcommand("pipeline", "SQL over files, and tests of SQL");
  pipeline->require_subcommand(1);
  auto* run_sql = pipeline->add_subcommand("run", "runs a pipeline over files; rows come out as NDJSON");
  run_sql->add_option("FILE", pipeline_options.file, "the SQL")->required()->check(CLI::ExistingFile);
  run_sql->add_option("--in", pipeline_options.inputs, "[TABLE=]FILE: CSV with a header or NDJSON, .gz too")->required()->allow_extra_args(false);
  run_sql->add_option("--out", pipeline_options.output, "file to write to, or - for standard output")->capture_default_str();
  run_sql->callback([&] { exit_code = pipeline_run(pipeline_options); });
  auto* test_sql = pipeline->add_subcommand("test", "runs the *.sqltest files of a folder");
  test_sql->add_option("DIR", pipeline_options.file, "the folder")->required()->check(CLI::ExistingPath);
  test_sql->callback([&] { exit_code = pipeline_test(pipeline_options); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace skerry::cli
