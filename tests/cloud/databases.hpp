// A database for one test: a SQLite file, or, where SKERRY_POSTGRES names a server (postgresql://…), a schema there.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "cloud/database.hpp"

namespace skerry::cloud::test {

class TestDatabase {
 public:
  TestDatabase() {
    if (const char* const server = std::getenv("SKERRY_POSTGRES"); server != nullptr) {
      static std::atomic<int> made{0};
      schema_ = "t" + std::to_string(::getpid()) + "_" + std::to_string(++made);
      server_ = server;
      run("CREATE SCHEMA " + schema_);
      where = server_ + (server_.find('?') == std::string::npos ? "?" : "&") + "options=-csearch_path%3D" + schema_;
      return;
    }
    std::string name =
        std::filesystem::exists("/dev/shm") ? "/dev/shm/skerry-cloud-XXXXXX" : "/tmp/skerry-cloud-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    where = folder_ + "/cloud.db";
  }
  ~TestDatabase() {
    if (!schema_.empty()) run("DROP SCHEMA " + schema_ + " CASCADE");
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  bool on_server() const { return folder_.empty(); }
  std::string where;

 private:
  void run(const std::string& sql) {
    auto database = Database::open(server_, Database::Mode::create);
    ASSERT_TRUE(database) << database.error().text();
    const auto done = (*database)->run(sql.c_str());
    ASSERT_TRUE(done) << done.error().text();
  }
  std::string server_;
  std::string schema_;
  std::string folder_;
};

}  // namespace skerry::cloud::test
