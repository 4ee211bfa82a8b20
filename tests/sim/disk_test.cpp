// The simulated disk keeps what was synced, may lose the rest, and does the same for the same seed.
#include "sim/disk.hpp"

#include <gtest/gtest.h>

namespace skerry::sim {
namespace {

std::string text_of(Disk& disk, std::string_view path) {
  const auto bytes = read_file(disk, path);
  return bytes ? std::string(as_text(*bytes)) : "none: " + std::string(name(bytes.error().code));
}

void write(Disk& disk, std::string_view path, std::string_view text, bool sync) {
  auto file = disk.open(path, Files::Mode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write(0, as_bytes(text)));
  if (!sync) return;
  ASSERT_TRUE((*file)->sync());
}

TEST(SimDisk, KeepsWhatWasSyncedUnderANameThatWasSynced) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk(seed);
    ASSERT_TRUE(disk.make_dirs("d"));
    write(disk, "d/a", "kept", true);
    ASSERT_TRUE(disk.sync_dir("d"));
    disk.cut_now();
    EXPECT_FALSE(disk.open("d/a", Files::Mode::read));
    disk.power_on();
    EXPECT_EQ(text_of(disk, "d/a"), "kept");
  }
}

TEST(SimDisk, LosesSomeOfTheRest) {
  int names_lost = 0;
  int bytes_lost = 0;
  int renames_lost = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Disk disk(seed);
    ASSERT_TRUE(disk.make_dirs("d"));
    write(disk, "d/unsynced", std::string(2000, 'x'), false);
    write(disk, "d/old", "old", true);
    ASSERT_TRUE(disk.sync_dir("d"));
    write(disk, "d/new", "new", true);
    ASSERT_TRUE(disk.rename("d/old", "d/renamed"));
    disk.cut_now();
    disk.power_on();
    names_lost += text_of(disk, "d/new") == "new" ? 0 : 1;
    bytes_lost += text_of(disk, "d/unsynced") == std::string(2000, 'x') ? 0 : 1;
    const bool renamed = text_of(disk, "d/renamed") == "old";
    renames_lost += renamed ? 0 : 1;
    EXPECT_NE(renamed, text_of(disk, "d/old") == "old");  // one or the other
  }
  for (const int lost : {names_lost, bytes_lost, renames_lost}) {
    EXPECT_GT(lost, 10);
  }
  for (const int lost : {names_lost, renames_lost}) {
    EXPECT_LT(lost, 90);
  }
}

TEST(SimDisk, AFailedSyncIsNotMadeGoodByTheNext) {
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk(seed);
    write(disk, "a", std::string(512, 'o'), true);
    ASSERT_TRUE(disk.sync_dir("."));
    auto file = *disk.open("a", Files::Mode::write);
    ASSERT_TRUE(file->write(0, as_bytes(std::string(512, 'n'))));
    disk.fail(Disk::Op::sync, Code::io);
    EXPECT_FALSE(file->sync());
    EXPECT_TRUE(file->sync());
    EXPECT_EQ(text_of(disk, "a").front(), 'n');  // it still reads as written
    disk.cut_now();
    disk.power_on();
    lost += text_of(disk, "a").front() == 'o' ? 1 : 0;
  }
  EXPECT_GT(lost, 10);
}

TEST(SimDisk, AKilledProcessLosesItsHandlesAndNothingElse) {
  Disk disk(1);
  auto lock = disk.lock("LOCK");
  ASSERT_TRUE(lock);
  EXPECT_EQ(disk.lock("LOCK").error().code, Code::busy);
  write(disk, "a", "text", false);
  auto file = *disk.open("a", Files::Mode::write);
  disk.kill();
  EXPECT_FALSE(file->write(0, as_bytes("x")));
  EXPECT_EQ(text_of(disk, "a"), "text");
  EXPECT_TRUE(disk.lock("LOCK"));
}

TEST(SimDisk, IsFullWhenItIsFull) {
  Disk disk(1, {.capacity_bytes = 1000});
  auto file = *disk.open("a", Files::Mode::create);
  EXPECT_TRUE(file->write(0, Buffer(1000)));
  EXPECT_EQ(file->write(1000, Buffer(1)).error().code, Code::full);
  EXPECT_TRUE(file->write(0, Buffer(1000)));
  EXPECT_EQ(disk.space(".")->free_bytes, 0U);
}

TEST(SimDisk, TheSameSeedGivesTheSameBytes) {
  const auto run = [](std::uint64_t seed) {
    Disk disk(seed);
    for (int i = 0; i < 20; ++i)
      write(disk, "f" + std::to_string(i), std::string(3000, static_cast<char>('a' + i)), i % 2 == 0);
    disk.cut_after(0);
    EXPECT_FALSE(disk.sync_dir("."));
    disk.power_on();
    return disk.snapshot();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace skerry::sim
