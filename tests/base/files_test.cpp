// POSIX files behind the seam: what is written is read, what fails says where, and a replaced file is whole.
#include "base/files.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace skerry {
namespace {

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "skerry-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string path(std::string_view name) const { return join_path(dir_, name); }
  std::string content(std::string_view name) {
    auto bytes = read_file(files_, path(name));
    return bytes ? std::string(as_text(*bytes)) : "<" + bytes.error().text() + ">";
  }

  Files& files_ = system_files();
  std::string dir_;
};

TEST_F(FilesTest, WritesAndReadsAtOffsets) {
  auto file = files_.open(path("a"), Files::Mode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write(0, as_bytes("hello")));
  ASSERT_TRUE((*file)->write(10, as_bytes("world")));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ((*file)->size(), 15U);
  std::byte into[32];
  auto got = (*file)->read(3, into);
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(Bytes(into).first(*got)), std::string_view("lo\0\0\0\0\0world", 12));
  EXPECT_EQ((*file)->read(15, into), 0U);
  ASSERT_TRUE((*file)->truncate(2));
  EXPECT_EQ((*file)->size(), 2U);
}

TEST_F(FilesTest, ModesDoWhatTheySay) {
  EXPECT_EQ(files_.open(path("none"), Files::Mode::read).error().code, Code::not_found);
  EXPECT_EQ(files_.open(path("none"), Files::Mode::write).error().code, Code::not_found);
  {
    auto file = files_.open(path("a"), Files::Mode::create);
    ASSERT_TRUE(file && (*file)->write(0, as_bytes("abc")));
  }
  {
    auto file = files_.open(path("a"), Files::Mode::write);
    ASSERT_TRUE(file && (*file)->write(1, as_bytes("X")));
  }
  EXPECT_EQ(content("a"), "aXc");
  {
    auto file = files_.open(path("a"), Files::Mode::read);
    ASSERT_TRUE(file);
    EXPECT_FALSE((*file)->write(0, as_bytes("no")));
  }
  {
    auto file = files_.open(path("a"), Files::Mode::create);
    ASSERT_TRUE(file);
  }
  EXPECT_EQ(content("a"), "");
}

TEST_F(FilesTest, ErrorsNameThePath) {
  const auto error = files_.open(path("x/y"), Files::Mode::create).error();
  EXPECT_EQ(error.code, Code::not_found);
  EXPECT_EQ(error.where, path("x/y"));
  EXPECT_NE(error.text().find("cannot open"), std::string::npos);
}

TEST_F(FilesTest, MakesFoldersWithParents) {
  ASSERT_TRUE(files_.make_dirs(path("a/b/c")));
  ASSERT_TRUE(files_.make_dirs(path("a/b/c")));
  ASSERT_TRUE(files_.make_dirs(path("a/b/d/")));
  std::ofstream(path("file")) << "x";
  EXPECT_EQ(files_.make_dirs(path("file")).error().code, Code::exists);
  EXPECT_FALSE(files_.make_dirs(path("file/below")));
  EXPECT_TRUE(std::filesystem::is_directory(path("a/b/d")));
}

TEST_F(FilesTest, ListsSortedWithoutTheDots) {
  ASSERT_TRUE(files_.make_dirs(path("b")));
  std::ofstream(path("c")) << "x";
  std::ofstream(path("a")) << "x";
  auto list = files_.list(dir_);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 3U);
  EXPECT_EQ((*list)[0].name, "a");
  EXPECT_FALSE((*list)[0].is_dir);
  EXPECT_EQ((*list)[1].name, "b");
  EXPECT_TRUE((*list)[1].is_dir);
  EXPECT_EQ(files_.list(path("none")).error().code, Code::not_found);
}

TEST_F(FilesTest, ExistsRemoveRename) {
  std::ofstream(path("a")) << "old";
  std::ofstream(path("b")) << "new";
  EXPECT_EQ(files_.exists(path("a")), true);
  EXPECT_EQ(files_.exists(path("none")), false);
  EXPECT_EQ(files_.exists(path("a/under-a-file")), false);
  ASSERT_TRUE(files_.rename(path("b"), path("a")));
  EXPECT_EQ(content("a"), "new");
  EXPECT_EQ(files_.exists(path("b")), false);
  ASSERT_TRUE(files_.remove(path("a")));
  EXPECT_EQ(files_.remove(path("a")).error().code, Code::not_found);
}

TEST_F(FilesTest, ReplaceLeavesTheOldOrTheNewAndNothingBeside) {
  ASSERT_TRUE(replace_file(files_, path("state"), as_bytes("one")));
  ASSERT_TRUE(replace_file(files_, path("state"), as_bytes("two")));
  EXPECT_EQ(content("state"), "two");
  EXPECT_EQ(files_.list(dir_)->size(), 1U);
  std::ofstream(path("state.new")) << "left by a crash, and longer than what comes";
  ASSERT_TRUE(replace_file(files_, path("state"), as_bytes("three")));
  EXPECT_EQ(content("state"), "three");
}

TEST_F(FilesTest, ReadFileHasALimit) {
  std::ofstream(path("a")) << "12345";
  EXPECT_EQ(as_text(*read_file(files_, path("a"), 5)), "12345");
  EXPECT_EQ(read_file(files_, path("a"), 4).error().code, Code::full);
  EXPECT_EQ(read_file(files_, path("none")).error().code, Code::not_found);
  EXPECT_FALSE(read_file(files_, dir_));
}

TEST_F(FilesTest, ALockIsHeldUntilItsObjectGoes) {
  auto held = files_.lock(path("lock"));
  ASSERT_TRUE(held);
  const auto again = files_.lock(path("lock"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::busy);
  held->reset();
  EXPECT_TRUE(files_.lock(path("lock")));
}

TEST_F(FilesTest, SpaceIsKnown) {
  const auto space = files_.space(dir_);
  ASSERT_TRUE(space);
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->free_bytes, space->total_bytes);
  EXPECT_FALSE(files_.space(path("none")));
}

TEST_F(FilesTest, AFullDiskSaysFull) {
  auto file = files_.open("/dev/full", Files::Mode::write);
  if (!file) GTEST_SKIP() << "no /dev/full here";
  const auto written = (*file)->write(0, as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::full);
}

TEST(Paths, JoinAndParent) {
  EXPECT_EQ(join_path("a", "b"), "a/b");
  EXPECT_EQ(join_path("a/", "b"), "a/b");
  EXPECT_EQ(join_path("", "b"), "b");
  EXPECT_EQ(parent_path("a/b"), "a");
  EXPECT_EQ(parent_path("b"), ".");
  EXPECT_EQ(parent_path("/b"), "/");
  EXPECT_EQ(parent_path("/a/b"), "/a");
}

}  // namespace
}  // namespace skerry
