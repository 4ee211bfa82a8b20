// The board: what it counts in which second, outages with what was found after them, faults and the alerts that fit.
#include "demo/board.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "demo/full_disk.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"

namespace skerry::demo {
namespace {

using Json = nlohmann::json;

class BoardTest : public ::testing::Test {
 protected:
  BoardTest()
      : site_(make_site("plant", 1)),
        board_(
            *site_, [](std::int64_t ms) { return ms; }, world_, 1, 60) {}
  void pass(std::chrono::milliseconds span) { world_.run_for(span); }
  Json told() { return Json::parse(board_.json()); }

  sim::World world_{1};
  std::unique_ptr<Source> site_;
  Board board_;
};

TEST_F(BoardTest, CountsIntoTheSecondOfNow) {
  board_.gateway_up({1883, 8080, 17});
  board_.gateway_says({100, false});  // before the demo
  board_.sent();
  board_.sent();
  board_.acknowledged({0, 1});
  pass(std::chrono::milliseconds{2'500});
  board_.sent();
  board_.gateway_says({102, false});
  const auto json = told();
  EXPECT_EQ(json["timeline"]["sent"], Json({2, 0, 1}));
  EXPECT_EQ(json["timeline"]["acknowledged"], Json({1, 0, 0}));
  EXPECT_EQ(json["timeline"]["stored"], Json({0, 0, 2}));
  EXPECT_EQ(json["waiting"], 2);
  EXPECT_EQ(json["stored"], 2);
  EXPECT_EQ(json["gateway"]["pid"], 17);
}

TEST_F(BoardTest, AKillIsAnOutageUntilTheGatewayIsBackAndWhatIsMissingIsLost) {
  board_.gateway_up({});
  for (int i = 0; i < 5; ++i) board_.acknowledged({1, i});
  board_.gateway_down();
  board_.sent();
  EXPECT_FALSE(board_.wants_check());
  pass(std::chrono::milliseconds{700});
  board_.gateway_up({});
  EXPECT_TRUE(board_.wants_check());
  EXPECT_EQ(board_.newest().size(), 5U);
  board_.checked({.asked = 5, .found = 4, .twice = 1});
  EXPECT_FALSE(board_.wants_check());
  const auto json = told()["outages"];
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["kind"], "killed");
  EXPECT_NEAR(json[0]["seconds"].get<double>(), 0.7, 1e-6);
  EXPECT_EQ(json[0]["acknowledged_before"], 5);
  EXPECT_EQ(json[0]["sent_meanwhile"], 1);
  EXPECT_EQ(json[0]["found"], 4);
  EXPECT_EQ(json[0]["lost"], 1);
  EXPECT_EQ(json[0]["twice"], 1);
}

TEST_F(BoardTest, AnOutageThatBeginsBeforeTheLastOneWasCheckedLeavesNoneUnchecked) {
  board_.gateway_up({});
  board_.gateway_down();
  board_.gateway_up({});
  board_.gateway_says({0, true});
  EXPECT_TRUE(board_.wants_check());
  board_.checked({.asked = 3, .found = 3});
  board_.gateway_says({0, false});
  EXPECT_TRUE(board_.wants_check());
  board_.checked({.asked = 4, .found = 4});
  EXPECT_FALSE(board_.wants_check());
  const auto json = told()["outages"];
  EXPECT_EQ(json[0]["checked"], 3);
  EXPECT_EQ(json[1]["checked"], 4);
}

TEST_F(BoardTest, AFullDiskIsAnOutageFromWhatTheGatewaySays) {
  board_.gateway_up({});
  board_.gateway_says({0, true});
  pass(std::chrono::seconds{3});
  board_.gateway_says({0, true});
  EXPECT_EQ(told()["outages"][0]["to"], nullptr);
  EXPECT_EQ(told()["gateway"]["disk_full"], true);
  board_.gateway_says({0, false});
  EXPECT_EQ(told()["outages"][0]["kind"], "disk_full");
  EXPECT_NEAR(told()["outages"][0]["seconds"].get<double>(), 3, 1e-6);
  EXPECT_TRUE(board_.wants_check());
}

TEST_F(BoardTest, AnAlertOfItsKindFindsAFaultAndOthersAreCountedApart) {
  std::string fields;
  while (site_->faults().empty()) site_->next(fields);
  const auto fault = site_->faults().front();
  const auto& device = site_->devices()[fault.device];
  EXPECT_EQ(fault.kind, "overheating");
  board_.alert(device, "stuck_sensor", "x", fault.from_ms + 10);
  EXPECT_EQ(told()["faults"][0]["found"], nullptr);
  board_.alert(device, "anomaly_detection", "a1", fault.from_ms + 2'000);
  board_.alert(device, "high_temperature", "a2", fault.from_ms + 3'000);
  board_.command(fault.device, "throttle", fault.from_ms + 2'500);
  board_.alert(device, "anomaly_detection", "a0", fault.from_ms - 1);
  board_.alert("my-device", "high_temperature", "mine", fault.from_ms + 1);
  const auto json = told();
  EXPECT_EQ(json["faults"][0]["found"]["alert_id"], "a1");
  EXPECT_EQ(json["faults"][0]["found"]["after_s"], 2.0);
  EXPECT_EQ(json["faults"][0]["found"]["alerts"], 2);
  EXPECT_EQ(json["faults"][0]["command"], "throttle");
  EXPECT_EQ(json["alerts_without_fault"], 1);
}

TEST_F(BoardTest, TheTimelineHasAnEnd) {
  pass(std::chrono::seconds{1'000});
  board_.sent();
  EXPECT_LE(told()["timeline"]["sent"].size(), 180U);
}

TEST(FullDisk, TakesNoByteUntilItIsReleased) {
  sim::Disk below(1);
  FullDisk disk(below);
  ASSERT_TRUE(disk.make_dirs("d"));
  auto file = disk.open("d/f", Files::Mode::create);
  ASSERT_TRUE(file);
  const std::string_view text = "text";
  ASSERT_TRUE((*file)->write(0, as_bytes(text)));
  disk.fill(true);
  EXPECT_EQ((*file)->write(0, as_bytes(text)).error().code, Code::full);
  EXPECT_EQ(disk.open("d/g", Files::Mode::create).error().code, Code::full);
  EXPECT_EQ(disk.make_dirs("e").error().code, Code::full);
  EXPECT_EQ(disk.space("d")->free_bytes, 0U);
  std::array<std::byte, 4> read{};
  EXPECT_EQ((*file)->read(0, read).value(), 4U);
  EXPECT_TRUE((*file)->sync());
  disk.fill(false);
  EXPECT_TRUE((*file)->write(0, as_bytes(text)));
  // What wears the disk, and which folder it is, are the disk's below.
  EXPECT_GT(disk.bytes_to_disk(), 0U);
  EXPECT_EQ(disk.bytes_to_disk(), below.bytes_to_disk());
  EXPECT_EQ(disk.place("d").value(), below.place("d").value());
  EXPECT_NE(disk.place("d").value(), 0U);
}

TEST_F(BoardTest, ACutLinkIsAnOutageWhoseBacklogDrains) {
  const auto says = [this](bool cut, bool up, std::uint64_t live, std::uint64_t backlog, std::optional<double> delay) {
    board_.gateway_says({0, false, Report::Link{cut, up, live, backlog, delay}});
  };
  board_.gateway_up({});
  EXPECT_EQ(told()["link"], Json());
  says(false, true, 4, 0, 0.2);
  pass(std::chrono::seconds{1});
  says(true, false, 10, 0, {});
  board_.acknowledged({0, 1});
  pass(std::chrono::seconds{60});
  says(true, false, 2'410, 0, {});
  pass(std::chrono::milliseconds{100});
  says(false, false, 1'900, 0, {});  // some of it has gone already
  EXPECT_FALSE(board_.wants_check()) << "the gateway was never away";
  EXPECT_EQ(told()["outages"][0]["drain"]["records"], 2'410);
  EXPECT_EQ(told()["outages"][0]["drain"]["all_after_s"], Json());
  pass(std::chrono::milliseconds{500});
  says(false, true, 40, 1'500, 0.3);
  says(false, true, 40, 1'500, 0.1);
  pass(std::chrono::milliseconds{500});
  says(false, true, 40, 0, 0.2);
  says(false, true, 40, 0, 7.0);  // after it
  const auto json = told();
  const auto& outage = json["outages"][0];
  EXPECT_EQ(outage["kind"], "link_cut");
  EXPECT_EQ(outage["acknowledged_meanwhile"], 1);
  EXPECT_EQ(outage["drain"],
            Json({{"records", 2'410}, {"up_after_s", 0.75}, {"all_after_s", 1.25}, {"live_delay_s_max", 0.3}}));
  EXPECT_EQ(json["link"], Json({{"cut", false}, {"up", true}, {"live", 40}, {"backlog", 0}}));
  EXPECT_EQ(json["timeline"]["live_delay_s"][0], 0.2);
  EXPECT_EQ(json["timeline"]["live_delay_s"][1], Json());
  EXPECT_EQ(json["timeline"]["live"].back(), 40);
}

TEST_F(BoardTest, AKillWhileTheLinkIsCutEndsBoth) {
  board_.gateway_up({});
  board_.gateway_says({0, false, Report::Link{.cut = true}});
  board_.gateway_down();
  board_.gateway_up({});
  const auto json = told();
  ASSERT_EQ(json["outages"].size(), 2U);
  for (const auto& each : json["outages"]) EXPECT_FALSE(each["to"].is_null()) << each;
}

}  // namespace
}  // namespace skerry::demo
