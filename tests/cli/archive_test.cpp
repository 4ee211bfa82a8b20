// The backup's file: what goes in comes out; whatever is cut, changed or forged is refused.
#include "cli/archive.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

namespace skerry::cli {
namespace {

namespace fs = std::filesystem;

class ArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("skerry-archive-" + std::to_string(::getpid()));
    fs::create_directories(folder / "log");
    put("gateway-id", "skerry-abc\n");
    put(long_name, std::string(70'000, 'x') + "end");
    put("empty", "");
    fs::permissions(folder / "gateway-id", fs::perms::owner_read | fs::perms::owner_write);
  }
  void TearDown() override { fs::remove_all(folder); }
  void put(const std::string& name, const std::string& text) { std::ofstream(folder / name) << text; }

  std::string pack() {
    std::FILE* to = std::tmpfile();
    auto writer = ArchiveWriter::create(to);
    EXPECT_TRUE(writer);
    for (const auto& name : {std::string("empty"), std::string("gateway-id"), long_name})
      EXPECT_TRUE((*writer)->add(name, (folder / name).string()));
    EXPECT_TRUE((*writer)->finish({.version = "1", .gateway_id = "g", .made_at = "now", .position = 7}));
    std::rewind(to);
    std::string bytes;
    for (int c = std::fgetc(to); c != EOF; c = std::fgetc(to)) bytes += static_cast<char>(c);
    std::fclose(to);
    return bytes;
  }
  Result<Manifest> unpack(const std::string& bytes) {
    found.clear();
    std::FILE* from = std::tmpfile();
    std::fwrite(bytes.data(), 1, bytes.size(), from);
    std::rewind(from);
    auto manifest = read_archive(from, [this](const std::string& name, std::uint32_t mode, Bytes part) -> Result<> {
      auto& file = found[name];
      if (part.empty()) file.first = mode;
      file.second += as_text(part);
      return {};
    });
    std::fclose(from);
    return manifest;
  }
  static std::string zstd(const std::string& plain) {
    std::string packed(ZSTD_compressBound(plain.size()), 0);
    packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 1));
    return packed;
  }

  const std::string long_name = "log/" + std::string(99, 'n');  // longer than tar's field for a name
  fs::path folder;
  std::map<std::string, std::pair<std::uint32_t, std::string>> found;
};

TEST_F(ArchiveTest, GivesBackWhatWasPutIn) {
  const auto manifest = unpack(pack());
  ASSERT_TRUE(manifest) << manifest.error().text();
  EXPECT_EQ(manifest->position, 7);
  EXPECT_EQ(manifest->files.size(), 3U);
  EXPECT_EQ(manifest->bytes(), 70'003U + 11U);
  EXPECT_EQ(found["gateway-id"].second, "skerry-abc\n");
  EXPECT_EQ(found["gateway-id"].first, 0600U);
  EXPECT_EQ(found[long_name].second.size(), 70'003U);
  EXPECT_EQ(found["empty"].second, "");
  EXPECT_EQ(found.size(), 3U);
}

TEST_F(ArchiveTest, RefusesWhatIsCutOrChanged) {
  const auto whole = pack();
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_FALSE(unpack(whole.substr(0, bytes))) << "cut to " << bytes;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    const auto manifest = unpack(changed);
    // A bit of zstd's frame that means nothing may change; then everything must have come out as it was.
    if (manifest) EXPECT_EQ(found[long_name].second, std::string(70'000, 'x') + "end") << "byte " << at;
  }
  EXPECT_FALSE(unpack(whole + "x"));
  EXPECT_FALSE(unpack(whole + whole));
}

// A tar that somebody else made, well packed: no name may leave the folder, and nothing but the list ends it.
TEST_F(ArchiveTest, RefusesForgedNames) {
  const auto tar = [](const std::string& name, char type) {
    std::string header(512, 0);
    header.replace(0, name.size(), name);
    header.replace(100, 7, "0000640");
    header.replace(124, 11, "00000000000");
    header.replace(257, 8, std::string("ustar\00000", 8));
    header[156] = type;
    header.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    header.replace(148, 7, std::string(digits, 7));
    return header + std::string(1024, 0);
  };
  for (const char* name : {"../evil", "/etc/passwd", "a/../../evil", "a//b", "./a", "a/.", ""})
    EXPECT_FALSE(unpack(zstd(tar(name, '0')))) << name;
  EXPECT_FALSE(unpack(zstd(tar("link", '2'))));
  EXPECT_TRUE(found.empty()) << "nothing may be written before a name was looked at";
  EXPECT_EQ(unpack(zstd(tar("fine", '0'))).error().code, Code::damaged);
  EXPECT_TRUE(found.contains("fine"));
}

TEST_F(ArchiveTest, SurvivesAnyBytes) {
  std::minstd_rand draw(1);
  for (int i = 0; i < 300; ++i) {
    std::string bytes;
    for (auto left = draw() % 3000; left > 0; --left) bytes += static_cast<char>(draw() % 256);
    EXPECT_FALSE(unpack(bytes));
    EXPECT_FALSE(unpack(zstd(bytes)));
  }
}

}  // namespace
}  // namespace skerry::cli
